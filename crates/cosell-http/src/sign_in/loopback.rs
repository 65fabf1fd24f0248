//! The loopback address that a browser is sent back to.

use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    task::Poll,
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{BrowserSignIn, SignedIn};
use crate::{Sleep, TokenError};

/// Longest head of a request that is read, in bytes: a code is a few kilobytes.
const LONGEST_HEAD: usize = 32 * 1024;

/// Connections that are heard at a time. Browsers open some ahead and leave them idle.
const MOST: usize = 32;

/// How long one connection may take for its request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on this machine for the browser that comes back from the sign-in page. Runs in a
/// tokio runtime.
///
/// Only requests that carry the state of the awaited sign-in count; others are told so and the
/// wait goes on. The page shown at the end holds no script and nothing of the request.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    redirect: String,
    origin: Url,
}

impl Loopback {
    /// Listens for `redirect`, an address registered at the app: `http://localhost` (any free
    /// port is taken, which the sign-in service accepts for desktop apps), or with port and
    /// path, such as `http://localhost:8400/callback`, where it compares letter by letter.
    ///
    /// # Errors
    /// When `redirect` is no http address of this machine, or its port cannot be had.
    pub async fn bind(redirect: &str) -> io::Result<Self> {
        let wrong = |fault: &str| {
            let text = format!("redirect address: {fault}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        let rest = redirect
            .strip_prefix("http://")
            .ok_or_else(|| wrong("give one that starts with http://localhost"))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (
                host,
                port.parse().map_err(|_| wrong("the port is no number"))?,
            ),
            None => (authority, 0),
        };
        if !["localhost", "127.0.0.1"].contains(&host) {
            return Err(wrong(
                "only localhost and 127.0.0.1 lead back to this program",
            ));
        }
        if path.contains(['?', '#']) {
            return Err(wrong("leave query and fragment out"));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let origin = Url::parse(&format!("http://{host}:{port}/"))
            .map_err(|fault| wrong(&fault.to_string()))?;
        Ok(Self {
            listener,
            redirect: format!("http://{host}:{port}{path}"),
            origin,
        })
    }

    /// The redirect address with its port, to start the sign-in with.
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Waits for the browser, at most `longest`, and redeems the code it brings.
    ///
    /// Cancel safety: may be dropped; the sign-in is then to be started over.
    ///
    /// # Errors
    /// [`TokenError`], also when nobody came back in time.
    pub async fn finish(
        self,
        sign_in: BrowserSignIn,
        longest: Duration,
        clock: &dyn Sleep,
    ) -> Result<SignedIn, TokenError> {
        let waited = {
            let answer = std::pin::pin!(self.answer(&sign_in, clock));
            let end = clock.sleep(longest);
            match select(answer, end).await {
                Either::Left((came_back, _)) => Some(came_back),
                Either::Right(_) => None,
            }
        };
        let came_back = waited.ok_or_else(|| {
            TokenError::Unreachable(
                "nobody came back from the sign-in page in time; start the sign-in over".into(),
            )
        })?;
        sign_in.finish(&came_back).await
    }

    async fn answer(&self, sign_in: &BrowserSignIn, clock: &dyn Sleep) -> Url {
        let mut visits = FuturesUnordered::new();
        loop {
            let event = poll_fn(|context| {
                if let Poll::Ready(Some(visit)) = visits.poll_next_unpin(context) {
                    return Poll::Ready(Event::Visited(visit));
                }
                if visits.len() < MOST {
                    return self.listener.poll_accept(context).map(Event::Came);
                }
                Poll::Pending
            });
            match event.await {
                Event::Came(Ok((stream, _))) => visits.push(self.hear(stream, sign_in, clock)),
                // The caller left, or descriptors ran out: neither ends the wait.
                Event::Came(Err(_)) => clock.sleep(Duration::from_millis(50)).await,
                Event::Visited(Some(came_back)) => return came_back,
                Event::Visited(None) => {}
            }
        }
    }

    /// One connection: `Some` if it brought the awaited answer.
    async fn hear(
        &self,
        mut stream: TcpStream,
        sign_in: &BrowserSignIn,
        clock: &dyn Sleep,
    ) -> Option<Url> {
        let target = {
            let head = std::pin::pin!(read_target(&mut stream));
            match select(head, clock.sleep(PATIENCE)).await {
                Either::Left((target, _)) => target?,
                Either::Right(_) => return None,
            }
        };
        let came_back = self
            .origin
            .join(&target)
            .ok()
            .filter(|url| url.origin() == self.origin.origin());
        let awaited = came_back.filter(|url| sign_in.is_answer(url));
        let (status, text) = match &awaited {
            Some(_) => (
                "200 OK",
                "The sign-in page has answered. Close this window and go back to the program.",
            ),
            None => (
                "404 Not Found",
                "This is not the answer that is waited for.",
            ),
        };
        // The browser may have gone; the answer counts all the same.
        let _ = stream.write_all(page(status, text).as_bytes()).await;
        let _ = stream.shutdown().await;
        awaited
    }
}

enum Event {
    Came(io::Result<(TcpStream, SocketAddr)>),
    Visited(Option<Url>),
}

/// The target of a GET request; `None` for anything else.
async fn read_target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = stream.read(&mut buffer).await.ok()?;
        head.extend_from_slice(buffer.get(..read)?);
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
        if read == 0 || head.len() > LONGEST_HEAD {
            return None;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    (method == "GET" && target.starts_with('/')).then(|| target.to_owned())
}

fn page(status: &str, text: &str) -> String {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign-in</title>\
         <p>{text}</p></html>"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

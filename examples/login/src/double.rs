//! `--sandbox`: the sign-in service as a double in this process, and the person in front of it.

use std::sync::Arc;

use bytes::Bytes;
use cosell_http::Transport;
use cosell_sandbox::{Clock, InProcess, Options, PUBLIC_CLIENT_ID, SandboxHandle, TENANT};
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

use crate::Failure;

#[derive(Clone, Debug)]
pub(crate) struct Double {
    pub(crate) sandbox: SandboxHandle,
    pub(crate) network: Arc<InProcess>,
}

impl Double {
    pub(crate) fn new() -> Self {
        let options = Options::default().with_clock(Clock::manual(chrono::Utc::now()));
        let sandbox = SandboxHandle::new(options);
        Self {
            network: Arc::new(InProcess::new(sandbox.clone())),
            sandbox,
        }
    }

    pub(crate) fn tenant() -> String {
        TENANT.to_string()
    }

    pub(crate) fn client_id() -> String {
        PUBLIC_CLIENT_ID.to_owned()
    }

    /// Signs in on the page at `address`, and goes where the page sends the browser.
    pub(crate) async fn visit(&self, address: Url) -> Result<(), Failure> {
        let page = Request::get(address.as_str()).body(Bytes::new())?;
        let answer = self.network.send(page).await?;
        let target = answer
            .headers()
            .get("location")
            .ok_or("the sign-in page sends the browser nowhere")?;
        let target = Url::parse(target.to_str()?)?;
        let port = target.port().ok_or("the redirect has no port")?;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let head = format!(
            "GET {}?{} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
            target.path(),
            target.query().unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}

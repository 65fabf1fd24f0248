//! Just enough of an HTTP client: it shows a closed connection as what it is.

use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Options, REFRESH_TOKEN, SandboxHandle, TENANT,
    server::{Endpoints, Running, ServeOptions, serve},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An answer that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// The connection closed before a single byte of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

pub(crate) async fn send(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, Closed> {
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    if stream.read_to_end(&mut bytes).await.is_err() || bytes.is_empty() {
        return Err(Closed);
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

pub(crate) async fn start() -> Running {
    start_with(Options::default()).await
}

pub(crate) async fn start_with(options: Options) -> Running {
    serve(SandboxHandle::new(options), ServeOptions::default())
        .await
        .unwrap()
}

pub(crate) fn refresh_form() -> String {
    format!(
        "grant_type=refresh_token&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}\
         &refresh_token={REFRESH_TOKEN}\
         &scope=https%3A%2F%2Fapi.partner.microsoft.com%2F.default%20offline_access"
    )
}

pub(crate) fn secret_form(resource: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}\
         &scope={resource}/.default"
    )
}

pub(crate) async fn token(at: &Endpoints, form: &str) -> Answer {
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(&at.sign_in, "POST", &path, &headers, form)
        .await
        .unwrap()
}

/// The `Authorization` header of the referrals user.
pub(crate) async fn referrals_bearer(at: &Endpoints) -> String {
    let answer = token(at, &refresh_form()).await.json();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

/// The `Authorization` header of the CRM application.
pub(crate) async fn crm_bearer(at: &Endpoints) -> String {
    let answer = token(at, &secret_form(&at.dataverse)).await.json();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

/// A control request: path below `/_sandbox/`.
pub(crate) async fn control(at: &Endpoints, method: &str, path: &str, body: &str) -> Answer {
    let base = at.control.strip_suffix("/_sandbox/").unwrap();
    let path = format!("/_sandbox/{path}");
    send(base, method, &path, &[], body).await.unwrap()
}

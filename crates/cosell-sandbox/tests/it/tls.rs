//! The front over TLS: trusted under its own authority, by nobody else.

use std::sync::Arc;

use cosell_sandbox::{
    Options, SandboxHandle, TENANT,
    server::{Running, ServeOptions, serve},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::client::{secret_form, start};

async fn secure() -> Running {
    let options = ServeOptions::default().with_tls(true);
    serve(SandboxHandle::new(Options::default()), options)
        .await
        .unwrap()
}

/// Sends one request under a name of the server; gives head and body.
async fn ask(base: &str, name: &str, authority: &str, request: String) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = base.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(host).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn post(host: &str, path: &str, form: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
}

#[tokio::test]
async fn every_service_answers_under_the_generated_authority() {
    let running = secure().await;
    let at = running.endpoints();
    let authority = running.authority().unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let form = secret_form(&at.dataverse);
        let host = at.sign_in.strip_prefix("https://").unwrap();
        let request = post(host, &format!("/{TENANT}/oauth2/v2.0/token"), &form);
        let answer = ask(&at.sign_in, name, authority, request).await.unwrap();
        let token = answer.split("\"access_token\":\"").nth(1).unwrap();
        let token = token.split('"').next().unwrap();
        let host = at.dataverse.strip_prefix("https://").unwrap();
        let request = format!(
            "GET /api/data/v9.2/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        let answer = ask(&at.dataverse, name, authority, request).await.unwrap();
        // Links lead back the same way.
        let context = format!(
            "\"@odata.context\":\"{}/api/data/v9.2/$metadata\"",
            at.dataverse
        );
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(&context),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn another_authority_and_another_name_are_not_trusted() {
    let (running, other) = (secure().await, secure().await);
    let at = &running.endpoints().control;
    let base = at.strip_suffix("/_sandbox/").unwrap();
    let request = || "GET /_sandbox/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned();
    assert!(
        ask(base, "localhost", running.authority().unwrap(), request())
            .await
            .is_ok()
    );
    assert!(
        ask(base, "localhost", other.authority().unwrap(), request())
            .await
            .is_err()
    );
    assert!(
        ask(base, "example.com", running.authority().unwrap(), request())
            .await
            .is_err()
    );
    assert_eq!(start().await.authority(), None);
}

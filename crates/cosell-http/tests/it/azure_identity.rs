//! Identities that Azure vouches for, by the official crate over a transport of ours.

use std::sync::Arc;

use cosell_http::{
    TokenError, TokenProvider,
    sign_in::{AzureOptions, AzureTokens, Cloud, Cure},
};
use http::Response;
use secrecy::ExposeSecret;

use crate::support::{Diary, Script};

const SCOPE: &str = "https://fabrikam-sales.crm4.dynamics.com/.default";

fn json(status: u16, body: &str) -> Result<Response<bytes::Bytes>, cosell_http::TransportError> {
    let answer = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(answer
        .body(bytes::Bytes::copy_from_slice(body.as_bytes()))
        .unwrap())
}

fn machine(token: &str) -> String {
    // As the machine's own service answers: every number as text.
    serde_json::json!({
        "access_token": token, "expires_in": "86399", "expires_on": "4102444800",
        "not_before": "1741000000", "resource": "https://fabrikam-sales.crm4.dynamics.com",
        "token_type": "Bearer"
    })
    .to_string()
}

fn script(
    answers: impl IntoIterator<Item = Result<Response<bytes::Bytes>, cosell_http::TransportError>>,
) -> Arc<Script> {
    Script::of(&Diary::default(), answers)
}

#[tokio::test]
async fn a_managed_identity_is_asked_for_where_the_machine_says() {
    let script = script([json(200, &machine("first")), json(200, &machine("second"))]);
    let options = AzureOptions::default()
        .with_client_id("0f3c0000-0000-4000-8000-000000000001")
        .with_transport(script.clone());
    let tokens = AzureTokens::managed_identity(SCOPE, options);
    let first = tokens.token(None).await.unwrap();
    assert_eq!(first.secret.expose_secret(), "first");
    assert_eq!(first.expires.to_rfc3339(), "2100-01-01T00:00:00+00:00");
    {
        let requests = script.requests.lock().unwrap();
        let uri = requests[0].uri();
        assert_eq!(uri.host(), Some("169.254.169.254"));
        assert_eq!(uri.path(), "/metadata/identity/oauth2/token");
        let query = uri.query().unwrap();
        for part in [
            "api-version=",
            "resource=https%3A%2F%2Ffabrikam-sales.crm4.dynamics.com",
            "client_id=0f3c0000-0000-4000-8000-000000000001",
        ] {
            assert!(query.contains(part), "{query}");
        }
    }
    assert_eq!(script.header(0, "metadata").as_deref(), Some("true"));
    // Kept until its end, but a token that was refused is never given again.
    tokens.token(None).await.unwrap();
    assert_eq!(script.sent(), 1);
    let second = tokens.token(Some(&first)).await.unwrap();
    assert_eq!(second.secret.expose_secret(), "second");
    assert!(!format!("{tokens:?} {second:?}").contains("second"));
}

#[tokio::test]
async fn a_service_that_insists_on_a_refused_token_is_told_apart() {
    let script = script([json(200, &machine("same")), json(200, &machine("same"))]);
    let options = AzureOptions::default().with_transport(script.clone());
    let tokens = AzureTokens::managed_identity(SCOPE, options);
    let first = tokens.token(None).await.unwrap();
    let error = tokens.token(Some(&first)).await.unwrap_err();
    assert!(matches!(error, TokenError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_machine_without_the_identity_says_so() {
    let refusal = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let script = script([json(400, refusal)]);
    let options = AzureOptions::default().with_transport(script.clone());
    let error = AzureTokens::managed_identity(SCOPE, options)
        .token(None)
        .await
        .unwrap_err();
    assert_eq!(error.cure(), Cure::Settings, "{error}");
    assert!(error.to_string().contains("assigned"), "{error}");
    assert_eq!(script.sent(), 1);
}

#[tokio::test]
async fn a_workload_signs_in_with_its_own_providers_word() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a.statement.of-the-cluster").unwrap();
    let given =
        r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"mine"}"#;
    let denied = r#"{"error":"invalid_client","error_description":"AADSTS700213: No matching federated identity record found. Trace ID: 1","error_codes":[700213]}"#;
    let script = script([json(200, given), json(401, denied)]);
    let options = AzureOptions::default()
        .with_cloud(Cloud::China)
        .with_tenant("11111111-2222-4333-8444-555555555555")
        .with_client_id("0f3c0000-0000-4000-8000-000000000001")
        .with_token_file(file.path())
        .with_transport(script.clone());
    let tokens = AzureTokens::workload_identity(SCOPE, options.clone());
    assert_eq!(
        tokens.token(None).await.unwrap().secret.expose_secret(),
        "mine"
    );
    {
        let requests = script.requests.lock().unwrap();
        assert_eq!(
            requests[0].uri().to_string(),
            "https://login.chinacloudapi.cn/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token"
        );
        let body = String::from_utf8_lossy(requests[0].body()).into_owned();
        assert!(
            body.contains("client_assertion=a.statement.of-the-cluster"),
            "{body}"
        );
        assert!(body.contains("scope=https%3A%2F%2Ffabrikam-sales.crm4.dynamics.com%2F.default"));
    }
    let tokens = AzureTokens::workload_identity(SCOPE, options);
    let error = tokens.token(None).await.unwrap_err();
    let TokenError::Refused { code, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(code.contains("AADSTS700213"), "{error}");
    assert!(!error.to_string().contains("Trace ID"), "{error}");
}

#[tokio::test]
async fn what_the_workload_lacks_is_named() {
    let options = AzureOptions::default().with_tenant("no/tenant");
    let error = AzureTokens::workload_identity(SCOPE, options)
        .token(None)
        .await
        .unwrap_err();
    assert_eq!(error.cure(), Cure::Settings, "{error}");
}

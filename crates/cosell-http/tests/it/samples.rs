//! The sample bodies of the documents about sign-in, as they stand there.

use std::sync::Arc;

use chrono::TimeDelta;
use cosell_http::{
    Sleep, TokenProvider,
    sign_in::{
        App, Cure, DeviceSignIn, MemoryRefreshToken, RefreshToken, RefreshTokenStore, TokenEndpoint,
    },
};
use secrecy::ExposeSecret;

use crate::support::{Clock, Diary, Script, json};

/// The answer of the older endpoint, its numbers as text.
const TOKEN: &str = r#"{
  "token_type": "Bearer",
  "scope": "user_impersonation",
  "expires_in": "3599",
  "ext_expires_in": "3599",
  "expires_on": "1773069950",
  "not_before": "1773066050",
  "resource": "https://api.partner.microsoft.com",
  "access_token": "eyJ…",
  "refresh_token": "0.AXo…",
  "id_token": "eyJ…"
}"#;

const DEVICE: &str = r#"{
  "device_code": "GAB…",
  "user_code": "D7KQ2M9XB",
  "verification_uri": "https://microsoft.com/devicelogin",
  "expires_in": 900,
  "interval": 5,
  "message": "To sign in, open https://microsoft.com/devicelogin and enter the code D7KQ2M9XB."
}"#;

const REFUSAL: &str = r#"{
  "error": "invalid_grant",
  "error_description": "AADSTS50076: … Trace ID: … Correlation ID: … Timestamp: …",
  "error_codes": [50076],
  "timestamp": "2026-03-09 14:22:31Z",
  "trace_id": "8f9a1b2c-…",
  "correlation_id": "2c7d…",
  "error_uri": "https://login.microsoftonline.com/error?code=50076",
  "suberror": "basic_action",
  "claims": "{\"access_token\":{}}"
}"#;

#[tokio::test]
async fn every_sample_of_the_token_endpoint_is_read() {
    let clock = Clock::flowing(&Diary::default());
    let script = Script::of(
        &Diary::default(),
        [
            json(200, DEVICE),
            json(200, TOKEN),
            json(200, TOKEN),
            json(400, REFUSAL),
        ],
    );
    let url = "https://login.microsoftonline.com/contoso/oauth2/token";
    let endpoint = TokenEndpoint::new(url.parse().unwrap(), script, clock.clone()).unwrap();
    let app = App::public(endpoint, "c");
    let scope = "https://api.partner.microsoft.com/.default offline_access";

    let device = DeviceSignIn::start(&app, scope).await.unwrap();
    assert_eq!(device.user_code(), "D7KQ2M9XB");
    assert_eq!(device.page(), "https://microsoft.com/devicelogin");
    assert!(device.message().starts_with("To sign in, open https://"));
    assert_eq!(device.expires() - clock.now(), TimeDelta::seconds(900));
    let signed_in = device.finish().await.unwrap();
    assert_eq!(signed_in.access.secret.expose_secret(), "eyJ…");

    let store = Arc::new(MemoryRefreshToken::new("none yet".into()));
    signed_in.keep(&store).await.unwrap();
    assert_eq!(store.load().await.unwrap().token.expose_secret(), "0.AXo…");
    let person = RefreshToken::of(app, scope, store);
    let token = person.token(None).await.unwrap();
    assert_eq!(token.expires - clock.now(), TimeDelta::seconds(3599));

    let refused = person.token(None).await.unwrap_err();
    assert_eq!(
        refused.code(),
        Some("invalid_grant AADSTS50076 basic_action")
    );
    assert_eq!(refused.cure(), Cure::SignIn);
    assert!(!refused.to_string().contains("Trace"), "{refused}");
}

//! Each refusal of the public record, once as the documents word it and once by the double.

use cosell_http::{
    TokenProvider,
    sign_in::{ClientCredentials, MemoryRefreshToken, RefreshToken, TokenEndpoint},
};
use cosell_sandbox::{REFERRALS_USER, REFRESH_TOKEN, SignInOptions};
use serde_json::json;

use crate::{
    support::{Clock, Diary, Script, json as answer},
    world::{REFERRALS, World},
};

/// The rows of the table: status, word, numbers.
const ROWS: &[(u16, &str, &[u32])] = &[
    (
        400,
        "invalid_grant",
        &[
            50034, 50053, 50055, 50144, 50057, 50072, 50074, 50076, 50079, 50105, 50126, 50173,
            54005, 65001, 70000, 70008, 700_082, 700_084, 70043, 501_481,
        ],
    ),
    (400, "login_required", &[50058]),
    (400, "interaction_required", &[50078, 16000]),
    (400, "invalid_request", &[50194, 50011, 90002]),
    (400, "access_denied", &[53003, 530_035, 65004]),
    (
        401,
        "invalid_client",
        &[70002, 7_000_215, 7_000_222, 7_000_218, 650_052],
    ),
    (400, "unauthorized_client", &[700_016]),
    (400, "invalid_scope", &[70011]),
    (400, "invalid_resource", &[500_011, 650_057]),
];

#[tokio::test]
async fn documented_refusals_and_the_double_agree_on_code_and_cure() {
    for (status, word, numbers) in ROWS {
        for number in *numbers {
            let body = json!({
                "error": word,
                "error_description": format!(
                    "AADSTS{number}: Some text. Trace ID: 8f9a1b2c Correlation ID: 2c7d"
                ),
                "error_codes": [number],
                "timestamp": "2026-03-09 14:22:31Z",
                "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
            });
            let script = Script::of(&Diary::default(), [answer(*status, body.to_string())]);
            let url = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";
            let endpoint = TokenEndpoint::new(url.parse().unwrap(), script, Clock::still());
            let canned = ClientCredentials::new(endpoint.unwrap(), "c", "s".into(), "scope");
            let canned = canned.token(None).await.unwrap_err();

            let mut options = SignInOptions::default();
            for user in &mut options.users {
                user.blocked = (user.upn == REFERRALS_USER).then_some(*number);
            }
            let world = World::new(options);
            let store = MemoryRefreshToken::new(REFRESH_TOKEN.into());
            let person = RefreshToken::of(world.confidential(), REFERRALS, store);
            let double = person.token(None).await.unwrap_err();

            let code = format!("{word} AADSTS{number}");
            assert_eq!(canned.code(), Some(code.as_str()));
            // The double adds the finer word, where there is one.
            assert!(double.code().unwrap().starts_with(&code), "{double}");
            assert_eq!(canned.cure(), double.cure(), "{number}");
        }
    }
}

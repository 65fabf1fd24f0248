//! What cannot work ends at once, with one line that says what, where and the cure.

use serde_json::json;

use crate::support::{act, double, run, text};

async fn refused(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(text(&output.stdout), "");
    assert!(told.starts_with("quickstart: "), "{told}");
    told
}

#[tokio::test]
async fn an_address_that_is_none_is_named_with_an_example() {
    for address in ["sandbox", "ftp://127.0.0.1/", "http://"] {
        let told = refused(&["--sandbox", address]).await;
        assert!(
            told.contains(&format!("--sandbox {address}: not a")),
            "{told}"
        );
        assert!(
            told.contains("such as http://127.0.0.1:7003/_sandbox/"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn an_address_where_no_double_is_says_how_to_start_one() {
    // A port that was free a moment ago, and the port of something else.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/_sandbox/", free.local_addr().unwrap());
    drop(free);
    let double = double().await;
    for address in [nobody.as_str(), &double.endpoints().dataverse] {
        let told = refused(&["--sandbox", address, "--sync-only"]).await;
        assert!(told.contains("no double there"), "{told}");
        assert!(told.contains("cargo run -p cosell-sandbox"), "{told}");
    }
}

// R11
#[tokio::test]
async fn a_missing_role_is_named_with_its_service() {
    let double = double().await;
    act(
        double.sandbox(),
        json!({ "do": "admin_roles", "user": "referrals@fabrikam.example", "roles": [] }),
    );
    let told = refused(&["--sandbox", &double.endpoints().control, "--sync-only"]).await;
    assert!(told.contains("Partner Center: "), "{told}");
    assert!(told.contains("Referrals Admin"), "{told}");
}

// R33
#[tokio::test]
async fn a_refused_sign_in_names_the_service_and_the_cure_before_anything_is_written() {
    let double = double().await;
    act(
        double.sandbox(),
        json!({ "do": "admin_revoke", "user": "referrals@fabrikam.example" }),
    );
    let told = refused(&["--sandbox", &double.endpoints().control, "--sync-only"]).await;
    assert!(told.contains("Partner Center: "), "{told}");
    assert!(told.contains("sign in again"), "{told}");
    assert!(!told.contains("sandbox-secret"), "{told}");
    assert!(!told.contains("sandbox-refresh-token"), "{told}");
    let counts = double.sandbox().counts();
    assert_eq!(
        (counts.partner_center.writes, counts.dataverse.writes),
        (0, 0)
    );
}

#[tokio::test]
async fn the_state_of_a_double_that_is_gone_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deals.db");
    std::fs::write(&state, "not ours").unwrap();
    let path = state.to_str().unwrap();
    let told = refused(&["--state", path]).await;
    assert!(told.contains(path) && told.contains("--sandbox"), "{told}");

    let double = double().await;
    let told = refused(&["--state", path, "--sandbox", &double.endpoints().control]).await;
    assert!(
        told.contains(path) && told.contains("another file"),
        "{told}"
    );
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "not ours");
}

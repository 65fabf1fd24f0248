//! The program as a person runs it, against its double.

use std::{
    path::Path,
    process::{Command, Output},
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn login(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_login"))
        .args(arguments)
        .arg("--store")
        .arg(store)
        .env("COSELL_TOKEN_KEY", KEY)
        .env_remove("COSELL_CLIENT_SECRET")
        .output()
        .unwrap()
}

#[test]
fn a_person_signs_in_once_and_both_services_open() {
    for way in [
        &["--sandbox"][..],
        &["--sandbox", "--device"],
        &["--sandbox", "--old-endpoint"],
        &["--sandbox", "--claims", r#"{"access_token":{}}"#],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("referrals.token");
        let output = login(&store, way);
        let told = String::from_utf8(output.stdout).unwrap();
        let failed = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{way:?}: {told}{failed}");
        assert!(
            told.contains("referrals@fabrikam.example with pwd, mfa"),
            "{told}"
        );
        for service in ["referrals", "webhooks"] {
            let line = told.lines().find(|line| line.starts_with(service)).unwrap();
            assert!(line.contains(" works;"), "{line}");
        }
        let kept = std::fs::read(&store).unwrap();
        assert!(kept.starts_with(b"cosell-refresh-token 1\n"));
        assert!(!told.contains("0.sbx."), "no token is shown: {told}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("referrals.token");
    let named = ["--tenant", "contoso.example", "--client-id", "c"];
    let output = login(&store, &[&named[..], &["--check"]].concat());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("sign in once to make it"), "{told}");

    let output = login(&store, &["--sandbox", "--claims", "no object"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && told.contains("--claims"),
        "{told}"
    );

    let output = Command::new(env!("CARGO_BIN_EXE_login"))
        .arg("--sandbox")
        .env_remove("COSELL_TOKEN_KEY")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--new-key"), "{told}");
    let key = Command::new(env!("CARGO_BIN_EXE_login"))
        .arg("--new-key")
        .output()
        .unwrap();
    assert_eq!(key.stdout.len(), 45);
}

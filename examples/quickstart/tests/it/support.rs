//! A double that is served from here, and the program beside it.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use cosell_sandbox::{
    Act, Options, SandboxHandle,
    server::{Running, ServeOptions, serve},
};
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// Far beyond what any run takes: a run that hangs shall fail.
const TOO_LONG: Duration = Duration::from_secs(120);

pub(crate) async fn double() -> Running {
    serve(
        SandboxHandle::new(Options::default()),
        ServeOptions::default(),
    )
    .await
    .unwrap()
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(arguments: &[&str]) -> Output {
    let output = program(arguments).output();
    timeout(TOO_LONG, output).await.unwrap().unwrap()
}

/// Starts the sync alone, with waits that fit a double.
pub(crate) fn sync(running: &Running, state: &Path) -> Child {
    program(&[
        "--sandbox",
        &running.endpoints().control,
        "--sync-only",
        "--state",
        state.to_str().unwrap(),
        "--send-window-ms",
        "400",
        "--lag-ms",
        "20",
    ])
    .spawn()
    .unwrap()
}

/// Waits for its end, which has to be a good one.
pub(crate) async fn finish(child: Child) {
    let output = timeout(TOO_LONG, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Lets somebody do something; the id of the record that it was about.
pub(crate) fn act(sandbox: &SandboxHandle, act: Value) -> String {
    let act: Act = serde_json::from_value(act).unwrap();
    sandbox.act(&act).unwrap().id.unwrap_or_default()
}

/// The CRM seller opens a deal for a new customer and marks it.
pub(crate) fn crm_opens(sandbox: &SandboxHandle, name: &str) -> String {
    let account = act(
        sandbox,
        json!({ "do": "crm_create", "table": "account", "row": {
            "name": "Northwind Traders", "address1_line1": "22 Quay Street",
            "address1_city": "Bristol", "address1_postalcode": "BS1 4DJ",
            "address1_country": "GB",
        }}),
    );
    act(
        sandbox,
        json!({ "do": "crm_create", "table": "opportunity", "row": {
            "name": name, "description": "Ten warehouses.",
            "estimatedvalue": 120000, "estimatedclosedate": "2027-03-31",
            "parentaccountid@odata.bind": format!("/accounts({account})"),
            "msft_microsoftpartnercenterreferralsync": true,
        }}),
    )
}

/// All rows of a table, as the API prints them.
pub(crate) fn rows(sandbox: &SandboxHandle, table: &str) -> Vec<Value> {
    let rows = sandbox.with(|sandbox| sandbox.rows(table)).unwrap();
    rows.iter()
        .map(|row| serde_json::from_str(row.get()).unwrap())
        .collect()
}

pub(crate) fn referrals(sandbox: &SandboxHandle) -> Vec<Value> {
    let referrals = sandbox.with(|sandbox| sandbox.referrals_json());
    referrals.as_array().unwrap().clone()
}

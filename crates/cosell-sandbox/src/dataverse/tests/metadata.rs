//! Definitions.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Options, Sandbox};

const COLUMNS: &str = "EntityDefinitions(LogicalName='opportunity')/Attributes";

#[test]
fn only_what_is_asked_for_is_shown() {
    let mut sandbox = Sandbox::new();
    let table = "EntityDefinitions(LogicalName='opportunity')";
    let answer = sandbox.get(&format!(
        "{table}?$select=EntitySetName&$expand=Attributes($select=LogicalName)"
    ));
    let value = answer.expect(200).json();
    assert_eq!(value["EntitySetName"], "opportunities");
    assert!(value.get("LogicalName").is_none() && value.get("Keys").is_none());
    let first = &value["Attributes"][0];
    assert_eq!(first["LogicalName"], "opportunityid");
    assert!(first.get("SchemaName").is_none());

    let cast = "Microsoft.Dynamics.CRM.PicklistAttributeMetadata";
    let plain = sandbox.get(&format!("{COLUMNS}/{cast}?$select=LogicalName"));
    assert!(
        plain.expect(200).json()["value"][0]
            .get("OptionSet")
            .is_none()
    );
    let one = sandbox.get(&format!(
        "{COLUMNS}(LogicalName='salesstage')/{cast}?$select=LogicalName&$expand=OptionSet"
    ));
    assert_eq!(
        one.expect(200).json()["OptionSet"]["Options"][3]["Value"],
        3
    );

    let tracked = "EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq true";
    let tracked = sandbox.get(&tracked.replace(' ', "%20")).expect(200).json();
    let names: Vec<_> = tracked["value"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 3);
    sandbox
        .get("EntityDefinitions(LogicalName='nothing')")
        .refused(404, "0x80060888");
}

#[test]
fn a_new_column_can_be_used_and_ends_all_delta_links() {
    let lag = Duration::from_secs(10);
    let mut sandbox = Sandbox::with(Options::default().with_metadata_lag(lag));
    let tracked = [("prefer", "odata.track-changes")];
    let first = sandbox.call("GET", "opportunities?$select=name", &tracked, "");
    let link = first.json()["@odata.deltaLink"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = r#"{"@odata.type":"Microsoft.Dynamics.CRM.BooleanAttributeMetadata",
        "SchemaName":"abc_Sync","DefaultValue":false}"#;
    sandbox.post(COLUMNS, body).expect(204);
    sandbox.post(COLUMNS, body).refused(400, "0x80047013");
    sandbox.get(&link).refused(400, "0x80044352");
    sandbox.made("opportunities", r#"{"name":"A","abc_sync":true}"#);

    // Other servers learn of it later, unless a read waits for them.
    let column = format!("{COLUMNS}(LogicalName='abc_sync')");
    sandbox.get(&column).expect(404);
    let strong = [("consistency", "Strong")];
    sandbox.call("GET", &column, &strong, "").expect(200);
    sandbox.pass(TimeDelta::seconds(10));
    sandbox.get(&column).expect(200);
}

#[test]
fn what_cannot_be_made_is_refused() {
    let mut sandbox = Sandbox::new();
    let text = r#"{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata","SchemaName":"NAME","MaxLength":LENGTH}"#;
    let with = |name: &str, length: &str| text.replace("NAME", name).replace("LENGTH", length);
    sandbox
        .post(COLUMNS, &with("Sync", "10"))
        .refused(400, "0x80044366");
    sandbox
        .post(COLUMNS, &with("abc_Sync", "4001"))
        .refused(400, "0x80040203");
    let solution = [("mscrm.solutionuniquename", "abc_none")];
    sandbox
        .call("POST", COLUMNS, &solution, &with("abc_Sync", "10"))
        .refused(400, "0x80040203");
    sandbox.post(COLUMNS, "{").refused(400, "0x80048d19");
    let shipped = format!("{COLUMNS}(LogicalName='name')");
    sandbox
        .call("DELETE", &shipped, &[], "")
        .refused(400, "0x8004f01f");
}

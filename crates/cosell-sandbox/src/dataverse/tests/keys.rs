//! Alternate keys.

use chrono::TimeDelta;

use super::{Options, Sandbox};
use crate::dataverse::Column;

const KEYS: &str = "EntityDefinitions(LogicalName='opportunity')/Keys";
const KEY: &str = r#"{"SchemaName":"abc_ReferralKey","KeyAttributes":["abc_referralid"],
    "DisplayName":{"LocalizedLabels":[{"Label":"Referral","LanguageCode":1033}]}}"#;

fn keyed() -> Sandbox {
    let referral = Column::text("abc_referralid", 100);
    let mut sandbox = Sandbox::with(Options::default().with_column("opportunity", referral));
    sandbox.post(KEYS, KEY).expect(204);
    sandbox
}

#[test]
fn a_key_is_usable_once_its_index_is_built() {
    let mut sandbox = keyed();
    let status = |sandbox: &mut Sandbox| {
        let list = sandbox.get(&format!("{KEYS}?$select=EntityKeyIndexStatus"));
        list.expect(200).json()["value"][0]["EntityKeyIndexStatus"].clone()
    };
    assert_eq!(status(&mut sandbox), "Pending");
    let row = "opportunities(abc_referralid='R-1')";
    sandbox.get(row).refused(400, "0x80060890");
    sandbox.pass(TimeDelta::seconds(30));
    assert_eq!(status(&mut sandbox), "Active");
    sandbox.get(row).refused(404, "0x80060891");
    sandbox.post(KEYS, KEY).refused(400, "0x80060893");
}

#[test]
fn an_upsert_by_key_makes_the_row_once_and_echoes_the_key() {
    let mut sandbox = keyed();
    sandbox.pass(TimeDelta::seconds(30));
    let row = "opportunities(abc_referralid='R-1')";
    for name in ["Deal A", "Deal B"] {
        let body = format!(r#"{{"name":"{name}"}}"#);
        let answer = sandbox.patch(row, &body).expect(204);
        assert!(answer.header("odata-entityid").ends_with(row));
    }
    let list = sandbox.get("opportunities?$select=name,abc_referralid");
    let rows = list.expect(200).json()["value"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["abc_referralid"], "R-1");
    assert_eq!(rows[0]["name"], "Deal B");
    // Found in any case, and bound by it.
    sandbox
        .get("opportunities(abc_referralid='r-1')/name")
        .expect(200);
    let twin = r#"{"name":"Twin","abc_referralid":"r-1"}"#;
    let told = sandbox
        .post("opportunities", twin)
        .refused(412, "0x80060892");
    assert!(
        told.message()
            .starts_with("Entity Key abc_referralid violated.")
    );
    sandbox.call("DELETE", row, &[], "").expect(204);
    let missing = [("if-match", "*")];
    sandbox
        .call("PATCH", row, &missing, "{}")
        .refused(404, "0x80060891");
}

#[test]
fn other_names_and_hostile_values_are_refused() {
    let mut sandbox = keyed();
    sandbox.pass(TimeDelta::seconds(30));
    for key in [
        "name='x'",
        "abc_referralid=",
        "abc_referralid=7",
        "abc_referralid='a%2Fb'",
        "'",
    ] {
        sandbox
            .get(&format!("opportunities({key})"))
            .refused(400, "0x80060888");
    }
    sandbox
        .patch("opportunities(abc_referralid='O''Brien')", "{}")
        .expect(204);
    let list = sandbox.get("opportunities?$select=abc_referralid").json();
    assert_eq!(list["value"][0]["abc_referralid"], "O'Brien");
}

//! Who may do what, and for whom; duplicate rules.

use http::StatusCode;
use uuid::Uuid;

use super::*;
use crate::dataverse::{DEFAULT_SELLER, User};

const APPLICATION: Uuid = Uuid::from_u128(0x77);

fn other(user: impl FnOnce(User) -> User) -> (Sandbox, Caller) {
    let user = user(User::application(
        Uuid::from_u128(0x78),
        APPLICATION,
        "# Other",
    ));
    let caller = Caller {
        app_id: APPLICATION.to_string(),
        ..caller()
    };
    (Sandbox::with(Options::default().with_user(user)), caller)
}

#[test]
fn an_application_acts_for_a_seller_under_either_header() {
    let mut sandbox = Sandbox::new();
    let object = Options::default().seller.object_id.to_string();
    let seller = DEFAULT_SELLER.to_string();
    for header in [("callerobjectid", &*object), ("mscrmcallerid", &*seller)] {
        let made = sandbox.call("POST", "opportunities", &[header], r#"{"name":"A"}"#);
        let address = made.expect(204).header("odata-entityid").to_owned();
        let row = sandbox.get(&address).json();
        assert_eq!(row["_createdby_value"], seller);
        assert_eq!(
            row["_modifiedonbehalfby_value"],
            row["_createdonbehalfby_value"]
        );
        assert_ne!(row["_createdonbehalfby_value"], Value::Null);
        let me = sandbox.call("GET", "WhoAmI", &[header], "").json();
        assert_eq!(me["UserId"], seller);
    }
    let nobody = [("mscrmcallerid", "00000000-0000-4000-8000-0000000000aa")];
    let refused = sandbox.call("GET", "WhoAmI", &nobody, "");
    refused.refused(404, "0x80040217");
    let (mut sandbox, caller) = other(|user| user.without("prvActOnBehalfOfAnotherUser"));
    sandbox
        .send(
            Ok(&caller),
            "GET",
            "WhoAmI",
            &[("mscrmcallerid", &seller)],
            "",
        )
        .refused(403, "0x8004a110");
}

#[test]
fn what_a_role_lacks_is_named() {
    let (mut sandbox, caller) =
        other(|user| user.without("prvWriteOpportunity").without("prvreadlead"));
    let id = sandbox.made("opportunities", r#"{"name":"A"}"#);
    let row = format!("opportunities({id})");
    sandbox.send(Ok(&caller), "GET", &row, &[], "").expect(200);
    let refused = sandbox.send(Ok(&caller), "PATCH", &row, &[], r#"{"name":"B"}"#);
    let refused = refused.refused(403, "0x80040220");
    assert!(
        refused
            .message()
            .contains("is missing prvWriteopportunity privilege")
    );
    sandbox
        .send(Ok(&caller), "GET", "leads", &[], "")
        .refused(403, "0x80040220");
    let (mut sandbox, caller) = other(User::without_roles);
    sandbox
        .send(Ok(&caller), "GET", "WhoAmI", &[], "")
        .refused(403, "0x80042f09");
}

#[test]
fn duplicate_rules_work_when_asked_and_only_where_they_are_shipped() {
    for status in [412, 500] {
        let status_code = StatusCode::from_u16(status).unwrap();
        let options = Options::default().with_duplicate_row_status(status_code);
        let mut sandbox = Sandbox::with(options);
        let on = [("mscrm.suppressduplicatedetection", "false")];
        let body = r#"{"name":"Contoso"}"#;
        let first = sandbox.made("accounts", body);
        sandbox.made("accounts", body);
        sandbox
            .call("POST", "accounts", &on, r#"{"name":"CONTOSO"}"#)
            .refused(status, "0x80040333");
        let other = sandbox.made("accounts", r#"{"name":"Other"}"#);
        sandbox
            .call("PATCH", &format!("accounts({other})"), &on, body)
            .refused(status, "0x80040333");
        let same = format!("accounts({first})");
        let elsewhere = r#"{"telephone1":"1"}"#;
        sandbox.call("PATCH", &same, &on, elsewhere).expect(204);
        sandbox.call("POST", "opportunities", &on, body).expect(204);
        sandbox.call("POST", "opportunities", &on, body).expect(204);
    }
}

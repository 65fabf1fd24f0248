use chrono::TimeDelta;

use super::*;

#[test]
fn a_conditional_patch_answers_by_the_whole_matrix() {
    let absent = "opportunities(00000000-0000-4000-8000-0000000000aa)";
    let rename = r#"{"name":"B"}"#;
    let present = |condition: Option<(&str, &str)>| {
        let mut sandbox = with_deal(Options::default());
        let headers: Vec<_> = condition.into_iter().collect();
        sandbox.call("PATCH", &deal(), &headers, rename)
    };
    let missing = |condition: Option<(&str, &str)>| {
        let headers: Vec<_> = condition.into_iter().collect();
        let mut sandbox = Sandbox::new();
        let answer = sandbox.call("PATCH", absent, &headers, rename);
        (answer, sandbox.get(absent).status)
    };
    let current = with_deal(Options::default()).tag(&deal());

    assert_eq!(present(None).status, 204);
    assert_eq!(present(Some(("If-Match", "*"))).status, 204);
    assert_eq!(present(Some(("If-Match", &current))).status, 204);
    assert_eq!(present(Some(("If-None-Match", "null"))).status, 204);
    let changed = present(Some(("If-Match", "W/\"1\""))).refused(412, "0x80060882");
    assert_eq!(
        changed.message(),
        "The version of the existing record doesn't match the RowVersion property provided."
    );
    let exists = present(Some(("If-None-Match", "*"))).refused(412, "");
    assert_eq!(
        exists.message(),
        "A record with matching key values already exists."
    );

    assert_eq!((missing(None).0.status, missing(None).1), (204, 200));
    assert_eq!(missing(Some(("If-None-Match", "*"))).1, 200);
    for condition in ["*", "W/\"1\""] {
        let (answer, after) = missing(Some(("If-Match", condition)));
        answer.refused(404, "0x80040217");
        assert_eq!(after, 404);
    }
}

#[test]
fn a_delete_and_a_get_look_at_the_version() {
    let mut sandbox = with_deal(Options::default());
    let tag = sandbox.tag(&deal());
    sandbox
        .call("GET", &deal(), &[("If-None-Match", &tag)], "")
        .expect(304);
    sandbox
        .call(
            "GET",
            &format!("{}?$expand=owninguser", deal()),
            &[("If-None-Match", &tag)],
            "",
        )
        .expect(200);
    sandbox.patch(&deal(), r#"{"name":"B"}"#).expect(204);
    sandbox
        .call("GET", &deal(), &[("If-None-Match", &tag)], "")
        .expect(200);
    sandbox
        .call("DELETE", &deal(), &[("If-Match", &tag)], "")
        .refused(412, "0x80060882");
    sandbox.call("DELETE", &deal(), &[], "").expect(204);
    sandbox
        .call("DELETE", &deal(), &[], "")
        .refused(404, "0x80040217");
}

#[test]
fn a_representation_holds_what_was_selected_and_carries_the_tag() {
    let mut sandbox = Sandbox::new();
    let prefer = [("Prefer", "return=representation")];
    let target = format!("{}?$select=name,versionnumber", deal());
    let created = sandbox
        .call("PATCH", &target, &prefer, r#"{"name":"A"}"#)
        .expect(201);
    let body = created.json();
    assert_eq!(body["opportunityid"], DEAL);
    assert_eq!(body["@odata.etag"], created.header("etag"));
    assert_eq!(
        created.header("etag"),
        format!("W/\"{}\"", body["versionnumber"])
    );
    assert_eq!(
        created.header("preference-applied"),
        "return=representation"
    );
    assert_eq!(created.header("odata-entityid"), "");
    assert_eq!(
        body["@odata.context"],
        format!("{BASE}$metadata#opportunities(name,versionnumber)/$entity")
    );
    assert!(body.get("statecode").is_none());
    let updated = sandbox
        .call("PATCH", &target, &prefer, r#"{"name":"B"}"#)
        .expect(200);
    assert_eq!(updated.json()["name"], "B");
    assert!(updated.json()["versionnumber"].as_u64() > body["versionnumber"].as_u64());
}

#[test]
fn a_second_create_under_one_id_is_refused() {
    let body = format!(r#"{{"opportunityid":"{DEAL}","name":"Twin"}}"#);
    with_deal(Options::default())
        .post("opportunities", &body)
        .refused(412, "0x80040237");
    let options = Options::default().with_duplicate_key_status(http::StatusCode::BAD_REQUEST);
    with_deal(options)
        .post("opportunities", &body)
        .refused(400, "0x80040237");
}

#[test]
fn lookups_are_bound_moved_and_cleared() {
    let mut sandbox = with_deal(Options::default());
    let account = sandbox.made("accounts", r#"{"name":"Northwind Traders"}"#);
    let other = sandbox.made("accounts", r#"{"name":"Contoso"}"#);
    let parent = |sandbox: &mut Sandbox| {
        let select = "$select=_parentaccountid_value,_customerid_value";
        let row = sandbox
            .get(&format!("{}?{select}", deal()))
            .expect(200)
            .json();
        assert_eq!(row["_parentaccountid_value"], row["_customerid_value"]);
        row["_parentaccountid_value"].clone()
    };
    for link in [
        format!("/accounts({account})"),
        format!("accounts({account})"),
        format!("{BASE}accounts({account})"),
    ] {
        let body = format!(r#"{{"parentaccountid@odata.bind":"{link}"}}"#);
        sandbox.patch(&deal(), &body).expect(204);
        assert_eq!(parent(&mut sandbox), account.as_str());
        sandbox
            .patch(&deal(), r#"{"parentaccountid@odata.bind":null}"#)
            .expect(204);
        assert_eq!(parent(&mut sandbox), Value::Null);
    }
    let reference = format!("{}/parentaccountid/$ref", deal());
    let body = format!(r#"{{"@odata.id":"{BASE}accounts({other})"}}"#);
    sandbox.call("PUT", &reference, &[], &body).expect(204);
    assert_eq!(parent(&mut sandbox), other.as_str());
    let followed = sandbox.get(&format!("{}/parentaccountid?$select=name", deal()));
    assert_eq!(followed.json()["name"], "Contoso");
    sandbox.call("DELETE", &reference, &[], "").expect(204);
    assert_eq!(parent(&mut sandbox), Value::Null);
    sandbox
        .get(&format!("{}/parentaccountid", deal()))
        .expect(204);
}

#[test]
fn a_customer_fills_the_parent_and_one_target_replaces_the_other() {
    let mut sandbox = with_deal(Options::default());
    let account = sandbox.made("accounts", r#"{"name":"Northwind Traders"}"#);
    let contact = sandbox.made("contacts", r#"{"firstname":"Mei","lastname":"Tan"}"#);
    let bind =
        |name: &str, set: &str, id: &str| format!(r#"{{"{name}@odata.bind":"/{set}({id})"}}"#);
    sandbox
        .patch(&deal(), &bind("customerid_account", "accounts", &account))
        .expect(204);
    let row = sandbox.get(&deal()).json();
    assert_eq!(row["_parentaccountid_value"], account.as_str());
    sandbox
        .patch(&deal(), &bind("customerid_contact", "contacts", &contact))
        .expect(204);
    let expand = "$expand=customerid_account($select=name),customerid_contact($select=fullname)";
    let row = sandbox
        .get(&format!("{}?$select=name&{expand}", deal()))
        .expect(200)
        .json();
    assert_eq!(row["_customerid_value"], contact.as_str());
    assert_eq!(row["customerid_account"], Value::Null);
    assert_eq!(row["customerid_contact"]["fullname"], "Mei Tan");
    sandbox
        .call("DELETE", &format!("contacts({contact})"), &[], "")
        .refused(400, "0x80040512");
}

#[test]
fn one_property_is_read_written_and_cleared() {
    let mut sandbox = with_deal(Options::default());
    let name = format!("{}/name", deal());
    assert_eq!(sandbox.get(&name).json()["value"], "Deal A");
    assert_eq!(sandbox.get(&format!("{name}/$value")).text, "Deal A");
    sandbox
        .call("PUT", &name, &[], r#"{"value":"Deal B"}"#)
        .expect(204);
    assert_eq!(sandbox.get(&name).json()["value"], "Deal B");
    sandbox.call("DELETE", &name, &[], "").expect(204);
    sandbox.get(&name).expect(204);
}

#[test]
fn system_columns_say_who_and_when_in_whole_seconds() {
    let mut sandbox = with_deal(Options::default());
    let created = sandbox.get(&deal()).json();
    assert_eq!(created["createdon"], "2025-08-22T08:10:44Z");
    sandbox.pass(TimeDelta::seconds(90));
    let id = DEAL.parse().unwrap();
    let now = sandbox.now;
    let rename = serde_json::json!({ "name": "By the seller", "description": "" });
    sandbox
        .environment
        .seller_update(now, "opportunity", id, &rename)
        .unwrap();
    let row = sandbox.get(&deal()).json();
    assert_eq!(row["createdon"], created["createdon"]);
    assert_eq!(row["modifiedon"], "2025-08-22T08:12:14Z");
    assert_eq!(
        row["_modifiedby_value"],
        super::super::DEFAULT_SELLER.to_string()
    );
    assert_ne!(row["_createdby_value"], row["_modifiedby_value"]);
    assert_eq!(row["_ownerid_value"], row["_createdby_value"]);
    assert_eq!(row["description"], Value::Null);
    assert_eq!(row["msft_microsoftpartnercenterreferralsync"], false);
}

#[test]
fn the_same_seed_gives_the_same_ids_whatever_was_read() {
    let made = |reads: usize| {
        let mut sandbox = Sandbox::new();
        for _ in 0..reads {
            sandbox.get("opportunities").expect(200);
        }
        sandbox.made("opportunities", r#"{"name":"A"}"#)
    };
    assert_eq!(made(0), made(3));
}

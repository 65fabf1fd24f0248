//! Collections of related rows: read, filtered by, written.

use super::{Options, Sandbox, Value, with_deal};

fn owner(sandbox: &mut Sandbox) -> (String, Vec<String>) {
    let owner = sandbox.made("accounts", r#"{"name":"Owner"}"#);
    let deals = (1..=3).map(|number| {
        sandbox.made(
            "opportunities",
            &format!(r#"{{"name":"D{number}","closeprobability":{number},"parentaccountid@odata.bind":"/accounts({owner})"}}"#),
        )
    });
    let deals = deals.collect();
    (owner, deals)
}

fn names(value: &Value) -> Vec<&str> {
    let rows = value.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn a_collection_is_read_alone_or_expanded_with_options() {
    let mut sandbox = Sandbox::new();
    let (owner, deals) = owner(&mut sandbox);
    let collection = format!("accounts({owner})/opportunity_parent_account");
    let alone = sandbox.get(&format!(
        "{collection}?$select=name&$filter=closeprobability%20gt%201&$orderby=name%20desc"
    ));
    assert_eq!(names(&alone.expect(200).json()["value"]), ["D3", "D2"]);
    let pages = [("prefer", "odata.maxpagesize=2")];
    let first = sandbox.call("GET", &collection, &pages, "").json();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = sandbox.call("GET", next, &pages, "").json();
    assert_eq!(second["value"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.get(&format!("{collection}/$count")).text, "3");
    let links = sandbox.get(&format!("{collection}/$ref")).json();
    assert_eq!(links["value"].as_array().unwrap().len(), 3);
    let one = sandbox.get(&format!("{collection}({})?$select=name", deals[0]));
    assert_eq!(one.expect(200).json()["name"], "D1");
    let stranger = sandbox.made("opportunities", r#"{"name":"Elsewhere"}"#);
    sandbox
        .get(&format!("{collection}({stranger})"))
        .refused(404, "0x80040217");

    let expanded = sandbox.get(&format!(
        "accounts({owner})?$select=name&$expand=opportunity_parent_account($select=name;$filter=closeprobability%20lt%203;$orderby=closeprobability%20desc;$top=1)"
    ));
    let expanded = expanded.expect(200).json();
    assert_eq!(names(&expanded["opportunity_parent_account"]), ["D2"]);
    let link = expanded["opportunity_parent_account@odata.nextLink"].as_str();
    sandbox.get(link.unwrap()).expect(200);
    let nested =
        "opportunities?$expand=parentaccountid($expand=opportunity_parent_account($top=1))";
    sandbox.get(nested).refused(400, "0x80060888");
    let reference = "accounts?$expand=opportunity_parent_account/$ref";
    sandbox.get(reference).refused(400, "0x80060888");
    let link = sandbox.get(&format!(
        "opportunities({})?$select=name&$expand=parentaccountid/$ref",
        deals[0]
    ));
    let link = link.expect(200).json()["parentaccountid"]["@odata.id"].clone();
    assert_eq!(link, format!("accounts({owner})"));
}

#[test]
fn filters_ask_collections_by_lambdas() {
    let mut sandbox = Sandbox::new();
    owner(&mut sandbox);
    sandbox.made("accounts", r#"{"name":"Childless"}"#);
    let mut asked = |filter: &str| -> Vec<String> {
        let filter = filter.replace(' ', "%20");
        let answer = sandbox.get(&format!("accounts?$select=name&$filter={filter}"));
        names(&answer.expect(200).json()["value"])
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        asked("opportunity_parent_account/any(o:o/closeprobability eq 3 and o/name eq 'D3')"),
        ["Owner"]
    );
    assert!(asked("opportunity_parent_account/any(o:o/closeprobability eq 9)").is_empty());
    assert_eq!(asked("opportunity_parent_account/any()"), ["Owner"]);
    assert_eq!(asked("not opportunity_parent_account/any()"), ["Childless"]);
    assert_eq!(
        asked("opportunity_parent_account/all(o:o/closeprobability lt 3)"),
        ["Childless"]
    );
    assert_eq!(
        asked("opportunity_parent_account/any(o:o/parentaccountid/name eq 'Owner')"),
        ["Owner"]
    );
    let wrong = "accounts?$filter=opportunity_parent_account/any(o:o/nonesuch%20eq%201)";
    sandbox.get(wrong).refused(400, "0x80060888");
}

#[test]
fn a_collection_takes_rows_and_gives_them_back() {
    let mut sandbox = with_deal(Options::default());
    let (owner, _) = owner(&mut sandbox);
    let deal = super::deal();
    let collection = format!("accounts({owner})/opportunity_parent_account");
    let link = format!(r#"{{"@odata.id":"{}{deal}"}}"#, super::BASE);
    sandbox
        .post(&format!("{collection}/$ref"), &link)
        .expect(204);
    let parent =
        |sandbox: &mut Sandbox| sandbox.get(&deal).json()["_parentaccountid_value"].clone();
    assert_eq!(parent(&mut sandbox), owner);
    let member = format!("{collection}({})/$ref", super::DEAL);
    sandbox.call("DELETE", &member, &[], "").expect(204);
    assert_eq!(parent(&mut sandbox), Value::Null);
    sandbox
        .call("DELETE", &member, &[], "")
        .refused(404, "0x80040217");
    sandbox
        .post(&format!("{collection}/$ref"), &link)
        .expect(204);
    let by_address = format!("{collection}/$ref?$id={}{deal}", super::BASE);
    sandbox.call("DELETE", &by_address, &[], "").expect(204);
    let made = sandbox.post(&collection, r#"{"name":"Below"}"#).expect(204);
    let made = sandbox.get(made.header("odata-entityid")).json();
    assert_eq!(made["_parentaccountid_value"], owner);
    let wrong = format!(r#"{{"@odata.id":"/accounts({owner})"}}"#);
    sandbox
        .post(&format!("{collection}/$ref"), &wrong)
        .refused(400, "0x80048d19");
}

#[test]
fn many_to_many_is_seen_from_both_sides_and_goes_with_either() {
    let mut sandbox = with_deal(Options::default());
    let rival = sandbox.made("competitors", r#"{"name":"Rival"}"#);
    let collection = format!("{}/opportunitycompetitors_association", super::deal());
    let link = format!(r#"{{"@odata.id":"/competitors({rival})"}}"#);
    sandbox
        .post(&format!("{collection}/$ref"), &link)
        .expect(204);
    sandbox
        .post(&format!("{collection}/$ref"), &link)
        .refused(412, "0x80040237");
    assert_eq!(names(&sandbox.get(&collection).json()["value"]), ["Rival"]);
    let back = format!("competitors({rival})/opportunitycompetitors_association");
    assert_eq!(names(&sandbox.get(&back).json()["value"]), ["Deal A"]);
    sandbox.call("DELETE", &super::deal(), &[], "").expect(204);
    assert!(names(&sandbox.get(&back).json()["value"]).is_empty());
}

#[test]
fn a_body_makes_related_rows_all_or_none() {
    let mut sandbox = Sandbox::new();
    let body = r#"{"name":"Deep","parentaccountid":{"name":"Made","primarycontactid":{"lastname":"Doe"}},
        "product_opportunities":[{"productdescription":"P","quantity":2,"priceperunit":3}]}"#;
    let id = sandbox.made("opportunities", body);
    let row = sandbox
        .get(&format!("opportunities({id})?$select=totalamount&$expand=product_opportunities($select=extendedamount),parentaccountid($select=name;$expand=primarycontactid($select=fullname))"))
        .expect(200)
        .json();
    assert_eq!(row["totalamount"], 6.0);
    assert_eq!(row["product_opportunities"][0]["extendedamount"], 6.0);
    assert_eq!(
        row["parentaccountid"]["primarycontactid"]["fullname"],
        "Doe"
    );
    let before = sandbox.get("accounts/$count").text;
    let broken = body.replace("\"quantity\":2", "\"quantity\":\"two\"");
    sandbox
        .post("opportunities", &broken)
        .refused(400, "0x80048d19");
    let closed = body.replace("\"name\":\"Deep\"", "\"statuscode\":3");
    sandbox
        .post("opportunities", &closed)
        .refused(400, "0x80048408");
    assert_eq!(sandbox.get("accounts/$count").text, before);
    let update = r#"{"parentaccountid":{"name":"Made"}}"#;
    sandbox
        .patch(&format!("opportunities({id})"), update)
        .refused(400, "0x80048d19");
}

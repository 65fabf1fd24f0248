use super::*;

fn filled() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let contoso = sandbox.made("accounts", r#"{"name":"Contoso"}"#);
    let zava = sandbox.made("accounts", r#"{"name":"Zava"}"#);
    for (name, value, account, close) in [
        ("Delta", "10.5", &zava, "2025-06-30"),
        ("alpha", "2", &contoso, "2025-09-01"),
        ("Bravo", "100", &contoso, "2025-08-22"),
        ("charlie's", "7", &zava, "2025-08-20"),
    ] {
        sandbox.made(
            "opportunities",
            &format!(
                r#"{{"name":"{name}","estimatedvalue":{value},"estimatedclosedate":"{close}","parentaccountid@odata.bind":"/accounts({account})"}}"#
            ),
        );
    }
    sandbox
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["value"].as_array().unwrap();
    rows.iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn filters_see_columns_lookups_and_the_service_functions() {
    let mut sandbox = filled();
    for (filter, expected) in [
        ("name eq 'ALPHA'", vec!["alpha"]),
        ("name eq 'charlie''s'", vec!["charlie's"]),
        (
            "estimatedvalue gt 7.0 and statecode eq 0",
            vec!["Bravo", "Delta"],
        ),
        ("parentaccountid/name eq 'contoso'", vec!["alpha", "Bravo"]),
        (
            "contains(customerid_account/name,'ava')",
            vec!["charlie's", "Delta"],
        ),
        ("customerid_contact/fullname ne null", vec![]),
        ("estimatedclosedate le 2025-06-30", vec!["Delta"]),
        (
            "createdon ge 2025-08-22T08:10:44Z and not startswith(name,'c')",
            vec!["alpha", "Bravo", "Delta"],
        ),
        (
            "msft_microsoftpartnercenterreferralidentifier ne null",
            vec![],
        ),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['Bravo','x'])",
            vec!["Bravo"],
        ),
        (
            "Microsoft.Dynamics.CRM.NotIn(PropertyName='statuscode',PropertyValues=['1'])",
            vec![],
        ),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='estimatedvalue',PropertyValues=['7','10.5'])",
            vec!["charlie's", "Delta"],
        ),
        (
            "Microsoft.Dynamics.CRM.Today(PropertyName='estimatedclosedate')",
            vec!["Bravo"],
        ),
        (
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='estimatedclosedate',PropertyValue=3)",
            vec!["Bravo", "charlie's"],
        ),
        (
            "Microsoft.Dynamics.CRM.OnOrAfter(PropertyName='estimatedclosedate',PropertyValue='2025-08-22')",
            vec!["alpha", "Bravo"],
        ),
    ] {
        let target = format!(
            "opportunities?$select=name&$orderby=name&$filter={}",
            encoded(filter)
        );
        assert_eq!(
            names(&sandbox.get(&target).expect(200).json()),
            expected,
            "{filter}"
        );
        let count = format!("opportunities/$count?$filter={}", encoded(filter));
        assert_eq!(
            sandbox.get(&count).text,
            expected.len().to_string(),
            "{filter}"
        );
    }
    for filter in [
        "name eq 5",
        "statecode eq 0 or bogus eq 1",
        "name eq 'a' and x/name eq 'b'",
    ] {
        let target = format!("opportunities?$filter={}", encoded(filter));
        sandbox.get(&target).refused(400, "0x80060888");
    }
}

#[test]
fn pages_follow_the_order_also_when_rows_change_between_them() {
    let mut sandbox = filled();
    let prefer = [("Prefer", "odata.maxpagesize=1")];
    for (order, expected) in [
        ("name", ["alpha", "Bravo", "charlie's", "Delta"]),
        (
            "estimatedvalue desc",
            ["Bravo", "Delta", "charlie's", "alpha"],
        ),
        (
            "_parentaccountid_value desc,name",
            ["charlie's", "Delta", "alpha", "Bravo"],
        ),
    ] {
        let mut link = format!(
            "opportunities?$select=name&$orderby={}&$top=2",
            encoded(order)
        );
        let mut seen = Vec::new();
        loop {
            let page = sandbox.call("GET", &link, &prefer, "").expect(200).json();
            seen.extend(names(&page));
            match page["@odata.nextLink"].as_str() {
                Some(next) => link = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
    let first = sandbox
        .call(
            "GET",
            "opportunities?$select=name&$orderby=name",
            &prefer,
            "",
        )
        .json();
    let id = first["value"][0]["opportunityid"].as_str().unwrap();
    sandbox
        .call("DELETE", &format!("opportunities({id})"), &[], "")
        .expect(204);
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert_eq!(
        names(&sandbox.call("GET", next, &prefer, "").json()),
        ["Bravo"]
    );
}

#[test]
fn top_without_paging_has_no_next_link_and_the_count_counts_all() {
    let mut sandbox = filled();
    let page = sandbox
        .get("opportunities?$select=name&$orderby=name&$top=2&$count=true")
        .json();
    assert_eq!(names(&page), ["alpha", "Bravo"]);
    assert_eq!(page["@odata.count"], 4);
    assert!(page.get("@odata.nextLink").is_none());
    assert_eq!(sandbox.get("opportunities/$count").text, "4");
}

#[test]
fn pages_and_counts_stop_at_five_thousand() {
    let mut sandbox = Sandbox::new();
    let now = sandbox.now;
    for number in 0..5001 {
        let row = serde_json::json!({ "name": format!("Account {number}") });
        sandbox
            .environment
            .seller_create(now, "account", &row)
            .unwrap();
    }
    let page = sandbox.get("accounts?$select=name&$count=true").json();
    assert_eq!(page["value"].as_array().unwrap().len(), 5000);
    assert_eq!(page["@odata.count"], 5000);
    let rest = sandbox
        .get(page["@odata.nextLink"].as_str().unwrap())
        .json();
    assert_eq!(rest["value"].as_array().unwrap().len(), 1);
    let top = sandbox.get("accounts?$select=name&$top=9999").json();
    assert_eq!(top["value"].as_array().unwrap().len(), 5000);
    assert!(top.get("@odata.nextLink").is_none());
    assert_eq!(sandbox.environment.rows("account").len(), 5001);
}

#[test]
fn expands_nest_and_are_bounded() {
    let mut sandbox = filled();
    let expand = "$expand=parentaccountid($select=name;$expand=owninguser($select=fullname)),transactioncurrencyid($select=isocurrencycode,currencyprecision)";
    let target = format!("opportunities?$select=name&$orderby=name&$top=1&{expand}");
    let page = sandbox.get(&target).expect(200).json();
    let row = &page["value"][0];
    assert_eq!(row["parentaccountid"]["name"], "Contoso");
    assert_eq!(
        row["parentaccountid"]["owninguser"]["fullname"],
        "# Partner sync"
    );
    assert_eq!(row["transactioncurrencyid"]["isocurrencycode"], "EUR");
    assert_eq!(
        row["_parentaccountid_value"],
        row["parentaccountid"]["accountid"]
    );
    assert!(row["parentaccountid"].get("@odata.etag").is_none());
    assert!(
        sandbox
            .get("opportunities?$expand=parentaccountid($top=1)")
            .expect(400)
            .message()
            .starts_with("Only $select and $filter clause")
    );
    sandbox
        .get("opportunities?$expand=ParentAccountId")
        .refused(400, "0x80060888");
    let many = vec!["owninguser"; 16].join(",");
    sandbox
        .get(&format!("opportunities?$expand={many}"))
        .refused(400, "0x80060888");
}

#[test]
fn annotations_are_shown_on_request_only() {
    let mut sandbox = filled();
    let target = "opportunities?$select=statecode,estimatedvalue,estimatedclosedate,_customerid_value&$filter=name%20eq%20'Delta'";
    assert!(!sandbox.get(target).text.contains("FormattedValue"));
    let prefer = [(
        "Prefer",
        "odata.include-annotations=\"*\",odata.maxpagesize=10",
    )];
    let answer = sandbox.call("GET", target, &prefer, "").expect(200);
    let row = &answer.json()["value"][0];
    for (name, value) in [
        (
            "statecode@OData.Community.Display.V1.FormattedValue",
            "Open",
        ),
        (
            "estimatedvalue@OData.Community.Display.V1.FormattedValue",
            "€10.50",
        ),
        (
            "estimatedclosedate@OData.Community.Display.V1.FormattedValue",
            "6/30/2025",
        ),
        (
            "_customerid_value@OData.Community.Display.V1.FormattedValue",
            "Zava",
        ),
        (
            "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname",
            "account",
        ),
        (
            "_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty",
            "customerid_account",
        ),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let narrow = [(
        "Prefer",
        "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"",
    )];
    let row = sandbox.call("GET", target, &narrow, "").text;
    assert!(row.contains("lookuplogicalname") && !row.contains("FormattedValue"));
}

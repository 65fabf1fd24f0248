//! FetchXML, `$apply` and SQL: the same questions three times, and what each has of its own.

use super::{Answer, Options, Sandbox, Value};

fn deals() -> (Sandbox, String) {
    deals_with(Options::default())
}

fn deals_with(options: Options) -> (Sandbox, String) {
    let mut sandbox = Sandbox::with(options);
    let owner = sandbox.made("accounts", r#"{"name":"Owner"}"#);
    for (name, chance, value) in [
        ("Alpha", 10, "5.5"),
        ("beta", 20, "10"),
        ("Gamma", 20, "null"),
    ] {
        sandbox.made(
            "opportunities",
            &format!(r#"{{"name":"{name}","closeprobability":{chance},"estimatedvalue":{value},"parentaccountid@odata.bind":"/accounts({owner})"}}"#),
        );
    }
    sandbox.made(
        "opportunities",
        r#"{"name":"Orphan","closeprobability":20,"estimatedvalue":1}"#,
    );
    (sandbox, owner)
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn fetch(sandbox: &mut Sandbox, xml: &str) -> Answer {
    let prefer = [("prefer", "odata.include-annotations=\"*\"")];
    sandbox.call(
        "GET",
        &format!("opportunities?fetchXml={}", encoded(xml)),
        &prefer,
        "",
    )
}

fn sql(sandbox: &mut Sandbox, sql: &str) -> Answer {
    sandbox.get(&format!("opportunities?sql={}", encoded(sql)))
}

#[track_caller]
fn column(answer: Answer, name: &str) -> Vec<Value> {
    let json = answer.expect(200).json();
    let rows = json["value"].as_array().unwrap().iter();
    rows.map(|row| row[name].clone()).collect()
}

#[test]
fn conditions_say_the_same_in_fetchxml_and_sql() {
    let (mut sandbox, owner) = deals();
    for (condition, clause, names) in [
        (
            r#"attribute="name" operator="eq" value="BETA""#,
            "name = 'BETA'",
            vec!["beta"],
        ),
        (
            r#"attribute="name" operator="like" value="%a""#,
            "name LIKE '%a'",
            vec!["Alpha", "beta", "Gamma"],
        ),
        (
            r#"attribute="name" operator="not-like" value="%a""#,
            "name NOT LIKE '%a'",
            vec!["Orphan"],
        ),
        (
            r#"attribute="closeprobability" operator="gt" value="10""#,
            "closeprobability > 10",
            vec!["beta", "Gamma", "Orphan"],
        ),
        (
            r#"attribute="estimatedvalue" operator="null""#,
            "estimatedvalue IS NULL",
            vec!["Gamma"],
        ),
        (
            r#"attribute="estimatedvalue" operator="ne" value="10""#,
            "estimatedvalue <> 10",
            vec!["Alpha", "Orphan"],
        ),
        (
            r#"attribute="estimatedvalue" operator="not-null""#,
            "estimatedvalue IS NOT NULL",
            vec!["Alpha", "beta", "Orphan"],
        ),
    ] {
        let xml = format!(
            r#"<fetch><entity name="opportunity"><attribute name="name"/><order attribute="name"/><filter><condition {condition}/></filter></entity></fetch>"#
        );
        assert_eq!(
            column(fetch(&mut sandbox, &xml), "name"),
            names,
            "{condition}"
        );
        let select = format!("SELECT name FROM opportunity WHERE {clause} ORDER BY name");
        assert_eq!(
            column(sql(&mut sandbox, &select), "name"),
            names,
            "{clause}"
        );
    }
    let inside = format!(
        r#"<fetch><entity name="opportunity"><attribute name="name"/><filter type="or"><condition attribute="parentaccountid" operator="in"><value>{owner}</value></condition><filter><condition attribute="closeprobability" operator="between"><value>15</value><value>25</value></condition><condition attribute="name" operator="begins-with" value="o"/></filter></filter></entity></fetch>"#
    );
    assert_eq!(column(fetch(&mut sandbox, &inside), "name").len(), 4);
    let grouped = "SELECT name FROM opportunity WHERE NOT (closeprobability IN (10, 30) OR name = 'beta') AND closeprobability BETWEEN 5 AND 25 ORDER BY name DESC";
    assert_eq!(
        column(sql(&mut sandbox, grouped), "name"),
        ["Orphan", "Gamma"]
    );
}

#[test]
fn tables_are_joined_inner_and_outer() {
    let (mut sandbox, _) = deals();
    for (kind, word, names) in [
        ("inner", "INNER", vec!["Alpha", "beta", "Gamma"]),
        ("outer", "LEFT", vec!["Alpha", "beta", "Gamma", "Orphan"]),
    ] {
        let xml = format!(
            r#"<fetch><entity name="opportunity"><attribute name="name"/><attribute name="statecode"/><order attribute="name"/><link-entity name="account" from="accountid" to="parentaccountid" alias="acc" link-type="{kind}"><attribute name="name"/></link-entity></entity></fetch>"#
        );
        let found = fetch(&mut sandbox, &xml).expect(200).json();
        let rows = found["value"].as_array().unwrap();
        assert_eq!(
            rows.iter()
                .map(|row| row["name"].as_str().unwrap())
                .collect::<Vec<_>>(),
            names
        );
        assert_eq!(rows[0]["acc.name"], "Owner");
        assert_eq!(
            rows[0]["statecode@OData.Community.Display.V1.FormattedValue"],
            "Open"
        );
        assert!(rows[0]["@odata.etag"].is_string() && rows[0]["opportunityid"].is_string());
        let select = format!(
            "SELECT o.name, a.name AS owner FROM opportunity o {word} JOIN account a ON a.accountid = o.parentaccountid ORDER BY o.name"
        );
        assert_eq!(column(sql(&mut sandbox, &select), "name"), names);
    }
}

#[test]
fn groups_and_sums_come_out_alike() {
    let (mut sandbox, _) = deals();
    let xml = r#"<fetch aggregate="true"><entity name="opportunity"><attribute name="closeprobability" alias="chance" groupby="true"/><attribute name="opportunityid" alias="n" aggregate="count"/><attribute name="estimatedvalue" alias="total" aggregate="sum"/><attribute name="estimatedvalue" alias="most" aggregate="max"/><order alias="chance"/></entity></fetch>"#;
    let select = "SELECT closeprobability AS chance, COUNT(*) AS n, SUM(estimatedvalue) AS total, MAX(estimatedvalue) AS most FROM opportunity GROUP BY closeprobability ORDER BY chance";
    let apply = "opportunities?$apply=groupby((closeprobability),aggregate($count%20as%20n,estimatedvalue%20with%20sum%20as%20total,estimatedvalue%20with%20max%20as%20most))";
    for (answer, key) in [
        (fetch(&mut sandbox, xml), "chance"),
        (sql(&mut sandbox, select), "chance"),
        (sandbox.get(apply), "closeprobability"),
    ] {
        let json = answer.expect(200).json();
        let rows: Vec<_> = json["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row[key].clone(),
                    row["n"].clone(),
                    row["total"].clone(),
                    row["most"].clone(),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                (10.into(), 1.into(), 5.5.into(), 5.5.into()),
                (20.into(), 3.into(), 11.0.into(), 10.0.into())
            ]
        );
    }
    let owners = "opportunities?$apply=filter(closeprobability%20gt%205)/groupby((parentaccountid/name),aggregate(opportunityid%20with%20countdistinct%20as%20n,estimatedvalue%20with%20average%20as%20mean))";
    let json = sandbox.get(owners).expect(200).json();
    let owned = json["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["parentaccountid_name"] == "Owner")
        .unwrap();
    assert_eq!((&owned["n"], &owned["mean"]), (&3.into(), &7.75.into()));
    let distinct = sandbox.get("opportunities?$apply=groupby((closeprobability))");
    assert_eq!(column(distinct, "closeprobability"), [10, 20]);
    let alone = sandbox
        .get("opportunities?$filter=closeprobability%20eq%2099&$apply=aggregate($count%20as%20n)");
    assert_eq!(column(alone, "n"), [0]);
}

#[test]
fn fetchxml_pages_with_a_cookie_that_clients_take_apart() {
    for unasked in [true, false] {
        let (mut sandbox, _) = deals_with(Options::default().with_fetch_cookie_unasked(unasked));
        let xml = |page: u32| {
            format!(
                r#"<fetch count="3" page="{page}" returntotalrecordcount="true"><entity name="opportunity"><attribute name="name"/><order attribute="name"/></entity></fetch>"#
            )
        };
        let first = fetch(&mut sandbox, &xml(1)).expect(200).json();
        assert_eq!(first["value"].as_array().unwrap().len(), 3);
        assert_eq!(first["@Microsoft.Dynamics.CRM.morerecords"], true);
        assert_eq!(first["@Microsoft.Dynamics.CRM.totalrecordcount"], 4);
        let cookie = first["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
            .as_str()
            .unwrap();
        let inner = cookie.split('"').nth(3).unwrap();
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .unwrap()
                .into_owned()
        };
        assert!(cookie.starts_with("<cookie pagenumber=\"2\""));
        assert!(decode(&decode(inner)).starts_with("<cookie page=\"1\"><opportunityid last=\"{"));
        let last = fetch(&mut sandbox, &xml(2)).expect(200).json();
        assert_eq!(last["@Microsoft.Dynamics.CRM.morerecords"], false);
        assert!(
            last.get("@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")
                .is_none()
        );
        let plain = sandbox
            .get(&format!("opportunities?fetchXml={}", encoded(&xml(1))))
            .json();
        assert_eq!(
            plain
                .get("@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")
                .is_some(),
            unasked
        );
    }
}

#[test]
fn a_server_that_repeats_its_cookie_never_gets_on() {
    let (mut sandbox, _) = deals_with(Options::default().with_fetch_cookie_repeats(true));
    let xml = |page: u32| {
        format!(
            r#"<fetch count="3" page="{page}"><entity name="opportunity"><attribute name="name"/></entity></fetch>"#
        )
    };
    let first = fetch(&mut sandbox, &xml(1)).expect(200).text;
    assert_eq!(fetch(&mut sandbox, &xml(2)).expect(200).text, first);
    assert!(first.contains("\"@Microsoft.Dynamics.CRM.morerecords\":true"));
}

#[test]
fn sql_pages_by_links_and_takes_a_window() {
    let (mut sandbox, _) = deals();
    let window = "SELECT name FROM opportunity ORDER BY name OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY";
    assert_eq!(column(sql(&mut sandbox, window), "name"), ["beta", "Gamma"]);
    let pages = [("prefer", "odata.maxpagesize=3")];
    let all = format!(
        "opportunities?sql={}",
        encoded("SELECT name FROM opportunity ORDER BY name")
    );
    let first = sandbox.call("GET", &all, &pages, "").expect(200).json();
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let second = sandbox.call("GET", &next, &pages, "");
    assert_eq!(column(second, "name"), ["Orphan"]);
    let top =
        "SELECT DISTINCT TOP 1 closeprobability FROM opportunity ORDER BY closeprobability DESC";
    assert_eq!(column(sql(&mut sandbox, top), "closeprobability"), [20]);
}

#[test]
fn what_is_not_understood_is_refused() {
    let (mut sandbox, _) = deals();
    for (xml, code) in [
        ("<fetch", "0x80041120"),
        ("<fetch/>", "0x80041120"),
        (r#"<fetch><entity name="account"/></fetch>"#, "0x80041120"),
        (
            r#"<fetch><entity name="opportunity"><attribute name="nonesuch"/></entity></fetch>"#,
            "0x80041103",
        ),
        (
            r#"<fetch><entity name="opportunity"><link-entity name="nonesuch" from="a" to="b"/></entity></fetch>"#,
            "0x80041102",
        ),
        (
            r#"<fetch><entity name="opportunity"><filter><condition attribute="name" operator="near" value="x"/></filter></entity></fetch>"#,
            "0x80041120",
        ),
        (
            r#"<fetch page="0"><entity name="opportunity"/></fetch>"#,
            "0x80041120",
        ),
    ] {
        fetch(&mut sandbox, xml).refused(400, code);
    }
    for (select, code) in [
        ("DELETE FROM opportunity", "0x80040203"),
        ("SELECT * FROM opportunity", "0x80040203"),
        ("SELECT nonesuch FROM opportunity", "0x80041103"),
        ("SELECT name FROM nonesuch", "0x80041102"),
        ("SELECT name, COUNT(*) AS n FROM opportunity", "0x80040203"),
        ("SELECT name FROM opportunity WHERE name = 'x", "0x80040203"),
        (
            "SELECT name FROM opportunity HAVING name = 'x'",
            "0x80040203",
        ),
    ] {
        sql(&mut sandbox, select).refused(400, code);
    }
    let deep = format!(
        "SELECT name FROM opportunity WHERE {}name = 'x'{}",
        "(".repeat(100),
        ")".repeat(100)
    );
    sql(&mut sandbox, &deep).refused(400, "0x80040203");
    sandbox
        .get("opportunities?$apply=sum(name)")
        .refused(400, "0x80060888");
    sandbox
        .get("opportunities?$apply=groupby((modifiedon))")
        .refused(400, "0x80060888");
}

#[test]
fn dates_and_people_are_asked_for_by_functions() {
    let (mut sandbox, _) = deals();
    for (operator, hits) in [
        ("this-month", 4),
        ("last-month", 0),
        ("today", 4),
        ("next-seven-days", 4),
        ("last-x-days", 4),
        ("olderthan-x-years", 0),
    ] {
        let value = if operator.contains("-x-") {
            r#" value="2""#
        } else {
            ""
        };
        let xml = format!(
            r#"<fetch><entity name="opportunity"><attribute name="name"/><filter><condition attribute="createdon" operator="{operator}"{value}/><condition attribute="ownerid" operator="eq-userid"/></filter></entity></fetch>"#
        );
        assert_eq!(
            column(fetch(&mut sandbox, &xml), "name").len(),
            hits,
            "{operator}"
        );
    }
    let mine = "opportunities/$count?$filter=Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')%20and%20Microsoft.Dynamics.CRM.ThisYear(PropertyName='createdon')";
    assert_eq!(sandbox.get(mine).text, "4");
}

use chrono::TimeDelta;
use http::StatusCode;

use super::*;

const SELECT: &str = "opportunities?$select=name,statecode";

fn filled(count: usize, options: Options) -> (Sandbox, Vec<String>) {
    let mut sandbox = Sandbox::with(options);
    let ids = (0..count)
        .map(|number| sandbox.made("opportunities", &format!(r#"{{"name":"Deal {number}"}}"#)))
        .collect();
    (sandbox, ids)
}

/// Follows a read to its end: entries, pages, delta link.
fn follow(sandbox: &mut Sandbox, start: &str, prefer: &str) -> (Vec<Value>, usize, String) {
    let (mut entries, mut pages, mut link) = (Vec::new(), 0, start.to_owned());
    loop {
        let page = sandbox
            .call("GET", &link, &[("Prefer", prefer)], "")
            .expect(200)
            .json();
        pages += 1;
        entries.extend(page["value"].as_array().unwrap().iter().cloned());
        match (
            page["@odata.nextLink"].as_str(),
            page["@odata.deltaLink"].as_str(),
        ) {
            (Some(next), None) => link = next.to_owned(),
            (None, Some(delta)) => return (entries, pages, delta.to_owned()),
            other => panic!("one link a page, not {other:?}"),
        }
    }
}

const TRACK: &str = "odata.track-changes,odata.maxpagesize=3";

#[test]
fn the_first_load_is_paged_and_only_its_last_page_has_the_delta_link() {
    let (mut sandbox, ids) = filled(7, Options::default());
    let (rows, pages, link) = follow(&mut sandbox, SELECT, TRACK);
    assert_eq!((rows.len(), pages), (7, 3));
    assert_eq!(
        rows.iter()
            .filter(|row| ids.iter().any(|id| row["opportunityid"] == *id.as_str()))
            .count(),
        7
    );
    assert!(
        link.starts_with(&format!("{BASE}{SELECT}&$deltatoken=")),
        "{link}"
    );
    assert!(link.ends_with("%2108%2f22%2f2025%2008%3a10%3a44"), "{link}");
    let answer = sandbox.get(&link).expect(200);
    assert!(
        answer
            .text
            .contains("#opportunities(name,statecode)/$delta")
    );
    assert_eq!(answer.json()["value"], Value::Array(Vec::new()));
    let first = sandbox.call("GET", SELECT, &[("Prefer", TRACK)], "");
    assert_eq!(first.header("preference-applied"), "odata.track-changes");
}

#[test]
fn a_delta_has_changed_rows_by_version_and_then_deletions_across_pages() {
    let (mut sandbox, ids) = filled(6, Options::default());
    let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
    let row = |number: usize| format!("opportunities({})", ids[number]);
    sandbox.call("DELETE", &row(0), &[], "").expect(204);
    for number in [5, 1, 3, 2, 5] {
        sandbox
            .patch(&row(number), r#"{"name":"changed"}"#)
            .expect(204);
    }
    let passing = sandbox.made("opportunities", r#"{"name":"short-lived"}"#);
    sandbox
        .call("DELETE", &format!("opportunities({passing})"), &[], "")
        .expect(204);
    sandbox.call("DELETE", &row(4), &[], "").expect(204);

    let count = link.replace("opportunities?", "opportunities/$count?");
    assert_eq!(sandbox.get(&count).expect(200).text, "7");
    for (size, expected) in [("1", 7), ("3", 3), ("7", 1), ("5000", 1)] {
        let prefer = format!("odata.maxpagesize={size}");
        let (entries, pages, next) = follow(&mut sandbox, &link, &prefer);
        assert_eq!(pages, expected);
        let changed: Vec<_> = entries[..4]
            .iter()
            .map(|entry| entry["opportunityid"].clone())
            .collect();
        assert_eq!(
            changed,
            [1, 3, 2, 5].map(|number| Value::from(ids[number].as_str()))
        );
        let gone: Vec<_> = entries[4..]
            .iter()
            .map(|entry| entry["id"].clone())
            .collect();
        assert_eq!(gone, [ids[0].as_str(), &passing, &ids[4]].map(Value::from));
        for entry in &entries[4..] {
            assert_eq!(entry["reason"], "deleted");
            assert_eq!(
                entry["@odata.context"],
                format!("{BASE}$metadata#opportunities/$deletedEntity")
            );
        }
        assert!(follow(&mut sandbox, &next, "").0.is_empty());
    }
}

#[test]
fn a_change_during_the_first_load_is_in_the_first_delta() {
    let (mut sandbox, ids) = filled(6, Options::default());
    let first = sandbox.call("GET", SELECT, &[("Prefer", TRACK)], "").json();
    let seen = first["value"][0]["opportunityid"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox
        .patch(&format!("opportunities({seen})"), r#"{"name":"late"}"#)
        .expect(204);
    let (_, _, link) = follow(
        &mut sandbox,
        first["@odata.nextLink"].as_str().unwrap(),
        TRACK,
    );
    let (changes, _, _) = follow(&mut sandbox, &link, "");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["name"], "late");
    assert!(ids.contains(&seen));
}

#[test]
fn a_change_between_two_pages_of_a_delta_waits_for_the_next() {
    let (mut sandbox, ids) = filled(4, Options::default());
    let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
    for id in &ids {
        sandbox
            .patch(&format!("opportunities({id})"), r#"{"name":"one"}"#)
            .expect(204);
    }
    let page = sandbox
        .call("GET", &link, &[("Prefer", "odata.maxpagesize=2")], "")
        .json();
    sandbox
        .patch(&format!("opportunities({})", ids[3]), r#"{"name":"two"}"#)
        .expect(204);
    let next = page["@odata.nextLink"].as_str().unwrap();
    let (rest, _, link) = follow(&mut sandbox, next, "odata.maxpagesize=2");
    assert_eq!(rest.len(), 1);
    let (last, _, _) = follow(&mut sandbox, &link, "");
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["name"], "two");
}

#[test]
fn links_expire_by_age_and_by_a_change_of_metadata() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::GONE] {
        let options = Options::default().with_expired_delta_status(status);
        let (mut sandbox, _) = filled(1, options);
        let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
        sandbox.pass(TimeDelta::days(7) - TimeDelta::seconds(1));
        sandbox.get(&link).expect(200);
        sandbox.pass(TimeDelta::seconds(2));
        sandbox.get(&link).refused(status.as_u16(), "0x80044352");
        let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
        sandbox.environment.expire_delta_tokens();
        let answer = sandbox.get(&link).refused(status.as_u16(), "0x80044352");
        assert_eq!(
            answer.message(),
            "Version stamp associated with the client has expired. Please perform a full sync."
        );
        let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
        sandbox.get(&link).expect(200);
    }
}

#[test]
fn a_tracked_read_takes_no_option_but_select_and_needs_a_tracked_table() {
    let (mut sandbox, _) = filled(1, Options::default());
    for option in [
        "$filter=name eq 'x'",
        "$orderby=name",
        "$top=5",
        "$expand=owninguser",
    ] {
        let target = format!("{SELECT}&{}", option.replace(' ', "%20"));
        let answer = sandbox
            .call("GET", &target, &[("Prefer", "odata.track-changes")], "")
            .refused(400, "0x80060888");
        let name = option.split('=').next().unwrap();
        assert_eq!(
            answer.message(),
            format!(
                "The \"{name}\" query parameter isn't supported when Change Tracking is enabled."
            )
        );
    }
    sandbox
        .get("opportunities?$deltatoken=nonsense")
        .refused(400, "0x80060888");
    let (mut sandbox, _) = filled(1, Options::default().with_tracking("opportunity", false));
    let answer = sandbox
        .call("GET", SELECT, &[("Prefer", "odata.track-changes")], "")
        .refused(400, "0x80072491");
    assert_eq!(
        answer.message(),
        "Entity opportunity isn't enabled for change tracking."
    );
}

#[test]
fn a_row_made_again_under_its_id_is_no_deletion() {
    let mut sandbox = with_deal(Options::default());
    let (_, _, link) = follow(&mut sandbox, SELECT, TRACK);
    sandbox.call("DELETE", &deal(), &[], "").expect(204);
    sandbox.patch(&deal(), r#"{"name":"again"}"#).expect(204);
    let (entries, _, _) = follow(&mut sandbox, &link, "");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["name"], "again");
}

//! Change tracking.

use cosell_dataverse::{Change, ChangeCursor, ErrorCode, Followed, PageOptions, Table, code_of};
use cosell_http::ErrorKind;

use crate::fake::{API, DEAL, Script, answer, deal, header, json, refusal_body};

fn delta_link() -> String {
    format!("{API}opportunities?$select=name&$deltatoken=919042%2108%2f22%2f2025%2008%3a10%3a44")
}

fn next_link() -> String {
    format!("{API}opportunities?$select=name&$skiptoken=%3Ccookie%20istracking=%22True%22%20/%3E")
}

fn row() -> String {
    format!(
        "{{\"@odata.etag\":\"W/\\\"919187\\\"\",\"name\":\"Deal A\",\"opportunityid\":\"{DEAL}\"}}"
    )
}

fn page(items: &str, links: &[(&str, &str)]) -> String {
    let links: String = links
        .iter()
        .map(|(name, link)| format!(",\"@odata.{name}\":\"{link}\""))
        .collect();
    format!("{{\"@odata.context\":\"…/$delta\"{links},\"value\":[{items}]}}")
}

#[tokio::test]
async fn a_pass_ends_with_a_cursor_and_the_cursor_brings_changes_and_deletions() {
    let deleted = format!(
        "{{\"@odata.context\":\"{API}$metadata#opportunities/$deletedEntity\",\
         \"id\":\"5b0c0000-0000-0000-0000-000000000001\",\"reason\":\"deleted\"}}"
    );
    let (script, client) = Script::of([
        json(&page(&row(), &[("nextLink", &next_link())])),
        json(&page("", &[("deltaLink", &delta_link())])),
        json(&page(
            &format!("{},{deleted}", row()),
            &[("deltaLink", &delta_link().replace("919042", "919188"))],
        )),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let options = PageOptions::default().with_size(5000);
    let first = rows.changes(&["name"], &options).await.unwrap();
    assert_eq!(first.changes.len(), 1);
    assert_eq!(first.cursor, ChangeCursor::Next(next_link()));
    assert!(!first.cursor.is_caught_up());

    let follow = async |cursor: &ChangeCursor| {
        // What is stored is what is followed.
        let stored = serde_json::to_string(cursor).unwrap();
        let cursor: ChangeCursor = serde_json::from_str(&stored).unwrap();
        match rows.follow(&cursor, &options).await.unwrap() {
            Followed::Page(page) => page,
            Followed::Expired(error) => panic!("{error}"),
        }
    };
    let last = follow(&first.cursor).await;
    assert!(last.changes.is_empty());
    assert_eq!(last.cursor, ChangeCursor::Delta(delta_link()));
    assert!(last.cursor.is_caught_up());

    let delta = follow(&last.cursor).await;
    let [Change::Row(row), Change::Deleted { id, reason }] = delta.changes.as_slice() else {
        panic!("{delta:?}");
    };
    assert_eq!(row.guid("opportunityid").unwrap(), Some(deal()));
    assert_eq!(row.etag().unwrap().unwrap().as_str(), "W/\"919187\"");
    assert_eq!(id.to_string(), "5b0c0000-0000-0000-0000-000000000001");
    assert_eq!(reason.as_deref(), Some("deleted"));

    let requests = script.requests();
    assert_eq!(
        requests[0].uri().to_string(),
        format!("{API}opportunities?$select=name")
    );
    assert_eq!(
        header(&requests[0], "prefer"),
        ["odata.track-changes,odata.maxpagesize=5000"]
    );
    assert_eq!(requests[1].uri().to_string(), next_link());
    assert_eq!(requests[2].uri().to_string(), delta_link());
    assert_eq!(header(&requests[2], "prefer"), ["odata.maxpagesize=5000"]);
}

#[tokio::test]
async fn an_expired_cursor_is_an_outcome_whatever_the_status() {
    for status in [400, 410, 404] {
        let body = refusal_body(
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        );
        let (_, client) = Script::of([answer(status, &[], &body)]);
        let followed = client
            .table(Table::OPPORTUNITY)
            .follow(&ChangeCursor::Delta(delta_link()), &PageOptions::default())
            .await
            .unwrap();
        let Followed::Expired(error) = followed else {
            panic!("{followed:?}");
        };
        assert_eq!(code_of(&error), Some(ErrorCode::ExpiredVersionStamp));
    }
}

#[tokio::test]
async fn an_answer_that_would_lose_changes_is_malformed() {
    let no_key = "{\"name\":\"x\"}";
    let no_id = "{\"@odata.context\":\"#opportunities/$deletedEntity\",\"reason\":\"deleted\"}";
    let delta = delta_link();
    let delta = [("deltaLink", delta.as_str())];
    for (body, told) in [
        (page("", &[]), "change tracking enabled"),
        (page(no_key, &delta), "item 0: neither a row"),
        (
            page(&format!("{},{no_id}", row()), &delta),
            "item 1: a deletion without",
        ),
        (page("{\"opportunityid\":null}", &delta), "is null"),
        (
            page("", &[("deltaLink", "https://evil.example/x")]),
            "another origin",
        ),
    ] {
        let (_, client) = Script::of([json(&body)]);
        let error = client
            .table(Table::OPPORTUNITY)
            .changes(&["name"], &PageOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.message().contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_next_page_goes_before_a_delta_link_and_never_to_itself() {
    let both = page(
        "",
        &[("deltaLink", &delta_link()), ("nextLink", &next_link())],
    );
    let (_, client) = Script::of([json(&both), json(&both)]);
    let rows = client.table(Table::OPPORTUNITY);
    let options = PageOptions::default();
    let first = rows.changes(&["name"], &options).await.unwrap();
    assert_eq!(first.cursor, ChangeCursor::Next(next_link()));
    let error = rows.follow(&first.cursor, &options).await.unwrap_err();
    assert!(error.message().contains("links to itself"), "{error}");
}

#[tokio::test]
async fn deletions_are_read_in_other_spellings() {
    for item in [
        format!("{{\"id\":\"{API}opportunities({DEAL})\",\"reason\":\"deleted\"}}"),
        format!("{{\"@odata.context\":\"#opportunities/$deletedEntity\",\"id\":\"{DEAL}\"}}"),
    ] {
        let (_, client) = Script::of([json(&page(&item, &[("deltaLink", &delta_link())]))]);
        let page = client
            .table(Table::OPPORTUNITY)
            .changes(&["name"], &PageOptions::default())
            .await
            .unwrap();
        assert!(
            matches!(&page.changes[..], [Change::Deleted { id, .. }] if *id == deal()),
            "{page:?}"
        );
    }
}

#[tokio::test]
async fn tracking_wants_columns() {
    let (script, client) = Script::of([]);
    let rows = client.table(Table::OPPORTUNITY);
    let error = rows
        .changes(&[], &PageOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(script.requests().is_empty());
}

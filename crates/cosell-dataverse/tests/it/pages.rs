//! Pages, items and continuations.

use cosell_dataverse::{Continuation, Filter, PageOptions, Query, Table};
use cosell_http::{ErrorKind, Sent};
use futures_util::TryStreamExt;

use crate::fake::{API, Script, header, json};

fn page(names: &[&str], next: Option<&str>) -> String {
    let rows: Vec<_> = names
        .iter()
        .map(|name| serde_json::json!({ "name": name }))
        .collect();
    let mut body = serde_json::json!({"@odata.context": "…", "value": rows});
    if let Some(next) = next {
        body["@odata.nextLink"] = next.into();
    }
    body.to_string()
}

fn link(token: &str) -> String {
    format!(
        "{API}opportunities?$select=name&$skiptoken=%3Ccookie%20pagenumber=%22{token}%22%20/%3E"
    )
}

fn query() -> Query {
    Query::select(["name"]).with_filter(Filter::eq("statecode", 0))
}

#[tokio::test]
async fn links_are_followed_as_they_are_and_an_empty_page_is_not_the_last() {
    let (script, client) = Script::of([
        json(&page(&["a", "b"], Some(&link("2")))),
        json(&page(&[], Some(&link("3")))),
        json(&page(&["c"], None)),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let items = rows
        .pages(&query(), PageOptions::default().with_size(2))
        .items();
    let rows: Vec<_> = items.into_stream().try_collect().await.unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row.text("name").unwrap().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let requests = script.requests();
    assert_eq!(
        requests[0].uri().to_string(),
        format!("{API}opportunities?$select=name&$filter=statecode%20eq%200")
    );
    assert_eq!(requests[1].uri().to_string(), link("2"));
    assert_eq!(requests[2].uri().to_string(), link("3"));
    for request in &requests {
        assert_eq!(header(request, "prefer"), ["odata.maxpagesize=2"]);
    }
}

#[tokio::test]
async fn resuming_repeats_and_never_skips() {
    let first = page(&["a", "b"], Some(&link("2")));
    let (_, client) = Script::of([
        json(&first),
        json(&page(&["c"], None)),
        json(&page(&["c"], None)),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let mut items = rows.pages(&query(), PageOptions::default()).items();
    let start = items.continuation().cloned();
    items.next_row().await.unwrap();
    // One row of the page is still to come: a crash now must bring it again.
    assert_eq!(items.continuation().cloned(), start);
    items.next_row().await.unwrap();
    items.next_row().await.unwrap();
    let stored = serde_json::to_string(items.continuation().unwrap()).unwrap();
    assert_eq!(stored, serde_json::to_string(&link("2")).unwrap());
    let stored: Continuation = serde_json::from_str(&stored).unwrap();
    assert!(items.next_row().await.unwrap().is_none());
    assert_eq!(items.continuation(), None);

    let mut resumed = client.resume_pages(stored, PageOptions::default());
    let page = resumed.next_page().await.unwrap().unwrap();
    assert_eq!(page.rows.len(), 1);
    assert!(page.next.is_none() && resumed.continuation().is_none());
    assert!(resumed.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn links_to_another_origin_are_not_followed() {
    for foreign in [
        "https://evil.example/api/data/v9.2/opportunities?$skiptoken=1",
        "http://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/opportunities",
        "https://fabrikam-sales.crm4.dynamics.com:444/x",
        "//evil.example/x",
        "https://fabrikam-sales.crm4.dynamics.com@evil.example/",
        "https://user@fabrikam-sales.crm4.dynamics.com/x",
        "data:text/plain,x",
    ] {
        let (script, client) = Script::of([json(&page(&["a"], Some(foreign)))]);
        let rows = client.table(Table::OPPORTUNITY);
        let mut pages = rows.pages(&query(), PageOptions::default());
        let error = pages.next_page().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{foreign}: {error}");
        let stored: Continuation =
            serde_json::from_str(&serde_json::to_string(foreign).unwrap()).unwrap();
        let mut pages = client.resume_pages(stored, PageOptions::default());
        let error = pages.next_page().await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Invalid, Sent::No));
        assert_eq!(script.requests().len(), 1, "{foreign}");
    }
}

#[tokio::test]
async fn a_service_that_repeats_itself_is_not_read_for_ever() {
    let (script, client) = Script::of([
        json(&page(&["a"], Some(&link("2")))),
        json(&page(&["b"], Some(&link("3")))),
        json(&page(&["c"], Some(&link("2")))),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let stream = rows.pages(&query(), PageOptions::default()).into_stream();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_says_where_and_shows_no_data() {
    for (body, told) in [
        ("{}", "no `value`"),
        (r#"{"value":null}"#, "no `value`"),
        (r#"{"value":[{"name":"Ana"},"Ana Silva"]}"#, "value[1]"),
        (r#"{"value":[{"name":"Ana Silva"#, ""),
        ("<html>Ana Silva</html>", ""),
    ] {
        let (_, client) = Script::of([json(body)]);
        let rows = client.table(Table::OPPORTUNITY);
        let mut pages = rows.pages(&query(), PageOptions::default());
        let error = pages.next_page().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        assert!(error.message().contains(told), "{error}");
        assert!(!format!("{error:?}").contains("Ana"), "{error:?}");
    }
}

#[tokio::test]
async fn a_failed_page_is_read_again() {
    let (_, client) = Script::of([
        json("{}"),
        json(r#"{"@odata.count":2,"value":[{"name":"a"}]}"#),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let mut pages = rows.pages(&query().with_count(), PageOptions::default());
    pages.next_page().await.unwrap_err();
    let page = pages.next_page().await.unwrap().unwrap();
    assert_eq!((page.rows.len(), page.count), (1, Some(2)));
}

#[tokio::test]
async fn sizes_that_do_not_fit_are_refused() {
    let (_, client) = Script::of([]);
    let rows = client.table(Table::OPPORTUNITY);
    let mut pages = rows.pages(&query().with_top(5), PageOptions::default().with_size(5001));
    let error = pages.next_page().await.unwrap_err();
    assert!(error.message().contains("5001 rows"), "{error}");
    assert!(error.message().contains("give one of them"), "{error}");
    assert!(pages.next_page().await.unwrap().is_none());
}

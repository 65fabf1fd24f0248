//! Lists: order of requests, ends, links.

use cosell_referrals::{
    Continuation, Direction, ErrorKind, Filter, ListOptions, Order, OrderBy, Sent,
};
use futures_util::{StreamExt, TryStreamExt};

use crate::support::{Scripted, Turn};

const COLLECTION: &str = "https://api.partner.microsoft.com/v1.0/engagements/referrals";

fn page(ids: &[&str], link: Option<&str>) -> Turn {
    let rows: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    let link = link.map(|link| format!(r#","@odata.nextLink":"{link}""#));
    Turn::Answer(
        200,
        format!(
            r#"{{"@odata.count":1,"value":[{}]{}}}"#,
            rows.join(","),
            link.unwrap_or_default()
        ),
    )
}

fn broken_link(token: &str) -> String {
    format!("http://api.partner.microsoft.com/v1.0/referrals?$skiptoken={token}")
}

#[tokio::test]
async fn a_list_goes_on_past_an_empty_page_and_ends_without_a_link() {
    let service = Scripted::new([
        page(&["a", "b"], Some(&broken_link("1%2fA"))),
        page(&[], Some(&format!("{COLLECTION}?$skiptoken=2"))),
        page(&["c"], None),
    ]);
    let options = ListOptions::default()
        .with_filter(Filter::direction(&Direction::Incoming))
        .with_order(Order::newest(OrderBy::Updated))
        .with_top(2);
    let referrals: Vec<_> = service.client().list(options).try_collect().await.unwrap();
    let ids: Vec<_> = referrals
        .iter()
        .map(|one| one.id().unwrap().unwrap())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(
        service.addresses(),
        [
            format!(
                "{COLLECTION}?$filter=direction%20eq%20%27Incoming%27\
                 &$orderby=updatedDateTime%20desc&$top=2"
            ),
            format!("{COLLECTION}?$skiptoken=1%2fA"),
            format!("{COLLECTION}?$skiptoken=2"),
        ]
    );
}

#[tokio::test]
async fn pages_are_asked_for_as_they_are_needed() {
    let service = Scripted::new([
        page(&["a", "b"], Some(&broken_link("1"))),
        page(&["c"], None),
    ]);
    let mut list = service.client().list(ListOptions::default());
    assert_eq!(service.requests(), 0);
    list.next().await.unwrap().unwrap();
    list.next().await.unwrap().unwrap();
    assert_eq!(service.requests(), 1);
    list.next().await.unwrap().unwrap();
    assert!(list.next().await.is_none());
    assert_eq!(service.requests(), 2);
}

#[tokio::test]
async fn a_stored_place_is_gone_on_from() {
    let service = Scripted::new([
        page(&["a"], Some(&broken_link("1"))),
        page(&["b"], Some(&broken_link("2"))),
        page(&["c"], None),
    ]);
    let client = service.client();
    let first = client.first_page(&ListOptions::default()).await.unwrap();
    let stored = serde_json::to_string(&first.next.unwrap()).unwrap();
    assert_eq!(stored, r#""/v1.0/engagements/referrals?$skiptoken=1""#);
    let place: Continuation = serde_json::from_str(&stored).unwrap();
    let pages: Vec<_> = client.pages_after(place).try_collect().await.unwrap();
    let ids: Vec<_> = pages
        .iter()
        .map(|page| page.items[0].id().unwrap().unwrap())
        .collect();
    assert_eq!(ids, ["b", "c"]);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let service = Scripted::new([page(&["a"], Some("https://evil.example/v1.0/referrals"))]);
    let failed = service
        .client()
        .first_page(&ListOptions::default())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Malformed);
    assert!(failed.to_string().contains("another host"), "{failed}");
    assert_eq!(service.requests(), 1);
}

#[tokio::test]
async fn a_stored_place_elsewhere_is_refused_unsent() {
    let service = Scripted::new([]);
    for place in ["https://evil.example/", "//evil.example/x", "https://"] {
        let place = Continuation::new(place);
        let failed = service.client().next_page(&place).await.unwrap_err();
        assert_eq!(
            (failed.kind(), failed.sent()),
            (ErrorKind::Invalid, Sent::No)
        );
    }
    // A path that looks like a host is caught when it is used.
    let sly = "https://api.partner.microsoft.com//evil.example/x";
    let service = Scripted::new([page(&[], Some(sly))]);
    let pages = service.client().pages(ListOptions::default());
    let last = pages.collect::<Vec<_>>().await.pop().unwrap();
    assert!(last.is_err());
    assert_eq!(service.requests(), 1);
}

#[tokio::test]
async fn links_in_a_circle_end_in_an_error() {
    let service = Scripted::new([
        page(&["a"], Some(&broken_link("1"))),
        page(&["a"], Some(&broken_link("1"))),
    ]);
    let pages = service.client().pages(ListOptions::default());
    let failed = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Malformed);

    let round = (0..).map(|n| page(&["a"], Some(&broken_link(["1", "2", "3"][n % 3]))));
    let service = Scripted::new(round.take(12));
    let list = service.client().list(ListOptions::default());
    assert!(list.try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test]
async fn an_answer_without_value_is_malformed_and_says_where() {
    let service = Scripted::answering(200, r#"{"items":[]}"#);
    let failed = service
        .client()
        .first_page(&ListOptions::default())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Malformed);
    let cause = std::error::Error::source(&failed).unwrap().to_string();
    assert_eq!(cause, "value: expected a list of referrals, found nothing");
}

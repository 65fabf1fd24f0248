//! Queries in FetchXML.

use cosell_dataverse::{FetchXml, Table};
use cosell_http::ErrorKind;
use futures_util::TryStreamExt;
use http::Request;
use percent_encoding::percent_decode_str;

use crate::fake::{DEAL, Script, answer, header, json};

const QUERY: &str = "<fetch count='2'><entity name='opportunity'><attribute name='name'/>\
                     <filter><condition attribute='name' operator='like' value='%&amp;#%'/></filter>\
                     </entity></fetch>";

fn page(cookie: Option<&str>) -> String {
    let more = cookie.is_some();
    let cookie = cookie.map(|cookie| {
        format!("<cookie pagenumber=\"2\" pagingcookie=\"{cookie}\" istracking=\"False\" />")
    });
    serde_json::json!({
        "@Microsoft.Dynamics.CRM.totalrecordcount": -1,
        "@Microsoft.Dynamics.CRM.morerecords": more,
        "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie": cookie,
        "value": [{"opportunityid": DEAL, "name": "Deal A"}],
    })
    .to_string()
}

fn asked(request: &Request<bytes::Bytes>) -> String {
    let query = request.uri().query().unwrap();
    let text = query.strip_prefix("fetchXml=").unwrap();
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn pages_follow_the_cookie_until_there_are_no_more() {
    let cookie = "%253ccookie%2520page%253d%25221%2522%253e%253c%252fcookie%253e";
    let (script, client) = Script::of([json(&page(Some(cookie))), json(&page(None))]);
    let query = FetchXml::parse(QUERY).unwrap();
    let deals = client.table(Table::OPPORTUNITY);
    let mut pages = deals.fetch(&query, None);
    let first = pages.next_page().await.unwrap().unwrap();
    assert_eq!((first.rows.len(), first.total), (1, None));
    let stored = serde_json::to_string(pages.continuation().unwrap()).unwrap();
    drop(pages);
    let from = serde_json::from_str(&stored).unwrap();
    let rest: Vec<_> = deals
        .resume_fetch(&query, None, from)
        .into_stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    let [first, second] = &script.requests()[..] else {
        panic!("two requests");
    };
    assert_eq!(asked(first).replace('"', "'"), QUERY);
    let second_text = asked(second);
    assert!(
        second_text.starts_with(
            "<fetch count=\"2\" page=\"2\" \
             paging-cookie=\"&lt;cookie page=&quot;1&quot;&gt;&lt;/cookie&gt;\">"
        ),
        "{second_text}"
    );
    assert_eq!(
        header(first, "prefer"),
        ["odata.include-annotations=\"Microsoft.Dynamics.CRM.*\""]
    );
}

#[tokio::test]
async fn a_cookie_that_repeats_ends_the_reading() {
    let cookie = "%253ccookie%253e";
    let (_, client) = Script::of([json(&page(Some(cookie))), json(&page(Some(cookie)))]);
    let query = FetchXml::parse(QUERY).unwrap();
    let mut pages = client.table(Table::OPPORTUNITY).fetch(&query, Some(1));
    pages.next_page().await.unwrap().unwrap();
    let error = pages.next_page().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(pages.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn a_query_with_a_top_has_one_page() {
    let (_, client) = Script::of([json(&page(Some("%253ccookie%253e")))]);
    let top = QUERY.replace("count='2'", "top='2'");
    let query = FetchXml::parse(top).unwrap();
    let mut pages = client.table(Table::OPPORTUNITY).fetch(&query, Some(50));
    assert!(pages.next_page().await.unwrap().unwrap().next.is_none());
    assert!(pages.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn a_query_too_long_for_an_address_goes_inside_a_batch() {
    let values: String = (0..1200).map(|n| format!("<value>{n}</value>")).collect();
    let long = format!("<fetch><entity name='opportunity'>{values}</entity></fetch>");
    let part = format!(
        "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\
         Content-Type: application/json\r\n\r\n{}\r\n--b--\r\n",
        page(None)
    );
    let refused = part.replace("200 OK", "400 Bad Request");
    let kind = [("content-type", "multipart/mixed; boundary=b")];
    let (script, client) = Script::of([answer(200, &kind, &part), answer(400, &kind, &refused)]);
    let query = FetchXml::parse(long).unwrap();
    let deals = client.table(Table::OPPORTUNITY);
    let page = deals
        .fetch(&query, None)
        .next_page()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(page.rows.len(), 1);
    let error = deals.fetch(&query, None).next_page().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let request = &script.requests()[0];
    assert!(request.uri().path().ends_with("/$batch"));
    let body = std::str::from_utf8(request.body()).unwrap();
    assert!(body.contains("\r\nGET /api/data/v9.2/opportunities?fetchXml=%3Cfetch%3E"));
    assert!(
        body.contains("\r\nPrefer: odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"\r\n")
    );

    let values = "<value>%%%%%%%%%%%%%%%%%%%%</value>".repeat(1000);
    let longer = format!("<fetch><entity name='opportunity'>{values}</entity></fetch>");
    let query = FetchXml::parse(longer).unwrap();
    let error = deals.fetch(&query, None).next_page().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(script.requests().len(), 2);
}

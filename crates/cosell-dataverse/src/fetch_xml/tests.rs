use proptest::prelude::*;

use super::*;

const QUERY: &str = "<?xml version=\"1.0\"?>\n<fetch count='2' returntotalrecordcount='true'>\
                     <entity name='opportunity'><attribute name='name'/></entity></fetch>";
const ANNOTATION: &str = "<cookie pagenumber=\"2\" pagingcookie=\"%253ccookie%2520page%253d%25\
                          221%2522%253e%253cname%2520last%253d%2522O'Brien%2520%2526amp%253b%2520Co%2522%2520%252f%253e%253c%252fcookie%253e\" istracking=\"False\" />";

#[test]
fn a_page_changes_nothing_but_the_root() {
    let query = FetchXml::parse(QUERY).unwrap();
    let cookie = paging_cookie(ANNOTATION).unwrap();
    assert_eq!(
        cookie,
        "<cookie page=\"1\"><name last=\"O'Brien &amp; Co\" /></cookie>"
    );
    let at = FetchContinuation {
        page: 2,
        cookie: Some(cookie.clone()),
    };
    let text = query.page(Some(50), &at);
    assert!(
        text.starts_with("<?xml version=\"1.0\"?>\n<fetch "),
        "{text}"
    );
    assert!(
        text.ends_with("><entity name='opportunity'><attribute name='name'/></entity></fetch>")
    );
    // What the service reads of it is what was put in.
    let mut reader = Reader::from_str(&text);
    let root = loop {
        if let Event::Start(root) = reader.read_event().unwrap() {
            break root;
        }
    };
    let told = |name: &str| {
        let attribute = root.try_get_attribute(name).unwrap()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        Some(value.unwrap().into_owned())
    };
    assert_eq!(told("count").as_deref(), Some("50"));
    assert_eq!(told("page").as_deref(), Some("2"));
    assert_eq!(told("returntotalrecordcount").as_deref(), Some("true"));
    assert_eq!(told("paging-cookie"), Some(cookie));
}

#[test]
fn what_is_no_query_is_refused_and_not_repeated() {
    let deep = format!("<fetch>{}", "<filter>".repeat(100));
    let cases: [(&str, &str); 9] = [
        ("", "outermost element"),
        ("<entity name='Ana'/>", "outermost element"),
        ("<fetch><entity name='a'>", "ends too early"),
        ("<fetch></fetch>", "no entity"),
        (
            "<fetch><entity name='a'/><entity name='b'/></fetch>",
            "several entities",
        ),
        ("<fetch><entity/></fetch>", "no usable name"),
        (
            "<fetch page='2' paging-cookie='Ana'><entity name='a'/></fetch>",
            "sets page",
        ),
        (
            "<!DOCTYPE fetch><fetch><entity name='a'/></fetch>",
            "document type",
        ),
        (&deep, "deeper"),
    ];
    for (text, reason) in cases {
        let error = FetchXml::parse(text).unwrap_err();
        assert!(error.message().contains(reason), "{text}: {error}");
        assert!(!error.to_string().contains("Ana"), "{error}");
        assert_eq!(error.sent(), Sent::No);
    }
    let long = format!("<fetch><entity name='{}'/></fetch>", "a".repeat(70_000));
    assert!(FetchXml::parse(long).is_err());
    let after = "<fetch><entity name='a'/></fetch><fetch/>";
    assert!(FetchXml::parse(after).is_err());
}

#[test]
fn strange_cookies_are_left_out() {
    for text in [
        "",
        "<",
        "<cookie/>",
        "<cookie pagingcookie=\"\"/>",
        "<a>",
        "%%%",
    ] {
        assert_eq!(paging_cookie(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        at in 0usize..150, cut in 0usize..40, with in "[<>/'\"= a-z&;]{0,10}|\\PC{0,6}",
    ) {
        let mut text = QUERY.to_owned();
        let at = at.min(text.len());
        let to = (at + cut).min(text.len());
        text.replace_range(at..to, &with);
        if let Ok(query) = FetchXml::parse(text) {
            let first = FetchContinuation { page: 3, cookie: Some(with.clone()) };
            // The next page of what can be read can be read, but for the page itself.
            let next = query.page(Some(1), &first);
            prop_assert!(next.contains(" page=\"3\""));
        }
        let _ = paging_cookie(&with);
    }
}

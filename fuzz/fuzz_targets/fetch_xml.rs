//! Any query in FetchXML and any answer to it: parsed as it stands or refused, and paging ends.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use cosell_dataverse::{Dataverse, FetchXml, Table};
use cosell_fuzz::{OneToken, Parrot, Still, run};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    query: &'a str,
    filter: &'a str,
    answer: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    if let Ok(query) = FetchXml::parse(input.query) {
        assert_eq!(query.as_str(), input.query);
        let _ = (query.table(), format!("{query:?}"));
    }
    let text = format!(
        "<fetch><entity name='opportunity'><attribute name='name'/>{}</entity></fetch>",
        input.filter
    );
    let Ok(query) = FetchXml::parse(text) else {
        return;
    };
    let service = Parrot::new(b"application/json", input.answer);
    let environment = "https://contoso.crm4.dynamics.com"
        .parse()
        .expect("an address");
    let client = Dataverse::builder(environment, service, Arc::new(OneToken), Arc::new(Still))
        .build()
        .expect("a client");
    let mut pages = client.table(Table::OPPORTUNITY).fetch(&query, Some(2));
    for _ in 0..3 {
        match run(pages.next_page()) {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
});

//! No value changes what a condition on rows means, and the address carries it unharmed.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use cosell_dataverse::{Dataverse, Filter, PageOptions, Query, Table};
use cosell_fuzz::{OneToken, Parrot, Still, literals, option, run};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    column: &'a str,
    texts: [&'a str; 3],
    number: i64,
}

fuzz_target!(|input: Input<'_>| {
    let [first, second, third] = input.texts;
    let filter = Filter::eq("name", first)
        .or(Filter::contains("description", second))
        .and(Filter::starts_with("name", third).negate())
        .and(Filter::ge("statecode", input.number));
    let (texts, rest) = literals(filter.as_str()).expect("every quote is closed");
    assert_eq!(texts, input.texts);
    let number = input.number;
    assert_eq!(
        rest,
        format!(
            "(((name eq ?) or (contains(description,?))) and (not (startswith(name,?)))) and \
             (statecode ge {number})"
        )
    );

    let service = Parrot::new(b"application/json", b"{\"value\":[]}");
    let environment = "https://contoso.crm4.dynamics.com"
        .parse()
        .expect("an address");
    let client = Dataverse::builder(
        environment,
        service.clone(),
        Arc::new(OneToken),
        Arc::new(Still),
    )
    .build()
    .expect("a client");
    let rows = client.table(Table::OPPORTUNITY);
    let query = Query::select(["name"]).with_filter(filter.clone());
    let _ = run(rows.pages(&query, PageOptions::default()).next_page());
    if let Some(uri) = service.asked() {
        assert_eq!(option(&uri, "$filter").as_deref(), Some(filter.as_str()));
    }

    // A column's name is quoted by nothing: it goes out as it is, or not at all.
    let before = service.asked();
    let odd = Filter::eq(input.column, first);
    let query = Query::select(["name"]).with_filter(odd.clone());
    if run(rows.pages(&query, PageOptions::default()).next_page()).is_ok() {
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/');
        assert!(
            input.column.chars().all(name),
            "{:?} went out",
            input.column
        );
    } else {
        assert!(service.asked() == before || odd.as_str().len() > 1_000);
    }
});

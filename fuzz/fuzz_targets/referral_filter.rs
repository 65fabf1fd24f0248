//! No text changes what a condition on referrals means: literals read back as they were given, and
//! the address carries the expression unharmed.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use cosell_fuzz::{OneToken, Parrot, Still, literals, option, run};
use cosell_referrals::{Filter, ListOptions, Referrals};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    texts: [&'a str; 3],
    any: bool,
}

fuzz_target!(|input: Input<'_>| {
    let [first, second, third] = input.texts;
    let pair = if input.any {
        Filter::engagement(first).or(Filter::team_email(second))
    } else {
        Filter::engagement(first).and(Filter::team_email(second))
    };
    let filter = pair.and(Filter::external_reference_id(third));
    let (texts, rest) = literals(filter.as_str()).expect("every quote is closed");
    assert_eq!(texts, input.texts);
    let expected = if input.any {
        "(engagementId eq ? or team/any(t:t/email eq ?)) and externalReferenceId eq ?"
    } else {
        "engagementId eq ? and team/any(t:t/email eq ?) and externalReferenceId eq ?"
    };
    assert_eq!(rest, expected);

    let service = Parrot::new(b"application/json", b"{\"value\":[]}");
    let client = Referrals::builder(service.clone(), Arc::new(OneToken), Arc::new(Still))
        .build()
        .expect("a client");
    let _ = run(client.first_page(&ListOptions::default().with_filter(filter.clone())));
    if let Some(uri) = service.asked() {
        assert_eq!(option(&uri, "$filter").as_deref(), Some(filter.as_str()));
    }
});

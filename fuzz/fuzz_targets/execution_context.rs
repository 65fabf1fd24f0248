//! Any headers and body in the place of an event of Dataverse: read or refused.
#![no_main]

use arbitrary::Arbitrary;
use cosell_dataverse::event::Event;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let mut headers = HeaderMap::new();
    for (name, value) in &input.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            headers.append(name, value);
        }
    }
    if let Ok(event) = Event::read(&headers, input.body) {
        let _ = format!("{event:?}");
        assert!(!event.message.is_empty() && !event.table.is_empty());
    }
    // The body alone, so that odd headers do not hide what it can do.
    let _ = Event::read(&HeaderMap::new(), input.body);
});

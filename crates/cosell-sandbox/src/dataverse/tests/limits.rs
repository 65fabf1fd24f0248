//! Service protection.

use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;

use super::{Options, Sandbox};
use crate::dataverse::Limits;

fn small() -> Limits {
    Limits::default()
        .with_window(Duration::from_secs(30))
        .with_requests(3)
        .with_execution(Duration::from_secs(10))
        .with_at_once(2)
}

#[test]
fn requests_are_counted_over_a_sliding_window() {
    let mut sandbox = Sandbox::with(Options::default().with_limits(small()));
    for left in ["2", "1", "0"] {
        let answer = sandbox.get("WhoAmI").expect(200);
        assert_eq!(
            answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
            left
        );
        sandbox.now += TimeDelta::seconds(5);
    }
    let refused = sandbox.get("WhoAmI").refused(429, "0x80072322");
    assert_eq!(refused.header("retry-after"), "16");
    assert_eq!(
        refused.message(),
        "Number of requests exceeded the limit of 3 over time window of 30 seconds."
    );
    sandbox.now += TimeDelta::seconds(16);
    sandbox.get("WhoAmI").expect(200);
    sandbox.get("WhoAmI").refused(429, "0x80072322");
}

#[test]
fn execution_time_and_requests_at_once_are_limited_too() {
    let limits = small()
        .with_requests(100)
        .with_operation(Duration::from_secs(4));
    let mut sandbox = Sandbox::with(Options::default().with_limits(limits));
    sandbox.get("WhoAmI").expect(200);
    sandbox.get("WhoAmI").expect(200);
    let refused = sandbox.get("WhoAmI").refused(429, "0x80072326");
    assert_eq!(refused.header("retry-after"), "1");
    sandbox.now += TimeDelta::seconds(4);
    sandbox.get("WhoAmI").expect(200);
    let refused = sandbox.get("WhoAmI").refused(429, "0x80072321");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS.as_u16());
    assert_eq!(refused.header("retry-after"), "27");
}

#[test]
fn without_limits_nothing_is_refused_and_the_rest_is_told() {
    let mut sandbox = Sandbox::new();
    for _ in 0..3 {
        sandbox.get("WhoAmI").expect(200);
    }
    let answer = sandbox.get("WhoAmI");
    assert_eq!(
        answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
        "5996"
    );
    assert_eq!(
        answer.header("x-ms-ratelimit-time-remaining-xrm-requests"),
        "1200000.00"
    );
}

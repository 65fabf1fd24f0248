use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Governor, GovernorOptions, Shared};
use crate::ErrorCode;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

/// Answers a request that is out.
fn answer(governor: &Governor, status: u16, pairs: &[(&'static str, &'static str)], code: u32) {
    let mut state = governor.shared.lock();
    let began = state.pace.begin();
    let code = Some(ErrorCode::from_number(code));
    let status = StatusCode::from_u16(status).unwrap();
    let now = DateTime::UNIX_EPOCH;
    state.pace.learn(began, now, status, &headers(pairs), code);
    state.pace.end();
}

fn hinted(hint: &'static str, options: GovernorOptions) -> Governor {
    let governor = Governor::new(options);
    answer(&governor, 200, &[("x-ms-dop-hint", hint)], 0);
    governor
}

#[test]
fn the_hint_is_where_it_starts_and_the_cap_where_it_ends() {
    assert_eq!(Governor::default().report().limit, 4);
    assert_eq!(hinted("20", GovernorOptions::default()).report().limit, 20);
    let capped = hinted("20", GovernorOptions::default().with_cap(6));
    assert_eq!((capped.report().limit, capped.report().hint), (6, Some(20)));
    for nonsense in ["0", "-1", "many", "99999999999"] {
        assert_eq!(
            hinted(nonsense, GovernorOptions::default()).report().limit,
            4
        );
    }
    assert_eq!(
        hinted("4000000", GovernorOptions::default()).report().limit,
        1024
    );
}

#[test]
fn a_burst_pauses_and_density_halves_once_for_all_that_were_out() {
    let governor = hinted("16", GovernorOptions::default());
    answer(&governor, 429, &[("retry-after", "27")], 0x8007_2322);
    let report = governor.report();
    assert_eq!((report.limit, report.throttled.requests), (16, 1));
    let until = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(27);
    assert_eq!(report.paused_until, Some(until));

    // Eight out together are refused together.
    {
        let mut state = governor.shared.lock();
        let out: Vec<_> = (0..8).map(|_| state.pace.begin()).collect();
        for began in out {
            let code = Some(ErrorCode::ThrottlingConcurrencyLimitExceeded);
            let status = StatusCode::TOO_MANY_REQUESTS;
            let now = DateTime::UNIX_EPOCH;
            state
                .pace
                .learn(began, now, status, &HeaderMap::new(), code);
            state.pace.end();
        }
    }
    let report = governor.report();
    assert_eq!((report.limit, report.throttled.at_once), (8, 8));
    answer(&governor, 429, &[], 0x8007_2321);
    assert_eq!(governor.report().limit, 4);
    for _ in 0..10 {
        answer(&governor, 429, &[], 0x8007_2321);
    }
    assert_eq!(governor.report().limit, 1, "one place always stays");
}

#[test]
fn it_grows_back_by_steps_and_probes_the_refused_number_rarely() {
    let governor = hinted("8", GovernorOptions::default());
    {
        let mut state = governor.shared.lock();
        let out: Vec<_> = (0..7).map(|_| state.pace.begin()).collect();
        let code = Some(ErrorCode::ThrottlingConcurrencyLimitExceeded);
        let status = StatusCode::TOO_MANY_REQUESTS;
        let now = DateTime::UNIX_EPOCH;
        state
            .pace
            .learn(out[0], now, status, &HeaderMap::new(), code);
        for _ in out {
            state.pace.end();
        }
    }
    assert_eq!(governor.report().limit, 4);
    for _ in 0..9 {
        answer(&governor, 204, &[], 0);
    }
    assert_eq!(governor.report().limit, 6, "seven at once were refused");
    for _ in 0..999 {
        answer(&governor, 204, &[], 0);
    }
    assert_eq!(governor.report().limit, 6);
    answer(&governor, 204, &[], 0);
    assert_eq!(governor.report().limit, 7);
}

#[test]
fn places_go_to_the_lanes_in_turn() {
    let governor = Governor::new(GovernorOptions::default().with_cap(1));
    let shared = &governor.shared;
    let first = Shared::take(shared, 0).now_or_never().unwrap();
    let mut busy: Vec<_> = (0..3).map(|_| Box::pin(Shared::take(shared, 1))).collect();
    let mut quiet = Box::pin(Shared::take(shared, 2));
    assert!(busy.iter_mut().all(|wait| wait.now_or_never().is_none()));
    assert!((&mut quiet).now_or_never().is_none());
    assert_eq!(governor.report().waiting, 4);

    drop(first);
    let one = (&mut busy[0])
        .now_or_never()
        .expect("the first in the queue");
    drop(one);
    let two = (&mut quiet).now_or_never().expect("the other lane's turn");
    // A caller that goes away gives up its turn.
    drop(busy.remove(1));
    drop(two);
    assert!((&mut busy[1]).now_or_never().is_some());
    assert_eq!(governor.report().in_flight, 0);
}

#[test]
fn a_place_given_to_a_caller_that_went_away_is_not_lost() {
    let governor = Governor::new(GovernorOptions::default().with_cap(1));
    let first = Shared::take(&governor.shared, 0).now_or_never().unwrap();
    let mut waiting = Box::pin(Shared::take(&governor.shared, 0));
    assert!((&mut waiting).now_or_never().is_none());
    drop(first);
    // It has the place by now and never looks.
    drop(waiting);
    assert_eq!(governor.report().in_flight, 0);
    assert!(Shared::take(&governor.shared, 0).now_or_never().is_some());
}

#[test]
fn what_is_left_is_reported_and_steers_nothing() {
    let governor = hinted("8", GovernorOptions::default());
    let left = [
        ("x-ms-ratelimit-burst-remaining-xrm-requests", "0"),
        ("x-ms-ratelimit-time-remaining-xrm-requests", "1,199,000.11"),
    ];
    answer(&governor, 200, &left, 0);
    let report = governor.report();
    assert_eq!(report.requests_left, Some(0));
    assert_eq!(report.milliseconds_left.unwrap().to_string(), "1199000.11");
    assert_eq!((report.limit, report.paused_until), (8, None));
}

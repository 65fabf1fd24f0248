//! When a call is sent again, how long it waits first, and what its error says in the end.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use chrono::TimeDelta;
use cosell_http::{
    Error, ErrorKind, Repeat, RetryOptions, Sent, Sleep, TokenError, TransportError,
};
use http::Response;

use crate::support::{Bench, Clock, Diary, call, get, lost, status, with_header};

type Played = fn() -> Result<Response<Bytes>, TransportError>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

// R123
#[tokio::test]
async fn a_failure_and_the_calls_mark_decide_how_often_it_is_sent() {
    let cases: [(&str, Played, [usize; 3]); 11] = [
        ("not sent", || lost(Sent::No), [4, 4, 1]),
        ("no answer", || lost(Sent::Maybe), [4, 1, 1]),
        ("429", || status(429), [4, 4, 1]),
        (
            "429 with wait",
            || with_header(429, "retry-after", "1"),
            [4, 4, 1],
        ),
        (
            "503 with wait",
            || with_header(503, "retry-after", "1"),
            [4, 4, 1],
        ),
        ("503", || status(503), [4, 1, 1]),
        ("500", || status(500), [4, 1, 1]),
        ("408", || status(408), [4, 1, 1]),
        ("401", || status(401), [2, 2, 1]),
        ("400", || status(400), [1, 1, 1]),
        ("412", || status(412), [1, 1, 1]),
    ];
    for (name, played, sent) in cases {
        for (repeat, sent) in [Repeat::Safe, Repeat::IfNotSent, Repeat::Never]
            .into_iter()
            .zip(sent)
        {
            let bench = Bench::new((0..9).map(|_| played()));
            let error = bench.client.call(call("x", repeat)).await.unwrap_err();
            assert_eq!(bench.script.sent(), sent, "{name} {repeat:?}");
            assert_eq!(error.tries() as usize, sent, "{name} {repeat:?}");
        }
    }
}

#[tokio::test]
async fn what_a_repeat_cannot_cure_is_not_repeated() {
    let permanent = Err(TransportError::new(Sent::No, "no trust store").permanent());
    let bench = Bench::new([permanent]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Transport, Sent::No)
    );
    assert_eq!(bench.script.sent(), 1);
}

// R123
#[tokio::test]
async fn the_wait_that_the_service_names_is_obeyed_to_the_second() {
    let bench = Bench::new([
        with_header(429, "retry-after", "57"),
        with_header(503, "retry-after", "Mon, 09 Mar 2026 12:01:17 GMT"),
    ]);
    bench.client.call(get("x")).await.unwrap();
    assert_eq!(bench.clock.slept(), [seconds(57), seconds(20)]);
}

// R123
#[tokio::test]
async fn without_a_named_wait_the_waits_are_random_below_a_growing_bound() {
    let options = RetryOptions::default()
        .with_tries(8)
        .with_backoff(seconds(1), seconds(8));
    let run = async |seed| {
        let bench = Bench::with((0..7).map(|_| status(500)), |builder| {
            builder.retry(options.clone().with_seed(seed))
        });
        bench.client.call(get("x")).await.unwrap();
        bench.clock.slept()
    };
    let waits = run(1).await;
    assert_eq!(waits.len(), 7);
    for (wait, bound) in waits.iter().zip([1, 2, 4, 8, 8, 8, 8]) {
        assert!(*wait <= seconds(bound), "{waits:?}");
    }
    assert_eq!(waits, run(1).await);
    assert_ne!(waits, run(2).await);
}

#[tokio::test]
async fn a_server_error_may_name_a_wait_of_its_own_call() {
    let bench = Bench::new([
        with_header(500, "retry-after", "9"),
        status(200),
        status(200),
    ]);
    bench.client.call(get("x")).await.unwrap();
    assert_eq!(bench.clock.slept(), [seconds(9)]);

    let bench = Bench::new([with_header(502, "retry-after", "900")]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service);
    assert_eq!(error.retry_after(), Some(seconds(900)));
    bench.client.call(get("x")).await.unwrap();
    assert!(
        bench.clock.slept().is_empty(),
        "one sick answer stops nobody else"
    );
}

#[tokio::test]
async fn a_named_wait_of_nothing_does_not_hammer() {
    let bench = Bench::new([with_header(429, "retry-after", "0")]);
    bench.client.call(get("x")).await.unwrap();
    assert!(!bench.clock.slept()[0].is_zero());
}

#[tokio::test]
async fn a_wait_that_is_too_long_ends_the_call_and_still_holds_for_the_next() {
    let bench = Bench::new([with_header(429, "retry-after", "600")]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.sent(), Sent::No);
    assert_eq!(error.retry_after(), Some(seconds(600)));

    bench.clock.advance(seconds(100));
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry_after(), Some(seconds(500)));
    assert_eq!(error.tries(), 0);
    assert_eq!(bench.script.sent(), 1);
    assert!(bench.clock.slept().is_empty());

    bench.clock.advance(seconds(500));
    bench.client.call(get("x")).await.unwrap();
}

#[tokio::test]
async fn one_throttled_call_holds_back_all_and_each_can_be_dropped() {
    let clock = Clock::still();
    let bench = Bench::over(
        [with_header(429, "retry-after", "30")],
        clock.clone(),
        Diary::default(),
        |builder| builder,
    );
    let first = tokio::spawn({
        let client = bench.client.clone();
        async move { client.call(get("first")).await }
    });
    while clock.slept().is_empty() {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (0..2)
        .map(|_| {
            let client = bench.client.clone();
            tokio::spawn(async move { client.call(call("other", Repeat::Never)).await })
        })
        .collect();
    while clock.slept().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(clock.slept(), [seconds(30); 3]);
    assert_eq!(bench.script.sent(), 1);

    others[0].abort();
    first.abort();
    clock.advance(seconds(30));
    let [cancelled, other] = <[_; 2]>::try_from(others).unwrap();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    other.await.unwrap().unwrap();
    assert_eq!(bench.script.sent(), 2);
}

#[tokio::test]
async fn an_outage_does_not_multiply_the_traffic() {
    let bench = Bench::with((0..200).map(|_| status(500)), |builder| {
        builder.retry(RetryOptions::default().with_budget(6).with_seed(1))
    });
    for _ in 0..20 {
        let client = bench.client.clone();
        let error = client.call(get("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Service);
    }
    assert_eq!(bench.script.sent(), 20 + 6);
}

#[tokio::test]
async fn nothing_leaves_after_the_deadline() {
    let until = |bench: &Bench, seconds| Some(bench.clock.now() + TimeDelta::seconds(seconds));

    let bench = Bench::new([]);
    let late = get("x").with_not_after(until(&bench, -1));
    let error = bench.client.call(late).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::TooLate, Sent::No));
    assert_eq!((error.tries(), bench.script.sent()), (0, 0));
    let in_time = get("x").with_not_after(until(&bench, 0));
    bench.client.call(in_time).await.unwrap();

    let cases: [(Played, Sent); 3] = [
        (|| with_header(429, "retry-after", "31"), Sent::No),
        (|| with_header(503, "retry-after", "31"), Sent::No),
        (|| lost(Sent::Maybe), Sent::Maybe),
    ];
    for (played, sent) in cases {
        let bench = Bench::with((0..9).map(|_| played()), |builder| {
            let options = RetryOptions::default().with_backoff(seconds(600), seconds(600));
            builder.retry(options.with_seed(7))
        });
        let call = get("x").with_not_after(until(&bench, 30));
        let error = bench.client.call(call).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.sent()),
            (ErrorKind::TooLate, sent),
            "{error:?}"
        );
        assert_eq!(bench.script.sent(), 1);
        assert!(
            bench.clock.slept().is_empty(),
            "no sleep beyond the deadline"
        );
        let cause = error.source().unwrap().downcast_ref::<Error>().unwrap();
        assert_ne!(cause.kind(), ErrorKind::TooLate);
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_may_be_our_own_echo() {
    let bench = Bench::new([lost(Sent::Maybe), status(412)]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.status().unwrap(), 412);
    assert_eq!(error.sent(), Sent::Maybe);

    let bench = Bench::new([lost(Sent::No), status(429), status(412)]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.sent(), Sent::Answered);
    assert_eq!(error.tries(), 3);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let bench = Bench::new([status(401), status(200)]);
    bench
        .client
        .call(call("x", Repeat::IfNotSent))
        .await
        .unwrap();
    assert_eq!(*bench.tokens.refused.lock().unwrap(), [false, true]);
    assert_eq!(
        bench.script.header(1, "authorization").unwrap(),
        "Bearer token-2"
    );

    let bench = Bench::new([status(401), status(401)]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Denied, Sent::Answered)
    );
    assert_eq!(bench.script.sent(), 2);
}

#[tokio::test]
async fn a_token_refused_on_a_call_that_is_never_repeated_is_replaced_for_the_next() {
    let bench = Bench::new([status(401), status(200), status(200)]);
    bench
        .client
        .call(call("x", Repeat::Never))
        .await
        .unwrap_err();
    bench.client.call(call("x", Repeat::Never)).await.unwrap();
    bench.client.call(call("x", Repeat::Never)).await.unwrap();
    assert_eq!(*bench.tokens.refused.lock().unwrap(), [false, true, false]);
}

// R33
#[tokio::test]
async fn a_failed_sign_in_stops_the_call_before_it_is_sent() {
    let refused = TokenError::Refused {
        code: "invalid_grant AADSTS50076".into(),
        description: "more proof is needed".into(),
        advice: "sign in again".into(),
        claims: None,
    };
    let bench = Bench::new([]);
    bench.tokens.failures.lock().unwrap().push_back(refused);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::SignIn, Sent::No));
    assert_eq!(error.code(), Some("invalid_grant AADSTS50076"));
    let source = error.source().unwrap().to_string();
    assert!(source.contains("sign in again") && !error.to_string().contains("sign in again"));
    assert!(error.to_string().contains("https://service.example"));
    assert_eq!(bench.script.sent(), 0);

    for (repeat, asked) in [(Repeat::IfNotSent, 3), (Repeat::Never, 1)] {
        let bench = Bench::new([]);
        let away = || TokenError::Unreachable("away".into());
        bench
            .tokens
            .failures
            .lock()
            .unwrap()
            .extend([away(), away()]);
        let outcome = bench.client.call(call("x", repeat)).await;
        assert_eq!(outcome.is_ok(), repeat == Repeat::IfNotSent);
        assert_eq!(bench.tokens.refused.lock().unwrap().len(), asked);
    }
}

#[tokio::test]
async fn a_token_that_is_no_header_is_no_panic() {
    let bench = Bench::new([]);
    let odd =
        cosell_http::AccessToken::new("a\nb".into(), chrono::DateTime::<chrono::Utc>::MAX_UTC);
    #[derive(Debug)]
    struct Odd(cosell_http::AccessToken);
    #[async_trait::async_trait]
    impl cosell_http::TokenProvider for Odd {
        async fn token(
            &self,
            _: Option<&cosell_http::AccessToken>,
        ) -> Result<cosell_http::AccessToken, TokenError> {
            Ok(self.0.clone())
        }
    }
    let client = cosell_http::Client::builder(
        bench.client.base().clone(),
        bench.script.clone(),
        std::sync::Arc::new(Odd(odd)),
        bench.clock.clone(),
    )
    .build()
    .unwrap();
    let error = client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SignIn);
    assert_eq!(bench.script.sent(), 0);
}

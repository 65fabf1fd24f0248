//! Every fault, as a client on the network meets it.

use std::time::Duration;

use cosell_http::{Sent, Transport as _};
use cosell_sandbox::{
    ErrorBody, Fault, FaultRule, Garbage, InProcess, Moment, ServiceName,
    server::{Endpoints, Running},
};
use serde_json::{Value, json};

use crate::client::{Answer, Closed, control, crm_bearer, referrals_bearer, send, start};

const ROWS: &str = "/api/data/v9.2/opportunities";

struct Crm {
    running: Running,
    bearer: String,
}

impl Crm {
    async fn start() -> Self {
        let running = start().await;
        let bearer = crm_bearer(running.endpoints()).await;
        Self { running, bearer }
    }

    fn at(&self) -> &Endpoints {
        self.running.endpoints()
    }

    fn fault(&self, fault: Fault) {
        let rule = FaultRule::new(fault)
            .with_service(ServiceName::Dataverse)
            .with_method("POST");
        self.running.sandbox().add_fault(rule);
    }

    async fn create(&self, name: &str) -> Result<Answer, Closed> {
        let headers = [
            ("authorization", self.bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = json!({ "name": name }).to_string();
        send(&self.at().dataverse, "POST", ROWS, &headers, &body).await
    }

    fn rows(&self) -> usize {
        let rows = self
            .running
            .sandbox()
            .with(|sandbox| sandbox.rows("opportunity"));
        rows.unwrap().len()
    }
}

#[tokio::test]
async fn lost_answer_closes_the_connection_on_either_side_of_the_effect() {
    let crm = Crm::start().await;
    crm.fault(Fault::LoseAnswer {
        at: Moment::BeforeEffect,
    });
    crm.fault(Fault::LoseAnswer {
        at: Moment::AfterEffect,
    });
    assert_eq!(crm.create("a").await.unwrap_err(), Closed);
    assert_eq!(crm.rows(), 0);
    assert_eq!(crm.create("a").await.unwrap_err(), Closed);
    assert_eq!(crm.rows(), 1);
    assert_eq!(crm.create("b").await.unwrap().status, 204, "both are spent");
}

#[tokio::test]
async fn error_answers_come_in_the_words_of_their_service() {
    let crm = Crm::start().await;
    let busy = |at| Fault::Status {
        status: 429,
        retry_after: Some(27),
        at,
        body: ErrorBody::Service,
    };
    crm.fault(busy(Moment::BeforeEffect));
    crm.fault(busy(Moment::AfterEffect));
    for rows in [0, 1] {
        let answer = crm.create("a").await.unwrap();
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, Some("27"))
        );
        assert_eq!(answer.json()["error"]["code"], "0x80072322");
        assert_eq!(crm.rows(), rows);
    }
    let sandbox = crm.running.sandbox();
    for (status, body) in [
        (503, ErrorBody::Service),
        (429, ErrorBody::Gateway),
        (502, ErrorBody::Html),
        (504, ErrorBody::Empty),
    ] {
        sandbox.add_fault(
            FaultRule::new(Fault::Status {
                status,
                retry_after: None,
                at: Moment::BeforeEffect,
                body,
            })
            .with_path_contains("/referrals"),
        );
    }
    let bearer = referrals_bearer(crm.at()).await;
    let headers = [("authorization", bearer.as_str())];
    let mut answers = Vec::new();
    for _ in 0..4 {
        let list = "/v1.0/engagements/referrals";
        answers.push(
            send(&crm.at().partner_center, "GET", list, &headers, "")
                .await
                .unwrap(),
        );
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [503, 429, 502, 504]);
    assert_eq!(answers[0].json()["error"]["code"], "serviceNotAvailable");
    assert_eq!(answers[1].json()["statusCode"], 429);
    assert!(answers[2].body.contains("<html>"));
    assert_eq!(answers[3].body, "");
}

#[tokio::test]
async fn spoiled_answers_are_whole_for_http_and_broken_for_json() {
    let crm = Crm::start().await;
    let headers = [("authorization", crm.bearer.as_str())];
    for form in [
        Garbage::Html,
        Garbage::Truncated,
        Garbage::Malformed,
        Garbage::Empty,
    ] {
        let rule = FaultRule::new(Fault::Garbage { form }).with_service(ServiceName::Dataverse);
        crm.running.sandbox().add_fault(rule);
        let answer = send(&crm.at().dataverse, "GET", ROWS, &headers, "")
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{form:?}");
        let read: Result<Value, _> = serde_json::from_str(&answer.body);
        assert!(read.is_err(), "{form:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn cut_answer_breaks_off_before_its_announced_end() {
    let crm = Crm::start().await;
    let cut = Fault::Garbage { form: Garbage::Cut };
    let sandbox = crm.running.sandbox();
    sandbox.add_fault(FaultRule::new(cut).with_service(ServiceName::Dataverse));
    let headers = [("authorization", crm.bearer.as_str())];
    let answer = send(&crm.at().dataverse, "GET", ROWS, &headers, "").await;
    // The closing may overtake the first half; then there is nothing to count.
    if let Ok(answer) = answer {
        let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(answer.body.len() < announced, "{answer:?}");
    }
    let transport = InProcess::new(sandbox.clone());
    sandbox.add_fault(FaultRule::new(cut));
    let request = http::Request::get("https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/")
        .body(bytes::Bytes::new())
        .unwrap();
    let error = transport.send(request).await.unwrap_err();
    assert_eq!(error.sent(), Sent::Answered);
}

#[tokio::test]
async fn held_before_the_effect_acts_when_released() {
    let crm = Crm::start().await;
    crm.fault(Fault::Hold {
        at: Moment::BeforeEffect,
    });
    let sandbox = crm.running.sandbox();
    let director = async {
        let held = sandbox.wait_until_held().await;
        assert_eq!(
            (held.at, held.service),
            (Moment::BeforeEffect, ServiceName::Dataverse)
        );
        assert_eq!(crm.rows(), 0);
        assert!(sandbox.release(held.id));
        assert!(!sandbox.release(held.id), "only once");
    };
    let (answer, ()) = tokio::join!(crm.create("a"), director);
    assert_eq!((answer.unwrap().status, crm.rows()), (204, 1));
}

#[tokio::test]
async fn held_after_the_effect_can_be_dropped() {
    let crm = Crm::start().await;
    crm.fault(Fault::Hold {
        at: Moment::AfterEffect,
    });
    let sandbox = crm.running.sandbox();
    let director = async {
        let held = sandbox.wait_until_held().await;
        assert_eq!(crm.rows(), 1);
        assert!(sandbox.drop_held(held.id));
    };
    let (answer, ()) = tokio::join!(crm.create("a"), director);
    assert_eq!((answer.unwrap_err(), crm.rows()), (Closed, 1));
}

#[tokio::test]
async fn held_request_outlives_its_caller() {
    let crm = Crm::start().await;
    crm.fault(Fault::Hold {
        at: Moment::BeforeEffect,
    });
    let sandbox = crm.running.sandbox();
    let held = {
        let create = crm.create("late");
        tokio::pin!(create);
        tokio::select! {
            _ = &mut create => panic!("no answer is due"),
            held = sandbox.wait_until_held() => held,
        }
    };
    // The caller's socket is closed now; the front notices.
    let gone = async {
        while sandbox.held()[0].caller_waits {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .unwrap();
    assert!(sandbox.release(held.id), "a request that was on its way");
    assert_eq!(crm.rows(), 1);
}

#[tokio::test]
async fn rules_match_by_service_method_path_body_number_and_count() {
    let crm = Crm::start().await;
    let sandbox = crm.running.sandbox();
    let lose = || {
        FaultRule::new(Fault::LoseAnswer {
            at: Moment::BeforeEffect,
        })
        .with_service(ServiceName::Dataverse)
    };
    // None of these strikes a create of "a".
    sandbox.add_fault(lose().with_method("DELETE"));
    sandbox.add_fault(lose().with_path_contains("accounts"));
    sandbox.add_fault(lose().with_body_contains("\"zebra\""));
    sandbox.add_fault(lose().with_number(1));
    assert!(crm.create("a").await.is_ok());
    assert!(crm.create("zebra").await.is_err());
    sandbox.clear_faults();

    sandbox.add_fault(lose().with_skip(1).with_times(Some(2)));
    let mut fates = Vec::new();
    for _ in 0..4 {
        fates.push(crm.create("b").await.is_ok());
    }
    assert_eq!(fates, [true, false, false, true]);

    let next = sandbox.with(|sandbox| sandbox.last_number()) + 2;
    sandbox.add_fault(
        FaultRule::new(Fault::LoseAnswer {
            at: Moment::BeforeEffect,
        })
        .with_number(next),
    );
    assert!(crm.create("c").await.is_ok());
    assert!(crm.create("c").await.is_err());

    let id = sandbox.add_fault(lose().with_times(None));
    for _ in 0..3 {
        assert!(crm.create("d").await.is_err());
    }
    assert!(sandbox.remove_fault(id));
    assert!(crm.create("d").await.is_ok());
}

#[tokio::test]
async fn late_list_shows_the_past_and_reads_by_id_the_present() {
    let running = start().await;
    let at = running.endpoints();
    let sandbox = running.sandbox();
    let deal = cosell_sandbox::partner_center::InboundDeal::new("Just sent", "Adatum");
    let acted = sandbox
        .act(&cosell_sandbox::Act::MicrosoftSends(Box::new(deal)))
        .unwrap();
    let late = FaultRule::new(Fault::LateList { seconds: 600 }).with_times(None);
    let late = sandbox.add_fault(late);
    let bearer = referrals_bearer(at).await;
    let headers = [("authorization", bearer.as_str())];
    let list = "/v1.0/engagements/referrals";
    let seen = send(&at.partner_center, "GET", list, &headers, "")
        .await
        .unwrap();
    assert_eq!(seen.json()["value"], json!([]));
    let one = format!("{list}/{}", acted.id.unwrap());
    let seen = send(&at.partner_center, "GET", &one, &headers, "")
        .await
        .unwrap();
    assert_eq!(seen.status, 200);
    sandbox.remove_fault(late);
    let seen = send(&at.partner_center, "GET", list, &headers, "")
        .await
        .unwrap();
    assert_ne!(seen.json()["value"], json!([]));
}

#[tokio::test]
async fn a_code_strikes_before_or_after_the_effect_and_is_told_in_hexadecimal() {
    let crm = Crm::start().await;
    let rule = json!({"services": ["dataverse"], "method": "POST",
        "fault": {"kind": "code", "code": "0x80044150", "at": "after_effect"}});
    let answer = control(crm.at(), "POST", "faults", &rule.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let listed = control(crm.at(), "GET", "faults", "").await.json();
    assert_eq!(listed[0]["rule"]["fault"]["code"], "0x80044150");
    let answer = crm.create("a").await.unwrap();
    assert_eq!((answer.status, crm.rows()), (500, 1));
    assert_eq!(answer.json()["error"]["code"], "0x80044150");
    crm.fault(Fault::Code {
        code: 0x8004_0220,
        at: Moment::BeforeEffect,
    });
    crm.create("b").await.unwrap();
    assert_eq!(crm.rows(), 1);
    let wrong = r#"{"fault":{"kind":"code","code":"deadlock"}}"#;
    let refused = control(crm.at(), "POST", "faults", wrong).await;
    assert!(refused.status == 400 && refused.body.contains("no code such as"));
}

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{Act, Clock, Sandbox};

const HOOK: &str = "https://hooks.fabrikam.example/pc";

fn sandbox(options: Options) -> Sandbox {
    let start = "2026-03-09T14:00:00Z".parse().unwrap();
    let mut sandbox = Sandbox::new(
        crate::Options::default()
            .with_clock(Clock::manual(start))
            .with_webhooks(options),
    );
    sandbox.webhooks_mut().take_over(HOOK, &EVENTS);
    sandbox
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(delivery.request.body()).unwrap()
}

fn names(deliveries: &[Delivery]) -> Vec<String> {
    let name = |delivery| body(delivery)["EventName"].as_str().unwrap().to_owned();
    deliveries.iter().map(name).collect()
}

fn deal(sandbox: &mut Sandbox) -> Uuid {
    let sent = sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
    sent.id.unwrap().parse().unwrap()
}

fn edit(sandbox: &mut Sandbox, id: Uuid) {
    let set = [("/details/notes".to_owned(), json!("edited"))].into();
    sandbox.act(&Act::PortalEdit { id, set }).unwrap();
}

#[test]
fn changes_are_told_as_one_s_own_or_as_related() {
    let mut sandbox = sandbox(Options::default());
    let id = deal(&mut sandbox);
    edit(&mut sandbox, id);
    let told = sandbox.take_deliveries();
    // Microsoft's own view comes first, when nobody of the partner takes part yet as it is made.
    assert_eq!(
        names(&told),
        [
            "related-referral-created",
            "referral-created",
            "referral-updated"
        ]
    );
    let last = body(&told[2]);
    assert_eq!(
        last["ResourceUri"],
        format!("https://api.partnercenter.microsoft.com/engagements/v1/referrals/{id}")
    );
    assert_eq!(last["ResourceName"], "referral");
    assert_eq!(last["AuditUri"], Value::Null);
    assert_eq!(
        last["ResourceChangeUtcDate"],
        "2026-03-09T14:00:00.0000002+00:00"
    );
    assert!(sandbox.take_deliveries().is_empty());
}

#[test]
fn strangers_deals_and_unwanted_events_are_not_told() {
    let mut sandbox = sandbox(Options::default());
    let now = sandbox.now();
    let stranger = crate::partner_center::InboundDeal::default();
    sandbox
        .partner_center_mut()
        .stranger_sends(now, &stranger)
        .unwrap();
    assert!(sandbox.take_deliveries().is_empty());

    sandbox
        .webhooks_mut()
        .take_over(HOOK, &["referral-updated"]);
    let id = deal(&mut sandbox);
    edit(&mut sandbox, id);
    assert_eq!(names(&sandbox.take_deliveries()), ["referral-updated"]);

    sandbox.webhooks_mut().forget_registration();
    edit(&mut sandbox, id);
    assert!(sandbox.take_deliveries().is_empty());
}

#[test]
fn a_post_is_tried_ten_times_with_growing_waits() {
    let mut sandbox = sandbox(Options::default());
    let now = sandbox.now();
    sandbox
        .webhooks_mut()
        .post_event(now, "invoice-ready", "x", "invoice");
    let mut waits = Vec::new();
    for attempt in 1..=10 {
        let due = sandbox.take_deliveries();
        assert_eq!(due.len(), 1, "try {attempt}");
        assert_eq!(due[0].attempt, attempt);
        let how = if attempt % 2 == 0 {
            Delivered::NoAnswer
        } else {
            Delivered::Answered(StatusCode::FOUND)
        };
        sandbox.report_delivery(due[0].number, how);
        if let Some(next) = sandbox.webhooks().next_delivery() {
            let wait = (next - sandbox.now()).to_std().unwrap();
            waits.push(wait.as_secs());
            sandbox.advance(wait - Duration::from_millis(1));
            assert!(sandbox.take_deliveries().is_empty());
            sandbox.advance(Duration::from_millis(1));
        }
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
    assert_eq!(sandbox.webhooks().given_up().count(), 1);
    assert_eq!(sandbox.webhooks().next_delivery(), None);
}

#[test]
fn posts_come_late_twice_and_out_of_order_where_that_is_set() {
    let options = Options::default()
        .with_delay(Duration::from_secs(60))
        .with_duplicates(1);
    let mut first = sandbox(options);
    for index in 0..8 {
        let now = first.now();
        first
            .webhooks_mut()
            .post_event(now, "invoice-ready", &index.to_string(), "invoice");
    }
    assert!(first.take_deliveries().is_empty());
    first.advance(Duration::from_secs(60));
    let uris = |sandbox: &Sandbox, order| {
        let mut sandbox = sandbox.clone();
        sandbox.webhooks_mut().options_mut().order = order;
        let due = sandbox.take_deliveries();
        let uris = due
            .iter()
            .map(|due| body(due)["ResourceUri"].as_str().unwrap().to_owned());
        uris.collect::<Vec<_>>()
    };
    let happened = uris(&first, DeliveryOrder::AsHappened);
    assert_eq!(happened.len(), 16);
    assert_eq!(happened[..4], ["0", "0", "1", "1"]);
    let mut reversed = uris(&first, DeliveryOrder::Reversed);
    reversed.reverse();
    assert_eq!(reversed, happened);
    let shuffled = uris(&first, DeliveryOrder::Shuffled);
    assert_ne!(shuffled, happened);
    assert_eq!(shuffled, uris(&first, DeliveryOrder::Shuffled));
    let mut sorted = shuffled;
    sorted.sort();
    assert_eq!(sorted, happened);
}

#[test]
fn the_signature_stands_where_the_registration_says() {
    for own in [false, true] {
        let mut sandbox = sandbox(Options::default().with_resource_uri(ResourceUri::Rest));
        if let Some(registration) = &mut sandbox.webhooks_mut().registration {
            registration.signature_in_own_header = own;
        }
        deal(&mut sandbox);
        let post = sandbox.take_deliveries().remove(0).request;
        let (here, gone) = if own {
            ("x-ms-signature", "authorization")
        } else {
            ("authorization", "x-ms-signature")
        };
        let signature = post.headers()[here].to_str().unwrap();
        // 256 bytes of RSA.
        assert_eq!(signature.strip_prefix("Signature ").unwrap().len(), 344);
        assert!(!post.headers().contains_key(gone));
        assert_eq!(post.headers()["x-ms-signature-algorithm"], "rsa-sha256");
        let told: Value = serde_json::from_slice(post.body()).unwrap();
        let uri = told["ResourceUri"].as_str().unwrap();
        assert!(uri.starts_with("https://api.partner.microsoft.com/v1.0/engagements/referrals/"));
    }
}

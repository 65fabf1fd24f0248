//! The look at every deadline that is near.

use std::time::Duration;

use chrono::TimeDelta;
use cosell_referrals::{
    CreateOptions, NewReferral, PartnerLedDeal, Patch, PatchOptions, PrivateDeal, Referrals,
    Warning,
};
use cosell_sandbox::{Act, partner_center::Options};
use serde_json::{Value, json};

use crate::{
    sandbox::sandbox,
    support::{SAMPLE, Scripted, Turn},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn draft() -> NewReferral {
    let text = include_str!("samples/private_deal.json");
    NewReferral::from_raw(serde_json::from_str(text).unwrap())
}

async fn partner_led(referrals: &Referrals) -> String {
    let deal = PartnerLedDeal::new(draft());
    let made = referrals
        .create_draft(&deal, CreateOptions::default())
        .await;
    made.unwrap().id().unwrap().unwrap()
}

// G13
#[tokio::test]
async fn deadlines_of_fourteen_days_seventy_two_hours_and_sixty_days_are_seen_coming() {
    let (sandbox, referrals) = sandbox(Options::default().with_matching_delay(None));
    let start = sandbox.now();
    // Sent by Microsoft, and not answered; and one that is.
    let waits = sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
    let waits = waits.id.unwrap();
    let answered = sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
    let accept = Patch::new().accept();
    let options = PatchOptions::default;
    let answered = answered.id.unwrap();
    referrals
        .patch(&answered, &accept, options())
        .await
        .unwrap();
    // Won on its fourth day, and to be registered.
    let won = partner_led(&referrals).await;
    sandbox.advance(4 * DAY);
    referrals
        .patch(&won, &Patch::new().win(), options())
        .await
        .unwrap();
    let signed = sandbox.now();
    sandbox.advance(7 * DAY);
    // Young ones: one that could be registered, and a private one that cannot.
    let young = partner_led(&referrals).await;
    let private = PrivateDeal::new(draft());
    referrals
        .create_draft(&private, CreateOptions::default())
        .await
        .unwrap();

    let look = async |lead: TimeDelta| {
        let contract = |read: &cosell_referrals::Referral| {
            (read.id() == Ok(Some(won.clone()))).then_some(signed)
        };
        let near = referrals
            .near_deadlines(sandbox.now(), lead, contract)
            .await;
        let near = near.unwrap();
        let told = near.iter().map(|due| {
            assert_eq!(due.unreadable, None);
            (due.referral.id().unwrap().unwrap(), due.warnings.clone())
        });
        told.collect::<Vec<_>>()
    };
    // The eleventh day: the answer is due within three, the win would be too early.
    let told = look(TimeDelta::days(3)).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, waits);
    assert!(matches!(told[0].1[..], [Warning::AnswerDue(at)] if at > sandbox.now()));
    assert_eq!(told[1].0, young);
    assert!(matches!(told[1].1[..], [Warning::WonTooEarly(_)]));

    // Four days later the one has expired and the other is old enough: silence.
    sandbox.advance(4 * DAY);
    assert_eq!(look(TimeDelta::days(3)).await, []);
    // A week before the sixty days are over.
    sandbox.advance(42 * DAY);
    let told = look(TimeDelta::days(7)).await;
    let until = signed + TimeDelta::days(60);
    assert_eq!(told, [(won.clone(), vec![Warning::RegistrationDue(until)])]);
    assert!(sandbox.now() > start);
}

#[tokio::test]
async fn a_long_list_is_read_no_further_than_deadlines_reach() {
    let row = |created: &str, state: (&str, &str)| {
        let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
        body["createdDateTime"] = created.into();
        body["updatedDateTime"] = created.into();
        body["status"] = state.0.into();
        body["substatus"] = state.1.into();
        body
    };
    let more = "/v1.0/referrals?$skiptoken=1";
    let page = |items: &[Value]| {
        let page = json!({ "value": items, "@odata.nextLink": more });
        Turn::Answer(200, page.to_string())
    };
    let active = ("Active", "Accepted");
    let odd = row("soon", active);
    let service = Scripted::new([
        Turn::Answer(200, r#"{"value":[]}"#.into()),
        page(&[
            odd,
            row("2026-03-09T00:00:00Z", active),
            row("2026-03-01T00:00:00Z", active),
        ]),
        page(&[row("2025-12-01T00:00:00Z", ("Closed", "Won"))]),
    ]);
    let now = "2026-03-09T15:00:00Z".parse().unwrap();
    let client = service.client();
    let near = client.near_deadlines(now, TimeDelta::days(3), |_| None);
    let near = near.await.unwrap();
    assert_eq!(service.requests(), 3);
    let told: Vec<_> = near
        .iter()
        .map(|due| (due.warnings.len(), due.unreadable.is_some()))
        .collect();
    assert_eq!(told, [(0, true), (1, false)]);
}

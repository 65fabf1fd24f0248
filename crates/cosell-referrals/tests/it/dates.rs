//! Deadlines: 14 days to answer, 72 hours to win, 60 days to register.

use chrono::{DateTime, TimeDelta, Utc};
use cosell_referrals::{Deadlines, Referral, Warning, deadline};
use serde_json::{Value, json};

use crate::support::SAMPLE;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn referral(change: impl FnOnce(&mut Value)) -> Referral {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut body);
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_referral_expires_at_midnight_after_fourteen_days() {
    // The dates of the service's own sample.
    let due = deadline::answer_due(at("2018-10-30T21:03:00Z"));
    assert_eq!(due, Some(at("2018-11-13T00:00:00Z")));
    assert_eq!(deadline::answer_due(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(deadline::earliest_win(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(deadline::registration_due(DateTime::<Utc>::MAX_UTC), None);
}

// R116
#[test]
fn a_pending_deal_warns_before_it_expires_as_early_as_wanted() {
    let pending = |expires: Value| {
        referral(|body| {
            body["status"] = "New".into();
            body["substatus"] = "Pending".into();
            body["createdDateTime"] = "2026-03-09T14:22:31.4412087Z".into();
            body["expirationDateTime"] = expires;
        })
    };
    let due = at("2026-03-23T00:00:00Z");
    for expires in [Value::Null, json!("2026-03-23T00:00:00Z")] {
        let deadlines = Deadlines::of(&pending(expires), None).unwrap();
        assert_eq!(deadlines.answer, Some(due));
        for (now, lead, warned) in [
            ("2026-03-19T23:59:59Z", TimeDelta::days(3), false),
            ("2026-03-20T00:00:00Z", TimeDelta::days(3), true),
            ("2026-03-20T00:00:00Z", TimeDelta::days(1), false),
            ("2026-03-16T00:00:00Z", TimeDelta::days(7), true),
            // Too late is a warning, too.
            ("2026-03-23T00:00:01Z", TimeDelta::zero(), true),
        ] {
            let warnings = deadlines.warnings(at(now), lead);
            let wanted: &[Warning] = if warned {
                &[Warning::AnswerDue(due)]
            } else {
                &[]
            };
            assert_eq!(warnings, wanted, "{now}");
        }
    }
    // The service's date goes before the computed one, and answered is answered.
    let other = Deadlines::of(&pending(json!("2026-03-30T00:00:00Z")), None).unwrap();
    assert_eq!(other.answer, Some(at("2026-03-30T00:00:00Z")));
    let accepted = referral(|body| body["expirationDateTime"] = "2026-03-23T00:00:00Z".into());
    assert_eq!(Deadlines::of(&accepted, None).unwrap().answer, None);
    let shown = Warning::AnswerDue(due).to_string();
    assert_eq!(
        shown,
        "expires unless it is accepted or declined by 2026-03-23 00:00 UTC"
    );
}

// R117
#[test]
fn a_win_within_three_days_warns_where_the_deal_could_be_registered() {
    let created = "2026-03-09T14:22:31Z";
    let deal = |change: fn(&mut Value)| {
        referral(|body| {
            body["createdDateTime"] = created.into();
            change(body);
        })
    };
    let registrable: [fn(&mut Value); 3] = [
        |_| {},
        |body| body["details"]["currency"] = "USD".into(),
        |body| {
            body["status"] = "New".into();
            body["substatus"] = "Pending".into();
        },
    ];
    let earliest = at("2026-03-12T14:22:31Z");
    for change in registrable {
        let deadlines = Deadlines::of(&deal(change), None).unwrap();
        assert_eq!(
            deadlines.before_win(at("2026-03-12T14:22:30Z")),
            Some(Warning::WonTooEarly(earliest))
        );
        assert_eq!(deadlines.before_win(earliest), None);
    }
    let others: [fn(&mut Value); 5] = [
        |body| body["consent"]["consentToShareReferralWithMicrosoftSellers"] = false.into(),
        |body| {
            body["details"]["currency"] = "USD".into();
            body["details"]["dealValue"] = json!(24_999.99);
        },
        |body| body["details"]["dealValue"] = Value::Null,
        |body| body["registrationStatus"] = "Approved".into(),
        |body| {
            body["status"] = "Closed".into();
            body["substatus"] = "Lost".into();
        },
    ];
    for change in others {
        let deadlines = Deadlines::of(&deal(change), None).unwrap();
        assert_eq!(deadlines.before_win(at(created)), None);
    }
}

#[test]
fn a_won_deal_is_registered_within_sixty_days_of_the_signature() {
    let won = referral(|body| {
        body["status"] = "Closed".into();
        body["substatus"] = "Won".into();
    });
    let signed = at("2026-03-30T00:00:00Z");
    let deadlines = Deadlines::of(&won, Some(signed)).unwrap();
    let due = at("2026-05-29T00:00:00Z");
    assert_eq!(deadlines.registration, Some(due));
    let near = deadlines.warnings(at("2026-05-20T00:00:00Z"), TimeDelta::days(10));
    assert_eq!(near, [Warning::RegistrationDue(due)]);
    assert!(deadlines.warnings(signed, TimeDelta::days(10)).is_empty());
    assert_eq!(Deadlines::of(&won, None).unwrap().registration, None);
    let registered = referral(|body| {
        body["status"] = "Closed".into();
        body["substatus"] = "Won".into();
        body["registrationStatus"] = "ReviewPending".into();
    });
    assert_eq!(
        Deadlines::of(&registered, Some(signed))
            .unwrap()
            .registration,
        None
    );
}

#[test]
fn a_date_that_cannot_be_read_is_told() {
    let broken = referral(|body| body["createdDateTime"] = "yesterday".into());
    assert_eq!(
        Deadlines::of(&broken, None).unwrap_err().path,
        "createdDateTime"
    );
}

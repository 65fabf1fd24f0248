//! A referral or a page of them in any state of damage: every judgement answers, none panics, and
//! what was read is written back with the same text in every member.
#![no_main]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use cosell_fuzz::{OneToken, Parrot, Still, run};
use cosell_referrals::{
    Deadlines, DealKind, Engagement, ListOptions, NewReferral, Profile, RawMap, Referral, Referrals,
};
use libfuzzer_sys::fuzz_target;

const KINDS: [DealKind; 4] = [
    DealKind::Private,
    DealKind::PartnerLed,
    DealKind::CoSell,
    DealKind::ServicesCoSell,
];

fn judge(read: &Referral) {
    let _ = (read.category(), read.state(), format!("{read:?}"));
    for moment in [
        DateTime::<Utc>::MIN_UTC,
        DateTime::UNIX_EPOCH,
        DateTime::<Utc>::MAX_UTC,
    ] {
        if let Ok(deadlines) = Deadlines::of(read, Some(moment)) {
            let _ = (
                deadlines.warnings(moment, TimeDelta::MAX),
                deadlines.before_win(moment),
            );
        }
        for registration in read.registrations().unwrap_or_default() {
            let _ = registration.check_for(read, Some(read), moment);
        }
    }
    if let Ok(engagement) = Engagement::sort([read.clone(), read.clone()], "5d0f2c1e") {
        let _ = (engagement.kind(), engagement.microsofts_answer());
        for kind in KINDS {
            let _ = engagement.missing(kind);
        }
    }
    let draft = NewReferral::from_raw(read.raw().clone());
    for profile in [Profile::Strict, Profile::Lenient] {
        for kind in KINDS {
            let _ = (
                draft.check_as(kind, profile),
                draft.check_invitation(kind, profile),
            );
        }
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = Referral::from_json(data) {
        let text = serde_json::to_string(read.raw()).expect("raw members can be written");
        let again: RawMap = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(again.len(), read.raw().len());
        for (name, value) in read.raw() {
            assert_eq!(
                again[name].get(),
                value.get(),
                "{name} survives byte for byte"
            );
        }
        judge(&read);
    }
    let service = Parrot::new(b"application/json", data);
    let client = Referrals::builder(service, Arc::new(OneToken), Arc::new(Still))
        .build()
        .expect("a client");
    if let Ok(page) = run(client.first_page(&ListOptions::default())) {
        page.items.iter().for_each(judge);
        if let Some(next) = page.next {
            let _ = run(client.next_page(&next));
        }
    }
});

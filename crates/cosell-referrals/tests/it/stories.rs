//! Whole deals against the double: what the client refuses by itself, the double refuses too.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cosell_referrals::{
    AssistanceRequestCode, CoSellDeal, Contract, CreateOptions, Deadlines, DealKind, Deployment,
    Engagement, ErrorKind, Help, LossReason, Missing, NewReferral, PartnerLedDeal, Patch,
    PatchOptions, PatchOutcome, PricingModel, PrivateDeal, Profile, Referral, Referrals,
    RegisteredSolution, Registration, RegistrationEdit, RegistrationStatus, ServicesCoSellDeal,
    State, Warning,
};
use cosell_sandbox::{Act, SandboxHandle, partner_center};
use serde_json::Value;

use crate::sandbox::sandbox;

fn draft(currency: &str) -> NewReferral {
    let text = include_str!("samples/private_deal.json");
    let mut body: Value = serde_json::from_str(text).unwrap();
    body["details"]["currency"] = currency.into();
    NewReferral::from_raw(serde_json::from_value(body).unwrap())
}

fn help() -> Help {
    Help::new(AssistanceRequestCode::QuotesOrLicensing)
}

fn own_organization() -> String {
    partner_center::Options::default()
        .organization_id
        .to_string()
}

async fn engagement(referrals: &Referrals, id: &str) -> Engagement {
    let related = referrals.related(id).await.unwrap();
    Engagement::sort(related, &own_organization()).unwrap()
}

async fn patched(referrals: &Referrals, read: &Referral, patch: &Patch) -> Referral {
    let options = PatchOptions::default();
    match referrals.patch_read(read, patch, options).await.unwrap() {
        PatchOutcome::Applied(patched) => patched.referral.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_draft_is_taken_by_a_strict_service() {
    let (_, referrals) = sandbox(partner_center::Options::default());
    let options = CreateOptions::default();
    let private = PrivateDeal::new(draft("GBP"));
    let partner_led = PartnerLedDeal::new(draft("GBP"));
    let services = ServicesCoSellDeal::new(draft("GBP"), help(), "role", "area", "play");
    let first = referrals
        .create_draft(&private, options.clone())
        .await
        .unwrap();
    referrals
        .create_draft(&partner_led, options.clone())
        .await
        .unwrap();
    let own = referrals
        .create_draft(&services, options.clone())
        .await
        .unwrap();
    let id = own.engagement_id().unwrap().unwrap();
    let invitation = services.invitation(&id);
    let theirs = referrals.create_draft(&invitation, options).await.unwrap();
    assert_eq!(theirs.state(), Some(State::PENDING));
    let kind = engagement(&referrals, &id).await.kind().unwrap();
    assert_eq!(kind, Some(DealKind::ServicesCoSell));
    let id = first.engagement_id().unwrap().unwrap();
    let kind = engagement(&referrals, &id).await.kind().unwrap();
    assert_eq!(kind, Some(DealKind::Private));
}

#[tokio::test]
async fn a_co_sell_deal_that_broke_off_is_made_up_for() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let options = CreateOptions::default();
    // Begun as a private deal; the wish for help came later, and then the process died.
    let private = PrivateDeal::new(draft("GBP"));
    let own = referrals
        .create_draft(&private, options.clone())
        .await
        .unwrap();
    let id = own.engagement_id().unwrap().unwrap();
    let found = engagement(&referrals, &id).await;
    assert_eq!(
        found.missing(DealKind::CoSell).unwrap(),
        [Missing::Sharing, Missing::MicrosoftReferral]
    );
    let own = patched(
        &referrals,
        &own,
        &Patch::new().share_with_microsoft_sellers(),
    )
    .await;
    let found = engagement(&referrals, &id).await;
    assert_eq!(
        found.missing(DealKind::CoSell).unwrap(),
        [Missing::MicrosoftReferral]
    );
    assert_eq!(found.own.unwrap().id(), own.id());

    let deal = CoSellDeal::new(draft("GBP"), help()).with_solution_play("area", "play");
    let invitation = deal.invitation(&id);
    referrals.create_draft(&invitation, options).await.unwrap();
    let found = engagement(&referrals, &id).await;
    assert_eq!(found.missing(DealKind::CoSell).unwrap(), []);
    assert_eq!(
        (found.kind().unwrap(), found.microsofts_answer()),
        (Some(DealKind::CoSell), None)
    );

    sandbox.with(|sandbox| {
        let now = sandbox.now();
        let microsoft = sandbox.partner_center_mut();
        microsoft
            .microsoft_accepts(now, id.parse().unwrap())
            .unwrap();
    });
    let found = engagement(&referrals, &id).await;
    assert_eq!(found.microsofts_answer(), Some(State::ACCEPTED));
}

/// A referral in this state, made by everybody's own moves.
async fn in_state(sandbox: &SandboxHandle, referrals: &Referrals, state: &State) -> Referral {
    sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
    let newest = sandbox.with(|sandbox| {
        let all = sandbox.partner_center().referrals();
        let own = all.filter(|body| body["organizationId"] != "msft").last();
        own.unwrap()["id"].as_str().unwrap().to_owned()
    });
    let read = async || referrals.get(&newest).await.unwrap().unwrap();
    let steps = match state {
        state if *state == State::PENDING => vec![],
        state if *state == State::RECEIVED || *state == State::ACCEPTED => vec![state.clone()],
        state if *state == State::DECLINED || *state == State::ERROR => vec![state.clone()],
        state if *state == State::EXPIRED => {
            sandbox.advance(Duration::from_secs(15 * 24 * 3600));
            vec![]
        }
        state => vec![State::ACCEPTED, state.clone()],
    };
    for step in steps {
        let mut patch = Patch::new().with_state(&step.status, &step.substatus);
        patch = patch.with_status_reason(LossReason::Others);
        patched(referrals, &read().await, &patch).await;
    }
    let read = read().await;
    assert_eq!(read.state().as_ref(), Some(state));
    read
}

// R110
#[tokio::test]
async fn client_and_double_allow_the_same_moves() {
    let all = [
        State::PENDING,
        State::RECEIVED,
        State::ACCEPTED,
        State::WON,
        State::LOST,
        State::DECLINED,
        State::EXPIRED,
        State::ERROR,
    ];
    let (sandbox, referrals) =
        sandbox(partner_center::Options::default().with_matching_delay(None));
    for from in &all {
        let read = in_state(&sandbox, &referrals, from).await;
        for to in &all {
            let patch = Patch::new().with_state(&to.status, &to.substatus);
            // As the double would judge it, on a copy of it.
            let fork = sandbox.fork();
            let taken = taken(&fork, &read, &patch);
            let closing = patch.clone().with_status_reason(LossReason::Others);
            let allowed = [&patch, &closing]
                .iter()
                .any(|patch| patch.check_for(&read, Profile::Strict).is_ok());
            // What brings a referral back from received to pending is not published, and the
            // client never says that something is expired, not even of what is.
            let open = *from == State::RECEIVED && *to == State::PENDING
                || *from == State::EXPIRED && from == to;
            assert!(
                allowed == taken || open,
                "{from} -> {to}: client {allowed}, double {taken}"
            );
        }
    }
}

fn taken(fork: &SandboxHandle, read: &Referral, patch: &Patch) -> bool {
    let id = read.id().unwrap().unwrap().parse().unwrap();
    let document: Value = serde_json::from_str(&patch.to_json(Default::default())).unwrap();
    fork.with(|sandbox| {
        let now = sandbox.now();
        let double = sandbox.partner_center_mut();
        double.portal_edit(now, id, &document).is_ok()
    })
}

fn day(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment
        .date_naive()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

#[tokio::test]
async fn a_deal_is_registered_sent_back_corrected_and_passed() {
    let (sandbox, referrals) =
        sandbox(partner_center::Options::default().with_matching_delay(None));
    let deal = PartnerLedDeal::new(draft("USD"));
    let made = referrals
        .create_draft(&deal, CreateOptions::default())
        .await
        .unwrap();
    let id = made.id().unwrap().unwrap();

    // R117 in practice: the deadline is known before the win.
    let deadlines = Deadlines::of(&made, None).unwrap();
    assert!(matches!(
        deadlines.before_win(sandbox.now()),
        Some(Warning::WonTooEarly(_))
    ));
    sandbox.advance(Duration::from_secs(5 * 24 * 3600));
    assert_eq!(deadlines.before_win(sandbox.now()), None);
    let won = patched(&referrals, &made, &Patch::new().win()).await;

    let today = day(sandbox.now());
    let contract = Contract::finite(84_000, "USD", today, today, today + TimeDelta::days(364));
    let sold = RegisteredSolution::new(
        "SOL-10482-QRT",
        80_000,
        "USD",
        Deployment::Customer,
        PricingModel::PayAsYouGo,
    );
    let registration = Registration::new(&contract, &[sold]);
    registration.check_for(&won, None, sandbox.now()).unwrap();
    let registered = patched(&referrals, &won, &Patch::new().register(&registration)).await;
    assert_eq!(
        registered.registration_status(),
        Ok(Some(RegistrationStatus::ReviewPending))
    );

    // Not before it was sent back.
    let edit = RegistrationEdit::default().with_pricing_model(PricingModel::Otherwise);
    let patch = Patch::new().edit_registration(&edit);
    let failed = referrals
        .patch_read(&registered, &patch, PatchOptions::default())
        .await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
    let review = |review: partner_center::Review| {
        let id = id.parse().unwrap();
        sandbox.with(|sandbox| {
            let now = sandbox.now();
            sandbox
                .partner_center_mut()
                .review(now, id, &review)
                .unwrap();
        });
    };
    review(partner_center::Review::SendBack("Pricing".into()));
    let back = referrals.get(&id).await.unwrap().unwrap();
    let read = &back.registrations().unwrap()[0];
    assert_eq!(read.status(), Ok(Some(RegistrationStatus::ActionRequired)));
    assert_eq!(read.status_reason().unwrap().as_deref(), Some("Pricing"));
    patched(&referrals, &back, &patch).await;
    review(partner_center::Review::Pass);
    let passed = referrals.get(&id).await.unwrap().unwrap();
    assert_eq!(
        passed.registration_status(),
        Ok(Some(RegistrationStatus::Passed))
    );
    let read = &passed.registrations().unwrap()[0];
    assert_eq!(
        read.contract().unwrap().unwrap().value(),
        Ok(Some(84_000.into()))
    );
    let history = read.status_history().unwrap().unwrap();
    assert!(history.passed_date_time().unwrap().is_some());
}

//! What the public record leaves open: the client works under each reading alone, and under all
//! the unfavourable ones together.

use std::time::Duration;

use cosell_referrals::{
    AssistanceRequestCode, Category, CoSellDeal, CreateOptions, DealKind, Engagement, Filter, Help,
    ListOptions, LossReason, NewReferral, Order, OrderBy, Patch, PatchOptions, PatchOutcome,
    PrivateDeal, Referrals, State, Status, Substatus, is_stale,
};
use cosell_sandbox::{
    Act, SandboxHandle,
    partner_center::{
        Clearing, Count, Filters, InboundLead, LeadKind, ListItems, Mfa, MsxId, NextLink, Omitted,
        Options, Received, ReferenceFilter, SalesStages, Top, UnknownFields, Validation,
    },
};
use futures_util::TryStreamExt;
use http::StatusCode;

use crate::sandbox::sandbox;

type Reading = (&'static str, fn(Options) -> Options);

/// Each reading that is not the default.
const READINGS: &[Reading] = &[
    ("only four objects are required", |o| {
        o.with_validation(Validation::Lenient)
    }),
    ("unknown properties are refused", |o| {
        o.with_unknown_fields(UnknownFields::Refused)
    }),
    ("the documented link", |o| {
        o.with_next_link(NextLink::Documented)
    }),
    ("201 for a create", |o| {
        o.with_create_status(StatusCode::CREATED)
    }),
    ("small pages", |o| o.with_page_size(2)),
    ("$top is the size of a page", |o| o.with_top(Top::PageSize)),
    ("the count is a total", |o| o.with_count(Count::Total)),
    ("late lists", |o| o.with_list_lag(Duration::from_secs(45))),
    ("list items lack versions", |o| {
        o.with_list_items(ListItems::WithoutETag)
    }),
    ("list items lack versions and teams", |o| {
        o.with_list_items(ListItems::WithoutETagAndTeam)
    }),
    ("lists hide what is Microsoft's", |o| {
        o.with_lists_show_microsoft(false)
    }),
    ("others' referrals are denied", |o| {
        o.with_foreign(StatusCode::FORBIDDEN)
    }),
    ("only documented filters", |o| {
        o.with_filters(Filters::Documented)
    }),
    ("no filter by reference", |o| {
        o.with_external_reference_filter(ReferenceFilter::Refused)
    }),
    ("an ignored filter by reference", |o| {
        o.with_external_reference_filter(ReferenceFilter::Ignored)
    }),
    ("the name is patchable", |o| o.with_name_patchable(true)),
    ("lists hide leads", |o| o.with_lists_show_leads(false)),
    ("expired leads keep their people", |o| {
        o.with_expired_leads_lose_people(false)
    }),
    ("the type follows the consent", |o| {
        o.with_type_follows_consent(true)
    }),
    ("looking at it makes it received", |o| {
        o.with_received(Received::OnRead)
    }),
    ("the service does not know Error", |o| {
        o.with_error_is_a_substatus(false)
    }),
    ("a reason is demanded", |o| o.with_reason_required(true)),
    ("an illegal move is a conflict", |o| {
        o.with_illegal_move(StatusCode::CONFLICT)
    }),
    ("an id that is none is not found", |o| {
        o.with_malformed_id(StatusCode::NOT_FOUND)
    }),
    ("one type of content", |o| o.with_json_patch_type(false)),
    ("paths in any case", |o| o.with_paths_ignore_case(true)),
    ("no lists of versions", |o| o.with_if_match_lists(false)),
    ("the caller shows", |o| o.with_caller_id_shows(true)),
    ("a PUT without version is stale", |o| {
        o.with_put_without_if_match(StatusCode::PRECONDITION_FAILED)
    }),
    ("a PUT keeps what it leaves out", |o| {
        o.with_put_omitted(Omitted::Kept)
    }),
    ("an application is unauthenticated", |o| {
        o.with_app_only(StatusCode::UNAUTHORIZED)
    }),
    ("an application is denied", |o| {
        o.with_app_only(StatusCode::FORBIDDEN)
    }),
    ("stages are percentages", |o| {
        o.with_sales_stages(SalesStages::Percentages)
    }),
    ("null is ignored", |o| o.with_clearing(Clearing::Ignored)),
    ("null is refused", |o| o.with_clearing(Clearing::Refused)),
    ("Microsoft's referral is patchable", |o| {
        o.with_microsoft_patchable(true)
    }),
    ("an invitation moves the own version", |o| {
        o.with_invitation_moves_own(true)
    }),
    ("the MSX id is Microsoft's alone", |o| {
        o.with_msx_id(MsxId::Microsoft)
    }),
    ("no part of Microsoft's for inbound deals", |o| {
        o.with_inbound_has_microsoft_part(false)
    }),
    ("no multi-factor claim", |o| o.with_mfa(Mfa::NotDemanded)),
    ("a multi-factor refusal without body", |o| {
        o.with_mfa(Mfa::DemandedWithoutBody)
    }),
    ("no matching of accounts", |o| o.with_matching_delay(None)),
    ("matching of accounts at once", |o| {
        o.with_matching_delay(Some(Duration::from_millis(1)))
    }),
];

/// The unfavourable ones, as far as they can hold at the same time.
fn all_unfavourable(options: Options) -> Options {
    options
        .with_unknown_fields(UnknownFields::Refused)
        .with_next_link(NextLink::Documented)
        .with_create_status(StatusCode::CREATED)
        .with_page_size(2)
        .with_top(Top::PageSize)
        .with_list_lag(Duration::from_secs(45))
        .with_list_items(ListItems::WithoutETagAndTeam)
        .with_lists_show_microsoft(false)
        .with_foreign(StatusCode::FORBIDDEN)
        .with_filters(Filters::Documented)
        .with_external_reference_filter(ReferenceFilter::Refused)
        .with_clearing(Clearing::Refused)
        .with_invitation_moves_own(true)
        .with_msx_id(MsxId::Microsoft)
        .with_inbound_has_microsoft_part(false)
        .with_lists_show_leads(false)
        .with_type_follows_consent(true)
        .with_received(Received::OnRead)
        .with_error_is_a_substatus(false)
        .with_reason_required(true)
        .with_illegal_move(StatusCode::CONFLICT)
        .with_json_patch_type(false)
        .with_if_match_lists(false)
        .with_sales_stages(SalesStages::Percentages)
        .with_mfa(Mfa::DemandedWithoutBody)
        .with_matching_delay(Some(Duration::from_millis(1)))
}

fn draft() -> NewReferral {
    let text = include_str!("samples/private_deal.json");
    NewReferral::from_raw(serde_json::from_str(text).unwrap())
}

/// Time passes between two steps, as it does for people: what is late is there afterwards.
fn later(sandbox: &SandboxHandle) {
    sandbox.advance(Duration::from_secs(60));
}

/// Reads and changes until nobody was faster.
async fn change(referrals: &Referrals, id: &str, patch: &Patch) {
    for _ in 0..3 {
        let read = referrals.get(id).await.unwrap().unwrap();
        let options = PatchOptions::default();
        match referrals.patch_read(&read, patch, options).await.unwrap() {
            PatchOutcome::Applied(_) => return,
            PatchOutcome::Stale(_) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("always stale");
}

/// What everybody does with the service.
async fn suite(options: Options) {
    let own_organization = options.organization_id.to_string();
    let (sandbox, referrals) = sandbox(options);
    let create = CreateOptions::default;

    // Lists: whole, in order, whatever the size of a page.
    let mut made = Vec::new();
    for _ in 0..5 {
        let one = referrals
            .create_draft(&PrivateDeal::new(draft()), create())
            .await
            .unwrap();
        made.push(one.id().unwrap().unwrap());
        sandbox.advance(Duration::from_secs(1));
    }
    later(&sandbox);
    let by_creation = ListOptions::default()
        .with_filter(Filter::status(&Status::Active))
        .with_order(Order::oldest(OrderBy::Created));
    let listed: Vec<_> = referrals
        .list(by_creation)
        .map_ok(|one| one.id().unwrap().unwrap())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, made);

    // A co-sell deal in two calls, found again by its engagement.
    let help = Help::new(AssistanceRequestCode::GeneralOrOther);
    let deal = CoSellDeal::new(draft(), help).with_solution_play("area", "play");
    let own = referrals.create_draft(&deal, create()).await.unwrap();
    let (id, group) = (
        own.id().unwrap().unwrap(),
        own.engagement_id().unwrap().unwrap(),
    );
    let theirs = referrals
        .create_draft(&deal.invitation(&group), create())
        .await
        .unwrap();
    assert_eq!(theirs.state(), Some(State::PENDING));
    later(&sandbox);
    let mut related = referrals.related(&group).await.unwrap();
    if related.len() == 1 {
        // Where lists hide it, its id was kept.
        let kept = theirs.id().unwrap().unwrap();
        related.push(referrals.get(&kept).await.unwrap().unwrap());
    }
    let engagement = Engagement::sort(related, &own_organization).unwrap();
    assert_eq!(engagement.missing(DealKind::CoSell).unwrap(), []);
    assert_eq!(
        engagement.own.unwrap().id().unwrap().as_deref(),
        Some(id.as_str())
    );

    // Edits and ends.
    change(
        &referrals,
        &id,
        &Patch::new().with_deal_value(91_000).with_notes("More."),
    )
    .await;
    change(&referrals, &id, &Patch::new().with_sales_stage("40").win()).await;
    change(&referrals, &made[0], &Patch::new().lose(LossReason::Others)).await;
    let won = referrals.get(&id).await.unwrap().unwrap();
    assert_eq!(won.state(), Some(State::WON));
    // What is over stays over, and says so in a way that is no stale version.
    let again = Patch::new().with_state(&Status::Active, &Substatus::Accepted);
    let refused = referrals.patch(&id, &again, PatchOptions::default()).await;
    assert!(!is_stale(&refused.unwrap_err()));

    // What Microsoft sends is looked at, accepted and declined.
    for answer in [
        Patch::new().accept(),
        Patch::new().decline(LossReason::Others),
    ] {
        let sent = sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
        let id = sent.id.unwrap();
        let seen = referrals.get(&id).await.unwrap().unwrap();
        assert_eq!(seen.status(), Ok(Some(Status::New)));
        later(&sandbox);
        change(&referrals, &id, &answer).await;
        let after = referrals.get(&id).await.unwrap().unwrap();
        assert_ne!(after.status(), Ok(Some(Status::New)));
    }

    // Leads are read by their id, whether lists show them or not.
    for kind in [
        LeadKind::Profile,
        LeadKind::Offer,
        LeadKind::Marketing,
        LeadKind::Seller,
    ] {
        let lead = Act::LeadArrives(Box::new(InboundLead::new(kind)));
        let id = sandbox.act(&lead).unwrap().id.unwrap();
        let read = referrals.get(&id).await.unwrap().unwrap();
        let wanted = match kind {
            LeadKind::Profile | LeadKind::Offer => Category::MarketplaceLead,
            _ => Category::QualifiedLead,
        };
        assert_eq!(read.category(), Ok(wanted));
        change(&referrals, &id, &Patch::new().accept()).await;
    }
    assert_eq!(
        won.details().unwrap().unwrap().deal_value(),
        Ok(Some(91_000.into()))
    );
}

#[tokio::test]
async fn the_client_works_under_each_reading_alone() {
    suite(Options::default()).await;
    for (name, reading) in READINGS {
        // The name shows where it fails.
        eprintln!("{name}");
        suite(reading(Options::default())).await;
    }
}

#[tokio::test]
async fn the_client_works_under_all_unfavourable_readings_together() {
    suite(all_unfavourable(Options::default())).await;
}

#[tokio::test]
async fn a_thousand_referrals_cost_ten_requests() {
    let (sandbox, referrals) = sandbox(Options::default().with_matching_delay(None));
    for _ in 0..500 {
        sandbox.act(&Act::MicrosoftSends(Box::default())).unwrap();
    }
    sandbox.reset_counts();
    let listed = referrals
        .list(ListOptions::default())
        .try_fold(0_u32, |count, _| std::future::ready(Ok(count + 1)))
        .await
        .unwrap();
    let asked = sandbox.counts().partner_center.requests;
    // Each deal that Microsoft sends is two referrals.
    assert_eq!((listed, asked), (1000, 10));
}

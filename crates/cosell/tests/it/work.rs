//! What an operator does: traces, links what was only pasted, compares and repairs.

use std::time::Duration;

use cosell::{
    PastedOptions, PastedVerdict,
    sync::{Adopted, AuditKind, AuditQuery, EngineOptions, FirstSync, PairState, RecordId, Side},
};
use cosell_sandbox::partner_center::InboundDeal;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::world::{IDENTIFIER, SYNC, World, options};

// R86, R127
#[tokio::test]
async fn a_deal_can_be_followed_from_the_hint_to_both_services() {
    let world = World::new().await;
    let deal = world.marked_deal();
    world.settle().await;
    let (referral, _) = world.only_referral();
    let engine = world.cosell.engine();
    let of_deal = AuditQuery::default().with_record(Side::Right, RecordId::new(deal.to_string()));
    let lines = engine.audit(&of_deal, None, 100).await.unwrap().entries;
    let of = |kind| {
        lines
            .iter()
            .map(|(_, line)| line)
            .find(|line| line.kind == kind)
            .unwrap()
    };
    let (hint, made) = (of(AuditKind::Hinted), of(AuditKind::Created));
    assert_eq!(hint.trace, made.trace);
    assert_eq!(made.left, Some(RecordId::new(referral.to_string())));
    assert!(
        made.fields
            .iter()
            .any(|field| field.field.as_str() == "value")
    );
    let told = of(AuditKind::Updated);
    assert_eq!(
        (told.side, told.trace),
        (Some(Side::Right), hint.trace),
        "identifier and tick"
    );
}

// G15
#[tokio::test]
async fn a_referral_that_is_only_pasted_text_is_found_and_linked_after_confirmation() {
    let world = World::with(options(), |builder| {
        builder.engine(EngineOptions::default().with_first_sync(FirstSync::LinksOnly))
    })
    .await;
    let cosell = &world.cosell;
    let pasted = world.microsoft_sends(InboundDeal::new("Plant analytics", "Adatum"));
    // The service finds the customer's account a while later, which is a change of its own.
    world.sandbox.advance(Duration::from_secs(3_600));
    cosell.run_once().await.unwrap();
    let own = world.marked_deal();
    world.settle().await;
    assert_eq!(
        world.rows("opportunity").len(),
        1,
        "what was there is not taken in by itself"
    );
    let ids = world
        .referrals()
        .into_iter()
        .map(|referral| referral["id"].clone());
    let paired = ids
        .into_iter()
        .find(|id| *id != pasted.to_string())
        .unwrap();
    // As a CRM looks before the integration: no identifier, the link in the description.
    let portal = "https://partner.microsoft.com/referrals/v2/inbox?id=";
    let row = |description: String| {
        world.crm_create(json!({ "name": "Deal", "description": description, "statuscode": 1 }))
    };
    let free = row(format!("deal {portal}{pasted}, asked by phone"));
    let stray = row("order 4024fcfe-6ecd-4a11-a812-000d3a3b189e".to_owned());
    let taken = row(format!("see {}", paired.as_str().unwrap()));
    let found = cosell.find_pasted(&PastedOptions::default()).await.unwrap();
    let of = |id: uuid::Uuid| {
        let id = RecordId::new(id.to_string());
        found.iter().find(|pasted| pasted.opportunity == id)
    };
    assert!(
        of(stray).is_none(),
        "an id that is no referral's is nothing: {found:?}"
    );
    assert!(of(own).is_none(), "what is linked is not pasted");
    assert_eq!(of(taken).unwrap().verdict, PastedVerdict::Paired);
    let fits = of(free).unwrap();
    assert_eq!((&fits.verdict, fits.marked), (&PastedVerdict::Fits, false));
    assert_eq!(fits.referral.as_str(), pasted.to_string());
    let refused = cosell.adopt(of(taken).unwrap(), "Ada").await.unwrap();
    assert!(matches!(refused, Adopted::Refused(_)), "{refused:?}");
    // Confirmed: linked, and silent until the seller marks the deal.
    let Adopted::Linked(pair) = cosell.adopt(fits, "Ada").await.unwrap() else {
        panic!("it fits");
    };
    cosell.run_once().await.unwrap();
    let stored = world.store.pair(pair).await.unwrap().unwrap();
    assert!(
        matches!(stored.state, PairState::Stopped { .. }),
        "{:?}",
        stored.state
    );
    assert!(
        world.opportunity(free)[IDENTIFIER].is_null(),
        "nothing is written while it is off"
    );
    world.crm_update(free, json!({ SYNC: true }));
    world.settle().await;
    assert_eq!(world.opportunity(free)[IDENTIFIER], pasted.to_string());
    assert_eq!(world.referrals().len(), 2, "no second referral was made");
}

// R126, G14
#[tokio::test]
async fn a_difference_that_nobody_told_is_found_and_repaired_through_a_round() {
    let world = World::new().await;
    world.marked_deal();
    world.settle().await;
    let engine = world.cosell.engine();
    let findings = async || {
        let found: Vec<_> = engine.reconcile_all().collect().await;
        found.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert!(findings().await.is_empty());
    let (referral, _) = world.only_referral();
    world.portal_edit(
        referral,
        &[("/details/notes", json!("edited in the portal"))],
    );
    let found = findings().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(engine.repair(&found[0], "Ada").await.unwrap());
    world.settle().await;
    assert!(findings().await.is_empty());
    world.assert_equal().await;
}

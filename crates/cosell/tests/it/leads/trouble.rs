//! Leads where things go wrong: lost answers, crashes, refusals, lost state, both sides at once.

use super::*;

// R107
#[tokio::test]
async fn a_lead_accepted_in_the_portal_is_qualified_once_whatever_is_lost() {
    let faults = [
        None,
        Some(("QualifyLead", Moment::BeforeEffect)),
        Some(("QualifyLead", Moment::AfterEffect)),
        Some(("/leads(", Moment::BeforeEffect)),
        Some(("/leads(", Moment::AfterEffect)),
    ];
    for fault in faults {
        let world = with_leads().await;
        let referral = arrives(&world, LeadKind::Offer);
        world.settle().await;
        if let Some((path, at)) = fault {
            let rule = FaultRule::new(Fault::LoseAnswer { at })
                .with_service(ServiceName::Dataverse)
                .with_path_contains(path);
            let method = if path == "QualifyLead" {
                "POST"
            } else {
                "PATCH"
            };
            world.sandbox.add_fault(rule.with_method(method));
        }
        accepts(&world, referral);
        world.settle().await;
        assert_became_one_deal(&world, referral).await;
        assert_eq!(world.rows("account").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_seller_and_the_portal_at_once_make_one_deal() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Offer);
    world.settle().await;
    let (lead, _) = only_lead(&world);
    update_lead(&world, lead, json!({"estimatedamount": 12000}));
    qualifies(&world, lead);
    accepts(&world, referral);
    world.settle().await;
    assert_became_one_deal(&world, referral).await;
    let held = world.referral(referral);
    assert_eq!(held["details"]["dealValue"].as_f64(), Some(12_000.0));
}

#[tokio::test]
async fn a_lead_won_in_the_portal_before_we_look_is_qualified_and_won() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Seller);
    world.settle().await;
    accepts(&world, referral);
    let won = [("/status", json!("Closed")), ("/substatus", json!("Won"))];
    world.portal_edit(referral, &won);
    world.settle().await;
    assert_eq!(only_lead(&world).1["statecode"], 1);
    assert_eq!(world.only_opportunity().1["statecode"], 1);
    assert_eq!(world.referral(referral)["substatus"], "Won");
    world.assert_equal().await;
}

#[tokio::test]
async fn a_refusal_to_qualify_is_held_told_once_and_cured_by_the_seller() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Offer);
    world.settle().await;
    let refused = Fault::Status {
        status: 403,
        retry_after: None,
        at: Moment::BeforeEffect,
        body: ErrorBody::default(),
    };
    let rule = FaultRule::new(refused).with_path_contains("QualifyLead");
    world.sandbox.add_fault(rule.with_times(None));
    accepts(&world, referral);
    world.settle().await;
    let (held, _) = world.cosell.engine().holds(None, 10).await.unwrap();
    assert!(held[0].holds.contains_key(&FieldId::from("deal_state")));
    let before = world.sandbox.log().len();
    world.cosell.run_once().await.unwrap();
    let asked = world.sandbox.log().split_off(before);
    assert!(
        asked.iter().all(|entry| entry.method == "GET"),
        "{asked:#?}"
    );
    let (lead, row) = only_lead(&world);
    assert_eq!(row["subject"], "✘ Inbound lead");
    // The seller may do it, the fault is the application's alone.
    qualifies(&world, lead);
    world.settle().await;
    assert_became_one_deal(&world, referral).await;
}

// R94
#[tokio::test]
async fn a_crash_around_qualifying_is_repaired() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let mut world = with_leads().await;
        let referral = arrives(&world, LeadKind::Offer);
        world.settle().await;
        accepts(&world, referral);
        let rule = FaultRule::new(Fault::Hold { at })
            .with_service(ServiceName::Dataverse)
            .with_path_contains("QualifyLead");
        world.sandbox.add_fault(rule);
        {
            let round = world.cosell.run_once();
            let held = world.sandbox.wait_until_held();
            tokio::select! {
                report = round => panic!("never qualified: {report:#?}"),
                held = held => assert!(world.sandbox.drop_held(held.id)),
            }
        }
        let made = usize::from(at == Moment::AfterEffect);
        assert_eq!(world.rows("opportunity").len(), made, "crashed between");
        restart(&mut world).await;
        world.settle().await;
        assert_became_one_deal(&world, referral).await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_new_lead_makes_no_second_one() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let world = with_leads().await;
        let rule = FaultRule::new(Fault::LoseAnswer { at })
            .with_service(ServiceName::Dataverse)
            .with_method("PATCH");
        world.sandbox.add_fault(rule);
        arrives(&world, LeadKind::Offer);
        world.settle().await;
        only_lead(&world);
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn an_engine_that_forgot_all_finds_leads_and_what_they_became_again() {
    let mut world = with_leads().await;
    let (open, became) = (
        arrives(&world, LeadKind::Offer),
        arrives(&world, LeadKind::Seller),
    );
    world.settle().await;
    let lead = world.rows("lead");
    let lead = lead
        .iter()
        .find(|lead| lead[IDENTIFIER] == became.to_string());
    qualifies(
        &world,
        lead.unwrap()["leadid"].as_str().unwrap().parse().unwrap(),
    );
    world.settle().await;
    world.store = Arc::new(MemoryStore::new());
    restart(&mut world).await;
    world.settle().await;
    assert_eq!(world.rows("lead").len(), 2);
    assert_eq!(world.rows("opportunity").len(), 1);
    assert_eq!(world.referrals().len(), 2);
    assert_eq!(world.referral(open)["status"], "New");
    let pairs = world.store.pairs(None, 10).await.unwrap();
    assert_eq!(pairs.len(), 2);
    world.assert_equal().await;
}

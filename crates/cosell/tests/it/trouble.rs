//! Lost answers, throttling, bad records, wrong set-ups.

use cosell::{
    ConnectFault, ConnectorColumns, DynamicsOptions, PartnerCenterOptions, Service, http::ErrorKind,
};
use cosell_sandbox::{Fault, FaultRule, Garbage, Moment, ServiceName, partner_center::InboundDeal};
use serde_json::json;

use crate::world::{self, AUDIT, SYNC, World};

fn lost(service: ServiceName, method: &str, at: Moment) -> FaultRule {
    FaultRule::new(Fault::LoseAnswer { at })
        .with_service(service)
        .with_method(method)
}

#[tokio::test]
async fn a_lost_answer_to_a_create_makes_no_second_record() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let world = World::new().await;
        world
            .sandbox
            .add_fault(lost(ServiceName::PartnerCenter, "POST", at));
        world.marked_deal();
        world.settle().await;
        assert_eq!(world.referrals().len(), 1, "{at:?}");
        world.assert_equal().await;

        let world = World::new().await;
        world
            .sandbox
            .add_fault(lost(ServiceName::Dataverse, "POST", at));
        world.microsoft_sends(InboundDeal::new("Data estate", "Adatum Corporation"));
        world.settle().await;
        assert_eq!(world.rows("opportunity").len(), 1, "{at:?}");
        assert_eq!(world.rows("account").len(), 1, "{at:?}");
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_update_loses_no_edit_and_finds_no_conflict() {
    for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
        for at in [Moment::BeforeEffect, Moment::AfterEffect] {
            let world = World::new().await;
            let opportunity = world.marked_deal();
            world.settle().await;
            let (id, _) = world.only_referral();
            world.sandbox.add_fault(lost(service, "PATCH", at));
            match service {
                ServiceName::PartnerCenter => {
                    world.crm_update(opportunity, json!({"description": "edited"}));
                }
                _ => world.portal_edit(id, &[("/details/notes", json!("edited"))]),
            }
            world.settle().await;
            assert_eq!(
                world.only_referral().1["details"]["notes"],
                "edited",
                "{service:?} {at:?}"
            );
            assert_eq!(world.opportunity(opportunity)["description"], "edited");
            let conflicts = world.cosell.engine().conflicts(0, 10).await.unwrap();
            assert!(conflicts.is_empty(), "{service:?} {at:?}: {conflicts:?}");
            world.assert_equal().await;
        }
    }
}

// R123
#[tokio::test]
async fn throttling_is_waited_for() {
    let world = World::new().await;
    for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
        world.sandbox.add_fault(
            FaultRule::new(Fault::Status {
                status: 429,
                retry_after: Some(7),
                at: Moment::BeforeEffect,
                body: cosell_sandbox::ErrorBody::Service,
            })
            .with_service(service),
        );
    }
    world.marked_deal();
    world.settle().await;
    assert_eq!(world.referrals().len(), 1);
    world.assert_equal().await;
}

#[tokio::test]
async fn a_deal_that_cannot_be_sent_waits_with_its_reason_and_others_go_on() {
    let world = World::new().await;
    let bad = world.crm_create(json!({
        "name": "No customer", "estimatedvalue": 10, "description": "Notes", "estimatedclosedate": "2026-12-31", SYNC: true,
    }));
    world.marked_deal();
    world.settle().await;
    assert_eq!(world.referrals().len(), 1, "the other one arrived");
    let row = world.opportunity(bad);
    let audit = row[AUDIT].as_str().unwrap();
    assert!(audit.contains("customerProfile"), "{audit}");
    assert_eq!(row["name"], "✘ No customer");
    // With the cure the deal goes on by itself.
    let account = world.account("Adatum Corporation");
    world.crm_update(
        bad,
        json!({"parentaccountid@odata.bind": format!("/accounts({account})")}),
    );
    world.settle().await;
    assert_eq!(world.referrals().len(), 2);
    assert_eq!(world.opportunity(bad)["name"], "✔ No customer");
    world.assert_equal().await;
}

// R78
#[tokio::test]
async fn a_deal_without_a_solution_is_refused_before_any_call() {
    let world = World::with(world::options(), |builder| {
        builder.partner_center(PartnerCenterOptions::default())
    })
    .await;
    let opportunity = world.marked_deal();
    let before = world.sandbox.counts().partner_center.writes;
    world.settle().await;
    assert_eq!(
        world.sandbox.counts().partner_center.writes,
        before,
        "no call"
    );
    let audit = world.opportunity(opportunity)[AUDIT]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(audit.contains("at least one solution"), "{audit}");
}

// R84
#[tokio::test]
async fn the_audit_line_of_a_refusal_holds_the_services_words_and_a_correlation_id() {
    let world = World::new().await;
    world.sandbox.add_fault(
        FaultRule::new(Fault::Status {
            status: 400,
            retry_after: None,
            at: Moment::BeforeEffect,
            body: cosell_sandbox::ErrorBody::Service,
        })
        .with_service(ServiceName::PartnerCenter)
        .with_method("POST"),
    );
    let opportunity = world.marked_deal();
    world.settle().await;
    let audit = world.opportunity(opportunity)[AUDIT]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        audit.contains("sync failed: referrals.create: Refused 400"),
        "{audit}"
    );
    assert!(
        audit.contains("[correlation ") && audit.ends_with(']'),
        "{audit}"
    );
}

#[tokio::test]
async fn answers_that_cannot_be_read_lose_nothing() {
    for form in [
        Garbage::Html,
        Garbage::Truncated,
        Garbage::Malformed,
        Garbage::Empty,
    ] {
        for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
            let world = World::new().await;
            let opportunity = world.marked_deal();
            world.settle().await;
            let (id, _) = world.only_referral();
            world.crm_update(opportunity, json!({"estimatedvalue": 91000}));
            world.portal_edit(id, &[("/details/notes", json!("edited"))]);
            let rule = FaultRule::new(Fault::Garbage { form }).with_service(service);
            world.sandbox.add_fault(rule);
            let report = world.cosell.run_once().await.unwrap();
            assert!(!report.errors.is_empty(), "{form:?} of {service:?} is told");
            world.settle().await;
            let (_, referral) = world.only_referral();
            assert_eq!(referral["details"]["dealValue"].as_f64(), Some(91_000.0));
            assert_eq!(world.opportunity(opportunity)["description"], "edited");
            world.assert_equal().await;
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_waits_alone() {
    let world = World::new().await;
    let bad = world.marked_deal();
    let good = world.marked_deal();
    world.settle().await;
    let rule = FaultRule::new(Fault::Garbage {
        form: Garbage::Malformed,
    })
    .with_service(ServiceName::Dataverse)
    .with_path_contains(bad.to_string())
    .with_times(None);
    world.sandbox.add_fault(rule);
    for id in [bad, good] {
        world.crm_update(id, json!({"description": "edited"}));
    }
    let report = world.cosell.run_once().await.unwrap();
    assert_eq!(report.errors.len(), 1);
    let error = &report.errors[0];
    assert_eq!(
        error.id.as_ref().unwrap().as_str(),
        bad.to_string(),
        "named"
    );
    let notes = |id: uuid::Uuid| {
        let referrals = world.referrals();
        let named =
            |referral: &&serde_json::Value| referral["externalReferenceId"] == id.to_string();
        referrals.iter().find(named).unwrap()["details"]["notes"].clone()
    };
    assert_eq!(notes(good), "edited", "the other one went on");
    assert_ne!(notes(bad), "edited");
    world.sandbox.clear_faults();
    world.settle().await;
    assert_eq!(notes(bad), "edited", "and it follows when it can be read");
}

#[tokio::test]
async fn an_expired_delta_link_loses_no_change() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world
        .sandbox
        .act(&cosell_sandbox::Act::CrmExpireDeltaLinks)
        .unwrap();
    world.crm_update(
        opportunity,
        json!({"description": "behind an expired link"}),
    );
    world.settle().await;
    assert_eq!(
        world.only_referral().1["details"]["notes"],
        "behind an expired link"
    );
    world.assert_equal().await;
}

#[tokio::test]
async fn a_deleted_opportunity_closes_nothing_in_partner_center() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let act = cosell_sandbox::Act::CrmDelete {
        table: "opportunity".to_owned(),
        id: opportunity,
    };
    world.sandbox.act(&act).unwrap();
    world.settle().await;
    assert_eq!(world.only_referral().1["status"], "Active");
    assert!(
        world.rows("opportunity").is_empty(),
        "and is not made again"
    );
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_process_stopped() {
    let mut world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.restart().await;
    world.crm_update(opportunity, json!({"description": "after the restart"}));
    world.settle().await;
    assert_eq!(
        world.only_referral().1["details"]["notes"],
        "after the restart"
    );
}

// R33
#[tokio::test]
async fn a_wrong_set_up_is_told_before_the_first_write_with_all_its_faults() {
    let columns = ConnectorColumns::default().with_stamp("nobody_installed_this");
    let error = world::connect(world::options(), |builder| {
        builder.dynamics(DynamicsOptions::default().with_columns(columns))
    })
    .await
    .expect_err("the column is missing");
    assert_eq!(error.faults.len(), 1);
    assert!(matches!(
        error.faults[0],
        ConnectFault::Service {
            service: Service::Dynamics,
            ..
        }
    ));
    assert!(
        error.to_string().contains("nobody_installed_this"),
        "{error}"
    );

    let mut options = world::options();
    options.sign_in.tenant = uuid::Uuid::from_u128(9);
    let error = world::connect(options, |builder| builder)
        .await
        .expect_err("nobody can sign in");
    assert!(
        error
            .faults
            .iter()
            .all(|fault| matches!(fault, ConnectFault::Service { error, .. } if error.kind() == ErrorKind::SignIn)),
        "{error}"
    );
    assert_eq!(error.faults.len(), 2, "both sides are told: {error}");
}

// R30, G1
#[tokio::test]
async fn a_dry_run_shows_what_would_be_written_and_writes_nothing() {
    let world = World::new().await;
    world.marked_deal();
    let before = world.sandbox.counts();
    let dry = world.cosell.plan().await.unwrap();
    assert!(!dry.is_quiet());
    assert_eq!(dry.pairs.len(), 1);
    assert!(dry.pairs[0].plan.create.is_some());
    let after = world.sandbox.counts();
    assert_eq!(after.partner_center.writes, before.partner_center.writes);
    assert_eq!(after.dataverse.writes, before.dataverse.writes);
    assert!(world.referrals().is_empty());
    world.settle().await;
    assert_eq!(
        world.referrals().len(),
        1,
        "the same plan is then carried out"
    );
}

// R122
#[tokio::test]
async fn an_edit_between_our_read_and_our_write_is_never_overwritten() {
    for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
        let world = World::new().await;
        let opportunity = world.marked_deal();
        world.settle().await;
        let (id, _) = world.only_referral();
        let hold = Fault::Hold {
            at: Moment::BeforeEffect,
        };
        let rule = FaultRule::new(hold)
            .with_service(service)
            .with_method("PATCH");
        world.sandbox.add_fault(rule);
        // The value goes one way while the notes of the record written to are edited.
        match service {
            ServiceName::PartnerCenter => {
                world.crm_update(opportunity, json!({"estimatedvalue": 91000}));
            }
            _ => world.portal_edit(id, &[("/details/dealValue", json!(91000))]),
        }
        let meddle = async {
            let held = world.sandbox.wait_until_held().await;
            match service {
                ServiceName::PartnerCenter => {
                    world.portal_edit(id, &[("/details/dealValue", json!(77000))]);
                }
                _ => world.crm_update(opportunity, json!({"estimatedvalue": 77000})),
            }
            assert!(world.sandbox.release(held.id));
        };
        let (report, ()) = tokio::join!(world.cosell.run_once(), meddle);
        report.unwrap();
        world.settle().await;
        let conflicts = world.cosell.engine().conflicts(0, 10).await.unwrap();
        assert_eq!(conflicts.len(), 1, "{service:?}: both edits are seen");
        let values = [
            conflicts[0].left.to_string(),
            conflicts[0].right.to_string(),
        ];
        assert!(values.contains(&"77000 EUR".to_owned()), "{values:?}");
        assert!(values.contains(&"91000 EUR".to_owned()), "{values:?}");
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn no_write_leaves_after_its_deadline() {
    for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
        let world = World::new().await;
        let opportunity = world.marked_deal();
        world.settle().await;
        let (id, _) = world.only_referral();
        // The wait that is asked for is longer than the window in which bytes may leave.
        let rule = FaultRule::new(Fault::Status {
            status: 429,
            retry_after: Some(60),
            at: Moment::BeforeEffect,
            body: cosell_sandbox::ErrorBody::Service,
        })
        .with_service(service)
        .with_method("PATCH");
        world.sandbox.add_fault(rule);
        match service {
            ServiceName::PartnerCenter => {
                world.crm_update(opportunity, json!({"description": "edited"}));
            }
            _ => world.portal_edit(id, &[("/details/notes", json!("edited"))]),
        }
        let before = world.sandbox.log().len();
        world.cosell.run_once().await.unwrap();
        let log = world.sandbox.log();
        let patches = log[before..]
            .iter()
            .filter(|entry| entry.method == "PATCH" && entry.service == service);
        assert_eq!(patches.count(), 1, "{service:?}: not sent again in vain");
        world.settle().await;
        assert_eq!(world.only_referral().1["details"]["notes"], "edited");
        assert_eq!(world.opportunity(opportunity)["description"], "edited");
        world.assert_equal().await;
    }
}

use std::time::Duration;

use cosell_referrals::{
    ErrorKind,
    webhook::{
        EventName, Guard, GuardOptions, Overwrite, RegisterError, Registration, Repair, Standing,
        ValidationOptions,
    },
};
use cosell_sandbox::webhooks::{Options, PostOnExisting};
use futures_util::StreamExt;

use super::support::{HOOK, World, wanted};

const THEIRS: &str = "https://hooks.contoso.example/other";

fn take_over(world: &World) {
    world.sandbox.with(|sandbox| {
        sandbox
            .webhooks_mut()
            .take_over(THEIRS, &["referral-created"]);
    });
}

fn address(world: &World) -> Option<String> {
    world.sandbox.with(|sandbox| {
        let held = sandbox.webhooks().registration();
        held.map(|held| held.url.clone())
    })
}

// R38, R39
#[tokio::test]
async fn an_address_and_events_are_registered_once() {
    let world = World::new(Options::default());
    assert_eq!(world.webhooks.registration().await.unwrap(), None);
    let known = world.webhooks.known_events().await.unwrap();
    assert!(
        EventName::REFERRALS
            .iter()
            .all(|event| known.contains(event))
    );

    let own = wanted().with_signature_in_own_header(true);
    let made = world.webhooks.register(&own, Overwrite::No).await.unwrap();
    assert!(made.written);
    assert_eq!(made.before, None);
    let held = world
        .sandbox
        .with(|sandbox| sandbox.webhooks().registration().cloned())
        .unwrap();
    assert_eq!(held.url, HOOK);
    assert_eq!(
        held.events,
        [
            "referral-created",
            "referral-updated",
            "related-referral-created",
            "related-referral-updated",
            "test-created"
        ]
    );
    assert!(held.signature_in_own_header);

    world.sandbox.reset_counts();
    let again = world.webhooks.register(&own, Overwrite::No).await.unwrap();
    assert!(!again.written);
    assert_eq!(world.sandbox.counts().webhooks.writes, 0);
}

// R40, R41
#[tokio::test]
async fn another_address_is_shown_or_replaced_and_given_back() {
    for post in [PostOnExisting::Overwrites, PostOnExisting::Conflict] {
        let world = World::new(Options::default().with_post_on_existing(post));
        take_over(&world);
        let refused = world.webhooks.register(&wanted(), Overwrite::No).await;
        let error = refused.unwrap_err();
        assert!(error.to_string().contains(THEIRS), "{error}");
        let RegisterError::Occupied { existing } = error else {
            panic!("{error:?}");
        };
        assert_eq!(existing.events, [EventName::ReferralCreated]);
        assert_eq!(address(&world).as_deref(), Some(THEIRS));

        let done = world
            .webhooks
            .register(&wanted(), Overwrite::Yes)
            .await
            .unwrap();
        assert_eq!(done.before, Some(existing.clone()));
        assert_eq!(address(&world).as_deref(), Some(HOOK));
        let back = world.webhooks.replace(&existing).await.unwrap();
        assert_eq!((back.url, back.events), (existing.url, existing.events));
    }
}

// R42
#[tokio::test]
async fn the_registration_is_read_back_and_compared() {
    let world = World::new(Options::default());
    let invoice = EventName::Other("invoice-ready".into());
    let part = wanted().with_events(vec![EventName::ReferralCreated, invoice.clone()]);
    world.webhooks.create(&part).await.unwrap();
    let read = world.webhooks.registration().await.unwrap();
    let standing = wanted().compare(read.as_ref());
    let Standing::Incomplete { missing, more } = standing else {
        panic!("{standing:?}");
    };
    assert_eq!(missing.len(), 4);
    assert_eq!(more, std::slice::from_ref(&invoice));

    // The missing ones are added; what somebody else wants at the same address stays.
    world
        .webhooks
        .register(&wanted(), Overwrite::No)
        .await
        .unwrap();
    let read = world.webhooks.registration().await.unwrap();
    let more = vec![invoice];
    assert_eq!(wanted().compare(read.as_ref()), Standing::AsWanted { more });
}

#[tokio::test]
async fn a_bad_registration_is_not_sent() {
    let world = World::new(Options::default());
    let bad = Registration::new("http://hooks.fabrikam.example/").with_events(Vec::new());
    let refused = world
        .webhooks
        .register(&bad, Overwrite::Yes)
        .await
        .unwrap_err();
    let RegisterError::Failed(error) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(world.sandbox.log().is_empty());
}

#[tokio::test]
async fn a_withdrawn_token_is_renewed_and_nothing_cannot_be_replaced() {
    let world = World::new(Options::default());
    world
        .sandbox
        .with(cosell_sandbox::Sandbox::withdraw_access_tokens);
    assert!(world.webhooks.registration().await.is_ok());
    let replaced = world.webhooks.replace(&wanted()).await.unwrap_err();
    assert_eq!(replaced.kind(), ErrorKind::NotFound);
}

// R43
#[tokio::test]
async fn validation_events_are_followed_two_a_minute() {
    let world = World::new(Options::default());
    world.webhooks.create(&wanted()).await.unwrap();
    let options = ValidationOptions::default();
    let start = world.sandbox.now();
    for seconds in [5, 10, 65] {
        let tried = world.webhooks.validate(options).await.unwrap();
        assert!(tried.delivered());
        assert_eq!(tried.callback_url.as_deref(), Some(HOOK));
        let took = world.sandbox.now() - start;
        assert_eq!(took.num_seconds(), seconds);
    }
    // The service, which limits as well, never had to refuse.
    assert_eq!(world.sandbox.counts().webhooks.failures, 0);
    assert!(world.told().iter().all(|told| {
        told.as_ref()
            .is_ok_and(|event| event.name() == &EventName::TestCreated)
    }));
}

#[tokio::test]
async fn a_receiver_that_is_down_is_told_when_patience_ends() {
    let world = World::new(Options::default());
    world.silent();
    world.webhooks.create(&wanted()).await.unwrap();
    let options = ValidationOptions::default()
        .with_every(Duration::from_secs(10))
        .with_patience(Duration::from_secs(30));
    let tried = world.webhooks.validate(options).await.unwrap();
    assert!(!tried.delivered() && !tried.is_over());
    let unknown = world.webhooks.validation("no/../such").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

/// Trap 8: events stop after somebody else has registered.
// R51
#[tokio::test]
async fn a_guard_tells_and_repairs_as_far_as_it_may() {
    let world = World::new(Options::default());
    let guard = |repair| {
        let options = GuardOptions::default().with_repair(repair);
        Guard::new(world.webhooks.clone(), wanted(), options)
    };
    let finding = guard(Repair::Never).check().await.unwrap();
    assert_eq!(
        (finding.standing, finding.repaired),
        (Standing::Missing, false)
    );
    let finding = guard(Repair::Lost).check().await.unwrap();
    assert_eq!(
        (finding.standing, finding.repaired),
        (Standing::Missing, true)
    );
    let finding = guard(Repair::Lost).check().await.unwrap();
    assert!(finding.standing.is_good() && !finding.repaired);

    take_over(&world);
    for repair in [Repair::Never, Repair::Lost] {
        let finding = guard(repair).check().await.unwrap();
        let Standing::Foreign { found } = finding.standing else {
            panic!("{finding:?}");
        };
        assert_eq!(found.url, THEIRS);
        assert!(!finding.repaired);
        assert_eq!(address(&world).as_deref(), Some(THEIRS));
    }
    let finding = guard(Repair::Taken).check().await.unwrap();
    assert!(finding.repaired);
    assert_eq!(address(&world).as_deref(), Some(HOOK));
}

#[tokio::test]
async fn two_that_take_the_registration_back_do_not_fight_for_ever() {
    let world = World::new(Options::default());
    let hour = Duration::from_secs(60 * 60);
    let options = GuardOptions::default()
        .with_repair(Repair::Taken)
        .with_limit(2, 3 * hour);
    let guard = Guard::new(world.webhooks.clone(), wanted(), options);
    let mut watch = guard.watch(hour);
    let mut seen = Vec::new();
    for _ in 0..5 {
        take_over(&world);
        let finding = watch.next().await.unwrap().unwrap();
        seen.push((finding.repaired, finding.contested));
    }
    let (back, left) = ((true, false), (false, true));
    // Three hours after the first time, once more.
    assert_eq!(seen, [back, back, left, back, back]);
}

#[tokio::test]
async fn a_failure_to_look_is_no_lost_registration() {
    use cosell_sandbox::{ErrorBody, Fault, FaultRule, Moment, ServiceName};
    let world = World::new(Options::default()).registered();
    world.sandbox.add_fault(
        FaultRule::new(Fault::Status {
            status: 404,
            retry_after: None,
            at: Moment::BeforeEffect,
            body: ErrorBody::Html,
        })
        .with_service(ServiceName::Webhooks),
    );
    let error = world.webhooks.registration().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

//! What the public record leaves open about webhooks: registration, receiver and guard work under
//! each reading alone, and under all the unfavourable ones together.

use std::time::Duration;

use cosell_referrals::webhook::{
    EventName, Guard, GuardOptions, Overwrite, Repair, Standing, ValidationOptions,
};
use cosell_sandbox::{
    Act,
    webhooks::{
        CertificateFile, DeliveryOrder, NoRegistration, Options, PostOnExisting, ResourceUri,
    },
};

use super::support::{World, wanted};

type Reading = (&'static str, fn(Options) -> Options);

/// Each reading that is not the default.
const READINGS: &[Reading] = &[
    ("the referral's own address", |o| {
        o.with_resource_uri(ResourceUri::Rest)
    }),
    ("a second registration is refused", |o| {
        o.with_post_on_existing(PostOnExisting::Conflict)
    }),
    ("a registration without events", |o| {
        o.with_empty_events(true)
    }),
    ("the subscriber is told on reading", |o| {
        o.with_subscriber_id_on_read(true)
    }),
    ("no registration is an empty object", |o| {
        o.with_no_registration(NoRegistration::EmptyObject)
    }),
    ("no registration is no body", |o| {
        o.with_no_registration(NoRegistration::Nothing)
    }),
    ("users may not register", |o| o.with_roles(Vec::new())),
    ("posts come late", |o| {
        o.with_delay(Duration::from_secs(300))
    }),
    ("posts come three times", |o| o.with_duplicates(2)),
    ("posts come in reverse", |o| {
        o.with_order(DeliveryOrder::Reversed)
    }),
    ("posts come mixed", |o| {
        o.with_order(DeliveryOrder::Shuffled)
    }),
    ("the certificate is base64", |o| {
        o.with_certificate_file(CertificateFile::Base64)
    }),
    ("the certificate is PEM", |o| {
        o.with_certificate_file(CertificateFile::Pem)
    }),
    ("the certificate brings its issuer", |o| {
        o.with_certificate_file(CertificateFile::PemChain)
    }),
    ("the issuer is elsewhere", |o| {
        o.with_certificate_file(CertificateFile::IssuerElsewhere)
    }),
];

/// The unfavourable ones, as far as they can hold at the same time.
fn all_unfavourable(options: Options) -> Options {
    options
        .with_resource_uri(ResourceUri::Rest)
        .with_post_on_existing(PostOnExisting::Conflict)
        .with_subscriber_id_on_read(true)
        .with_no_registration(NoRegistration::Nothing)
        .with_roles(Vec::new())
        .with_delay(Duration::from_secs(300))
        .with_duplicates(2)
        .with_order(DeliveryOrder::Shuffled)
        .with_certificate_file(CertificateFile::IssuerElsewhere)
}

/// What everybody does with webhooks.
async fn suite(options: Options) {
    let world = World::new(options);
    assert_eq!(world.webhooks.registration().await.unwrap(), None);
    let made = world.webhooks.register(&wanted(), Overwrite::No).await;
    assert!(made.unwrap().written);
    let again = world.webhooks.register(&wanted(), Overwrite::No).await;
    assert!(!again.unwrap().written);

    let patient = ValidationOptions::default().with_patience(Duration::from_secs(600));
    let tried = world.webhooks.validate(patient).await.unwrap();
    assert!(tried.delivered());

    let sent = world
        .sandbox
        .act(&Act::MicrosoftSends(Box::default()))
        .unwrap();
    world.sandbox.advance(Duration::from_secs(301));
    world.post_again().await;
    let told: Vec<_> = world.told().into_iter().map(Result::unwrap).collect();
    assert!(told.iter().any(|event| {
        event.name() == &EventName::ReferralCreated && event.referral_id() == sent.id.as_deref()
    }));

    // Somebody else takes the registration, the guard takes it back.
    world.sandbox.with(|sandbox| {
        let webhooks = sandbox.webhooks_mut();
        webhooks.take_over("https://hooks.contoso.example/x", &["referral-created"]);
    });
    let options = GuardOptions::default().with_repair(Repair::Taken);
    let guard = Guard::new(world.webhooks.clone(), wanted(), options);
    let found = guard.check().await.unwrap();
    assert!(matches!(found.standing, Standing::Foreign { .. }) && found.repaired);
    assert!(guard.check().await.unwrap().standing.is_good());
}

#[tokio::test]
async fn webhooks_work_under_each_reading_alone() {
    suite(Options::default()).await;
    for (name, reading) in READINGS {
        // The name shows where it fails.
        eprintln!("{name}");
        suite(reading(Options::default())).await;
    }
}

#[tokio::test]
async fn webhooks_work_under_all_unfavourable_readings_together() {
    suite(all_unfavourable(Options::default())).await;
}

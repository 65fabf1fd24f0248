//! Patches judged against the referral that they are meant for.

use cosell_referrals::{
    ErrorKind, Member, Patch, PatchOptions, PatchOutcome, Profile, RegistrationEdit, Solution,
    SolutionType, State,
};
use serde_json::{Value, value::RawValue};

use crate::support::{ETAG, ID, Scripted, Turn, fields, plain, sample_in};

#[test]
fn a_closed_referral_takes_nothing_but_registrations() {
    let won = sample_in(&State::WON, |body| {
        body["registrationStatus"] = "ActionRequired".into();
    });
    let edit = RegistrationEdit::default().with_contract_value(90_000);
    Patch::new()
        .edit_registration(&edit)
        .check_for(&won, Profile::Strict)
        .unwrap();
    // Naming the state as it stands is no edit.
    Patch::new().win().check_for(&won, Profile::Strict).unwrap();
    let patch = Patch::new().with_notes("x").with_team(&[]).win();
    assert_eq!(
        fields(patch.check_for(&won, Profile::Lenient)),
        ["details.notes", "team"]
    );
}

#[test]
fn halves_of_a_state_and_the_way_back_of_sharing_are_told() {
    let accepted = plain(&State::ACCEPTED);
    let half = Patch::new()
        .with_json("/status", raw("\"Closed\""))
        .unwrap();
    assert_eq!(
        fields(half.check_for(&accepted, Profile::Strict)),
        ["substatus"]
    );
    let half = Patch::new()
        .with_json("/substatus", raw("\"Won\""))
        .unwrap();
    assert_eq!(
        fields(half.check_for(&accepted, Profile::Strict)),
        ["status"]
    );
    let share = "/consent/consentToShareReferralWithMicrosoftSellers";
    let back = Patch::new().with_json(share, raw("false")).unwrap();
    assert_eq!(
        fields(back.check_for(&accepted, Profile::Lenient)),
        ["consent.consentToShareReferralWithMicrosoftSellers"]
    );
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[test]
fn what_a_patch_puts_into_lists_is_complete() {
    let accepted = plain(&State::ACCEPTED);
    let nobody = Member::default().with_email("x@y.example");
    let patch = Patch::new()
        .with_team(&[])
        .with_customer_team(std::slice::from_ref(&nobody))
        .add_solutions(&accepted, &[Solution::default()])
        .unwrap();
    assert_eq!(
        fields(patch.check_for(&accepted, Profile::Strict)),
        [
            "team",
            "customerProfile.team[0].firstName",
            "customerProfile.team[0].lastName",
            "customerProfile.team[0].phoneNumber",
            "details.requirements.solutions[0].id",
        ]
    );
    patch.check_for(&accepted, Profile::Lenient).unwrap();
}

#[test]
fn what_is_there_is_not_added_again() {
    let accepted = plain(&State::ACCEPTED);
    let member = |email: &str| Member::new("A", "B", "+1", email);
    let patch = Patch::new()
        .add_to_team(
            &accepted,
            &[
                member(" OMAR.diaz@northwind.example"),
                member("new@x.example"),
                member("NEW@x.example"),
            ],
        )
        .unwrap()
        .add_to_team(&accepted, &[member("new@x.example")])
        .unwrap()
        .add_to_customer_team(
            &accepted,
            &[
                member("ada.berg@fabrikam.example"),
                member("eva@fabrikam.example"),
            ],
        )
        .unwrap()
        .add_solutions(
            &accepted,
            &[
                Solution::new("SOL-10482-QRT", SolutionType::Name),
                Solution::new("SOL-2", SolutionType::Name),
            ],
        )
        .unwrap();
    let document: Vec<Value> = serde_json::from_str(&patch.to_json(Default::default())).unwrap();
    let added: Vec<_> = document
        .iter()
        .map(|one| (one["op"].as_str().unwrap(), one["path"].as_str().unwrap()))
        .collect();
    assert_eq!(
        added,
        [
            ("add", "/team/-"),
            ("add", "/customerProfile/team/-"),
            ("add", "/details/requirements/solutions/-"),
        ]
    );
    // What is added would be there twice after a repeat.
    assert_eq!(
        patch.repeat(&PatchOptions::default()),
        cosell_http::Repeat::IfNotSent
    );
    let both = patch.with_team(&[member("only@x.example")]);
    assert_eq!(fields(both.check()), ["team"]);
    let nothing = Patch::new().add_to_team(&accepted, &[member("omar.diaz@northwind.example")]);
    assert!(nothing.unwrap().is_empty());
}

#[tokio::test]
async fn a_patch_of_what_was_read_carries_its_version_and_tells_when_it_is_stale() {
    let stale = include_str!("samples/error_stale.json");
    let service = Scripted::new([
        Turn::Answer(204, String::new()),
        Turn::Answer(412, stale.into()),
    ]);
    let client = service.client();
    let read = plain(&State::ACCEPTED);
    let patch = Patch::new().with_notes("x");
    let options = PatchOptions::default().with_representation(false);
    let applied = client
        .patch_read(&read, &patch, options.clone())
        .await
        .unwrap();
    assert!(matches!(applied, PatchOutcome::Applied(_)));
    let stale = client.patch_read(&read, &patch, options).await.unwrap();
    assert!(matches!(stale, PatchOutcome::Stale(error) if error.target() == Some("ETag")));
    for request in service.taken() {
        assert_eq!(request.headers()["if-match"], ETAG);
        assert!(request.uri().path().ends_with(ID));
    }
    // Items of a list may lack the version.
    let listed = sample_in(&State::ACCEPTED, |body| {
        body.as_object_mut().unwrap().remove("eTag");
    });
    let failed = client
        .patch_read(&listed, &patch, PatchOptions::default())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Invalid);
}

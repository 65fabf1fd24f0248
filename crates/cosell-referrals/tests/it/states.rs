//! The table of states, and patches judged against the referral they are meant for.

use cosell_referrals::{
    Actor, ErrorKind, ErrorReason, LossReason, Patch, PatchOptions, Profile, Refused, Sent, State,
    Status, Step, Substatus, judge,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Scripted, fields, plain, sample_in};

const ALL: [State; 8] = [
    State::PENDING,
    State::RECEIVED,
    State::ACCEPTED,
    State::WON,
    State::LOST,
    State::DECLINED,
    State::EXPIRED,
    State::ERROR,
];

// R110
#[test]
fn every_move_is_in_the_table() {
    use Refused as R;
    use Step as S;
    // Rows: from. Columns: to, in the order of `ALL`.
    let table: [[Result<Step, Refused>; 8]; 3] = [
        [
            Ok(S::Stay),
            Ok(S::Receive),
            Ok(S::Accept),
            Err(R::NotAccepted),
            Err(R::NotAccepted),
            Ok(S::Decline),
            Err(R::NotYours),
            Ok(S::CloseAsError),
        ],
        [
            Err(R::Backwards),
            Ok(S::Stay),
            Ok(S::Accept),
            Err(R::NotAccepted),
            Err(R::NotAccepted),
            Ok(S::Decline),
            Err(R::NotYours),
            Ok(S::CloseAsError),
        ],
        [
            Err(R::Backwards),
            Err(R::Backwards),
            Ok(S::Stay),
            Ok(S::Win),
            Ok(S::Lose),
            Err(R::AlreadyAccepted),
            Err(R::NotWaiting),
            Ok(S::CloseAsError),
        ],
    ];
    for (row, from) in ALL.iter().enumerate() {
        for (column, to) in ALL.iter().enumerate() {
            let wanted = match table.get(row) {
                Some(line) => line[column],
                None if row == column => Ok(S::Stay),
                None => Err(R::Closed),
            };
            let judged = judge(from, to, Actor::Owner, Profile::Strict);
            assert_eq!(judged, wanted, "{from} -> {to}");
            // What the portal offers, the service's table allows.
            if judged.is_ok() {
                assert!(judge(from, to, Actor::Owner, Profile::Lenient).is_ok());
            }
        }
    }
    for (from, to) in [
        (State::PENDING, State::WON),
        (State::RECEIVED, State::LOST),
        (State::ACCEPTED, State::DECLINED),
        (State::RECEIVED, State::PENDING),
    ] {
        assert!(
            judge(&from, &to, Actor::Owner, Profile::Lenient).is_ok(),
            "{from} -> {to}"
        );
    }
    assert!(
        judge(
            &State::ACCEPTED,
            &State::PENDING,
            Actor::Owner,
            Profile::Lenient
        )
        .is_err()
    );
}

#[test]
fn each_move_is_somebodys() {
    let may = |from: &State, to: &State, by| judge(from, to, by, Profile::Strict);
    assert_eq!(
        may(&State::PENDING, &State::EXPIRED, Actor::Service),
        Ok(Step::Expire)
    );
    assert_eq!(
        may(&State::ACCEPTED, &State::EXPIRED, Actor::Service),
        Err(Refused::NotWaiting)
    );
    for (from, to) in [
        (State::PENDING, State::ACCEPTED),
        (State::PENDING, State::DECLINED),
        (State::ACCEPTED, State::WON),
    ] {
        for by in [Actor::Other, Actor::Service] {
            assert_eq!(may(&from, &to, by), Err(Refused::NotYours));
        }
    }
    assert_eq!(
        may(&State::PENDING, &State::RECEIVED, Actor::Service),
        Ok(Step::Receive)
    );
}

#[test]
fn what_is_not_published_or_no_pair_is_not_judged() {
    let paused = State::new(Status::Active, Substatus::from("Engaged"));
    let judged = judge(&paused, &State::WON, Actor::Owner, Profile::Strict);
    assert_eq!(judged, Err(Refused::Unpublished));
    let torn = State::new(Status::New, Substatus::Won);
    let judged = judge(&State::PENDING, &torn, Actor::Owner, Profile::Lenient);
    assert_eq!(judged, Err(Refused::NoPair));
    // The service may know more than we: such a move is left to it.
    let engaged = sample_in(&State::ACCEPTED, |body| {
        body["substatus"] = "Engaged".into();
    });
    Patch::new()
        .win()
        .check_for(&engaged, Profile::Strict)
        .unwrap();
}

// R110
#[tokio::test]
async fn an_illegal_move_is_refused_without_a_request() {
    let service = Scripted::new([]);
    let client = service.client();
    for (state, patch) in [
        (State::PENDING, Patch::new().win()),
        (State::ACCEPTED, Patch::new().decline("no")),
        (
            State::ACCEPTED,
            Patch::new().with_state(&Status::New, &Substatus::Pending),
        ),
        (State::WON, Patch::new().lose("no")),
        (State::DECLINED, Patch::new().accept()),
        (State::EXPIRED, Patch::new().accept()),
        (State::WON, Patch::new().with_notes("too late")),
    ] {
        let failed = client
            .patch_read(&plain(&state), &patch, PatchOptions::default())
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind(), failed.sent()),
            (ErrorKind::Invalid, Sent::No),
            "{state}"
        );
    }
    assert_eq!(service.requests(), 0);
}

// R115
#[test]
fn declined_lost_and_error_carry_a_reason_of_the_list() {
    for (state, patch, word) in [
        (
            State::PENDING,
            Patch::new().decline(LossReason::TimelineTooShort),
            "Timeline too short",
        ),
        (
            State::ACCEPTED,
            Patch::new().lose(LossReason::from("BUDGET NOT ADEQUATE")),
            "Budget not adequate",
        ),
        (
            State::ACCEPTED,
            Patch::new().lose(LossReason::from("Our own word")),
            "Our own word",
        ),
        (
            State::RECEIVED,
            Patch::new().close_as_error(ErrorReason::DuplicateOfMicrosoft),
            "Duplicate: sent by Microsoft",
        ),
    ] {
        patch.check_for(&plain(&state), Profile::Strict).unwrap();
        let document: Value = serde_json::from_str(&patch.to_json(Default::default())).unwrap();
        assert_eq!(
            document[2],
            json!({ "op": "replace", "path": "/statusReason", "value": word })
        );
    }
    let mute = Patch::new().with_state(&Status::Closed, &Substatus::Lost);
    assert_eq!(
        fields(mute.check_for(&plain(&State::ACCEPTED), Profile::Strict)),
        ["statusReason"]
    );
    // The service's own sample closes without one.
    mute.check_for(&plain(&State::ACCEPTED), Profile::Lenient)
        .unwrap();
    let empty = Patch::new().close_as_error("");
    assert_eq!(fields(empty.check()), ["statusReason"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn closed_is_for_ever_and_new_is_never_again(
        path in proptest::collection::vec((0..ALL.len(), any::<bool>()), 1..8),
    ) {
        let mut state = State::PENDING;
        let (mut active, mut closed) = (false, false);
        for (next, lenient) in path {
            let profile = if lenient { Profile::Lenient } else { Profile::Strict };
            let Ok(step) = judge(&state, &ALL[next], Actor::Owner, profile) else { continue };
            prop_assert!(step != Step::Expire);
            prop_assert!(!closed || step == Step::Stay);
            state = ALL[next].clone();
            prop_assert!(!(active && state.status == Status::New));
            active |= state.status == Status::Active;
            closed |= state.status == Status::Closed;
        }
    }
}

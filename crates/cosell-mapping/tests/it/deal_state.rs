//! The table of moves, on both sides.

use cosell_mapping::{DealState, Loss, ReasonCode, Record, RecordKind, Settled, Value, field};

use crate::support::{REFERRAL, ROW, becomes, cannot, get, put, record, settle};

const STATES: [DealState; 4] = [
    DealState::Pending,
    DealState::Accepted,
    DealState::Won,
    DealState::Lost,
];

fn referral(status: &str, substatus: &str) -> Record {
    record(&format!(
        r#"{{"status":"{status}","substatus":"{substatus}"}}"#
    ))
}

fn row(state: i64, status: i64) -> Record {
    record(&format!(r#"{{"statecode":{state},"statuscode":{status}}}"#))
}

/// What each wanted state comes to, in the order of [`STATES`], in one word.
fn moves(kind: RecordKind, record: Option<&Record>) -> String {
    let words = STATES.map(|state| {
        let settled = settle(kind, &field::DEAL_STATE, &state.into(), record);
        match settled {
            Settled::Fits => "fits".to_owned(),
            Settled::Becomes { value, loss } => {
                assert_eq!(loss, Loss::Rounded);
                format!("={value}")
            }
            Settled::Cannot(reason) => format!("{:?}", reason.code),
        }
    });
    words.join(" ")
}

// R110
#[test]
fn a_referral_moves_as_its_table_allows() {
    for (status, substatus, wanted) in [
        ("New", "Pending", "fits fits IllegalMove fits"),
        ("New", "Received", "fits fits IllegalMove fits"),
        ("Active", "Accepted", "=accepted fits fits fits"),
        ("Closed", "Won", "Closed Closed fits Closed"),
        ("Closed", "Lost", "Closed Closed Closed fits"),
        ("Closed", "Expired", "Closed Closed Closed fits"),
        (
            "Archived",
            "None",
            "IllegalMove IllegalMove IllegalMove IllegalMove",
        ),
    ] {
        let record = referral(status, substatus);
        assert_eq!(
            moves(REFERRAL, Some(&record)),
            wanted,
            "{status}/{substatus}"
        );
    }
    assert_eq!(
        moves(REFERRAL, None),
        "=accepted fits IllegalMove IllegalMove"
    );
}

// R110
#[test]
fn a_row_moves_while_it_is_open() {
    for (state, status, wanted) in [
        (0, 1, "fits fits fits fits"),
        (0, 2, "fits fits fits fits"),
        (1, 3, "Closed Closed fits Closed"),
        (2, 5, "Closed Closed Closed fits"),
    ] {
        assert_eq!(
            moves(ROW, Some(&row(state, status))),
            wanted,
            "{state}/{status}"
        );
    }
    assert_eq!(moves(ROW, None), "fits fits IllegalMove IllegalMove");
}

// R112, R113
#[test]
fn a_referral_is_written_with_both_words() {
    for (status, substatus, state, wanted) in [
        (
            "New",
            "Pending",
            DealState::Accepted,
            ["Active", "Accepted"],
        ),
        ("New", "Received", DealState::Lost, ["Closed", "Declined"]),
        ("Active", "Accepted", DealState::Won, ["Closed", "Won"]),
        ("Active", "Accepted", DealState::Lost, ["Closed", "Lost"]),
    ] {
        let record = referral(status, substatus);
        let put = put(REFERRAL, &field::DEAL_STATE, &state.into(), Some(&record));
        let [status, substatus] = wanted;
        let wanted = [
            format!("status = {status:?}"),
            format!("substatus = {substatus:?}"),
        ];
        assert_eq!(put, wanted);
    }
}

// R113
#[test]
fn a_row_is_written_with_both_codes_and_born_with_one() {
    let lost = put(
        ROW,
        &field::DEAL_STATE,
        &DealState::Lost.into(),
        Some(&row(0, 1)),
    );
    assert_eq!(lost, ["statecode = 2", "statuscode = 4"]);
    let held = put(ROW, &field::DEAL_STATE, &DealState::Pending.into(), None);
    assert_eq!(held, ["statuscode = 2"]);
}

#[test]
fn on_hold_means_pending_only_while_the_referral_is_new() {
    let on_hold = get(ROW, &field::DEAL_STATE, &row(0, 2));
    let at = |record: &Record| settle(REFERRAL, &field::DEAL_STATE, &on_hold, Some(record));
    assert_eq!(at(&referral("New", "Pending")), Settled::Fits);
    let accepted = referral("Active", "Accepted");
    assert_eq!(
        at(&accepted),
        becomes(DealState::Accepted.into(), Loss::Rounded)
    );
    assert!(put(REFERRAL, &field::DEAL_STATE, &on_hold, Some(&accepted)).is_empty());
}

#[test]
fn unknown_words_are_handed_through_and_nothing_follows_from_them() {
    let merged = referral("Closed", "Merged");
    let state = get(REFERRAL, &field::DEAL_STATE, &merged);
    assert_eq!(state, Value::Choice("Closed/Merged".into()));
    let settled = settle(ROW, &field::DEAL_STATE, &state, Some(&row(0, 1)));
    assert_eq!(cannot(&settled), Some(ReasonCode::Unmappable));
    // A custom reason of an open row accepts nothing.
    let custom = get(ROW, &field::DEAL_STATE, &row(0, 727_000_001));
    assert_eq!(custom, DealState::Pending.into());
    assert_eq!(
        get(REFERRAL, &field::DEAL_STATE, &referral("ACTIVE", "")),
        DealState::Accepted.into()
    );
}

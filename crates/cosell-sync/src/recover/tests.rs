use std::collections::BTreeMap;

use chrono::TimeDelta;
use cosell_mapping::Value;
use uuid::Uuid;

use super::*;
use crate::{
    Birth, Draft, GroupId, Life, Native, PairKey, PartName, RecordId, Role, Side, Version,
    WriteStamp,
};

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

const OURS: WriteStamp = WriteStamp(Uuid::from_u128(1));

fn intent(kind: IntentKind) -> Intent {
    Intent {
        stamp: OURS,
        trace: Default::default(),
        side: Side::Left,
        kind,
        floor: None,
        until: moment(30),
        read: Default::default(),
        over: Default::default(),
        own: Default::default(),
    }
}

fn update() -> Intent {
    let patch = Patch {
        fields: BTreeMap::from([("text".into(), Value::text("sent"))]),
        ..Patch::default()
    };
    intent(IntentKind::Update {
        id: RecordId::new("l"),
        seen: Version::new("1"),
        patch,
    })
}

fn create() -> Intent {
    intent(IntentKind::Create {
        birth: Birth::Main {
            key: PairKey::new("r"),
        },
        draft: Draft {
            fields: BTreeMap::new(),
            outcome: None,
        },
    })
}

fn record(version: &str, text: &str, stamp: Option<WriteStamp>) -> Observed {
    Observed {
        id: RecordId::new("l"),
        role: Role::Main,
        group: None,
        key: None,
        former: Vec::new(),
        aliases: Vec::new(),
        version: Version::new(version),
        stamp,
        life: Life::Open,
        takes_part: true,
        as_of: moment(0),
        fields: BTreeMap::from([("text".into(), Value::text(text))]),
        wishes: Default::default(),
        native: Native::none(),
    }
}

fn side(stamped: bool, unique_birth: bool) -> Capabilities {
    Capabilities {
        stamped,
        unique_birth,
        find_lag: Duration::from_secs(100),
        read_lag: Duration::from_secs(10),
        lateness: Duration::from_secs(5),
        ..Capabilities::default()
    }
}

fn verdict(intent: &Intent, look: Look, side: &Capabilities, seconds: i64) -> String {
    match recover(intent, look, side, moment(seconds)) {
        Recovery::Landed(_) => "landed".to_owned(),
        Recovery::NotLanded => "not landed".to_owned(),
        Recovery::Overtaken(_) => "overtaken".to_owned(),
        Recovery::Wait(until) => format!("wait {}", (until - moment(0)).num_seconds()),
        Recovery::Duplicate(found) => format!("{} of them", found.len()),
        Recovery::Doubtful => "doubtful".to_owned(),
    }
}

fn seen(version: &str, text: &str, stamp: Option<WriteStamp>) -> Look {
    Look::Record(Box::new(record(version, text, stamp)))
}

#[test]
fn an_update_of_a_stamped_record_is_judged_by_the_stamp() {
    let side = side(true, true);
    let other = Some(WriteStamp(Uuid::from_u128(2)));
    for (look, at, expected) in [
        (seen("2", "sent", Some(OURS)), 1, "landed"),
        (seen("3", "edited since", Some(OURS)), 1, "landed"),
        (seen("1", "old", other), 1, "wait 45"),
        (seen("1", "old", other), 45, "not landed"),
        (seen("2", "sent by chance", other), 1, "not landed"),
        (
            Look::Found(vec![record("2", "sent", Some(OURS))]),
            1,
            "landed",
        ),
        (Look::Missing, 1, "wait 35"),
        (Look::Missing, 35, "not landed"),
    ] {
        let words = format!("{look:?} at {at}");
        assert_eq!(verdict(&update(), look, &side, at), expected, "{words}");
    }
}

#[test]
fn an_update_of_an_unstamped_record_is_judged_by_version_then_content() {
    let side = side(false, false);
    for (look, at, expected) in [
        (seen("1", "old", None), 44, "wait 45"),
        (seen("1", "old", None), 45, "not landed"),
        (seen("2", "sent", None), 1, "landed"),
        (seen("2", "another", None), 1, "not landed"),
    ] {
        let words = format!("{look:?} at {at}");
        assert_eq!(verdict(&update(), look, &side, at), expected, "{words}");
    }
}

#[test]
fn an_edit_after_a_lost_answer_leaves_what_was_written_to_other_fields() {
    let mut intent = update();
    let IntentKind::Update { patch, .. } = &mut intent.kind else {
        unreachable!()
    };
    patch.fields.insert("date".into(), Value::text("sent too"));
    let side = side(false, false);
    for (text, date, expected) in [
        ("sent", "sent too", "landed"),
        ("sent", "edited since", "overtaken"),
        ("edited since", "sent too", "overtaken"),
        ("edited since", "edited too", "not landed"),
    ] {
        let mut record = record("2", text, None);
        record.fields.insert("date".into(), Value::text(date));
        let look = Look::Record(Box::new(record));
        assert_eq!(verdict(&intent, look, &side, 1), expected, "{text}, {date}");
    }
}

#[test]
fn a_create_without_a_unique_key_is_repeated_only_after_every_lag() {
    let side = side(false, false);
    let found = |count: usize| Look::Found(vec![record("1", "", None); count]);
    for (look, at, expected) in [
        (found(1), 1, "landed"),
        (found(0), 1, "wait 135"),
        (found(0), 134, "wait 135"),
        (found(0), 135, "not landed"),
        (found(2), 1, "2 of them"),
        (seen("1", "", None), 1, "landed"),
        (Look::Missing, 135, "not landed"),
    ] {
        let words = format!("{look:?} at {at}");
        assert_eq!(verdict(&create(), look, &side, at), expected, "{words}");
    }
}

#[test]
fn a_part_that_no_list_would_show_is_left_to_a_person() {
    let part = intent(IntentKind::Create {
        birth: Birth::Part {
            name: PartName::new("helper"),
            group: GroupId::new("g"),
        },
        draft: Draft {
            fields: BTreeMap::new(),
            outcome: None,
        },
    });
    let found = |count: usize| Look::Found(vec![record("1", "", None); count]);
    for (lists_parts, look, at, expected) in [
        (true, found(0), 134, "wait 135"),
        (true, found(0), 135, "not landed"),
        (false, found(0), 1, "wait 135"),
        (false, found(0), 134, "wait 135"),
        (false, found(0), 135, "doubtful"),
        (false, found(0), 1_000_000, "doubtful"),
        // A hint may bring what no list shows.
        (false, found(1), 1, "landed"),
        (false, found(1), 1_000_000, "landed"),
        (false, found(2), 1, "2 of them"),
    ] {
        // That births of the pair's own record are unique says nothing of parts.
        for unique_birth in [false, true] {
            let side = Capabilities {
                lists_parts,
                ..side(false, unique_birth)
            };
            let words = format!("{look:?} at {at}, shown: {lists_parts}");
            assert_eq!(verdict(&part, look.clone(), &side, at), expected, "{words}");
        }
    }
    // The pair's own record is found by its key, whatever lists show of parts.
    let side = Capabilities {
        lists_parts: false,
        ..side(false, false)
    };
    assert_eq!(verdict(&create(), found(0), &side, 135), "not landed");
}

#[test]
fn a_create_that_the_service_would_refuse_twice_is_repeated_at_once() {
    assert_eq!(
        verdict(&create(), Look::Found(Vec::new()), &side(true, true), 1),
        "not landed"
    );
}

#[test]
fn waiting_never_stands_still() {
    let side = side(false, false);
    let intent = create();
    let at = moment(0);
    let Recovery::Wait(until) = recover(&intent, Look::Missing, &side, at) else {
        panic!("too early to conclude");
    };
    assert!(until > at + TimeDelta::zero());
}

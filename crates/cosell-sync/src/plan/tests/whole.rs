//! The plan as a whole: births, states, refusals, holds and answers.

use super::*;
use crate::{Resolution, Rule};

#[test]
fn a_new_record_gets_settled_values_and_no_empty_ones() {
    let mut pair = pair();
    pair.right.id = None;
    let left = record(
        "l",
        "r",
        fields(&[("note", "abcdefgh"), ("text", "-"), ("kept", "x")]),
    );
    let plan = run(&seen(&pair, View::Present(&left), View::Unborn), false);
    let (side, key, draft) = plan.create.expect("a record to make");
    assert_eq!((side, key.as_str()), (Side::Right, "l"));
    assert_eq!(draft.fields, fields(&[("note", "abcde")]));
    assert!(
        plan.holds.contains_key(&FieldId::from("kept")),
        "what cannot go there is held"
    );
}

#[test]
fn a_closed_record_gives_birth_to_nothing() {
    let mut pair = pair();
    pair.right.id = None;
    let mut left = record("l", "r", fields(&[("text", "a")]));
    left.life = Life::Closed;
    let plan = run(&seen(&pair, View::Present(&left), View::Unborn), false);
    assert!(plan.is_quiet());
    assert!(matches!(plan.state, PairState::Stopped { .. }));
}

#[test]
fn a_missing_or_hidden_or_switched_off_end_stops_every_write_and_keeps_all() {
    let mut pair = pair();
    pair.base.insert("text".into(), both("a"));
    let left = record("l", "r", fields(&[("text", "b")]));
    let mut off = record("r", "l", fields(&[("text", "a")]));
    off.takes_part = false;
    for right in [View::Gone, View::Hidden("no role"), View::Present(&off)] {
        let plan = run(&seen(&pair, View::Present(&left), right), false);
        assert!(plan.is_quiet(), "{right:?}");
        assert_eq!(plan.base, pair.base, "{right:?}");
        assert_ne!(plan.state, PairState::Active, "{right:?}");
    }
}

#[test]
fn a_field_that_one_side_lacks_is_left_alone_with_its_base() {
    let mut pair = pair();
    pair.base.insert("text".into(), both("a"));
    let left = record("l", "r", BTreeMap::new());
    let right = record("r", "l", fields(&[("text", "b")]));
    let plan = run(
        &seen(&pair, View::Present(&left), View::Present(&right)),
        false,
    );
    assert_eq!(plan.fields[&FieldId::from("text")], FieldPlan::Unshared);
    assert!(plan.is_quiet());
    assert_eq!(plan.base, pair.base);
}

#[test]
fn a_refused_value_is_not_offered_again_until_something_changes() {
    let mut pair = pair();
    pair.base.insert("text".into(), both("a"));
    let left = record("l", "r", fields(&[("text", "bad")]));
    let right = record("r", "l", fields(&[("text", "a")]));
    let refused = [(
        Side::Right,
        RefusedField {
            field: "text".into(),
            reason: Reason::new(ReasonCode::Invalid, "no"),
        },
    )];
    let first = run(
        &Seen {
            refused: &refused,
            ..seen(&pair, View::Present(&left), View::Present(&right))
        },
        false,
    );
    assert_eq!(in_words(&first, &"text".into()), "hold refused");
    pair.holds = first.holds;
    let again = run(
        &seen(&pair, View::Present(&left), View::Present(&right)),
        false,
    );
    assert_eq!(in_words(&again, &"text".into()), "hold refused");
    let better = record("l", "r", fields(&[("text", "good")]));
    let then = run(
        &seen(&pair, View::Present(&better), View::Present(&right)),
        false,
    );
    assert_eq!(in_words(&then, &"text".into()), "right := good");
    assert!(then.holds.is_empty());
}

#[test]
fn a_hold_keeps_the_moment_it_began() {
    let mut pair = pair();
    pair.base.insert("fixed".into(), both("a"));
    let left = record("l", "r", fields(&[("fixed", "b")]));
    let right = record("r", "l", fields(&[("fixed", "a")]));
    let first = run(
        &seen(&pair, View::Present(&left), View::Present(&right)),
        false,
    );
    pair.holds.clone_from(&first.holds);
    let later = Seen {
        now: now() + chrono::TimeDelta::hours(1),
        ..seen(&pair, View::Present(&left), View::Present(&right))
    };
    assert_eq!(run(&later, false).holds, first.holds);
}

#[test]
fn a_missing_key_is_written_where_it_is_wanted_and_rides_elsewhere() {
    let pair = pair();
    let mut left = record("l", "r", fields(&[("text", "a")]));
    let mut right = record("r", "l", fields(&[("text", "a")]));
    left.key = None;
    right.key = None;
    let wants = Capabilities {
        wants_key: true,
        ..Capabilities::default()
    };
    let rides = Capabilities::default();
    let ends = (Toy { side: Side::Left }, Toy { side: Side::Right });
    let plan = plan(
        &seen(&pair, View::Present(&left), View::Present(&right)),
        [&ends.0, &ends.1],
        [&rides, &wants],
        &ToyPolicy::new(false),
    );
    assert_eq!(plan.left, None);
    assert_eq!(
        plan.right.and_then(|patch| patch.key),
        Some(PairKey::new("l"))
    );
}

/// A field that waits for a person, seen as it is held, and with that person's answer.
fn answered(resolution: Resolution, values: (&str, &str), now_held: (&str, &str)) -> Plan {
    let mut pair = pair();
    let images = Images {
        left: Value::text("a"),
        right: Value::text("a"),
    };
    pair.base.insert("ask".into(), images);
    let answer = Answer {
        left: Value::text(values.0),
        right: Value::text(values.1),
        resolution,
        at: now(),
    };
    pair.answers.insert("ask".into(), answer);
    let left = record("l", "r", fields(&[("ask", now_held.0)]));
    let right = record("r", "l", fields(&[("ask", now_held.1)]));
    run(
        &seen(&pair, View::Present(&left), View::Present(&right)),
        false,
    )
}

#[test]
fn a_persons_answer_stands_for_the_values_that_the_person_saw() {
    let ask = FieldId::from("ask");
    for (resolution, expected) in [
        (Resolution::Keep(Side::Left), "right := b, conflict"),
        (Resolution::Keep(Side::Right), "left := c, conflict"),
        (Resolution::Write(Value::text("d")), "both := d, conflict"),
        (Resolution::Leave, "leave, conflict"),
    ] {
        let plan = answered(resolution.clone(), ("b", "c"), ("b", "c"));
        assert_eq!(in_words(&plan, &ask), expected);
        assert_eq!(plan.conflicts[0].rule, Rule::Person);
        assert!(plan.stale.is_empty());
        let open = resolution != Resolution::Leave;
        assert_eq!(plan.answers.contains_key(&ask), open, "until it has landed");
    }
}

#[test]
fn an_answer_to_other_values_is_stale_and_told() {
    let ask = FieldId::from("ask");
    let plan = answered(Resolution::Keep(Side::Left), ("b", "c"), ("b", "later"));
    assert_eq!(in_words(&plan, &ask), "hold policy");
    assert!(plan.stale.contains_key(&ask) && plan.answers.is_empty());
    assert!(plan.holds[&ask].unanswered.is_some());
    let plan = answered(Resolution::Keep(Side::Left), ("b", "c"), ("same", "same"));
    assert!(plan.stale.is_empty() && plan.answers.is_empty(), "moot");
}

#[test]
fn a_person_who_writes_what_stands_on_both_sides_already_is_asked_again() {
    let mut pair = pair();
    let long = Value::text("abcdefgh");
    let answer = Answer {
        left: long.clone(),
        right: Value::text("abcde"),
        resolution: Resolution::Write(long),
        at: now(),
    };
    pair.answers.insert("note".into(), answer);
    let left = record("l", "r", fields(&[("note", "abcdefgh")]));
    let right = record("r", "l", fields(&[("note", "abcde")]));
    let views = (View::Present(&left), View::Present(&right));
    let plan = run(&seen(&pair, views.0, views.1), false);
    assert_eq!(in_words(&plan, &"note".into()), "hold policy");
}

#[test]
fn what_was_only_presumed_at_a_birth_proves_no_irreversible_move() {
    let mut pair = pair();
    let images = Images {
        left: Value::text("a"),
        right: Value::text("a"),
    };
    pair.base.insert("state".into(), images);
    let left = record("l", "r", fields(&[("state", "b")]));
    let right = record("r", "l", fields(&[("state", "a")]));
    let words = |pair: &Pair| {
        let views = (View::Present(&left), View::Present(&right));
        in_words(&run(&seen(pair, views.0, views.1), false), &"state".into())
    };
    assert_eq!(words(&pair), "right := b");
    pair.presumed.insert("state".into());
    assert_eq!(words(&pair), "hold irreversible");
}

#[test]
fn what_cannot_be_born_is_held_with_its_cause_on_either_side() {
    for mirrored in [false, true] {
        let mut pair = pair();
        let (target, source) = if mirrored {
            (Side::Left, Side::Right)
        } else {
            (Side::Right, Side::Left)
        };
        pair.end_mut(target).id = None;
        let images = Images {
            left: Value::Null,
            right: Value::Null,
        };
        pair.base.insert("gone".into(), images);
        let source_id = if mirrored { "r" } else { "l" };
        let mut other = record(
            source_id,
            "",
            fields(&[("barred", "x"), ("text", "refused"), ("ask", "y")]),
        );
        other.key = None;
        let refused = [(
            target,
            RefusedField {
                field: "text".into(),
                reason: Reason::new(ReasonCode::Invalid, "no"),
            },
        )];
        let (mut left, mut right) = (View::Unborn, View::Unborn);
        *(if source == Side::Left {
            &mut left
        } else {
            &mut right
        }) = View::Present(&other);
        let seen = Seen {
            refused: &refused,
            ..seen(&pair, left, right)
        };
        let plan = run(&seen, mirrored);
        let cause = |field: &str| in_words(&plan, &FieldId::from(field));
        assert_eq!(cause("barred"), "hold cannot");
        assert_eq!(cause("text"), "hold refused");
        assert_eq!(cause("gone"), "unshared");
        let (side, _, draft) = plan.create.expect("the rest is made");
        assert_eq!((side, draft.fields), (target, fields(&[("ask", "y")])));
    }
}

#[test]
fn without_a_record_at_either_end_nothing_is_done() {
    let plan = run(&seen(&pair(), View::Unborn, View::Unborn), false);
    assert!(plan.is_quiet());
    assert!(matches!(plan.state, PairState::Waiting { .. }));
}

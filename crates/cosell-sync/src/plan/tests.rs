//! The case table, run as it stands and mirrored, and the plan as a whole.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::{End, Native, PairId, RecordId, Role, Three, Verdict, Version};
use cosell_mapping::Loss;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// Settles as the head of the case table says; `side` is the side it stands for there.
struct Toy {
    side: Side,
}

impl Settle for Toy {
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        if self.side == Side::Left {
            let (go, wait) = (Value::text("go"), Value::text("wait"));
            let gone = now.and_then(|now| now.fields.get(field)) == Some(&go);
            return if field.as_str() == "phase" && gone && *wanted == wait {
                Settled::Becomes {
                    value: go,
                    loss: Loss::Rounded,
                }
            } else {
                Settled::Fits
            };
        }
        match (field.as_str(), wanted) {
            ("note", Value::Text(text)) if text.chars().count() > 5 => Settled::Becomes {
                value: Value::text(text.chars().take(5).collect::<String>()),
                loss: Loss::Shortened,
            },
            ("sum", Value::Number(number)) => {
                let ten = Decimal::from(10);
                let rounded = Value::Number(
                    (number / ten).round_dp_with_strategy(
                        0,
                        rust_decimal::RoundingStrategy::MidpointAwayFromZero,
                    ) * ten,
                );
                if rounded == *wanted {
                    Settled::Fits
                } else {
                    Settled::Becomes {
                        value: rounded,
                        loss: Loss::Rounded,
                    }
                }
            }
            ("fixed", _) if now.is_some() => {
                Settled::Cannot(Reason::new(ReasonCode::Frozen, "fixed"))
            }
            _ => Settled::Fits,
        }
    }
}

#[derive(Debug)]
struct ToyPolicy {
    mirrored: bool,
}

impl ToyPolicy {
    fn real(&self, side: Side) -> Side {
        if self.mirrored { side.other() } else { side }
    }
}

impl MergePolicy for ToyPolicy {
    fn writable(&self, field: &FieldId, side: Side) -> bool {
        field.as_str() != "kept" || self.real(side) != Side::Right
    }

    fn decide(&self, field: &FieldId, _: Three<'_>) -> Verdict {
        match field.as_str() {
            "ask" => Verdict::Hold("a person decides".to_owned()),
            "both" => Verdict::Write(Value::text("merged")),
            _ => Verdict::Keep(self.real(Side::Left)),
        }
    }

    fn irreversible(&self, field: &FieldId, side: Side, _: &Value, _: &Value) -> bool {
        field.as_str() == "state" && self.real(side) == Side::Right
    }
}

fn pair() -> Pair {
    Pair {
        id: PairId(Uuid::nil()),
        state: PairState::Active,
        left: End {
            id: Some(RecordId::new("l")),
            ..End::default()
        },
        right: End {
            id: Some(RecordId::new("r")),
            ..End::default()
        },
        base: BTreeMap::new(),
        holds: BTreeMap::new(),
        intent: None,
        park: None,
        outcome: None,
        shown: None,
    }
}

fn record(id: &str, other: &str, fields: BTreeMap<FieldId, Value>) -> Observed {
    Observed {
        id: RecordId::new(id),
        role: Role::Main,
        group: None,
        key: Some(PairKey::new(other)),
        aliases: Vec::new(),
        version: Version::new("1"),
        stamp: None,
        life: Life::Open,
        takes_part: true,
        as_of: now(),
        fields,
        native: Native::none(),
    }
}

fn run(seen: &Seen<'_>, mirrored: bool) -> Plan {
    let (first, second) = if mirrored {
        (Side::Right, Side::Left)
    } else {
        (Side::Left, Side::Right)
    };
    let (left, right) = (Toy { side: first }, Toy { side: second });
    let capabilities = Capabilities::default();
    let plan = plan(
        seen,
        [&left, &right],
        [&capabilities, &capabilities],
        &ToyPolicy { mirrored },
    );
    plan.verify(seen).expect("a plan that stands");
    plan
}

struct Case {
    line: String,
    field: FieldId,
    base: Option<(Value, Value)>,
    left: Value,
    right: Value,
    expected: String,
}

fn value(field: &str, text: &str) -> Value {
    match text.trim() {
        "-" => Value::Null,
        number if field == "sum" => Value::Number(number.parse().unwrap()),
        text => Value::text(text),
    }
}

fn cases() -> Vec<Case> {
    include_str!("cases.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [what, field, base, left, right, expected] = cells[..] else {
                panic!("six cells: {line}");
            };
            let base = (base != "none").then(|| {
                let (left, right) = base.split_once(',').expect("two images");
                (value(field, left), value(field, right))
            });
            Case {
                line: what.to_owned(),
                field: FieldId::from(field),
                base,
                left: value(field, left),
                right: value(field, right),
                expected: expected.to_owned(),
            }
        })
        .collect()
}

/// The plan of one field in the words of the table.
fn in_words(plan: &Plan, field: &FieldId) -> String {
    let words = match &plan.fields[field] {
        FieldPlan::Agreed => "agree".to_owned(),
        FieldPlan::Held => match &plan.holds[field].cause {
            HoldCause::Cannot { .. } => "hold cannot".to_owned(),
            HoldCause::Refused { .. } => "hold refused".to_owned(),
            HoldCause::Partial { .. } => "hold partial".to_owned(),
            HoldCause::Policy { .. } => "hold policy".to_owned(),
            HoldCause::Irreversible { .. } => "hold irreversible".to_owned(),
        },
        FieldPlan::Write { left, right, .. } => {
            let show = |value: &Value| match value {
                Value::Null => "-".to_owned(),
                value => value.to_string(),
            };
            match (left, right) {
                (Some(left), None) => format!("left := {}", show(left)),
                (None, Some(right)) => format!("right := {}", show(right)),
                (Some(left), Some(_)) => format!("both := {}", show(left)),
                (None, None) => "a write of nothing".to_owned(),
            }
        }
        FieldPlan::Unshared => "unshared".to_owned(),
        FieldPlan::Waits => "waits".to_owned(),
    };
    if plan.conflicts.is_empty() {
        words
    } else {
        format!("{words}, conflict")
    }
}

fn plan_case(case: &Case, mirrored: bool) -> String {
    let mut pair = pair();
    let (mut left, mut right) = (case.left.clone(), case.right.clone());
    let mut base = case.base.clone();
    if mirrored {
        std::mem::swap(&mut left, &mut right);
        base = base.map(|(left, right)| (right, left));
    }
    if let Some((left, right)) = base {
        pair.base.insert(case.field.clone(), Images { left, right });
    }
    let left = record("l", "r", BTreeMap::from([(case.field.clone(), left)]));
    let right = record("r", "l", BTreeMap::from([(case.field.clone(), right)]));
    let seen = Seen {
        pair: &pair,
        left: View::Present(&left),
        right: View::Present(&right),
        refused: &[],
        now: now(),
    };
    in_words(&run(&seen, mirrored), &case.field)
}

// R95, R121
#[test]
fn every_case_of_the_table() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| {
            let got = plan_case(case, false);
            (got != case.expected)
                .then(|| format!("{}: expected `{}`, got `{got}`", case.line, case.expected))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_mirrored() {
    let mirror = |words: &str| {
        words
            .replace("left", "LEFT")
            .replace("right", "left")
            .replace("LEFT", "right")
    };
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| {
            let got = plan_case(case, true);
            let expected = mirror(&case.expected);
            (got != expected).then(|| format!("{}: expected `{expected}`, got `{got}`", case.line))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn seen<'a>(pair: &'a Pair, left: View<'a>, right: View<'a>) -> Seen<'a> {
    Seen {
        pair,
        left,
        right,
        refused: &[],
        now: now(),
    }
}

fn fields(pairs: &[(&'static str, &str)]) -> BTreeMap<FieldId, Value> {
    pairs
        .iter()
        .map(|(name, text)| (FieldId::from_static(name), value(name, text)))
        .collect()
}

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
    pair.base.insert(
        "text".into(),
        Images {
            left: Value::text("a"),
            right: Value::text("a"),
        },
    );
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
    pair.base.insert(
        "text".into(),
        Images {
            left: Value::text("a"),
            right: Value::text("a"),
        },
    );
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
    pair.base.insert(
        "text".into(),
        Images {
            left: Value::text("a"),
            right: Value::text("a"),
        },
    );
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
    pair.base.insert(
        "fixed".into(),
        Images {
            left: Value::text("a"),
            right: Value::text("a"),
        },
    );
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
        &ToyPolicy { mirrored: false },
    );
    assert_eq!(plan.left, None);
    assert_eq!(
        plan.right.and_then(|patch| patch.key),
        Some(PairKey::new("l"))
    );
}

proptest! {
    /// Carrying a plan out and planning again writes nothing, whatever the values.
    #[test]
    fn a_second_plan_is_quiet(
        values in proptest::collection::btree_map(
            prop::sample::select(vec!["text", "ask", "both", "note", "fixed", "kept", "state"]),
            ("[ab]{0,8}", "[ab]{0,8}", proptest::option::of(("[ab]{0,8}", "[ab]{0,8}"))),
            0..7,
        ),
    ) {
        let mut pair = pair();
        let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
        for (name, (l, r, base)) in values {
            let field = FieldId::from_static(name);
            if let Some((l, r)) = base {
                pair.base.insert(
                    field.clone(),
                    Images { left: Value::text(l), right: Value::text(r) },
                );
            }
            left.insert(field.clone(), Value::text(l));
            right.insert(field, Value::text(r));
        }
        let (mut left, mut right) = (record("l", "r", left), record("r", "l", right));
        let first = run(&seen(&pair, View::Present(&left), View::Present(&right)), false);
        for (record, patch) in [(&mut left, &first.left), (&mut right, &first.right)] {
            if let Some(patch) = patch {
                record.fields.extend(patch.fields.clone());
            }
        }
        pair.base = first.base;
        pair.holds = first.holds;
        let second = run(&seen(&pair, View::Present(&left), View::Present(&right)), false);
        prop_assert!(second.is_quiet(), "{second:?}");
    }
}

//! The case table, run as it stands and mirrored, and the plan as a whole.

mod parts;
mod verify;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::{
    FieldPolicies, FieldPolicy, Native, PairId, RecordId, Role, Ruling, Stray, Three, Verdict,
    Version,
};
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
            if let ("least", Value::Set(items)) = (field.as_str(), wanted)
                && items.len() > 2
            {
                return two(items);
            }
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
            ("note" | "short", Value::Text(text)) if text.chars().count() > 5 => Settled::Becomes {
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
            ("few" | "least", Value::Set(items)) if items.len() > 2 => two(items),
            ("barred", _) => Settled::Cannot(Reason::new(ReasonCode::Invalid, "barred")),
            ("fixed", _) if now.is_some() => {
                Settled::Cannot(Reason::new(ReasonCode::Frozen, "fixed"))
            }
            _ => Settled::Fits,
        }
    }
}

fn two(items: &BTreeSet<Value>) -> Settled {
    Settled::Becomes {
        value: Value::Set(items.iter().take(2).cloned().collect()),
        loss: Loss::Shortened,
    }
}

/// Decides as the head of the case table says.
#[derive(Debug)]
struct ToyPolicy {
    mirrored: bool,
    fields: FieldPolicies,
}

impl ToyPolicy {
    fn new(mirrored: bool) -> Self {
        let real = |side: Side| if mirrored { side.other() } else { side };
        let (left, right) = (real(Side::Left), real(Side::Right));
        let minute = std::time::Duration::from_secs(60);
        let merged = |_: &FieldId, _: Three<'_>| Verdict::Write(Value::text("merged"));
        let fields = FieldPolicies::new(FieldPolicy::wins(left))
            .with_field("ask", FieldPolicy::hold())
            .with_field("both", FieldPolicy::own("both", merged))
            .with_field("state", FieldPolicy::wins(left).with_irreversible(right))
            .with_field("new", FieldPolicy::newest(minute))
            .with_field("tags", FieldPolicy::sets())
            .with_field("few", FieldPolicy::sets())
            .with_field("least", FieldPolicy::sets())
            .with_field("short", FieldPolicy::led_by(left, Stray::PutBack))
            .with_field("lines", FieldPolicy::lines())
            .with_field("once", FieldPolicy::switch())
            .with_field("back", FieldPolicy::led_by(left, Stray::PutBack))
            .with_field("loose", FieldPolicy::led_by(left, Stray::Left));
        Self { mirrored, fields }
    }
}

impl MergePolicy for ToyPolicy {
    fn writable(&self, field: &FieldId, side: Side) -> bool {
        let kept = if self.mirrored {
            Side::Left
        } else {
            Side::Right
        };
        (field.as_str() != "kept" || side != kept) && self.fields.writable(field, side)
    }

    fn decide(&self, field: &FieldId, three: Three<'_>) -> Ruling {
        self.fields.decide(field, three)
    }

    fn object(&self, field: &FieldId, moved: Side, three: Three<'_>) -> Option<Ruling> {
        self.fields.object(field, moved, three)
    }

    fn irreversible(&self, field: &FieldId, side: Side, from: &Value, to: &Value) -> bool {
        self.fields.irreversible(field, side, from, to)
    }
}

fn pair() -> Pair {
    let mut pair = Pair::new(PairId(Uuid::nil()));
    pair.left.id = Some(RecordId::new("l"));
    pair.right.id = Some(RecordId::new("r"));
    pair
}

/// Both sides were seen to hold this.
fn both(text: &str) -> Images {
    Images {
        left: Value::text(text),
        right: Value::text(text),
    }
}

fn record(id: &str, other: &str, fields: BTreeMap<FieldId, Value>) -> Observed {
    Observed {
        id: RecordId::new(id),
        role: Role::Main,
        group: None,
        key: Some(PairKey::new(other)),
        former: Vec::new(),
        aliases: Vec::new(),
        version: Version::new("1"),
        stamp: None,
        life: Life::Open,
        takes_part: true,
        as_of: now(),
        fields,
        wishes: Default::default(),
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
        &ToyPolicy::new(mirrored),
    );
    plan.verify(seen).expect("a plan that stands");
    plan
}

struct Case {
    line: String,
    field: FieldId,
    base: Option<(Value, Value)>,
    /// With the minute at which the record changed.
    left: (Value, i64),
    right: (Value, i64),
    expected: String,
}

fn value(field: &str, text: &str) -> Value {
    match text.trim() {
        "-" => Value::Null,
        number if field == "sum" => Value::Number(number.parse().unwrap()),
        "on" if field == "once" => Value::Flag(true),
        "off" if field == "once" => Value::Flag(false),
        text if field == "lines" && !text.starts_with('{') => Value::text(text.replace('/', "\n")),
        text => match text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        {
            Some(items) => Value::Set(items.split_whitespace().map(Value::text).collect()),
            None => Value::text(text),
        },
    }
}

fn timed(field: &str, text: &str) -> (Value, i64) {
    match text.split_once('@') {
        Some((text, minute)) => (value(field, text), minute.parse().unwrap()),
        None => (value(field, text), 0),
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
                left: timed(field, left),
                right: timed(field, right),
                expected: expected.to_owned(),
            }
        })
        .collect()
}

/// The plan of one field in the words of the table.
fn in_words(plan: &Plan, field: &FieldId) -> String {
    let words = match &plan.fields[field] {
        FieldPlan::Agreed => "agree".to_owned(),
        FieldPlan::Left => "leave".to_owned(),
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
                Value::Flag(true) => "on".to_owned(),
                Value::Flag(false) => "off".to_owned(),
                Value::Set(items) => {
                    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                    format!("{{{}}}", items.join(" "))
                }
                value => value.to_string().replace('\n', "/"),
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
    let record = |id: &str, other: &str, (value, minute): (Value, i64)| Observed {
        as_of: now() + chrono::TimeDelta::minutes(minute),
        ..record(id, other, BTreeMap::from([(case.field.clone(), value)]))
    };
    let (left, right) = (record("l", "r", left), record("r", "l", right));
    let seen = Seen {
        pair: &pair,
        left: View::Present(&left),
        right: View::Present(&right),
        refused: &[],
        now: now(),
    };
    in_words(&run(&seen, mirrored), &case.field)
}

// R95, R121, G2
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

proptest! {
    /// Carrying a plan out and planning again writes nothing, whatever the values.
    #[test]
    fn a_second_plan_is_quiet(
        values in proptest::collection::btree_map(
            prop::sample::select(vec![
                "text", "ask", "both", "note", "fixed", "kept", "state", "new", "lines", "back", "loose",
            ]),
            ("[ab]{0,8}", "[ab]{0,8}", proptest::option::of(("[ab]{0,8}", "[ab]{0,8}"))),
            0..11,
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

//! Every contradiction of a plan is found before it is carried out.

use super::*;
use crate::{GroupId, Part, Resolution};

/// A pair with a plan that stands: one field agreed, one written, one held, one left, one answered.
fn standing() -> (Pair, [Observed; 2]) {
    let mut pair = pair();
    pair.base.insert("text".into(), both("a"));
    pair.base.insert("ask".into(), both("a"));
    pair.base.insert("loose".into(), both("a"));
    let part = Part {
        id: Some(RecordId::new("p")),
        ..Part::new(Side::Left)
    };
    pair.parts.insert(PartName::new("there"), part);
    pair.parts
        .insert(PartName::new("asked"), Part::new(Side::Left));
    let answer = Answer {
        left: Value::text("b"),
        right: Value::text("c"),
        resolution: Resolution::Keep(Side::Left),
        at: now(),
    };
    pair.answers.insert("both".into(), answer);
    let left = [
        ("text", "b"),
        ("ask", "b"),
        ("loose", "a"),
        ("both", "b"),
        ("note", "a"),
    ];
    let right = [
        ("text", "a"),
        ("ask", "c"),
        ("loose", "b"),
        ("both", "c"),
        ("note", "a"),
    ];
    let ends = [
        record("l", "r", fields(&left)),
        record("r", "l", fields(&right)),
    ];
    (pair, ends)
}

/// Breaks the plan that stands and says what is found.
fn broken(by: impl FnOnce(&mut Plan)) -> String {
    let (pair, [left, right]) = standing();
    let seen = seen(&pair, View::Present(&left), View::Present(&right));
    let mut plan = run(&seen, false);
    by(&mut plan);
    plan.verify(&seen).expect_err("a contradiction")
}

#[test]
fn a_plan_mentions_everything_exactly_once() {
    let told = broken(|plan| drop(plan.fields.remove(&"note".into())));
    assert!(told.contains("every field exactly once"), "{told}");
    let told = broken(|plan| drop(plan.fields.insert("more".into(), FieldPlan::Waits)));
    assert!(told.contains("every field exactly once"), "{told}");
    let told = broken(|plan| drop(plan.parts.remove(&PartName::new("there"))));
    assert!(told.contains("every part exactly once"), "{told}");
}

#[test]
fn what_is_decided_is_what_is_written() {
    let note = FieldId::from("note");
    for told in [
        broken(|plan| drop(plan.right.as_mut().unwrap().fields.remove(&"text".into()))),
        broken(|plan| {
            let patch = plan.right.as_mut().unwrap();
            patch.fields.insert(note.clone(), Value::text("more"));
        }),
        broken(|plan| {
            drop(
                plan.fields
                    .insert(note.clone(), born(Side::Left, Value::Null)),
            );
        }),
    ] {
        assert!(told.contains("patch and the decision differ"), "{told}");
    }
}

#[test]
fn holds_agreements_and_conflicts_have_their_entries() {
    let told = broken(|plan| drop(plan.holds.remove(&"ask".into())));
    assert!(told.contains("held without a cause"), "{told}");
    let told = broken(|plan| drop(plan.base.remove(&"note".into())));
    assert!(told.contains("agreed without a base"), "{told}");
    let told = broken(|plan| plan.conflicts.clear());
    assert!(told.contains("left without a word"), "{told}");
    let told = broken(|plan| {
        let entry = plan.conflicts[0].clone();
        plan.conflicts.push(entry);
    });
    assert!(told.contains("a conflict that nothing settles"), "{told}");
    let told = broken(|plan| plan.conflicts[0].field = "note".into());
    assert!(told.contains("a conflict that nothing settles"), "{told}");
    let told = broken(|plan| plan.answers.clear());
    assert!(told.contains("forgotten or taken twice"), "{told}");
}

#[test]
fn no_part_is_made_that_is_there_or_may_not_be() {
    let make = || PartPlan::Make {
        side: Side::Left,
        group: GroupId::new("g"),
        draft: Draft {
            fields: BTreeMap::new(),
            outcome: None,
        },
    };
    let (there, asked) = (PartName::new("there"), PartName::new("asked"));
    let told = broken(|plan| drop(plan.parts.insert(there, make())));
    assert!(told.contains("made although it is there"), "{told}");
    let told = broken(|plan| drop(plan.parts.insert(asked.clone(), PartPlan::Known)));
    assert!(told.contains("known, but it has no record"), "{told}");
    let told = broken(|plan| {
        plan.state = PairState::Waiting { why: String::new() };
        plan.parts.insert(asked, make());
    });
    assert!(told.contains("made while the pair does not sync"), "{told}");
}

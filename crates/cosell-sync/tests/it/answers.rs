//! Held fields and the people who answer them; merged values on their way.

use std::{sync::Arc, time::Duration};

use cosell_sync::{
    ErrorKind, FieldId, FieldPolicy, Hold, HoldCause, HoldFilter, HoldKind, Resolution,
    ResolveError, Rule, Side, Value,
};

use crate::{
    crashes::{Gate, Gated, Then},
    world::{World, drive},
};

fn note() -> FieldId {
    FieldId::from("note")
}

/// A deal whose note was edited on both sides.
fn held() -> World {
    let world = World::in_step();
    world.left.edit(&world.left_id(), "note", "from the left");
    world.right.edit("b", "note", "from the right");
    let report = world.round();
    assert_eq!(report.holds, 1);
    world
}

fn hold(world: &World, field: &str) -> Hold {
    world.pair().holds[&FieldId::from(field)].clone()
}

fn resolve(world: &World, field: &str, seen: &Hold, resolution: Resolution) {
    let field = FieldId::from(field);
    let engine = world.engine();
    drive(engine.resolve(world.pair().id, &field, seen, resolution, "Ada"))
        .unwrap()
        .unwrap();
}

fn conflicts(world: &World) -> Vec<cosell_sync::ConflictEntry> {
    drive(world.engine().conflicts(0, 100)).unwrap().unwrap()
}

// R121, G2
#[test]
fn a_held_conflict_is_answered_and_the_next_round_carries_it_out() {
    for (resolution, left, right) in [
        (
            Resolution::Keep(Side::Left),
            "from the left",
            "from the left",
        ),
        (
            Resolution::Keep(Side::Right),
            "from the right",
            "from the right",
        ),
        (Resolution::Write(Value::text("both")), "both", "both"),
        (Resolution::Leave, "from the left", "from the right"),
    ] {
        let world = held();
        let seen = hold(&world, "note");
        resolve(&world, "note", &seen, resolution.clone());
        world.round();
        assert_eq!(
            world.both("note"),
            (left.into(), right.into()),
            "{resolution:?}"
        );
        let pair = world.pair();
        assert!(pair.holds.is_empty() && pair.answers.is_empty());
        let log = conflicts(&world);
        assert_eq!((log.len(), &log[0].rule), (1, &Rule::Person), "{log:?}");
        assert_eq!(log[0].left, Value::text("from the left"));
        assert!(log[0].left_as_of <= log[0].right_as_of);
        world.settle();
        // The field lives on.
        world.right.edit("b", "note", "again");
        world.round();
        assert_eq!(world.both("note"), ("again".into(), "again".into()));
    }
}

#[test]
fn an_answer_to_values_that_changed_is_refused_at_once_or_later() {
    let world = held();
    let seen = hold(&world, "note");
    // Later: the value changes between the answer and the round.
    resolve(&world, "note", &seen, Resolution::Keep(Side::Left));
    world.right.edit("b", "note", "newer");
    let report = world.round();
    assert_eq!(world.both("note"), ("from the left".into(), "newer".into()));
    assert_eq!(report.errors[0].kind, ErrorKind::StaleAnswer, "{report:?}");
    let newer = hold(&world, "note");
    assert_eq!(newer.unanswered.as_ref().unwrap().answer.right, seen.right);
    assert!(world.pair().answers.is_empty());
    // At once: the person still looks at the old values.
    let engine = world.engine();
    let pair = world.pair().id;
    let refused = drive(engine.resolve(pair, &note(), &seen, Resolution::Keep(Side::Left), "Ada"));
    let Some(Err(ResolveError::Stale(now))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(now.right, Value::text("newer"));
    resolve(&world, "note", &now, Resolution::Keep(Side::Right));
    world.round();
    assert_eq!(world.both("note").0, "newer");
    let gone = drive(engine.resolve(pair, &note(), &now, Resolution::Leave, "Ada")).unwrap();
    assert!(matches!(gone, Err(ResolveError::NotHeld(_))), "{gone:?}");
    let nobody = cosell_sync::PairId(uuid::Uuid::from_u128(77));
    let gone = drive(engine.resolve(nobody, &note(), &now, Resolution::Leave, "Ada")).unwrap();
    assert!(matches!(gone, Err(ResolveError::NoPair(_))), "{gone:?}");
}

#[test]
fn a_person_may_write_a_shortened_text_over_the_whole() {
    let mut world = World::new();
    world.policy = world.policy.with_field("brief", FieldPolicy::hold());
    world
        .right
        .add("b", &[("name", "deal"), ("brief", "a long text")]);
    world.settle();
    world.left.edit(&world.left_id(), "brief", "edited");
    world.round();
    let seen = hold(&world, "brief");
    assert_eq!(seen.cause, HoldCause::Partial { side: Side::Left });
    assert_eq!(world.both("brief").1, "a long text");
    resolve(&world, "brief", &seen, Resolution::Keep(Side::Left));
    world.round();
    assert_eq!(world.both("brief"), ("edited".into(), "edited".into()));
    assert_eq!(conflicts(&world)[0].right, Value::text("a long text"));
}

#[test]
fn a_move_that_cannot_be_taken_back_is_made_at_a_persons_word() {
    let mut world = World::new();
    let stage = FieldPolicy::wins(Side::Right).with_irreversible(Side::Left);
    world.policy = world.policy.with_field("stage", stage);
    world.right.add("b", &[("name", "deal"), ("stage", "open")]);
    world.settle();
    world.left.edit(&world.left_id(), "stage", "won");
    world.right.edit("b", "stage", "lost");
    world.round();
    let seen = hold(&world, "stage");
    assert_eq!(seen.cause, HoldCause::Irreversible { side: Side::Left });
    resolve(&world, "stage", &seen, Resolution::Keep(Side::Right));
    world.round();
    assert_eq!(world.both("stage"), ("lost".into(), "lost".into()));
}

#[test]
fn an_answer_that_the_service_refuses_is_told_and_asked_once() {
    let world = held();
    let seen = hold(&world, "note");
    resolve(&world, "note", &seen, Resolution::Write(Value::text("bad")));
    let report = world.round();
    let kinds: Vec<_> = report.errors.iter().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::Refused, ErrorKind::StaleAnswer]);
    let now = hold(&world, "note");
    assert_eq!(now.cause.kind(), HoldKind::Policy);
    let refused = now.unanswered.clone().unwrap().refused.unwrap();
    assert_eq!(refused.detail, "not a good value");
    world.clock.pass(Duration::from_secs(1_200));
    assert!(world.round().is_quiet(), "asked once");
    resolve(&world, "note", &now, Resolution::Keep(Side::Left));
    world.round();
    assert_eq!(world.both("note").1, "from the left");
}

#[test]
fn an_answer_survives_whatever_happens_on_its_way() {
    for then in [Then::Hang, Then::HangAfter, Then::Lose, Then::LoseAfter] {
        for at in 1.. {
            let world = held();
            let seen = hold(&world, "note");
            resolve(
                &world,
                "note",
                &seen,
                Resolution::Write(Value::text("both")),
            );
            let gate = Arc::new(Gate::new(Some(at), then));
            let engine = world.engine_with(
                Arc::new(Gated::new(world.left.clone(), gate.clone())),
                Arc::new(Gated::new(world.right.clone(), gate.clone())),
                Arc::new(Gated::new(world.store.clone(), gate.clone())),
                world.options(),
            );
            let _ = drive(engine.run_once());
            drop(engine);
            world.settle();
            assert_eq!(
                world.both("note"),
                ("both".into(), "both".into()),
                "{then:?} at {at}"
            );
            assert!(world.pair().answers.is_empty());
            if gate.calls() < at {
                break;
            }
        }
    }
}

#[test]
fn many_held_fields_are_answered_by_cause() {
    let world = World::new();
    for id in ["b", "c", "d"] {
        world
            .right
            .add(id, &[("name", id), ("note", "n"), ("value", "1")]);
    }
    world.settle();
    for left in world.left_ids() {
        world.left.edit(&left, "note", "left");
        world.left.edit(&left, "value", "bad");
    }
    for id in ["b", "c", "d"] {
        world.right.edit(id, "note", "right");
    }
    world.round();
    let filter = HoldFilter::default()
        .with_kind(HoldKind::Policy)
        .with_field("note");
    let engine = world.engine();
    let mut after = None;
    let mut answered = 0;
    loop {
        let page = engine.resolve_all(&filter, &Resolution::Keep(Side::Right), after, 2, "Ada");
        let page = drive(page).unwrap().unwrap();
        answered += page.resolved;
        assert_eq!(page.changed, 0);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(answered, 3);
    world.settle();
    for pair in world.pairs() {
        assert!(!pair.holds.contains_key(&note()));
        assert_eq!(pair.holds[&"value".into()].cause.kind(), HoldKind::Refused);
    }
}

/// A deal with sets that both sides edited.
fn sets() -> World {
    let mut world = World::new();
    world.policy = world.policy.with_field("tags", FieldPolicy::sets());
    world.right.add("b", &[("name", "deal")]);
    world.right.touch("b", |row| {
        row.fields.insert("tags".into(), set(&["a", "b"]));
    });
    world.settle();
    let left = world.left_id();
    world.left.touch(&left, |row| {
        row.fields.insert("tags".into(), set(&["a", "b", "l"]));
    });
    world.right.touch("b", |row| {
        row.fields.insert("tags".into(), set(&["b", "r"]));
    });
    world
}

fn set(items: &[&str]) -> Value {
    Value::Set(items.iter().copied().map(Value::text).collect())
}

#[test]
fn merged_sets_reach_both_sides_and_are_logged_once() {
    for then in [Then::Hang, Then::HangAfter, Then::Lose, Then::LoseAfter] {
        for at in 1.. {
            let world = sets();
            let gate = Arc::new(Gate::new(Some(at), then));
            let engine = world.engine_with(
                Arc::new(Gated::new(world.left.clone(), gate.clone())),
                Arc::new(Gated::new(world.right.clone(), gate.clone())),
                world.store.clone(),
                world.options(),
            );
            let _ = drive(engine.run_once());
            drop(engine);
            world.settle();
            assert_eq!(
                world.both("tags"),
                ("b, l, r".into(), "b, l, r".into()),
                "{then:?} {at}"
            );
            for entry in conflicts(&world) {
                assert_eq!(entry.rule, Rule::Sets);
                assert_eq!(entry.left, set(&["a", "b", "l"]), "what people put there");
                assert_eq!(entry.right, set(&["b", "r"]));
                assert_eq!(entry.value, Some(set(&["b", "l", "r"])));
            }
            if gate.calls() < at {
                assert_eq!(conflicts(&world).len(), 1);
                break;
            }
        }
    }
}

// G2
#[test]
fn where_one_side_leads_an_edit_of_the_other_is_put_back_or_left_and_logged() {
    use cosell_sync::Stray;
    let mut world = World::new();
    world.policy = world
        .policy
        .with_field("program", FieldPolicy::led_by(Side::Left, Stray::PutBack))
        .with_field("remark", FieldPolicy::led_by(Side::Left, Stray::Left));
    world
        .left
        .add("a", &[("name", "deal"), ("program", "p"), ("remark", "r")]);
    world.settle();
    let right = world.pair().right.id.unwrap().to_string();
    world.right.edit(&right, "program", "mine");
    world.right.edit(&right, "remark", "mine");
    let report = world.round();
    assert_eq!(report.left.updates, 0, "nothing goes to the leading side");
    assert_eq!(world.both("program"), ("p".into(), "p".into()));
    assert_eq!(world.both("remark"), ("r".into(), "mine".into()));
    let log = conflicts(&world);
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log.iter().all(|entry| entry.right == Value::text("mine")));
    assert!(log.iter().all(|entry| entry.rule == Rule::Led(Side::Left)));
    world.settle();
    assert_eq!(conflicts(&world).len(), 2, "told once");
    world.left.edit("a", "remark", "newer");
    world.round();
    assert_eq!(world.both("remark"), ("newer".into(), "newer".into()));
}

#[test]
fn a_switch_that_is_switched_off_is_on_again_and_the_edit_is_logged() {
    for side in Side::BOTH {
        let mut world = World::new();
        world.policy = world.policy.with_field("shared", FieldPolicy::switch());
        world.right.add("b", &[("name", "deal")]);
        world.right.touch("b", |row| {
            row.fields.insert("shared".into(), Value::Flag(true));
        });
        world.settle();
        let id = world.pair().end(side).id.clone().unwrap().to_string();
        world.toy(side).touch(&id, |row| {
            row.fields.insert("shared".into(), Value::Flag(false));
        });
        world.round();
        assert_eq!(world.both("shared"), ("yes".into(), "yes".into()));
        assert_eq!(conflicts(&world)[0].rule, Rule::Switch);
    }
}

#[test]
fn the_newest_stands_by_the_services_times() {
    let mut world = World::in_step();
    world.policy = world
        .policy
        .with_field("value", FieldPolicy::newest(Duration::from_secs(60)));
    world.right.edit("b", "value", "old");
    world.clock.pass(Duration::from_secs(120));
    world.left.edit(&world.left_id(), "value", "new");
    world.round();
    assert_eq!(world.both("value"), ("new".into(), "new".into()));
    world.right.edit("b", "value", "200");
    world.left.edit(&world.left_id(), "value", "300");
    world.round();
    assert_eq!(hold(&world, "value").cause.kind(), HoldKind::Policy);
    let entry = &conflicts(&world)[0];
    assert_eq!((entry.kept, &entry.rule), (Some(Side::Left), &Rule::Newest));
    assert!(entry.left_as_of - entry.right_as_of >= chrono::TimeDelta::seconds(120));
}

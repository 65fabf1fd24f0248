//! The audit trail: a line for everything that was tried, from the hint on.

use std::time::Duration;

use cosell_sync::{
    AuditEntry, AuditKind, AuditQuery, ErrorKind, FieldId, LogStore as _, Mask, RecordId, Requeue,
    Retention, Side, Source, Value,
};

use crate::{
    toy::Fault,
    world::{World, drive},
};

fn lines(world: &World, query: &AuditQuery) -> Vec<AuditEntry> {
    let page = drive(world.engine().audit(query, None, 1_000))
        .unwrap()
        .unwrap();
    assert_eq!(page.next, None);
    page.entries.into_iter().map(|(_, line)| line).collect()
}

fn kinds(lines: &[AuditEntry]) -> Vec<AuditKind> {
    lines.iter().map(|line| line.kind).collect()
}

/// Lines since the world was in step.
fn since(world: &World, done: usize) -> Vec<AuditEntry> {
    lines(world, &AuditQuery::default()).split_off(done)
}

fn count(world: &World) -> usize {
    lines(world, &AuditQuery::default()).len()
}

// R86, R127
#[test]
fn an_edit_is_traced_from_its_hint_to_the_write_with_every_field_before_and_after() {
    let world = World::in_step();
    let done = count(&world);
    world.right.edit("b", "value", "250");
    world.round();
    let told = since(&world, done);
    assert_eq!(
        kinds(&told),
        [AuditKind::Hinted, AuditKind::Updated],
        "{told:#?}"
    );
    let (hint, write) = (&told[0], &told[1]);
    assert_eq!(hint.source, Some(Source::Changed));
    assert_eq!(hint.trace, write.trace);
    assert_eq!(write.side, Some(Side::Left));
    assert_eq!(write.pair, Some(world.pair().id));
    assert_eq!(write.right, Some(RecordId::new("b")));
    assert_eq!(write.left, world.pair().left.id);
    let field = &write.fields[0];
    assert_eq!(
        (
            write.fields.len(),
            field.field.as_str(),
            &field.before,
            &field.after
        ),
        (
            1,
            "value",
            &Some(Value::text("100")),
            &Some(Value::text("250"))
        )
    );
    assert!(write.before.is_some() && write.after == world.pair().left.version);
    assert!(write.stamp.is_some());
    let same = lines(&world, &AuditQuery::default().with_trace(hint.trace));
    assert_eq!(same, told, "found by its trace");
    let by_record = AuditQuery::default().with_record(Side::Right, RecordId::new("b"));
    let newest = lines(&world, &by_record.newest_first());
    assert_eq!(newest[0], *write, "found by its record");
}

// R127
#[test]
fn every_hint_leaves_a_word_of_what_came_of_it() {
    let world = World::in_step();
    let done = count(&world);
    let engine = world.engine();
    let trace = drive(engine.hint(Side::Right, &RecordId::new("b")))
        .unwrap()
        .unwrap();
    let nobody = RecordId::new("nobody");
    drive(engine.hint(Side::Left, &nobody)).unwrap().unwrap();
    world
        .left
        .add_with_key("x", Some("not there"), &[("name", "stray"), ("value", "1")]);
    world.round();
    let told = lines(&world, &AuditQuery::default().with_trace(trace));
    assert_eq!(kinds(&told), [AuditKind::Hinted, AuditKind::Nothing]);
    assert_eq!(told[0].source, Some(Source::Told));
    let told = lines(
        &world,
        &AuditQuery::default().with_record(Side::Left, nobody),
    );
    assert!(told[1].message.contains("no such record"), "{told:?}");
    let stray = AuditQuery::default().with_record(Side::Left, RecordId::new("x"));
    let told = lines(&world, &stray);
    assert_eq!(kinds(&told), [AuditKind::Hinted, AuditKind::Skipped]);
    assert_eq!(told[1].cause, Some(ErrorKind::NamesNothing));
    let before = count(&world);
    assert!(before > done);
    world.round();
    assert_eq!(
        count(&world),
        before,
        "a round in which nothing changed writes no line"
    );
}

#[test]
fn failures_holds_conflicts_and_recoveries_have_their_lines() {
    let world = World::in_step();
    let mut done = count(&world);
    let mut next = |world: &World| {
        let told = since(world, done);
        done += told.len();
        told
    };
    // A lost answer that took effect.
    world.left.fail("update", &[Fault::LostAfter]);
    world.right.edit("b", "value", "1");
    world.round();
    world.settle();
    let told = next(&world);
    let of = |kind| told.iter().find(|line| line.kind == kind).unwrap();
    let (lost, found) = (of(AuditKind::Unanswered), of(AuditKind::Recovered));
    // Whoever finds it: the trace is that of the write.
    assert_eq!((lost.trace, lost.stamp), (found.trace, found.stamp));
    assert_eq!(lost.trace, of(AuditKind::Hinted).trace);
    // One that did not.
    world.left.fail("update", &[Fault::LostBefore]);
    world.right.edit("b", "value", "2");
    world.round();
    world.settle();
    let told = kinds(&next(&world));
    for kind in [
        AuditKind::Unanswered,
        AuditKind::NotLanded,
        AuditKind::Updated,
    ] {
        assert!(told.contains(&kind), "{kind:?} in {told:?}");
    }
    // A refused field, and its cure.
    world.right.edit("b", "name", "bad");
    world.round();
    let told = next(&world);
    assert!(kinds(&told).contains(&AuditKind::Refused));
    let held = told
        .iter()
        .find(|line| line.kind == AuditKind::Held)
        .unwrap();
    assert_eq!(held.fields[0].field, FieldId::from("name"));
    assert!(held.message.contains("not a good value"), "{held:?}");
    world.right.edit("b", "name", "good");
    world.round();
    assert!(kinds(&next(&world)).contains(&AuditKind::Released));
    // Both sides edit.
    world.left.edit(&world.left_id(), "value", "l");
    world.right.edit("b", "value", "r");
    world.round();
    let told = next(&world);
    let conflict = told
        .iter()
        .find(|line| line.kind == AuditKind::Conflict)
        .unwrap();
    let field = &conflict.fields[0];
    let both = (field.before.clone(), field.after.clone());
    assert_eq!(both, (Some(Value::text("l")), Some(Value::text("r"))));
    // An edit comes between read and write.
    let edit = (FieldId::from("note"), Value::text("quick"));
    world
        .left
        .with(|state| state.edit_before_update = Some(edit));
    world.right.edit("b", "value", "3");
    world.round();
    assert!(kinds(&next(&world)).contains(&AuditKind::Stale));
    // Switched off and on.
    world.right.touch("b", |row| row.takes_part = false);
    world.round();
    assert!(
        next(&world)
            .iter()
            .any(|line| line.kind == AuditKind::State)
    );
}

// R124, G5
#[test]
fn what_was_given_up_is_counted_by_cause_and_let_go_again() {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "poison"), ("value", "1"), ("note", "")]);
    world.left.fail("update", &vec![Fault::NotSent; 100]);
    world.right.edit("b", "value", "200");
    world.left.add("bad", &[("name", "deal")]);
    world
        .left
        .with(|state| state.malformed = vec!["bad".to_owned()]);
    for _ in 0..13 {
        world.clock.pass(Duration::from_secs(1_000));
        world.round();
    }
    let counts = || {
        let mut counts = drive(world.engine().park_counts()).unwrap().unwrap();
        counts.sort_by_key(|count| count.kind);
        let plain: Vec<_> = counts
            .iter()
            .map(|count| (count.kind, count.dead, count.pairs))
            .collect();
        plain
    };
    assert_eq!(
        counts(),
        [
            (ErrorKind::NotSent, true, 1),
            (ErrorKind::Refused, false, 1)
        ],
        "given up, and waiting for a change"
    );
    let refused = lines(&world, &AuditQuery::default().with_kind(AuditKind::Refused));
    let told = (refused[0].code.as_deref(), refused[0].request.as_deref());
    assert_eq!(
        told,
        (Some("0x80040217"), Some("req-7")),
        "as its support asks for"
    );
    let dead = lines(&world, &AuditQuery::default().with_kind(AuditKind::Dead));
    assert_eq!(dead.len(), 1);
    // The causes are cured, and the work is let go: by kind, then what is left.
    world.left.fail("update", &[]);
    let engine = world.engine();
    let which = Requeue::Kind(ErrorKind::NotSent);
    let done = drive(engine.requeue(which, "Ada")).unwrap().unwrap();
    assert_eq!((done.pairs, done.records), (1, 0));
    world.round();
    assert_eq!(counts(), [(ErrorKind::Refused, false, 1)]);
    assert_eq!(world.left.with(|state| state.rows.len()), 2, "not yet");
    world.left.with(|state| state.malformed.clear());
    let done = drive(engine.requeue(Requeue::Dead, "Ada"))
        .unwrap()
        .unwrap();
    assert_eq!((done.pairs, done.records), (0, 0));
    let done = drive(engine.requeue(Requeue::All, "Ada")).unwrap().unwrap();
    assert_eq!((done.pairs, done.records), (1, 1));
    world.round();
    assert_eq!(
        counts(),
        [(ErrorKind::Refused, false, 1)],
        "refused as before"
    );
    assert!(drive(engine.skipped(0, 9)).unwrap().unwrap().is_empty());
    let decided = lines(&world, &AuditQuery::default().with_kind(AuditKind::Decided));
    assert_eq!(decided.len(), 3);
    assert!(decided.iter().all(|line| line.by.as_deref() == Some("Ada")));
}

#[test]
fn the_trail_is_kept_by_count_and_age() {
    let world = World::in_step();
    let engine = |retention| {
        let options = world.options().with_retention(retention);
        world.engine_with(
            world.left.clone(),
            world.right.clone(),
            world.store.clone(),
            options,
        )
    };
    for number in 0..9 {
        world.right.edit("b", "value", &number.to_string());
        world.round();
    }
    assert!(count(&world) > 9);
    // Trimmed with the next commit of a page; its own lines come before.
    world.right.edit("b", "value", "x");
    let few = engine(Retention::default().with_count(Some(2)));
    drive(few.run_once()).unwrap().unwrap();
    assert!(count(&world) <= 2 + 2, "{}", count(&world));
    world.clock.pass(Duration::from_secs(100));
    world.right.edit("b", "value", "y");
    let young = Retention::forever().with_age(Some(Duration::from_secs(50)));
    drive(engine(young).run_once()).unwrap().unwrap();
    let told = lines(&world, &AuditQuery::default());
    assert_eq!(
        kinds(&told),
        [AuditKind::Hinted, AuditKind::Updated],
        "{told:#?}"
    );
}

// R130
#[test]
fn masked_values_never_reach_the_trail() {
    let world = World::in_step();
    let options = world.options().with_mask(Mask::everything());
    let engine = world.engine_with(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        options,
    );
    let done = count(&world);
    world.right.edit("b", "value", "s3cret");
    drive(engine.run_once()).unwrap().unwrap();
    assert_eq!(world.both("value").0, "s3cret", "it syncs all the same");
    let told = since(&world, done);
    assert_eq!(
        told.last().unwrap().fields.len(),
        1,
        "that the field changed is told"
    );
    assert!(!format!("{told:?}").contains("s3cret"));
}

// R130
#[test]
fn a_forgotten_record_leaves_its_content_nowhere_in_the_store() {
    let world = World::in_step();
    world.right.edit("b", "name", "Ada Berg");
    world.round();
    // Content in every place there is: a conflict, a hold, a refusal's words, a skip.
    world.left.edit(&world.left_id(), "value", "Ada left");
    world.right.edit("b", "value", "Ada right");
    world.left.edit(&world.left_id(), "note", "Ada n");
    world.right.edit("b", "note", "Ada m");
    world.round();
    let holds = |world: &World| format!("{:?}", world.store).contains("Ada");
    assert!(holds(&world));
    let engine = world.engine();
    let forget = || {
        let id = RecordId::new("b");
        drive(engine.forget(Side::Right, &id, "a data officer"))
            .unwrap()
            .unwrap()
    };
    let done = forget();
    assert!(done.known && done.images == 0);
    assert!(done.kept.unwrap().contains("still syncs"));
    world.right.touch("b", |row| row.takes_part = false);
    world.settle();
    let done = forget();
    assert_eq!((done.images, done.holds, done.kept), (3, 1, None));
    assert!(!holds(&world), "{:?}", world.store);
    // Ids stay, so that nothing is made again.
    assert_eq!(world.pair().right.id, Some(RecordId::new("b")));
    let last = lines(&world, &AuditQuery::default().newest_first()).remove(0);
    assert_eq!(last.kind, AuditKind::Forgotten);
    assert_eq!(last.by.as_deref(), Some("a data officer"));
    assert!(
        drive(world.store.conflicts(0, 9))
            .unwrap()
            .unwrap()
            .is_empty()
    );
    let nobody = RecordId::new("nobody");
    let done = drive(engine.forget(Side::Left, &nobody, "x"))
        .unwrap()
        .unwrap();
    assert!(!done.known);
}

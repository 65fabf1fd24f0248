//! Every schedule of few edits and faults, and known mistakes that must be caught.

use cosell_sync::{
    Side::{Left, Right},
    testkit::{Assumption, Bounds, Edit, Explorer, Scenario},
};

use crate::schedules::{caught, exhausted, explorer, long, report};

const VALUES: [Edit; 2] = [Edit::Value(Left), Edit::Value(Right)];
const NAMES: [Edit; 2] = [Edit::Name(Left), Edit::Name(Right)];
const NOTES: [Edit; 2] = [Edit::Note(Left), Edit::Note(Right)];
const TAGS: [Edit; 2] = [Edit::Tags(Left), Edit::Tags(Right)];
const DATES: [Edit; 2] = [Edit::Date(Left), Edit::Date(Right)];
const FLAGS: [Edit; 2] = [Edit::Off(Right), Edit::On(Right)];
const GONE: [Edit; 2] = [Edit::Value(Right), Edit::Delete(Right)];
const MIXED: [Edit; 5] = [
    Edit::Value(Left),
    Edit::Value(Right),
    Edit::Name(Left),
    Edit::Name(Right),
    Edit::Note(Right),
];

/// What the long job does beyond that: far more edits and faults, every schedule of them.
#[test]
fn every_schedule_of_more_edits_and_faults_in_the_long_job() {
    type Wide<'a> = (Scenario, &'a [Edit], (u8, u8, u8));
    let wide: [Wide<'_>; 11] = [
        (Scenario::InStep, &VALUES, (3, 1, 2)),
        (Scenario::InStep, &VALUES, (2, 2, 2)),
        (Scenario::InStep, &NAMES, (3, 1, 2)),
        (Scenario::InStep, &NOTES, (2, 2, 2)),
        (Scenario::InStep, &MIXED, (3, 1, 1)),
        (Scenario::InStep, &FLAGS, (3, 1, 3)),
        (Scenario::InStep, &GONE, (2, 2, 2)),
        (Scenario::BornLeft, &VALUES, (3, 1, 2)),
        (Scenario::BornLeft, &VALUES, (2, 2, 2)),
        (Scenario::BornRight, &VALUES, (3, 1, 2)),
        (Scenario::BornRight, &VALUES, (2, 2, 2)),
    ];
    // A taste of it otherwise, so that it cannot rot.
    let taste: [Wide<'_>; 2] = [
        (Scenario::InStep, &VALUES, (3, 1, 1)),
        (Scenario::BornLeft, &VALUES, (1, 2, 1)),
    ];
    let all = if long() { &wide[..] } else { &taste[..] };
    for (scenario, menu, (edits, faults, rounds)) in all {
        let explorer = Explorer::new(*scenario, menu, Bounds::new(*edits, *faults, *rounds));
        match explorer.exhaust() {
            Ok(tally) => {
                let name = format!("{scenario:?} {menu:?}, {edits} x {faults} in {rounds} rounds");
                report(&name, &tally);
            }
            Err(failure) => panic!("{failure}"),
        }
    }
}

exhausted! {
    every_schedule_of_2_values_and_1_fault_in_step: InStep, VALUES, (2, 1, 2);
    every_schedule_of_2_names_and_1_fault_in_step: InStep, NAMES, (2, 1, 1);
    every_schedule_of_2_notes_and_1_fault_in_step: InStep, NOTES, (2, 1, 1);
    every_schedule_of_3_notes_and_1_fault_in_step: InStep, NOTES, (3, 1, 2);
    every_schedule_of_2_merged_sets_and_1_fault_in_step: InStep, TAGS, (2, 1, 1);
    every_schedule_of_2_edits_where_the_newest_stands_and_1_fault: InStep, DATES, (2, 1, 1);
    every_schedule_of_2_edits_of_5_and_1_fault_in_step: InStep, MIXED, (2, 1, 1);
    every_schedule_of_2_switches_and_1_fault_in_step: InStep, FLAGS, (2, 1, 1);
    every_schedule_of_a_deletion_an_edit_and_1_fault: InStep, GONE, (2, 1, 1);
    every_schedule_of_2_values_and_1_fault_at_a_birth_from_the_left: BornLeft, VALUES, (2, 1, 2);
    every_schedule_of_1_name_and_1_fault_after_a_birth_from_the_left: BornLeft, NAMES, (1, 1, 2);
    every_schedule_of_2_values_and_1_fault_at_a_birth_from_the_right: BornRight, VALUES, (2, 1, 2);
    every_schedule_of_1_name_and_1_fault_after_a_birth_from_the_right: BornRight, NAMES, (1, 1, 2);
    every_schedule_of_1_value_and_1_fault_beside_a_bad_record: Neighbour, VALUES, (1, 1, 1);
    every_schedule_of_1_value_and_1_fault_where_one_end_names_the_other: Bound, VALUES, (1, 1, 2);
    every_schedule_of_1_fault_where_a_brake_holds_births_back: Flood, VALUES, (0, 1, 1);
    every_schedule_of_1_fault_in_two_pages: Crowd, VALUES, (0, 1, 1);
}

#[test]
fn sampled_schedules_of_3_edits_and_2_faults() {
    for scenario in [Scenario::InStep, Scenario::BornLeft, Scenario::BornRight] {
        let explorer = Explorer::new(scenario, &MIXED, Bounds::new(3, 2, 3));
        match explorer.sample(0..200) {
            Ok(tally) => report(
                &format!("sampled, 3 edits x 2 faults, {scenario:?}"),
                &tally,
            ),
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let explorer = Explorer::new(Scenario::BornRight, &MIXED, Bounds::new(3, 2, 3));
    let run = || explorer.sample([7]).map(|tally| tally.traces);
    assert_eq!(run().unwrap(), run().unwrap());
}

/// In a world without an assumption, and the promise that needs it.
macro_rules! needed {
    ($($name:ident: $assumption:ident, $scenario:ident, $menu:expr, $bounds:expr, $promise:expr;)*) => {$(
        #[test]
        fn $name() {
            let explorer = explorer(Scenario::$scenario, &$menu, $bounds);
            explorer.exhaust().expect("with the assumption all promises are kept");
            let explorer = explorer.without(Assumption::$assumption);
            let failure = explorer.exhaust().expect_err("without it one is broken");
            assert_eq!(failure.broken.promise, $promise, "{failure}");
        }
    )*};
}

needed! {
    without_a1_a_late_read_passes_for_the_newest: ReadLag, InStep, VALUES, (1, 2, 2), 9;
    without_a2_what_is_found_too_late_is_made_twice: FindLag, BornRight, VALUES, (0, 1, 1), 6;
    without_a3_a_request_that_lands_too_late_makes_a_second_record: Lateness, BornRight, VALUES, (0, 1, 1), 6;
    without_a4_an_unconditional_write_overwrites_an_edit: ConditionalWrite, InStep, VALUES, (2, 0, 1), 3;
    without_a5_half_a_write_passes_for_the_whole: WholeWrite, InStep, [Edit::Value(Left), Edit::Note(Left)], (2, 0, 1), 10;
    without_a6_an_edit_that_moves_no_version_is_overlooked: EditMovesVersion, InStep, VALUES, (1, 0, 1), 1;
    without_a7_a_change_that_nobody_tells_of_is_overlooked: ChangeHinted, InStep, VALUES, (1, 0, 1), 1;
    without_a8_a_record_whose_key_somebody_clears_is_made_twice: OwnColumns, BornRight, VALUES, (0, 1, 1), 6;
    without_a9_a_clock_that_jumps_puts_two_writes_in_flight: SteadyClock, InStep, VALUES, (1, 1, 1), 15;
    without_a10_two_engines_put_two_writes_in_flight: OneEngine, InStep, VALUES, (1, 1, 1), 15;
}

caught! {
    no_intent_before_create_makes_two_records: NoIntentBeforeCreate, BornRight, VALUES, (0, 1, 1), 6;
    no_intent_before_update_makes_a_false_conflict: NoIntentBeforeUpdate, InStep, VALUES, (2, 1, 2), 5;
    cursor_before_hints_forgets_a_record: CursorBeforeHints, BornRight, VALUES, (0, 0, 1), 9;
    base_before_the_write_was_never_seen: BaseBeforeWrite, InStep, VALUES, (1, 1, 1), 10;
    retired_version_ignored_loses_an_edit: RetiredIgnored, BornRight, VALUES, (1, 1, 2), 3;
    lease_unchecked_commits_after_it_is_lost: LeaseUnchecked, BornRight, VALUES, (0, 1, 1), 15;
    one_image_base_was_never_seen: OneImageBase, InStep, VALUES, (1, 0, 1), 10;
    pair_dropped_on_flag_off_forgets_a_record: DroppedOnFlagOff, InStep, FLAGS, (2, 0, 2), 9;
    loser_not_logged_is_lost: LoserNotLogged, InStep, VALUES, (2, 0, 1), 3;
    shown_outcome_forgotten_is_written_again: ShownForgotten, BornRight, VALUES, (1, 0, 1), 7;
    hint_dropped_while_its_pair_is_busy_is_forgotten: DequeuedFirst, InStep, VALUES, (1, 1, 1), 9;
    no_if_match_loses_an_edit: NoIfMatch, InStep, VALUES, (2, 0, 1), 3;
    no_waiting_after_a_lost_create_makes_two_records: NoWaitAfterCreate, BornRight, VALUES, (0, 1, 1), 6;
    late_list_read_as_truth_makes_two_records: LateFindBelieved, BornRight, VALUES, (0, 1, 1), 6;
    unknown_treated_as_refused_never_converges: UnknownAsRefused, BornRight, VALUES, (0, 1, 1), 1;
    unknown_treated_as_not_sent_makes_two_records: UnknownAsNotSent, BornRight, VALUES, (0, 1, 1), 6;
    cursor_past_a_failed_page_forgets_a_record: CursorPastFailedPage, BornRight, VALUES, (0, 1, 1), 9;
    cursor_moved_mid_pass_forgets_a_record: CursorMovedMidPass, Crowd, VALUES, (0, 0, 1), 9;
    missing_row_read_as_empty_invents_values: MissingReadAsEmpty, InStep, GONE, (2, 0, 2), 4;
    base_from_the_sent_value_was_never_seen: BaseFromSent, InStep, VALUES, (1, 0, 1), 10;
    echo_founds_a_pair_and_a_second_record: EchoFounds, BornRight, VALUES, (0, 1, 1), 6;
    no_send_deadline_puts_two_writes_in_flight: NoSendDeadline, BornRight, VALUES, (0, 1, 1), 15;
    deletion_believed_without_fetch_forgets_a_record: DeletionBelieved, InStep, VALUES, (0, 1, 1), 9;
    column_of_others_written_is_caught: ForeignBlanked, InStep, VALUES, (1, 0, 1), 13;
    bad_record_failing_its_page_delays_others: BadRecordFailsPage, Neighbour, VALUES, (1, 0, 1), 1;
    brake_ignored_makes_too_many_records: BrakeIgnored, Flood, VALUES, (0, 0, 1), 14;
    sets_overwritten_lose_what_was_added: SetsOverwritten, InStep, TAGS, (2, 0, 1), 3;
    other_side_forgotten_in_the_journal_makes_a_false_conflict: ReadForgotten, InStep, VALUES, (2, 1, 2), 5;
    key_sent_in_vain_is_missing: KeySentOnce, Bound, VALUES, (1, 0, 1), 1;
    time_of_the_last_look_forgotten_believes_a_late_read: SeenTimeForgotten, BornLeft, VALUES, (2, 1, 1), 9;
}

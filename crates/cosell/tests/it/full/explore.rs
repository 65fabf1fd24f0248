//! Every schedule of few edits and faults, and known mistakes that must be caught.

use std::io::Write as _;

use cosell::sync::testkit::{
    Bounds, Failure, Plant as Stored, Tally,
    search::{exhaust, sample},
};

use super::{
    edits::Edit::{self, *},
    long,
    plants::Plant,
    stage::{Scenario, Whole},
};

const DEAL: [Edit; 4] = [CrmValue, CrmNotes, PortalValue, PortalDate];
const VALUES: [Edit; 2] = [CrmValue, PortalValue];
const ANSWERS: [Edit; 5] = [
    CrmAccepts,
    CrmLoses,
    PortalAccepts,
    PortalDeclines,
    PortalValue,
];
const CROSSED: [Edit; 3] = [CrmAccepts, PortalDeclines, PortalValue];
const ENDS: [Edit; 5] = [CrmWins, CrmLoses, PortalWins, PortalLoses, CrmValue];
const FLAG: [Edit; 4] = [Off, On, CrmValue, PortalNotes];
const GONE: [Edit; 2] = [Delete, PortalValue];

/// Past the capture of test output, so that a log shows what was covered.
fn report(name: &str, tally: &Tally) {
    let _ = writeln!(std::io::stderr(), "full explorer: {name}: {tally}");
}

fn run(
    scenario: Scenario,
    menu: &[Edit],
    plant: Option<Plant>,
    bounds: Bounds,
) -> Result<Tally, Box<Failure>> {
    let whole = Whole::new(scenario, menu, plant).map_err(|broken| {
        Box::new(Failure::new(
            broken,
            vec![format!("{scenario:?}, {plant:?}")],
        ))
    })?;
    exhaust(&whole, bounds)
}

/// Outside edits, faults, rounds in which they may happen; and the same in the long job.
macro_rules! exhausted {
    ($($name:ident: $scenario:ident, $menu:ident, $bounds:expr, long $wide:expr;)*) => {$(
        #[test]
        fn $name() {
            let (edits, faults, rounds) = if long() { $wide } else { $bounds };
            match run(Scenario::$scenario, &$menu, None, Bounds::new(edits, faults, rounds)) {
                Ok(tally) => report(&format!("{}, {edits} x {faults} in {rounds} rounds", stringify!($name)), &tally),
                Err(failure) => panic!("{failure}"),
            }
        }
    )*};
}

exhausted! {
    every_schedule_of_a_deal_born_in_the_crm: BornInCrm, VALUES, (1, 1, 1), long (2, 1, 2);
    every_schedule_where_lists_are_late: LateLists, VALUES, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_a_deal_born_in_the_portal: BornInPortal, VALUES, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_a_deal_in_step: InStep, DEAL, (1, 1, 2), long (2, 1, 2);
    every_schedule_of_acceptance: Unaccepted, ANSWERS, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_closing: InStep, ENDS, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_the_flag: InStep, FLAG, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_a_deletion: InStep, GONE, (1, 1, 1), long (2, 1, 2);
    every_schedule_after_the_state_is_lost: StateLost, VALUES, (1, 1, 1), long (2, 1, 2);
    every_schedule_beside_a_record_that_nobody_can_read: Beside, VALUES, (1, 1, 1), long (2, 1, 2);
    every_schedule_of_several_pages: Crowd, VALUES, (0, 1, 1), long (1, 1, 2);
    every_schedule_of_2_values_in_step: InStep, VALUES, (2, 1, 1), long (2, 2, 2);
    every_schedule_of_2_edits_of_an_unaccepted_deal: Unaccepted, CROSSED, (2, 1, 1), long (2, 2, 2);
}

/// A mistake, where it shows, and the promise whose assertion catches it.
macro_rules! caught {
    ($($name:ident: $plant:expr, $scenario:ident, $menu:expr, $bounds:expr, $promise:expr;)*) => {$(
        #[test]
        fn $name() {
            let (edits, faults, rounds) = $bounds;
            let bounds = Bounds::new(edits, faults, rounds);
            let failure = run(Scenario::$scenario, &$menu, Some($plant), bounds).expect_err("caught");
            assert_eq!(failure.broken.promise, $promise, "{failure}");
        }
    )*};
}

caught! {
    ascending_pass_forgets_a_referral: Plant::AscendingPass, Crowd, [PortalNotes], (1, 0, 1), 9;
    floor_moved_mid_pass_forgets_a_referral: Plant::FloorMovedMidPass, Crowd, VALUES, (0, 1, 1), 9;
    no_if_match_on_the_wire_loses_an_edit: Plant::NoIfMatch, InStep, VALUES, (2, 0, 1), 3;
    a_write_repeated_blindly_makes_two_referrals: Plant::RepeatedBlindly, BornInCrm, VALUES, (0, 1, 1), 6;
    no_intent_before_create_makes_two_referrals: Plant::Stored(Stored::NoIntentBeforeCreate), LateLists, VALUES, (0, 1, 1), 6;
    no_intent_before_update_makes_a_false_conflict: Plant::Stored(Stored::NoIntentBeforeUpdate), InStep, VALUES, (2, 1, 2), 5;
    cursor_before_hints_forgets_a_deal: Plant::Stored(Stored::CursorBeforeHints), BornInCrm, VALUES, (0, 1, 1), 9;
    base_before_the_write_was_never_seen: Plant::Stored(Stored::BaseBeforeWrite), InStep, VALUES, (1, 1, 1), 10;
    pair_dropped_on_flag_off_makes_two_referrals: Plant::Stored(Stored::DroppedOnFlagOff), InStep, FLAG, (2, 0, 2), 6;
    loser_not_logged_is_lost: Plant::Stored(Stored::LoserNotLogged), InStep, VALUES, (2, 0, 1), 3;
    hint_dropped_while_its_pair_is_busy_is_forgotten: Plant::Stored(Stored::DequeuedFirst), InStep, VALUES, (1, 1, 1), 9;
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let whole = Whole::new(Scenario::BornInCrm, &DEAL, None).expect("a world");
    let traces = || sample(&whole, Bounds::new(3, 2, 3), [7]).map(|tally| tally.traces);
    assert_eq!(traces().expect("kept"), traces().expect("kept"));
}

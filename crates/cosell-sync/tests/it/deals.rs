//! Every schedule of few edits and faults for deals of more than two records, and the mistakes
//! that are made with them.

use cosell_sync::{
    Side::{Left, Right},
    testkit::{Edit, Plant, Scenario},
};

use crate::schedules::{catch, exhaust};

const WISHES: [Edit; 2] = [Edit::Ask, Edit::Unask];
const HELPERS: [Edit; 4] = [
    Edit::Ask,
    Edit::Answer,
    Edit::Value(Left),
    Edit::Value(Right),
];
const ANSWERS: [Edit; 2] = [Edit::Ask, Edit::Answer];

#[test]
fn every_schedule_of_a_wish_taken_back_and_1_fault() {
    exhaust("a wish", Scenario::Helped, &WISHES, (2, 1, 2));
}

// R109
#[test]
fn every_schedule_of_a_wish_its_answer_and_1_fault() {
    exhaust("an answer", Scenario::Helped, &ANSWERS, (2, 1, 2));
}

#[test]
fn every_schedule_of_2_edits_of_4_and_1_fault_with_a_helper() {
    exhaust("a helper", Scenario::Helped, &HELPERS, (2, 1, 1));
}

// R94
#[test]
fn every_schedule_of_1_edit_and_1_fault_at_a_birth_that_asks() {
    exhaust(
        "a birth that asks",
        Scenario::BornAsking,
        &ANSWERS,
        (1, 1, 2),
    );
}

#[test]
fn a_part_without_an_intent_of_its_own_is_made_twice() {
    catch(
        Plant::NoIntentBeforePart,
        Scenario::Helped,
        &WISHES,
        (1, 1, 1),
        6,
    );
}

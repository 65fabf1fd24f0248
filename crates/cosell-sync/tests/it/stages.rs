//! Every schedule of few edits and faults for deals that are accepted and closed, and for leads
//! that become deals; and the mistakes that are made with them.

use cosell_sync::{
    Side::{Left, Right},
    testkit::Edit,
};

use crate::schedules::{caught, exhausted};

const OFFERED: [Edit; 3] = [Edit::Accept(Left), Edit::Lose(Left), Edit::Lose(Right)];
const ACCEPTED: [Edit; 4] = [
    Edit::Accept(Left),
    Edit::Accept(Right),
    Edit::Lose(Left),
    Edit::Lose(Right),
];
const CLOSED: [Edit; 4] = [
    Edit::Win(Left),
    Edit::Win(Right),
    Edit::Lose(Left),
    Edit::Lose(Right),
];
const LAST: [Edit; 4] = [
    Edit::Value(Left),
    Edit::Value(Right),
    Edit::Win(Left),
    Edit::Lose(Right),
];
const AGAIN: [Edit; 4] = [Edit::Pause, Edit::Win(Left), Edit::Win(Right), Edit::Reopen];
const LEADS: [Edit; 4] = [
    Edit::Qualify,
    Edit::Value(Left),
    Edit::Value(Right),
    Edit::Lose(Right),
];
const QUALIFIED: [Edit; 4] = [
    Edit::Qualify,
    Edit::Accept(Left),
    Edit::Lose(Left),
    Edit::Value(Right),
];

exhausted! {
    every_schedule_of_2_answers_to_an_offer_and_1_fault: Offered, OFFERED, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_2_answers_to_a_pending_deal_and_1_fault: Pending, ACCEPTED, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_2_answers_at_a_first_meeting_and_1_fault: Met, ACCEPTED, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_2_closings_and_1_fault: Open, CLOSED, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_last_values_a_closing_and_1_fault: Open, LAST, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_2_moves_to_and_fro_and_1_fault: Open, AGAIN, (2, 1, 1), long (2, 1, 2);
    every_schedule_of_an_edit_of_a_new_lead_and_1_fault: BornLead, LEADS, (1, 1, 2), long (2, 1, 2);
    every_schedule_of_2_edits_of_a_lead_in_step_and_1_fault: Lead, QUALIFIED, (2, 1, 1), long (2, 1, 2);
}

caught! {
    close_judged_by_the_stamp_was_never_seen: CloseJudgedByStamp, Open, CLOSED, (1, 1, 1), 10;
    acceptance_without_a_base_is_nobodys_wish: AcceptWithoutBase, Offered, OFFERED, (0, 1, 1), 14;
    acceptance_at_a_first_meeting_is_nobodys_wish: AcceptedAtFirstMeeting, Met, ACCEPTED, (0, 0, 1), 14;
    reason_sent_after_closing_is_lost: ReasonAfterClosing, Open, CLOSED, (1, 0, 1), 3;
    closed_record_overlooked_makes_two_records: ClosedKeyOverlooked, Met, ACCEPTED, (1, 0, 1), 6;
    rounding_asked_of_a_closed_record_overwrites_an_edit: SettledWhenClosed, Open, LAST, (2, 1, 1), 3;
    answered_closing_forgotten_is_closed_again: ClosingForgotten, Open, AGAIN, (2, 1, 1), 3;
    key_left_behind_on_a_lead_is_missing: KeyLeftBehind, BornLead, LEADS, (1, 0, 1), 1;
    lead_overlooked_in_its_deal_makes_two_records: FormerOverlooked, Lead, QUALIFIED, (1, 0, 1), 6;
}

//! The default fields, case by case, and the laws over generated records.

mod cases;
mod deal_state;
mod lens_laws;
mod rules;
mod support;

//! The status machine: which pairs exist, and who may move from where to where.

use super::options::{Options, Validation};
use super::refusal::Refusal;

/// Organization id of Microsoft.
pub(super) const MICROSOFT: &str = "msft";

/// Is this a pair of status and substatus?
pub(super) fn is_pair(status: &str, substatus: &str) -> bool {
    match status {
        "New" => matches!(substatus, "Pending" | "Received"),
        "Active" => substatus == "Accepted",
        "Closed" => matches!(substatus, "Won" | "Lost" | "Declined" | "Expired" | "Error"),
        _ => false,
    }
}

/// May the owner of a referral move it so? Both are pairs; equal ones are no move.
fn is_move(from: (&str, &str), to: (&str, &str), validation: Validation) -> bool {
    if from == to {
        return true;
    }
    match (from.0, to.0, to.1) {
        // Only the service lets a referral expire, and nothing leaves Closed.
        (_, _, "Expired") | ("Closed", _, _) | ("Active", "New", _) => false,
        ("New", "Closed", "Won" | "Lost") => validation == Validation::Lenient,
        ("New", _, _) => true,
        ("Active", "Closed", "Declined") => validation == Validation::Lenient,
        ("Active", "Closed", _) => true,
        _ => false,
    }
}

/// Judges what a whole document did to the pair. `named` says which of the two it wrote.
pub(super) fn judge(
    from: (&str, &str),
    to: (&str, &str),
    named: (bool, bool),
    options: &Options,
) -> Result<(), Refusal> {
    if from.0 != to.0 && named != (true, true) {
        let missing = if named.0 { "substatus" } else { "status" };
        return Err(Refusal::invalid(
            missing,
            "Status and substatus change in one document.",
        ));
    }
    if !is_pair(to.0, to.1) || to.1 == "Error" && !options.error_is_a_substatus {
        return Err(Refusal::invalid(
            "substatus",
            format!("{} is no substatus of {}.", to.1, to.0),
        ));
    }
    if !is_move(from, to, options.validation) {
        return Err(Refusal::illegal_move(
            options.illegal_move,
            format!("{}/{} cannot become {}/{}.", from.0, from.1, to.0, to.1),
        ));
    }
    Ok(())
}

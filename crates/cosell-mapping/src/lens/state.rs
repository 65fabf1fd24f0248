//! The state of a deal on either side, and the moves that each side allows.
//!
//! An open row is on hold or being worked on; a referral is New, then Active for good. So *On
//! Hold* means pending only while the referral is New; on an accepted deal it is the seller's own
//! remark. The row alone cannot tell which, and need not: it reads as pending, and on an Active
//! referral a wanted *pending* settles as *accepted*, which is there already. The two sides agree
//! and neither is written. While the referral is New, pending fits, and the row leaving On Hold is
//! acceptance. When the referral alone was accepted, *accepted* goes to the row, where it fits.
//!
//! A pair of words that is none of the known ones (a substatus added next year) is handed through
//! as it is. No side takes it: the field waits for a person, nothing is closed by guess.

use serde_json::value::RawValue;

use crate::{
    Assignment, DealState, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, wrong_kind},
    record::{fault, integer_at, read, text_at},
};

/// A referral's `status` and `substatus`, always written together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReferralState {
    /// The status that a new referral is sent with. Whatever is sent, a deal that a partner makes
    /// is accepted from the start.
    pub birth: (&'static str, &'static str),
    /// A New referral may be closed as won at once. The service's table allows it, its portal
    /// does not offer it.
    pub win_from_new: bool,
}

impl Default for ReferralState {
    fn default() -> Self {
        Self {
            birth: ("New", "Pending"),
            win_from_new: false,
        }
    }
}

impl ReferralState {
    pub(super) fn paths(&self) -> Vec<Path> {
        vec![Path::known("status"), Path::known("substatus")]
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let path = Path::known("status");
        let Some(status) = text_at(record, &path)? else {
            let raw = read(record, &path)?.unwrap_or(RawValue::NULL);
            return Err(fault(&path, "a status", raw));
        };
        let substatus = text_at(record, &Path::known("substatus"))?.unwrap_or_default();
        let state = match (
            status.to_ascii_lowercase().as_str(),
            substatus.to_ascii_lowercase().as_str(),
        ) {
            ("new", _) => DealState::Pending,
            ("active", _) => DealState::Accepted,
            ("closed", "won") => DealState::Won,
            ("closed", "lost" | "declined" | "expired" | "error") => DealState::Lost,
            _ => return Ok(Value::Choice(format!("{status}/{substatus}"))),
        };
        Ok(state.into())
    }

    pub(super) fn form(&self, wanted: &Value, now: Option<Now<'_>>) -> Result<Form, Reason> {
        let wanted = state_of(wanted)?;
        let Some(now) = now else {
            return match wanted {
                DealState::Pending | DealState::Accepted => {
                    Ok(written(DealState::Accepted, self.birth))
                }
                DealState::Won | DealState::Lost => Err(illegal(
                    "a closed deal is not sent to Partner Center as a new referral",
                )),
            };
        };
        let held = DealState::try_from(now.value).map_err(|()| {
            illegal("the referral's status is none of the known ones: settle it in Partner Center")
        })?;
        match (held, wanted) {
            (DealState::Pending, DealState::Accepted) => {
                Ok(written(wanted, ("Active", "Accepted")))
            }
            (DealState::Pending, DealState::Lost) => Ok(written(wanted, ("Closed", "Declined"))),
            (DealState::Pending, DealState::Won) if !self.win_from_new => Err(illegal(
                "a referral is won only after it was accepted: accept it first",
            )),
            (DealState::Pending | DealState::Accepted, DealState::Won) => {
                Ok(written(wanted, ("Closed", "Won")))
            }
            (DealState::Accepted, DealState::Lost) => Ok(written(wanted, ("Closed", "Lost"))),
            // On Hold on an accepted deal, see the page of this module.
            (DealState::Accepted, DealState::Pending) => {
                Ok(Form::exact(DealState::Accepted.into(), Vec::new()))
            }
            (DealState::Won | DealState::Lost, _) => Err(Reason::new(
                ReasonCode::Closed,
                "the referral is closed for ever: close the opportunity the same way, or make a \
                 new deal",
            )),
            (DealState::Pending, DealState::Pending)
            | (DealState::Accepted, DealState::Accepted) => {
                Ok(Form::exact(now.value.clone(), Vec::new()))
            }
        }
    }
}

fn written(state: DealState, (status, substatus): (&str, &str)) -> Form {
    Form::exact(
        state.into(),
        vec![
            Assignment::new(&Path::known("status"), status),
            Assignment::new(&Path::known("substatus"), substatus),
        ],
    )
}

/// An opportunity row's `statecode` and `statuscode`.
///
/// Won and lost are assigned like any value; the service has no such write, so whoever sends them
/// turns the two assignments into its closing action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowState {
    /// Status reason of an open row whose deal is accepted (In Progress). Every other reason of an
    /// open row, custom ones included, reads as pending: nothing is accepted by guess.
    pub accepted: i64,
    /// Status reason of an open row whose deal is pending (On Hold).
    pub pending: i64,
    /// Status reason of a won row.
    pub won: i64,
    /// Status reason of a lost row (Canceled).
    pub lost: i64,
}

impl Default for RowState {
    fn default() -> Self {
        Self {
            accepted: 1,
            pending: 2,
            won: 3,
            lost: 4,
        }
    }
}

impl RowState {
    const OPEN: i64 = 0;
    const WON: i64 = 1;
    const LOST: i64 = 2;

    pub(super) fn paths(&self) -> Vec<Path> {
        vec![Path::known("statecode"), Path::known("statuscode")]
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let path = Path::known("statecode");
        let status = integer_at(record, &Path::known("statuscode"))?;
        let state = match (integer_at(record, &path)?, status) {
            // A new row has a status reason only: its state follows from it.
            (Some(Self::OPEN), Some(status)) if status == self.accepted => DealState::Accepted,
            (None, Some(status)) if status == self.accepted => DealState::Accepted,
            (None, Some(status)) if status == self.pending => DealState::Pending,
            (Some(Self::OPEN), _) => DealState::Pending,
            (Some(Self::WON), _) => DealState::Won,
            (Some(Self::LOST), _) => DealState::Lost,
            (None, _) => {
                let raw = read(record, &path)?.unwrap_or(RawValue::NULL);
                return Err(fault(&path, "a state", raw));
            }
            (Some(other), _) => return Ok(Value::Choice(format!("statecode {other}"))),
        };
        Ok(state.into())
    }

    pub(super) fn form(&self, wanted: &Value, now: Option<Now<'_>>) -> Result<Form, Reason> {
        let wanted = state_of(wanted)?;
        let Some(now) = now else {
            let status = match wanted {
                DealState::Pending => self.pending,
                DealState::Accepted => self.accepted,
                DealState::Won | DealState::Lost => {
                    return Err(illegal(
                        "an opportunity is made open: closed deals are not brought in",
                    ));
                }
            };
            // The service refuses a state on a new row.
            let status = Assignment::new(&Path::known("statuscode"), &status);
            return Ok(Form::exact(wanted.into(), vec![status]));
        };
        let held = DealState::try_from(now.value).map_err(|()| {
            illegal("the opportunity's state is none of the known ones: settle it in the CRM")
        })?;
        if held.is_closed() {
            return Err(Reason::new(
                ReasonCode::Closed,
                "the opportunity is closed otherwise: a person reopens it, if that is right",
            ));
        }
        let (state, status) = match wanted {
            DealState::Pending => (Self::OPEN, self.pending),
            DealState::Accepted => (Self::OPEN, self.accepted),
            DealState::Won => (Self::WON, self.won),
            DealState::Lost => (Self::LOST, self.lost),
        };
        Ok(Form::exact(
            wanted.into(),
            vec![
                Assignment::new(&Path::known("statecode"), &state),
                Assignment::new(&Path::known("statuscode"), &status),
            ],
        ))
    }
}

fn state_of(wanted: &Value) -> Result<DealState, Reason> {
    DealState::try_from(wanted).map_err(|()| match wanted {
        Value::Choice(word) => Reason::new(
            ReasonCode::Unmappable,
            format!("{word} is no state of the other side: settle it by hand on both"),
        ),
        _ => wrong_kind("a deal state"),
    })
}

fn illegal(detail: &str) -> Reason {
    Reason::new(ReasonCode::IllegalMove, detail)
}

//! Lenses: one value read from a record, and written into it as it is now.

mod date;
mod money;
mod parts;
mod state;
mod text;

use std::fmt;

pub use date::{DateForm, DateShape};
pub use money::{CurrencyPlace, MoneyShape};
pub use parts::{Part, PartsShape};
pub use state::{ReferralState, RowState};
pub use text::TextShape;

use crate::{
    Assignment, Context, Loss, Path, ReadFault, Reason, ReasonCode, Record, Settled, Value,
    record::{integer_at, text_at},
};

/// Reads one canonical value from a record and writes one into a record as it is now.
///
/// # Contract
/// Pure: the same question gets the same answer. The laws of [`crate::laws`] hold:
/// - a value that the record holds already [fits](Settled::Fits), and putting it writes nothing;
/// - what is read after a put is what [`settle`](Self::settle) foretold;
/// - settling a settled value changes nothing;
/// - `put` refuses exactly what `settle` says the record cannot take, for the same reason;
/// - assignments stay inside [`writes`](Self::writes).
pub trait Lens: fmt::Debug + Send + Sync {
    /// Places that reading looks at; for a row these are the columns to select and expand.
    fn reads(&self) -> Vec<Path>;

    /// Places that a put may write.
    fn writes(&self) -> Vec<Path>;

    /// The value that the record holds.
    ///
    /// # Errors
    /// The record breaks the model; names the place.
    fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault>;

    /// What to assign so that the record (`None`: a new one) holds the settled form of `value`;
    /// nothing when it does already.
    ///
    /// # Errors
    /// The record cannot take the value now.
    fn put(
        &self,
        record: Option<&Record>,
        value: &Value,
        cx: &Context,
    ) -> Result<Vec<Assignment>, Reason>;

    /// What would become of `wanted` on the record (`None`: on a new one).
    fn settle(&self, wanted: &Value, record: Option<&Record>, cx: &Context) -> Settled;
}

/// Which service's record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A referral of Partner Center.
    Referral,
    /// A row of the CRM.
    Row,
}

/// When a place can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// While the record is open.
    Always,
    /// When the record is made; later it is refused for this reason.
    AtCreation(ReasonCode),
}

/// How a value stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// A text.
    Text(TextShape),
    /// An amount and its currency.
    Money(MoneyShape),
    /// A date, or a moment that means a date.
    Date(DateShape),
    /// A referral's status and substatus.
    ReferralState(ReferralState),
    /// An opportunity row's state and status reason.
    RowState(RowState),
    /// Texts that travel as one.
    Parts(PartsShape),
}

/// A lens as data: whose record, when writable, how the value stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LensSpec {
    /// Whose record.
    pub kind: RecordKind,
    /// When it can be written.
    pub access: Access,
    /// How the value stands there.
    pub shape: Shape,
}

/// What a shape makes of a wanted value.
pub(crate) struct Form {
    /// What would be read afterwards.
    pub(crate) value: Value,
    /// How that differs from what was wanted, if it does.
    pub(crate) loss: Loss,
    /// How to get there.
    pub(crate) assignments: Vec<Assignment>,
}

impl Form {
    pub(crate) fn exact(value: Value, assignments: Vec<Assignment>) -> Self {
        Self::lossy(value, Loss::Rounded, assignments)
    }

    pub(crate) fn lossy(value: Value, loss: Loss, assignments: Vec<Assignment>) -> Self {
        Self {
            value,
            loss,
            assignments,
        }
    }
}

/// The record that a value is formed for.
#[derive(Clone, Copy)]
pub(crate) struct Now<'a> {
    pub(crate) record: &'a Record,
    pub(crate) value: &'a Value,
}

impl LensSpec {
    /// A lens that can write while the record is open.
    pub fn new(kind: RecordKind, shape: Shape) -> Self {
        Self {
            kind,
            access: Access::Always,
            shape,
        }
    }

    /// Writable only when the record is made; later it is refused for this reason.
    #[must_use]
    pub fn at_creation(mut self, later: ReasonCode) -> Self {
        self.access = Access::AtCreation(later);
        self
    }

    fn form(&self, wanted: &Value, now: Option<Now<'_>>, cx: &Context) -> Result<Form, Reason> {
        match &self.shape {
            Shape::Text(shape) => shape.form(wanted, now, cx),
            Shape::Money(shape) => shape.form(wanted, now, cx),
            Shape::Date(shape) => shape.form(wanted, now, cx),
            Shape::ReferralState(shape) => shape.form(wanted, now),
            Shape::RowState(shape) => shape.form(wanted, now),
            Shape::Parts(shape) => shape.form(wanted, now, cx),
        }
    }

    /// The one road of `settle` and `put`, so that they cannot disagree. `None`: it is there.
    fn decide(
        &self,
        wanted: &Value,
        record: Option<&Record>,
        cx: &Context,
    ) -> Result<Option<Form>, Reason> {
        let Some(record) = record else {
            return self.form(wanted, None, cx).map(Some);
        };
        let held = self.get(record, cx).map_err(|fault| {
            Reason::new(
                ReasonCode::Invalid,
                format!("the record breaks the model at {fault}: correct it there"),
            )
        })?;
        if held == *wanted {
            return Ok(None);
        }
        let now = Now {
            record,
            value: &held,
        };
        let mut form = self.form(wanted, Some(now), cx);
        if let Ok(form) = &mut form
            && form.value == held
        {
            // Its settled form is there: also a closed or frozen record agrees.
            form.assignments.clear();
        } else {
            self.guard(record, cx)?;
        }
        form.map(Some)
    }

    /// May the record be written at all?
    fn guard(&self, record: &Record, cx: &Context) -> Result<(), Reason> {
        match self.kind {
            RecordKind::Referral if referral_is_closed(record) => {
                return Err(Reason::new(
                    ReasonCode::Closed,
                    "the referral is closed, and Partner Center lets nobody change a closed one",
                ));
            }
            RecordKind::Row if cx.closed_rows_frozen && row_is_closed(record) => {
                return Err(Reason::new(
                    ReasonCode::Closed,
                    "the opportunity is closed: reopen it to change it",
                ));
            }
            RecordKind::Referral | RecordKind::Row => {}
        }
        match self.access {
            Access::AtCreation(code)
                if !self.writes().iter().all(|path| cx.patchable.contains(path)) =>
            {
                Err(Reason::new(code, self.later()))
            }
            Access::Always | Access::AtCreation(_) => Ok(()),
        }
    }

    fn later(&self) -> &'static str {
        match self.kind {
            RecordKind::Referral => {
                "Partner Center takes this only when the referral is made: change the CRM back, \
                 or close the referral and make a new one"
            }
            RecordKind::Row => {
                "this is filled when the opportunity is made and belongs to the CRM afterwards: \
                 change it there by hand if it should follow"
            }
        }
    }
}

impl Lens for LensSpec {
    fn reads(&self) -> Vec<Path> {
        match &self.shape {
            Shape::Text(shape) => vec![shape.path.clone()],
            Shape::Money(shape) => shape.reads(),
            Shape::Date(shape) => vec![shape.path.clone()],
            Shape::ReferralState(shape) => shape.paths(),
            Shape::RowState(shape) => shape.paths(),
            Shape::Parts(shape) => shape.paths(),
        }
    }

    fn writes(&self) -> Vec<Path> {
        match &self.shape {
            Shape::Money(shape) => shape.writes(),
            _ => self.reads(),
        }
    }

    fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        match &self.shape {
            Shape::Text(shape) => shape.get(record),
            Shape::Money(shape) => shape.get(record, cx),
            Shape::Date(shape) => shape.get(record, cx),
            Shape::ReferralState(shape) => shape.get(record),
            Shape::RowState(shape) => shape.get(record),
            Shape::Parts(shape) => shape.get(record),
        }
    }

    fn put(
        &self,
        record: Option<&Record>,
        value: &Value,
        cx: &Context,
    ) -> Result<Vec<Assignment>, Reason> {
        let form = self.decide(value, record, cx)?;
        Ok(form.map(|form| form.assignments).unwrap_or_default())
    }

    fn settle(&self, wanted: &Value, record: Option<&Record>, cx: &Context) -> Settled {
        match self.decide(wanted, record, cx) {
            Err(reason) => Settled::Cannot(reason),
            Ok(Some(form)) if form.value != *wanted => Settled::Becomes {
                value: form.value,
                loss: form.loss,
            },
            Ok(_) => Settled::Fits,
        }
    }
}

/// Is the referral closed, as far as it tells?
fn referral_is_closed(record: &Record) -> bool {
    text_at(record, &Path::known("status"))
        .is_ok_and(|status| status.is_some_and(|status| status.eq_ignore_ascii_case("Closed")))
}

/// Is the row won or lost, as far as it tells?
fn row_is_closed(record: &Record) -> bool {
    integer_at(record, &Path::known("statecode"))
        .is_ok_and(|state| state.is_some_and(|state| state != 0))
}

/// A rule was given a value of a kind that its field does not have.
pub(crate) fn wrong_kind(expected: &str) -> Reason {
    Reason::new(
        ReasonCode::Invalid,
        format!("this field takes {expected}: correct the rule that made the value"),
    )
}

/// An empty value does not go over a present one here.
pub(crate) fn cannot_clear(path: &Path) -> Reason {
    Reason::new(
        ReasonCode::CannotClear,
        format!(
            "{path} is not known to take an empty value: enter a new value, or empty it there by \
             hand"
        ),
    )
}

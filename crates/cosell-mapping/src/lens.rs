//! Lenses: one value read from a record, and written into it as it is now.

mod choice;
mod date;
mod form;
mod joined;
mod list;
mod lookup;
mod money;
mod named;
mod parts;
mod plain;
mod state;
mod text;

use std::fmt;

pub(crate) use choice::same_label;
pub use choice::{ChoiceForm, ChoiceShape, UnknownWord};
pub use date::{DateForm, DateShape};
pub(crate) use form::{Form, Now};
pub(crate) use joined::scalar_at;
pub use joined::{JoinShape, Template, TemplateError};
pub use list::{IdsShape, ListShape};
pub use lookup::LookupShape;
pub use money::{CurrencyPlace, MoneyShape};
pub use named::{Function, FunctionShape, Named};
pub use parts::{Part, PartsShape};
pub use plain::{FlagShape, InstantShape, NumberShape};
pub use state::{ReferralState, RowState};
pub use text::{TextShape, TooLong};

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Settled, Value,
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

    /// The same for a record of which [`get`](Self::get) gave `held` before: to read it once more
    /// is most of the work.
    fn settle_read(&self, wanted: &Value, record: &Record, held: &Value, cx: &Context) -> Settled {
        let _ = held;
        self.settle(wanted, Some(record), cx)
    }
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
    /// When the record stands; a new one is made without it.
    AfterCreation,
    /// When the record is made, and later while it is empty. Whatever else stands there is right:
    /// it counts as the settled form of every value.
    WhileEmpty,
    /// Never: it is only read.
    Never,
}

/// What must stand in a record so that a rule writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Condition {
    /// Where to look, in the record that would be written.
    pub path: Path,
    /// Any of these texts; numbers and flags as they are written.
    pub any_of: Vec<String>,
}

impl Condition {
    /// One of these texts stands at the place.
    pub fn new(path: Path, any_of: Vec<String>) -> Self {
        Self { path, any_of }
    }

    fn holds(&self, record: &Record) -> bool {
        scalar_at(record, &self.path).is_ok_and(|found| self.any_of.contains(&found))
    }
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
    /// A number.
    Number(NumberShape),
    /// A moment.
    Instant(InstantShape),
    /// Yes or no.
    Flag(FlagShape),
    /// One word of a list.
    Choice(ChoiceShape),
    /// A row of another table, by its key.
    Lookup(LookupShape),
    /// A list of objects without order.
    List(ListShape),
    /// Ids in one text.
    Ids(IdsShape),
    /// One text in several places.
    Join(JoinShape),
    /// A text made of several places; only read.
    Template(Template),
    /// The same value whatever the record holds; only read.
    Constant(Value),
    /// Another shape whose value passes through a function.
    Function(FunctionShape),
    /// A lens of the embedding program's own.
    Custom(Named<dyn Lens>),
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
    /// What is written where the other side has nothing.
    pub default: Option<Value>,
    /// What must stand in the record so that it is written; a new record is written in any case.
    pub condition: Option<Condition>,
}

impl LensSpec {
    /// A lens that can write while the record is open.
    pub fn new(kind: RecordKind, shape: Shape) -> Self {
        Self {
            kind,
            access: Access::Always,
            shape,
            default: None,
            condition: None,
        }
    }

    /// With another time of writing.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// With a value that is written where the other side has nothing.
    #[must_use]
    pub fn with_default(mut self, default: Value) -> Self {
        self.default = Some(default);
        self
    }

    /// With something that must stand in the record so that it is written.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Writable only when the record is made; later it is refused for this reason.
    #[must_use]
    pub fn at_creation(mut self, later: ReasonCode) -> Self {
        self.access = Access::AtCreation(later);
        self
    }

    /// The one road of `settle` and `put`, so that they cannot disagree. `None`: it is there.
    fn decide(
        &self,
        wanted: &Value,
        record: Option<&Record>,
        cx: &Context,
    ) -> Result<Option<Form>, Reason> {
        let Some(record) = record else {
            return match self.access {
                Access::Never | Access::AfterCreation => {
                    // What a new record reads without a write is there.
                    let empty = self.get(&Record::new(), cx).unwrap_or_default();
                    match self.access {
                        _ if empty == *wanted => Ok(None),
                        Access::AfterCreation => Err(not_yet()),
                        _ => Err(never()),
                    }
                }
                _ => self.form(wanted, None, cx).map(Some),
            };
        };
        let held = self.get(record, cx).map_err(|fault| {
            Reason::new(
                ReasonCode::Invalid,
                format!("the record breaks the model at {fault}: correct it there"),
            )
        })?;
        let now = Now {
            record,
            value: &held,
        };
        self.decide_on(wanted, now, cx)
    }

    fn decide_on(
        &self,
        wanted: &Value,
        now: Now<'_>,
        cx: &Context,
    ) -> Result<Option<Form>, Reason> {
        let Now {
            record,
            value: held,
        } = now;
        if held == wanted {
            return Ok(None);
        }
        match self.access {
            Access::Never => return Err(never()),
            Access::WhileEmpty if !held.is_null() => {
                return Ok(Some(Form::exact(held.clone(), Vec::new())));
            }
            _ => {}
        }
        let mut form = self.form(wanted, Some(now), cx);
        if let Ok(form) = &mut form
            && form.value == *held
        {
            // Its settled form is there: also a closed or frozen record agrees.
            form.assignments.clear();
        } else {
            self.guard(record, cx)?;
        }
        form.map(Some)
    }

    /// The shape's form of a value, or of the default where nothing is left of the value.
    fn form(&self, wanted: &Value, now: Option<Now<'_>>, cx: &Context) -> Result<Form, Reason> {
        let form = self.shape.form(wanted, now, cx);
        let Some(default) = &self.default else {
            return form;
        };
        let nothing = wanted.is_null()
            || match &form {
                Ok(form) => form.value.is_null(),
                Err(reason) => reason.code == ReasonCode::CannotClear,
            };
        if nothing {
            self.shape.form(default, now, cx)
        } else {
            form
        }
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
        if let Some(condition) = self
            .condition
            .as_ref()
            .filter(|condition| !condition.holds(record))
        {
            return Err(Reason::new(
                ReasonCode::NotWritable,
                format!(
                    "the rule writes this only while {} is {}: wait until it is, or lift the \
                     condition",
                    condition.path,
                    condition.any_of.join(" or ")
                ),
            ));
        }
        match self.access {
            Access::AtCreation(code)
                if !self.writes().iter().all(|path| cx.patchable.contains(path)) =>
            {
                Err(Reason::new(code, self.later()))
            }
            _ => Ok(()),
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

fn settled(wanted: &Value, decided: Result<Option<Form>, Reason>) -> Settled {
    match decided {
        Err(reason) => Settled::Cannot(reason),
        Ok(Some(form)) if form.value != *wanted => Settled::Becomes {
            value: form.value,
            loss: form.loss,
        },
        Ok(_) => Settled::Fits,
    }
}

impl Shape {
    fn form(&self, wanted: &Value, now: Option<Now<'_>>, cx: &Context) -> Result<Form, Reason> {
        match self {
            Self::Text(shape) => shape.form(wanted, now, cx),
            Self::Money(shape) => shape.form(wanted, now, cx),
            Self::Date(shape) => shape.form(wanted, now, cx),
            Self::ReferralState(shape) => shape.form(wanted, now),
            Self::RowState(shape) => shape.form(wanted, now),
            Self::Parts(shape) => shape.form(wanted, now, cx),
            Self::Number(shape) => shape.form(wanted, now, cx),
            Self::Instant(shape) => shape.form(wanted, now, cx),
            Self::Flag(shape) => shape.form(wanted, now, cx),
            Self::Choice(shape) => shape.form(wanted, now, cx),
            Self::Lookup(shape) => shape.form(wanted, now, cx),
            Self::List(shape) => shape.form(wanted, now, cx),
            Self::Ids(shape) => shape.form(wanted, now, cx),
            Self::Join(shape) => shape.form(wanted, now, cx),
            Self::Template(_) => Err(joined::read_only()),
            Self::Constant(_) => Err(never()),
            Self::Function(shape) => shape.form(wanted, now, cx),
            Self::Custom(lens) => named::custom(&*lens.item, wanted, now.map(|now| now.record), cx),
        }
    }

    fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        match self {
            Self::Text(shape) => shape.get(record),
            Self::Money(shape) => shape.get(record, cx),
            Self::Date(shape) => shape.get(record, cx),
            Self::ReferralState(shape) => shape.get(record),
            Self::RowState(shape) => shape.get(record),
            Self::Parts(shape) => shape.get(record),
            Self::Number(shape) => shape.get(record),
            Self::Instant(shape) => shape.get(record),
            Self::Flag(shape) => shape.get(record),
            Self::Choice(shape) => shape.get(record, cx),
            Self::Lookup(shape) => shape.get(record, cx),
            Self::List(shape) => shape.get(record),
            Self::Ids(shape) => shape.get(record),
            Self::Join(shape) => shape.get(record),
            Self::Template(template) => template.get(record),
            Self::Constant(value) => Ok(value.clone()),
            Self::Function(shape) => shape.get(record, cx),
            Self::Custom(lens) => lens.item.get(record, cx),
        }
    }

    fn reads(&self) -> Vec<Path> {
        match self {
            Self::Text(shape) => vec![shape.path.clone()],
            Self::Money(shape) => shape.reads(),
            Self::Date(shape) => vec![shape.path.clone()],
            Self::ReferralState(shape) => shape.paths(),
            Self::RowState(shape) => shape.paths(),
            Self::Parts(shape) => shape.paths(),
            Self::Number(shape) => vec![shape.path.clone()],
            Self::Instant(shape) => vec![shape.path.clone()],
            Self::Flag(shape) => shape.reads(),
            Self::Choice(shape) => vec![shape.path.clone()],
            Self::Lookup(shape) => vec![shape.id.clone()],
            Self::List(shape) => vec![shape.path.clone()],
            Self::Ids(shape) => vec![shape.path.clone()],
            Self::Join(shape) => shape.paths.clone(),
            Self::Template(template) => template.paths().cloned().collect(),
            Self::Constant(_) => Vec::new(),
            Self::Function(shape) => shape.inner.reads(),
            Self::Custom(lens) => lens.item.reads(),
        }
    }

    fn writes(&self) -> Vec<Path> {
        match self {
            Self::Money(shape) => shape.writes(),
            Self::Flag(shape) => vec![shape.path.clone()],
            Self::Lookup(shape) => vec![shape.bind.clone()],
            Self::Template(_) | Self::Constant(_) => Vec::new(),
            Self::Function(shape) => shape.inner.writes(),
            Self::Custom(lens) => lens.item.writes(),
            _ => self.reads(),
        }
    }
}

impl Lens for LensSpec {
    fn reads(&self) -> Vec<Path> {
        let mut paths = match (self.kind, &self.shape) {
            (RecordKind::Row, Shape::List(list)) => list.columns(),
            _ => self.shape.reads(),
        };
        paths.extend(
            self.condition
                .iter()
                .map(|condition| condition.path.clone()),
        );
        paths
    }

    fn writes(&self) -> Vec<Path> {
        match self.access {
            Access::Never => Vec::new(),
            _ => self.shape.writes(),
        }
    }

    fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        self.shape.get(record, cx)
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
        settled(wanted, self.decide(wanted, record, cx))
    }

    fn settle_read(&self, wanted: &Value, record: &Record, held: &Value, cx: &Context) -> Settled {
        let now = Now {
            record,
            value: held,
        };
        settled(wanted, self.decide_on(wanted, now, cx))
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

/// A side that a rule only reads.
fn never() -> Reason {
    Reason::new(
        ReasonCode::NotWritable,
        "the rule goes the other way only: change the value where it comes from, or let the rule \
         go both ways",
    )
}

/// A side that a rule writes only on a record that stands.
fn not_yet() -> Reason {
    Reason::new(
        ReasonCode::NotWritable,
        "the rule writes this only once the record stands: it follows with the next change",
    )
}

/// What a wanted empty value becomes at a place.
pub(crate) fn emptied(
    path: &Path,
    clears: bool,
    now: Option<Now<'_>>,
    cx: &Context,
) -> Result<Form, Reason> {
    match now {
        None => Ok(Form::exact(Value::Null, Vec::new())),
        Some(now) if now.value.is_null() => Ok(Form::exact(Value::Null, Vec::new())),
        Some(_) if clears || cx.clearable.contains(path) => {
            Ok(Form::exact(Value::Null, vec![Assignment::null(path)]))
        }
        Some(_) => Err(cannot_clear(path)),
    }
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

//! The laws of lenses, to be checked with any lens, record and value.
//!
//! A lens that breaks one of them makes two sides undo each other's writes for ever, so a lens of
//! one's own is worth a property test over them:
//!
//! ```
//! use cosell_mapping::{Context, FieldSet, Record, RecordKind, Value, field, laws};
//!
//! let fields = FieldSet::default_connector();
//! let lens = fields.rule(&field::DESCRIPTION).unwrap().lens(RecordKind::Row);
//! let row: Record = serde_json::from_str(r#"{"description":"old","custom":1.50}"#)?;
//! laws::check(lens, Some(&row), &Value::text("new"), &Context::default(), &|_, _| {})?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a service itself does with a write (it turns a bound id into a readable column, it
//! accepts a new deal by itself) is given as a function that changes the written record; a lens
//! that needs none gets `&|_, _| {}`.

use std::fmt;

use crate::{Assignment, Context, Lens, Record, Settled, Value, apply};

/// What a service does with a written record; told whether it is a new one.
pub type Service<'a> = &'a dyn Fn(&mut Record, bool);

/// One law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Law {
    /// What a record holds fits it, and putting it writes nothing.
    PutOfGot,
    /// What is read after a put is what `settle` foretold.
    GetAfterPut,
    /// A settled value settles as itself.
    SettleOnce,
    /// `put` refuses exactly what `settle` says the record cannot take.
    OneVoice,
    /// A put stays inside the places that the lens names, and keeps all others byte for byte.
    OwnPlaces,
    /// Putting the same value twice writes nothing the second time.
    QuietAfterPut,
    /// A value that went through both sides and back has come to rest.
    StableThroughBoth,
}

/// A lens broke a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// What happened, with the values.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.detail)
    }
}

impl std::error::Error for Violation {}

fn broken(law: Law, detail: String) -> Result<(), Violation> {
    Err(Violation { law, detail })
}

/// All laws of one lens, for one record and one wanted value.
///
/// # Errors
/// The first law that is broken.
pub fn check(
    lens: &dyn Lens,
    record: Option<&Record>,
    wanted: &Value,
    cx: &Context,
    service: Service<'_>,
) -> Result<(), Violation> {
    if let Some(record) = record {
        put_of_got(lens, record, cx)?;
    }
    one_voice(lens, record, wanted, cx)?;
    settle_once(lens, record, wanted, cx)?;
    own_places(lens, record, wanted, cx)?;
    get_after_put(lens, record, wanted, cx, service)
}

/// What a record holds fits it, and putting it writes nothing. A record that cannot be read
/// proves nothing.
///
/// # Errors
/// The law is broken.
pub fn put_of_got(lens: &dyn Lens, record: &Record, cx: &Context) -> Result<(), Violation> {
    let Ok(held) = lens.get(record, cx) else {
        return Ok(());
    };
    let settled = lens.settle(&held, Some(record), cx);
    let put = lens.put(Some(record), &held, cx);
    if settled == Settled::Fits && put == Ok(Vec::new()) {
        return Ok(());
    }
    broken(
        Law::PutOfGot,
        format!("held {held:?}, settled {settled:?}, put {put:?}"),
    )
}

/// `put` refuses exactly what `settle` says the record cannot take, for the same reason; and it is
/// settled the same whether the record was read before or not.
///
/// # Errors
/// The law is broken.
pub fn one_voice(
    lens: &dyn Lens,
    record: Option<&Record>,
    wanted: &Value,
    cx: &Context,
) -> Result<(), Violation> {
    let settled = lens.settle(wanted, record, cx);
    let put = lens.put(record, wanted, cx);
    let agree = match (&settled, &put) {
        (Settled::Cannot(foretold), Err(told)) => foretold == told,
        (Settled::Cannot(_), Ok(_)) | (_, Err(_)) => false,
        (Settled::Fits | Settled::Becomes { .. }, Ok(_)) => true,
    };
    if let Some(record) = record
        && let Ok(held) = lens.get(record, cx)
    {
        let read = lens.settle_read(wanted, record, &held, cx);
        if read != settled {
            let detail = format!("wanted {wanted:?}, settled {settled:?}, once read {read:?}");
            return broken(Law::OneVoice, detail);
        }
    }
    if agree {
        return Ok(());
    }
    broken(
        Law::OneVoice,
        format!("wanted {wanted:?}, settled {settled:?}, put {put:?}"),
    )
}

/// A settled value settles as itself.
///
/// # Errors
/// The law is broken.
pub fn settle_once(
    lens: &dyn Lens,
    record: Option<&Record>,
    wanted: &Value,
    cx: &Context,
) -> Result<(), Violation> {
    let Settled::Becomes { value, .. } = lens.settle(wanted, record, cx) else {
        return Ok(());
    };
    let again = lens.settle(&value, record, cx);
    if again == Settled::Fits && value != *wanted {
        return Ok(());
    }
    broken(
        Law::SettleOnce,
        format!("wanted {wanted:?}, became {value:?}, which settles as {again:?}"),
    )
}

/// A put stays inside the places that the lens names, and keeps all others byte for byte.
///
/// # Errors
/// The law is broken.
pub fn own_places(
    lens: &dyn Lens,
    record: Option<&Record>,
    wanted: &Value,
    cx: &Context,
) -> Result<(), Violation> {
    let Ok(assignments) = lens.put(record, wanted, cx) else {
        return Ok(());
    };
    let places = lens.writes();
    match assignments
        .iter()
        .find(|assignment| !places.iter().any(|place| place.covers(&assignment.path)))
    {
        None => Ok(()),
        Some(stray) => broken(
            Law::OwnPlaces,
            format!("wanted {wanted:?}, wrote {}", stray.path),
        ),
    }
}

/// What is read after a put is what `settle` foretold, and putting it again writes nothing.
///
/// # Errors
/// The law is broken.
pub fn get_after_put(
    lens: &dyn Lens,
    record: Option<&Record>,
    wanted: &Value,
    cx: &Context,
    service: Service<'_>,
) -> Result<(), Violation> {
    let foretold = match lens.settle(wanted, record, cx) {
        Settled::Cannot(_) => return Ok(()),
        Settled::Fits => wanted.clone(),
        Settled::Becomes { value, .. } => value,
    };
    let Ok(assignments) = lens.put(record, wanted, cx) else {
        return Ok(());
    };
    let written = match write(record, &assignments, service) {
        Ok(written) => written,
        Err(detail) => return broken(Law::GetAfterPut, detail),
    };
    let read = lens.get(&written, cx);
    if read.as_ref() != Ok(&foretold) {
        return broken(
            Law::GetAfterPut,
            format!("wanted {wanted:?}, foretold {foretold:?}, read {read:?}"),
        );
    }
    let again = lens.put(Some(&written), wanted, cx);
    if again == Ok(Vec::new()) {
        return Ok(());
    }
    broken(
        Law::QuietAfterPut,
        format!("wanted {wanted:?}, the second put gave {again:?}"),
    )
}

/// A value that goes to one side, from there to the other, and once back comes to rest: no
/// ping-pong. On the way back a lossy form may replace the full one, which a planner prevents;
/// after that nothing is written. A side that cannot take it ends the journey.
///
/// # Errors
/// The law is broken.
pub fn stable_through_both(
    here: (&dyn Lens, Option<&Record>, Service<'_>),
    there: (&dyn Lens, Option<&Record>, Service<'_>),
    wanted: &Value,
    cx: &Context,
) -> Result<(), Violation> {
    let mut records = [here.1.cloned(), there.1.cloned()];
    let ends = [(here.0, here.2), (there.0, there.2)];
    let mut value = wanted.clone();
    let mut seen = Vec::new();
    for turn in 0..6 {
        let (lens, service) = ends[turn % 2];
        let record = &mut records[turn % 2];
        let Ok(assignments) = lens.put(record.as_ref(), &value, cx) else {
            return Ok(());
        };
        // One turn more than a pass: a record may hold what it would not take any more (a text
        // beyond its limit), which counts as its value until the other side answers.
        if turn >= 4 && !assignments.is_empty() {
            return broken(
                Law::StableThroughBoth,
                format!("wanted {wanted:?}, went {seen:?}, then wrote {assignments:?}"),
            );
        }
        let written = match write(record.as_ref(), &assignments, service) {
            Ok(written) => written,
            Err(detail) => return broken(Law::StableThroughBoth, detail),
        };
        let Ok(read) = lens.get(&written, cx) else {
            return broken(
                Law::StableThroughBoth,
                format!("unreadable after {value:?}"),
            );
        };
        *record = Some(written);
        value = read;
        seen.push(value.clone());
    }
    Ok(())
}

fn write(
    record: Option<&Record>,
    assignments: &[Assignment],
    service: Service<'_>,
) -> Result<Record, String> {
    let mut written = record.cloned().unwrap_or_default();
    apply(&mut written, assignments).map_err(|fault| format!("assignments do not fit: {fault}"))?;
    service(&mut written, record.is_none());
    Ok(written)
}

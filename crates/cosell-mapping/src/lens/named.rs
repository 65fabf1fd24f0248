//! What the embedding program adds: functions over values, and whole lenses.

use std::{fmt, sync::Arc};

use crate::{
    Context, Lens, ReadFault, Reason, Record, Shape, Value,
    lens::{Form, Now},
};

/// Turns what a record stores into the value that both sides compare, and back.
///
/// # Contract
/// Pure. Reading what was written and writing it again must come to rest:
/// `read(write(read(write(v))))` is `read(write(v))`. A mapping is refused when it does not, with
/// the field and the value that showed it.
pub trait Function: fmt::Debug + Send + Sync {
    /// The value for what the record stores.
    fn read(&self, stored: &Value) -> Value;

    /// What the record should store for the value.
    ///
    /// # Errors
    /// The record cannot store it; names the cure.
    fn write(&self, value: &Value) -> Result<Value, Reason>;
}

/// A [`Function`] that a program registered under a name. Two are equal when they are the same
/// registration.
pub struct Named<T: ?Sized> {
    /// The name that rules call it by.
    pub name: String,
    /// What was registered.
    pub item: Arc<T>,
}

impl<T: ?Sized> Named<T> {
    /// This item under that name.
    pub fn new(name: impl Into<String>, item: Arc<T>) -> Self {
        Self {
            name: name.into(),
            item,
        }
    }
}

impl<T: ?Sized> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self::new(self.name.as_str(), Arc::clone(&self.item))
    }
}

impl<T: ?Sized> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.item, &other.item)
    }
}

impl<T: ?Sized> Eq for Named<T> {}

impl<T: ?Sized> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Named").field(&self.name).finish()
    }
}

/// A shape whose value passes through a function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionShape {
    /// The function.
    pub function: Named<dyn Function>,
    /// How the stored value stands in the record.
    pub inner: Box<Shape>,
}

impl FunctionShape {
    /// This function over that shape.
    pub fn new(function: Named<dyn Function>, inner: Shape) -> Self {
        Self {
            function,
            inner: Box::new(inner),
        }
    }

    pub(super) fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        Ok(self.function.item.read(&self.inner.get(record, cx)?))
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let stored = self.function.item.write(wanted)?;
        let held = now.map(|now| self.inner.get(now.record, cx).unwrap_or_default());
        let now = now
            .zip(held.as_ref())
            .map(|(now, value)| Now { value, ..now });
        let mut form = if held.as_ref() == Some(&stored) {
            Form::exact(stored, Vec::new())
        } else {
            self.inner.form(&stored, now, cx)?
        };
        form.value = self.function.item.read(&form.value);
        Ok(form)
    }
}

/// A lens of the embedding program's own.
pub(super) fn custom(
    lens: &dyn Lens,
    wanted: &Value,
    record: Option<&Record>,
    cx: &Context,
) -> Result<Form, Reason> {
    use crate::{Loss, Settled};
    let (value, loss) = match lens.settle(wanted, record, cx) {
        Settled::Cannot(reason) => return Err(reason),
        Settled::Fits => (wanted.clone(), Loss::Rounded),
        Settled::Becomes { value, loss } => (value, loss),
    };
    Ok(Form::lossy(value, loss, lens.put(record, wanted, cx)?))
}

//! A row of another table, named by a key that both sides know.

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, emptied, wrong_kind},
    record::text_at,
};

/// How a lookup stands in a CRM row; its value is the key as text, such as an ISO code or an
/// e-mail address.
///
/// The keys of the table come from [`Context::lookups`](crate::Context::lookups). A bound row
/// whose key is not known reads as a word that no side takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupShape {
    /// Name of the keys in [`Context::lookups`](crate::Context::lookups).
    pub table: String,
    /// The column of that table that is the key, for whoever fills the keys.
    pub key: Option<String>,
    /// Entity set of the table, such as `systemusers`.
    pub set: String,
    /// The column that tells the row's id.
    pub id: Path,
    /// The property that binds a row.
    pub bind: Path,
    /// The lookup can be emptied.
    pub clears: bool,
}

impl LookupShape {
    /// A lookup that can be emptied.
    pub fn new(table: impl Into<String>, set: impl Into<String>, id: Path, bind: Path) -> Self {
        Self {
            table: table.into(),
            key: None,
            set: set.into(),
            id,
            bind,
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        let Some(id) = text_at(record, &self.id)? else {
            return Ok(Value::Null);
        };
        let key = cx
            .lookups
            .get(&self.table)
            .and_then(|keys| keys.key_of(&id));
        Ok(match key {
            Some(key) => Value::text(key),
            None => Value::Choice(format!("unknown: row of {}", self.table)),
        })
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let key = match wanted {
            Value::Null => {
                return emptied(&self.id, self.clears, now, cx).map(|mut form| {
                    for assignment in &mut form.assignments {
                        assignment.path = self.bind.clone();
                    }
                    form
                });
            }
            Value::Text(key) => key,
            _ => return Err(wrong_kind("the key of a row")),
        };
        let keys = cx.lookups.get(&self.table);
        let Some((id, key)) = keys.and_then(|keys| {
            let id = keys.id_of(key)?;
            Some((id, keys.key_of(id)?))
        }) else {
            return Err(Reason::new(
                ReasonCode::Unmappable,
                format!(
                    "the CRM has no {} with this key, or more than one: add it there, or correct \
                     the key on the other side",
                    self.table
                ),
            ));
        };
        let row = Assignment::new(&self.bind, &format!("/{}({id})", self.set));
        Ok(Form::exact(Value::text(key), vec![row]))
    }
}

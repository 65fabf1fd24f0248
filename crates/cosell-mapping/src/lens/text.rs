//! One text: line ends, entities, length, and the tick before a name.

use crate::{
    Assignment, Context, Loss, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, cannot_clear, wrong_kind},
    record::text_at,
    text::{cut, decode_entities, unix_lines, utf16_len},
    tick,
};

/// How a text stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextShape {
    /// Where.
    pub path: Path,
    /// Longest text in UTF-16 units, with the tick; [`Context::text_limits`] goes before it.
    pub limit: Option<usize>,
    /// The service may hand out HTML entities for plain characters.
    pub entities: bool,
    /// A tick may stand before the text; it is no part of it, is kept when the text changes, and
    /// has its room reserved.
    pub tick: bool,
    /// The text can be emptied.
    pub clears: bool,
    /// A record cannot be made without it.
    pub required: bool,
}

impl TextShape {
    /// A text of any length that can be emptied.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            limit: None,
            entities: false,
            tick: false,
            clears: true,
            required: false,
        }
    }

    /// At most so many UTF-16 units.
    #[must_use]
    pub fn with_limit(mut self, units: usize) -> Self {
        self.limit = Some(units);
        self
    }

    /// As Partner Center treats text: entities may come out, nothing is emptied.
    #[must_use]
    pub fn of_referral(mut self) -> Self {
        self.entities = true;
        self.clears = false;
        self
    }

    /// With a tick before it.
    #[must_use]
    pub fn with_tick(mut self) -> Self {
        self.tick = true;
        self
    }

    /// A record cannot be made without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let text = text_at(record, &self.path)?.unwrap_or_default();
        Ok(Value::text(self.plain(&text)))
    }

    /// The text as it reads once it stands there, apart from its length.
    fn plain(&self, text: &str) -> String {
        let text = if self.entities {
            decode_entities(text)
        } else {
            text.into()
        };
        let text = unix_lines(&text);
        let text = if self.tick { tick::strip(&text) } else { &text };
        text.to_owned()
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let wanted = match wanted {
            Value::Null => "",
            Value::Text(text) => text,
            _ => return Err(wrong_kind("text")),
        };
        let plain = self.plain(wanted);
        let limit = cx.text_limits.get(&self.path).copied().or(self.limit);
        let room =
            limit.map(|limit| limit.saturating_sub(if self.tick { tick::LENGTH } else { 0 }));
        let (text, loss) = match room {
            Some(room) if utf16_len(&plain) > room => (cut(&plain, room), Loss::Shortened),
            _ => (plain.as_str(), Loss::Rounded),
        };
        if text.is_empty() {
            return self.emptied(now, cx);
        }
        let mark = match now {
            Some(now) if self.tick => self.mark(now.record),
            _ => String::new(),
        };
        // More ticks than the one that has its room must not push the text over the end.
        let written = match limit {
            Some(limit) if utf16_len(&mark) + utf16_len(text) > limit => text.to_owned(),
            _ => format!("{mark}{text}"),
        };
        Ok(Form::lossy(
            Value::text(text),
            loss,
            vec![Assignment::new(&self.path, &written)],
        ))
    }

    fn emptied(&self, now: Option<Now<'_>>, cx: &Context) -> Result<Form, Reason> {
        match now {
            None if self.required => Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "a new record needs {}: enter it on the other side",
                    self.path
                ),
            )),
            None => Ok(Form::exact(Value::Null, Vec::new())),
            Some(now) if now.value.is_null() => Ok(Form::exact(Value::Null, Vec::new())),
            Some(_) if self.clears || cx.clearable.contains(&self.path) => {
                Ok(Form::exact(Value::Null, vec![Assignment::null(&self.path)]))
            }
            Some(_) => Err(cannot_clear(&self.path)),
        }
    }

    fn mark(&self, record: &Record) -> String {
        let raw = text_at(record, &self.path).ok().flatten();
        let mark = tick::split(raw.as_deref().unwrap_or_default()).0;
        match mark {
            "" => String::new(),
            mark => format!("{} ", mark.trim_end()),
        }
    }
}

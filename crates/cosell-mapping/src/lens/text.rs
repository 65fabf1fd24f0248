//! One text: line ends, entities, length, and the tick before a name.

use crate::{
    Assignment, Context, Loss, Path, ReadFault, Reason, ReasonCode, Record, Value,
    country::is_country,
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
    /// Blanks at both ends are no part of it.
    pub trim: bool,
    /// It is a country: an ISO 3166 alpha-2 code, in capitals; nothing else is taken.
    pub country: bool,
    /// What becomes of a text that is longer.
    pub too_long: TooLong,
}

/// What becomes of a text that is longer than its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooLong {
    /// Its beginning is written. An edit of the shortened text never goes over the whole one.
    #[default]
    Shorten,
    /// Nothing is written and the field waits.
    Refuse,
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
            trim: false,
            country: false,
            too_long: TooLong::Shorten,
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
        let text = if self.trim { text.trim() } else { text };
        if self.country && is_country(&text.to_ascii_uppercase()) {
            text.to_ascii_uppercase()
        } else {
            text.to_owned()
        }
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
            Some(room) if utf16_len(&plain) > room => match self.too_long {
                TooLong::Shorten if self.trim => (cut(&plain, room).trim_end(), Loss::Shortened),
                TooLong::Shorten => (cut(&plain, room), Loss::Shortened),
                TooLong::Refuse => {
                    return Err(Reason::new(
                        ReasonCode::Invalid,
                        format!(
                            "{} holds {room} characters and the rule refuses a longer text: \
                             shorten it on the other side",
                            self.path
                        ),
                    ));
                }
            },
            _ => (plain.as_str(), Loss::Rounded),
        };
        if text.is_empty() {
            return self.emptied(now, cx);
        }
        if self.country && !is_country(text) {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "{} takes a country as two letters (ISO 3166 alpha-2): correct it on the \
                     other side",
                    self.path
                ),
            ));
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

//! Texts that travel as one, such as a customer's name and address.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    Assignment, Context, Loss, Path, ReadFault, Reason, ReasonCode, Record, Value,
    country::is_country,
    lens::{Form, Now, wrong_kind},
    record::text_at,
    text::{cut, decode_entities, unix_lines, utf16_len},
};

/// One text of several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// Its name in the value, the same on both sides.
    pub name: Cow<'static, str>,
    /// Where it stands.
    pub path: Path,
    /// Longest text in UTF-16 units; [`Context::text_limits`] goes before it.
    pub limit: Option<usize>,
    /// It is a country: two letters are read in capitals.
    pub country: bool,
    /// A record cannot be made without it.
    pub required: bool,
}

impl Part {
    /// A text of any length.
    pub fn new(name: impl Into<Cow<'static, str>>, path: Path) -> Self {
        Self {
            name: name.into(),
            path,
            limit: None,
            country: false,
            required: false,
        }
    }

    /// At most so many UTF-16 units.
    #[must_use]
    pub fn with_limit(mut self, units: usize) -> Self {
        self.limit = Some(units);
        self
    }

    /// It is a country.
    #[must_use]
    pub fn country(mut self) -> Self {
        self.country = true;
        self
    }

    /// A record cannot be made without it; a required country must be an ISO 3166 alpha-2 code.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// How texts that travel as one stand in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartsShape {
    /// The texts.
    pub parts: Vec<Part>,
    /// The service may hand out HTML entities for plain characters.
    pub entities: bool,
}

impl PartsShape {
    /// These texts.
    pub fn new(parts: Vec<Part>) -> Self {
        Self {
            parts,
            entities: false,
        }
    }

    /// The service may hand out HTML entities for plain characters.
    #[must_use]
    pub fn with_entities(mut self) -> Self {
        self.entities = true;
        self
    }

    pub(super) fn paths(&self) -> Vec<Path> {
        self.parts.iter().map(|part| part.path.clone()).collect()
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let mut texts = BTreeMap::new();
        for part in &self.parts {
            let text = text_at(record, &part.path)?.unwrap_or_default();
            let value = Value::text(self.plain(part, &text));
            if !value.is_null() {
                texts.insert(part.name.to_string(), value);
            }
        }
        Ok(whole(texts))
    }

    fn plain(&self, part: &Part, text: &str) -> String {
        let text = if self.entities {
            decode_entities(text)
        } else {
            text.into()
        };
        let text = unix_lines(&text);
        let text = text.trim();
        if part.country && is_country(&text.to_ascii_uppercase()) {
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
        let none = BTreeMap::new();
        let wanted = match wanted {
            Value::Parts(parts) => parts,
            Value::Null => &none,
            _ => return Err(wrong_kind("named texts")),
        };
        let held = match now {
            Some(Now {
                value: Value::Parts(parts),
                ..
            }) => parts,
            _ => &none,
        };
        let mut texts = BTreeMap::new();
        let mut assignments = Vec::new();
        let mut missing = Vec::new();
        // What the parts cannot hold is left out as well.
        let mut shortened = wanted.iter().any(|(name, value)| {
            !value.is_null() && !self.parts.iter().any(|p| p.name == name.as_str())
        });
        for part in &self.parts {
            let text = match wanted.get(&*part.name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::Text(text)) => self.plain(part, text),
                Some(_) => return Err(wrong_kind("named texts")),
            };
            let limit = cx.text_limits.get(&part.path).copied().or(part.limit);
            let text = match limit {
                Some(limit) if utf16_len(&text) > limit => {
                    shortened = true;
                    cut(&text, limit).trim_end().to_owned()
                }
                _ => text,
            };
            if part.required && (text.is_empty() || part.country && !is_country(&text)) {
                missing.push(part.path.to_string());
            }
            let value = Value::text(text.as_str());
            if held.get(&*part.name).unwrap_or(&Value::Null) != &value {
                assignments.push(match &value {
                    Value::Null => Assignment::null(&part.path),
                    _ => Assignment::new(&part.path, &text),
                });
            }
            if !value.is_null() {
                texts.insert(part.name.to_string(), value);
            }
        }
        if !missing.is_empty() {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "a referral needs {}, a country as two letters (ISO 3166 alpha-2): complete \
                     the account in the CRM",
                    missing.join(" and ")
                ),
            ));
        }
        let loss = if shortened {
            Loss::Shortened
        } else {
            Loss::Rounded
        };
        Ok(Form::lossy(whole(texts), loss, assignments))
    }
}

fn whole(texts: BTreeMap<String, Value>) -> Value {
    if texts.is_empty() {
        Value::Null
    } else {
        Value::Parts(texts)
    }
}

//! One word of a list: the record's own word, or the label of a numbered option.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, emptied, wrong_kind},
    record::{fault, integer_at, read, text_at},
};

/// How a choice is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceForm {
    /// As its word.
    Word,
    /// As the number that the CRM's metadata gives the label, see
    /// [`Context::choices`](crate::Context::choices). Numbers are never part of a rule: they
    /// differ between organizations.
    Label,
}

/// What becomes of a word that a rule does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownWord {
    /// It is kept as it is, no side takes it, and the field waits for a person.
    Hold,
    /// It is read as this word of the rule.
    As(String),
}

/// How a choice stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceShape {
    /// Where.
    pub path: Path,
    /// How it is written.
    pub form: ChoiceForm,
    /// The value's word to the record's.
    pub to: BTreeMap<String, String>,
    /// The record's word to the value's.
    pub back: BTreeMap<String, String>,
    /// What becomes of a word that the maps do not know.
    pub unknown: UnknownWord,
    /// The record's words that mean nothing, such as `Unknown`.
    pub nothing: BTreeSet<String>,
    /// The choice can be emptied.
    pub clears: bool,
}

/// Before a word that no rule knows. It keeps the word apart from one of the rule's own that
/// happens to be spelt the same.
const UNKNOWN: &str = "unknown: ";

impl ChoiceShape {
    /// A choice whose words are the value's own.
    pub fn of_words<'a>(path: Path, words: impl IntoIterator<Item = &'a str>) -> Self {
        let to: BTreeMap<String, String> = words
            .into_iter()
            .map(|word| (word.to_owned(), word.to_owned()))
            .collect();
        Self {
            path,
            form: ChoiceForm::Word,
            back: to.clone(),
            to,
            unknown: UnknownWord::Hold,
            nothing: BTreeSet::new(),
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        let word = match self.form {
            ChoiceForm::Word => text_at(record, &self.path)?,
            ChoiceForm::Label => self.label_at(record, cx)?,
        };
        match word.as_deref().map(str::trim) {
            None => Ok(Value::Null),
            Some(word) if self.nothing.iter().any(|none| same_label(none, word)) => Ok(Value::Null),
            Some(word) => Ok(Value::Choice(self.known(word))),
        }
    }

    fn label_at(&self, record: &Record, cx: &Context) -> Result<Option<String>, ReadFault> {
        // A service that hands out formatted values may hand out the label itself.
        if let Ok(Some(label)) = text_at(record, &self.path) {
            return Ok(Some(label));
        }
        let Some(number) = integer_at(record, &self.path).map_err(|_| {
            let raw = read(record, &self.path).ok().flatten();
            fault(
                &self.path,
                "the number of an option",
                raw.unwrap_or(RawValue::NULL),
            )
        })?
        else {
            return Ok(None);
        };
        let label = cx
            .choices
            .get(&self.path)
            .and_then(|labels| labels.get(&number));
        Ok(Some(label.map_or_else(|| number.to_string(), Clone::clone)))
    }

    fn known(&self, word: &str) -> String {
        let found = match self.form {
            ChoiceForm::Word => self.back.get(word),
            // Translators and admins change the case of labels.
            ChoiceForm::Label => self.back.get(word).or_else(|| {
                let same = |(label, _): &(&String, &String)| same_label(label, word);
                self.back.iter().find(same).map(|(_, to)| to)
            }),
        };
        match (found, &self.unknown) {
            (Some(known), _) | (None, UnknownWord::As(known)) => known.clone(),
            (None, UnknownWord::Hold) => format!("{UNKNOWN}{word}"),
        }
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let wanted = match wanted {
            Value::Null => return emptied(&self.path, self.clears, now, cx),
            Value::Choice(word) => word,
            _ => return Err(wrong_kind("one word of its list")),
        };
        let word = self.to.get(wanted).ok_or_else(|| {
            Reason::new(
                ReasonCode::Unmappable,
                format!(
                    "{:?} has no counterpart in {}: add it to the rule's values, or choose \
                     another on the other side",
                    wanted.strip_prefix(UNKNOWN).unwrap_or(wanted),
                    self.path
                ),
            )
        })?;
        let assignment = match self.form {
            ChoiceForm::Word => Assignment::new(&self.path, word),
            ChoiceForm::Label => Assignment::new(&self.path, &self.number(word, cx)?),
        };
        Ok(Form::exact(
            Value::Choice(self.known(word)),
            vec![assignment],
        ))
    }

    fn number(&self, label: &str, cx: &Context) -> Result<i64, Reason> {
        let labels = cx.choices.get(&self.path);
        let found = labels
            .into_iter()
            .flatten()
            .find(|(_, known)| same_label(known, label));
        found.map(|(number, _)| *number).ok_or_else(|| {
            Reason::new(
                ReasonCode::Unmappable,
                format!(
                    "{} has no option labelled {label:?}: add it in the CRM, or correct the rule's \
                     values",
                    self.path
                ),
            )
        })
    }
}

pub(crate) fn same_label(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

//! Choices: integers with labels in several languages.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Language code of English, in which Microsoft's solutions are written.
pub const ENGLISH: u32 = 1033;

/// A text in several languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    texts: Vec<(u32, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawLabel {
    localized_labels: Option<Vec<RawText>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawText {
    label: Option<String>,
    language_code: u32,
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Option::<RawLabel>::deserialize(from)?;
        let texts = raw.and_then(|raw| raw.localized_labels).unwrap_or_default();
        let texts = texts
            .into_iter()
            .filter_map(|text| Some((text.language_code, text.label?)))
            .collect();
        Ok(Self { texts })
    }
}

impl Label {
    /// The text in `language`.
    pub fn text(&self, language: u32) -> Option<&str> {
        let mut texts = self.texts.iter();
        texts
            .find(|(code, _)| *code == language)
            .map(|(_, text)| text.as_str())
    }

    /// All texts with their language codes.
    pub fn texts(&self) -> impl Iterator<Item = (u32, &str)> {
        self.texts.iter().map(|(code, text)| (*code, text.as_str()))
    }

    fn is(&self, language: u32, wanted: &str) -> bool {
        self.text(language)
            .is_some_and(|text| text.trim().to_lowercase() == wanted.trim().to_lowercase())
    }
}

/// One value of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceValue {
    /// The integer in the column.
    pub value: i32,
    /// Its label.
    pub label: Label,
    /// Of a status reason: the state that it belongs to.
    pub state: Option<i32>,
}

/// The values of a choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceSet {
    /// The values in their order.
    pub values: Vec<ChoiceValue>,
    /// Is it shared by several columns?
    pub global: bool,
}

/// A value asked for by what people call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceWanted {
    /// Labels it may have, in any language; case and outer blanks do not count.
    pub labels: Vec<String>,
    /// The integer to take where no label fits.
    pub value: Option<i32>,
}

impl ChoiceWanted {
    /// The value with this label.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            labels: vec![label.into()],
            value: None,
        }
    }

    /// Adds another label it may have, such as a translation.
    #[must_use]
    pub fn or_label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Sets the integer to take where no label fits.
    #[must_use]
    pub fn or_value(mut self, value: i32) -> Self {
        self.value = Some(value);
        self
    }
}

/// What told the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedBy {
    /// Its English label.
    English,
    /// Its label in the organization's base language.
    BaseLanguage,
    /// The configured integer, which the choice has.
    Configured,
}

/// A value that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedChoice {
    /// The integer.
    pub value: i32,
    /// What told it.
    pub by: ResolvedBy,
}

/// Why a value was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceError {
    /// What was asked for.
    pub wanted: ChoiceWanted,
    /// Several values that all have the label; empty when none has.
    pub candidates: Vec<i32>,
    /// What there is: integers and labels.
    pub present: Vec<(i32, String)>,
}

impl fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted.labels.join("\" or \"");
        if self.candidates.is_empty() {
            write!(f, "no value is called \"{wanted}\"")?;
        } else {
            write!(
                f,
                "the values {:?} are all called \"{wanted}\"",
                self.candidates
            )?;
        }
        write!(f, "; configure its integer, one of")?;
        for (at, (value, label)) in self.present.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma} {value} ({label})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ChoiceError {}

impl ChoiceSet {
    /// Finds a value by its English label, else by its label in the base language, else by the
    /// configured integer if the choice has it.
    ///
    /// # Errors
    /// [`ChoiceError`] when nothing fits, or when a label fits several values.
    pub fn resolve(
        &self,
        wanted: &ChoiceWanted,
        base_language: u32,
    ) -> Result<ResolvedChoice, ChoiceError> {
        let languages = [
            (ENGLISH, ResolvedBy::English),
            (base_language, ResolvedBy::BaseLanguage),
        ];
        let mut candidates = Vec::new();
        for (language, by) in languages {
            for label in &wanted.labels {
                let mut found = self.values.iter();
                let found: Vec<i32> = found
                    .by_ref()
                    .filter(|value| value.label.is(language, label))
                    .map(|value| value.value)
                    .collect();
                match found.as_slice() {
                    [value] => return Ok(ResolvedChoice { value: *value, by }),
                    [] => {}
                    _ if candidates.is_empty() => candidates = found,
                    _ => {}
                }
            }
        }
        if let Some(value) = wanted.value.filter(|value| self.has(*value)) {
            let by = ResolvedBy::Configured;
            return Ok(ResolvedChoice { value, by });
        }
        let shown = |value: &ChoiceValue| {
            let texts = [base_language, ENGLISH].map(|language| value.label.text(language));
            let text = texts.into_iter().flatten().next();
            (value.value, text.unwrap_or_default().to_owned())
        };
        Err(ChoiceError {
            wanted: wanted.clone(),
            candidates,
            present: self.values.iter().map(shown).collect(),
        })
    }

    /// Has the choice this value?
    pub fn has(&self, value: i32) -> bool {
        self.values.iter().any(|known| known.value == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[(i32, &[(u32, &str)])]) -> ChoiceSet {
        let value = |(value, texts): &(i32, &[(u32, &str)])| ChoiceValue {
            value: *value,
            label: Label {
                texts: texts
                    .iter()
                    .map(|(code, text)| (*code, (*text).to_owned()))
                    .collect(),
            },
            state: None,
        };
        ChoiceSet {
            values: values.iter().map(value).collect(),
            global: false,
        }
    }

    #[test]
    fn english_goes_before_the_base_language_and_both_before_integers() {
        let help = set(&[
            (1, &[(1033, "Technical"), (1043, "Technisch")]),
            (2, &[(1043, "Offertes")]),
            (3, &[(1043, "Anders")]),
        ]);
        let find = |wanted: &ChoiceWanted| {
            help.resolve(wanted, 1043)
                .map(|found| (found.value, found.by))
        };
        let technical = ChoiceWanted::new(" technical ").or_value(3);
        assert_eq!(find(&technical), Ok((1, ResolvedBy::English)));
        let quotes = ChoiceWanted::new("Quotes").or_label("OFFERTES").or_value(3);
        assert_eq!(find(&quotes), Ok((2, ResolvedBy::BaseLanguage)));
        let other = ChoiceWanted::new("Other").or_value(3);
        assert_eq!(find(&other), Ok((3, ResolvedBy::Configured)));
        let wrong = find(&ChoiceWanted::new("Other").or_value(9)).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "no value is called \"Other\"; configure its integer, one of 1 (Technisch), \
             2 (Offertes), 3 (Anders)"
        );
    }

    #[test]
    fn a_label_of_two_values_names_neither() {
        let twins = set(&[(1, &[(1033, "Other")]), (2, &[(1033, "other")])]);
        let error = twins
            .resolve(&ChoiceWanted::new("Other"), 1033)
            .unwrap_err();
        assert_eq!(error.candidates, [1, 2]);
        let told = ChoiceWanted::new("Other").or_value(2);
        assert_eq!(twins.resolve(&told, 1033).unwrap().value, 2);
    }
}

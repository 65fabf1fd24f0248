//! One text of several places: joined and split, or made by a template.

use std::{fmt, str::FromStr};

use serde_json::value::RawValue;

use crate::{
    Assignment, Context, Loss, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, emptied, wrong_kind},
    record::{fault, read, text_at},
    text::{cut, unix_lines, utf16_len},
};

/// One text that stands in several places, such as a first and a last name.
///
/// Read: what is not empty, joined by the separator. Written: split at the first separators, the
/// last place takes the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinShape {
    /// Where, in order.
    pub paths: Vec<Path>,
    /// Between two of them. One character, so that cutting a part never makes a new one.
    pub separator: char,
    /// Longest text of a place in UTF-16 units; [`Context::text_limits`] goes before it.
    pub limit: Option<usize>,
    /// The places can be emptied.
    pub clears: bool,
}

impl JoinShape {
    /// Places of any length that can be emptied.
    pub fn new(paths: Vec<Path>, separator: char) -> Self {
        Self {
            paths,
            separator,
            limit: None,
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let mut pieces = Vec::new();
        for path in &self.paths {
            let text = text_at(record, path)?.unwrap_or_default();
            pieces.push(unix_lines(&text).into_owned());
        }
        Ok(Value::text(self.join(&pieces)))
    }

    fn join(&self, pieces: &[String]) -> String {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let full: Vec<&str> = pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        full.join(self.separator.encode_utf8(&mut [0; 4]))
    }

    fn split(&self, text: &str, cx: &Context) -> (Vec<String>, bool) {
        let mut cuts = false;
        let mut pieces = text.splitn(self.paths.len(), self.separator);
        let pieces = self.paths.iter().map(|path| {
            let piece = pieces.next().unwrap_or_default();
            let limit = cx.text_limits.get(path).copied().or(self.limit);
            match limit {
                Some(limit) if utf16_len(piece) > limit => {
                    cuts = true;
                    cut(piece, limit).to_owned()
                }
                _ => piece.to_owned(),
            }
        });
        (pieces.collect(), cuts)
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let mut text = match wanted {
            Value::Null => String::new(),
            Value::Text(text) => unix_lines(text).into_owned(),
            _ => return Err(wrong_kind("text")),
        };
        let mut shortened = false;
        // Empty pieces vanish when joined, which may move the others: until nothing moves. Each
        // turn makes the text shorter, so it ends.
        let pieces = loop {
            let (pieces, cuts) = self.split(&text, cx);
            shortened |= cuts;
            let joined = self.join(&pieces);
            if joined == text {
                break pieces;
            }
            text = joined;
        };
        if text.is_empty() {
            let first = self.paths.first().unwrap_or(&NOWHERE);
            let clears = self.paths.iter().all(|path| cx.clearable.contains(path));
            let mut form = emptied(first, self.clears || clears, now, cx)?;
            if !form.assignments.is_empty() {
                form.assignments = self.paths.iter().map(Assignment::null).collect();
            }
            return Ok(form);
        }
        let assign = |(path, piece): (&Path, &String)| {
            let held = now.and_then(|now| text_at(now.record, path).ok().flatten());
            match piece.as_str() {
                piece if held.as_deref().unwrap_or_default() == piece => None,
                "" => Some(Assignment::null(path)),
                piece => Some(Assignment::new(path, piece)),
            }
        };
        let assignments = self.paths.iter().zip(&pieces).filter_map(assign).collect();
        let loss = if shortened {
            Loss::Shortened
        } else {
            Loss::Rounded
        };
        Ok(Form::lossy(Value::text(text), loss, assignments))
    }
}

static NOWHERE: std::sync::LazyLock<Path> = std::sync::LazyLock::new(|| Path::known("(nowhere)"));

/// A text with places in it: `{details/notes} ({status})`. `{{` and `}}` stand for braces.
///
/// A template is read and never written: nobody can say which part of a changed text belongs
/// where.
///
/// ```
/// # use cosell_mapping::Template;
/// let template: Template = "{name} for {customerProfile/name}".parse()?;
/// assert_eq!(template.paths().count(), 2);
/// assert!("{name".parse::<Template>().is_err());
/// # Ok::<(), cosell_mapping::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Path),
}

impl Template {
    /// Longest source in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The places, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(path) => Some(path),
            Piece::Text(_) => None,
        })
    }

    /// The text for a record; nothing where all places are empty.
    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let mut made = String::new();
        let mut any = false;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => made.push_str(text),
                Piece::Place(path) => {
                    let text = scalar_at(record, path)?;
                    any |= !text.is_empty();
                    made.push_str(&text);
                }
            }
        }
        let places = self.paths().next().is_some();
        Ok(if any || !places {
            Value::text(unix_lines(&made))
        } else {
            Value::Null
        })
    }
}

/// Text, number or flag, as text; nothing for an empty place.
pub(crate) fn scalar_at(record: &Record, path: &Path) -> Result<String, ReadFault> {
    let raw = read(record, path)?.unwrap_or(RawValue::NULL);
    match raw.get().bytes().next() {
        Some(b'"') => Ok(text_at(record, path)?.unwrap_or_default()),
        Some(b'{' | b'[') => Err(fault(path, "a plain value", raw)),
        Some(b'n') | None => Ok(String::new()),
        Some(_) => Ok(raw.get().to_owned()),
    }
}

/// A text is no [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is too long.
    #[error("a template has at most {max} bytes", max = Template::MAX_BYTES)]
    TooLong,
    /// A brace opens a place and none closes it.
    #[error("the brace at character {0} is not closed: write {{{{ for a brace of the text")]
    Open(usize),
    /// A brace closes nothing.
    #[error("the brace at character {0} closes nothing: write }}}} for a brace of the text")]
    Closing(usize),
    /// What stands between braces is no path.
    #[error("what stands in the braces at character {at} is no path")]
    Path {
        /// Which character, from one.
        at: usize,
        /// What is wrong with it.
        source: crate::PathError,
    },
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        if source.len() > Self::MAX_BYTES {
            return Err(TemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut characters = source.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let doubled = characters
                .peek()
                .is_some_and(|(_, next)| *next == character);
            match character {
                '{' | '}' if doubled => {
                    characters.next();
                    text.push(character);
                }
                '}' => return Err(TemplateError::Closing(index + 1)),
                '{' => {
                    let mut path = String::new();
                    loop {
                        match characters.next() {
                            None | Some((_, '{')) => return Err(TemplateError::Open(index + 1)),
                            Some((_, '}')) => break,
                            Some((_, character)) => path.push(character),
                        }
                    }
                    let path = path.trim().parse().map_err(|source| TemplateError::Path {
                        at: index + 1,
                        source,
                    })?;
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Place(path));
                }
                _ => text.push(character),
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Piece::Place(path) => write!(f, "{{{path}}}")?,
            }
        }
        Ok(())
    }
}

/// What a template says when it should be written.
pub(super) fn read_only() -> Reason {
    Reason::new(
        ReasonCode::NotWritable,
        "a template is read and never written: change the places it is made of",
    )
}

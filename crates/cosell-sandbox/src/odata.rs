//! The part of OData that both services speak: query options, `$filter`, `$orderby`, `$select`.
//!
//! Parsing knows neither service: [`Filter::parse`] gives a tree, [`Filter::matches`] walks it over
//! anything that is a [`Row`]. How strings compare is told by [`Collation`].

use std::fmt;

// Spelt out so that the file also loads when a harness names it by path.
#[path = "odata/eval.rs"]
mod eval;
#[path = "odata/filter.rs"]
mod filter;
#[path = "odata/lexer.rs"]
mod lexer;
#[path = "odata/parser.rs"]
mod parser;
#[cfg(test)]
#[path = "odata/tests.rs"]
mod tests;

pub(crate) use eval::sql_like;
pub use eval::{Collation, Datum, JsonRow, Row, compare};
pub use filter::{Call, Expr, Filter, Literal, Operand, Operator, TextFunction};

/// Longest query string that is read, in bytes: what Dataverse takes inside a batch. The gateways
/// before the services take half of it.
pub const MAX_QUERY: usize = 64 * 1024;
/// Deepest nesting of parentheses, negations and lambdas in a filter.
pub const MAX_DEPTH: usize = 64;

/// Why a query option cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ODataError {
    message: String,
    position: Option<usize>,
}

impl ODataError {
    /// An error that belongs to no single place of the text.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            position: None,
        }
    }

    pub(crate) fn at(position: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            position: Some(position),
        }
    }

    /// The text for the error body; a place, where known, is already in it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where in the decoded option text, counted in characters from 0.
    pub fn position(&self) -> Option<usize> {
        self.position
    }
}

impl fmt::Display for ODataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ODataError {}

/// The options of one query string, decoded, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    options: Vec<(String, String)>,
}

impl Query {
    /// Reads a raw query string (without `?`). `+` and `%20` are both a blank; an option name may
    /// be encoded too (`%24filter`).
    ///
    /// # Errors
    /// The text is longer than [`MAX_QUERY`], or an option stands twice.
    pub fn parse(raw: &str) -> Result<Self, ODataError> {
        if raw.len() > MAX_QUERY {
            return Err(ODataError::new("The query string is too long."));
        }
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            if options.iter().any(|(known, _)| known == name) {
                return Err(ODataError::new(format!(
                    "Query option '{name}' was specified more than once, but it must be specified at most once."
                )));
            }
            options.push((name.to_owned(), value.into_owned()));
        }
        Ok(Self { options })
    }

    /// The decoded text of an option such as `$filter`, or of a parameter alias such as `@p1`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every option with its decoded text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A non-negative whole number such as `$top`.
    ///
    /// # Errors
    /// The option is there and is no such number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ODataError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.trim().parse().map(Some).map_err(|_| {
            ODataError::new(format!("Invalid value '{text}' for {name} query option found. The {name} query option requires a non-negative integer value."))
        })
    }

    /// A switch such as `$count`.
    ///
    /// # Errors
    /// The option is there and is neither `true` nor `false`.
    pub fn switch(&self, name: &str) -> Result<Option<bool>, ODataError> {
        match self.get(name).map(str::trim) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(ODataError::new(format!(
                "Invalid value '{text}' for {name} query option found. Valid values are 'true' and 'false'."
            ))),
        }
    }

    /// The parsed `$filter`, with parameter aliases put in.
    ///
    /// # Errors
    /// The text is no filter.
    pub fn filter(&self) -> Result<Option<Filter>, ODataError> {
        self.get("$filter")
            .map(|text| Filter::parse(text, self))
            .transpose()
    }
}

/// Options that stand somewhere else than in a query string, such as those of an `$expand`.
impl FromIterator<(String, String)> for Query {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(options: I) -> Self {
        Self {
            options: options.into_iter().collect(),
        }
    }
}

/// One key of `$orderby`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// Property path, segments without `/`.
    pub path: Vec<String>,
    /// `desc` was asked for.
    pub descending: bool,
}

/// Reads `$orderby`: `a/b desc,c`.
///
/// # Errors
/// An empty key, a word that is no property name, or a direction other than `asc` and `desc`.
pub fn parse_orderby(text: &str) -> Result<Vec<OrderBy>, ODataError> {
    let mut keys = Vec::new();
    for (start, part) in split_top_level(text, ',') {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default();
        let path: Vec<String> = name.split('/').map(str::to_owned).collect();
        if !path.iter().all(|segment| is_name(segment)) {
            return Err(syntax(start, text));
        }
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(syntax(start, text)),
        };
        if words.next().is_some() {
            return Err(syntax(start, text));
        }
        keys.push(OrderBy { path, descending });
    }
    Ok(keys)
}

/// Reads `$select`: a comma list of property names; `*` is kept as it is.
///
/// # Errors
/// An empty entry or a word that is no property path.
pub fn parse_select(text: &str) -> Result<Vec<String>, ODataError> {
    let mut names = Vec::new();
    for (start, part) in split_top_level(text, ',') {
        let name = part.trim();
        if name != "*" && !name.split('/').all(is_name) {
            return Err(syntax(start, text));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Cuts a text at `separator`, but not inside parentheses, brackets or quotes; each part comes
/// with the character position at which it starts. Serves nested options such as
/// `$expand=a($select=x,y;$top=5),b`.
pub fn split_top_level(text: &str, separator: char) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted) = (0_usize, false);
    let (mut from_byte, mut from_char) = (0, 0);
    for (position, (offset, letter)) in text.char_indices().enumerate() {
        match letter {
            // A doubled quote closes and opens again: the state comes out right by itself.
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && letter == separator => {
                parts.push((from_char, &text[from_byte..offset]));
                from_byte = offset + letter.len_utf8();
                from_char = position + 1;
            }
            _ => {}
        }
    }
    parts.push((from_char, &text[from_byte..]));
    parts
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_' || c == '@')
        && letters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '$'))
}

fn syntax(position: usize, text: &str) -> ODataError {
    ODataError::at(
        position,
        format!(
            "Syntax error at position {position} in '{}'.",
            shorten(text)
        ),
    )
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 200;
    let mut short: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

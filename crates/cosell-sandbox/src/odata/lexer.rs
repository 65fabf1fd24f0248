//! Cuts a filter text into tokens, each with its place.

use super::{ODataError, shorten, syntax};

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Colon,
    Equals,
    /// `'…'` or, inside arrays, `"…"`; quotes and escapes are gone.
    Text(String),
    /// A name, path, keyword, number, date or GUID.
    Word(String),
}

/// Cuts `text`; positions count characters from 0.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ODataError> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let start = at;
        let single = match letter {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '[' => Some(Token::OpenBracket),
            ']' => Some(Token::CloseBracket),
            ',' => Some(Token::Comma),
            ':' => Some(Token::Colon),
            '=' => Some(Token::Equals),
            _ => None,
        };
        if let Some(token) = single {
            found.push((start, token));
            at += 1;
        } else if letter.is_whitespace() {
            at += 1;
        } else if letter == '\'' {
            let (literal, next) = single_quoted(&letters, at, text)?;
            found.push((start, Token::Text(literal)));
            at = next;
        } else if letter == '"' {
            let (literal, next) = double_quoted(&letters, at, text)?;
            found.push((start, Token::Text(literal)));
            at = next;
        } else if is_word(letter) {
            // A colon belongs to a time of day but not to `t:t/email`.
            let timed = letter.is_ascii_digit() || letter == '-';
            while letters
                .get(at)
                .is_some_and(|&c| is_word(c) || (timed && matches!(c, ':' | '+')))
            {
                at += 1;
            }
            found.push((start, Token::Word(letters[start..at].iter().collect())));
        } else {
            return Err(syntax(start, text));
        }
    }
    Ok(found)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/' | '@' | '$')
}

fn single_quoted(
    letters: &[char],
    start: usize,
    text: &str,
) -> Result<(String, usize), ODataError> {
    let mut literal = String::new();
    let mut at = start + 1;
    while let Some(&letter) = letters.get(at) {
        if letter != '\'' {
            literal.push(letter);
            at += 1;
        } else if letters.get(at + 1) == Some(&'\'') {
            literal.push('\'');
            at += 2;
        } else {
            return Ok((literal, at + 1));
        }
    }
    Err(unterminated(start, text))
}

fn double_quoted(
    letters: &[char],
    start: usize,
    text: &str,
) -> Result<(String, usize), ODataError> {
    let mut at = start + 1;
    while let Some(&letter) = letters.get(at) {
        match letter {
            '\\' => at += 2,
            '"' => {
                let quoted: String = letters[start..=at].iter().collect();
                let literal = serde_json::from_str(&quoted).map_err(|_| syntax(start, text))?;
                return Ok((literal, at + 1));
            }
            _ => at += 1,
        }
    }
    Err(unterminated(start, text))
}

fn unterminated(position: usize, text: &str) -> ODataError {
    ODataError::at(
        position,
        format!(
            "There is an unterminated literal at position {position} in '{}'.",
            shorten(text)
        ),
    )
}

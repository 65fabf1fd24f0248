//! The `$filter` parser: recursive descent, bounded in depth.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::filter::{Call, Expr, Filter, Literal, Operand, Operator, TextFunction};
use super::lexer::{Token, tokens};
use super::{MAX_DEPTH, ODataError, Query, shorten, syntax};

impl Filter {
    /// Parses a decoded filter text; aliases such as `@p1` are taken from `query`.
    ///
    /// # Errors
    /// The text is no filter; the error names the position.
    pub fn parse(text: &str, query: &Query) -> Result<Self, ODataError> {
        let mut parser = Parser {
            text,
            query,
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        };
        let root = parser.or()?;
        match parser.peek() {
            None => Ok(Self { root }),
            Some(_) => Err(parser.here()),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    query: &'a Query,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let hit = self.peek() == Some(wanted);
        self.next += usize::from(hit);
        hit
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), ODataError> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.here())
        }
    }

    fn keyword(&mut self, word: &str) -> bool {
        let hit = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.next += usize::from(hit);
        hit
    }

    fn position(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or_else(|| self.text.chars().count(), |(position, _)| *position)
    }

    fn here(&self) -> ODataError {
        syntax(self.position(), self.text)
    }

    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, ODataError>,
    ) -> Result<T, ODataError> {
        if self.depth == MAX_DEPTH {
            return Err(ODataError::at(
                self.position(),
                "The filter is nested too deeply.",
            ));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expr, ODataError> {
        let first = self.and()?;
        let mut parts = vec![first];
        while self.keyword("or") {
            parts.push(self.and()?);
        }
        Ok(single_or(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, ODataError> {
        let first = self.unary()?;
        let mut parts = vec![first];
        while self.keyword("and") {
            parts.push(self.unary()?);
        }
        Ok(single_or(parts, Expr::And))
    }

    fn unary(&mut self) -> Result<Expr, ODataError> {
        if self.keyword("not") {
            let inner = self.deeper(Self::unary)?;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.take(&Token::Open) {
            let inner = self.deeper(Self::or)?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if let Some(found) = self.function()? {
            return Ok(found);
        }
        let left = self.operand()?;
        let Some(op) = self.operator() else {
            return Ok(Expr::Truth(left));
        };
        let right = self.operand()?;
        Ok(Expr::Compare { left, op, right })
    }

    /// A word directly before `(`: a string function, a lambda or a function of the service.
    fn function(&mut self) -> Result<Option<Expr>, ODataError> {
        let Some(Token::Word(word)) = self.peek() else {
            return Ok(None);
        };
        if self.tokens.get(self.next + 1).map(|(_, token)| token) != Some(&Token::Open) {
            return Ok(None);
        }
        let (word, position) = (word.clone(), self.position());
        self.next += 2;
        let text_function = match word.as_str() {
            "contains" => Some(TextFunction::Contains),
            "startswith" => Some(TextFunction::StartsWith),
            "endswith" => Some(TextFunction::EndsWith),
            _ => None,
        };
        let found = if let Some(function) = text_function {
            let of = self.operand()?;
            self.expect(&Token::Comma)?;
            let what = self.operand()?;
            self.expect(&Token::Close)?;
            Expr::Text { function, of, what }
        } else if let Some((path, quantifier @ ("any" | "all"))) = word.rsplit_once('/') {
            let path = self.path(path, position)?;
            self.lambda(path, quantifier == "all")?
        } else if word.contains('.') && !word.contains('/') {
            Expr::Call(self.call(word)?)
        } else {
            return Err(ODataError::at(
                position,
                format!(
                    "An unknown function with name '{}' was found.",
                    shorten(&word)
                ),
            ));
        };
        Ok(Some(found))
    }

    fn lambda(&mut self, path: Vec<String>, all: bool) -> Result<Expr, ODataError> {
        if !all && self.take(&Token::Close) {
            return Ok(Expr::Lambda {
                path,
                all,
                variable: String::new(),
                body: None,
            });
        }
        let Some(Token::Word(variable)) = self.peek() else {
            return Err(self.here());
        };
        let variable = variable.clone();
        self.next += 1;
        self.expect(&Token::Colon)?;
        let body = self.deeper(Self::or)?;
        self.expect(&Token::Close)?;
        Ok(Expr::Lambda {
            path,
            all,
            variable,
            body: Some(Box::new(body)),
        })
    }

    fn call(&mut self, name: String) -> Result<Call, ODataError> {
        let mut arguments = Vec::new();
        while !self.take(&Token::Close) {
            if !arguments.is_empty() {
                self.expect(&Token::Comma)?;
            }
            let Some(Token::Word(parameter)) = self.peek() else {
                return Err(self.here());
            };
            let parameter = parameter.clone();
            self.next += 1;
            self.expect(&Token::Equals)?;
            arguments.push((parameter, self.argument()?));
        }
        Ok(Call { name, arguments })
    }

    fn argument(&mut self) -> Result<Literal, ODataError> {
        if !self.take(&Token::OpenBracket) {
            return match self.operand()? {
                Operand::Literal(value) => Ok(value),
                Operand::Path(_) => Err(self.here()),
            };
        }
        let mut items = Vec::new();
        while !self.take(&Token::CloseBracket) {
            if !items.is_empty() {
                self.expect(&Token::Comma)?;
            }
            match self.operand()? {
                Operand::Literal(value) => items.push(value),
                Operand::Path(_) => return Err(self.here()),
            }
        }
        Ok(Literal::List(items))
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Token::Word(word)) = self.peek() else {
            return None;
        };
        let op = match word.as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        };
        self.next += 1;
        Some(op)
    }

    fn operand(&mut self) -> Result<Operand, ODataError> {
        let position = self.position();
        match self.tokens.get(self.next).map(|(_, token)| token.clone()) {
            Some(Token::Text(text)) => {
                self.next += 1;
                Ok(Operand::Literal(Literal::Text(text)))
            }
            Some(Token::Word(word)) => {
                if word.starts_with('@') {
                    self.next += 1;
                    return self.alias(&word, position).map(Operand::Literal);
                }
                if let Some(value) = constant(&word) {
                    self.next += 1;
                    return Ok(Operand::Literal(value));
                }
                // A word of an enumeration, `Namespace.Type'Word'`, compares as its text.
                if word.contains('.')
                    && let Some((_, Token::Text(text))) = self.tokens.get(self.next + 1)
                {
                    let text = text.clone();
                    self.next += 2;
                    return Ok(Operand::Literal(Literal::Text(text)));
                }
                let path = self.path(&word, position)?;
                self.next += 1;
                Ok(Operand::Path(path))
            }
            _ => Err(self.here()),
        }
    }

    fn path(&self, word: &str, position: usize) -> Result<Vec<String>, ODataError> {
        let is_keyword = matches!(
            word,
            "and" | "or" | "not" | "eq" | "ne" | "gt" | "ge" | "lt" | "le"
        );
        if is_keyword || !word.split('/').all(super::is_name) {
            return Err(syntax(position, self.text));
        }
        Ok(word.split('/').map(str::to_owned).collect())
    }

    fn alias(&self, name: &str, position: usize) -> Result<Literal, ODataError> {
        let Some(text) = self.query.get(name) else {
            return Ok(Literal::Null);
        };
        let wrong = || {
            ODataError::at(
                position,
                format!("The value of the parameter alias '{name}' is no literal."),
            )
        };
        // An alias cannot name another one, so the inner parser gets no query to look into.
        let nothing = Query::default();
        let mut inner = Parser {
            text,
            query: &nothing,
            tokens: tokens(text).map_err(|_| wrong())?,
            next: 0,
            depth: self.depth,
        };
        let value = inner.argument().map_err(|_| wrong())?;
        if inner.peek().is_some() {
            Err(wrong())
        } else {
            Ok(value)
        }
    }
}

fn single_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// The constant that an unquoted word stands for, if it is none of the names.
fn constant(word: &str) -> Option<Literal> {
    match word {
        "null" => return Some(Literal::Null),
        "true" => return Some(Literal::Bool(true)),
        "false" => return Some(Literal::Bool(false)),
        _ => {}
    }
    // Other spellings of a GUID are names or numbers here.
    if word.len() == 36
        && let Ok(id) = Uuid::try_parse(word)
    {
        return Some(Literal::Guid(id));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    if let Ok(date) = NaiveDate::parse_from_str(word, "%Y-%m-%d") {
        return Some(Literal::Date(date));
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(word) {
        return Some(Literal::Instant(instant.with_timezone(&Utc)));
    }
    Decimal::from_str_exact(word)
        .or_else(|_| Decimal::from_scientific(word))
        .ok()
        .map(Literal::Number)
}

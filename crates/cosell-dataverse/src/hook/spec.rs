//! The wish: where events go, which are wanted, and how a call proves itself.

use cosell_http::Error;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::OPERATION;
use crate::input::Faults;

/// How a call proves that it comes from this environment: the service signs nothing, it only
/// repeats what it was told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HookSecret {
    /// In the query, as `?code=…`.
    Key(SecretString),
    /// In a header of this name.
    Header(String, SecretString),
    /// In the query, under this name.
    Query(String, SecretString),
}

/// One kind of event that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepSpec {
    /// Logical name of the table.
    pub table: String,
    /// The message, such as `Create`, `Update`, `Delete`, `WinOpportunity`.
    pub message: String,
    /// Of `Update` only: the columns of which at least one must have been sent; all when empty.
    /// Leave out those that the listener writes itself, or each write of its own wakes it.
    pub columns: Vec<String>,
    /// Columns of the row before, told with the event; none when empty. Not of `Create`.
    pub before: Vec<String>,
    /// Columns of the row after, told with the event; none when empty. Not of `Delete`.
    pub after: Vec<String>,
}

impl StepSpec {
    /// Events of `message` on the table with the logical name `table`.
    pub fn new(table: &str, message: &str) -> Self {
        Self {
            table: table.to_owned(),
            message: message.to_owned(),
            columns: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    /// Only updates that send one of `columns`.
    #[must_use]
    pub fn with_columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Tells these columns of the row before.
    #[must_use]
    pub fn with_before<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.before = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Tells these columns of the row after.
    #[must_use]
    pub fn with_after<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.after = columns.into_iter().map(Into::into).collect();
        self
    }

    fn check(&self, faults: &mut Faults) {
        faults.check_name("table", &self.table);
        faults.check_name("message", &self.message);
        for column in self.columns.iter().chain(&self.before).chain(&self.after) {
            faults.check_name("column", column);
        }
        let on = format!("the step {} {}", self.table, self.message);
        if !self.columns.is_empty() && self.message != "Update" {
            faults.push(format!("{on} filters by columns: only Update can"));
        }
        if !self.before.is_empty() && self.message == "Create" {
            faults.push(format!("{on} wants the row before: there is none"));
        }
        if !self.after.is_empty() && self.message == "Delete" {
            faults.push(format!("{on} wants the row after: there is none"));
        }
    }
}

/// Where events go and which are wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HookSpec {
    /// Name of the endpoint; what is registered under it is ours.
    pub name: String,
    /// The address: https on port 443 (or http on port 80), at most 2,000 characters.
    pub url: Url,
    /// How a call proves itself.
    pub secret: HookSecret,
    /// The events that are wanted.
    pub steps: Vec<StepSpec>,
    /// Unique name of the solution to put all into.
    pub solution: Option<String>,
}

impl HookSpec {
    /// Events to `url`, none so far.
    pub fn new(name: &str, url: Url, secret: HookSecret) -> Self {
        Self {
            name: name.to_owned(),
            url,
            secret,
            steps: Vec::new(),
            solution: None,
        }
    }

    /// Adds a kind of event.
    #[must_use]
    pub fn with_step(mut self, step: StepSpec) -> Self {
        self.steps.push(step);
        self
    }

    /// Puts all into the solution with this unique name.
    #[must_use]
    pub fn with_solution(mut self, unique_name: &str) -> Self {
        self.solution = Some(unique_name.to_owned());
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let mut faults = Faults::default();
        if self.name.is_empty() || self.name.len() > 100 {
            faults.push("the endpoint's name: give 1 to 100 characters");
        }
        let ports = match self.url.scheme() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        if ports.is_none() || self.url.port_or_known_default() != ports {
            faults.push("the endpoint's address: the service posts to https on port 443 only (or http on 80)");
        }
        if self.url.as_str().len() > 2000 {
            faults.push("the endpoint's address: at most 2,000 characters");
        }
        if let HookSecret::Header(name, _) | HookSecret::Query(name, _) = &self.secret
            && (name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        {
            faults.push("the secret's name: use letters, digits and hyphens");
        }
        if self.auth().1.len() > 2048 {
            faults.push("the secret: at most some 1,900 characters");
        }
        if self.auth().1.is_empty() {
            faults.push("the secret is empty: anybody could send events then");
        }
        for (at, step) in self.steps.iter().enumerate() {
            step.check(&mut faults);
            let twin =
                |other: &StepSpec| (&other.table, &other.message) == (&step.table, &step.message);
            if self.steps[..at].iter().any(twin) {
                faults.push(format!(
                    "the step {} {} stands twice: join its columns",
                    step.table, step.message
                ));
            }
        }
        if let Some(solution) = &self.solution {
            faults.check_name("solution", solution);
        }
        faults.into_result(OPERATION)
    }

    /// The kind of the secret and its text, as the service wants them.
    pub(super) fn auth(&self) -> (i32, String) {
        let settings = |name: &str, value: &SecretString| {
            let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
            format!(
                "<settings><setting name=\"{}\" value=\"{}\" /></settings>",
                escape(name),
                escape(value.expose_secret())
            )
        };
        match &self.secret {
            HookSecret::Key(key) => (4, key.expose_secret().to_owned()),
            HookSecret::Header(name, value) => (5, settings(name, value)),
            HookSecret::Query(name, value) => (6, settings(name, value)),
        }
    }

    pub(super) fn step_name(&self, step: &StepSpec) -> String {
        format!("{}: {} {}", self.name, step.table, step.message)
    }
}

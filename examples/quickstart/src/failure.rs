//! Why the program ends early.

use std::error::Error;

/// What went wrong, in one line for people: what, where, the cure.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not begin: arguments, addresses, sign-in, state file.
    Start(String),
    /// It could not go on.
    Work(String),
}

impl Failure {
    pub(crate) fn start(text: impl Into<String>) -> Self {
        Self::Start(text.into())
    }

    pub(crate) fn work(text: impl Into<String>) -> Self {
        Self::Work(text.into())
    }

    /// `what` failed with `error`, causes included.
    pub(crate) fn of(what: &str, error: &dyn Error) -> Self {
        Self::Work(format!("{what}: {}", with_causes(error)))
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Start(_) => 2,
            Self::Work(_) => 1,
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Start(text) | Self::Work(text) => text,
        }
    }
}

/// An error with all that led to it.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

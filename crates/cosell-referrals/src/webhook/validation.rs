//! Validation events: Partner Center posts one and tells what became of it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    FieldError,
    wire::{At, Object, Wire, wire_word},
};

wire_word! {
    /// How far a validation event has come. Only one word is published.
    ValidationStatus {
        /// Its posts are over, for good or ill.
        Completed = "completed",
    }
}

/// What became of a validation event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validation {
    /// Names the event.
    pub correlation_id: String,
    /// How far it has come.
    pub status: Option<ValidationStatus>,
    /// Where it was posted to.
    pub callback_url: Option<String>,
    /// Posts so far, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Validation {
    /// Did the receiver take it?
    pub fn delivered(&self) -> bool {
        self.attempts.iter().any(Attempt::succeeded)
    }

    /// Is there nothing more to wait for?
    pub fn is_over(&self) -> bool {
        self.delivered() || self.status == Some(ValidationStatus::Completed)
    }

    pub(super) fn read(object: &Object, id: &str) -> Result<Self, FieldError> {
        let text = |name| object.field::<String>(name).ok().flatten();
        Ok(Self {
            correlation_id: text("correlationId").unwrap_or_else(|| id.to_owned()),
            status: object.field("status")?,
            callback_url: text("callbackUrl"),
            attempts: object.list("results")?,
        })
    }
}

/// One post of a validation event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The receiver's status by its .NET name, such as `OK` or `NotFound`.
    pub response_code: Option<String>,
    /// What else is known of the answer.
    pub response_message: Option<String>,
    /// Was the receiver not reached?
    pub system_error: bool,
    /// When.
    pub at: Option<DateTime<Utc>>,
}

impl Attempt {
    /// Did the receiver take it? Known are the names of 200 to 206, and numbers.
    pub fn succeeded(&self) -> bool {
        const GOOD: [&str; 7] = [
            "OK",
            "Created",
            "Accepted",
            "NonAuthoritativeInformation",
            "NoContent",
            "ResetContent",
            "PartialContent",
        ];
        let code = self.response_code.as_deref().unwrap_or_default();
        let number = code
            .parse::<u16>()
            .is_ok_and(|code| (200..300).contains(&code));
        !self.system_error && (number || GOOD.iter().any(|good| good.eq_ignore_ascii_case(code)))
    }
}

impl Wire for Attempt {
    fn read(raw: &serde_json::value::RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        let object = Object::read(raw, at)?;
        let text = |name| object.field::<String>(name).ok().flatten();
        Ok(Some(Self {
            response_code: text("responseCode"),
            response_message: text("responseMessage"),
            system_error: object.field("systemError").ok().flatten().unwrap_or(false),
            at: object.field("dateTimeUtc").ok().flatten(),
        }))
    }

    fn write(&self) -> Box<serde_json::value::RawValue> {
        Object::default().write()
    }
}

/// How [`Webhooks::validate`](super::Webhooks::validate) waits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ValidationOptions {
    /// Time between two looks; 5 s by default.
    pub every: Duration,
    /// Longest time to wait for the end; a minute by default.
    pub patience: Duration,
}

impl Default for ValidationOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            patience: Duration::from_secs(60),
        }
    }
}

impl ValidationOptions {
    /// Sets the time between two looks.
    #[must_use]
    pub fn with_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets the longest time to wait.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The documented sample.
    const SAMPLE: &str = r#"{
      "correlationId": "5d8a7c1e-3f52-4d10-9b1e-6a0f6f0c2d77",
      "partnerId": "3b8f0f52-6a51-4d0c-8c0e-9b6a54f2a1e7",
      "status": "completed",
      "callbackUrl": "https://hooks.northwind.example/pc",
      "results": [
        { "responseCode": "OK", "responseMessage": "", "systemError": false,
          "dateTimeUtc": "2026-03-09T14:22:48.2386997" }
      ]
    }"#;

    #[test]
    fn the_documented_sample_is_read() {
        let object = Object::decode(SAMPLE.as_bytes(), "validation").unwrap();
        let read = Validation::read(&object, "x").unwrap();
        assert_eq!(read.correlation_id, "5d8a7c1e-3f52-4d10-9b1e-6a0f6f0c2d77");
        assert!(read.is_over() && read.delivered());
        assert_eq!(
            read.attempts[0].at,
            Some("2026-03-09T14:22:48.2386997Z".parse().unwrap())
        );
    }

    #[test]
    fn unknown_states_are_not_the_end_and_failures_no_delivery() {
        for (body, over, delivered) in [
            (r#"{"status":"queued","results":[]}"#, false, false),
            (r#"{"status":"Completed","results":null}"#, true, false),
            (r#"{"results":[{"responseCode":"NotFound"}]}"#, false, false),
            (r#"{"results":[{"responseCode":204}]}"#, true, true),
            (
                r#"{"results":[{"responseCode":"OK","systemError":true}]}"#,
                false,
                false,
            ),
        ] {
            let object = Object::decode(body.as_bytes(), "validation").unwrap();
            let read = Validation::read(&object, "x").unwrap();
            assert_eq!(
                (read.is_over(), read.delivered()),
                (over, delivered),
                "{body}"
            );
        }
    }
}

//! The one registration of a tenant, and how it compares with the wanted one.

use url::{Host, Url};

use super::EventName;
use crate::{FieldError, Violations, violation::Findings, wire::Object};

/// Where Partner Center posts events, and which. A tenant has one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// Address that is posted to.
    pub url: String,
    /// Events that are posted.
    pub events: Vec<EventName>,
    /// Is the signature sent in `x-ms-signature` instead of `Authorization`? Reading a
    /// registration does not tell. The verifier takes both.
    pub signature_in_own_header: Option<bool>,
}

impl Registration {
    /// A registration of `url` for the events of referrals and the validation event.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            events: EventName::REFERRALS.to_vec(),
            signature_in_own_header: None,
        }
    }

    /// Sets the events.
    #[must_use]
    pub fn with_events(mut self, events: Vec<EventName>) -> Self {
        self.events = events;
        self
    }

    /// Asks for the signature in `x-ms-signature`, for receivers behind a gateway that keeps
    /// `Authorization` for itself.
    #[must_use]
    pub fn with_signature_in_own_header(mut self, own: bool) -> Self {
        self.signature_in_own_header = Some(own);
        self
    }

    /// Checks what can be known before it is sent.
    ///
    /// # Errors
    /// All faults at once.
    pub fn check(&self) -> Result<(), Violations> {
        let mut findings = Findings::default();
        match Url::parse(&self.url) {
            Err(_) => findings.add(
                "WebhookUrl",
                "is no absolute address",
                "give one such as https://hooks.example.org/partner-center",
            ),
            Ok(url) => {
                if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                    findings.add(
                        "WebhookUrl",
                        "Partner Center posts to https only",
                        "put a server with a certificate in front of the receiver",
                    );
                }
                if !url.username().is_empty() || url.password().is_some() {
                    findings.add(
                        "WebhookUrl",
                        "holds a user name or password",
                        "leave it out: posts are signed",
                    );
                }
                if url.fragment().is_some() {
                    findings.add("WebhookUrl", "holds a fragment", "leave it out");
                }
            }
        }
        if self.events.is_empty() {
            findings.add(
                "WebhookEvents",
                "names no event",
                "name those that are wanted; EventName::REFERRALS are all of referrals",
            );
        }
        for (index, event) in self.events.iter().enumerate() {
            if self
                .events
                .iter()
                .take(index)
                .any(|other| same_event(other, event))
            {
                findings.add(
                    format!("WebhookEvents[{index}]"),
                    "is named before",
                    "name each event once",
                );
            }
        }
        findings.verdict()
    }

    /// How `found`, the registration that there is, stands to this one, the wanted one.
    pub fn compare(&self, found: Option<&Self>) -> Standing {
        let Some(found) = found else {
            return Standing::Missing;
        };
        if !same_url(&self.url, &found.url) {
            return Standing::Foreign {
                found: found.clone(),
            };
        }
        let beyond = |these: &[EventName], those: &[EventName]| -> Vec<EventName> {
            these
                .iter()
                .filter(|event| !those.iter().any(|other| same_event(event, other)))
                .cloned()
                .collect()
        };
        let missing = beyond(&self.events, &found.events);
        let more = beyond(&found.events, &self.events);
        let header_differs = matches!(
            (self.signature_in_own_header, found.signature_in_own_header),
            (Some(wanted), Some(found)) if wanted != found
        );
        if missing.is_empty() && !header_differs {
            Standing::AsWanted { more }
        } else {
            Standing::Incomplete { missing, more }
        }
    }

    /// This registration with the events of `found` that it lacks: somebody else of the tenant
    /// may have added them to the same address.
    pub(super) fn joined(&self, more: &[EventName]) -> Self {
        let mut joined = self.clone();
        joined.events.extend(more.iter().cloned());
        joined
    }

    pub(super) fn read(object: &Object) -> Result<Self, FieldError> {
        let url = object
            .field::<String>("WebhookUrl")?
            .ok_or_else(|| FieldError::new("WebhookUrl", "an address", "nothing"))?;
        Ok(Self {
            url,
            events: object.list("WebhookEvents")?,
            signature_in_own_header: object
                .field("SignatureTokenToMsSignatureHeader")
                .ok()
                .flatten(),
        })
    }

    pub(super) fn write(&self) -> String {
        let mut object = Object::default();
        object.put("WebhookUrl", &self.url);
        object.put_list("WebhookEvents", &self.events);
        if let Some(own) = self.signature_in_own_header {
            object.put("SignatureTokenToMsSignatureHeader", &own);
        }
        object.write().get().to_owned()
    }
}

/// How the registration that there is stands to the wanted one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The wanted address gets all wanted events, and `more`.
    AsWanted {
        /// Events beyond the wanted.
        more: Vec<EventName>,
    },
    /// The wanted address, but not all wanted events.
    Incomplete {
        /// Wanted and not registered.
        missing: Vec<EventName>,
        /// Registered beyond the wanted.
        more: Vec<EventName>,
    },
    /// Nothing is registered.
    Missing,
    /// Another address is registered: events go there.
    Foreign {
        /// The registration that there is.
        found: Registration,
    },
}

impl Standing {
    /// Do all wanted events come to the wanted address?
    pub fn is_good(&self) -> bool {
        matches!(self, Self::AsWanted { .. })
    }
}

fn same_event(one: &EventName, other: &EventName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Addresses are compared as addresses: case of the host and a default port mean nothing.
fn same_url(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(number)) => number.is_loopback(),
        Some(Host::Ipv6(number)) => number.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.org/pc";

    /// The published registration, and what is answered to it.
    #[test]
    fn the_published_registration_is_written_and_its_answers_are_read() {
        let sample = r#"{
          "WebhookUrl": "https://hooks.northwind.example/pc",
          "WebhookEvents": [ "referral-created", "referral-updated", "related-referral-created",
            "related-referral-updated", "test-created" ],
          "SignatureTokenToMsSignatureHeader": true
        }"#;
        let wanted = Registration::new("https://hooks.northwind.example/pc")
            .with_signature_in_own_header(true);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&wanted.write()), value(sample));
        let read = |text: &str| {
            let object = Object::decode(text.as_bytes(), "registration").unwrap();
            Registration::read(&object).unwrap()
        };
        assert_eq!(read(sample), wanted);
        // A sample of the service's own is written so; the connector says the flag as text.
        let other = sample
            .replace("SignatureTokenToMs", "signatureTokenToMs")
            .replace("true", "\"true\"");
        assert_eq!(read(&other), wanted);
        let answered = r#"{"SubscriberId":"e82cac64-dc67-4cd3-849b-78b6127dd57d",
            "WebhookUrl":"https://hooks.northwind.example/pc","WebhookEvents":["test-created"]}"#;
        let answered = read(answered);
        assert_eq!(answered.events, [EventName::TestCreated]);
        assert_eq!(answered.signature_in_own_header, None);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let wanted = Registration::new("http://user:word@hooks.example.org/#a").with_events(vec![]);
        let faults = wanted.check().unwrap_err();
        let fields: Vec<_> = faults
            .list()
            .iter()
            .map(|fault| fault.field.as_str())
            .collect();
        assert_eq!(
            fields,
            ["WebhookUrl", "WebhookUrl", "WebhookUrl", "WebhookEvents"]
        );
        assert!(!faults.to_string().contains("word@"));
        for bad in ["", "hooks.example.org", "ftp://hooks.example.org/"] {
            assert!(Registration::new(bad).check().is_err(), "{bad}");
        }
        for good in [URL, "http://127.0.0.1:8080/", "http://localhost/x"] {
            assert_eq!(Registration::new(good).check(), Ok(()), "{good}");
        }
        let twice = vec![
            EventName::TestCreated,
            EventName::Other("TEST-created".into()),
        ];
        assert!(Registration::new(URL).with_events(twice).check().is_err());
    }

    // R42
    #[test]
    fn registrations_are_compared_by_what_they_mean() {
        let wanted = Registration::new(URL);
        let invoice = EventName::Other("invoice-ready".into());
        let mut found = Registration::new("https://HOOKS.example.org:443/pc");
        assert_eq!(
            wanted.compare(Some(&found)),
            Standing::AsWanted { more: vec![] }
        );
        found.events.reverse();
        found.events.push(invoice.clone());
        let more = vec![invoice];
        assert_eq!(
            wanted.compare(Some(&found)),
            Standing::AsWanted { more: more.clone() }
        );
        found
            .events
            .retain(|event| *event != EventName::TestCreated);
        assert_eq!(
            wanted.compare(Some(&found)),
            Standing::Incomplete {
                missing: vec![EventName::TestCreated],
                more
            }
        );
        assert_eq!(wanted.compare(None), Standing::Missing);
        let foreign = Registration::new("https://hooks.example.org/other");
        assert_eq!(
            wanted.compare(Some(&foreign)),
            Standing::Foreign {
                found: foreign.clone()
            }
        );
        let mut header = Registration::new(URL).with_signature_in_own_header(false);
        let own = Registration::new(URL).with_signature_in_own_header(true);
        assert!(!own.compare(Some(&header)).is_good());
        header.signature_in_own_header = None;
        assert!(own.compare(Some(&header)).is_good());
    }
}

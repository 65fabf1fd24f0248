//! What a post says happened.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::{
    FieldError, RawMap,
    wire::{Object, wire_word},
};

/// Ids and names are short; more than this is no id.
const LONGEST_ID: usize = 128;

wire_word! {
    /// What happened.
    EventName {
        /// A referral of the tenant was created, by whomever: one's own calls count, too.
        ReferralCreated = "referral-created",
        /// A referral of the tenant was changed, expiry included.
        ReferralUpdated = "referral-updated",
        /// A referral of another party in the same engagement was created.
        RelatedReferralCreated = "related-referral-created",
        /// A referral of another party in the same engagement was changed.
        RelatedReferralUpdated = "related-referral-updated",
        /// A validation event that somebody asked for.
        TestCreated = "test-created",
    }
}

impl EventName {
    /// The events that a connector of referrals registers for, the validation event included.
    pub const REFERRALS: [Self; 5] = [
        Self::ReferralCreated,
        Self::ReferralUpdated,
        Self::RelatedReferralCreated,
        Self::RelatedReferralUpdated,
        Self::TestCreated,
    ];

    /// Is it about a referral?
    pub fn is_about_referral(&self) -> bool {
        match self {
            Self::ReferralCreated
            | Self::ReferralUpdated
            | Self::RelatedReferralCreated
            | Self::RelatedReferralUpdated => true,
            Self::TestCreated => false,
            Self::Other(name) => {
                let name = name.to_ascii_lowercase();
                name.starts_with("referral-") || name.starts_with("related-referral-")
            }
        }
    }
}

/// An event whose signature was verified.
///
/// It says that something happened to a referral, not what: read the referral. Events come late,
/// out of order, several times, and some never; [`key`](Self::key) tells repetitions apart.
#[derive(Clone)]
pub struct Event {
    name: EventName,
    referral: Option<String>,
    changed_at: Option<DateTime<Utc>>,
    key: EventKey,
    object: Object,
}

impl Event {
    /// Reads a body. Only an object with an event name is an event; any name will do.
    pub(crate) fn read(body: &Bytes) -> Result<Self, FieldError> {
        let object = Object::decode(body, "event")?;
        let name: EventName = object
            .field("EventName")?
            .ok_or_else(|| FieldError::new("EventName", "the name of an event", "nothing"))?;
        let text = |name| object.field::<String>(name).ok().flatten();
        let uri = text("ResourceUri");
        let resource = uri.as_deref().and_then(resource_id);
        let changed = text("ResourceChangeUtcDate");
        let changed_at = object.field("ResourceChangeUtcDate").ok().flatten();
        let about = resource.clone().or(uri).unwrap_or_default();
        let when = match changed_at {
            Some(at) => DateTime::<Utc>::to_rfc3339_opts(&at, SecondsFormat::Nanos, true),
            None => changed.unwrap_or_default(),
        };
        Ok(Self {
            key: EventKey(format!("{name} {about} {when}")),
            referral: resource.filter(|_| name.is_about_referral()),
            name,
            changed_at,
            object,
        })
    }

    /// What happened. Names that are not published are kept as [`EventName::Other`].
    pub fn name(&self) -> &EventName {
        &self.name
    }

    /// Id of the referral, for events about referrals: the last part of the address, whatever
    /// host, version and form it has. GUIDs in lower case.
    pub fn referral_id(&self) -> Option<&str> {
        self.referral.as_deref()
    }

    /// When it happened, by the service's clock.
    pub fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.changed_at
    }

    /// The same for every delivery of this event, however often and in whatever form of address
    /// it comes. The signature has no time in it, so this is also the guard against replays.
    pub fn key(&self) -> &EventKey {
        &self.key
    }

    /// The address of the resource as sent. It does not always lead to the referral.
    pub fn resource_uri(&self) -> Option<String> {
        self.object.field("ResourceUri").ok().flatten()
    }

    /// Kind of resource, such as `referral`.
    pub fn resource_name(&self) -> Option<String> {
        self.object.field("ResourceName").ok().flatten()
    }

    /// Address of the audit record.
    pub fn audit_uri(&self) -> Option<String> {
        let text = |name| self.object.field::<String>(name).ok().flatten();
        // A table of the documents calls it the latter.
        text("AuditUri").or_else(|| text("AuditUrl"))
    }

    /// Every member as it came.
    pub fn raw(&self) -> &RawMap {
        self.object.members()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("referral", &self.referral)
            .field("changed_at", &self.changed_at)
            .finish_non_exhaustive()
    }
}

/// Tells events apart: name, resource and time of change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKey(String);

impl EventKey {
    /// The key as text, for a store. At most a few hundred bytes for the service's own events.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id in an address of any shape: the last part of its path, or what stands in brackets there.
fn resource_id(uri: &str) -> Option<String> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => path,
    };
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let last = percent_decode_str(last).decode_utf8().ok()?;
    let last = last.trim();
    let inner = last
        .strip_suffix(')')
        .and_then(|last| last.split_once('('))
        .map_or(last, |(_, inner)| inner);
    let id = inner.trim_matches(['\'', '"', '{', '}', ' ']);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) {
        return None;
    }
    Some(if is_guid(id) {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    })
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa";

    fn event(name: &str, uri: &str, at: &str) -> Event {
        let body = format!(
            r#"{{"EventName":"{name}","ResourceUri":"{uri}","ResourceName":"referral",
                "AuditUri":null,"ResourceChangeUtcDate":"{at}"}}"#
        );
        Event::read(&Bytes::from(body)).unwrap()
    }

    /// The published callback.
    const SAMPLE: &str = r#"{
    "EventName": "referral-updated",
    "ResourceUri": "https://api.partnercenter.microsoft.com/engagements/v1/referrals/b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa",
    "ResourceName": "referral",
    "AuditUri": null,
    "ResourceChangeUtcDate": "2026-03-09T14:40:07.5485487+00:00"
}"#;

    #[test]
    fn the_published_callback_is_read_and_kept_as_it_came() {
        let event = Event::read(&Bytes::from(SAMPLE)).unwrap();
        assert_eq!(event.name(), &EventName::ReferralUpdated);
        assert_eq!(event.referral_id(), Some(ID));
        assert_eq!(event.resource_name().as_deref(), Some("referral"));
        assert_eq!(event.audit_uri(), None);
        let at = event.changed_at().unwrap();
        assert_eq!(at.timestamp_subsec_nanos(), 548_548_700);
        let came: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(serde_json::to_value(event.raw()).unwrap(), came);
        let audited = SAMPLE.replace(
            r#""AuditUri": null"#,
            r#""AuditUrl": "https://x.example/a""#,
        );
        let event = Event::read(&Bytes::from(audited)).unwrap();
        assert_eq!(event.audit_uri().as_deref(), Some("https://x.example/a"));
    }

    // R48
    #[test]
    fn the_id_is_found_in_any_address() {
        for uri in [
            "https://api.partnercenter.microsoft.com/engagements/v1/referrals/ID",
            "https://api.partner.microsoft.com/v1.0/engagements/referrals/ID",
            "https://other.example/v7/referrals/ID/",
            "https://other.example/referrals/ID?api-version=3#x",
            "https://other.example/referrals('ID')",
            "https://other.example/referrals(ID)",
            "https://other.example/referrals/%7BID%7D",
            "http://[::1]:80/ID",
            "/engagements/v1/referrals/ID",
            "ID",
        ] {
            let upper = uri.replace("ID", &ID.to_uppercase());
            for uri in [uri.replace("ID", ID), upper] {
                let event = event("referral-updated", &uri, "2026-03-09T14:40:07Z");
                assert_eq!(event.referral_id(), Some(ID), "{uri}");
            }
        }
        for uri in [
            "",
            "https://x.example/",
            "https://x.example/a%2Fb",
            "https://x.example/..%00",
        ] {
            let event = event("referral-updated", uri, "2026-03-09T14:40:07Z");
            assert_eq!(event.referral_id(), None, "{uri}");
        }
    }

    // R49
    #[test]
    fn unknown_events_are_kept_and_name_no_referral() {
        let body = r#"{"EventName":"invoice-ready","New":{"a":1.10},"ResourceUri":7,
            "ResourceChangeUtcDate":"yesterday"}"#;
        let event = Event::read(&Bytes::from(body)).unwrap();
        assert_eq!(event.name(), &EventName::Other("invoice-ready".into()));
        assert_eq!(event.referral_id(), None);
        assert_eq!(event.changed_at(), None);
        assert_eq!(event.raw()["New"].get(), r#"{"a":1.10}"#);
        assert_eq!(event.key().as_str(), "invoice-ready 7 yesterday");
        let later = EventName::from("referral-archived");
        assert!(later.is_about_referral());
    }

    #[test]
    fn the_key_is_the_same_for_every_form_of_the_same_event() {
        let keys = [
            ("https://a.example/v1/", "2026-03-09T14:40:07.5485487+00:00"),
            ("https://b.example/v1.0/x/", "2026-03-09T14:40:07.5485487Z"),
            ("/", "2026-03-09T15:40:07.548548700+01:00"),
        ]
        .map(|(base, at)| {
            event("referral-updated", &format!("{base}{ID}"), at)
                .key()
                .clone()
        });
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[0], keys[2]);
        let others = [
            event("referral-created", ID, "2026-03-09T14:40:07.5485487Z"),
            event("referral-updated", ID, "2026-03-09T14:40:07.5485488Z"),
            event(
                "referral-updated",
                &ID.replace('b', "c"),
                "2026-03-09T14:40:07.5485487Z",
            ),
        ];
        for other in others {
            assert_ne!(&keys[0], other.key());
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"EventName":["a"]}"#,
            "{",
            "\u{0}",
        ] {
            assert!(Event::read(&Bytes::from(body)).is_err(), "{body}");
        }
        let lower = r#"{"eventName":"TEST-created","resourceUri":"x"}"#;
        let event = Event::read(&Bytes::from(lower)).unwrap();
        assert_eq!(event.name(), &EventName::TestCreated);
    }
}

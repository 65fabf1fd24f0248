//! What the service says about a referral beside the deal: links and tags.

use serde_json::value::RawValue;

use crate::{
    FieldError,
    wire::{At, Object, Wire, encode, wire_object},
};

wire_object! {
    /// The service's own links. Not percent-encoded, at times misspelt, with ids that lack their
    /// quotes: use [`get`](crate::Referrals::get) and [`related`](crate::Referrals::related).
    Links {
        /// The referrals of the same engagement.
        related_referrals: Link = "relatedReferrals";
        /// The referral itself.
        itself: Link = "self";
    }
}

wire_object! {
    /// A link.
    Link {
        /// Where to.
        uri: String = "uri";
        /// The HTTP method.
        method: String = "method";
    }
}

/// A mark of the portal: plain text, or an object with the member `tag`. Which of them the service
/// sends is not published; either is kept as it came.
#[derive(Clone)]
pub struct Tag(Box<RawValue>);

impl Tag {
    /// The text of the mark.
    pub fn text(&self) -> Option<String> {
        let at = At::member("tags", "tag");
        if let Ok(text) = String::read(&self.0, &at) {
            return text;
        }
        Object::read(&self.0, &at).ok()?.field("tag").ok().flatten()
    }

    /// The mark as it came.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl std::fmt::Debug for Tag {
    /// Without the text: people write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tag")
    }
}

impl serde::Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Wire for Tag {
    fn read(raw: &RawValue, _: &At<'_>) -> Result<Option<Self>, FieldError> {
        Ok(Some(Self(raw.to_owned())))
    }

    fn write(&self) -> Box<RawValue> {
        encode(&*self.0)
    }
}

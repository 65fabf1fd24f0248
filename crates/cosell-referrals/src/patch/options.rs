//! How a patch is sent, and how it ends.

use chrono::{DateTime, Utc};
use cosell_http::Error;

use crate::{ETag, Profile, Referral};

/// The word for setting a value. Both mean the same where the value exists; which of them the
/// service takes for a property that is absent is not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatchVerb {
    /// `replace`, as in every published sample.
    #[default]
    Replace,
    /// `add`, which by RFC 6902 also sets what is absent.
    Add,
}

impl PatchVerb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Add => "add",
        }
    }
}

/// How a patch is sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PatchOptions {
    /// Change only this version; without it the last write wins.
    pub if_match: Option<ETag>,
    /// Ask for the changed referral (default), which spares a read.
    pub representation: bool,
    /// No byte leaves after this moment.
    pub not_after: Option<DateTime<Utc>>,
    /// How values are set.
    pub verb: PatchVerb,
    /// How much [`patch_read`](crate::Referrals::patch_read) checks against the referral.
    pub profile: Profile,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self {
            if_match: None,
            representation: true,
            not_after: None,
            verb: PatchVerb::Replace,
            profile: Profile::Strict,
        }
    }
}

impl PatchOptions {
    /// Only if the referral is still at this version.
    #[must_use]
    pub fn with_if_match(mut self, etag: ETag) -> Self {
        self.if_match = Some(etag);
        self
    }

    /// Ask for the changed referral?
    #[must_use]
    pub fn with_representation(mut self, wanted: bool) -> Self {
        self.representation = wanted;
        self
    }

    /// Forbids sending after `moment`.
    #[must_use]
    pub fn with_not_after(mut self, moment: DateTime<Utc>) -> Self {
        self.not_after = Some(moment);
        self
    }

    /// Checks so against the referral.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How values are set.
    #[must_use]
    pub fn with_verb(mut self, verb: PatchVerb) -> Self {
        self.verb = verb;
        self
    }
}

/// A patch took effect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Patched {
    /// The referral afterwards, if the service sent it.
    pub referral: Option<Referral>,
}

/// How a patch of a referral that was read ended; see
/// [`patch_read`](crate::Referrals::patch_read).
#[derive(Debug)]
#[non_exhaustive]
pub enum PatchOutcome {
    /// It took effect, all of it.
    Applied(Patched),
    /// The referral has changed since it was read. Nothing took effect: read it again and decide
    /// anew. The service's answer is kept for the log.
    Stale(Error),
}

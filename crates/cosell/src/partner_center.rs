//! Partner Center as one end of the sync.
//!
//! A referral carries no stamp of ours and its service refuses no second create, so this side
//! leans on versions (`eTag`), on `If-Match`, and on looking before repeating.

mod invite;
mod options;
mod pass;
mod read;
mod write;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{
    Context, FieldId, FieldRule, FieldSet, Lens as _, Path, Reason, ReasonCode, RecordKind,
    Settled, Value,
};
use cosell_referrals::{Continuation, ListOptions, Order, OrderBy, Referral, Referrals};
use cosell_sync::{
    Capabilities, Cursor, Deadline, Draft, GroupId, Hint, HintPage, Observed, PairKey, PartName,
    Patch, ReadError, RecordId, Replica, Version, WriteError, WriteStamp, Written,
};
use uuid::Uuid;

pub use options::{NewDeals, PartnerCenterOptions};
pub(crate) use read::MICROSOFT_PART;

use crate::failure;
use pass::Pass;

/// The left end of every engine that this crate builds. See [`Replica`] for what it keeps.
#[derive(Clone, Debug)]
pub struct PartnerCenter {
    client: Referrals,
    fields: Arc<FieldSet>,
    context: Arc<Context>,
    options: Arc<PartnerCenterOptions>,
    /// Fields whose rule names a place in Microsoft's referral.
    from_microsoft: Arc<BTreeSet<FieldId>>,
}

impl PartnerCenter {
    /// Over a client. `fields` and `context` must be the CRM's, too.
    pub fn new(
        client: Referrals,
        fields: Arc<FieldSet>,
        context: Arc<Context>,
        options: PartnerCenterOptions,
    ) -> Self {
        let reads = |rule: &FieldRule| rule.lens(RecordKind::Referral).reads();
        let below = |path: &Path| path.root() == MICROSOFT_PART;
        let from_microsoft = fields
            .iter()
            .filter(|rule| reads(rule).iter().any(below))
            .map(|rule| rule.field.clone())
            .collect();
        Self {
            client,
            fields,
            context,
            options: Arc::new(options),
            from_microsoft: Arc::new(from_microsoft),
        }
    }

    /// The client that works there, for all that this side has no method for.
    pub fn client(&self) -> &Referrals {
        &self.client
    }

    fn overlap(&self) -> TimeDelta {
        TimeDelta::from_std(self.options.overlap).unwrap_or(TimeDelta::MAX)
    }

    fn hint(&self, referral: &Referral) -> Option<Hint> {
        let id = referral.id().ok().flatten()?;
        match self.observe(referral.clone()) {
            Ok(seen) => Some(Hint {
                id: seen.id.clone(),
                version: Some(seen.version.clone()),
                takes_part: Some(seen.takes_part),
                gone: false,
                seen: Some(seen),
            }),
            // Incomplete or broken in the list: the record itself tells, when it is fetched.
            Err(_) => Some(Hint {
                id: RecordId::new(id),
                version: referral
                    .etag()
                    .ok()
                    .flatten()
                    .map(|etag| Version::new(etag.as_str())),
                takes_part: None,
                gone: false,
                seen: None,
            }),
        }
    }
}

#[async_trait]
impl Replica for PartnerCenter {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.find_lag = self.options.find_lag;
        capabilities.read_lag = self.options.read_lag;
        capabilities.lateness = self.options.lateness;
        capabilities.lists_parts = self.options.lists_show_microsoft;
        capabilities.part_sweep = self.options.invitation_sweep;
        capabilities
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let pass = Pass::from_cursor(since);
        let page = match pass.next_page() {
            Some(next) => match self.client.next_page(&Continuation::new(next)).await {
                // How long a stored link is honoured is not published.
                Err(error)
                    if error
                        .status()
                        .is_some_and(|status| status.is_client_error())
                        && error.kind() == cosell_http::ErrorKind::Refused =>
                {
                    return Err(ReadError::CursorExpired(error.to_string()));
                }
                page => page,
            },
            None => {
                let newest = Order::newest(OrderBy::Updated);
                self.client
                    .first_page(&ListOptions::default().with_order(newest))
                    .await
            }
        }
        .map_err(|error| failure::read_error(&error))?;
        let mut stamps = Vec::with_capacity(page.items.len());
        let mut hints = Vec::with_capacity(page.items.len());
        for referral in page.items {
            let stamp = referral.updated_date_time().ok().flatten();
            stamps.extend(stamp);
            if !stamp.is_some_and(|stamp| pass.is_old(stamp)) {
                hints.extend(self.hint(&referral));
            }
        }
        let next = page.next.as_ref().map(Continuation::as_str);
        let (pass, more) = pass.after_page(&stamps, next, self.overlap());
        Ok(HintPage {
            hints,
            cursor: pass.to_cursor(),
            more,
        })
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        // An id of another shape is somebody else's text: it names no referral.
        if Uuid::try_parse(id.as_str()).is_err() {
            return Ok(None);
        }
        let referral = self
            .client
            .get(id.as_str())
            .await
            .map_err(|error| failure::read_error(&error))?;
        referral
            .map(|referral| self.observe(referral).map_err(ReadError::Malformed))
            .transpose()
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let newest = Order::newest(OrderBy::Created);
        let mut page = self
            .client
            .first_page(&ListOptions::default().with_order(newest))
            .await
            .map_err(|error| failure::read_error(&error))?;
        let mut found = Vec::new();
        loop {
            let mut reached = false;
            for referral in page.items {
                let created = referral.created_date_time().ok().flatten();
                reached |= created
                    .zip(floor)
                    .is_some_and(|(created, floor)| created < floor);
                if !names(&referral, key) {
                    continue;
                }
                let id = referral.id().ok().flatten().unwrap_or_default();
                // The list may lag behind and lack parts: the record itself is the truth.
                found.extend(self.fetch(&RecordId::new(id)).await?);
            }
            match page.next.filter(|_| !reached) {
                None => return Ok(found),
                Some(next) => {
                    page = self
                        .client
                        .next_page(&next)
                        .await
                        .map_err(|error| failure::read_error(&error))?;
                }
            }
        }
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        let related = self.client.related(group.as_str()).await;
        let related = related.map_err(|error| failure::read_error(&error))?;
        related
            .into_iter()
            .map(|referral| self.observe(referral).map_err(ReadError::Malformed))
            .collect()
    }

    async fn create(
        &self,
        key: &PairKey,
        _: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.create_referral(key, draft, until).await
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        _: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.invite(of, name, draft, until).await
    }

    async fn update(
        &self,
        seen: &Observed,
        _: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.patch_referral(seen, patch, until).await
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        if self.from_microsoft.contains(field) {
            let detail = "it is read from Microsoft's own referral, which is not written";
            return Settled::Cannot(Reason::new(ReasonCode::NotWritable, detail));
        }
        let record = now
            .and_then(|now| now.native.get::<Referral>())
            .map(Referral::raw);
        let held = now.and_then(|now| now.fields.get(field));
        let (kind, cx) = (RecordKind::Referral, &self.context);
        match record.zip(held) {
            Some(read) => self.fields.settle_read(kind, field, wanted, read, cx),
            None => self.fields.settle(kind, field, wanted, record, cx),
        }
    }
}

fn names(referral: &Referral, key: &PairKey) -> bool {
    let reference = referral.external_reference_id().ok().flatten();
    reference.is_some_and(|reference| reference.eq_ignore_ascii_case(key.as_str()))
}

//! Known mistakes, planted between the engine and the services, each caught by the assertion that
//! its test names.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration as Span, Utc};
use cosell::{
    http::{Call, Repeat},
    referrals::Referrals,
    sync::{
        Capabilities, Cursor, Deadline, Draft, FieldId, GroupId, Hint, HintPage, MemoryStore,
        Observed, PairKey, PartName, Patch, ReadError, RecordId, Replica, Settled, StateStore,
        Value, WriteError, WriteStamp, Written, testkit,
    },
};
use http::Method;
use serde_json::{Value as Json, json};

/// A known mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Changed referrals are listed oldest first, page by page by number.
    AscendingPass,
    /// The floor of the pass moves with its first page.
    FloorMovedMidPass,
    /// A write does not name the version that was seen.
    NoIfMatch,
    /// A write whose answer is lost is sent again at once.
    RepeatedBlindly,
    /// One that shows in what the engine stores.
    Stored(testkit::Plant),
}

impl Plant {
    pub(crate) fn left(self, inner: Arc<dyn Replica>, client: Referrals) -> Arc<dyn Replica> {
        match self {
            Self::AscendingPass | Self::FloorMovedMidPass => Arc::new(Planted {
                plant: self,
                inner,
                client,
            }),
            _ => inner,
        }
    }

    pub(crate) fn store(self, inner: Arc<MemoryStore>) -> Arc<dyn StateStore> {
        match self {
            Self::Stored(plant) => plant.store(&inner),
            _ => inner,
        }
    }
}

#[derive(Debug)]
struct Planted {
    plant: Plant,
    inner: Arc<dyn Replica>,
    client: Referrals,
}

impl Planted {
    /// Page number `skip`, oldest change first. Whatever is edited meanwhile moves to the end, and
    /// all behind it one place to the front.
    async fn ascending(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let pass: Json = since
            .and_then(|since| serde_json::from_str(since.as_str()).ok())
            .unwrap_or_default();
        let skip = pass["skip"].as_u64().unwrap_or(0);
        let floor = pass["floor"].as_str().unwrap_or_default().to_owned();
        let target = format!("referrals?$orderby=updatedDateTime%20asc&$skip={skip}");
        let call = Call::new("referrals.list", Method::GET, target, Repeat::Safe);
        let answer = self.client.raw().call(call).await;
        let answer = answer.map_err(|error| ReadError::Failed(error.to_string()))?;
        let page: Json = serde_json::from_slice(&answer.body)
            .map_err(|error| ReadError::Malformed(error.to_string()))?;
        let items = page["value"].as_array().cloned().unwrap_or_default();
        let stamp = |item: &Json| {
            item["updatedDateTime"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let fresh = items.iter().filter(|item| stamp(item) >= floor);
        let hints = fresh.map(|item| Hint {
            id: RecordId::new(item["id"].as_str().unwrap_or_default()),
            version: None,
            takes_part: None,
            gone: false,
            seen: None,
        });
        let hints = hints.collect();
        let top = items
            .iter()
            .map(stamp)
            .max()
            .unwrap_or_default()
            .max(floor.clone());
        let more = page["@odata.nextLink"].is_string();
        let next = if more {
            json!({ "skip": skip + items.len() as u64, "floor": floor })
        } else {
            json!({ "skip": 0, "floor": top })
        };
        Ok(HintPage {
            hints,
            cursor: Cursor::new(next.to_string()),
            more,
        })
    }
}

/// The floor as if the pass under way were done.
fn moved(cursor: &Cursor) -> Cursor {
    let Ok(mut pass) = serde_json::from_str::<Json>(cursor.as_str()) else {
        return cursor.clone();
    };
    let top = pass["open"]["top"]
        .as_str()
        .and_then(|top| top.parse::<DateTime<Utc>>().ok());
    if let Some(top) = top {
        pass["floor"] = json!(top - Span::minutes(15));
    }
    Cursor::new(pass.to_string())
}

#[async_trait]
impl Replica for Planted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        if self.plant == Plant::AscendingPass {
            return self.ascending(since).await;
        }
        let page = self.inner.hints(since).await?;
        Ok(HintPage {
            cursor: moved(&page.cursor),
            ..page
        })
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        self.inner.fetch(id).await
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        self.inner.find(key, floor).await
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.create(key, stamp, draft, until).await
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.inner.in_group(group).await
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.create_part(of, name, stamp, draft, until).await
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.update(seen, stamp, patch, until).await
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        self.inner.settle(field, wanted, now)
    }
}

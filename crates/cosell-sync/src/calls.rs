//! Calls to the replicas: counted, held back while a service asks for silence, and with panics
//! turned into errors of the one record.

use std::{any::Any, future::Future, panic::AssertUnwindSafe};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;

use crate::{
    Call, Cursor, Deadline, Draft, Event, GroupId, HintPage, Observed, PairKey, PartName, Patch,
    ReadError, RecordId, Side, WriteError, WriteStamp, Written, engine::after, observe,
    round::Round,
};

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("(no text)"))
}

async fn guarded<T, E>(
    call: impl Future<Output = Result<T, E>>,
    panicked: impl FnOnce(String) -> E,
) -> Result<T, E> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(panicked(panic_text(&*panic))),
    }
}

impl Round<'_> {
    pub(crate) async fn hints(
        &self,
        side: Side,
        since: Option<&Cursor>,
    ) -> Result<HintPage, ReadError> {
        let replica = self.engine.replica(side);
        let call = async { replica.hints(since).await };
        let page = self.read(side, Call::Hints, call).await?;
        for seen in page.hints.iter().filter_map(|hint| hint.seen.as_ref()) {
            self.note_time(side, seen.as_of);
        }
        Ok(page)
    }

    pub(crate) async fn fetch(
        &self,
        side: Side,
        id: &RecordId,
    ) -> Result<Option<Observed>, ReadError> {
        let replica = self.engine.replica(side);
        let call = async { replica.fetch(id).await };
        let record = self.read(side, Call::Fetch, call).await?;
        if let Some(record) = &record {
            self.note_time(side, record.as_of);
        }
        Ok(record)
    }

    pub(crate) async fn find(
        &self,
        side: Side,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let replica = self.engine.replica(side);
        let call = async { replica.find(key, floor).await };
        let mut found = self.read(side, Call::Find, call).await?;
        // A server that ignores an unknown filter returns the records of others.
        if !self.capabilities(side).unique_birth {
            found.retain(|record| record.key.as_ref() == Some(key));
        }
        Ok(found)
    }

    /// The records of a group that play one part, oldest first.
    pub(crate) async fn parts_named(
        &self,
        side: Side,
        group: &GroupId,
        name: &PartName,
    ) -> Result<Vec<Observed>, ReadError> {
        let replica = self.engine.replica(side);
        let call = async { replica.in_group(group).await };
        let mut found = self.read(side, Call::Find, call).await?;
        // A server that ignores an unknown filter returns the records of others.
        found.retain(|record| {
            record.role.part() == Some(name) && record.group.as_ref() == Some(group)
        });
        found.sort_by(|a, b| (a.as_of, &a.id).cmp(&(b.as_of, &b.id)));
        Ok(found)
    }

    pub(crate) async fn create(
        &self,
        side: Side,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let replica = self.engine.replica(side);
        let call = async { replica.create(key, stamp, draft, until).await };
        self.write(side, Call::Create, until, call).await
    }

    pub(crate) async fn create_part(
        &self,
        (side, of): (Side, &Observed),
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let replica = self.engine.replica(side);
        let call = async { replica.create_part(of, name, stamp, draft, until).await };
        self.write(side, Call::Create, until, call).await
    }

    pub(crate) async fn update(
        &self,
        side: Side,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let replica = self.engine.replica(side);
        let call = async { replica.update(seen, stamp, patch, until).await };
        self.write(side, Call::Update, until, call).await
    }

    async fn read<T>(
        &self,
        side: Side,
        what: Call,
        call: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        if let Some(after) = self.silence(side) {
            return Err(ReadError::Throttled { after });
        }
        let begun = self.count(side, what);
        let result = guarded(call, ReadError::Malformed).await;
        self.called(side, what, begun, result.as_ref().err());
        if let Err(ReadError::Throttled { after }) = &result {
            self.be_silent(side, *after);
        }
        result
    }

    async fn write(
        &self,
        side: Side,
        what: Call,
        until: Deadline,
        call: impl Future<Output = Result<Written, WriteError>>,
    ) -> Result<Written, WriteError> {
        if let Some(after) = self.silence(side) {
            return Err(WriteError::Throttled { after });
        }
        if self.now() > until {
            return Err(WriteError::NotSent("the send window has passed".into()));
        }
        let begun = self.count(side, what);
        // The panic may have come after the bytes left.
        let result = guarded(call, |panic| WriteError::Unknown(panic.into())).await;
        self.called(side, what, begun, result.as_ref().err());
        match &result {
            Ok(written) => {
                if let Some(record) = &written.after {
                    self.note_time(side, record.as_of);
                }
            }
            Err(WriteError::Throttled { after }) => self.be_silent(side, *after),
            Err(_) => {}
        }
        result
    }

    fn count(&self, side: Side, what: Call) -> DateTime<Utc> {
        self.report(|report| {
            let calls = report.side_mut(side);
            *match what {
                Call::Hints => &mut calls.pages,
                Call::Fetch => &mut calls.fetches,
                Call::Find => &mut calls.finds,
                Call::Create => &mut calls.creates,
                Call::Update => &mut calls.updates,
            } += 1;
        });
        self.now()
    }

    fn called<E>(&self, side: Side, call: Call, begun: DateTime<Utc>, error: Option<&E>)
    where
        E: ToString,
        for<'a> &'a E: Into<observe::Outcome>,
    {
        let words = error.map(ToString::to_string);
        self.engine.observe(&Event::Call {
            side,
            call,
            outcome: error.map_or(observe::Outcome::Done, Into::into),
            error: words.as_deref(),
            took: self.engine.since(begun),
            at: self.now(),
        });
    }

    fn silence(&self, side: Side) -> Option<std::time::Duration> {
        let until = self.engine.memory(side, |_| {}).not_before?;
        let left = (until - self.now()).to_std().ok()?;
        (!left.is_zero()).then_some(left)
    }

    fn be_silent(&self, side: Side, wait: std::time::Duration) {
        let until = after(self.now(), wait);
        self.engine.memory(side, |memory| {
            memory.not_before = memory.not_before.max(Some(until));
        });
    }

    pub(crate) fn note_time(&self, side: Side, as_of: DateTime<Utc>) {
        self.engine.memory(side, |memory| {
            memory.newest = memory.newest.max(Some(as_of));
        });
    }
}

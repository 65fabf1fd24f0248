//! The network and the store's commits, as far as they go through the gate.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cosell::{
    http::{Transport, TransportError},
    sync::{Change, StoreError, testkit::CommitTap},
};
use cosell_sandbox::{Act as Deed, ErrorBody, Fault as Trouble, FaultRule, Moment, ServiceName};
use http::{Request, Response};

use super::{
    facts::By,
    gate::{Call, Fault, Gate, Kind},
    plants::Plant,
};

/// How late a late list is.
const LATE: u64 = 60;
/// What a throttled caller is asked to wait.
const WAIT: u64 = 7;

#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) gate: Arc<Gate>,
}

fn status(status: u16, retry_after: Option<u64>, at: Moment) -> Trouble {
    Trouble::Status {
        status,
        retry_after,
        at,
        body: ErrorBody::Service,
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let world = &self.gate.world;
        let host = request.uri().host().unwrap_or_default();
        let service = match host {
            "api.partner.microsoft.com" => ServiceName::PartnerCenter,
            _ => ServiceName::Dataverse,
        };
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let call = Call::of_request(service, request.method(), path);
        let line = format!("{} {path}", request.method());
        let fault = self.gate.enter(call, || line).await;
        if world.setup.plant == Some(Plant::NoIfMatch) {
            request.headers_mut().remove("If-Match");
        }
        let trouble = match fault {
            Some(Fault::Lose) => Some(Trouble::LoseAnswer {
                at: Moment::BeforeEffect,
            }),
            Some(Fault::LoseAnswer) => Some(Trouble::LoseAnswer {
                at: Moment::AfterEffect,
            }),
            Some(Fault::Throttle) => Some(status(429, Some(WAIT), Moment::BeforeEffect)),
            Some(Fault::Unavailable) => Some(status(503, None, Moment::BeforeEffect)),
            Some(Fault::ServerError) => Some(status(500, None, Moment::AfterEffect)),
            Some(Fault::LateList) => Some(Trouble::LateList { seconds: LATE }),
            Some(Fault::Expire) => {
                let expired = world.handle.act(&Deed::CrmExpireDeltaLinks);
                expired.expect("metadata can always change");
                None
            }
            _ => None,
        };
        let rule = trouble.map(|trouble| {
            // It strikes the very next request, which is this one.
            world.handle.add_fault(FaultRule::new(trouble))
        });
        let writes = call.kind == Kind::Write;
        let again = request.clone();
        let mut answer = self.inner.send(request).await;
        if let Some(rule) = rule {
            world.handle.remove_fault(rule);
        }
        if writes && answer.is_err() && world.setup.plant == Some(Plant::RepeatedBlindly) {
            answer = self.inner.send(again).await;
        }
        if writes {
            self.gate.arrived();
            world.look(By::Engine);
        }
        answer
    }
}

#[async_trait]
impl CommitTap for Gate {
    async fn before(&self, batch: &[Change]) -> Result<(), StoreError> {
        let call = Call {
            kind: Kind::Commit,
            side: None,
        };
        match self.enter(call, || words(batch)).await {
            Some(Fault::Lose) => Err(full()),
            Some(Fault::LoseAnswer) => {
                self.lose_next_answer();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn after(&self) -> Result<(), StoreError> {
        if self.takes_lost_answer() {
            return Err(full());
        }
        Ok(())
    }
}

fn full() -> StoreError {
    StoreError::Failed("disk full; make room".to_owned())
}

fn words(batch: &[Change]) -> String {
    let words: Vec<String> = batch
        .iter()
        .map(|change| match change {
            Change::Pair(pair) => {
                let intent = pair.intent.as_ref();
                let writes =
                    intent.map_or_else(String::new, |to| format!(" to write {:?}", to.side));
                let park = if pair.park.is_some() { " parked" } else { "" };
                format!("pair{writes}{park}")
            }
            Change::Cursor { side, .. } => format!("cursor {side:?}"),
            Change::Enqueue(hint) => format!("enqueue {:?} {}", hint.side, hint.id),
            Change::Dequeue { side, id, .. } => format!("dequeue {side:?} {id}"),
            Change::Postpone { hint } => format!("postpone {:?} {}", hint.side, hint.id),
            Change::Conflict(entry) => format!("conflict {}", entry.field),
            Change::Skip(record) => format!("skip {:?} {}", record.side, record.id),
            Change::Unskip { side, id } => format!("unskip {side:?} {id}"),
            _ => "more".to_owned(),
        })
        .collect();
    format!("commit [{}]", words.join(", "))
}

//! Stand-ins for the speed runs: a source of pages without end, and a client over it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_dataverse::Dataverse;
use cosell_http::{AccessToken, Sleep, TokenError, TokenProvider, Transport, TransportError};
use http::{Request, Response};

/// Address of the made-up environment.
pub(crate) const ORG: &str = "https://fabrikam-sales.crm4.dynamics.com";

/// Gives pages of 5,000 rows until so many rows were given.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    page: Bytes,
    last: Bytes,
    left: Arc<AtomicUsize>,
    pages: usize,
}

impl Pages {
    /// At most 5,000 rows a page, so many in all; then all over again.
    pub(crate) fn new(rows: usize) -> Self {
        let size = rows.min(5_000);
        let pages = rows.div_ceil(size.max(1));
        Self {
            page: body(size, true),
            last: body(size, false),
            left: Arc::new(AtomicUsize::new(pages)),
            pages,
        }
    }

    /// Bytes of one page.
    pub(crate) fn bytes(&self) -> usize {
        self.last.len()
    }
}

fn body(rows: usize, more: bool) -> Bytes {
    let rows: Vec<String> = (0..rows)
        .map(|row| {
            format!(
                "{{\"@odata.etag\":\"W/\\\"{row}\\\"\",\"opportunityid\":\
                 \"00000000-0000-0000-0000-{row:012x}\",\"name\":\"Deal number {row}\",\
                 \"description\":\"What the customer wants, and by when: {row}\",\
                 \"estimatedvalue\":{row}.2500,\"estimatedclosedate\":\"2026-06-30\",\
                 \"closeprobability\":40,\"statecode\":0,\"statuscode\":1,\
                 \"_parentaccountid_value\":\"1d0a6c8e-54f7-4c1b-8f22-90b3e7d4a611\",\
                 \"createdon\":\"2026-01-02T03:04:05Z\",\"modifiedon\":\"2026-03-04T09:15:42Z\",\
                 \"versionnumber\":{row}}}"
            )
        })
        .collect();
    let next = if more {
        format!(",\"@odata.nextLink\":\"{ORG}/api/data/v9.2/opportunities?$skiptoken=%NEXT%\"")
    } else {
        String::new()
    };
    format!("{{\"value\":[{}]{next}}}", rows.join(",")).into()
}

#[async_trait]
impl Transport for Pages {
    async fn send(&self, _request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        if left == 1 {
            self.left.store(self.pages, Ordering::Relaxed);
            return Ok(Response::new(self.last.clone()));
        }
        let text = String::from_utf8_lossy(&self.page);
        // Each page has a link of its own, as a reader that looks for circles expects.
        Ok(Response::new(
            text.replace("%NEXT%", &left.to_string()).into(),
        ))
    }
}

/// A token that never ends.
#[derive(Debug)]
pub(crate) struct Token;

#[async_trait]
impl TokenProvider for Token {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let end = DateTime::<Utc>::MAX_UTC;
        Ok(AccessToken::new("token".to_owned().into(), end))
    }
}

#[derive(Debug)]
struct Still;

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    async fn sleep(&self, _duration: std::time::Duration) {}
}

/// A client over `transport` whose clock stands still.
pub(crate) fn client(transport: impl Transport) -> Dataverse {
    let environment = ORG.parse().expect("an address");
    let transport = Arc::new(transport);
    Dataverse::builder(environment, transport, Arc::new(Token), Arc::new(Still))
        .build()
        .expect("a client")
}

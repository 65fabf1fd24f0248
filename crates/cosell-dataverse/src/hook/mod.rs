//! Registering where events go: the endpoint, its steps and their images.
//!
//! [`Hook::plan`] shows what is missing, [`Hook::register`] makes it and nothing else; the second
//! time there is nothing to do. What stands under another name is never touched. Read what then
//! arrives with [`event`](crate::event).
//!
//! Deliveries are not guaranteed: an asynchronous step tries once more, and only after 502, 503 or
//! 504. Keep following the table's changes ([`Rows::feed`](crate::Rows::feed)) as the truth.

mod compare;
mod spec;

use std::fmt;

use cosell_http::{Call, Error, Repeat};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Dataverse, Filter, PageOptions, Query, Row, Table};

pub use spec::{HookSecret, HookSpec, StepSpec};

const OPERATION: &str = "dataverse.hook";
const ENDPOINTS: Table = Table::from_static("serviceendpoints", "serviceendpointid");
const MESSAGES: Table = Table::from_static("sdkmessages", "sdkmessageid");
const FILTERS: Table = Table::from_static("sdkmessagefilters", "sdkmessagefilterid");
const STEPS: Table = Table::from_static("sdkmessageprocessingsteps", "sdkmessageprocessingstepid");
const IMAGES: Table = Table::from_static(
    "sdkmessageprocessingstepimages",
    "sdkmessageprocessingstepimageid",
);
const WEBHOOK: i32 = 8;

/// What is missing before events come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookPlan {
    /// What will be made or changed, in order.
    pub steps: Vec<String>,
    /// What is in the way; with any, nothing is done.
    pub obstacles: Vec<String>,
}

impl HookPlan {
    /// Is everything there?
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.obstacles.is_empty()
    }
}

impl fmt::Display for HookPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            writeln!(f, "Nothing to do.")?;
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for obstacle in &self.obstacles {
            writeln!(f, "In the way: {obstacle}")?;
        }
        Ok(())
    }
}

/// A delivery that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedDelivery {
    /// When it was begun.
    pub at: Option<chrono::DateTime<chrono::Utc>>,
    /// The row that the event was about.
    pub row: Option<Uuid>,
    /// What the service says.
    pub message: String,
}

/// The registration of a [`HookSpec`]. Made by [`Dataverse::hook`].
///
/// The identity needs a role that may customize.
#[derive(Clone, Debug)]
pub struct Hook {
    client: Dataverse,
    spec: HookSpec,
}

impl Dataverse {
    /// Prepares the registration of `spec`. Sends nothing.
    pub fn hook(&self, spec: HookSpec) -> Hook {
        Hook {
            client: self.clone(),
            spec,
        }
    }
}

impl Hook {
    /// What is missing. Reads only. A secret cannot be read back: a changed one shows only with
    /// [`renew_secret`](Self::renew_secret).
    ///
    /// # Errors
    /// [`Error`]; kind `Invalid` with all faults of the wish.
    pub async fn plan(&self) -> Result<HookPlan, Error> {
        let (todo, obstacles) = self.compare().await?;
        Ok(HookPlan {
            steps: todo.iter().map(|todo| self.describe(todo)).collect(),
            obstacles,
        })
    }

    /// Makes what is missing. The second time nothing is.
    ///
    /// Cancel safety: a dropped call may have done a part; register again.
    ///
    /// # Errors
    /// [`Error`]; what was done until then stays, and is found the next time.
    pub async fn register(&self) -> Result<HookPlan, Error> {
        let plan = self.plan().await?;
        if !plan.obstacles.is_empty() {
            return Ok(plan);
        }
        // A step is looked up by the endpoint, an image by its step: ask again after each kind.
        for _ in 0..4 {
            let (todo, _) = self.compare().await?;
            if todo.is_empty() {
                break;
            }
            for todo in todo {
                self.carry_out(&todo).await?;
            }
        }
        Ok(plan)
    }

    /// Tells the service the secret of this wish, whatever it had before.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when nothing is registered.
    pub async fn renew_secret(&self) -> Result<(), Error> {
        self.spec.check()?;
        let endpoint = self.endpoint_id().await?;
        let (kind, value) = self.spec.auth();
        let body = json!({"authtype": kind, "authvalue": value});
        self.patch(&ENDPOINTS, endpoint, &body).await
    }

    /// Stops the events (or lets them come again) without forgetting anything.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when nothing is registered.
    pub async fn enable(&self, on: bool) -> Result<(), Error> {
        let endpoint = self.endpoint_id().await?;
        for step in self.steps_of(endpoint).await? {
            if let Some(id) = step.guid(STEPS.key()).ok().flatten() {
                self.patch(&STEPS, id, &state(on)).await?;
            }
        }
        Ok(())
    }

    /// Takes the endpoint and its steps away. Nothing happens when there are none.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn remove(&self) -> Result<(), Error> {
        let Some(endpoint) = self.endpoint().await? else {
            return Ok(());
        };
        let Some(id) = endpoint.guid(ENDPOINTS.key()).ok().flatten() else {
            return Ok(());
        };
        for step in self.steps_of(id).await? {
            if let Some(id) = step.guid(STEPS.key()).ok().flatten() {
                self.delete(&STEPS, id).await?;
            }
        }
        self.delete(&ENDPOINTS, id).await
    }

    /// Deliveries of a step that failed for good, newest first, at most 100: rows to look at.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn failures(&self) -> Result<Vec<FailedDelivery>, Error> {
        let mut failures = Vec::new();
        let endpoint = self.endpoint_id().await?;
        for step in self.steps_of(endpoint).await? {
            let Some(id) = step.guid(STEPS.key()).ok().flatten() else {
                continue;
            };
            let jobs = Table::from_static("asyncoperations", "asyncoperationid");
            let columns = [
                "message",
                "friendlymessage",
                "createdon",
                "_regardingobjectid_value",
            ];
            let query = Query::select(columns)
                .with_filter(
                    Filter::eq("_owningextensionid_value", id).and(Filter::eq("statuscode", 31)),
                )
                .with_order("createdon", crate::Direction::Descending)
                .with_top(100);
            let rows = self.client.table(jobs);
            let mut items = rows.pages(&query, PageOptions::default()).items();
            while let Some(row) = items.next_row().await? {
                let text = |column: &str| row.text(column).ok().flatten();
                failures.push(FailedDelivery {
                    at: row.instant("createdon").ok().flatten(),
                    row: row.lookup("regardingobjectid").ok().flatten(),
                    message: text("friendlymessage")
                        .or_else(|| text("message"))
                        .unwrap_or_default(),
                });
            }
        }
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.at));
        failures.truncate(100);
        Ok(failures)
    }

    async fn endpoint(&self) -> Result<Option<Row>, Error> {
        let query = Query::select(["serviceendpointid", "url", "contract"])
            .with_filter(Filter::eq("name", self.spec.name.as_str()));
        let rows = self.client.table(ENDPOINTS);
        rows.pages(&query, PageOptions::default())
            .items()
            .next_row()
            .await
    }

    async fn endpoint_id(&self) -> Result<Uuid, Error> {
        let row = self.endpoint().await?;
        let id = row.and_then(|row| row.guid(ENDPOINTS.key()).ok().flatten());
        id.ok_or_else(|| {
            missing(format!(
                "there is no endpoint {:?}: register it",
                self.spec.name
            ))
        })
    }

    async fn steps_of(&self, endpoint: Uuid) -> Result<Vec<Row>, Error> {
        let query =
            Query::select([STEPS.key(), "name", "filteringattributes", "statecode"]).with_filter(
                Filter::eq("eventhandler_serviceendpoint/serviceendpointid", endpoint),
            );
        self.all(&STEPS, &query).await
    }

    async fn images_of(&self, step: Uuid) -> Result<Vec<Row>, Error> {
        let query = Query::select([IMAGES.key(), "name"])
            .with_filter(Filter::eq("_sdkmessageprocessingstepid_value", step));
        self.all(&IMAGES, &query).await
    }

    async fn all(&self, table: &Table, query: &Query) -> Result<Vec<Row>, Error> {
        let rows = self.client.table(table.clone());
        let mut items = rows.pages(query, PageOptions::default()).items();
        let mut all = Vec::new();
        while let Some(row) = items.next_row().await? {
            all.push(row);
        }
        Ok(all)
    }

    /// The id of the only row that meets `filter`.
    async fn one(&self, table: &Table, filter: Filter) -> Result<Uuid, Error> {
        let query = Query::select([table.key()]).with_filter(filter);
        let rows = self.all(table, &query).await?;
        let id = rows
            .first()
            .and_then(|row| row.guid(table.key()).ok().flatten());
        id.ok_or_else(|| {
            missing(format!(
                "{} has no row for the step: does the table have this message?",
                table.set()
            ))
        })
    }

    async fn post(&self, table: &Table, body: &Value) -> Result<(), Error> {
        let call = self.write(Method::POST, table.set().to_owned(), body);
        self.client.raw(call).await.map(drop)
    }

    async fn patch(&self, table: &Table, id: Uuid, body: &Value) -> Result<(), Error> {
        let call = self
            .write(Method::PATCH, table.row_target(id), body)
            .with_header(http::header::IF_MATCH, HeaderValue::from_static("*"));
        self.client.raw(call).await.map(drop)
    }

    async fn delete(&self, table: &Table, id: Uuid) -> Result<(), Error> {
        let target = table.row_target(id);
        let call = Call::new(OPERATION, Method::DELETE, target, Repeat::IfNotSent);
        self.client.raw(call).await.map(drop)
    }

    fn write(&self, method: Method, target: String, body: &Value) -> Call {
        let call = Call::new(OPERATION, method, target, Repeat::IfNotSent).with_body(
            HeaderValue::from_static("application/json"),
            body.to_string(),
        );
        let solution = self.spec.solution.as_deref();
        match solution.and_then(|name| HeaderValue::try_from(name).ok()) {
            Some(name) => {
                call.with_header(HeaderName::from_static("mscrm.solutionuniquename"), name)
            }
            None => call,
        }
    }
}

fn state(on: bool) -> Value {
    if on {
        json!({"statecode": 0, "statuscode": 1})
    } else {
        json!({"statecode": 1, "statuscode": 2})
    }
}

fn missing(message: String) -> Error {
    Error::new(
        OPERATION,
        cosell_http::ErrorKind::NotFound,
        cosell_http::Sent::No,
        message,
    )
}

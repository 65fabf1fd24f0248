//! Carrying a plan out, one recorded step after the other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cosell_http::{Call, Error, ErrorKind, Repeat, Sent};
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, NewColumn, Plan, Provisioner, Step, body};
use crate::{ErrorCode, code_of, schema::KeyStatus};

const OPERATION: &str = "dataverse.provision_apply";
/// Tries of one step while the service does not yet know of an earlier one, or is busy with
/// another customization.
const TRIES: u32 = 5;
/// Between two looks at an index that is being built.
const LOOK: Duration = Duration::from_secs(5);

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It was done.
    Done,
    /// Somebody had done it meanwhile, or an earlier try of ours.
    AlreadyThere,
    /// It failed, and the rest was not begun.
    Failed {
        /// What went wrong.
        error: String,
        /// May it have taken effect? A new plan tells.
        may_have_acted: bool,
    },
}

/// A step that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// When it ended.
    pub at: Option<DateTime<Utc>>,
    /// The step.
    pub step: Step,
    /// What became of it.
    pub outcome: StepOutcome,
}

/// What became of a plan. May be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Applied {
    /// The steps that were begun, in order.
    pub records: Vec<StepRecord>,
    /// The steps that were not.
    pub left: Vec<Step>,
}

impl Applied {
    /// The step that failed, which is the last one begun. Plan and apply again to go on.
    pub fn failure(&self) -> Option<&StepRecord> {
        let last = self.records.last();
        last.filter(|record| matches!(record.outcome, StepOutcome::Failed { .. }))
    }
}

impl Provisioner {
    /// Carries out `plan`, exactly as it was shown: when the environment has changed since, so
    /// that a new plan would differ, nothing is done. Stops at the first step that fails; each
    /// step is recorded with its time.
    ///
    /// Cancel safety: a dropped call may have done some of the steps; plan again.
    ///
    /// # Errors
    /// [`Error`] when nothing was done: kind `Invalid` for a plan with obstacles or one that no
    /// longer fits. A step that fails is no error but [`StepOutcome::Failed`].
    pub async fn apply(&self, plan: &Plan) -> Result<Applied, Error> {
        let invalid =
            |message: String| Error::new(OPERATION, ErrorKind::Invalid, Sent::No, message);
        if let Some(obstacle) = plan.obstacles.first() {
            return Err(invalid(format!(
                "{} in the way, the first: {}: {}",
                plan.obstacles.len(),
                obstacle.object,
                obstacle.reason
            )));
        }
        if self.plan().await? != *plan {
            return Err(invalid(
                "the environment or the blueprint has changed since the plan was made: look at a \
                 new one"
                    .to_owned(),
            ));
        }
        if plan.steps.is_empty() {
            return Ok(Applied::default());
        }
        let language = self.client.schema().base_language().await?;
        let mut applied = Applied::default();
        let mut steps = plan.steps.iter();
        for step in steps.by_ref() {
            let outcome = self.run_step(step, language).await;
            let failed = outcome.is_err();
            applied.records.push(StepRecord {
                at: self.client.now(),
                step: step.clone(),
                outcome: outcome.unwrap_or_else(|error| StepOutcome::Failed {
                    may_have_acted: error.sent() == Sent::Maybe
                        || error.kind() == ErrorKind::Service,
                    error: error.to_string(),
                }),
            });
            if failed {
                break;
            }
        }
        applied.left = steps.cloned().collect();
        self.client.schema().refresh().await.ok();
        Ok(applied)
    }

    async fn run_step(&self, step: &Step, language: u32) -> Result<StepOutcome, Error> {
        let Some((target, body)) = self.request(step, language).await? else {
            return self.await_key(step).await;
        };
        let mut wait = Duration::from_millis(400);
        let mut tries = 1;
        let outcome = loop {
            match self.post(&target, &body).await {
                Ok(()) => break StepOutcome::Done,
                Err(error) if is_there(&error) => break StepOutcome::AlreadyThere,
                Err(error) if tries < TRIES && passes(&error) => {
                    self.client.wait(wait).await;
                    wait *= 2;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        };
        match step.action {
            Action::CreateKey | Action::ReactivateKey => {
                self.await_key(step).await?;
                Ok(outcome)
            }
            _ => Ok(outcome),
        }
    }

    /// What a step posts; `None` for one that only waits.
    async fn request(&self, step: &Step, language: u32) -> Result<Option<(String, Value)>, Error> {
        let lost = || {
            let message = "the step fits no part of the blueprint: make a new plan";
            Error::new(OPERATION, ErrorKind::Invalid, Sent::No, message)
        };
        let blueprint = &self.blueprint;
        let (table, name) = step.object.split_once('.').unwrap_or((&step.object, ""));
        let column = || {
            let mut columns = blueprint.columns.iter();
            columns
                .find(|spec| spec.table == table && spec.logical_name() == name)
                .ok_or_else(lost)
        };
        let definition = format!("EntityDefinitions(LogicalName='{table}')");
        Ok(Some(match step.action {
            Action::CreatePublisher => (
                "publishers".to_owned(),
                body::publisher(&blueprint.publisher),
            ),
            Action::CreateSolution => {
                let publisher = self.publisher_id().await?.ok_or_else(|| {
                    let message = "the publisher is not there: make a new plan";
                    Error::new(OPERATION, ErrorKind::NotFound, Sent::No, message)
                })?;
                let solution = &blueprint.solution;
                let body = json!({
                    "uniquename": solution.unique_name,
                    "friendlyname": solution.label,
                    "version": solution.version,
                    "publisherid@odata.bind": format!("/publishers({publisher})"),
                });
                ("solutions".to_owned(), body)
            }
            Action::CreateTable => {
                let mut tables = blueprint.tables.iter();
                let spec = tables.find(|spec| spec.logical_name() == table);
                let body = body::table(spec.ok_or_else(lost)?, language);
                ("EntityDefinitions".to_owned(), body)
            }
            Action::CreateColumn => match &column()?.kind {
                NewColumn::Lookup(target) => (
                    "RelationshipDefinitions".to_owned(),
                    body::lookup(column()?, target, language),
                ),
                _ => (
                    format!("{definition}/Attributes"),
                    body::column(column()?, language),
                ),
            },
            Action::AddValue => {
                let value = step
                    .detail
                    .split(' ')
                    .next()
                    .and_then(|value| value.parse().ok());
                let (NewColumn::Choice(values) | NewColumn::Choices(values)) = &column()?.kind
                else {
                    return Err(lost());
                };
                let mut values = values.iter();
                let (value, label) = values
                    .find(|(known, _)| Some(*known) == value)
                    .ok_or_else(lost)?;
                let solution = &blueprint.solution.unique_name;
                let body = body::option(table, name, (*value, label), solution, language);
                ("InsertOptionValue".to_owned(), body)
            }
            Action::CreateKey => {
                let mut keys = blueprint.keys.iter();
                let spec = keys.find(|spec| spec.table == table && spec.schema_name == name);
                let body = body::key(spec.ok_or_else(lost)?, language);
                (format!("{definition}/Keys"), body)
            }
            Action::ReactivateKey => (
                "ReactivateEntityKey".to_owned(),
                json!({"EntityLogicalName": table, "EntityKeyLogicalName": name.to_lowercase()}),
            ),
            Action::Publish => {
                let tables: Vec<String> = step.object.split(',').map(str::to_owned).collect();
                ("PublishXml".to_owned(), body::publish(&tables))
            }
            Action::AwaitKey => return Ok(None),
        }))
    }

    async fn post(&self, target: &str, body: &Value) -> Result<(), Error> {
        let mut call = Call::new(OPERATION, Method::POST, target, Repeat::IfNotSent).with_body(
            HeaderValue::from_static("application/json"),
            body.to_string(),
        );
        // Rows of these tables are no components.
        if !matches!(target, "publishers" | "solutions" | "PublishXml")
            && let Ok(solution) = HeaderValue::try_from(&self.blueprint.solution.unique_name)
        {
            let name = HeaderName::from_static("mscrm.solutionuniquename");
            call = call.with_header(name, solution);
        }
        self.client.raw(call).await?;
        Ok(())
    }

    async fn await_key(&self, step: &Step) -> Result<StepOutcome, Error> {
        let (table, name) = step.object.split_once('.').unwrap_or((&step.object, ""));
        let failed = |message: &str| {
            Error::new(
                OPERATION,
                ErrorKind::Refused,
                Sent::Answered,
                message.to_owned(),
            )
        };
        let mut waited = Duration::ZERO;
        loop {
            let read = self.client.schema().table_now(table).await?;
            let mut keys = read.iter().flat_map(|table| &table.keys);
            let found = keys.find(|key| key.schema_name.eq_ignore_ascii_case(name));
            match found.map(|key| &key.status) {
                Some(KeyStatus::Active) => return Ok(StepOutcome::Done),
                Some(KeyStatus::Failed) => {
                    return Err(failed(
                        "the key's index cannot be built: rows have equal values; a new plan lists \
                         them",
                    ));
                }
                _ if waited >= self.key_wait => {
                    return Err(failed(
                        "the key's index is not ready; the service goes on building it, plan again \
                         later",
                    ));
                }
                _ => {}
            }
            self.client.wait(LOOK).await;
            waited += LOOK;
        }
    }
}

fn is_there(error: &Error) -> bool {
    matches!(
        code_of(error),
        Some(
            ErrorCode::DuplicateAttributeSchemaName
                | ErrorCode::SchemaNameIsNotUnique
                | ErrorCode::EntityKeyNameExists
                | ErrorCode::EntityKeyWithSelectedAttributesExists
        )
    )
}

/// Failures that waiting cures: another server does not know yet, another change runs.
fn passes(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || code_of(error) == Some(ErrorCode::SolutionConcurrencyFailure)
}

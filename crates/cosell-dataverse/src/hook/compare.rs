//! What is there against what is wanted, and making up the difference.

use cosell_http::Error;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ENDPOINTS, FILTERS, Hook, IMAGES, MESSAGES, STEPS, StepSpec, WEBHOOK, state};
use crate::Filter;

/// What is to be done, as it is carried out.
pub(super) enum Todo {
    CreateEndpoint,
    MoveEndpoint(Uuid),
    CreateStep(StepSpec),
    ChangeStep(Uuid, StepSpec),
    Enable(Uuid),
    CreateImage(StepSpec, When),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }

    fn columns(self, step: &StepSpec) -> &[String] {
        match self {
            Self::Before => &step.before,
            Self::After => &step.after,
        }
    }
}

impl Hook {
    pub(super) async fn compare(&self) -> Result<(Vec<Todo>, Vec<String>), Error> {
        self.spec.check()?;
        let mut todo = Vec::new();
        let mut obstacles = Vec::new();
        let endpoint = self.endpoint().await?;
        let id = endpoint
            .as_ref()
            .and_then(|row| row.guid(ENDPOINTS.key()).ok().flatten());
        let mut steps = Vec::new();
        match (&endpoint, id) {
            (Some(row), Some(id)) => {
                if row.integer("contract").ok().flatten() != Some(WEBHOOK.into()) {
                    obstacles.push(format!(
                        "the endpoint {:?} is no webhook: take another name",
                        self.spec.name
                    ));
                    return Ok((todo, obstacles));
                }
                let url = row.text("url").ok().flatten().unwrap_or_default();
                if url != self.spec.url.as_str() {
                    todo.push(Todo::MoveEndpoint(id));
                }
                steps = self.steps_of(id).await?;
            }
            _ => todo.push(Todo::CreateEndpoint),
        }
        for spec in &self.spec.steps {
            let name = self.spec.step_name(spec);
            let found = steps
                .iter()
                .find(|row| row.text("name").ok().flatten().as_ref() == Some(&name));
            let id = found.and_then(|row| row.guid(STEPS.key()).ok().flatten());
            let (Some(row), Some(id)) = (found, id) else {
                todo.push(Todo::CreateStep(spec.clone()));
                for when in [When::Before, When::After] {
                    if !when.columns(spec).is_empty() {
                        todo.push(Todo::CreateImage(spec.clone(), when));
                    }
                }
                continue;
            };
            let columns = row.text("filteringattributes").ok().flatten();
            if !same_columns(columns.as_deref().unwrap_or_default(), &spec.columns) {
                todo.push(Todo::ChangeStep(id, spec.clone()));
            }
            if row.integer("statecode").ok().flatten() == Some(1) {
                todo.push(Todo::Enable(id));
            }
            let images = self.images_of(id).await?;
            for when in [When::Before, When::After] {
                let there = images
                    .iter()
                    .any(|row| row.text("name").ok().flatten().as_deref() == Some(when.name()));
                if !when.columns(spec).is_empty() && !there {
                    todo.push(Todo::CreateImage(spec.clone(), when));
                }
            }
        }
        Ok((todo, obstacles))
    }

    pub(super) fn describe(&self, todo: &Todo) -> String {
        let columns = |columns: &[String]| match columns {
            [] => "any column".to_owned(),
            some => some.join(", "),
        };
        let host = self.spec.url.host_str().unwrap_or_default();
        match todo {
            Todo::CreateEndpoint => format!("create endpoint {}: posts to {host}", self.spec.name),
            Todo::MoveEndpoint(_) => format!("change endpoint {}: posts to {host}", self.spec.name),
            Todo::CreateStep(step) => format!(
                "create step {}: {}",
                self.spec.step_name(step),
                columns(&step.columns)
            ),
            Todo::ChangeStep(_, step) => format!(
                "change step {}: {}",
                self.spec.step_name(step),
                columns(&step.columns)
            ),
            Todo::Enable(_) => "enable a step that was switched off".to_owned(),
            Todo::CreateImage(step, when) => format!(
                "create image {} of {}: {}",
                when.name(),
                self.spec.step_name(step),
                columns(when.columns(step))
            ),
        }
    }

    pub(super) async fn carry_out(&self, todo: &Todo) -> Result<(), Error> {
        match todo {
            Todo::CreateEndpoint => {
                let (kind, value) = self.spec.auth();
                let body = json!({
                    "name": self.spec.name,
                    "url": self.spec.url.as_str(),
                    "contract": WEBHOOK,
                    "authtype": kind,
                    "authvalue": value,
                });
                self.post(&ENDPOINTS, &body).await
            }
            Todo::MoveEndpoint(id) => {
                let (kind, value) = self.spec.auth();
                // The secret goes along, so that the new address gets the one of this wish.
                let body = json!({
                    "url": self.spec.url.as_str(),
                    "authtype": kind,
                    "authvalue": value,
                });
                self.patch(&ENDPOINTS, *id, &body).await
            }
            Todo::CreateStep(step) => self.create_step(step).await,
            Todo::ChangeStep(id, step) => {
                let body = json!({"filteringattributes": filtering(step)});
                self.patch(&STEPS, *id, &body).await
            }
            Todo::Enable(id) => self.patch(&STEPS, *id, &state(true)).await,
            Todo::CreateImage(step, when) => self.create_image(step, *when).await,
        }
    }

    async fn create_step(&self, step: &StepSpec) -> Result<(), Error> {
        let endpoint = self.endpoint_id().await?;
        let message = Filter::eq("name", step.message.as_str());
        let message = self.one(&MESSAGES, message).await?;
        let on = Filter::eq("primaryobjecttypecode", step.table.as_str())
            .and(Filter::eq("sdkmessageid/name", step.message.as_str()));
        let filter = self.one(&FILTERS, on).await?;
        let mut body = json!({
            "name": self.spec.step_name(step),
            "mode": 1,
            "stage": 40,
            "rank": 1,
            "supporteddeployment": 0,
            "asyncautodelete": true,
            "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
            "sdkmessageid@odata.bind": format!("/sdkmessages({message})"),
            "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
        });
        if !step.columns.is_empty() {
            body["filteringattributes"] = filtering(step);
        }
        self.post(&STEPS, &body).await
    }

    async fn create_image(&self, spec: &StepSpec, when: When) -> Result<(), Error> {
        let endpoint = self.endpoint_id().await?;
        let name = self.spec.step_name(spec);
        let steps = self.steps_of(endpoint).await?;
        let mut steps = steps
            .iter()
            .filter(|row| row.text("name").ok().flatten().as_ref() == Some(&name));
        let step = steps.find_map(|row| row.guid(STEPS.key()).ok().flatten());
        // Made in the same run and not yet shown: the next look finds it.
        let Some(step) = step else { return Ok(()) };
        let property = if spec.message == "Create" {
            "Id"
        } else {
            "Target"
        };
        let body = json!({
            "name": when.name(),
            "entityalias": when.name(),
            "imagetype": i32::from(when == When::After),
            "messagepropertyname": property,
            "attributes": when.columns(spec).join(","),
            "sdkmessageprocessingstepid@odata.bind":
                format!("/sdkmessageprocessingsteps({step})"),
        });
        self.post(&IMAGES, &body).await
    }
}

fn filtering(step: &StepSpec) -> Value {
    match step.columns.as_slice() {
        [] => Value::Null,
        columns => Value::String(columns.join(",")),
    }
}

/// The same columns, whatever their order.
fn same_columns(there: &str, wanted: &[String]) -> bool {
    let mut there: Vec<&str> = there.split(',').map(str::trim).collect();
    there.retain(|name| !name.is_empty());
    let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    there.sort_unstable();
    wanted.sort_unstable();
    there == wanted
}

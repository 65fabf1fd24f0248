//! Registering where events go.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use cosell_dataverse::{
    Dataverse,
    hook::{Hook, HookSecret, HookSpec, StepSpec},
};
use cosell_http::{ErrorKind, Transport, TransportError};
use http::{Request, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake::{API, ORG, Still, Token};

/// As much of the service as registering needs: rows in sets.
#[derive(Clone, Debug, Default)]
struct Registry {
    sets: Arc<Mutex<BTreeMap<String, Vec<Value>>>>,
    writes: Arc<Mutex<Vec<(String, Value)>>>,
}

const KEYS: [(&str, &str); 6] = [
    ("serviceendpoints", "serviceendpointid"),
    ("sdkmessages", "sdkmessageid"),
    ("sdkmessagefilters", "sdkmessagefilterid"),
    ("sdkmessageprocessingsteps", "sdkmessageprocessingstepid"),
    (
        "sdkmessageprocessingstepimages",
        "sdkmessageprocessingstepimageid",
    ),
    ("asyncoperations", "asyncoperationid"),
];

#[async_trait]
impl Transport for Registry {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let uri = request.uri().to_string();
        let below = uri.strip_prefix(API).unwrap().to_owned();
        let set: String = below
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        let key = KEYS.iter().find(|(name, _)| *name == set).unwrap().1;
        let mut sets = self.sets.lock().unwrap();
        let rows = sets.entry(set.clone()).or_default();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let id = below
            .split_once('(')
            .and_then(|(_, tail)| tail.split_once(')'))
            .map(|(id, _)| id.to_owned());
        let mut answer = Response::builder().status(204);
        let mut text = String::new();
        if request.method() != "GET" {
            let line = format!("{} {set}", request.method());
            self.writes.lock().unwrap().push((line, body.clone()));
        }
        match request.method().as_str() {
            "GET" => {
                // Of the filters only those by name and by step make a difference here.
                let filter = percent_encoding::percent_decode_str(&below)
                    .decode_utf8_lossy()
                    .into_owned();
                let kept: Vec<&Value> = rows
                    .iter()
                    .filter(|row| {
                        let named = row["name"].as_str().unwrap_or_default();
                        !filter.contains("name eq '")
                            || filter.contains(&format!("'{named}'"))
                            || set == "sdkmessagefilters"
                    })
                    .filter(|row| {
                        let step = row["_sdkmessageprocessingstepid_value"].as_str();
                        step.is_none_or(|step| filter.contains(step))
                    })
                    .collect();
                answer = answer.status(200);
                text = json!({"value": kept}).to_string();
            }
            "POST" => {
                let number = rows.len() as u128 + 1 + u128::from(set.len() as u64) * 256;
                let id = Uuid::from_u128(number);
                let mut row = body;
                row[key] = json!(id);
                if row.get("statecode").is_none() {
                    row["statecode"] = json!(0);
                }
                if let Some(step) = row["sdkmessageprocessingstepid@odata.bind"].as_str() {
                    let step = step.split(['(', ')']).nth(1).unwrap_or_default().to_owned();
                    row["_sdkmessageprocessingstepid_value"] = json!(step);
                }
                rows.push(row);
                answer = answer.header("odata-entityid", format!("{API}{set}({id})"));
            }
            "PATCH" => {
                let row = rows
                    .iter_mut()
                    .find(|row| row[key].as_str() == id.as_deref())
                    .unwrap();
                for (name, value) in body.as_object().unwrap() {
                    row[name] = value.clone();
                }
            }
            _ => rows.retain(|row| row[key].as_str() != id.as_deref()),
        }
        Ok(answer.body(Bytes::from(text)).unwrap())
    }
}

fn start() -> (Registry, Dataverse) {
    let registry = Registry::default();
    {
        let mut sets = registry.sets.lock().unwrap();
        sets.insert(
            "sdkmessages".to_owned(),
            vec![
                json!({"sdkmessageid": Uuid::from_u128(0xa1), "name": "Update"}),
                json!({"sdkmessageid": Uuid::from_u128(0xa2), "name": "Delete"}),
            ],
        );
        sets.insert(
            "sdkmessagefilters".to_owned(),
            vec![json!({"sdkmessagefilterid": Uuid::from_u128(0xb1)})],
        );
    }
    let client = Dataverse::builder(
        ORG.parse().unwrap(),
        Arc::new(registry.clone()),
        Arc::new(Token),
        Arc::new(Still),
    );
    (registry, client.build().unwrap())
}

fn spec(url: &str) -> HookSpec {
    let secret = HookSecret::Header("x-hook-secret".to_owned(), "s3c<r\"t".to_owned().into());
    HookSpec::new("partner-sync", url.parse().unwrap(), secret)
        .with_solution("abc_partnersync")
        .with_step(
            StepSpec::new("opportunity", "Update")
                .with_columns(["name", "estimatedvalue"])
                .with_before(["name"]),
        )
        .with_step(StepSpec::new("opportunity", "Delete"))
}

const URL: &str = "https://sync.example.com/hooks/dataverse";

fn hook(client: &Dataverse) -> Hook {
    client.hook(spec(URL))
}

fn put(registry: &Registry, set: &str, rows: Vec<Value>) {
    registry.sets.lock().unwrap().insert(set.to_owned(), rows);
}

fn writes(registry: &Registry) -> Vec<(String, Value)> {
    std::mem::take(&mut *registry.writes.lock().unwrap())
}

#[tokio::test]
async fn what_is_missing_is_shown_made_and_the_second_time_nothing_is() {
    let (registry, client) = start();
    let hook = hook(&client);
    let plan = hook.plan().await.unwrap();
    assert_eq!(
        plan.to_string(),
        "create endpoint partner-sync: posts to sync.example.com\n\
         create step partner-sync: opportunity Update: name, estimatedvalue\n\
         create image before of partner-sync: opportunity Update: name\n\
         create step partner-sync: opportunity Delete: any column\n"
    );
    assert!(writes(&registry).is_empty());
    assert_eq!(hook.register().await.unwrap(), plan);
    let made = writes(&registry);
    let lines: Vec<&str> = made.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST serviceendpoints",
            "POST sdkmessageprocessingsteps",
            "POST sdkmessageprocessingstepimages",
            "POST sdkmessageprocessingsteps"
        ]
    );
    assert_eq!(
        made[0].1,
        json!({"name": "partner-sync", "url": URL, "contract": 8, "authtype": 5,
            "authvalue": "<settings><setting name=\"x-hook-secret\" value=\"s3c&lt;r&quot;t\" /></settings>"})
    );
    let endpoint =
        registry.sets.lock().unwrap()["serviceendpoints"][0]["serviceendpointid"].clone();
    let endpoint = endpoint.as_str().unwrap().to_owned();
    assert_eq!(
        made[1].1,
        json!({
            "name": "partner-sync: opportunity Update", "mode": 1, "stage": 40, "rank": 1,
            "supporteddeployment": 0, "asyncautodelete": true,
            "filteringattributes": "name,estimatedvalue",
            "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
            "sdkmessageid@odata.bind": format!("/sdkmessages({})", Uuid::from_u128(0xa1)),
            "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({})", Uuid::from_u128(0xb1))
        })
    );
    assert_eq!(made[2].1["imagetype"], 0);
    assert_eq!(made[2].1["messagepropertyname"], "Target");
    assert_eq!(made[2].1["attributes"], "name");
    assert!(hook.plan().await.unwrap().is_empty());
    assert_eq!(
        hook.register().await.unwrap().to_string(),
        "Nothing to do.\n"
    );
    assert!(writes(&registry).is_empty());
}

#[tokio::test]
async fn what_differs_is_put_right_and_the_rest_left_alone() {
    let (registry, client) = start();
    hook(&client).register().await.unwrap();
    {
        let mut sets = registry.sets.lock().unwrap();
        let steps = sets.get_mut("sdkmessageprocessingsteps").unwrap();
        steps[0]["filteringattributes"] = json!("estimatedvalue, name");
        steps[1]["statecode"] = json!(1);
        steps.push(
            json!({"sdkmessageprocessingstepid": Uuid::from_u128(1), "name": "another's",
            "statecode": 1}),
        );
    }
    writes(&registry);
    let moved = client.hook(spec("https://new.example.com/hooks"));
    let plan = moved.plan().await.unwrap();
    assert_eq!(
        plan.to_string(),
        "change endpoint partner-sync: posts to new.example.com\nenable a step that was switched off\n"
    );
    moved.register().await.unwrap();
    assert_eq!(writes(&registry).len(), 2);
    assert!(moved.plan().await.unwrap().is_empty());
    moved.enable(false).await.unwrap();
    assert_eq!(moved.plan().await.unwrap().steps.len(), 2);
    moved.renew_secret().await.unwrap();
    let told = writes(&registry).pop().unwrap();
    assert_eq!(told.0, "PATCH serviceendpoints");
    assert_eq!(told.1["authtype"], 5);
    moved.remove().await.unwrap();
    moved.remove().await.unwrap();
    let error = moved.enable(true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_endpoint_of_another_kind_is_in_the_way() {
    let (registry, client) = start();
    let queue = json!({"serviceendpointid": Uuid::from_u128(5), "name": "partner-sync",
        "contract": 6, "url": "sb://x"});
    put(&registry, "serviceendpoints", vec![queue]);
    let plan = hook(&client).register().await.unwrap();
    assert!(plan.to_string().contains("In the way"), "{plan}");
    assert!(writes(&registry).is_empty());
}

#[tokio::test]
async fn failed_deliveries_are_listed() {
    let (registry, client) = start();
    hook(&client).register().await.unwrap();
    let job = |at: &str| {
        json!({"asyncoperationid": Uuid::from_u128(9), "createdon": at,
            "friendlymessage": "the endpoint answered 500",
            "_regardingobjectid_value": Uuid::from_u128(7)})
    };
    let jobs = vec![job("2026-01-01T00:00:00Z"), job("2026-01-02T00:00:00Z")];
    put(&registry, "asyncoperations", jobs);
    let failures = hook(&client).failures().await.unwrap();
    assert!(failures[0].at > failures.last().unwrap().at);
    assert_eq!(failures[0].row, Some(Uuid::from_u128(7)));
    assert_eq!(failures[0].message, "the endpoint answered 500");
}

#[tokio::test]
async fn faults_of_a_wish_are_all_told_and_nothing_is_sent() {
    let (registry, client) = start();
    let empty = HookSecret::Header("bad name".to_owned(), String::new().into());
    let wrong = HookSpec::new("", "https://x.example:8443/".parse().unwrap(), empty)
        .with_step(
            StepSpec::new("opportunity", "Create")
                .with_columns(["a"])
                .with_before(["a"]),
        )
        .with_step(StepSpec::new("opportunity", "Create"))
        .with_step(StepSpec::new("oppor tunity", "Delete").with_after(["b'"]));
    let error = client.hook(wrong).register().await.unwrap_err();
    for part in [
        "name: give 1 to 100",
        "port 443",
        "secret's name",
        "only Update can",
        "the row before: there is none",
        "stands twice",
        "oppor tunity",
        "b'",
        "the row after: there is none",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(
        registry
            .sets
            .lock()
            .unwrap()
            .get("serviceendpoints")
            .is_none()
    );
    assert!(!format!("{:?}", hook(&client)).contains("s3c"));
}

//! Webhooks: registered as rows, told what happened, retried once.

use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;

use super::{Options, Sandbox, Uuid, Value};
use crate::dataverse::EventPost;

const HOOK: &str = r#"{"name":"hook","url":"http://receiver.example/dataverse","contract":8,"authtype":5,
    "authvalue":"<settings><setting name=\"x-hook-secret\" value=\"s3cr3t\" /></settings>"}"#;

fn first(sandbox: &mut Sandbox, target: &str, key: &str) -> String {
    let found = sandbox.get(&target.replace(' ', "%20")).expect(200).json();
    found["value"][0][key]
        .as_str()
        .unwrap_or_else(|| panic!("{target}: {found}"))
        .to_owned()
}

/// A step on a message of opportunities; gives its id.
fn step(sandbox: &mut Sandbox, endpoint: &str, message: &str, more: &str) -> String {
    let id = first(
        sandbox,
        &format!("sdkmessages?$filter=name eq '{message}'"),
        "sdkmessageid",
    );
    let filter = format!(
        "sdkmessagefilters?$filter=primaryobjecttypecode eq 'opportunity' and sdkmessageid/name eq '{message}'"
    );
    let filter = first(sandbox, &filter, "sdkmessagefilterid");
    let body = format!(
        r#"{{"name":"step","mode":1,"stage":40,"rank":1,"supporteddeployment":0,{more}
        "eventhandler_serviceendpoint@odata.bind":"/serviceendpoints({endpoint})",
        "sdkmessageid@odata.bind":"/sdkmessages({id})","sdkmessagefilterid@odata.bind":"/sdkmessagefilters({filter})"}}"#
    );
    sandbox.made("sdkmessageprocessingsteps", &body)
}

fn posts(sandbox: &mut Sandbox) -> Vec<EventPost> {
    sandbox.environment.take_events(sandbox.now)
}

fn body(post: &EventPost) -> Value {
    serde_json::from_slice(post.request.body()).unwrap()
}

fn value<'a>(list: &'a Value, key: &str) -> &'a Value {
    let mut entries = list.as_array().unwrap().iter();
    let found = entries.find(|entry| entry["key"] == key);
    found.map_or(&Value::Null, |entry| &entry["value"])
}

fn ended(sandbox: &mut Sandbox, post: &EventPost, status: Option<u16>) {
    let status = status.map(|status| StatusCode::from_u16(status).unwrap());
    sandbox
        .environment
        .report_event(sandbox.now, post.number, status);
}

#[test]
fn an_update_is_told_with_images_and_a_tag_when_a_listed_column_is_in_it() {
    let mut sandbox = Sandbox::new();
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    let shown = sandbox.get(&format!("serviceendpoints({endpoint})")).json();
    assert_eq!(shown["authvalue"], Value::Null);
    let update = step(
        &mut sandbox,
        &endpoint,
        "Update",
        r#""filteringattributes":"name,estimatedvalue","#,
    );
    for (alias, kind) in [("pre", 0), ("post", 1)] {
        sandbox.made("sdkmessageprocessingstepimages", &format!(
            r#"{{"name":"{alias}","entityalias":"{alias}","imagetype":{kind},"messagepropertyname":"Target","attributes":"estimatedvalue",
            "sdkmessageprocessingstepid@odata.bind":"/sdkmessageprocessingsteps({update})"}}"#));
    }
    let deal = sandbox.made("opportunities", r#"{"name":"Deal","estimatedvalue":1}"#);
    let row = format!("opportunities({deal})");
    sandbox.patch(&row, r#"{"closeprobability":5}"#).expect(204);
    assert!(posts(&mut sandbox).is_empty());
    sandbox
        .patch(
            &format!("{row}?tag=mine"),
            r#"{"estimatedvalue":130000.25,"statuscode":2,"description":null}"#,
        )
        .expect(204);
    let posts = posts(&mut sandbox);
    let [post] = posts.as_slice() else {
        panic!("{} posts", posts.len())
    };
    let header = |name: &str| {
        post.request
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    assert_eq!(post.request.uri(), "http://receiver.example/dataverse");
    assert_eq!(header("x-hook-secret"), "s3cr3t");
    assert_eq!(
        (
            header("x-ms-dynamics-entity-name"),
            header("x-ms-dynamics-request-name")
        ),
        ("opportunity", "Update")
    );
    let text = std::str::from_utf8(post.request.body()).unwrap();
    assert!(
        text.contains(r#"http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts"#)
            && text.contains(r#""\/Date("#)
    );
    let told = body(post);
    assert_eq!(
        (&told["PrimaryEntityId"], &told["Stage"], &told["Mode"]),
        (&deal.into(), &40.into(), &1.into())
    );
    assert_eq!(value(&told["SharedVariables"], "tag"), "mine");
    let target = &value(&told["InputParameters"], "Target")["Attributes"];
    assert_eq!(value(target, "estimatedvalue")["Value"], 130_000.25);
    assert_eq!(value(target, "statuscode")["Value"], 2);
    assert!(
        target
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["key"] == "description" && entry["value"].is_null())
    );
    assert_eq!(value(target, "name"), &Value::Null);
    assert_eq!(
        value(
            &value(&told["PreEntityImages"], "pre")["Attributes"],
            "estimatedvalue"
        )["Value"],
        1
    );
    assert_eq!(
        value(
            &value(&told["PostEntityImages"], "post")["Attributes"],
            "estimatedvalue"
        )["Value"],
        130_000.25
    );
    assert_eq!(
        value(
            &value(&told["PostEntityImages"], "AsynchronousStepPrimaryName")["Attributes"],
            "name"
        ),
        "Deal"
    );
    assert_eq!(
        value(
            &value(&told["InputParameters"], "Target")["FormattedValues"],
            "statuscode"
        ),
        "On Hold"
    );
}

#[test]
fn creating_deleting_and_winning_have_parameters_of_their_own() {
    let mut sandbox = Sandbox::new();
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    for message in ["Create", "Delete", "WinOpportunity"] {
        step(&mut sandbox, &endpoint, message, "");
    }
    let deal = sandbox.made("opportunities", r#"{"name":"Deal"}"#);
    let close = format!(
        r#"{{"Status":3,"OpportunityClose":{{"opportunityid@odata.bind":"/opportunities({deal})","actualrevenue":8}}}}"#
    );
    sandbox.post("WinOpportunity", &close).expect(204);
    sandbox
        .call("DELETE", &format!("opportunities({deal})"), &[], "")
        .expect(204);
    let told: Vec<Value> = posts(&mut sandbox).iter().map(body).collect();
    let names: Vec<_> = told
        .iter()
        .map(|told| told["MessageName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Create", "WinOpportunity", "Delete"]);
    assert_eq!(value(&told[0]["OutputParameters"], "id"), &deal);
    assert_eq!(
        value(
            &value(&told[0]["InputParameters"], "Target")["Attributes"],
            "statecode"
        )["Value"],
        0
    );
    assert_eq!(value(&told[1]["InputParameters"], "Status")["Value"], 3);
    let closed = &value(&told[1]["InputParameters"], "OpportunityClose");
    assert_eq!(
        (
            &closed["LogicalName"],
            &value(&closed["Attributes"], "actualrevenue")["Value"]
        ),
        (&"opportunityclose".into(), &8.into())
    );
    let target = value(&told[2]["InputParameters"], "Target");
    assert!(
        target["__type"]
            .as_str()
            .unwrap()
            .starts_with("EntityReference:")
            && target["Id"] == deal
    );
}

#[test]
fn what_is_rolled_back_bypassed_or_switched_off_is_not_told() {
    for count in [true, false] {
        let mut sandbox = Sandbox::with(Options::default().with_step_ids_bypass_webhooks(count));
        let endpoint = sandbox.made("serviceendpoints", HOOK);
        let create = step(&mut sandbox, &endpoint, "Create", "");
        let deal = r#"{"name":"Deal"}"#;
        sandbox
            .post(
                "opportunities",
                r#"{"name":"x","product_opportunities":[{"quantity":"x"}]}"#,
            )
            .expect(400);
        let quiet = [(
            "mscrm.bypassbusinesslogicexecution",
            "CustomSync,CustomAsync",
        )];
        sandbox
            .call("POST", "opportunities", &quiet, deal)
            .expect(204);
        assert!(posts(&mut sandbox).is_empty());
        let skipped = [("mscrm.bypassbusinesslogicexecutionstepids", &*create)];
        sandbox
            .call("POST", "opportunities", &skipped, deal)
            .expect(204);
        assert_eq!(posts(&mut sandbox).is_empty(), count);
        let row = format!("sdkmessageprocessingsteps({create})");
        sandbox
            .patch(&row, r#"{"statecode":1,"statuscode":2}"#)
            .expect(204);
        sandbox.made("opportunities", deal);
        assert!(posts(&mut sandbox).is_empty());
        sandbox
            .patch(&row, r#"{"statecode":0,"statuscode":1}"#)
            .expect(204);
        sandbox.made("opportunities", deal);
        assert_eq!(posts(&mut sandbox).len(), 1);
    }
}

#[test]
fn a_gateway_gets_one_try_more_and_everything_leaves_a_job() {
    let options = Options::default().with_event_retry(Duration::from_secs(30));
    let mut sandbox = Sandbox::with(options);
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    step(&mut sandbox, &endpoint, "Create", "");
    for (first, second, status) in [
        (Some(200), None, 30),
        (Some(503), Some(204), 30),
        (Some(503), Some(502), 31),
        (Some(500), None, 31),
        (Some(429), None, 31),
        (None, None, 31),
    ] {
        sandbox.made("opportunities", r#"{"name":"Deal"}"#);
        let post = posts(&mut sandbox).remove(0);
        ended(&mut sandbox, &post, first);
        assert!(posts(&mut sandbox).is_empty());
        sandbox.pass(TimeDelta::seconds(30));
        let again = posts(&mut sandbox);
        assert_eq!(again.len(), usize::from(second.is_some()), "{first:?}");
        if let Some(again) = again.first() {
            assert_eq!(again.attempt, 2);
            ended(&mut sandbox, again, second);
        }
        let newest = "asyncoperations?$orderby=createdon desc,versionnumber desc&$top=1";
        let job = sandbox.get(&newest.replace(' ', "%20")).json()["value"][0].clone();
        assert_eq!(
            (&job["statecode"], &job["statuscode"]),
            (&3.into(), &status.into()),
            "{first:?} {second:?}"
        );
    }
    let failed = "asyncoperations?$filter=statuscode eq 31&$select=message";
    let failed = sandbox.get(&failed.replace(' ', "%20")).json();
    let texts: Vec<_> = failed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["message"].as_str().unwrap()[..10].to_owned())
        .collect();
    assert_eq!(texts.iter().filter(|code| *code == "0x80050202").count(), 1);
    assert_eq!(texts.len(), 4);
}

#[test]
fn secrets_go_where_their_kind_says() {
    let mut sandbox = Sandbox::new();
    let keys = HOOK.replace("\"authtype\":5", "\"authtype\":6");
    let code = r#"{"name":"code","url":"http://receiver.example/a?b=1","contract":8,"authtype":4,"authvalue":"k&y"}"#;
    for (hook, address) in [
        (
            keys.as_str(),
            "http://receiver.example/dataverse?x-hook-secret=s3cr3t",
        ),
        (code, "http://receiver.example/a?b=1&code=k%26y"),
    ] {
        let endpoint = sandbox.made("serviceendpoints", hook);
        step(
            &mut sandbox,
            &endpoint,
            "Create",
            "\"asyncautodelete\":true,",
        );
        sandbox.made("opportunities", r#"{"name":"Deal"}"#);
        let due = posts(&mut sandbox);
        assert!(due.iter().any(|post| post.request.uri() == address));
    }
    let broken = HOOK.replace("<settings>", "<set>");
    let endpoint = sandbox.made("serviceendpoints", &broken);
    step(&mut sandbox, &endpoint, "Delete", "");
    let deal = sandbox.made("opportunities", r#"{"name":"Deal"}"#);
    posts(&mut sandbox);
    sandbox
        .call("DELETE", &format!("opportunities({deal})"), &[], "")
        .expect(204);
    assert!(posts(&mut sandbox).is_empty());
    let job = sandbox
        .get("asyncoperations?$filter=statuscode%20eq%2031")
        .json();
    assert!(
        job["value"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("0x80050203")
    );
}

#[test]
fn posts_come_late_twice_or_in_the_wrong_order_when_told_to() {
    let options = Options::default()
        .with_event_delay(Duration::from_secs(5))
        .with_event_copies(2)
        .with_events_reversed(true)
        .with_event_initiator_is_real(true);
    let mut sandbox = Sandbox::with(options);
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    step(&mut sandbox, &endpoint, "Create", "");
    let seller = [(
        "mscrmcallerid",
        &*crate::dataverse::DEFAULT_SELLER.to_string(),
    )];
    for name in ["A", "B"] {
        sandbox
            .call(
                "POST",
                "opportunities",
                &seller,
                &format!(r#"{{"name":"{name}"}}"#),
            )
            .expect(204);
    }
    assert!(posts(&mut sandbox).is_empty());
    assert_eq!(
        sandbox.environment.next_event(),
        Some(sandbox.now + TimeDelta::seconds(5))
    );
    sandbox.pass(TimeDelta::seconds(5));
    let told: Vec<Value> = posts(&mut sandbox).iter().map(body).collect();
    let names: Vec<_> = told
        .iter()
        .map(|told| {
            value(
                &value(&told["InputParameters"], "Target")["Attributes"],
                "name",
            )
            .clone()
        })
        .collect();
    assert_eq!(names, ["B", "B", "A", "A"]);
    assert_eq!(told[0]["OperationId"], told[1]["OperationId"]);
    assert_eq!(
        told[0]["UserId"],
        crate::dataverse::DEFAULT_SELLER.to_string()
    );
    assert_ne!(told[0]["InitiatingUserId"], told[0]["UserId"]);
    assert!(Uuid::try_parse(told[0]["RequestId"].as_str().unwrap()).is_ok());
}

#[test]
fn a_body_that_is_too_long_is_cut_down_and_says_so() {
    let mut sandbox = Sandbox::new();
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    step(&mut sandbox, &endpoint, "Create", "");
    let long = "x".repeat(99_000);
    sandbox.made(
        "opportunities",
        &format!(r#"{{"name":"Long","msft_microsoftpartnercenterreferralsyncaudit":"{long}"}}"#),
    );
    let whole = posts(&mut sandbox).remove(0);
    assert!(
        whole
            .request
            .headers()
            .get("x-ms-dynamics-msg-size-exceeded")
            .is_none()
    );
    let body_column = "EntityDefinitions(LogicalName='opportunity')/Attributes";
    sandbox.post(body_column, r#"{"@odata.type":"Microsoft.Dynamics.CRM.MemoAttributeMetadata","SchemaName":"abc_Text","MaxLength":1000000}"#).expect(204);
    let long = "x".repeat(300_000);
    sandbox.made(
        "opportunities",
        &format!(r#"{{"name":"Long","abc_text":"{long}"}}"#),
    );
    let cut = posts(&mut sandbox).remove(0);
    assert!(
        cut.request
            .headers()
            .get("x-ms-dynamics-msg-size-exceeded")
            .is_some()
    );
    let told = body(&cut);
    assert!(
        told["InputParameters"].as_array().unwrap().is_empty() && told["ParentContext"].is_null()
    );
    assert!(told["PrimaryEntityId"].is_string());
}

#[test]
fn steps_that_webhooks_cannot_have_are_refused() {
    let mut sandbox = Sandbox::new();
    let endpoint = sandbox.made("serviceendpoints", HOOK);
    let id = first(
        &mut sandbox,
        "sdkmessages?$filter=name eq 'Update'",
        "sdkmessageid",
    );
    let body = |mode: u8, stage: u8| {
        format!(
            r#"{{"name":"s","mode":{mode},"stage":{stage},"eventhandler_serviceendpoint@odata.bind":"/serviceendpoints({endpoint})","sdkmessageid@odata.bind":"/sdkmessages({id})"}}"#
        )
    };
    sandbox
        .post("sdkmessageprocessingsteps", &body(0, 40))
        .refused(501, "0x80040219");
    sandbox
        .post("sdkmessageprocessingsteps", &body(1, 20))
        .refused(400, "0x80044184");
    let wrong = body(1, 40).replace(
        "eventhandler_serviceendpoint",
        "EventHandler_ServiceEndpoint",
    );
    sandbox
        .post("sdkmessageprocessingsteps", &wrong)
        .refused(400, "0x80048d19");
}

#[test]
fn labels_of_choices_are_rows_too() {
    let mut sandbox = Sandbox::new();
    let asked = "stringmaps?$select=attributevalue,value,langid&$filter=objecttypecode eq 'opportunity' and attributename eq 'statuscode'&$orderby=attributevalue";
    let rows = sandbox.get(&asked.replace(' ', "%20")).expect(200).json();
    assert_eq!(rows["value"][4]["value"], "Out-Sold");
    assert_eq!(rows["value"][4]["langid"], 1033);
}

//! Events out of the service.

use cosell_dataverse::event::{Event, EventError, EventValue};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fake::{DEAL, deal};

fn update() -> String {
    let id = "9f114c20-6d0b-4e0e-8a55-70c1d2b30001";
    r#"{"Depth":1,"InitiatingUserId":"USER","InputParameters":[{"key":"Target","value":{
      "__type":"Entity:http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts","Attributes":[
      {"key":"estimatedvalue","value":{"__type":"Money:http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts","Value":130000.25}},
      {"key":"statuscode","value":{"__type":"OptionSetValue:http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts","Value":2}},
      {"key":"abc_types","value":[{"__type":"OptionSetValue:x","Value":1},{"__type":"OptionSetValue:x","Value":3}]},
      {"key":"parentaccountid","value":{"__type":"EntityReference:http:\/\/x","Id":"DEAL","LogicalName":"account","Name":null}},
      {"key":"estimatedclosedate","value":"\/Date(1751241600000)\/"},
      {"key":"closeprobability","value":70},{"key":"name","value":"Northwind"},{"key":"description","value":null},
      {"key":"odd","value":{"__type":"AliasedValue:x","Value":1}}],
      "Id":"DEAL","LogicalName":"opportunity"}}],
     "MessageName":"Update","Mode":1,"OperationCreatedOn":"\/Date(1741079743000+0000)\/","OperationId":"USER",
     "OrganizationId":"USER","ParentContext":{"SharedVariables":[{"key":"tag","value":"abc-partner-sync"}]},
     "PostEntityImages":[{"key":"AsynchronousStepPrimaryName","value":{"Attributes":[{"key":"name","value":"N"}],"Id":"DEAL","LogicalName":"opportunity"}}],
     "PreEntityImages":[{"key":"pre","value":{"Attributes":[{"key":"statuscode","value":{"__type":"OptionSetValue:x","Value":1}}],"LogicalName":"opportunity","Id":"DEAL"}}],
     "PrimaryEntityId":"DEAL","PrimaryEntityName":"opportunity","SharedVariables":[{"key":"IsAutoTransact","value":true}],"Stage":40,"UserId":"USER"}"#
        .replace("DEAL", DEAL)
        .replace("USER", id)
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &'static str)| {
        (name.parse().unwrap(), HeaderValue::from_static(value))
    };
    pairs.iter().map(header).collect()
}

#[test]
fn an_update_is_read_with_its_images_and_the_tag_of_its_chain() {
    let told = headers(&[
        ("x-ms-dynamics-request-name", "Update"),
        ("x-ms-dynamics-entity-name", "opportunity"),
    ]);
    let event = Event::read(&told, update().as_bytes()).unwrap();
    assert_eq!(
        (&*event.message, &*event.table, event.id),
        ("Update", "opportunity", deal())
    );
    assert_eq!(event.tag.as_deref(), Some("abc-partner-sync"));
    assert_eq!(event.at.unwrap().timestamp(), 1_741_079_743);
    assert!(!event.trimmed && event.depth == Some(1) && event.initiating_user == event.user);
    let target = event.target.as_ref().unwrap();
    let value = |name: &str| target.column(name).unwrap().clone();
    assert_eq!(
        value("estimatedvalue"),
        EventValue::Number(Decimal::new(13_000_025, 2))
    );
    assert_eq!(value("statuscode"), EventValue::Choice(2));
    assert_eq!(value("abc_types"), EventValue::Choices(vec![1, 3]));
    let table = "account".to_owned();
    assert_eq!(
        value("parentaccountid"),
        EventValue::Reference { table, id: deal() }
    );
    assert!(
        matches!(value("estimatedclosedate"), EventValue::Instant(at) if at.date_naive().to_string() == "2025-06-30")
    );
    assert_eq!(value("description"), EventValue::Null);
    assert!(matches!(value("odd"), EventValue::Other(_)));
    assert_eq!(target.column("statecode"), None);
    assert_eq!(
        event.before[0].1.column("statuscode"),
        Some(&EventValue::Choice(1))
    );
    assert_eq!(event.after[0].0, "AsynchronousStepPrimaryName");
    assert!(!format!("{event:?}").contains("Northwind"));
}

#[test]
fn a_deletion_has_a_reference_and_a_trimmed_event_has_no_target() {
    let body = format!(
        r#"{{"MessageName":"Delete","PrimaryEntityName":"opportunity","PrimaryEntityId":"{DEAL}",
        "InputParameters":[{{"key":"Target","value":{{"__type":"EntityReference:x","Id":"{DEAL}","LogicalName":"opportunity"}}}}]}}"#
    );
    let event = Event::read(&HeaderMap::new(), body.as_bytes()).unwrap();
    let target = event.target.unwrap();
    assert_eq!((target.id, target.columns.len()), (Some(deal()), 0));

    let body = format!(
        r#"{{"MessageName":"Update","PrimaryEntityName":"opportunity","PrimaryEntityId":"{DEAL}","InputParameters":null}}"#
    );
    let trimmed = headers(&[("x-ms-dynamics-msg-size-exceeded", "true")]);
    let event = Event::read(&trimmed, body.as_bytes()).unwrap();
    assert!(event.trimmed && event.target.is_none());
}

#[test]
fn what_is_no_event_is_refused() {
    let none = HeaderMap::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "[]", "7", "{", &deep] {
        assert_eq!(
            Event::read(&none, body.as_bytes()),
            Err(EventError::NotJson)
        );
    }
    assert_eq!(
        Event::read(&none, b"{}"),
        Err(EventError::Missing("MessageName"))
    );
    let large = vec![b' '; 600 * 1024];
    assert_eq!(
        Event::read(&none, &large),
        Err(EventError::TooLarge(large.len()))
    );
    let other = headers(&[("x-ms-dynamics-entity-name", "account")]);
    let told = Event::read(&other, update().as_bytes());
    assert_eq!(told, Err(EventError::Contradiction("tables")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_body_is_fatal(at in 0_usize..3000, byte: u8, cut in 0_usize..3000) {
        let mut body = update().into_bytes();
        let at = at % body.len();
        body[at] = byte;
        body.truncate(cut.max(1));
        let _ = Event::read(&HeaderMap::new(), &body);
        let text = String::from_utf8_lossy(&body).replace("1741079743000", "-9223372036854775808é");
        let _ = Event::read(&HeaderMap::new(), text.as_bytes());
    }
}

//! One list of cases, played twice: over real HTTP against the documented answer, and against the
//! double. What the client says of both is the same, word for word.

use std::{future::Future, pin::Pin, sync::Arc};

use cosell_dataverse::{
    AlternateKey, Change, ChangeCursor, CloseDetails, Columns, Condition, Dataverse, ETag, Filter,
    Followed, LinkTo, Op, PageOptions, QualifyLead, Query, RowName, Table, WriteOptions, Written,
    code_of,
};
use cosell_http::{Error, ReqwestOptions, ReqwestTransport};
use serde_json::json;
use uuid::Uuid;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method},
};

use crate::{
    double::World,
    fake::{DEAL, Still, Token, deal},
    keys,
};

type Told = Pin<Box<dyn Future<Output = String> + Send>>;

/// What is asked, and what the service is documented to answer.
struct Case {
    name: &'static str,
    call: fn(Dataverse) -> Told,
    /// Method and address below the API, as the service sees them.
    line: String,
    /// A header that has to be there.
    header: Option<(&'static str, &'static str)>,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    expect: &'static str,
}

fn case(name: &'static str, call: fn(Dataverse) -> Told, line: &str, status: u16) -> Case {
    Case {
        name,
        call,
        line: line.replace("DEAL", DEAL),
        header: None,
        status,
        headers: Vec::new(),
        body: String::new(),
        expect: "",
    }
}

impl Case {
    fn under(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn saying(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string();
        self
    }

    fn refusing(self, code: &str, message: &str) -> Self {
        self.saying(&json!({"error": {"code": code, "message": message}}))
    }

    fn reads(mut self, expect: &'static str) -> Self {
        self.expect = expect;
        self
    }
}

fn told<T>(outcome: Result<T, Error>, good: impl FnOnce(T) -> String) -> String {
    match outcome {
        Ok(value) => good(value),
        Err(error) => {
            let code =
                code_of(&error).map_or_else(|| "no code".to_owned(), |code| code.to_string());
            let target = error.target().unwrap_or("-");
            format!("{:?} {code} {:?} {target}", error.kind(), error.sent())
        }
    }
}

fn written(written: Written) -> String {
    let row = written.row.and_then(|row| row.text("name").ok().flatten());
    format!(
        "id {} created {:?} row {row:?}",
        written.id.map_or("none", |id| if id == deal() {
            "the deal"
        } else {
            "another"
        }),
        written.created
    )
}

const OTHER: Uuid = Uuid::from_u128(0xabc);
const ACCOUNT: Uuid = Uuid::from_u128(0xa);

fn named(name: &str) -> Columns {
    Columns::new().set("name", name)
}

/// Runs one write.
fn run(client: Dataverse, op: Op) -> Told {
    Box::pin(async move { told(client.run(&op, None).await, written) })
}

fn update(id: Uuid, condition: &Condition) -> Op {
    Op::update(&Table::OPPORTUNITY, id, named("Deal B"), condition)
}

fn stale() -> Condition {
    Condition::Version(ETag::new("W/\"1\""))
}

const ID: &str =
    "https://x.example/api/data/v9.2/opportunities(7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34)";
const MISSING: &str = "opportunity With Id = 00000000-0000-0000-0000-000000000abc Does Not Exist";
const CHANGED: &str =
    "The version of the existing record doesn't match the RowVersion property provided.";

#[rustfmt::skip]
fn writes() -> Vec<Case> {
    let other = "opportunities(00000000-0000-0000-0000-000000000abc)";
    let twin = "Cannot insert duplicate key.";
    let long = "A validation error occurred.  The length of the 'name' attribute of the 'opportunity' entity exceeded the maximum allowed length of '300'.";
    vec![
        case("a create", |c| run(c, Op::create(&Table::OPPORTUNITY, Some(OTHER), named("A"))), "POST opportunities", 204)
            .with("OData-EntityId", &ID.replace(DEAL, &OTHER.to_string()))
            .reads("id another created Some(true) row None"),
        case("a create that returns its row", |c| run(c, Op::create(&Table::OPPORTUNITY, Some(OTHER), named("A")).returning(["name"])), "POST opportunities?$select=name", 201)
            .under("prefer", "return=representation")
            .saying(&json!({"@odata.etag": "W/\"9\"", "name": "A", "opportunityid": OTHER}))
            .reads("id another created Some(true) row Some(\"A\")"),
        case("a create of a twin", |c| run(c, Op::create(&Table::OPPORTUNITY, Some(deal()), named("A"))), "POST opportunities", 412)
            .refusing("0x80040237", twin)
            .reads("Conflict 0x80040237 DuplicateRecord Answered -"),
        case("an update that makes no row", |c| run(c, update(deal(), &Condition::MustExist)), "PATCH opportunities(DEAL)", 204)
            .under("if-match", "*").with("OData-EntityId", ID)
            .reads("id the deal created Some(false) row None"),
        case("an update that returns its row", |c| run(c, update(deal(), &Condition::None).returning(["name"])), "PATCH opportunities(DEAL)?$select=name", 200)
            .saying(&json!({"@odata.etag": "W/\"9\"", "name": "Deal B", "opportunityid": DEAL}))
            .reads("id the deal created Some(false) row Some(\"Deal B\")"),
        case("an upsert that makes a row", |c| run(c, update(OTHER, &Condition::None).returning(["name"])), &format!("PATCH {other}?$select=name"), 201)
            .saying(&json!({"@odata.etag": "W/\"9\"", "name": "Deal B", "opportunityid": OTHER}))
            .reads("id another created Some(true) row Some(\"Deal B\")"),
        case("an update of a missing row", |c| run(c, update(OTHER, &Condition::MustExist)), &format!("PATCH {other}"), 404)
            .refusing("0x80040217", MISSING)
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("an update under another version", |c| run(c, update(deal(), &stale())), "PATCH opportunities(DEAL)", 412)
            .under("if-match", "W/\"1\"").refusing("0x80060882", CHANGED)
            .reads("Conflict 0x80060882 ConcurrencyVersionMismatch Answered -"),
        case("an update under a version of a missing row", |c| run(c, update(OTHER, &stale())), &format!("PATCH {other}"), 404)
            .refusing("0x80040217", MISSING)
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("a create only", |c| run(c, update(OTHER, &Condition::MustNotExist)), &format!("PATCH {other}"), 204)
            .under("if-none-match", "*").with("OData-EntityId", &ID.replace(DEAL, &OTHER.to_string()))
            .reads("id another created Some(true) row None"),
        case("a create only of a row that is there", |c| run(c, update(deal(), &Condition::MustNotExist)), "PATCH opportunities(DEAL)", 412)
            .refusing("", "A record with matching key values already exists.")
            .reads("Conflict no code Answered -"),
        case("a delete", |c| run(c, Op::delete(&Table::OPPORTUNITY, deal(), &Condition::None)), "DELETE opportunities(DEAL)", 204)
            .reads("id the deal created Some(false) row None"),
        case("a delete of a missing row", |c| run(c, Op::delete(&Table::OPPORTUNITY, OTHER, &Condition::None)), &format!("DELETE {other}"), 404)
            .refusing("0x80040217", MISSING)
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("a delete under another version", |c| run(c, Op::delete(&Table::OPPORTUNITY, deal(), &stale())), "DELETE opportunities(DEAL)", 412)
            .refusing("0x80060882", CHANGED)
            .reads("Conflict 0x80060882 ConcurrencyVersionMismatch Answered -"),
        case("a column set alone", |c| run(c, Op::set_property(&Table::OPPORTUNITY, deal(), "name", "B", &Condition::None)), "PUT opportunities(DEAL)/name", 204)
            .reads("id the deal created Some(false) row None"),
        case("a column cleared", |c| run(c, Op::set_property(&Table::OPPORTUNITY, deal(), "description", None::<String>, &Condition::None)), "DELETE opportunities(DEAL)/description", 204)
            .reads("id the deal created Some(false) row None"),
        case("a lookup set by its address", |c| run(c, Op::set_reference(&Table::OPPORTUNITY, deal(), "parentaccountid", LinkTo::Row(Table::ACCOUNT, ACCOUNT))), "PUT opportunities(DEAL)/parentaccountid/$ref", 204)
            .reads("id none created None row None"),
        case("a lookup cleared", |c| run(c, Op::disassociate(&Table::OPPORTUNITY, deal(), "parentaccountid", None)), "DELETE opportunities(DEAL)/parentaccountid/$ref", 204)
            .reads("id none created None row None"),
        case("a text too long", |c| run(c, Op::update(&Table::OPPORTUNITY, deal(), named(&"x".repeat(301)), &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x80044331", long)
            .reads("Refused 0x80044331 StringLengthTooLong Answered name"),
        case("a choice without such a value", |c| run(c, Op::update(&Table::OPPORTUNITY, deal(), Columns::new().set("opportunityratingcode", 99), &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x8004431A", "A validation error occurred. The value of 'opportunityratingcode' on record of type 'opportunity' is outside the valid range.")
            .reads("Refused 0x8004431A PicklistValueOutOfRange Answered -"),
        case("a status of another state", |c| run(c, Op::reopen_opportunity(deal(), 3, &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x80048408", "3 is not a valid status code for state code 0")
            .reads("Refused 0x80048408 InvalidStateCodeStatusCode Answered -"),
        case("a state written", |c| run(c, Op::update(&Table::OPPORTUNITY, deal(), Columns::new().set("statecode", 1).set("statuscode", 3), &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x80100005", "This message can not be used to set the state of opportunity to won. In order to set state of opportunity to won, use the won message instead.")
            .reads("Refused 0x80100005 CannotUseOpportunitySetStateMessage Answered -"),
        case("a win", |c| run(c, Op::win_opportunity(deal(), 3, &CloseDetails::default())), "POST WinOpportunity", 204)
            .reads("id none created None row None"),
        case("a win of what is closed", |c| Box::pin(async move {
            c.lose_opportunity(deal(), 4, &CloseDetails::default(), None).await.ok();
            run(c, Op::win_opportunity(deal(), 3, &CloseDetails::default())).await
        }), "POST WinOpportunity", 400)
            .refusing("0x80040515", "The opportunity has already been closed.")
            .reads("Refused 0x80040515 OpportunityIsAlreadyClosed Answered -"),
        case("a reopening of what is open", |c| run(c, Op::reopen_opportunity(deal(), 1, &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x8004051A", "The opportunity is already in the open state.")
            .reads("Refused 0x8004051A OpportunityAlreadyInOpenState Answered -"),
        case("an unknown action", |c| run(c, Op::action("NoSuchAction", Columns::new())), "POST NoSuchAction", 404)
            .refusing("0x8006088a", "Resource not found for the segment 'NoSuchAction'.")
            .reads("NotFound 0x8006088A ResourceNotFound Answered -"),
        case("a binding by a wrong name", |c| run(c, Op::update(&Table::OPPORTUNITY, deal(), Columns::new().bind("ParentAccountId", &Table::ACCOUNT, ACCOUNT), &Condition::MustExist)), "PATCH opportunities(DEAL)", 400)
            .refusing("0x80048d19", "Error identified in Payload provided by the user for Entity :'opportunities', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.OData.ODataException: An undeclared property 'ParentAccountId' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values.")
            .reads("Refused 0x80048D19 InvalidPayload Answered ParentAccountId"),
        case("a binding to a missing row", |c| run(c, Op::update(&Table::OPPORTUNITY, deal(), Columns::new().bind("parentaccountid", &Table::ACCOUNT, OTHER), &Condition::MustExist)), "PATCH opportunities(DEAL)", 404)
            .refusing("0x80040217", "account With Id = 00000000-0000-0000-0000-000000000abc Does Not Exist")
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("an upsert by key", |c| run(c, Op::update_by_key(&Table::OPPORTUNITY, &AlternateKey::new("abc_referralid", "R-9"), named("B"), &Condition::None).returning(["name"])), "PATCH opportunities(abc_referralid=%27R-9%27)?$select=name", 201)
            .saying(&json!({"name": "B", "opportunityid": OTHER}))
            .reads("id another created Some(true) row Some(\"B\")"),
        case("a delete by key of a missing row", |c| run(c, Op::delete_by_key(&Table::OPPORTUNITY, &AlternateKey::new("abc_referralid", "R-9"), &Condition::None)), "DELETE opportunities(abc_referralid=%27R-9%27)", 404)
            .refusing("0x80060891", "A record with the specified key values does not exist in opportunity entity")
            .reads("NotFound 0x80060891 RecordNotFoundByEntityKey Answered -"),
        case("a value of another row's key", |c| run(c, Op::create(&Table::OPPORTUNITY, None, named("B").set("abc_referralid", "R-1"))), "POST opportunities", 412)
            .refusing("0x80060892", "Entity Key K violated. A record with the same value for R already exists. A duplicate record cannot be created. Select one or more unique values and try again.")
            .reads("Conflict 0x80060892 DuplicateRecordEntityKey Answered -"),
    ]
}

fn read(client: Dataverse, id: Uuid, query: Query) -> Told {
    Box::pin(async move {
        let rows = client.table(Table::OPPORTUNITY);
        told(rows.read(id, &query).await, |row| {
            format!("{:?}", row.text("name").unwrap())
        })
    })
}

#[rustfmt::skip]
fn others() -> Vec<Case> {
    let api = "https://x.example/api/data/v9.2/";
    vec![
        case("a read", |c| read(c, deal(), Query::select(["name"])), "GET opportunities(DEAL)?$select=name", 200)
            .saying(&json!({"@odata.etag": "W/\"9\"", "name": "Deal A", "opportunityid": DEAL}))
            .reads("Some(\"Deal A\")"),
        case("a read of a missing row", |c| read(c, OTHER, Query::select(["name"])), "GET opportunities(00000000-0000-0000-0000-000000000abc)?$select=name", 404)
            .refusing("0x80040217", "Entity 'opportunity' With Id = 00000000-0000-0000-0000-000000000abc Does Not Exist")
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("a read of an unknown column", |c| read(c, deal(), Query::select(["nmae"])), "GET opportunities(DEAL)?$select=nmae", 400)
            .refusing("0x80060888", "Could not find a property named 'nmae' on type 'Microsoft.Dynamics.CRM.opportunity'.")
            .reads("Refused 0x80060888 InvalidQuery Answered nmae"),
        case("a read of what did not change", |c| Box::pin(async move {
            let rows = c.table(Table::OPPORTUNITY);
            let query = Query::select(["name"]);
            let seen = rows.read(deal(), &query).await.ok().and_then(|row| row.etag().unwrap());
            let seen = seen.unwrap_or_else(|| ETag::new("W/\"9\""));
            told(rows.read_if_changed(deal(), &query, &seen).await, |row| format!("{}", row.is_some()))
        }), "GET opportunities(DEAL)?$select=name", 304).under("if-none-match", "W/\"9\"")
            .reads("false"),
        case("a column alone", |c| Box::pin(async move {
            told(c.table(Table::OPPORTUNITY).property(deal(), "name").await, |value| value.unwrap().get().to_owned())
        }), "GET opportunities(DEAL)/name", 200)
            .saying(&json!({"@odata.context": "x", "value": "Deal A"})).reads("\"Deal A\""),
        case("a column alone that is null", |c| Box::pin(async move {
            told(c.table(Table::OPPORTUNITY).property(deal(), "description").await, |value| format!("{}", value.is_none()))
        }), "GET opportunities(DEAL)/description", 204).reads("true"),
        case("a list", |c| Box::pin(async move {
            let query = Query::select(["name"]).with_filter(Filter::eq("name", "Deal A"));
            let rows = c.table(Table::OPPORTUNITY);
            told(rows.pages(&query, PageOptions::default()).next_page().await, |page| format!("{} rows", page.unwrap().rows.len()))
        }), "GET opportunities?$select=name&$filter=name%20eq%20%27Deal%20A%27", 200)
            .saying(&json!({"value": [{"@odata.etag": "W/\"9\"", "name": "Deal A", "opportunityid": DEAL}]})).reads("1 rows"),
        case("a list of a set that is not there", |c| Box::pin(async move {
            let rows = c.table(Table::new("opportunity", "opportunityid"));
            told(rows.pages(&Query::select(["name"]), PageOptions::default()).next_page().await, |_| "a page".to_owned())
        }), "GET opportunity?$select=name", 404)
            .refusing("0x8006088a", "Resource not found for the segment 'opportunity'.")
            .reads("NotFound 0x8006088A ResourceNotFound Answered -"),
        case("a count", |c| Box::pin(async move {
            told(c.table(Table::OPPORTUNITY).count(None).await, |count| format!("{count}"))
        }), "GET opportunities/$count", 200)
            .with("content-type", "text/plain").saying(&json!(1)).reads("1"),
        case("a row by key that is not there", |c| Box::pin(async move {
            let key = AlternateKey::new("abc_referralid", "R-9");
            told(c.table(Table::OPPORTUNITY).read_by_key(&key, &Query::select(["name"])).await, |_| "a row".to_owned())
        }), "GET opportunities(abc_referralid=%27R-9%27)?$select=name", 404)
            .refusing("0x80060891", "A record with the specified key values does not exist in opportunity entity")
            .reads("NotFound 0x80060891 RecordNotFoundByEntityKey Answered -"),
        case("several rows made", |c| Box::pin(async move {
            let rows = vec![(Some(OTHER), named("B"))];
            let made = c.table(Table::OPPORTUNITY).create_multiple("opportunity", rows, &WriteOptions::default()).await;
            told(made, |ids| format!("{}", ids == [OTHER]))
        }), "POST opportunities/Microsoft.Dynamics.CRM.CreateMultiple", 200)
            .saying(&json!({"@odata.context": "x", "Ids": [OTHER]})).reads("true"),
        case("several rows changed", |c| Box::pin(async move {
            let rows = vec![(deal(), named("B"))];
            let done = c.table(Table::OPPORTUNITY).update_multiple("opportunity", rows, &WriteOptions::default()).await;
            told(done, |()| "done".to_owned())
        }), "POST opportunities/Microsoft.Dynamics.CRM.UpdateMultiple", 204).reads("done"),
        case("several rows, one of them missing", |c| Box::pin(async move {
            let rows = vec![(deal(), named("B")), (OTHER, named("B"))];
            let done = c.table(Table::OPPORTUNITY).update_multiple("opportunity", rows, &WriteOptions::default()).await;
            told(done, |()| "done".to_owned())
        }), "POST opportunities/Microsoft.Dynamics.CRM.UpdateMultiple", 404)
            .refusing("0x80040217", "Opportunity With Ids = 00000000-0000-0000-0000-000000000abc Do Not Exist")
            .reads("NotFound 0x80040217 ObjectDoesNotExist Answered -"),
        case("several rows made or changed", |c| Box::pin(async move {
            let key = AlternateKey::new("abc_referralid", "R-9");
            let rows = vec![(RowName::Id(deal()), named("B")), (RowName::Key(key), named("C"))];
            let done = c.table(Table::OPPORTUNITY).upsert_multiple("opportunity", rows, &WriteOptions::default()).await;
            told(done, |()| "done".to_owned())
        }), "POST opportunities/Microsoft.Dynamics.CRM.UpsertMultiple", 204).reads("done"),
        case("a lead qualified", |c| Box::pin(async move {
            let lead = Uuid::from_u128(3);
            told(c.qualify_lead(lead, &QualifyLead::default(), None).await, |made| {
                format!("{} {} {}", made.account.is_some(), made.contact.is_some(), made.opportunity.is_some())
            })
        }), "POST leads(00000000-0000-0000-0000-000000000003)/Microsoft.Dynamics.CRM.QualifyLead", 200)
            .saying(&json!({"@odata.context": "x", "value": [
                {"@odata.type": "#Microsoft.Dynamics.CRM.account", "accountid": ACCOUNT},
                {"@odata.type": "#Microsoft.Dynamics.CRM.contact", "contactid": ACCOUNT},
                {"@odata.type": "#Microsoft.Dynamics.CRM.opportunity", "opportunityid": OTHER}]}))
            .reads("true true true"),
        case("a pass over all rows", |c| Box::pin(async move {
            let rows = c.table(Table::OPPORTUNITY);
            told(rows.changes(&["name"], &PageOptions::default()).await, |page| {
                let rows = page.changes.iter().filter(|change| matches!(change, Change::Row(_))).count();
                format!("{rows} rows, caught up {}", page.cursor.is_caught_up())
            })
        }), "GET opportunities?$select=name", 200).under("prefer", "odata.track-changes")
            .saying(&json!({"value": [{"@odata.etag": "W/\"9\"", "name": "Deal A", "opportunityid": DEAL}],
                "@odata.deltaLink": format!("{api}opportunities?$select=name&$deltatoken=9%2101%2f01%2f2026%2012%3a00%3a00")}))
            .reads("1 rows, caught up true"),
        case("a cursor that has died", |c| Box::pin(async move {
            let base = c.http().base().clone();
            let link = format!("{base}opportunities?$select=name&$deltatoken=1%2101%2f01%2f2025%2000%3a00%3a00");
            let cursor: ChangeCursor = serde_json::from_value(json!({"delta": link})).unwrap();
            let rows = c.table(Table::OPPORTUNITY);
            told(rows.follow(&cursor, &PageOptions::default()).await, |followed| {
                format!("expired {}", matches!(followed, Followed::Expired(_)))
            })
        }), "GET opportunities?$select=name&$deltatoken=1%2101%2f01%2f2025%2000%3a00%3a00", 400)
            .refusing("0x80044352", "Version stamp associated with the client has expired. Please perform a full sync.")
            .reads("expired true"),
        case("changes of a table that is not tracked", |c| Box::pin(async move {
            let rows = c.table(Table::ANNOTATION);
            told(rows.changes(&["subject"], &PageOptions::default()).await, |_| "a page".to_owned())
        }), "GET annotations?$select=subject", 400)
            .refusing("0x80072491", "Entity annotation isn't enabled for change tracking.")
            .reads("Refused 0x80072491 ChangeTrackingNotEnabledForEntity Answered -"),
    ]
}

/// A deal with a key value, an account, a lead.
async fn arrange() -> World {
    let (world, client) = keys::world().await;
    let create = |table: &Table, id: Uuid, columns: Columns| Op::create(table, Some(id), columns);
    let lead = Columns::new()
        .set("subject", "A")
        .set("companyname", "Northwind")
        .set("lastname", "Silva");
    for op in [
        create(&Table::ACCOUNT, ACCOUNT, named("Northwind")),
        create(
            &Table::OPPORTUNITY,
            deal(),
            named("Deal A").set("abc_referralid", "R-1"),
        ),
        create(&Table::LEAD, Uuid::from_u128(3), lead),
    ] {
        client.run(&op, None).await.unwrap();
    }
    world.told();
    world
}

async fn over_http(server: &MockServer, transport: &Arc<ReqwestTransport>, case: &Case) -> String {
    server.reset().await;
    let (verb, target) = case.line.split_once(' ').unwrap();
    let wanted = format!("/api/data/v9.2/{target}");
    let at_target = move |request: &Request| {
        let query = request.url.query().map(|query| format!("?{query}"));
        format!("{}{}", request.url.path(), query.unwrap_or_default()) == wanted
    };
    // Links lead to the server that is asked.
    let body = case.body.replace("https://x.example", &server.uri());
    let mut answer = ResponseTemplate::new(case.status);
    if !body.is_empty() {
        answer = answer.set_body_raw(body, "application/json; odata.metadata=minimal");
    }
    for (name, value) in &case.headers {
        let value = value.replace("https://x.example", &server.uri());
        answer = answer.insert_header(*name, value.as_str());
    }
    let mut mock = Mock::given(method(verb)).and(at_target);
    if let Some((name, value)) = case.header {
        mock = mock.and(header(name, value));
    }
    mock.respond_with(answer).mount(server).await;
    let client = Dataverse::builder(
        server.uri().parse().unwrap(),
        transport.clone(),
        Arc::new(Token),
        Arc::new(Still),
    );
    (case.call)(client.build().unwrap()).await
}

#[tokio::test]
async fn the_documented_answers_and_the_double_read_the_same() {
    let server = MockServer::start().await;
    let transport = Arc::new(ReqwestTransport::new(ReqwestOptions::default()).unwrap());
    let start = arrange().await;
    let mut wrong = Vec::new();
    for case in writes().into_iter().chain(others()) {
        let documented = over_http(&server, &transport, &case).await;
        let (world, client) = start.fork();
        let double = (case.call)(client).await;
        let (verb, target) = case.line.split_once(' ').unwrap();
        let line = format!("{verb} {target}");
        let told = world.told();
        if documented != case.expect || double != case.expect {
            wrong.push(format!(
                "{}: expected {:?}\n  over HTTP {documented:?}\n  double    {double:?}",
                case.name, case.expect
            ));
        }
        if !told.contains(&line) {
            wrong.push(format!("{}: asked {told:?}, not {line}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The sample bodies of the service's documentation: those that come are read and keep every
//! member, those that go are what the client sends.

mod provision;

use cosell_dataverse::{
    AlternateKey, Change, CloseDetails, Columns, Condition, ETag, ErrorCode, Followed, LinkTo, Op,
    PageOptions, QualifyLead, Query, Row, RowName, Table, WriteOptions, code_of,
    typed::Opportunity,
};
use cosell_http::{ErrorKind, Sent};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake::{API, DEAL, ORG, Script, answer, deal, json as reply, refusal};

const ACCOUNT: &str = "1d0a6c8e-54f7-4c1b-8f22-90b3e7d4a611";
const EURO: &str = "b2f0c7d4-1111-4a11-9c11-0a0b0c0d0e0f";

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

/// Rows as the service sends them.
const ROWS: [&str; 6] = [
    r#"{
  "@odata.context": "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/$metadata#opportunities(name,estimatedvalue,_parentaccountid_value)/$entity",
  "@odata.etag": "W/\"58213377\"",
  "name": "Northwind ERP renewal",
  "estimatedvalue": 125000.0000,
  "_parentaccountid_value": "1d0a6c8e-54f7-4c1b-8f22-90b3e7d4a611",
  "_transactioncurrencyid_value": "b2f0c7d4-1111-4a11-9c11-0a0b0c0d0e0f",
  "opportunityid": "7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34"
}"#,
    r#"{
  "statecode@OData.Community.Display.V1.FormattedValue": "Open",
  "statecode": 0,
  "estimatedvalue@OData.Community.Display.V1.FormattedValue": "€125,000.00",
  "_customerid_value@OData.Community.Display.V1.FormattedValue": "Northwind Traders",
  "_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty": "customerid_account",
  "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account"
}"#,
    r#"{"@odata.context":"https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/$metadata#opportunities(opportunityid,versionnumber)/$entity","@odata.etag":"W/\"919042\"","opportunityid":"7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34","versionnumber":919042}"#,
    r#"{"abc_unknown":922337203685477.5807,"product_opportunities":[{"quantity":10.00000}],"product_opportunities@odata.nextLink":"https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/opportunities(7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34)/product_opportunities"}"#,
    r#"{"abc_helptypes":"727000000,727000002","estimatedclosedate":"2025-06-30","modifiedon":"2025-03-04T09:15:42Z","overlong":"\u00e9 \/ \ud83d\ude00"}"#,
    r#"{"name":"opportunities","kind":"EntitySet","url":"opportunities"}"#,
];

#[test]
fn rows_keep_every_member_as_it_came() {
    for text in ROWS {
        let row: Row = serde_json::from_str(text).unwrap();
        for (name, raw) in row.members() {
            assert!(text.contains(raw.get()), "{name}");
        }
        let back = serde_json::to_string(&row).unwrap();
        let again: Row = serde_json::from_str(&back).unwrap();
        assert_eq!(again.members().count(), row.members().count());
        // Numbers are compared as text: a value of JSON would round them.
        for (name, raw) in again.members() {
            assert_eq!(row.json(name).unwrap().get(), raw.get());
        }
    }
    let row: Row = serde_json::from_str(ROWS[0]).unwrap();
    let deal = Opportunity::from(row);
    assert_eq!(deal.id().unwrap(), Some(id(DEAL)));
    assert_eq!(deal.account().unwrap(), Some(id(ACCOUNT)));
    assert_eq!(deal.currency().unwrap(), Some(id(EURO)));
    let value = deal.estimated_value().unwrap().unwrap();
    assert_eq!(value.to_string(), "125000.0000");
    let row: Row = serde_json::from_str(ROWS[1]).unwrap();
    assert_eq!(row.formatted("statecode").unwrap().unwrap(), "Open");
}

/// What the client sends, and the answer it is given.
async fn sent(op: &Op) -> (String, Value) {
    let (script, client) = Script::of([answer(
        204,
        &[("odata-entityid", &format!("{API}opportunities({DEAL})"))],
        "",
    )]);
    client.run(op, None).await.unwrap();
    let told = script.told().remove(0);
    let body = script.request().body().clone();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    (told.split(' ').take(2).collect::<Vec<_>>().join(" "), body)
}

#[tokio::test]
async fn single_writes_are_the_documented_ones() {
    let create = Columns::new()
        .set("name", "Northwind ERP renewal")
        .set("estimatedvalue", Decimal::new(12_500_000, 2))
        .set(
            "estimatedclosedate",
            chrono::NaiveDate::from_ymd_opt(2025, 6, 30),
        )
        .set("closeprobability", 60)
        .set("description", "Co-sell deal")
        .set("opportunityratingcode", 2)
        .bind("parentaccountid", &Table::ACCOUNT, id(ACCOUNT))
        .bind(
            "transactioncurrencyid",
            &Table::TRANSACTION_CURRENCY,
            id(EURO),
        )
        .set("abc_referralid", "R-1001");
    let close = CloseDetails::default()
        .with_subject("Won - signed order form")
        .with_actual_revenue(Decimal::new(11_800_000, 2))
        .with_actual_end("2025-05-12T00:00:00Z".parse().unwrap())
        .with_description("Signed by procurement");
    let line = Columns::new()
        .bind("opportunityid", &Table::OPPORTUNITY, deal())
        .set("isproductoverridden", true)
        .set("productdescription", "Azure migration pack")
        .set("quantity", 10)
        .set("priceperunit", Decimal::new(95_000, 2));
    let note = Columns::new()
        .set("subject", "Partner Center audit")
        .set("notetext", "<p>…</p>")
        .bind("objectid_opportunity", &Table::OPPORTUNITY, deal());
    let key = AlternateKey::new("abc_referralid", "R-2002");
    let target = format!("opportunities({DEAL})");
    let cases = [
        (
            Op::create(&Table::OPPORTUNITY, None, create),
            "POST opportunities".to_owned(),
            json!({
                "name": "Northwind ERP renewal", "estimatedvalue": 125000.00,
                "estimatedclosedate": "2025-06-30", "closeprobability": 60,
                "description": "Co-sell deal", "opportunityratingcode": 2,
                "parentaccountid@odata.bind": format!("/accounts({ACCOUNT})"),
                "transactioncurrencyid@odata.bind": format!("/transactioncurrencies({EURO})"),
                "abc_referralid": "R-1001"
            }),
        ),
        (
            Op::win_opportunity(deal(), 3, &close),
            "POST WinOpportunity".to_owned(),
            json!({"Status": 3, "OpportunityClose": {
                "subject": "Won - signed order form",
                "opportunityid@odata.bind": format!("/opportunities({DEAL})"),
                "actualrevenue": 118000.00, "actualend": "2025-05-12T00:00:00Z",
                "description": "Signed by procurement"}}),
        ),
        (
            Op::reopen_opportunity(deal(), 1, &Condition::MustExist),
            format!("PATCH {target}"),
            json!({"statecode": 0, "statuscode": 1}),
        ),
        (
            Op::create(&Table::OPPORTUNITY_PRODUCT, None, line),
            "POST opportunityproducts".to_owned(),
            json!({
                "opportunityid@odata.bind": format!("/opportunities({DEAL})"),
                "isproductoverridden": true, "productdescription": "Azure migration pack",
                "quantity": 10, "priceperunit": 950.00
            }),
        ),
        (
            Op::create(&Table::ANNOTATION, None, note),
            "POST annotations".to_owned(),
            json!({"subject": "Partner Center audit", "notetext": "<p>…</p>",
                "objectid_opportunity@odata.bind": format!("/opportunities({DEAL})")}),
        ),
        (
            Op::set_property(
                &Table::OPPORTUNITY,
                deal(),
                "name",
                "Deal A",
                &Condition::None,
            ),
            format!("PUT {target}/name"),
            json!({"value": "Deal A"}),
        ),
        (
            Op::set_reference(
                &Table::OPPORTUNITY,
                deal(),
                "parentaccountid",
                LinkTo::Row(Table::ACCOUNT, id(ACCOUNT)),
            ),
            format!("PUT {target}/parentaccountid/$ref"),
            json!({"@odata.id": format!("{API}accounts({ACCOUNT})")}),
        ),
        (
            Op::associate(
                &Table::ACCOUNT,
                id(ACCOUNT),
                "opportunity_parent_account",
                LinkTo::Row(Table::OPPORTUNITY, deal()),
            ),
            format!("POST accounts({ACCOUNT})/opportunity_parent_account/$ref"),
            json!({"@odata.id": format!("{API}opportunities({DEAL})")}),
        ),
        (
            Op::update_by_key(
                &Table::OPPORTUNITY,
                &key,
                Columns::new().set("name", "Deal B"),
                &Condition::None,
            ),
            "PATCH opportunities(abc_referralid=%27R-2002%27)".to_owned(),
            json!({"name": "Deal B"}),
        ),
    ];
    for (op, line, body) in cases {
        let (told, told_body) = sent(&op).await;
        assert_eq!(told, line);
        assert_eq!(told_body, body, "{line}");
    }
}

#[tokio::test]
async fn messages_of_several_rows_are_the_documented_ones() {
    let made = format!(
        "{{\"@odata.context\":\"{API}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse\",\
         \"Ids\":[\"{DEAL}\",\"{ACCOUNT}\"]}}"
    );
    let (script, client) = Script::of([reply(&made), answer(204, &[], ""), answer(204, &[], "")]);
    let deals = client.table(Table::OPPORTUNITY);
    let options = WriteOptions::default().with_tag("abc-partner-sync");
    let first = Columns::new()
        .set("name", "Deal A")
        .set("abc_referralid", "R-1")
        .bind("parentaccountid", &Table::ACCOUNT, id(ACCOUNT));
    let second = Columns::new()
        .set("name", "Deal B")
        .set("abc_referralid", "R-2");
    let rows = vec![(None, first), (None, second)];
    let ids = deals.create_multiple("opportunity", rows, &options).await;
    assert_eq!(ids.unwrap(), [deal(), id(ACCOUNT)]);
    let rows = vec![(deal(), Columns::new().set("closeprobability", 70))];
    let plain = WriteOptions::default();
    deals
        .update_multiple("opportunity", rows, &plain)
        .await
        .unwrap();
    let rows = vec![
        (
            RowName::Key(AlternateKey::new("abc_referralid", "R-3")),
            Columns::new().set("name", "Deal C"),
        ),
        (RowName::Id(deal()), Columns::new().set("name", "Deal D")),
    ];
    deals
        .upsert_multiple("opportunity", rows, &plain)
        .await
        .unwrap();
    let kind = "Microsoft.Dynamics.CRM.opportunity";
    let wanted = [
        json!({"Targets": [
            {"@odata.type": kind, "name": "Deal A", "abc_referralid": "R-1",
             "parentaccountid@odata.bind": format!("/accounts({ACCOUNT})")},
            {"@odata.type": kind, "name": "Deal B", "abc_referralid": "R-2"}]}),
        json!({"Targets": [{"@odata.type": kind, "opportunityid": DEAL, "closeprobability": 70}]}),
        json!({"Targets": [
            {"@odata.type": kind, "@odata.id": "opportunities(abc_referralid=%27R-3%27)", "name": "Deal C"},
            {"@odata.type": kind, "opportunityid": DEAL, "name": "Deal D"}]}),
    ];
    let requests = script.requests();
    assert_eq!(requests[0].uri().query(), Some("tag=abc-partner-sync"));
    for (request, wanted) in requests.iter().zip(&wanted) {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body, *wanted);
    }
}

#[tokio::test]
async fn a_lead_is_qualified_as_documented() {
    let made = format!(
        "{{\"@odata.context\":\"x\",\"value\":[\
         {{\"@odata.type\":\"#Microsoft.Dynamics.CRM.account\",\"accountid\":\"{ACCOUNT}\"}},\
         {{\"@odata.type\":\"#Microsoft.Dynamics.CRM.contact\",\"contactid\":\"{EURO}\"}},\
         {{\"@odata.type\":\"#Microsoft.Dynamics.CRM.opportunity\",\"opportunityid\":\"{DEAL}\"}}]}}"
    );
    let (script, client) = Script::of([reply(&made)]);
    let options = QualifyLead::default()
        .with_currency(id(EURO))
        .with_customer(id(ACCOUNT));
    let made = client.qualify_lead(id(EURO), &options, None).await.unwrap();
    assert_eq!(made.account, Some(id(ACCOUNT)));
    assert_eq!(made.contact, Some(id(EURO)));
    assert_eq!(made.opportunity, Some(deal()));
    let body: Value = serde_json::from_slice(script.request().body()).unwrap();
    assert_eq!(
        body,
        json!({
            "CreateAccount": false, "CreateContact": true, "CreateOpportunity": true, "Status": 3,
            "OpportunityCurrencyId": {"@odata.type": "Microsoft.Dynamics.CRM.transactioncurrency",
                "transactioncurrencyid": EURO},
            "OpportunityCustomerId": {"@odata.type": "Microsoft.Dynamics.CRM.account",
                "accountid": ACCOUNT},
            "SourceCampaignId": null, "ProcessInstanceId": null
        })
    );
}

#[tokio::test]
async fn functions_answer_as_documented() {
    let organization = r#"{"@odata.context":"x","Detail":{"OrganizationId":"a1b20000-0000-4000-8000-000000000001","FriendlyName":"Fabrikam","OrganizationVersion":"9.2.25031.00156","EnvironmentId":"e1","DatacenterId":"d1","Geo":"EUR","TenantId":"t1","UrlName":"fabrikam-sales","UniqueName":"unq1","State":"Enabled","Endpoints":{"Count":3,"IsReadOnly":false,"Keys":["WebApplication"],"Values":["https://x"]}}}"#;
    let counts = r#"{"EntityRecordCountCollection":{"Count":2,"IsReadOnly":false,"Keys":["opportunity","account"],"Values":[15321,8042]}}"#;
    let (script, client) = Script::of([
        reply(organization),
        reply(counts),
        reply(r#"{"Version":"9.2.25031.156"}"#),
        reply(r#"{"@odata.context":"x","Value":118000.0}"#),
        reply(r#"{"@odata.context":"x","ActualValue":118000.00}"#),
        answer(200, &[("content-type", "text/plain")], "\u{feff}17"),
    ]);
    let told = client.organization().await.unwrap();
    assert_eq!(told.version.as_deref(), Some("9.2.25031.00156"));
    assert_eq!(told.region.as_deref(), Some("EUR"));
    let rows = client
        .total_rows(&["opportunity", "account"])
        .await
        .unwrap();
    assert_eq!(rows["opportunity"], 15321);
    assert_eq!(client.service_version().await.unwrap(), "9.2.25031.156");
    // The name of the member is an open point: both readings are borne.
    for _ in 0..2 {
        let value = client.computed_actual_value(deal()).await.unwrap();
        assert_eq!(value, Decimal::from(118_000));
    }
    assert_eq!(client.table(Table::ACCOUNT).count(None).await.unwrap(), 17);
    let told = script.told();
    assert_eq!(
        told[1],
        "GET RetrieveTotalRecordCount(EntityNames=@p1)?@p1=%5B%22opportunity%22%2C%22account%22%5D"
    );
    assert_eq!(
        told[3],
        format!(
            "POST opportunities({DEAL})/Microsoft.Dynamics.CRM.CalculateActualValueOpportunity {{}}"
        )
    );
}

#[tokio::test]
async fn a_delta_is_read_as_documented() {
    let first = format!(
        "{{\"@odata.context\":\"x\",\"value\":[],\"@odata.deltaLink\":\"{API}opportunities?$select=name\
         &$deltatoken=919042%2108%2f22%2f2025%2008%3a10%3a44\"}}"
    );
    let delta = format!(
        "{{\"@odata.context\":\"{API}$metadata#opportunities(name,statecode)/$delta\",\
         \"@odata.deltaLink\":\"{API}opportunities?$select=name&$deltatoken=919188%2108%2f22%2f2025%2008%3a21%3a20\",\
         \"value\":[{{\"@odata.etag\":\"W/\\\"919187\\\"\",\"name\":\"Deal A\",\"statecode\":0,\"opportunityid\":\"{DEAL}\"}},\
         {{\"@odata.context\":\"{API}$metadata#opportunities/$deletedEntity\",\"id\":\"{ACCOUNT}\",\"reason\":\"deleted\"}}]}}"
    );
    let (script, client) = Script::of([
        reply(&first),
        reply(&delta),
        refusal(
            400,
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        ),
    ]);
    let deals = client.table(Table::OPPORTUNITY);
    let options = PageOptions::default().with_size(5000);
    let page = deals.changes(&["name"], &options).await.unwrap();
    let Followed::Page(page) = deals.follow(&page.cursor, &options).await.unwrap() else {
        panic!("expired");
    };
    let [Change::Row(row), Change::Deleted { id: gone, reason }] = &page.changes[..] else {
        panic!("{page:?}");
    };
    assert_eq!(row.etag().unwrap(), Some(ETag::new("W/\"919187\"")));
    assert_eq!((*gone, reason.as_deref()), (id(ACCOUNT), Some("deleted")));
    let expired = deals.follow(&page.cursor, &options).await.unwrap();
    assert!(matches!(expired, Followed::Expired(_)));
    let first = &script.requests()[0];
    assert_eq!(
        crate::fake::header(first, "prefer"),
        ["odata.track-changes,odata.maxpagesize=5000"]
    );
}

#[tokio::test]
async fn refusals_read_as_documented() {
    let lines = [
        (
            answer(
                401,
                &[(
                    "www-authenticate",
                    &format!(
                        "Bearer authorization_uri=https://login.microsoftonline.com/3f3c/oauth2/authorize, resource_id={ORG}/"
                    ),
                )],
                "",
            ),
            ErrorKind::Denied,
            None,
        ),
        (
            refusal(
                412,
                "0x80060882",
                "The version of the existing record doesn't match the RowVersion property provided.",
            ),
            ErrorKind::Conflict,
            Some(ErrorCode::ConcurrencyVersionMismatch),
        ),
        (
            refusal(412, "", "A record with matching key values already exists."),
            ErrorKind::Conflict,
            None,
        ),
        (
            refusal(
                400,
                "0x80100005",
                "This message can not be used to set the state of opportunity to won. In order to set state of opportunity to won, use the won message instead.",
            ),
            ErrorKind::Refused,
            Some(ErrorCode::CannotUseOpportunitySetStateMessage),
        ),
        (
            refusal(
                403,
                "0x80040220",
                "Principal user (Id=9f11, type=8, roleCount=1, privilegeCount=12, accessMode=4) is missing prvWriteOpportunity privilege (OTC=3) on OTC=3 for entity 'opportunity'. context.Caller=9f11",
            ),
            ErrorKind::Denied,
            Some(ErrorCode::PrivilegeDenied),
        ),
        (
            answer(
                400,
                &[],
                r#"{"error":{"code":"0x80040203","message":"no","@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus":"0","@Microsoft.PowerApps.CDS.HelpLink":"http://go.microsoft.com/fwlink/?LinkID=398563","@Microsoft.PowerApps.CDS.TraceText":"…","@Microsoft.PowerApps.CDS.InnerError.Message":"…"}}"#,
            ),
            ErrorKind::Refused,
            Some(ErrorCode::InvalidArgument),
        ),
    ];
    for (line, kind, code) in lines {
        // A 401 is asked for once more with another token.
        let (_, client) = Script::of([line.clone(), line]);
        let columns = Columns::new().set("closeprobability", 40);
        let condition = Condition::Version(ETag::new("W/\"919042\""));
        let rows = client.table(Table::OPPORTUNITY);
        let options = WriteOptions::default();
        let error = rows
            .update(deal(), columns, &condition, options)
            .await
            .unwrap_err();
        assert_eq!((error.kind(), code_of(&error)), (kind, code), "{error}");
        assert_eq!(error.sent(), Sent::Answered);
    }
}

#[tokio::test]
async fn a_missing_row_reads_as_documented() {
    let (_, client) = Script::of([
        refusal(
            404,
            "0x80040217",
            "opportunity With Id = 7c1f Does Not Exist",
        ),
        refusal(
            404,
            "0x80060891",
            "A record with the specified key values does not exist in opportunity entity",
        ),
    ]);
    let deals = client.table(Table::OPPORTUNITY);
    let query = Query::select(["name"]);
    assert!(deals.find(deal(), &query).await.unwrap().is_none());
    let key = AlternateKey::new("abc_referralid", "R-1");
    assert!(deals.find_by_key(&key, &query).await.unwrap().is_none());
}

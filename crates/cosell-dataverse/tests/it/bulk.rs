//! Several rows in one message, reopening, leads.

use cosell_dataverse::{
    AlternateKey, CloseDetails, Columns, Condition, ErrorCode, Op, QualifyLead, Query, RowName,
    Table, WriteOptions, code_of,
    names::opportunity::{state, status},
    typed::{Lead, Opportunity},
};
use cosell_http::{ErrorKind, Sent};
use cosell_sandbox::dataverse::Options;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    double::World,
    fake::{Script, deal, json},
};

fn named(name: &str) -> Columns {
    Columns::new().set("name", name)
}

#[tokio::test]
async fn several_rows_are_made_and_changed_in_one_request_each() {
    let (world, client) = World::new(Options::default());
    let deals = client.table(Table::OPPORTUNITY);
    let own = Uuid::from_u128(77);
    let rows = vec![
        (None, named("A")),
        (Some(own), named("B")),
        (None, named("C")),
    ];
    let ids = deals
        .create_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap();
    assert_eq!((ids.len(), ids[1]), (3, own));
    let rows = ids
        .iter()
        .map(|id| (*id, Columns::new().set("closeprobability", 70)))
        .collect();
    deals
        .update_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap();
    let rows = vec![
        (RowName::Id(own), named("B2")),
        (RowName::Id(Uuid::from_u128(78)), named("D")),
    ];
    deals
        .upsert_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap();
    assert_eq!(world.told().len(), 3);
    let read = |id| async move {
        let query = Query::select(["name", "closeprobability"]);
        let row = client
            .table(Table::OPPORTUNITY)
            .read(id, &query)
            .await
            .unwrap();
        (
            row.text("name").unwrap().unwrap(),
            row.integer("closeprobability").unwrap(),
        )
    };
    assert_eq!(read(own).await, ("B2".to_owned(), Some(70)));
}

#[tokio::test]
async fn one_wrong_row_fails_all() {
    let (_, client) = World::new(Options::default());
    let deals = client.table(Table::OPPORTUNITY);
    let long = "x".repeat(301);
    let rows = vec![(Some(deal()), named("A")), (None, named(&long))];
    let error = deals
        .create_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::StringLengthTooLong));
    assert!(
        deals
            .find(deal(), &Query::select(["name"]))
            .await
            .unwrap()
            .is_none()
    );
    let rows = vec![(deal(), named("A"))];
    let error = deals
        .update_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = deals
        .create_multiple(
            "account",
            vec![(None, named("A"))],
            &WriteOptions::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::InvalidPayload));
}

#[tokio::test]
async fn wrong_messages_of_several_rows_are_not_sent() {
    let (world, client) = World::new(Options::default());
    let deals = client.table(Table::OPPORTUNITY);
    let twice = vec![(deal(), named("A")), (deal(), named("B"))];
    let error = deals
        .update_multiple("opportunity'", twice, &WriteOptions::default())
        .await
        .unwrap_err();
    for part in ["opportunity'", "stands twice"] {
        assert!(error.message().contains(part), "{error}");
    }
    for rows in [0, 1001] {
        let rows = vec![(None, named("A")); rows];
        let error = deals
            .create_multiple("opportunity", rows, &WriteOptions::default())
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Invalid, Sent::No));
    }
    let key = AlternateKey::new("name", "A");
    let error = deals
        .upsert_multiple(
            "opportunity",
            vec![(RowName::Key(key), named("A"))],
            &WriteOptions::default(),
        )
        .await
        .unwrap_err();
    assert!(error.message().contains("part of the key"), "{error}");
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn the_message_is_as_documented_and_a_short_answer_is_no_success() {
    let (script, client) = Script::of([json(r#"{"Ids":[]}"#), crate::fake::answer(204, &[], "")]);
    let deals = client.table(Table::OPPORTUNITY);
    let rows = vec![(None, named("Deal A"))];
    let error = deals
        .create_multiple("opportunity", rows, &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Malformed, Sent::Answered)
    );
    let key = RowName::Key(AlternateKey::new("abc_referralid", "R-3"));
    deals
        .upsert_multiple(
            "opportunity",
            vec![(key, named("Deal C"))],
            &WriteOptions::default(),
        )
        .await
        .unwrap();
    let kind = r#""@odata.type":"Microsoft.Dynamics.CRM.opportunity","name""#;
    assert_eq!(
        script.told(),
        [
            format!(
                "POST opportunities/Microsoft.Dynamics.CRM.CreateMultiple {{\"Targets\":[{{{kind}:\"Deal A\"}}]}}"
            ),
            format!(
                "POST opportunities/Microsoft.Dynamics.CRM.UpsertMultiple {{\"Targets\":[{{\
                 \"@odata.id\":\"opportunities(abc_referralid=%27R-3%27)\",{kind}:\"Deal C\"}}]}}"
            ),
        ]
    );
}

#[tokio::test]
async fn a_closed_deal_is_reopened_under_its_version() {
    let (_, client) = World::new(Options::default());
    let deals = client.table(Table::OPPORTUNITY);
    let columns = named("A").set("estimatedvalue", Decimal::from(100));
    deals
        .create(Some(deal()), columns, WriteOptions::default())
        .await
        .unwrap();
    let details = CloseDetails::default();
    client
        .win_opportunity(deal(), status::WON, &details, None)
        .await
        .unwrap();
    let query = Query::select(Opportunity::COLUMNS.iter().copied());
    let read = || async { Opportunity::from(deals.read(deal(), &query).await.unwrap()) };
    let won = read().await;
    assert_eq!(won.state().unwrap(), Some(state::WON));
    let seen = Condition::Version(won.row().etag().unwrap().unwrap());
    let reopen = Op::reopen_opportunity(deal(), status::IN_PROGRESS, &seen);
    client.run(&reopen, None).await.unwrap();
    let open = read().await;
    assert_eq!(
        (open.state().unwrap(), open.actual_value().unwrap()),
        (Some(state::OPEN), None)
    );
    let late = client.run(&reopen, None).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);
    let again = Op::reopen_opportunity(deal(), status::IN_PROGRESS, &Condition::MustExist);
    let error = client.run(&again, None).await.unwrap_err();
    assert_eq!(
        code_of(&error),
        Some(ErrorCode::OpportunityAlreadyInOpenState)
    );
    let careless = Op::reopen_opportunity(deal(), status::IN_PROGRESS, &Condition::None);
    assert_eq!(
        client.run(&careless, None).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[tokio::test]
async fn a_lead_is_qualified_once_and_leads_to_its_deal() {
    let (_, client) = World::new(Options::default());
    let leads = client.table(Table::LEAD);
    let lead = Uuid::from_u128(3);
    let columns = Columns::new()
        .set("subject", "ERP renewal")
        .set("companyname", "Northwind")
        .set("firstname", "Ana")
        .set("lastname", "Silva")
        .set("estimatedamount", Decimal::from(500));
    leads
        .create(Some(lead), columns, WriteOptions::default())
        .await
        .unwrap();
    let made = client
        .qualify_lead(lead, &QualifyLead::default(), None)
        .await
        .unwrap();
    let (account, contact) = (made.account.unwrap(), made.contact.unwrap());
    let query = Query::select(Opportunity::COLUMNS.iter().copied());
    let deals = client.table(Table::OPPORTUNITY);
    let row = deals.read(made.opportunity.unwrap(), &query).await.unwrap();
    let row = Opportunity::from(row);
    assert_eq!(row.name().unwrap().as_deref(), Some("ERP renewal"));
    assert_eq!(row.estimated_value().unwrap(), Some(Decimal::from(500)));
    assert_eq!(row.originating_lead().unwrap(), Some(lead));
    assert_eq!(
        (row.account().unwrap(), row.contact().unwrap()),
        (Some(account), Some(contact))
    );
    let query = Query::select(Lead::COLUMNS.iter().copied());
    let row = Lead::from(leads.read(lead, &query).await.unwrap());
    assert_eq!(
        (row.state().unwrap(), row.status().unwrap()),
        (Some(1), Some(3))
    );
    assert_eq!(row.opportunity().unwrap(), made.opportunity);
    let error = client
        .qualify_lead(lead, &QualifyLead::default(), None)
        .await
        .unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::CannotQualifyLead));

    // With the customer that is there, and with nobody made.
    let other = Uuid::from_u128(4);
    leads
        .create(
            Some(other),
            Columns::new().set("subject", "B"),
            WriteOptions::default(),
        )
        .await
        .unwrap();
    let options = QualifyLead::default()
        .with_customer(account)
        .with_contact(false);
    let made = client.qualify_lead(other, &options, None).await.unwrap();
    assert_eq!((made.account, made.contact), (None, None));

    let third = Uuid::from_u128(5);
    leads
        .create(
            Some(third),
            Columns::new().set("subject", "C"),
            WriteOptions::default(),
        )
        .await
        .unwrap();
    client
        .run(&Op::disqualify_lead(third, 5, &Condition::MustExist), None)
        .await
        .unwrap();
    let row = Lead::from(leads.read(third, &query).await.unwrap());
    assert_eq!(
        (row.state().unwrap(), row.status().unwrap()),
        (Some(2), Some(5))
    );
}

//! Closing actions and `WhoAmI`.

use cosell_dataverse::{
    CloseDetails, Columns, ErrorCode, Table, code_of, names::opportunity::status,
};
use cosell_http::ErrorKind;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::fake::{DEAL, Script, answer, deal, json, refusal};

#[tokio::test]
async fn winning_sends_what_closing_makes_final() {
    let (script, client) = Script::of([answer(204, &[], "")]);
    let details = CloseDetails::default()
        .with_subject("Won - signed order form")
        .with_actual_revenue(Decimal::new(11_800_000, 2))
        .with_actual_end("2025-05-12T00:00:00Z".parse().unwrap())
        .with_description("Signed by procurement");
    let written = client
        .win_opportunity(deal(), status::WON, &details, None)
        .await
        .unwrap();
    assert_eq!((written.id, written.created), (None, None));
    assert_eq!(
        script.told(),
        [format!(
            "POST WinOpportunity {{\"OpportunityClose\":{{\"actualend\":\"2025-05-12T00:00:00Z\",\
             \"actualrevenue\":118000.00,\"description\":\"Signed by procurement\",\
             \"opportunityid@odata.bind\":\"/opportunities({DEAL})\",\
             \"subject\":\"Won - signed order form\"}},\"Status\":3}}"
        )]
    );
}

#[tokio::test]
async fn losing_may_name_a_competitor() {
    let (script, client) = Script::of([answer(204, &[], "")]);
    let competitor = Table::from_static("competitors", "competitorid");
    let details = CloseDetails::default().with_more(Columns::new().bind(
        "competitorid",
        &competitor,
        Uuid::nil(),
    ));
    client
        .lose_opportunity(deal(), status::OUT_SOLD, &details, None)
        .await
        .unwrap();
    assert_eq!(
        script.told(),
        [format!(
            "POST LoseOpportunity {{\"OpportunityClose\":{{\"competitorid@odata.bind\":\
             \"/competitors(00000000-0000-0000-0000-000000000000)\",\
             \"opportunityid@odata.bind\":\"/opportunities({DEAL})\"}},\"Status\":5}}"
        )]
    );
}

#[tokio::test]
async fn a_closed_opportunity_is_told_by_its_code() {
    let (_, client) = Script::of([refusal(400, "0x80040515", "The opportunity is closed.")]);
    let error = client
        .win_opportunity(deal(), status::DEFAULT, &CloseDetails::default(), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.operation(), "dataverse.win_opportunity");
    assert_eq!(code_of(&error), Some(ErrorCode::OpportunityIsAlreadyClosed));
}

#[tokio::test]
async fn who_am_i_tells_user_organization_and_parallelism() {
    let body = r#"{"@odata.context":"…","BusinessUnitId":"00000000-0000-0000-0000-000000000001","UserId":"00000000-0000-0000-0000-000000000002","OrganizationId":"00000000-0000-0000-0000-000000000003"}"#;
    for (hint, read) in [("10", Some(10)), ("many", None)] {
        let (script, client) = Script::of([answer(200, &[("x-ms-dop-hint", hint)], body)]);
        let me = client.who_am_i().await.unwrap();
        assert_eq!(me.business_unit_id, Uuid::from_u128(1));
        assert_eq!(me.user_id, Uuid::from_u128(2));
        assert_eq!(me.organization_id, Uuid::from_u128(3));
        assert_eq!(me.parallelism_hint, read);
        assert_eq!(script.told(), ["GET WhoAmI"]);
    }
    let (_, client) = Script::of([json("{\"UserId\":\"me\"}")]);
    let error = client.who_am_i().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

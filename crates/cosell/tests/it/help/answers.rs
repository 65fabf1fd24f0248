//! What Microsoft's seller does on Microsoft's own referral reaches the CRM.

use cosell::mapping::rules::{Loader, Registry, Source};
use cosell_sandbox::dataverse::{self, Column};

use super::*;

const ANSWER: &str = "new_microsoftanswer";
const REASON: &str = "new_microsoftreason";

const MINE: &str = r#"
name = "fabrikam"
version = "1"
base = "connector"

[fields.microsoft_answer]
transform = "choice"
direction = "to-crm"
conflict = "partner-center"
unknown = "hold"
referral = "microsoft/substatus"
crm = { path = "new_microsoftanswer", form = "label" }
values = { Pending = "Waiting", Accepted = "Working along", Declined = "Not now" }

[fields.microsoft_reason]
transform = "text"
direction = "to-crm"
conflict = "partner-center"
referral = "microsoft/statusReason"
crm = { path = "new_microsoftreason", limit = 400 }
"#;

async fn with_answers() -> World {
    let labels = [(1, "Waiting"), (2, "Working along"), (3, "Not now")];
    let crm = dataverse::Options::default()
        .with_column("opportunity", Column::choice(ANSWER, &labels))
        .with_column("opportunity", Column::text(REASON, 400));
    let loaded = Loader::default().load(&Source::new("mine.toml", MINE));
    let mapping = Mapping::from_loaded(&loaded.unwrap(), &Registry::default()).unwrap();
    // Under this reading nothing of Microsoft's touches the own referral.
    let apart = Options::default().with_msx_id(MsxId::Microsoft);
    let options = world::options()
        .with_dataverse(crm)
        .with_partner_center(apart);
    World::with(options, |builder| inviting(builder).mapping(mapping)).await
}

// R8, R109
#[tokio::test]
async fn what_microsofts_seller_answers_arrives_although_the_own_referral_stands_still() {
    let accepts = |engagement| Act::MicrosoftAccepts { engagement };
    let declines = |engagement| Act::MicrosoftDeclines {
        engagement,
        reason: "No seller manages this customer".to_owned(),
    };
    let answers: [(&dyn Fn(Uuid) -> Act, u32); 2] = [(&accepts, 2), (&declines, 3)];
    for (act, option) in answers {
        let world = with_answers().await;
        let opportunity = deal_with_help(&world);
        world.settle().await;
        // The service still matches the customer's account for a while.
        world.sandbox.advance(Duration::from_secs(3_600));
        world.settle().await;
        let before = assert_invited_once(&world);
        assert_eq!(world.opportunity(opportunity)[ANSWER], 1, "waiting");

        world.sandbox.act(&act(engagement(&before))).unwrap();
        let reports = world.settle().await;
        let invited = &invitations(&world)[0];
        let row = world.opportunity(opportunity);
        assert_eq!(row[ANSWER], option);
        assert_eq!(row[REASON], invited["statusReason"]);
        assert_eq!(row[MICROSOFT_ID], invited["trackingInfo"]["microsoftMsxId"]);
        let after = assert_invited_once(&world);
        assert_eq!(after["eTag"], before["eTag"], "it never moved");
        assert!(reports.iter().all(|report| report.left.writes() == 0));
        assert_eq!(row["statecode"], 0, "the partner's deal goes on");
        world.assert_equal().await;
    }
}

// R8
#[tokio::test]
async fn what_the_seller_edits_on_a_deal_that_microsoft_sent_arrives() {
    let world = with_answers().await;
    let deal = InboundDeal::new("Data estate", "Adatum Corporation");
    let referral = world.microsoft_sends(deal);
    world.settle().await;
    let edits = [
        ("/details/notes", json!("Budget is approved.")),
        ("/details/dealValue", json!(120_000)),
    ];
    world.portal_edit(referral, &edits);
    world.settle().await;
    let (_, row) = world.only_opportunity();
    assert_eq!(row["description"], "Budget is approved.");
    assert_eq!(row["estimatedvalue"].as_f64(), Some(120_000.0));
    world.assert_equal().await;
}

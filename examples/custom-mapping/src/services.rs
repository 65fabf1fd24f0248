//! The services: here a double within this process, with the partner's own columns. A program of
//! one's own has its two clients and a store in the place of this file.

use std::sync::Arc;

use cosell::{
    Cosell, CosellBuilder, DynamicsOptions, NewDeals, PartnerCenterOptions, TokioTime,
    dataverse::Dataverse,
    http::{
        Error, Transport,
        sign_in::{
            CachedTokens, ClientCredentials, ENTRA_AUTHORITY, MemoryRefreshToken, RefreshToken,
            TokenEndpoint,
        },
    },
    referrals::{Member, Referrals, Solution, SolutionType},
    sync::{MemoryStore, StateStore},
};
use cosell_sandbox::{
    Act, ActError, CLIENT_ID, CLIENT_SECRET, InProcess, Options, REFRESH_TOKEN, SandboxHandle,
    TENANT, dataverse, dataverse::Column, partner_center::InboundDeal,
};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

const ENVIRONMENT: &str = "https://fabrikam-sales.crm4.dynamics.com";
const SYNC: &str = "msft_microsoftpartnercenterreferralsync";

/// Both services and the state between them.
pub struct Services {
    double: SandboxHandle,
    store: Arc<dyn StateStore>,
}

impl Services {
    /// Two services with two deals: one that a seller entered, one from Microsoft.
    pub fn new() -> Result<Self, ActError> {
        let stages = [
            (1, "Qualified"),
            (2, "In work"),
            (3, "Quoted"),
            (4, "Closing"),
        ];
        let columns = [
            Column::money("new_dealvalue", Decimal::ZERO, Decimal::from(1_000_000_000)),
            Column::choice("new_stage", &stages),
            Column::text("new_campaign", 10),
            Column::text("new_origin", 50),
        ];
        let columns = columns
            .into_iter()
            .fold(dataverse::Options::default(), |options, column| {
                options.with_column("opportunity", column)
            });
        let services = Self {
            double: SandboxHandle::new(Options::default().with_dataverse(columns)),
            store: Arc::new(MemoryStore::new()),
        };
        let account = services.row(
            "account",
            json!({
                "name": "Adatum Corporation", "address1_line1": "12 Harbour Road",
                "address1_city": "Leeds", "address1_postalcode": "LS1 4AB",
                "address1_country": "GB",
            }),
        )?;
        services.row(
            "opportunity",
            json!({
                "name": "Plant analytics", "description": "Predictive maintenance",
                "estimatedvalue": 84000, "estimatedclosedate": "2027-03-31", "statuscode": 1,
                "new_campaign": "42", "new_stage": 3, "new_origin": "Fair", SYNC: true,
                "parentaccountid@odata.bind": format!("/accounts({account})"),
            }),
        )?;
        let deal = InboundDeal::new("Data estate", "Wingtip Works");
        services.double.act(&Act::MicrosoftSends(Box::new(deal)))?;
        Ok(services)
    }

    fn row(&self, table: &str, row: Value) -> Result<String, ActError> {
        let row = match row {
            Value::Object(row) => row,
            _ => Map::new(),
        };
        let table = table.to_owned();
        let made = self.double.act(&Act::CrmCreate { table, row })?;
        Ok(made.id.unwrap_or_default())
    }

    /// What a program of one's own begins with: a client for each service, a store, and what
    /// every deal that is made in Partner Center carries besides the mapped fields.
    pub fn builder(&self) -> Result<CosellBuilder, Error> {
        let transport: Arc<dyn Transport> = Arc::new(InProcess::new(self.double.clone()));
        let time = Arc::new(TokioTime);
        let authority = ENTRA_AUTHORITY.parse().expect("an address");
        let entra = || {
            let tenant = TENANT.to_string();
            TokenEndpoint::entra(&authority, &tenant, transport.clone(), time.clone())
        };
        let user = RefreshToken::new(
            entra()?,
            CLIENT_ID,
            Some(CLIENT_SECRET.into()),
            "https://api.partner.microsoft.com/.default offline_access",
            MemoryRefreshToken::new(REFRESH_TOKEN.into()),
        );
        let user = Arc::new(CachedTokens::new(Arc::new(user), time.clone()));
        let referrals = Referrals::builder(transport.clone(), user, time.clone()).build()?;
        let scope = format!("{ENVIRONMENT}/.default");
        let app = ClientCredentials::new(entra()?, CLIENT_ID, CLIENT_SECRET.into(), scope);
        let app = Arc::new(CachedTokens::new(Arc::new(app), time.clone()));
        let environment = ENVIRONMENT.parse().expect("an address");
        let dataverse = Dataverse::builder(environment, transport, app, time).build()?;
        let ana = Member::new("Ana", "Fischer", "+441130000002", "ana@fabrikam.example");
        let new_deals = NewDeals::default()
            .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
            .with_team(&[ana]);
        // The double answers at once; the real services want the patience of the defaults.
        let none = std::time::Duration::ZERO;
        Ok(Cosell::builder(referrals, dataverse, self.store.clone())
            .partner_center(
                PartnerCenterOptions::default()
                    .with_new_deals(new_deals)
                    .with_read_lag(none)
                    .with_find_lag(none),
            )
            .dynamics(DynamicsOptions::default().with_read_lag(none)))
    }
}

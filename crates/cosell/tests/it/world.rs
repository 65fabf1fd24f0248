//! A sandbox of both services with an engine between them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell::{
    ConnectError, Cosell, CosellBuilder, NewDeals, PartnerCenterOptions,
    dataverse::Dataverse,
    http::{
        Sleep, Transport,
        sign_in::{
            CachedTokens, ClientCredentials, ENTRA_AUTHORITY, MemoryRefreshToken, RefreshToken,
            TokenEndpoint,
        },
    },
    referrals::{Member, Referrals, Solution, SolutionType},
    sync::{Clock, EngineOptions, IdSource, MemoryStore, RoundReport, StateStore},
};
use cosell_sandbox::{
    Act, CLIENT_ID, CLIENT_SECRET, Clock as SandboxClock, InProcess, Options, REFRESH_TOKEN,
    SandboxHandle, TENANT, partner_center::InboundDeal,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) const ENVIRONMENT: &str = "https://fabrikam-sales.crm4.dynamics.com";
pub(crate) const SYNC: &str = "msft_microsoftpartnercenterreferralsync";
pub(crate) const IDENTIFIER: &str = "msft_microsoftpartnercenterreferralidentifier";
pub(crate) const LINK: &str = "msft_microsoftpartnercenterreferrallink";
pub(crate) const AUDIT: &str = "msft_microsoftpartnercenterreferralsyncaudit";

/// The sandbox's time; waiting moves it.
#[derive(Clone, Debug)]
pub(crate) struct SandboxTime(SandboxHandle);

impl SandboxTime {
    pub(crate) fn new(sandbox: &SandboxHandle) -> Self {
        Self(sandbox.clone())
    }
}

#[async_trait]
impl Sleep for SandboxTime {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

#[async_trait]
impl Clock for SandboxTime {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

pub(crate) struct World {
    pub(crate) sandbox: SandboxHandle,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) cosell: Cosell,
}

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

pub(crate) fn options() -> Options {
    Options::default().with_clock(SandboxClock::manual(start()))
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(options(), |builder| builder).await
    }

    pub(crate) async fn with(
        options: Options,
        configure: impl FnOnce(CosellBuilder) -> CosellBuilder,
    ) -> Self {
        let sandbox = SandboxHandle::new(options);
        let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
        let builder = builder(&sandbox, Arc::clone(&store));
        let cosell = configure(builder)
            .connect()
            .await
            .expect("both services answer");
        Self {
            sandbox,
            store,
            cosell,
        }
    }

    /// Throws the engine away and starts another on the same state, as a restart does.
    pub(crate) async fn restart(&mut self) {
        self.cosell = builder(&self.sandbox, Arc::clone(&self.store))
            .connect()
            .await
            .expect("both services answer");
    }

    /// Runs rounds until one writes nothing, moving the clock where work waits.
    pub(crate) async fn settle(&self) -> Vec<RoundReport> {
        let mut reports = Vec::new();
        for _ in 0..40 {
            let report = self.cosell.run_once().await.expect("a round");
            let waits = self.store.next_due().await.expect("the store").is_some();
            let quiet = report.is_quiet() && !waits;
            reports.push(report);
            if quiet {
                return reports;
            }
            self.sandbox.advance(Duration::from_secs(60));
        }
        panic!("never quiet: {:#?}", reports.last());
    }

    pub(crate) fn crm_create(&self, row: Value) -> Uuid {
        let Value::Object(row) = row else {
            panic!("columns")
        };
        let act = Act::CrmCreate {
            table: "opportunity".to_owned(),
            row,
        };
        id(self.sandbox.act(&act).expect("the seller may"))
    }

    pub(crate) fn crm_update(&self, id: Uuid, row: Value) {
        let Value::Object(row) = row else {
            panic!("columns")
        };
        let act = Act::CrmUpdate {
            table: "opportunity".to_owned(),
            id,
            row,
        };
        self.sandbox.act(&act).expect("the seller may");
        self.sandbox.advance(Duration::from_secs(1));
    }

    pub(crate) fn portal_edit(&self, id: Uuid, set: &[(&str, Value)]) {
        let set = set
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()))
            .collect();
        self.sandbox
            .act(&Act::PortalEdit { id, set })
            .expect("the portal user may");
        self.sandbox.advance(Duration::from_secs(1));
    }

    pub(crate) fn microsoft_sends(&self, deal: InboundDeal) -> Uuid {
        id(self
            .sandbox
            .act(&Act::MicrosoftSends(Box::new(deal)))
            .expect("the seller may"))
    }

    /// The partner's own referrals; Microsoft's connected ones are parts of them.
    pub(crate) fn referrals(&self) -> Vec<Value> {
        self.sandbox.with(|sandbox| {
            let referrals = sandbox.partner_center().referrals();
            referrals
                .filter(|referral| referral["organizationId"] != "msft")
                .cloned()
                .collect()
        })
    }

    pub(crate) fn referral(&self, id: Uuid) -> Value {
        let id = id.to_string();
        self.referrals()
            .into_iter()
            .find(|referral| referral["id"] == id.as_str())
            .expect("the referral")
    }

    pub(crate) fn only_referral(&self) -> (Uuid, Value) {
        let mut referrals = self.referrals();
        assert_eq!(referrals.len(), 1, "one referral");
        let referral = referrals.remove(0);
        (referral["id"].as_str().unwrap().parse().unwrap(), referral)
    }

    pub(crate) fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        let rows = self.sandbox.with(|sandbox| sandbox.dataverse().rows(table));
        rows.iter()
            .map(|row| serde_json::from_str(row.get()).expect("a row"))
            .collect()
    }

    pub(crate) fn opportunity(&self, id: Uuid) -> Map<String, Value> {
        let row = self
            .sandbox
            .with(|sandbox| sandbox.dataverse().row("opportunity", id));
        serde_json::from_str(row.expect("the opportunity").get()).expect("a row")
    }

    pub(crate) fn only_opportunity(&self) -> (Uuid, Map<String, Value>) {
        let mut rows = self.rows("opportunity");
        assert_eq!(rows.len(), 1, "one opportunity");
        let row = rows.remove(0);
        (row["opportunityid"].as_str().unwrap().parse().unwrap(), row)
    }

    /// A row of an account that can be bound to deals.
    pub(crate) fn account(&self, name: &str) -> Uuid {
        let row = json!({
            "name": name, "address1_line1": "12 Harbour Road", "address1_city": "Leeds",
            "address1_postalcode": "LS1 4AB", "address1_country": "GB",
        });
        let Value::Object(row) = row else {
            unreachable!()
        };
        self.row("account", Value::Object(row))
    }

    /// A row of any table, as a seller makes it.
    pub(crate) fn row(&self, table: &str, row: Value) -> Uuid {
        let Value::Object(row) = row else {
            panic!("columns")
        };
        let table = table.to_owned();
        id(self.sandbox.act(&Act::CrmCreate { table, row }).unwrap())
    }

    /// A deal as a seller enters it, marked for sync.
    pub(crate) fn marked_deal(&self) -> Uuid {
        let account = self.account("Fabrikam Works Ltd");
        self.crm_create(json!({
            "name": "Plant analytics", "estimatedvalue": 84000, "estimatedclosedate": "2026-12-31",
            "description": "Predictive maintenance", "statuscode": 1, SYNC: true,
            "parentaccountid@odata.bind": format!("/accounts({account})"),
        }))
    }

    pub(crate) async fn assert_equal(&self) {
        let comparison = self
            .cosell
            .compare()
            .await
            .expect("both services can be read");
        assert!(comparison.is_equal(), "{comparison:#?}");
    }
}

fn id(acted: cosell_sandbox::Acted) -> Uuid {
    acted.id.expect("an id").parse().expect("a GUID")
}

pub(crate) fn builder(sandbox: &SandboxHandle, store: Arc<dyn StateStore>) -> CosellBuilder {
    builder_of(sandbox, sandbox, store)
}

/// An environment whose CRM is another than that of the sandbox that Partner Center stands in.
pub(crate) fn builder_of(
    partner_center: &SandboxHandle,
    crm: &SandboxHandle,
    store: Arc<dyn StateStore>,
) -> CosellBuilder {
    let network = |sandbox: &SandboxHandle| -> Arc<dyn Transport> {
        Arc::new(InProcess::new(sandbox.clone()))
    };
    let (transport, crm) = (network(partner_center), network(crm));
    let time = Arc::new(SandboxTime(partner_center.clone()));
    let sleep: Arc<dyn Sleep> = time.clone();
    let endpoint = |transport: &Arc<dyn Transport>| {
        TokenEndpoint::entra(
            &ENTRA_AUTHORITY.parse().unwrap(),
            &TENANT.to_string(),
            Arc::clone(transport),
            Arc::clone(&sleep),
        )
        .unwrap()
    };
    let user = RefreshToken::new(
        endpoint(&transport),
        CLIENT_ID,
        Some(CLIENT_SECRET.into()),
        "https://api.partner.microsoft.com/.default offline_access",
        MemoryRefreshToken::new(REFRESH_TOKEN.into()),
    );
    let application = ClientCredentials::new(
        endpoint(&crm),
        CLIENT_ID,
        CLIENT_SECRET.into(),
        format!("{ENVIRONMENT}/.default"),
    );
    let tokens = |provider| Arc::new(CachedTokens::new(provider, Arc::clone(&sleep)));
    let referrals = Referrals::builder(
        Arc::clone(&transport),
        tokens(Arc::new(user)),
        Arc::clone(&sleep),
    )
    .build()
    .unwrap();
    let dataverse = Dataverse::builder(
        ENVIRONMENT.parse().unwrap(),
        crm,
        tokens(Arc::new(application)),
        Arc::clone(&sleep),
    )
    .build()
    .unwrap();
    let counter = std::sync::atomic::AtomicU64::new(1);
    let ids = IdSource::new(move || {
        Uuid::from_u64_pair(
            7,
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        )
    });
    Cosell::builder(referrals, dataverse, store)
        .clock(time)
        .partner_center(PartnerCenterOptions::default().with_new_deals(new_deals()))
        .engine(EngineOptions::default().with_owner("test").with_ids(ids))
}

/// What deals made from the CRM carry besides the mapped fields.
pub(crate) fn new_deals() -> NewDeals {
    NewDeals::default()
        .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
        .with_team(&[Member::new(
            "Omar",
            "Diaz",
            "+441130000002",
            "omar.diaz@fabrikam.example",
        )])
}

/// What connecting comes to.
pub(crate) async fn connect(
    options: Options,
    configure: impl FnOnce(CosellBuilder) -> CosellBuilder,
) -> Result<Cosell, ConnectError> {
    let sandbox = SandboxHandle::new(options);
    configure(builder(&sandbox, Arc::new(MemoryStore::new())))
        .connect()
        .await
}

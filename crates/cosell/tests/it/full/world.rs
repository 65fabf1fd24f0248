//! Both services, the store and what is known, while a round is played.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use cosell::{
    CosellPolicy, Dynamics, DynamicsOptions, NewDeals, PartnerCenter, PartnerCenterOptions,
    currencies,
    dataverse::Dataverse,
    http::{
        AccessToken, Client, RetryOptions, TokenError, TokenProvider, Transport,
        sign_in::{
            ClientCredentials, ENTRA_AUTHORITY, MemoryRefreshToken, RefreshToken, TokenEndpoint,
        },
    },
    mapping::{Context, FieldSet},
    referrals::{Member, Referrals, Solution, SolutionType, read_error},
    sync::{
        Engine, EngineOptions, IdSource, MemoryStore, Replica, StateStore,
        testkit::{drive, search::Tale},
    },
};
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, InProcess, REFRESH_TOKEN, Sandbox, SandboxHandle, TENANT,
};
use uuid::Uuid;

use super::{
    edits::Edit,
    facts::{By, Facts},
    gate::Gate,
    plants::Plant,
    wire::Wire,
};
use crate::world::{ENVIRONMENT, SandboxTime};

/// Between two rounds of a schedule: longer than the send window, shorter than the lags.
pub(crate) const PAUSE: Duration = Duration::from_secs(40);
/// Longer than every lag and lease.
pub(crate) const LONG: Duration = Duration::from_secs(1_200);
/// Most of a lease.
const JUMP: Duration = Duration::from_secs(100);

/// What stays the same in all rounds of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) fields: Arc<FieldSet>,
    pub(crate) context: Arc<Context>,
    pub(crate) organization: Uuid,
    tokens: [AccessToken; 2],
    pub(crate) retry: RetryOptions,
    pub(crate) parallelism: usize,
    pub(crate) plant: Option<Plant>,
}

impl Setup {
    /// Signs in to both services and asks what stays the same.
    pub(crate) fn new(handle: &SandboxHandle, plant: Option<Plant>) -> Self {
        drive(Self::connect(handle, plant)).expect("nothing waits in process")
    }

    async fn connect(handle: &SandboxHandle, plant: Option<Plant>) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(InProcess::new(handle.clone()));
        let time = Arc::new(SandboxTime::new(handle));
        let endpoint = || {
            let authority = ENTRA_AUTHORITY.parse().unwrap();
            let tenant = TENANT.to_string();
            TokenEndpoint::entra(&authority, &tenant, transport.clone(), time.clone()).unwrap()
        };
        let user = RefreshToken::new(
            endpoint(),
            CLIENT_ID,
            Some(CLIENT_SECRET.into()),
            "https://api.partner.microsoft.com/.default offline_access",
            MemoryRefreshToken::new(REFRESH_TOKEN.into()),
        );
        let scope = format!("{ENVIRONMENT}/.default");
        let application =
            ClientCredentials::new(endpoint(), CLIENT_ID, CLIENT_SECRET.into(), scope);
        let tokens = [
            user.token(None).await.unwrap(),
            application.token(None).await.unwrap(),
        ];
        let mut setup = Self {
            fields: Arc::new(FieldSet::default_connector()),
            context: Arc::default(),
            organization: Uuid::nil(),
            tokens,
            retry: RetryOptions::default()
                .with_tries(1)
                .with_backoff(Duration::ZERO, Duration::ZERO)
                .with_seed(1),
            parallelism: 1,
            plant,
        };
        let (_, dataverse) = setup.clients(handle, &transport, None);
        setup.organization = dataverse.who_am_i().await.unwrap().organization_id;
        let known = currencies(&dataverse).await.unwrap();
        setup.context = Arc::new(Context::default().with_currencies(known));
        setup
    }

    fn clients(
        &self,
        handle: &SandboxHandle,
        transport: &Arc<dyn Transport>,
        gate: Option<&Arc<Gate>>,
    ) -> (Referrals, Dataverse) {
        let time = Arc::new(SandboxTime::new(handle));
        let [user, application] = self.tokens.clone().map(|token| {
            let gate = gate.cloned();
            Arc::new(Badge { token, gate })
        });
        let (retry, again) = (self.retry.clone(), self.retry.clone());
        let base = "https://api.partner.microsoft.com/v1.0/engagements/";
        let http = Client::builder(base.parse().unwrap(), transport.clone(), user, time.clone())
            .error_reader(read_error)
            .retry(retry)
            .build()
            .unwrap();
        let environment = ENVIRONMENT.parse().unwrap();
        let dataverse = Dataverse::builder(environment, transport.clone(), application, time)
            .http(move |builder| builder.retry(again))
            .build()
            .unwrap();
        (Referrals::new(http), dataverse)
    }

    /// Both ends over a network.
    pub(crate) fn ends(
        &self,
        handle: &SandboxHandle,
        transport: &Arc<dyn Transport>,
        gate: Option<&Arc<Gate>>,
    ) -> (PartnerCenter, Referrals, Dynamics) {
        let (referrals, dataverse) = self.clients(handle, transport, gate);
        let deals = NewDeals::default()
            .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
            .with_team(&[Member::new(
                "Omar",
                "Diaz",
                "omar.diaz@fabrikam.example",
                "+441130000002",
            )]);
        let left = PartnerCenter::new(
            referrals.clone(),
            self.fields.clone(),
            self.context.clone(),
            PartnerCenterOptions::default().with_new_deals(deals),
        );
        let right = Dynamics::new(
            dataverse,
            self.organization,
            self.fields.clone(),
            self.context.clone(),
            DynamicsOptions::default(),
        );
        (left, referrals, right)
    }
}

/// A token that is good for the whole story. Asked for right before the bytes of a request leave.
#[derive(Clone, Debug)]
struct Badge {
    token: AccessToken,
    gate: Option<Arc<Gate>>,
}

#[async_trait]
impl TokenProvider for Badge {
    async fn token(&self, _: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        if let Some(gate) = &self.gate {
            gate.before_bytes();
        }
        Ok(self.token.clone())
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) handle: SandboxHandle,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) facts: Mutex<Facts>,
    pub(crate) setup: Setup,
}

impl World {
    pub(crate) fn new(
        sandbox: Sandbox,
        store: Arc<MemoryStore>,
        facts: Facts,
        setup: Setup,
    ) -> Arc<Self> {
        Arc::new(Self {
            handle: SandboxHandle::of(sandbox),
            store,
            facts: Mutex::new(facts),
            setup,
        })
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        self.handle.with(|sandbox| sandbox.clone())
    }

    pub(crate) fn edit(&self, edit: Edit, deal: u8) -> String {
        let mut facts = self.facts.lock().unwrap();
        self.handle.with(|sandbox| facts.edit(sandbox, edit, deal))
    }

    /// Looks at what changed.
    pub(crate) fn look(&self, by: By) {
        let mut facts = self.facts.lock().unwrap();
        self.handle.with(|sandbox| facts.look(sandbox, by));
    }

    pub(crate) fn pass(&self, wait: Duration) {
        self.handle.advance(wait);
    }

    pub(crate) fn jump(&self) {
        self.handle.advance(JUMP);
    }

    pub(crate) fn writes(&self) -> u64 {
        let counts = self.handle.counts();
        counts.partner_center.writes + counts.dataverse.writes
    }

    /// An engine whose requests and commits pass `gate`.
    pub(crate) fn engine(self: &Arc<Self>, owner: &str, gate: &Arc<Gate>) -> Engine {
        let inner: Arc<dyn Transport> = Arc::new(InProcess::new(self.handle.clone()));
        let transport: Arc<dyn Transport> = Arc::new(Wire {
            inner,
            gate: gate.clone(),
        });
        let (left, referrals, right) = self.setup.ends(&self.handle, &transport, Some(gate));
        let left: Arc<dyn Replica> = Arc::new(left);
        let left = match self.setup.plant {
            Some(plant) => plant.left(left, referrals),
            None => left,
        };
        let store = Arc::new(self.store.tapped(gate.clone()));
        let store: Arc<dyn StateStore> = match self.setup.plant {
            Some(plant) => plant.store(store),
            None => store,
        };
        let world = self.clone();
        let ids = IdSource::new(move || {
            let mut facts = world.facts.lock().unwrap();
            facts.ids += 1;
            Uuid::from_u64_pair(7, facts.ids)
        });
        let options = EngineOptions::default()
            .with_owner(owner)
            .with_parallelism(self.setup.parallelism)
            .with_ids(ids);
        let time = Arc::new(SandboxTime::new(&self.handle));
        Engine::builder(
            left,
            Arc::new(right),
            store,
            Arc::new(CosellPolicy::default()),
            time,
        )
        .options(options)
        .build()
    }

    /// Another worker, which finds the lease ended and does a round of its own.
    pub(crate) fn rival(self: &Arc<Self>, tale: &Tale) {
        self.pass(LONG);
        tale.tell(|| "  .. it stands still; a rival takes over".to_owned());
        let engine = self.engine("rival", &Gate::open("rival", self, tale));
        if drive(engine.run_once()).is_none() {
            self.facts.lock().unwrap().broken(8, "the rival hangs");
        }
    }
}

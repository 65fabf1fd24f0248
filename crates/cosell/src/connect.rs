//! Putting both services, the store and the policy together.

use std::{future::Future, sync::Arc};

use cosell_dataverse::{Dataverse, PageOptions, Query, Table};
use cosell_http::ErrorKind;
use cosell_mapping::{Context, DateZone, FieldSet, Path};
use cosell_referrals::{ListOptions, Order, OrderBy, Referrals};
use cosell_sync::{
    Clock, DryRun, Engine, EngineError, EngineOptions, MergePolicy, RoundReport, StateStore,
};

use crate::{
    CompareError, Comparison, CosellPolicy, Dynamics, DynamicsOptions, PartnerCenter,
    PartnerCenterOptions, TokioTime, compare, dynamics,
};

/// Both services connected, with an engine between them.
///
/// Cheap to share behind an `Arc`; one at a time works on a store.
#[derive(Debug)]
pub struct Cosell {
    engine: Engine,
    referrals: PartnerCenter,
    opportunities: Dynamics,
}

impl Cosell {
    /// Starts putting an integration together: a client for each service, signed in as whoever
    /// shall do the work there, and a store for what must survive.
    pub fn builder(
        referrals: Referrals,
        dataverse: Dataverse,
        store: Arc<dyn StateStore>,
    ) -> CosellBuilder {
        CosellBuilder {
            referrals,
            dataverse,
            store,
            policy: Arc::new(CosellPolicy::default()),
            clock: Arc::new(TokioTime),
            fields: FieldSet::default_connector(),
            zone: DateZone::default(),
            patchable: Vec::new(),
            partner_center: PartnerCenterOptions::default(),
            dynamics: DynamicsOptions::default(),
            engine: EngineOptions::default(),
        }
    }

    /// The engine, for all that has no method here.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The Partner Center side.
    pub fn partner_center(&self) -> &PartnerCenter {
        &self.referrals
    }

    /// The CRM side.
    pub fn dynamics(&self) -> &Dynamics {
        &self.opportunities
    }

    /// Looks at both sides once and carries over what changed.
    ///
    /// # Errors
    /// [`EngineError`] when nothing can go on; what goes wrong with single records is in the
    /// report. Cancel safety: may be dropped; the next round concludes what was under way.
    pub async fn run_once(&self) -> Result<RoundReport, EngineError> {
        self.engine.run_once().await
    }

    /// Runs rounds until `shutdown` completes, then finishes what is under way.
    ///
    /// # Errors
    /// [`EngineError`] when nothing can go on. Cancel safety: as [`run_once`](Self::run_once).
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        self.engine.run(shutdown).await
    }

    /// What a round would do. Writes nothing anywhere.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn plan(&self) -> Result<DryRun, EngineError> {
        self.engine.plan().await
    }

    /// Compares all deals that take part, read straight from both services: what differs, what
    /// is double, what has no counterpart. Independent of what the engine remembers, but for the
    /// reasons of held fields.
    ///
    /// # Errors
    /// [`CompareError`](crate::CompareError) when a service or the store cannot be read.
    pub async fn compare(&self) -> Result<Comparison, CompareError> {
        compare::compare(&self.engine, &self.referrals, &self.opportunities).await
    }
}

/// Builds a [`Cosell`].
#[derive(Debug)]
pub struct CosellBuilder {
    referrals: Referrals,
    dataverse: Dataverse,
    store: Arc<dyn StateStore>,
    policy: Arc<dyn MergePolicy>,
    clock: Arc<dyn Clock>,
    fields: FieldSet,
    zone: DateZone,
    patchable: Vec<Path>,
    partner_center: PartnerCenterOptions,
    dynamics: DynamicsOptions,
    engine: EngineOptions,
}

impl CosellBuilder {
    /// Who wins when both sides moved.
    #[must_use]
    pub fn policy(mut self, policy: impl MergePolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another set of fields.
    #[must_use]
    pub fn fields(mut self, fields: FieldSet) -> Self {
        self.fields = fields;
        self
    }

    /// The zone in which a moment is a date.
    #[must_use]
    pub fn zone(mut self, zone: DateZone) -> Self {
        self.zone = zone;
        self
    }

    /// A place of the referral that is proven to be writable after creation although no contract
    /// lists it, such as `name`.
    #[must_use]
    pub fn patchable(mut self, path: Path) -> Self {
        self.patchable.push(path);
        self
    }

    /// Settings of the Partner Center side.
    #[must_use]
    pub fn partner_center(mut self, options: PartnerCenterOptions) -> Self {
        self.partner_center = options;
        self
    }

    /// Settings of the CRM side.
    #[must_use]
    pub fn dynamics(mut self, options: DynamicsOptions) -> Self {
        self.dynamics = options;
        self
    }

    /// Settings of the engine.
    #[must_use]
    pub fn engine(mut self, options: EngineOptions) -> Self {
        self.engine = options;
        self
    }

    /// Asks both services who we are there and whether all columns exist, reads the currencies,
    /// and finishes. Writes nothing. Cancel safety: may be dropped.
    ///
    /// # Errors
    /// [`ConnectError`] with everything that is wrong on both sides.
    pub async fn connect(self) -> Result<Cosell, ConnectError> {
        let mut faults = Vec::new();
        let mut trouble = |side: Service, error: cosell_http::Error| {
            faults.push(ConnectFault::new(side, error));
        };
        let newest = ListOptions::default().with_order(Order::newest(OrderBy::Updated));
        if let Err(error) = self.referrals.first_page(&newest).await {
            trouble(Service::PartnerCenter, error);
        }
        let organization = match self.dataverse.who_am_i().await {
            Ok(who) => Some(who.organization_id),
            Err(error) => {
                trouble(Service::Dynamics, error);
                None
            }
        };
        let mut context = Context::default().with_zone(self.zone);
        for path in self.patchable {
            context = context.with_patchable(path);
        }
        if organization.is_some() {
            match dynamics::currencies(&self.dataverse).await {
                Ok(currencies) => context = context.with_currencies(currencies),
                Err(error) => trouble(Service::Dynamics, error),
            }
        }
        let (fields, context) = (Arc::new(self.fields), Arc::new(context));
        let opportunities = Dynamics::new(
            self.dataverse.clone(),
            organization.unwrap_or_default(),
            Arc::clone(&fields),
            Arc::clone(&context),
            self.dynamics,
        );
        if organization.is_some()
            && let Err(error) = opportunities.probe().await
        {
            trouble(Service::Dynamics, error);
        }
        if !faults.is_empty() {
            return Err(ConnectError { faults });
        }
        let referrals = PartnerCenter::new(self.referrals, fields, context, self.partner_center);
        let engine = Engine::builder(
            Arc::new(referrals.clone()),
            Arc::new(opportunities.clone()),
            self.store,
            self.policy,
            self.clock,
        )
        .options(self.engine)
        .build();
        Ok(Cosell {
            engine,
            referrals,
            opportunities,
        })
    }
}

impl Dynamics {
    /// Reads at most one row with every column that will be used, so that a missing column shows
    /// before the first deal.
    async fn probe(&self) -> Result<(), cosell_http::Error> {
        let query: Query = self.query().with_top(1);
        let table = self.client().table(Table::OPPORTUNITY);
        table
            .pages(&query, PageOptions::default())
            .next_page()
            .await?;
        Ok(())
    }
}

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Partner Center.
    PartnerCenter,
    /// Dynamics 365.
    Dynamics,
}

/// One thing that is wrong with a connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFault {
    /// Where.
    pub service: Service,
    /// What the call came to.
    pub error: cosell_http::Error,
    /// What to do.
    pub cure: &'static str,
}

impl ConnectFault {
    fn new(service: Service, error: cosell_http::Error) -> Self {
        let cure = match (service, error.kind()) {
            (_, ErrorKind::SignIn) => {
                "check tenant, client id and secret, or sign in again to get a new refresh token"
            }
            (_, ErrorKind::Transport) => "check the address and that this machine reaches it",
            (Service::PartnerCenter, ErrorKind::Denied) => {
                "give the user the role Referrals Admin and sign in with multi-factor \
                 authentication"
            }
            (Service::Dynamics, ErrorKind::Denied) => {
                "add the application as an application user of the environment, with rights on \
                 opportunities, accounts and currencies"
            }
            (Service::Dynamics, ErrorKind::Refused | ErrorKind::NotFound) => {
                "check the address, and that the connector's columns exist under the configured \
                 names"
            }
            (_, ErrorKind::Malformed) => "check that the address is the service's own",
            _ => "check the address; if it is right, try again later",
        };
        Self {
            service,
            error,
            cure,
        }
    }
}

/// A service cannot be worked with. Nothing was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectError {
    /// Everything that is wrong.
    pub faults: Vec<ConnectFault>,
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            let name = match fault.service {
                Service::PartnerCenter => "Partner Center",
                Service::Dynamics => "Dynamics 365",
            };
            let between = if place == 0 { "" } else { "\n" };
            write!(f, "{between}{name}: {}; {}", fault.error, fault.cure)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}

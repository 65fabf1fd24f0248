//! Putting both services, the store, the mapping and the policy together.

mod fault;

use std::{future::Future, sync::Arc};

use cosell_dataverse::{Dataverse, PageOptions, Query, Table};
use cosell_mapping::{
    Context, DateZone, Path,
    rules::{Approval, Faults, Mapping, Severity},
};
use cosell_referrals::{ListOptions, Order, OrderBy, Referrals};
use cosell_sync::{
    Clock, DryRun, Engine, EngineError, EngineOptions, MergePolicy, Observer, RoundReport,
    StateStore, Traced,
};

use crate::{
    CRM, CompareError, Comparison, CosellPolicy, Dynamics, DynamicsOptions, LeadOptions,
    PartnerCenter, PartnerCenterOptions, TokioTime, Trial, TrialError, compare, dynamics, live,
};

pub use fault::{ConnectError, ConnectFault, Service};

/// Both services connected, with an engine between them.
///
/// Cheap to share behind an `Arc`; one at a time works on a store.
#[derive(Debug)]
pub struct Cosell {
    engine: Engine,
    referrals: PartnerCenter,
    opportunities: Dynamics,
    mapping: Mapping,
    warnings: Faults,
    configured: Context,
    store: Arc<dyn StateStore>,
}

/// Pairs asked from the store at once.
const PAIRS: usize = 200;

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
            policy: None,
            clock: Arc::new(TokioTime),
            mapping: None,
            approval: Approval::Any,
            zone: DateZone::default(),
            patchable: Vec::new(),
            partner_center: PartnerCenterOptions::default(),
            dynamics: DynamicsOptions::default(),
            engine: EngineOptions::default(),
            observer: Arc::new(Traced),
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

    /// The mapping in use.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What the owner of the mapping should know about it, as its check against the services
    /// told when they were connected.
    pub fn warnings(&self) -> &Faults {
        &self.warnings
    }

    /// Holds a mapping against the live services, such as the next version of the one in use, to
    /// check it, explain a deal and preview many. Writes nothing and changes nothing here.
    ///
    /// # Errors
    /// [`TrialError::Service`] when the CRM's definitions cannot be read. Cancel safety: may be
    /// dropped.
    pub async fn try_out(&self, mapping: Mapping) -> Result<Trial, TrialError> {
        Trial::new(
            mapping,
            self.referrals.client().clone(),
            self.opportunities.client().clone(),
            self.configured.clone(),
            self.opportunities.options().clone(),
        )
        .await
    }

    /// Puts every pair into the queue, to be looked at anew in the next rounds: after another
    /// mapping was connected, whose fields no change at either end would bring up. Fields under
    /// new names have no history and meet for the first time; a field whose place was changed
    /// under its old name is judged by what stood at the old place. `by` is who wants it, for the
    /// audit trail. Says how many there are.
    ///
    /// # Errors
    /// [`EngineError`] when the store fails; the pairs before that are queued. Cancel safety: may
    /// be dropped.
    pub async fn look_again(&self, by: &str) -> Result<usize, EngineError> {
        let (mut count, mut after) = (0, None);
        loop {
            let pairs = self.store.pairs(after, PAIRS).await?;
            let Some(last) = pairs.last() else {
                return Ok(count);
            };
            after = Some(last.id);
            for pair in &pairs {
                if let Some(id) = &pair.right.id {
                    self.engine.look(CRM, id, by).await?;
                    count += 1;
                }
            }
        }
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
    policy: Option<Arc<dyn MergePolicy>>,
    clock: Arc<dyn Clock>,
    mapping: Option<Mapping>,
    approval: Approval,
    zone: DateZone,
    patchable: Vec<Path>,
    partner_center: PartnerCenterOptions,
    dynamics: DynamicsOptions,
    engine: EngineOptions,
    observer: Arc<dyn Observer>,
}

impl CosellBuilder {
    /// Who wins when both sides moved, in place of what the mapping says.
    #[must_use]
    pub fn policy(mut self, policy: impl MergePolicy) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another mapping than [`Mapping::minimal`]: the fields, where each stands on either side,
    /// when it is written, and who wins. It is checked against both services when they are
    /// connected, which costs about twenty reads of the CRM's definitions.
    #[must_use]
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = Some(mapping);
        self
    }

    /// Which mappings this environment takes; any unless said otherwise. Production takes those
    /// that were reviewed, known by their content hash.
    #[must_use]
    pub fn approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
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

    /// Who listens to the engine: counts, timings, errors, progress. By default `tracing` spans
    /// and events ([`Traced`]); several listen as a `Vec` of them.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Settings of the engine.
    #[must_use]
    pub fn engine(mut self, options: EngineOptions) -> Self {
        self.engine = options;
        self
    }

    fn configured(&self) -> Context {
        let context = Context::default().with_zone(self.zone);
        let patchable = self.patchable.iter().cloned();
        patchable.fold(context, Context::with_patchable)
    }

    /// Holds the mapping that was given (or the default) against the live services, before it is
    /// used. Writes nothing.
    ///
    /// # Errors
    /// [`TrialError::Service`] when the CRM's definitions cannot be read. Cancel safety: may be
    /// dropped.
    pub async fn try_out(&self) -> Result<Trial, TrialError> {
        let mapping = self.mapping.clone().unwrap_or_else(Mapping::minimal);
        Trial::new(
            mapping,
            self.referrals.clone(),
            self.dataverse.clone(),
            self.configured(),
            self.dynamics.clone(),
        )
        .await
    }

    /// Asks both services who we are there, checks the mapping against what they have, reads the
    /// currencies, option labels and keys that it needs, and finishes. Writes nothing. What the
    /// CRM's administrators change afterwards (a new option, user or currency) is known after the
    /// next `connect`; until then such values are held. Cancel safety: may be dropped.
    ///
    /// # Errors
    /// [`ConnectError`] with everything that is wrong: with the services, with the mapping, and
    /// whether it was reviewed.
    pub async fn connect(self) -> Result<Cosell, ConnectError> {
        let configured = self.configured();
        let (mapping, given) = match self.mapping {
            Some(mapping) => (mapping, true),
            None => (Mapping::minimal(), false),
        };
        let mut faults = Vec::new();
        if let Err(unreviewed) = self.approval.admit(&mapping) {
            faults.push(ConnectFault::Unreviewed(unreviewed));
        }
        let newest = ListOptions::default().with_order(Order::newest(OrderBy::Updated));
        if let Err(error) = self.referrals.first_page(&newest).await {
            faults.push(ConnectFault::new(Service::PartnerCenter, error));
        }
        let mut context = configured.clone();
        let mut report = Faults::default();
        let mut organization = None;
        let asked = match self.dataverse.who_am_i().await {
            Ok(who) => {
                organization = Some(who.organization_id);
                match given {
                    true => live::read(&self.dataverse, mapping.fields(), context.clone())
                        .await
                        .map(|live| {
                            report = mapping.check(&live.schema);
                            context = live.context;
                        }),
                    false => dynamics::currencies(&self.dataverse)
                        .await
                        .map(|currencies| context = context.clone().with_currencies(currencies)),
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            faults.push(ConnectFault::new(Service::Dynamics, error));
        }
        let fields = Arc::new(mapping.fields().clone());
        let mut dynamics = self.dynamics;
        if !self.partner_center.co_sell_only && dynamics.leads.is_none() {
            dynamics.leads = Some(LeadOptions::default());
        }
        let context = Arc::new(context);
        let opportunities = Dynamics::new(
            self.dataverse,
            organization.unwrap_or_default(),
            Arc::clone(&fields),
            Arc::clone(&context),
            dynamics,
        );
        let unfit = report.errors().next().is_some();
        let errors = report.iter().filter(|it| it.severity == Severity::Error);
        faults.extend(errors.cloned().map(ConnectFault::Mapping));
        // A column that the mapping names wrongly has been told already.
        if organization.is_some()
            && !unfit
            && let Err(error) = opportunities.probe().await
        {
            faults.push(ConnectFault::new(Service::Dynamics, error));
        }
        if !faults.is_empty() {
            return Err(ConnectError { faults });
        }
        let referrals = PartnerCenter::new(self.referrals, fields, context, self.partner_center);
        let policy = self
            .policy
            .unwrap_or_else(|| Arc::new(CosellPolicy::from(&mapping)));
        let engine = Engine::builder(
            Arc::new(referrals.clone()),
            Arc::new(opportunities.clone()),
            Arc::clone(&self.store),
            policy,
            self.clock,
        )
        .options(self.engine)
        .observer(self.observer)
        .build();
        Ok(Cosell {
            engine,
            referrals,
            opportunities,
            mapping,
            warnings: report,
            configured,
            store: self.store,
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
        let Some(leads) = &self.options().leads else {
            return Ok(());
        };
        let query = self.lead_query(leads).with_top(1);
        let table = self.client().table(Table::LEAD);
        table
            .pages(&query, PageOptions::default())
            .next_page()
            .await?;
        // Tracking of this table is off in many organizations.
        let one = PageOptions::default().with_size(1);
        table.changes(&[Table::LEAD.key()], &one).await?;
        Ok(())
    }
}

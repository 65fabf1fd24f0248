//! How a sandbox is set up.

use crate::{CRM_SELLER, Clock, SignInOptions, User, dataverse, partner_center, webhooks};

/// Settings of a [`Sandbox`](crate::Sandbox). The defaults are a partner named Fabrikam with one
/// application, three users, empty tables and real time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Seed of the tokens; see [`with_seed`](Self::with_seed). The same seeds, clock and requests
    /// give the same answers.
    pub seed: u64,
    /// Time.
    pub clock: Clock,
    /// Sign-in: tenant, applications, users.
    pub sign_in: SignInOptions,
    /// Partner Center.
    pub partner_center: partner_center::Options,
    /// Dataverse.
    pub dataverse: dataverse::Options,
    /// Partner Center's webhooks.
    pub webhooks: webhooks::Options,
    /// How many requests the log keeps (default 10,000); numbers and counts cover all.
    pub log_capacity: usize,
}

impl Options {
    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the seed of all services. Options of a service that are given later bring their
    /// own.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.partner_center = self.partner_center.with_seed(seed);
        self.dataverse = self.dataverse.with_seed(seed);
        self.webhooks = self.webhooks.with_seed(seed);
        self
    }

    /// Sets up the sign-in service.
    #[must_use]
    pub fn with_sign_in(mut self, sign_in: SignInOptions) -> Self {
        self.sign_in = sign_in;
        self
    }

    /// Sets up Partner Center.
    #[must_use]
    pub fn with_partner_center(mut self, options: partner_center::Options) -> Self {
        self.partner_center = options;
        self
    }

    /// Sets up Partner Center's webhooks.
    #[must_use]
    pub fn with_webhooks(mut self, options: webhooks::Options) -> Self {
        self.webhooks = options;
        self
    }

    /// Sets up Dataverse. Its tenant follows the sign-in service.
    #[must_use]
    pub fn with_dataverse(mut self, options: dataverse::Options) -> Self {
        self.dataverse = options;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        let seller = dataverse::User::person(
            dataverse::DEFAULT_SELLER,
            User::new(CRM_SELLER).object_id,
            "Ana Fischer",
            CRM_SELLER,
        )
        .with_phone("+441130000003");
        Self {
            seed: 1,
            clock: Clock::real(),
            sign_in: SignInOptions::default(),
            partner_center: partner_center::Options::default(),
            dataverse: dataverse::Options::default().with_seller(seller),
            webhooks: webhooks::Options::default(),
            log_capacity: 10_000,
        }
    }
}

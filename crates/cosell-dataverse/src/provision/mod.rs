//! Provisioning: makes what an integration needs in an environment, and nothing else.
//!
//! A [`Blueprint`] says what is needed. [`Provisioner::plan`] compares it with what is there and
//! gives a [`Plan`] that can be printed; [`Provisioner::apply`] carries exactly that plan out.
//! Every step makes something new: nothing that is there is changed or deleted, but for values
//! that are added to our own choices. A run that failed in the middle is resumed by planning
//! again: what is there by then is in the plan no more.
//!
//! Columns that another solution brought are used where the blueprint names them
//! ([`ColumnSpec::or_existing`]), so that an environment with Microsoft's own connector gets no
//! second set.

mod apply;
mod blueprint;
mod body;
mod compare;
mod inventory;
mod plan;

pub use apply::{Applied, StepOutcome, StepRecord};
pub use blueprint::{
    Blueprint, ColumnSpec, KeySpec, NewColumn, PublisherSpec, SolutionSpec, TableSpec,
};
pub use inventory::{InstalledSolution, Inventory};
pub use plan::{Action, Binding, Obstacle, Origin, Plan, Step};

use std::time::Duration;

use crate::Dataverse;

/// Brings an environment to what a [`Blueprint`] needs. Made by [`Dataverse::provisioner`].
///
/// The identity needs a role that may customize. Steps run one after the other: the service locks
/// customization while one runs.
#[derive(Clone, Debug)]
pub struct Provisioner {
    client: Dataverse,
    blueprint: Blueprint,
    key_wait: Duration,
}

impl Dataverse {
    /// Prepares provisioning of `blueprint`. Sends nothing.
    pub fn provisioner(&self, blueprint: Blueprint) -> Provisioner {
        Provisioner {
            client: self.clone(),
            blueprint,
            key_wait: Duration::from_secs(600),
        }
    }
}

impl Provisioner {
    /// Sets how long the index of an alternate key is waited for; 10 minutes by default.
    #[must_use]
    pub fn with_key_wait(mut self, wait: Duration) -> Self {
        self.key_wait = wait;
        self
    }

    /// What is to be there.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }
}

//! Watches the registration: a tenant has one, and whoever registers last gets the events.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_http::Error;
use futures_core::stream::BoxStream;
use futures_util::stream;

use super::{Overwrite, RegisterError, Registration, Standing, Webhooks};

/// What a [`Guard`] may put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it only tells.
    Never,
    /// A registration that is missing or incomplete, never one of somebody else.
    #[default]
    Lost,
    /// A registration of somebody else, too.
    Taken,
}

/// How a [`Guard`] works.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardOptions {
    /// What it may put right.
    pub repair: Repair,
    /// Takings back within `window`, at most; 3 by default. Two environments that both take the
    /// registration back would do so for ever.
    pub most: usize,
    /// See `most`; a day by default.
    pub window: Duration,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            repair: Repair::default(),
            most: 3,
            window: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl GuardOptions {
    /// Sets what it may put right.
    #[must_use]
    pub fn with_repair(mut self, repair: Repair) -> Self {
        self.repair = repair;
        self
    }

    /// Sets how often it takes the registration back within `window`.
    #[must_use]
    pub fn with_limit(mut self, most: usize, window: Duration) -> Self {
        self.most = most;
        self.window = window;
        self
    }
}

/// What one look at the registration found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// When.
    pub at: DateTime<Utc>,
    /// How the registration stood.
    pub standing: Standing,
    /// Was it put right?
    pub repaired: bool,
    /// Was it left alone because it had been taken back too often? Somebody else registers again
    /// and again: one receiver for both is needed.
    pub contested: bool,
}

/// Watches that events go on coming. See [`check`](Self::check).
#[derive(Debug)]
pub struct Guard {
    webhooks: Webhooks,
    wanted: Registration,
    options: GuardOptions,
    taken_back: Mutex<VecDeque<DateTime<Utc>>>,
}

impl Guard {
    /// Watches over `wanted`.
    pub fn new(webhooks: Webhooks, wanted: Registration, options: GuardOptions) -> Self {
        Self {
            webhooks,
            wanted,
            options,
            taken_back: Mutex::default(),
        }
    }

    /// Looks at the registration once and puts right what it may. One read, and a second with one
    /// write where something is put right.
    ///
    /// # Errors
    /// What failed; the registration may be good or not.
    pub async fn check(&self) -> Result<Finding, Error> {
        let found = self.webhooks.registration().await?;
        let at = self.webhooks.sleep().now();
        let standing = self.wanted.compare(found.as_ref());
        let mut finding = Finding {
            at,
            standing,
            repaired: false,
            contested: false,
        };
        let overwrite = match (&finding.standing, self.options.repair) {
            (Standing::AsWanted { .. }, _)
            | (_, Repair::Never)
            | (Standing::Foreign { .. }, Repair::Lost) => return Ok(finding),
            (Standing::Foreign { .. }, Repair::Taken) => {
                if !self.may_take_back(at) {
                    finding.contested = true;
                    return Ok(finding);
                }
                Overwrite::Yes
            }
            (Standing::Missing | Standing::Incomplete { .. }, _) => Overwrite::No,
        };
        match self.webhooks.register(&self.wanted, overwrite).await {
            Ok(registered) => finding.repaired = registered.written,
            // Taken by somebody since we looked.
            Err(RegisterError::Occupied { existing }) => {
                finding.standing = Standing::Foreign { found: existing };
            }
            Err(RegisterError::Failed(error)) => return Err(error),
        }
        Ok(finding)
    }

    /// Looks every so often, for ever; the first time at once. An hour is often enough.
    pub fn watch(self, every: Duration) -> BoxStream<'static, Result<Finding, Error>> {
        Box::pin(stream::unfold(
            (self, false),
            move |(guard, again)| async move {
                if again {
                    guard.webhooks.sleep().sleep(every).await;
                }
                let finding = guard.check().await;
                Some((finding, (guard, true)))
            },
        ))
    }

    fn may_take_back(&self, now: DateTime<Utc>) -> bool {
        let window = TimeDelta::from_std(self.options.window).unwrap_or(TimeDelta::MAX);
        let mut taken = self
            .taken_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|at| now - *at >= window) {
            taken.pop_front();
        }
        if taken.len() >= self.options.most {
            return false;
        }
        taken.push_back(now);
        true
    }
}

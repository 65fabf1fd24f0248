//! Deal registration by patch: one is added once the deal is won, and edited while the review has
//! sent it back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{Patch, append::NEW_REGISTRATION};
use crate::{ContractTerm, Deployment, PricingModel, Registration, wire::Wire};

/// Is this path part of a registration?
pub(super) fn is_registration(path: &str) -> bool {
    path.starts_with("/registrations/")
}

impl Patch {
    /// Registers a deal that was won. Judge it before with
    /// [`Registration::check_for`](crate::Registration::check_for).
    #[must_use]
    pub fn register(mut self, registration: &Registration) -> Self {
        self.changes.retain(|other| other.path != NEW_REGISTRATION);
        self.append(NEW_REGISTRATION, registration.write())
    }

    /// Changes the registration, which the review has sent back.
    #[must_use]
    pub fn edit_registration(self, edit: &RegistrationEdit) -> Self {
        edit.changes.iter().fold(self, |patch, (path, value)| {
            patch.replace(path, value.clone())
        })
    }
}

/// What changes in the registration of a deal: the first one and its first solution, as the
/// service's list of paths goes no further. The contract's currency cannot be changed.
#[derive(Clone, Default)]
pub struct RegistrationEdit {
    changes: Vec<(&'static str, Box<RawValue>)>,
}

macro_rules! edits {
    ($($(#[$doc:meta])* $set:ident: $ty:ty = $path:literal;)*) => {
        impl RegistrationEdit {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $set(mut self, value: impl Into<$ty>) -> Self {
                    let value: $ty = value.into();
                    self.changes.retain(|(other, _)| *other != $path);
                    self.changes.push(($path, value.write()));
                    self
                }
            )*
        }
    };
}

edits! {
    /// When the contract begins.
    with_start: DateTime<Utc> = "/registrations/0/contract/startDateTime";
    /// When the contract ends.
    with_end: DateTime<Utc> = "/registrations/0/contract/endDateTime";
    /// When the contract was signed.
    with_signed: DateTime<Utc> = "/registrations/0/contract/signDateTime";
    /// How long the contract runs.
    with_term: ContractTerm = "/registrations/0/contract/term";
    /// Value of the contract.
    with_contract_value: Decimal = "/registrations/0/contract/value";
    /// Value of the solution.
    with_solution_value: Decimal = "/registrations/0/solutionDetails/0/value";
    /// Currency of the solution's value.
    with_solution_currency: String = "/registrations/0/solutionDetails/0/currency";
    /// Does the solution run on Azure?
    with_deployed_on_azure: bool = "/registrations/0/solutionDetails/0/isDeployedOnAzure";
    /// In whose subscription it runs.
    with_primary_deployment_on: Deployment =
        "/registrations/0/solutionDetails/0/primaryDeploymentOn";
    /// How it is paid for.
    with_pricing_model: PricingModel = "/registrations/0/solutionDetails/0/pricingModel";
    /// Was it sold in the marketplace?
    with_marketplace_transacted: bool =
        "/registrations/0/solutionDetails/0/marketplaceTransactionDetails/isMarketplaceTransacted";
    /// When it was sold in the marketplace.
    with_marketplace_transaction_date_time: DateTime<Utc> =
        "/registrations/0/solutionDetails/0/marketplaceTransactionDetails/marketplaceTransactionDateTime";
}

impl std::fmt::Debug for RegistrationEdit {
    /// Paths without values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths = self.changes.iter().map(|(path, _)| path);
        f.write_str("RegistrationEdit ")?;
        f.debug_set().entries(paths).finish()
    }
}

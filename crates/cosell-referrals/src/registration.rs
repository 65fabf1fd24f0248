//! Deal registrations: what is sent, what comes back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::wire::{wire_object, wire_word};

wire_object! {
    /// A deal registration. Made with [`Patch::register`](crate::Patch::register), changed with
    /// [`Patch::edit_registration`](crate::Patch::edit_registration).
    Registration {
        /// Id.
        id: String = "id";
        /// Program (`type` on the wire).
        kind: RegistrationType = "type", with_kind;
        /// When it was registered.
        registration_date_time: DateTime<Utc> = "registrationDateTime";
        /// Where it stands.
        status: RegistrationStatus = "status";
        /// Why it stands there.
        status_reason: String = "statusReason";
        /// The customer's contract.
        contract: Contract = "contract", with_contract;
        /// What was sold.
        solution_details: [RegisteredSolution] = "solutionDetails", with_solution_details;
        /// When it came where.
        status_history: StatusHistory = "statusHistory";
    }
}

impl Registration {
    /// A registration of an Azure IP co-sell deal.
    pub fn new(contract: &Contract, solutions: &[RegisteredSolution]) -> Self {
        Self::default()
            .with_kind(RegistrationType::AzureIpCoSell)
            .with_contract(contract.clone())
            .with_solution_details(solutions)
    }
}

wire_object! {
    /// The contract of a registered deal.
    Contract {
        /// Software and services, no hardware, in `currency`.
        value: Decimal = "value", with_value;
        /// Currency, three letters (ISO 4217). Cannot be edited later.
        currency: String = "currency", with_currency;
        /// When it begins; may lie before the signature.
        start_date_time: DateTime<Utc> = "startDateTime", with_start_date_time;
        /// When it ends; not needed for a perpetual one.
        end_date_time: DateTime<Utc> = "endDateTime", with_end_date_time;
        /// When it was signed.
        sign_date_time: DateTime<Utc> = "signDateTime", with_sign_date_time;
        /// For how long.
        term: ContractTerm = "term", with_term;
    }
}

impl Contract {
    /// A contract that ends.
    pub fn finite(
        value: impl Into<Decimal>,
        currency: impl Into<String>,
        signed: DateTime<Utc>,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Self {
        Self::default()
            .with_value(value)
            .with_currency(currency)
            .with_sign_date_time(signed)
            .with_start_date_time(start)
            .with_end_date_time(end)
            .with_term(ContractTerm::Finite)
    }

    /// A contract without end.
    pub fn perpetual(
        value: impl Into<Decimal>,
        currency: impl Into<String>,
        signed: DateTime<Utc>,
        start: DateTime<Utc>,
    ) -> Self {
        Self::default()
            .with_value(value)
            .with_currency(currency)
            .with_sign_date_time(signed)
            .with_start_date_time(start)
            .with_term(ContractTerm::Perpetual)
    }
}

wire_object! {
    /// A solution of a registered deal.
    RegisteredSolution {
        /// Id of the solution.
        id: String = "id", with_id;
        /// Display name.
        name: String = "name", with_name;
        /// Its share of the contract's value.
        value: Decimal = "value", with_value;
        /// Currency, three letters (ISO 4217).
        currency: String = "currency", with_currency;
        /// Does it run on Azure? Only such ones can be registered.
        is_deployed_on_azure: bool = "isDeployedOnAzure", with_is_deployed_on_azure;
        /// In whose subscription it runs.
        primary_deployment_on: Deployment = "primaryDeploymentOn", with_primary_deployment_on;
        /// How it is paid for.
        pricing_model: PricingModel = "pricingModel", with_pricing_model;
        /// Whether it was sold in the marketplace.
        marketplace_transaction_details: MarketplaceTransaction =
            "marketplaceTransactionDetails", with_marketplace_transaction_details;
    }
}

impl RegisteredSolution {
    /// The solution `id` on Azure, sold outside the marketplace.
    pub fn new(
        id: impl Into<String>,
        value: impl Into<Decimal>,
        currency: impl Into<String>,
        deployment: Deployment,
        pricing: PricingModel,
    ) -> Self {
        let transaction = MarketplaceTransaction::default().with_is_marketplace_transacted(false);
        Self::default()
            .with_id(id)
            .with_value(value)
            .with_currency(currency)
            .with_is_deployed_on_azure(true)
            .with_primary_deployment_on(deployment)
            .with_pricing_model(pricing)
            .with_marketplace_transaction_details(transaction)
    }

    /// Sold in the marketplace at `moment`.
    #[must_use]
    pub fn sold_in_marketplace(self, moment: DateTime<Utc>) -> Self {
        let transaction = MarketplaceTransaction::default()
            .with_is_marketplace_transacted(true)
            .with_marketplace_transaction_date_time(moment);
        self.with_marketplace_transaction_details(transaction)
    }
}

wire_object! {
    /// A sale in the marketplace.
    MarketplaceTransaction {
        /// Was there one?
        is_marketplace_transacted: bool = "isMarketplaceTransacted", with_is_marketplace_transacted;
        /// When.
        marketplace_transaction_date_time: DateTime<Utc> =
            "marketplaceTransactionDateTime", with_marketplace_transaction_date_time;
    }
}

wire_object! {
    /// When a registration came into which status.
    StatusHistory {
        /// Into review.
        review_pending_date_time: DateTime<Utc> = "reviewPendingDateTime";
        /// Sent back.
        action_required_date_time: DateTime<Utc> = "actionRequiredDateTime";
        /// Passed.
        passed_date_time: DateTime<Utc> = "passedDateTime";
        /// Failed.
        failed_date_time: DateTime<Utc> = "failedDateTime";
        /// Approved.
        approved_date_time: DateTime<Utc> = "approvedDateTime";
    }
}

wire_word! {
    /// Where a deal registration stands.
    RegistrationStatus {
        /// Not registered.
        None = "None",
        /// Somebody has to look at it.
        ReviewPending = "ReviewPending",
        /// Sent back; the only status in which it can be edited.
        ActionRequired = "ActionRequired",
        /// Taken without review.
        Approved = "Approved",
        /// Taken after review.
        Passed = "Passed",
        /// Refused after review.
        Failed = "Failed",
        /// Over.
        Closed = "Closed",
    }
}

impl RegistrationStatus {
    /// May a registration that stands here come to `next`? `None` where a word is not published.
    pub fn may_become(&self, next: &Self) -> Option<bool> {
        let allowed: &[Self] = match self {
            Self::None => &[Self::Approved, Self::ReviewPending],
            Self::ReviewPending => &[Self::Passed, Self::Failed, Self::ActionRequired],
            Self::ActionRequired => &[Self::ReviewPending],
            Self::Approved => &[Self::ReviewPending, Self::Closed],
            Self::Passed | Self::Failed => &[Self::Closed],
            Self::Closed => &[],
            Self::Other(_) => return None,
        };
        (!matches!(next, Self::Other(_))).then(|| allowed.contains(next))
    }
}

wire_word! {
    /// Program of a registration.
    RegistrationType {
        /// Azure IP co-sell.
        AzureIpCoSell = "AzureIPCoSell",
    }
}

wire_word! {
    /// How long a contract runs.
    ContractTerm {
        /// Without end; counted as six years.
        Perpetual = "Perpetual",
        /// To an end.
        Finite = "Finite",
    }
}

wire_word! {
    /// In whose subscription a solution runs.
    Deployment {
        /// The customer's.
        Customer = "Customer",
        /// The partner's.
        Partner = "Partner",
    }
}

wire_word! {
    /// How a solution is paid for.
    PricingModel {
        /// By use.
        PayAsYouGo = "PayAsYouGo",
        /// Otherwise.
        Otherwise = "Other",
    }
}

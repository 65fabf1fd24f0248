//! The words of a referral: states, kinds, directions.

use crate::wire::wire_word;

wire_word! {
    /// Where a referral stands. Each party's referral has a status of its own.
    Status {
        /// Not set.
        None = "None",
        /// Nobody has reacted yet.
        New = "New",
        /// Accepted, being worked on.
        Active = "Active",
        /// Over; nothing leads out of it.
        Closed = "Closed",
    }
}

wire_word! {
    /// The finer step within a [`Status`].
    Substatus {
        /// Not set.
        None = "None",
        /// New, without reaction.
        Pending = "Pending",
        /// New, and has been received.
        Received = "Received",
        /// Active.
        Accepted = "Accepted",
        /// Closed with success.
        Won = "Won",
        /// Closed without success.
        Lost = "Lost",
        /// Closed by refusal before it was accepted.
        Declined = "Declined",
        /// Closed by the service: no answer in time.
        Expired = "Expired",
        /// Closed because of an error, such as a duplicate.
        Error = "Error",
    }
}

impl Substatus {
    /// The status that this step belongs to; `None` for words that belong to no single one.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Pending | Self::Received => Some(Status::New),
            Self::Accepted => Some(Status::Active),
            Self::Won | Self::Lost | Self::Declined | Self::Expired | Self::Error => {
                Some(Status::Closed)
            }
            Self::None | Self::Other(_) => None,
        }
    }
}

wire_word! {
    /// Who can see a referral (`type` on the wire).
    ReferralType {
        /// One partner.
        Independent = "Independent",
        /// Two parties that cooperate.
        Shared = "Shared",
    }
}

wire_word! {
    /// Who has qualified a referral.
    Qualification {
        /// Nobody.
        None = "None",
        /// A customer made it.
        Direct = "Direct",
        /// Microsoft's marketing.
        MarketingQualified = "MarketingQualified",
        /// A seller. What a partner sends for deals of its own.
        SalesQualified = "SalesQualified",
    }
}

wire_word! {
    /// Whether a referral came in or went out. Shared deals of one's own were seen with both.
    Direction {
        /// From another party.
        Incoming = "Incoming",
        /// To another party, or one's own.
        Outgoing = "Outgoing",
    }
}

wire_word! {
    /// What a [`Target`](crate::Target) names.
    TargetType {
        /// Nothing.
        None = "None",
        /// A partner's location, or `msft` for Microsoft.
        BusinessProfileLocation = "BusinessProfileLocation",
        /// A solution.
        SolutionProfile = "SolutionProfile",
    }
}

wire_word! {
    /// What a [`Solution`](crate::Solution) names (`type` on the wire; the documents' word).
    SolutionType {
        /// Nothing.
        None = "None",
        /// One of the service's predefined categories.
        Category = "Category",
        /// A published co-sell solution.
        Name = "Name",
    }
}

wire_word! {
    /// The help that is wanted from Microsoft.
    AssistanceRequestCode {
        /// None chosen.
        Unknown = "Unknown",
        /// Workload-specific value proposition.
        WorkloadSpecificValueProposition = "WorkloadSpecificValueProposition",
        /// Customer technical architecture.
        CustomerTechnicalArchitecture = "CustomerTechnicalArchitecture",
        /// Proof of concept or demonstration.
        ProofOfConceptOrDemo = "ProofOfConceptOrDemo",
        /// Quotes and licensing.
        QuotesOrLicensing = "QuotesOrLicensing",
        /// The customer's success after the sale.
        PostSalesCustomerSuccess = "PostSalesCustomerSuccess",
        /// General or other.
        GeneralOrOther = "GeneralOrOther",
    }
}

wire_word! {
    /// The scheme of a [`CustomerId`](crate::CustomerId).
    CustomerIdType {
        /// A DUNS number.
        Duns = "Duns",
        /// An id of the partner's own.
        External = "External",
    }
}

wire_word! {
    /// Where a lead of the marketplace came from. The spelling on the wire is not published; these
    /// are the portal's words without blanks.
    ReferralSource {
        /// AppSource.
        AppSource = "AppSource",
        /// Azure Marketplace.
        AzureMarketplace = "AzureMarketplace",
        /// Azure portal.
        AzurePortal = "AzurePortal",
    }
}

wire_word! {
    /// What the customer of a lead clicked on. The spelling on the wire is not published; these are
    /// the portal's words without blanks.
    CallToAction {
        /// Get it now.
        GetItNow = "GetItNow",
        /// Free trial.
        FreeTrial = "FreeTrial",
        /// Test drive.
        TestDrive = "TestDrive",
        /// Contact me.
        ContactMe = "ContactMe",
        /// Request private offer.
        RequestPrivateOffer = "RequestPrivateOffer",
        /// Get it now or Free trial.
        Ins = "INS",
    }
}

wire_word! {
    /// How good a lead is thought to be.
    Quality {
        /// Nobody knows.
        Unknown = "Unknown",
        /// Good.
        High = "High",
        /// Poor.
        Low = "Low",
    }
}

wire_word! {
    /// What the service found out about an e-mail address or a telephone number.
    ValidationStatus {
        /// It exists.
        Valid = "Valid",
        /// It does not.
        Invalid = "Invalid",
        /// It is known for spam.
        Spam = "Spam",
        /// Nobody knows.
        Unknown = "Unknown",
    }
}

wire_word! {
    /// Does the customer want to buy in the marketplace? `Yes` and `No` are not published.
    MarketplaceIntent {
        /// Has not decided.
        HaveNotDecided = "HaveNotDecided",
        /// Yes.
        Yes = "Yes",
        /// No.
        No = "No",
    }
}

wire_word! {
    /// Bracket of a customer's employees: two generations, both accepted by the service.
    CustomerSize {
        /// 1 to 50; the older generation, as the next two.
        From1To50 = "1to50employees",
        /// 51 to 500.
        From51To500 = "51to500employees",
        /// More than 500.
        Over500 = "Morethan500employees",
        /// 1 to 9; the newer generation, as the rest.
        From1To9 = "1to9employees",
        /// 10 to 50.
        From10To50 = "10to50employees",
        /// 51 to 250.
        From51To250 = "51to250employees",
        /// 251 to 1000.
        From251To1000 = "251to1000employees",
        /// 1001 to 5000.
        From1001To5000 = "1001to5000employees",
        /// 5001 to 10000.
        From5001To10000 = "5001to10000employees",
        /// 10001 to 20000.
        From10001To20000 = "10001to20000employees",
        /// More than 20000.
        Over20000 = "Morethan20000employees",
    }
}

wire_word! {
    /// Stage of a sale: two vocabularies, words and percentages as text. Which of them the service
    /// takes today is not published, so send what the record already uses.
    SalesStage {
        /// `Qualify`.
        Qualify = "Qualify",
        /// `Develop`.
        Develop = "Develop",
        /// `Propose`.
        Propose = "Propose",
        /// `Close`.
        Close = "Close",
        /// Created or accepted.
        Percent10 = "10",
        /// Qualified.
        Percent20 = "20",
        /// Developed.
        Percent40 = "40",
        /// Proposed.
        Percent60 = "60",
        /// Negotiated.
        Percent80 = "80",
        /// Won.
        Percent100 = "100",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpublished_words_are_kept_as_they_came() {
        let word = Substatus::from("Engaged");
        assert_eq!(word, Substatus::Other("Engaged".to_owned()));
        assert_eq!(serde_json::to_string(&word).unwrap(), "\"Engaged\"");
        assert_eq!(word.status(), Option::None);
    }

    #[test]
    fn published_words_are_known_in_any_case() {
        assert_eq!(Status::from("ACTIVE"), Status::Active);
        let read: ReferralType = serde_json::from_str("\"shared\"").unwrap();
        assert_eq!(read.as_str(), "Shared");
    }

    #[test]
    fn every_published_step_names_its_status() {
        assert_eq!(Substatus::Received.status(), Some(Status::New));
        assert_eq!(Substatus::Accepted.status(), Some(Status::Active));
        assert_eq!(Substatus::Error.status(), Some(Status::Closed));
    }
}

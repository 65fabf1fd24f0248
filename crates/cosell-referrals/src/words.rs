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

//! Why a referral is closed.
//!
//! The service takes any text. These are the reasons that the portal and its file upload offer;
//! their spelling on the wire is not published, so they are sent as the portal's words.

use crate::wire::wire_word;

wire_word! {
    /// Why a referral is declined or a deal is lost.
    ///
    /// ```
    /// use cosell_referrals::{LossReason, Patch};
    ///
    /// let patch = Patch::new().lose(LossReason::ChoseAnotherVendor);
    /// patch.check()?;
    /// // The word of a CRM, mapped:
    /// assert_eq!(LossReason::from("Budget not adequate"), LossReason::BudgetNotAdequate);
    /// # Ok::<(), cosell_referrals::Violations>(())
    /// ```
    LossReason {
        /// The budget does not suffice.
        BudgetNotAdequate = "Budget not adequate",
        /// The customer did not respond.
        CustomerDidNotRespond = "Customer did not respond",
        /// The customer chose another vendor.
        ChoseAnotherVendor = "Customer chose another vendor",
        /// A requirement is not met.
        RequirementNotMet = "Requirement not met",
        /// No customer.
        NotACustomer = "Not a customer",
        /// The time is too short.
        TimelineTooShort = "Timeline too short",
        /// Abuse, spam or phishing.
        Abuse = "Report as abuse, spam or phishing",
        /// Something else.
        Others = "Others",
    }
}

wire_word! {
    /// Why a referral is closed as an error.
    ErrorReason {
        /// A duplicate, created by file upload.
        DuplicateOfUpload = "Duplicate: created through bulk upload",
        /// A duplicate, created in the portal.
        DuplicateOfPortal = "Duplicate: created in Partner Center",
        /// A duplicate of one that Microsoft sent.
        DuplicateOfMicrosoft = "Duplicate: sent by Microsoft",
        /// A connector went wrong.
        ConnectorDataSync = "Connector data sync issues",
        /// The customer was not matched.
        CustomerMatching = "Customer matching issues",
        /// The solution is wrong; explain in the notes.
        Solution = "Solution issues",
        /// A test.
        TestReferral = "Test referral",
        /// Wrong data.
        DataError = "Data error",
        /// Something else; explain in the notes.
        Others = "Others",
    }
}

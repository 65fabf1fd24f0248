//! The field tables of a referral: canonical names, forms, who sets them, what stands there else.

/// Form of a value.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    Flag,
    /// Emitted with a fraction, read as number or numeric string.
    Number,
    /// UTC date and time.
    Moment,
    Choice(&'static [&'static str]),
    Object(&'static [Field]),
    List(&'static Shape),
    /// Kept as it is.
    Any,
}

/// Who sets a property.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum By {
    Caller,
    Service,
}

/// What stands there when nobody has set it.
#[derive(Debug)]
pub(super) enum Absent {
    Null,
    False,
    Word(&'static str),
    EmptyList,
    /// The object with each of its properties absent.
    Filled,
}

/// A property.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) by: By,
    pub(super) absent: Absent,
}

const fn text(name: &'static str) -> Field {
    Field {
        name,
        shape: Shape::Text,
        by: By::Caller,
        absent: Absent::Null,
    }
}
const fn set(name: &'static str, shape: Shape, absent: Absent) -> Field {
    Field {
        name,
        shape,
        by: By::Caller,
        absent,
    }
}
const fn own(name: &'static str, absent: Absent) -> Field {
    Field {
        name,
        shape: Shape::Any,
        by: By::Service,
        absent,
    }
}
const fn list(name: &'static str, shape: &'static Shape) -> Field {
    set(name, Shape::List(shape), Absent::EmptyList)
}

/// Top level.
pub(super) const REFERRAL: &[Field] = &[
    own("id", Absent::Null),
    text("engagementId"),
    own("organizationId", Absent::Null),
    own("organizationName", Absent::Null),
    text("name"),
    text("externalReferenceId"),
    own("createdDateTime", Absent::Null),
    own("updatedDateTime", Absent::Null),
    own("expirationDateTime", Absent::Null),
    own("acceptedDateTime", Absent::Null),
    own("closedDateTime", Absent::Null),
    text("status"),
    text("substatus"),
    text("statusReason"),
    set(
        "type",
        Shape::Choice(&["Independent", "Shared"]),
        Absent::Null,
    ),
    set(
        "qualification",
        Shape::Choice(&["None", "Direct", "MarketingQualified", "SalesQualified"]),
        Absent::Word("None"),
    ),
    own("referralSource", Absent::Null),
    own("callToAction", Absent::Null),
    own("direction", Absent::Null),
    set("customerProfile", Shape::Object(CUSTOMER), Absent::Filled),
    set("consent", Shape::Object(CONSENT), Absent::Filled),
    set("details", Shape::Object(DETAILS), Absent::Filled),
    list("team", &Shape::Object(MEMBER)),
    set("inviteContext", Shape::Object(INVITE), Absent::Filled),
    list("target", &Shape::Object(TARGET)),
    own("eTag", Absent::Null),
    text("mpnId"),
    text("campaignId"),
    text("salesStage"),
    text("referralProgram"),
    own("favorite", Absent::False),
    own("quality", Absent::Word("Unknown")),
    own("isSpam", Absent::False),
    own("tags", Absent::EmptyList),
    Field {
        name: "registrations",
        shape: Shape::List(&Shape::Object(REGISTRATION)),
        by: By::Service,
        absent: Absent::EmptyList,
    },
    own("registrationStatus", Absent::Word("None")),
    own("isAutoRegistrationEnabled", Absent::False),
    own("exception", Absent::Null),
    Field {
        name: "trackingInfo",
        shape: Shape::Object(TRACKING),
        by: By::Service,
        absent: Absent::Filled,
    },
    own("lastModifiedVia", Absent::Null),
    own("lastRunId", Absent::Null),
    own("createdVia", Absent::Null),
    own("dealSensitivity", Absent::Word("None")),
    own("links", Absent::Null),
];

const CUSTOMER: &[Field] = &[
    text("name"),
    set("address", Shape::Object(ADDRESS), Absent::Filled),
    text("size"),
    list("team", &Shape::Object(MEMBER)),
    list(
        "ids",
        &Shape::Object(&[
            set(
                "profileType",
                Shape::Choice(&["Duns", "External"]),
                Absent::Null,
            ),
            text("id"),
        ]),
    ),
    own("isMatchingComplete", Absent::False),
    own("isMaccEligible", Absent::False),
    own("activities", Absent::Null),
];

const ADDRESS: &[Field] = &[
    text("addressLine1"),
    text("addressLine2"),
    text("city"),
    text("state"),
    text("postalCode"),
    text("country"),
    text("region"),
];

const MEMBER: &[Field] = &[
    text("firstName"),
    text("lastName"),
    text("phoneNumber"),
    text("email"),
    set(
        "contactPreference",
        Shape::Object(&[
            text("locale"),
            set("disableNotifications", Shape::Flag, Absent::Null),
        ]),
        Absent::Null,
    ),
    text("title"),
    text("linkedInProfileUrl"),
    own("emailValidationStatus", Absent::Null),
    own("phoneValidationStatus", Absent::Null),
];

const CONSENT: &[Field] = &[
    set("consentToToShareInfoWithOthers", Shape::Flag, Absent::False),
    set("consentToContact", Shape::Flag, Absent::False),
    set(
        "consentToMicrosoftToContactSpecificPartners",
        Shape::Flag,
        Absent::Null,
    ),
    set(
        "consentToShareReferralWithMicrosoftSellers",
        Shape::Flag,
        Absent::False,
    ),
];

const DETAILS: &[Field] = &[
    text("notes"),
    set("dealValue", Shape::Number, Absent::Null),
    text("currency"),
    set("closingDateTime", Shape::Moment, Absent::Null),
    set("requirements", Shape::Object(REQUIREMENTS), Absent::Filled),
    own("customerAction", Absent::Null),
    own("customerRequestedContact", Absent::Null),
    own("incentiveLevel", Absent::Null),
];

const TAG: Shape = Shape::Object(&[Field {
    name: "id",
    shape: Shape::Text,
    by: By::Caller,
    absent: Absent::Null,
}]);

const REQUIREMENTS: &[Field] = &[
    list("industries", &TAG),
    list("products", &TAG),
    list("services", &TAG),
    list("solutions", &Shape::Object(SOLUTION)),
    list("offers", &TAG),
    list("salesPlays", &TAG),
    set(
        "additionalRequirements",
        Shape::Object(ADDITIONAL),
        Absent::Filled,
    ),
];

const ADDITIONAL: &[Field] = &[
    set(
        "iot",
        Shape::Object(&[
            text("customerLicenseAgreementNumber"),
            text("deviceCategory"),
            text("siliconType"),
            set("azureCertifiedDevice", Shape::Flag, Absent::False),
            set("attachServices", Shape::Flag, Absent::False),
        ]),
        Absent::Filled,
    ),
    list("attributes", &Shape::Object(&[text("type"), text("id")])),
];

const SOLUTION: &[Field] = &[
    text("id"),
    text("name"),
    set(
        "type",
        Shape::Choice(&["None", "Category", "Name"]),
        Absent::Word("None"),
    ),
    text("publisherName"),
    text("solutionType"),
    set("price", Shape::Number, Absent::Null),
    set("quantity", Shape::Number, Absent::Null),
    text("currency"),
    set("closingDateTime", Shape::Moment, Absent::Null),
];

const INVITE: &[Field] = &[
    text("notes"),
    set(
        "assistanceRequestCode",
        Shape::Choice(ASSISTANCE),
        Absent::Word("Unknown"),
    ),
    text("invitedMpnId"),
    set(
        "invitedBy",
        Shape::Object(&[text("organizationId"), text("organizationName")]),
        Absent::Null,
    ),
];

const ASSISTANCE: &[&str] = &[
    "Unknown",
    "WorkloadSpecificValueProposition",
    "CustomerTechnicalArchitecture",
    "ProofOfConceptOrDemo",
    "QuotesOrLicensing",
    "PostSalesCustomerSuccess",
    "GeneralOrOther",
];

const TARGET: &[Field] = &[
    set(
        "type",
        Shape::Choice(&["None", "BusinessProfileLocation", "SolutionProfile"]),
        Absent::Null,
    ),
    text("id"),
];

const TRACKING: &[Field] = &[
    own("microsoftMsxId", Absent::Null),
    own("microsoftUSFedOpportunityId", Absent::Null),
    own("microsoftUSFedLeadId", Absent::Null),
    own("migratedPSCDealId", Absent::Null),
    own("migratedPSCPartnerDealId", Absent::Null),
];

const REGISTRATION: &[Field] = &[
    own("id", Absent::Null),
    set("type", Shape::Choice(&["AzureIPCoSell"]), Absent::Null),
    own("registrationDateTime", Absent::Null),
    own("status", Absent::Word("None")),
    own("statusReason", Absent::Null),
    set("contract", Shape::Object(CONTRACT), Absent::Filled),
    list("solutionDetails", &Shape::Object(REGISTERED)),
    Field {
        name: "statusHistory",
        shape: Shape::Object(HISTORY),
        by: By::Service,
        absent: Absent::Filled,
    },
];

const CONTRACT: &[Field] = &[
    set("value", Shape::Number, Absent::Null),
    text("currency"),
    set("startDateTime", Shape::Moment, Absent::Null),
    set("endDateTime", Shape::Moment, Absent::Null),
    set("signDateTime", Shape::Moment, Absent::Null),
    set(
        "term",
        Shape::Choice(&["Perpetual", "Finite"]),
        Absent::Null,
    ),
];

const REGISTERED: &[Field] = &[
    text("id"),
    text("name"),
    set("value", Shape::Number, Absent::Null),
    text("currency"),
    set("isDeployedOnAzure", Shape::Flag, Absent::False),
    set(
        "primaryDeploymentOn",
        Shape::Choice(&["Customer", "Partner"]),
        Absent::Null,
    ),
    set(
        "pricingModel",
        Shape::Choice(&["PayAsYouGo", "Other"]),
        Absent::Null,
    ),
    set(
        "marketplaceTransactionDetails",
        Shape::Object(&[
            set("isMarketplaceTransacted", Shape::Flag, Absent::False),
            set(
                "marketplaceTransactionDateTime",
                Shape::Moment,
                Absent::Null,
            ),
        ]),
        Absent::Filled,
    ),
];

const HISTORY: &[Field] = &[
    own("reviewPendingDateTime", Absent::Null),
    own("actionRequiredDateTime", Absent::Null),
    own("passedDateTime", Absent::Null),
    own("failedDateTime", Absent::Null),
    own("approvedDateTime", Absent::Null),
];

/// Is there such a top-level property?
pub(super) fn is_top_level(name: &str) -> bool {
    REFERRAL.iter().any(|field| field.name == name)
}

/// Is there a property at this path, through objects and lists?
pub(super) fn exists(path: &[String]) -> bool {
    shape_at(path).is_some()
}

/// The form of the value at this path.
pub(super) fn shape_at<T: AsRef<str>>(path: &[T]) -> Option<&'static Shape> {
    let mut fields = REFERRAL;
    let mut found = None;
    for name in path {
        let field = fields.iter().find(|field| field.name == name.as_ref())?;
        found = Some(&field.shape);
        fields = match &field.shape {
            Shape::Object(inner) | Shape::List(Shape::Object(inner)) => inner,
            _ => &[],
        };
    }
    found
}

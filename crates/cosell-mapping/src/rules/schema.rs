//! What both services have and take, as plain data, and a mapping held against it.

mod check;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Path, RecordKind};

/// What kind of value a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A number, amounts included.
    Number,
    /// A date without a time.
    Date,
    /// A moment.
    Moment,
    /// Yes or no.
    Flag,
    /// One of numbered options.
    Choice,
    /// The id of a row of another table.
    Lookup,
    /// A list of objects.
    List,
    /// The property that binds a row.
    Bind,
    /// Something that no transform carries; a registered lens may.
    Other,
}

/// One place of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// What it holds.
    pub kind: ColumnKind,
    /// It can be given when the record is made.
    pub on_create: bool,
    /// It can be changed later.
    pub on_update: bool,
    /// It is fixed once the deal was shared.
    pub frozen_when_shared: bool,
    /// A record cannot be made without it.
    pub required: bool,
    /// The forms of the CRM ask for it, its interface does not.
    pub asked_for: bool,
    /// Longest text in UTF-16 units.
    pub length: Option<usize>,
    /// Decimals of a number.
    pub decimals: Option<u32>,
    /// Labels of its options, or the words that it takes.
    pub words: BTreeSet<String>,
    /// Numbers of its options.
    pub numbers: BTreeSet<i64>,
}

impl Column {
    /// A place that can be written at any time.
    pub fn new(kind: ColumnKind) -> Self {
        Self {
            kind,
            on_create: true,
            on_update: true,
            frozen_when_shared: false,
            required: false,
            asked_for: false,
            length: None,
            decimals: None,
            words: BTreeSet::new(),
            numbers: BTreeSet::new(),
        }
    }

    /// It can be read only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.on_create = false;
        self.on_update = false;
        self
    }

    /// It can be given only when the record is made.
    #[must_use]
    pub fn at_creation(mut self) -> Self {
        self.on_update = false;
        self
    }

    /// A record cannot be made without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The forms of the CRM ask for it, its interface does not.
    #[must_use]
    pub fn asked_for(mut self) -> Self {
        self.asked_for = true;
        self
    }

    /// It is fixed once the deal was shared.
    #[must_use]
    pub fn frozen_when_shared(mut self) -> Self {
        self.frozen_when_shared = true;
        self
    }

    /// At most so many UTF-16 units.
    #[must_use]
    pub fn with_length(mut self, units: usize) -> Self {
        self.length = Some(units);
        self
    }

    /// With so many decimals.
    #[must_use]
    pub fn with_decimals(mut self, decimals: u32) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// With these labels or words.
    #[must_use]
    pub fn with_words<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.words = words.into_iter().map(str::to_owned).collect();
        self
    }

    /// With options of these numbers.
    #[must_use]
    pub fn with_numbers(mut self, numbers: impl IntoIterator<Item = i64>) -> Self {
        self.numbers = numbers.into_iter().collect();
        self
    }
}

/// What a mapping is checked against: the places of both records.
///
/// The referral's come with this crate, by the connector's contract; the CRM's are read from its
/// live metadata. An empty side is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// Places of a referral.
    pub referral: BTreeMap<Path, Column>,
    /// Columns of the CRM, expanded ones by their path.
    pub crm: BTreeMap<Path, Column>,
}

impl Schema {
    /// The referral's places as the contract lists them, and no columns of the CRM.
    pub fn of_referrals() -> Self {
        Self {
            referral: referral(),
            crm: BTreeMap::new(),
        }
    }

    /// With one more column of the CRM.
    #[must_use]
    pub fn with_column(mut self, path: Path, column: Column) -> Self {
        self.crm.insert(path, column);
        self
    }

    /// With one more place of the referral, or another in place of a known one; for what a
    /// start-up probe has proven.
    #[must_use]
    pub fn with_referral(mut self, path: Path, column: Column) -> Self {
        self.referral.insert(path, column);
        self
    }

    fn of(&self, kind: RecordKind) -> &BTreeMap<Path, Column> {
        match kind {
            RecordKind::Referral => &self.referral,
            RecordKind::Row => &self.crm,
        }
    }
}

/// The contract's patch paths are writable later; all others are read only or set at creation.
fn referral() -> BTreeMap<Path, Column> {
    use ColumnKind::{Choice, Flag, List, Moment, Number, Text};
    let patchable = |kind| Column::new(kind);
    let created = |kind| Column::new(kind).at_creation();
    let read = |kind| Column::new(kind).read_only();
    let places: Vec<(&'static str, Column)> = vec![
        ("id", read(Text)),
        ("engagementId", created(Text)),
        ("organizationId", read(Text)),
        ("organizationName", read(Text)),
        ("name", created(Text).required()),
        ("externalReferenceId", patchable(Text)),
        (
            "type",
            created(Choice).with_words(["Independent", "Shared"]),
        ),
        (
            "qualification",
            created(Choice).with_words(["Direct", "MarketingQualified", "None", "SalesQualified"]),
        ),
        ("direction", read(Choice)),
        (
            "status",
            patchable(Choice).with_words(["Active", "Closed", "New"]),
        ),
        ("substatus", patchable(Choice)),
        ("statusReason", patchable(Text)),
        (
            "salesStage",
            patchable(Choice).with_words(["Close", "Develop", "Propose", "Qualify"]),
        ),
        ("createdDateTime", read(Moment)),
        ("updatedDateTime", read(Moment)),
        ("expirationDateTime", read(Moment)),
        ("acceptedDateTime", read(Moment)),
        ("closedDateTime", read(Moment)),
        ("campaignId", patchable(Text)),
        ("referralProgram", patchable(Text)),
        ("referralSource", read(Text)),
        ("callToAction", read(Text)),
        ("quality", read(Text)),
        ("mpnId", created(Text)),
        ("registrationStatus", read(Text)),
        ("customerProfile/name", created(Text).required()),
        ("customerProfile/size", created(Text)),
        ("customerProfile/address/addressLine1", created(Text)),
        ("customerProfile/address/addressLine2", created(Text)),
        ("customerProfile/address/city", created(Text)),
        ("customerProfile/address/state", created(Text)),
        ("customerProfile/address/postalCode", created(Text)),
        ("customerProfile/address/region", created(Text)),
        ("customerProfile/address/country", created(Text).required()),
        ("customerProfile/team", patchable(List).frozen_when_shared()),
        ("consent/consentToContact", created(Flag)),
        ("consent/consentToToShareInfoWithOthers", created(Flag)),
        (
            "consent/consentToShareReferralWithMicrosoftSellers",
            patchable(Flag),
        ),
        ("details/dealValue", patchable(Number)),
        ("details/currency", patchable(Text).with_length(3)),
        ("details/closingDateTime", patchable(Moment)),
        ("details/notes", patchable(Text)),
        ("details/customerAction", created(Text)),
        ("details/customerRequestedContact", created(Text)),
        ("details/requirements/solutions", patchable(List)),
        ("inviteContext/notes", created(Text).frozen_when_shared()),
        (
            "inviteContext/assistanceRequestCode",
            created(Choice).frozen_when_shared().with_words([
                "CustomerTechnicalArchitecture",
                "GeneralOrOther",
                "PostSalesCustomerSuccess",
                "ProofOfConceptOrDemo",
                "QuotesOrLicensing",
                "WorkloadSpecificValueProposition",
            ]),
        ),
        ("inviteContext/invitedBy/organizationId", read(Text)),
        ("inviteContext/invitedBy/organizationName", read(Text)),
        ("trackingInfo/microsoftMsxId", read(Text)),
        ("team", patchable(List)),
        ("target", created(List)),
    ];
    places
        .into_iter()
        .map(|(path, column)| (Path::known(path), column))
        .collect()
}

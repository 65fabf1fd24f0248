//! The rule model: what a mapping file says, as plain data.

mod words;

use std::{collections::BTreeMap, fmt};

pub use words::{
    Conflict, Direction, Empty, Form, Later, StateBirth, Stray, TooLongRule, Transform,
    UnknownRule, Write,
};

use serde::{Deserialize, Serialize};

use crate::FieldId;

/// A whole mapping: rules by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MappingFile {
    /// What the mapping is called.
    pub name: String,
    /// Its version, in the words of its owner.
    pub version: String,
    /// The rules, by the field that each serves.
    pub fields: BTreeMap<FieldId, Rule>,
}

impl MappingFile {
    /// A mapping without rules.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            fields: BTreeMap::new(),
        }
    }

    /// With a rule, in place of the one that the field has.
    #[must_use]
    pub fn with(mut self, field: impl Into<FieldId>, rule: Rule) -> Self {
        self.fields.insert(field.into(), rule);
        self
    }

    /// Without the rule of a field.
    #[must_use]
    pub fn without(mut self, field: &FieldId) -> Self {
        self.fields.remove(field);
        self
    }

    /// The fields that are written into the record of this direction at this moment: one of the
    /// four rule sets (to the CRM or to Partner Center, at creation or later).
    pub fn rule_set(&self, direction: Direction, moment: Moment) -> Vec<&FieldId> {
        let fields = self.fields.iter();
        let serving = fields.filter(|(_, rule)| rule.writes(direction, moment));
        serving.map(|(field, _)| field).collect()
    }
}

/// A moment of a record's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is made.
    Create,
    /// It stands and is changed.
    Update,
}

/// A plain value of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scalar {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Text; also dates, decimals and amounts such as `"12.50 EUR"`.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What must stand in a record so that a rule writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Only {
    /// Where to look.
    pub path: String,
    /// Any of these texts.
    pub is: Vec<String>,
}

impl Only {
    /// One of these texts stands at the place.
    pub fn new(path: impl Into<String>, is: &[&str]) -> Self {
        Self {
            path: path.into(),
            is: is.iter().copied().map(str::to_owned).collect(),
        }
    }
}

macro_rules! side {
    ($($(#[$about:meta])* $name:ident: $kind:ty, $setter:ident($argument:ty);)+) => {
        /// How a value stands in one record. Which members say something depends on the rule's
        /// transform; a file with one that does not is refused.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[non_exhaustive]
        pub struct Side {
            $($(#[$about])* #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $name: Option<$kind>,)+
        }

        impl Side {
            $($(#[$about])* #[must_use]
            pub fn $setter(mut self, $name: $argument) -> Self {
                self.$name = Some($name.into());
                self
            })+
        }
    };
}

side! {
    /// Where the value stands.
    path: String, with_path(&str);
    /// Where the pieces of a text stand.
    paths: Vec<String>, with_paths(Vec<String>);
    /// The character between two pieces.
    separator: String, with_separator(&str);
    /// A text made of several places; the side is only read.
    template: String, with_template(&str);
    /// The same value whatever the record holds; the side is only read.
    constant: Scalar, with_constant(Scalar);
    /// What is written where the other side has nothing.
    default: Scalar, with_default(Scalar);
    /// When the side is written; always unless said otherwise.
    write: Write, with_write(Write);
    /// Why a side written at creation refuses later.
    later: Later, with_later(Later);
    /// What must stand in the record so that it is written.
    only_if: Only, with_only_if(Only);
    /// What an empty value does here. A referral and an amount keep, the CRM clears.
    empty: Empty, with_empty(Empty);
    /// Longest text in UTF-16 units.
    limit: usize, with_limit(usize);
    /// What becomes of a longer text.
    too_long: TooLongRule, with_too_long(TooLongRule);
    /// A new record needs it.
    required: bool, with_required(bool);
    /// A tick may stand before the text.
    tick: bool, with_tick(bool);
    /// Blanks at both ends are no part of the text.
    trim: bool, with_trim(bool);
    /// HTML entities may come out; yes for a referral.
    entities: bool, with_entities(bool);
    /// It is a country as an ISO 3166 alpha-2 code.
    country: bool, with_country(bool);
    /// Decimals that the place holds.
    decimals: u32, with_decimals(u32);
    /// Where the currency's ISO code stands.
    currency: String, with_currency(&str);
    /// The column that tells the currency row.
    currency_id: String, with_currency_id(&str);
    /// The property that binds the currency row.
    currency_bind: String, with_currency_bind(&str);
    /// The flag that says the platform computes the amount.
    computed: String, with_computed(&str);
    /// How the value is written.
    form: Form, with_form(Form);
    /// What absence of a flag means.
    absent: bool, with_absent(bool);
    /// Yes is for ever.
    one_way: bool, with_one_way(bool);
    /// A place that makes a flag yes while it is filled.
    implied_by: String, with_implied_by(&str);
    /// Words of a choice that mean nothing.
    nothing: Vec<String>, with_nothing(Vec<String>);
    /// Name of the table that a lookup goes to.
    table: String, with_table(&str);
    /// Entity set of that table.
    entity_set: String, with_entity_set(&str);
    /// The property that binds a row of it.
    bind: String, with_bind(&str);
    /// The member that tells one object of a list from another; the key column of a looked up table.
    key: String, with_key(&str);
    /// Names of parts and the members they stand in.
    members: BTreeMap<String, String>, with_members(BTreeMap<String, String>);
    /// What a new object of a list gets besides.
    new: BTreeMap<String, String>, with_new(BTreeMap<String, String>);
    /// Keys are compared without regard to case.
    fold: bool, with_fold(bool);
    /// An object of a list that lacks a member counts for nothing.
    complete: bool, with_complete(bool);
    /// Objects that the other side does not have stay.
    grows: bool, with_grows(bool);
    /// Most objects of a list.
    most: usize, with_most(usize);
    /// State of a new referral.
    birth: StateBirth, with_birth(StateBirth);
    /// A new referral may be won at once.
    win_from_new: bool, with_win_from_new(bool);
    /// Status reason of an accepted deal's row.
    accepted: i64, with_accepted(i64);
    /// Status reason of a pending deal's row.
    pending: i64, with_pending(i64);
    /// Status reason of a won row.
    won: i64, with_won(i64);
    /// Status reason of a lost row.
    lost: i64, with_lost(i64);
    /// A registered function between what is stored and the value.
    function: String, with_function(&str);
    /// A registered lens.
    lens: String, with_lens(&str);
}

impl Side {
    /// A value at one place.
    pub fn at(path: &str) -> Self {
        Self::default().with_path(path)
    }
}

/// One text of several that travel as one, on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PartSide {
    /// Where it stands.
    pub path: String,
    /// Longest text in UTF-16 units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// A new record needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl PartSide {
    /// A text of any length.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            limit: None,
            required: false,
        }
    }

    /// At most so many UTF-16 units.
    #[must_use]
    pub fn with_limit(mut self, units: usize) -> Self {
        self.limit = Some(units);
        self
    }

    /// A new record needs it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// One text of several that travel as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PartRule {
    /// In the referral.
    pub referral: PartSide,
    /// In the CRM row.
    pub crm: PartSide,
    /// It is a country.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub country: bool,
}

impl PartRule {
    /// A text that stands at these places.
    pub fn new(referral: PartSide, crm: PartSide) -> Self {
        Self {
            referral,
            crm,
            country: false,
        }
    }

    /// It is a country.
    #[must_use]
    pub fn country(mut self) -> Self {
        self.country = true;
        self
    }
}

/// One rule: what ties a place of the referral to a place of the CRM.
///
/// ```
/// use cosell_mapping::rules::{Direction, Mapping, MappingFile, Registry, Rule, Side, Transform};
///
/// let rule = Rule::new(Transform::Text, Side::at("campaignId"), Side::at("new_campaign").with_limit(100))
///     .with_direction(Direction::ToCrm);
/// let mapping = Mapping::compile(
///     &MappingFile::new("contoso", "1").with("campaign", rule),
///     &Registry::default(),
/// )?;
/// assert_eq!(mapping.fields().iter().count(), 1);
/// # Ok::<(), cosell_mapping::rules::Faults>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// What the field is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What kind of value it carries.
    pub transform: Transform,
    /// Where it goes.
    #[serde(default = "both", skip_serializing_if = "is_both")]
    pub direction: Direction,
    /// Who wins when both sides moved.
    #[serde(default = "crm", skip_serializing_if = "is_crm")]
    pub conflict: Conflict,
    /// What becomes of an edit on the side of a one-way rule that only follows. Put back, unless
    /// said otherwise or the side cannot be written at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stray: Option<Stray>,
    /// In the referral.
    #[serde(default)]
    pub referral: Side,
    /// In the CRM row.
    #[serde(default)]
    pub crm: Side,
    /// A choice's words: the referral's to the CRM's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// The way back, where it differs: the CRM's words to the referral's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub back: BTreeMap<String, String>,
    /// What becomes of a choice that the values do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownRule>,
    /// The referral's word that every unknown choice is read as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Texts that travel as one, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, PartRule>,
}

fn both() -> Direction {
    Direction::Both
}

fn is_both(direction: &Direction) -> bool {
    *direction == Direction::Both
}

fn crm() -> Conflict {
    Conflict::Crm
}

fn is_crm(conflict: &Conflict) -> bool {
    *conflict == Conflict::Crm
}

impl Rule {
    /// A rule that goes both ways, the CRM winning a conflict.
    pub fn new(transform: Transform, referral: Side, crm: Side) -> Self {
        Self {
            about: String::new(),
            transform,
            direction: Direction::Both,
            conflict: Conflict::Crm,
            stray: None,
            referral,
            crm,
            values: BTreeMap::new(),
            back: BTreeMap::new(),
            unknown: None,
            fallback: None,
            parts: BTreeMap::new(),
        }
    }

    /// With words for people.
    #[must_use]
    pub fn with_about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// With another direction.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// With another winner of conflicts.
    #[must_use]
    pub fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }

    /// With another fate of edits on the side that only follows.
    #[must_use]
    pub fn with_stray(mut self, stray: Stray) -> Self {
        self.stray = Some(stray);
        self
    }

    /// With one more pair of words; unknown ones are held unless a fallback is named.
    #[must_use]
    pub fn with_value(mut self, referral: &str, crm: &str) -> Self {
        self.values.insert(referral.to_owned(), crm.to_owned());
        if self.fallback.is_none() {
            self.unknown = Some(UnknownRule::Hold);
        }
        self
    }

    /// With a word of the CRM that goes back otherwise.
    #[must_use]
    pub fn with_back(mut self, crm: &str, referral: &str) -> Self {
        self.back.insert(crm.to_owned(), referral.to_owned());
        self
    }

    /// With the referral's word that unknown ones are read as.
    #[must_use]
    pub fn with_fallback(mut self, word: &str) -> Self {
        self.unknown = None;
        self.fallback = Some(word.to_owned());
        self
    }

    /// With one more text that travels along.
    #[must_use]
    pub fn with_part(mut self, name: &str, part: PartRule) -> Self {
        self.parts.insert(name.to_owned(), part);
        self
    }

    /// Does the rule write the record of this direction at this moment?
    pub fn writes(&self, direction: Direction, moment: Moment) -> bool {
        let goes = self.direction == Direction::Both || self.direction == direction;
        let side = match direction {
            Direction::ToCrm => &self.crm,
            Direction::ToPartnerCenter => &self.referral,
            Direction::Both => return false,
        };
        let then = match side.write.unwrap_or(Write::Always) {
            Write::Always | Write::WhileEmpty => true,
            Write::Create => moment == Moment::Create,
            Write::Update => moment == Moment::Update,
            Write::Never => false,
        };
        goes && then
    }
}

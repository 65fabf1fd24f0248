//! The closed words of a mapping file.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All words, as files spell them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word, as files spell it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What kind of value a rule carries, and so how it stands on either side.
    Transform {
        /// A text, at one place, in several, or from a template.
        Text = "text",
        /// An exact number.
        Number = "number",
        /// An amount with its currency.
        Money = "money",
        /// A calendar date.
        Date = "date",
        /// A moment.
        Instant = "instant",
        /// Yes or no.
        Flag = "flag",
        /// One word of a list.
        Choice = "choice",
        /// Where the deal stands.
        State = "state",
        /// Texts that travel as one.
        Parts = "parts",
        /// A row of another table, by a key.
        Lookup = "lookup",
        /// Things without order: solutions, people.
        Set = "set",
        /// Whatever a registered lens makes of it.
        Custom = "custom",
    }
}

words! {
    /// Where a rule goes.
    Direction {
        /// Both ways.
        Both = "both",
        /// From the referral to the CRM.
        ToCrm = "to-crm",
        /// From the CRM to the referral.
        ToPartnerCenter = "to-partner-center",
    }
}

words! {
    /// Who wins when both sides moved. The engine's policy decides by it.
    Conflict {
        /// The CRM's value stands.
        Crm = "crm",
        /// The referral's value stands.
        PartnerCenter = "partner-center",
        /// The value of the record that changed last stands.
        Newest = "newest",
        /// A person decides.
        Hold = "hold",
        /// Both edits stand: what either side added to or took from a set, and lines of a text
        /// that only one side changed. Where they touch, a person decides.
        Merge = "merge",
    }
}

words! {
    /// What becomes of an edit on the side of a one-way rule that only follows. Either way it is
    /// in the conflict log.
    Stray {
        /// The leading side's value is written over it.
        PutBack = "put-back",
        /// It stays until the leading side moves.
        Leave = "leave",
    }
}

words! {
    /// When a side is written.
    Write {
        /// While the record is open.
        Always = "always",
        /// When the record is made.
        Create = "create",
        /// When the record stands.
        Update = "update",
        /// When the record is made, and later while nothing stands there.
        WhileEmpty = "while-empty",
        /// Never.
        Never = "never",
    }
}

words! {
    /// Why a side that is written at creation refuses later.
    Later {
        /// The service has no way to change it.
        NotWritable = "not-writable",
        /// It is fixed since creation or since sharing.
        Frozen = "frozen",
    }
}

words! {
    /// What an empty value does to a side that has one.
    Empty {
        /// It empties it.
        Clear = "clear",
        /// What stands there stays, and the field waits.
        Keep = "keep",
    }
}

words! {
    /// What becomes of a text that is too long.
    TooLongRule {
        /// Its beginning is written; an edit of it never goes over the whole text.
        Shorten = "shorten",
        /// Nothing is written, and the field waits.
        Refuse = "refuse",
    }
}

words! {
    /// How a value is written.
    Form {
        /// A date as a day.
        Day = "day",
        /// A date as a moment.
        Moment = "moment",
        /// A choice as its word.
        Word = "word",
        /// A choice as the number behind a label.
        Label = "label",
    }
}

words! {
    /// What becomes of a word that the rule does not know.
    UnknownRule {
        /// No side takes it, and the field waits for a person.
        Hold = "hold",
    }
}

words! {
    /// The state that a new referral is sent with.
    StateBirth {
        /// New/Pending.
        Pending = "pending",
        /// Active/Accepted.
        Accepted = "accepted",
    }
}

//! The story, as data: what people do in either service, and how both shall stand afterwards.

use crate::sides::Line;

/// The deals of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deal {
    /// Made by the CRM seller.
    Warehouse,
    /// Sent by a Microsoft seller.
    Analytics,
    /// Made by the CRM seller; the sync dies while it brings it over.
    Archive,
}

/// Something that somebody does. Texts are JSON, as the services take it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// The CRM seller makes an account and an opportunity for it.
    CrmOpens {
        deal: Deal,
        account: &'static str,
        row: &'static str,
    },
    CrmEdits {
        deal: Deal,
        row: &'static str,
    },
    CrmWins {
        deal: Deal,
    },
    MicrosoftSends {
        deal: Deal,
        referral: &'static str,
    },
    PortalEdits {
        deal: Deal,
        set: &'static str,
    },
}

/// What both services shall show in a line after the sync.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect {
    pub(crate) deal: Deal,
    pub(crate) line: Line,
    pub(crate) dynamics: &'static str,
    pub(crate) partner_center: &'static str,
}

impl Expect {
    const fn both(deal: Deal, line: Line, text: &'static str) -> Self {
        Self {
            deal,
            line,
            dynamics: text,
            partner_center: text,
        }
    }

    const fn state(deal: Deal, dynamics: &'static str, partner_center: &'static str) -> Self {
        Self {
            deal,
            line: Line::State,
            dynamics,
            partner_center,
        }
    }
}

/// How the sync goes in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// As always.
    Plain,
    /// It dies between a write and its answer, and starts again from its state.
    Dies,
    /// It has to log that a value gave way.
    Settles,
    /// It must find nothing to write.
    Rests,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) title: &'static str,
    /// What people do, and what is to be seen.
    pub(crate) told: &'static str,
    pub(crate) deeds: &'static [Deed],
    pub(crate) sync: Sync,
    /// The deals to show.
    pub(crate) deals: &'static [Deal],
    pub(crate) expect: &'static [Expect],
}

pub(crate) const STORY: &[Step] = &[
    Step {
        title: "A deal marked in the CRM becomes a referral",
        told: "Ana opens a deal in Dynamics 365 and marks it for Partner Center. Identifier, link, \
               audit line and tick come back to her row.",
        deeds: &[Deed::CrmOpens {
            deal: Deal::Warehouse,
            account: r#"{"name": "Northwind Traders", "address1_line1": "22 Quay Street",
                "address1_city": "Bristol", "address1_postalcode": "BS1 4DJ",
                "address1_country": "GB"}"#,
            row: r#"{"name": "Northwind warehouse rollout",
                "description": "Ten warehouses, one after the other.",
                "estimatedvalue": 120000, "estimatedclosedate": "2027-03-31",
                "msft_microsoftpartnercenterreferralsync": true}"#,
        }],
        sync: Sync::Plain,
        deals: &[Deal::Warehouse],
        expect: &[
            Expect {
                deal: Deal::Warehouse,
                line: Line::Name,
                dynamics: "✔ Northwind warehouse rollout",
                partner_center: "Northwind warehouse rollout",
            },
            Expect::both(Deal::Warehouse, Line::Value, "120,000 EUR"),
            Expect::both(Deal::Warehouse, Line::Closes, "2027-03-31"),
            Expect::both(
                Deal::Warehouse,
                Line::Customer,
                "Northwind Traders, 22 Quay Street, BS1 4DJ, Bristol, GB",
            ),
            Expect::state(Deal::Warehouse, "Open / In Progress", "Active / Accepted"),
        ],
    },
    Step {
        title: "Value and close date edited in the CRM arrive",
        told: "The deal grows: Ana raises its value to 135,000 and moves it to the end of April.",
        deeds: &[Deed::CrmEdits {
            deal: Deal::Warehouse,
            row: r#"{"estimatedvalue": 135000, "estimatedclosedate": "2027-04-30"}"#,
        }],
        sync: Sync::Plain,
        deals: &[Deal::Warehouse],
        expect: &[
            Expect::both(Deal::Warehouse, Line::Value, "135,000 EUR"),
            Expect::both(Deal::Warehouse, Line::Closes, "2027-04-30"),
        ],
    },
    Step {
        title: "A referral from a Microsoft seller becomes an opportunity",
        told: "Microsoft sends a deal. It comes to the CRM with its account, on hold: nobody has \
               accepted it yet.",
        deeds: &[Deed::MicrosoftSends {
            deal: Deal::Analytics,
            referral: r#"{"name": "Adatum plant analytics", "customer": "Adatum Corporation",
                "line1": "Hafenstrasse 12", "city": "Hamburg", "postal_code": "20457",
                "country": "DE", "value": "84000.50", "currency": "EUR",
                "closing": "2027-02-26", "notes": "Wants to start with two plants."}"#,
        }],
        sync: Sync::Plain,
        deals: &[Deal::Analytics],
        expect: &[
            Expect {
                deal: Deal::Analytics,
                line: Line::Name,
                dynamics: "✔ Adatum plant analytics",
                partner_center: "Adatum plant analytics",
            },
            Expect::both(Deal::Analytics, Line::Value, "84,000.50 EUR"),
            Expect::both(
                Deal::Analytics,
                Line::Customer,
                "Adatum Corporation, Hafenstrasse 12, 20457, Hamburg, DE",
            ),
            Expect::both(
                Deal::Analytics,
                Line::Notes,
                "Wants to start with two plants.",
            ),
            Expect::state(Deal::Analytics, "Open / On Hold", "New / Pending"),
        ],
    },
    Step {
        title: "Accepted in the CRM",
        told: "Ana takes the deal off hold. That accepts the referral.",
        deeds: &[Deed::CrmEdits {
            deal: Deal::Analytics,
            row: r#"{"statuscode": 1}"#,
        }],
        sync: Sync::Plain,
        deals: &[Deal::Analytics],
        expect: &[Expect::state(
            Deal::Analytics,
            "Open / In Progress",
            "Active / Accepted",
        )],
    },
    Step {
        title: "Edited on both sides at once",
        told: "Ana sets the value to 90,000 while a colleague sets it to 95,000 in the portal, \
               where he also changes the notes. The policy of this program is the default: where \
               both sides edited one field, the CRM's value stands and the other one is kept in \
               the conflict log. The notes were edited on one side only: no conflict.",
        deeds: &[
            Deed::CrmEdits {
                deal: Deal::Analytics,
                row: r#"{"estimatedvalue": 90000}"#,
            },
            Deed::PortalEdits {
                deal: Deal::Analytics,
                set: r#"{"/details/dealValue": "95000", "/details/notes": "Three plants by now."}"#,
            },
        ],
        sync: Sync::Settles,
        deals: &[Deal::Analytics],
        expect: &[
            Expect::both(Deal::Analytics, Line::Value, "90,000 EUR"),
            Expect::both(Deal::Analytics, Line::Notes, "Three plants by now."),
        ],
    },
    Step {
        title: "A crash between a write and its answer",
        told: "Ana marks another deal. The referral is made, but the answer never arrives: the \
               sync is killed while it waits. Started again from the same file it finds its open \
               intent, looks in Partner Center, and takes up the referral that is there instead of \
               making a second one.",
        deeds: &[Deed::CrmOpens {
            deal: Deal::Archive,
            account: r#"{"name": "Tailspin Toys", "address1_line1": "5 Mill Lane",
                "address1_city": "York", "address1_postalcode": "YO1 6JT",
                "address1_country": "GB"}"#,
            row: r#"{"name": "Tailspin cold archive", "description": "Forty terabytes to begin with.",
                "estimatedvalue": 41500.25, "estimatedclosedate": "2027-01-29",
                "msft_microsoftpartnercenterreferralsync": true}"#,
        }],
        sync: Sync::Dies,
        deals: &[Deal::Archive],
        expect: &[
            Expect::both(Deal::Archive, Line::Value, "41,500.25 EUR"),
            Expect::state(Deal::Archive, "Open / In Progress", "Active / Accepted"),
        ],
    },
    Step {
        title: "Won, and lost",
        told: "Ana wins the warehouse deal in the CRM, which closes its referral. The analytics \
               deal is closed as lost in the portal, which closes the opportunity by the CRM's own \
               action.",
        deeds: &[
            Deed::CrmWins {
                deal: Deal::Warehouse,
            },
            Deed::PortalEdits {
                deal: Deal::Analytics,
                set: r#"{"/status": "Closed", "/substatus": "Lost"}"#,
            },
        ],
        sync: Sync::Plain,
        deals: &[Deal::Warehouse, Deal::Analytics],
        expect: &[
            Expect::state(Deal::Warehouse, "Won", "Closed / Won"),
            Expect::state(Deal::Analytics, "Lost / Canceled", "Closed / Lost"),
        ],
    },
    Step {
        title: "Nobody did anything",
        told: "One more round asks each service once what has changed, and writes nothing.",
        deeds: &[],
        sync: Sync::Rests,
        deals: &[],
        expect: &[],
    },
];

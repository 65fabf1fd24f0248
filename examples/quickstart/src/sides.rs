//! A deal as people see it in either service, read past the libraries straight from the double.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{control::Control, failure::Failure};

/// What is shown of a deal, line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Name,
    Value,
    Closes,
    State,
    Customer,
    Notes,
    OtherSide,
    Link,
    Audit,
}

impl Line {
    pub(crate) const ALL: [Self; 9] = [
        Self::Name,
        Self::Value,
        Self::Closes,
        Self::State,
        Self::Customer,
        Self::Notes,
        Self::OtherSide,
        Self::Link,
        Self::Audit,
    ];

    /// Shown even where nothing happened to it.
    pub(crate) fn is_central(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Closes | Self::State)
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Value => "value",
            Self::Closes => "closes",
            Self::State => "state",
            Self::Customer => "customer",
            Self::Notes => "notes",
            Self::OtherSide => "other side",
            Self::Link => "link",
            Self::Audit => "audit",
        }
    }
}

/// A record, line by line.
pub(crate) type Card = BTreeMap<Line, String>;

/// A deal in both services at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct View {
    pub(crate) dynamics: Option<Card>,
    pub(crate) partner_center: Option<Card>,
    /// Referrals that carry the opportunity's id: more than one is a duplicate.
    pub(crate) referrals_of_it: usize,
}

/// The ids of a deal, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) opportunity: Option<String>,
    pub(crate) referral: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Referral {
    id: String,
    name: Option<String>,
    status: String,
    substatus: String,
    #[serde(rename = "externalReferenceId")]
    external_reference_id: Option<String>,
    #[serde(rename = "customerProfile")]
    customer: Customer,
    details: Details,
}

#[derive(Deserialize)]
struct Customer {
    name: Option<String>,
    address: Option<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "addressLine1")]
    line1: Option<String>,
    city: Option<String>,
    #[serde(rename = "postalCode")]
    postal_code: Option<String>,
    country: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    // Text or number, and never by way of a float.
    #[serde(rename = "dealValue")]
    value: Option<Box<RawValue>>,
    currency: Option<String>,
    #[serde(rename = "closingDateTime")]
    closing: Option<String>,
    notes: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Opportunity {
    #[serde(rename = "opportunityid")]
    id: String,
    name: Option<String>,
    #[serde(rename = "estimatedvalue")]
    value: Option<Box<RawValue>>,
    #[serde(rename = "_transactioncurrencyid_value")]
    currency: Option<String>,
    #[serde(rename = "estimatedclosedate")]
    closing: Option<String>,
    description: Option<String>,
    statecode: i64,
    statuscode: i64,
    #[serde(rename = "_parentaccountid_value")]
    account: Option<String>,
    #[serde(rename = "msft_microsoftpartnercenterreferralidentifier")]
    referral: Option<String>,
    #[serde(rename = "msft_microsoftpartnercenterreferrallink")]
    link: Option<String>,
    #[serde(rename = "msft_microsoftpartnercenterreferralsyncaudit")]
    audit: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Account {
    #[serde(rename = "accountid")]
    id: String,
    name: Option<String>,
    address1_line1: Option<String>,
    address1_city: Option<String>,
    address1_postalcode: Option<String>,
    address1_country: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Currency {
    #[serde(rename = "transactioncurrencyid")]
    id: String,
    isocurrencycode: String,
}

/// Both services whole.
pub(crate) struct Sides {
    referrals: Vec<Referral>,
    opportunities: Vec<Opportunity>,
    accounts: Vec<Account>,
    currencies: Vec<Currency>,
}

impl Sides {
    pub(crate) async fn read(control: &Control) -> Result<Self, Failure> {
        Ok(Self {
            referrals: control.referrals().await?,
            opportunities: control.opportunities().await?,
            accounts: control.accounts().await?,
            currencies: control.currencies().await?,
        })
    }

    /// Fills in the id at the other end, once there is one.
    pub(crate) fn complete(&self, ids: &mut Ids) {
        if ids.referral.is_none()
            && let Some(opportunity) = &ids.opportunity
        {
            let claimed = self
                .referrals_of(opportunity)
                .next()
                .map(|referral| referral.id.clone());
            let named = self.opportunity(opportunity);
            ids.referral = named.and_then(|row| row.referral.clone()).or(claimed);
        }
        if ids.opportunity.is_none()
            && let Some(referral) = &ids.referral
        {
            let naming = self
                .opportunities
                .iter()
                .find(|row| row.referral.as_ref() == Some(referral));
            ids.opportunity = naming.map(|row| row.id.clone());
        }
    }

    pub(crate) fn view(&self, ids: &Ids) -> View {
        let opportunity = ids.opportunity.as_deref();
        let referral = ids.referral.as_deref();
        View {
            dynamics: opportunity
                .and_then(|id| self.opportunity(id))
                .map(|row| self.row_card(row)),
            partner_center: referral
                .and_then(|id| self.referrals.iter().find(|one| one.id == id))
                .map(referral_card),
            referrals_of_it: opportunity.map_or(0, |id| self.referrals_of(id).count()),
        }
    }

    fn opportunity(&self, id: &str) -> Option<&Opportunity> {
        self.opportunities.iter().find(|row| row.id == id)
    }

    fn referrals_of(&self, opportunity: &str) -> impl Iterator<Item = &Referral> {
        self.referrals.iter().filter(move |referral| {
            let reference = referral.external_reference_id.as_deref();
            reference.is_some_and(|id| id.eq_ignore_ascii_case(opportunity))
        })
    }

    fn row_card(&self, row: &Opportunity) -> Card {
        let account = row
            .account
            .as_ref()
            .and_then(|id| self.accounts.iter().find(|account| account.id == *id));
        let currency = row
            .currency
            .as_ref()
            .and_then(|id| self.currencies.iter().find(|currency| currency.id == *id));
        let state = match (row.statecode, row.statuscode) {
            (0, 1) => "Open / In Progress".to_owned(),
            (0, 2) => "Open / On Hold".to_owned(),
            (1, _) => "Won".to_owned(),
            (2, 4) => "Lost / Canceled".to_owned(),
            (2, 5) => "Lost / Out-Sold".to_owned(),
            (state, status) => format!("{state} / {status}"),
        };
        card([
            (Line::Name, row.name.clone()),
            (
                Line::Value,
                amount(
                    row.value.as_deref(),
                    currency.map(|currency| currency.isocurrencycode.as_str()),
                ),
            ),
            (Line::Closes, row.closing.clone()),
            (Line::State, Some(state)),
            (
                Line::Customer,
                account.map(|account| {
                    joined([
                        &account.name,
                        &account.address1_line1,
                        &account.address1_postalcode,
                        &account.address1_city,
                        &account.address1_country,
                    ])
                }),
            ),
            (Line::Notes, row.description.clone()),
            (Line::OtherSide, row.referral.as_deref().map(short)),
            (Line::Link, row.link.as_deref().map(beginning)),
            (
                Line::Audit,
                row.audit
                    .as_ref()
                    .and_then(|audit| audit.lines().last().map(ToOwned::to_owned)),
            ),
        ])
    }
}

fn referral_card(referral: &Referral) -> Card {
    let details = &referral.details;
    let customer = &referral.customer;
    let nothing = Address {
        line1: None,
        city: None,
        postal_code: None,
        country: None,
    };
    let address = customer.address.as_ref().unwrap_or(&nothing);
    card([
        (Line::Name, referral.name.clone()),
        (
            Line::Value,
            amount(details.value.as_deref(), details.currency.as_deref()),
        ),
        (
            Line::Closes,
            details
                .closing
                .as_ref()
                .and_then(|moment| moment.get(..10).map(ToOwned::to_owned)),
        ),
        (
            Line::State,
            Some(format!("{} / {}", referral.status, referral.substatus)),
        ),
        (
            Line::Customer,
            Some(joined([
                &customer.name,
                &address.line1,
                &address.postal_code,
                &address.city,
                &address.country,
            ])),
        ),
        (Line::Notes, details.notes.clone()),
        (
            Line::OtherSide,
            referral.external_reference_id.as_deref().map(short),
        ),
    ])
}

fn card<const N: usize>(lines: [(Line, Option<String>); N]) -> Card {
    lines
        .into_iter()
        .filter_map(|(line, text)| Some((line, text.filter(|text| !text.is_empty())?)))
        .collect()
}

fn joined<const N: usize>(parts: [&Option<String>; N]) -> String {
    let parts: Vec<&str> = parts.into_iter().filter_map(Option::as_deref).collect();
    parts.join(", ")
}

/// The beginning of an id: enough to tell a few deals apart.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// A link without what makes it long.
fn beginning(link: &str) -> String {
    let link = link.trim_start_matches("https://");
    match link.char_indices().nth(50) {
        Some((end, _)) => format!("{}…", &link[..end]),
        None => link.to_owned(),
    }
}

/// `120000.5000` and `EUR` as `120,000.50 EUR`, digit by digit.
fn amount(value: Option<&RawValue>, currency: Option<&str>) -> Option<String> {
    let digits = value?.get().trim_matches('"');
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut grouped = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let cents = match fraction.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits:0<2}"),
    };
    let currency = currency.unwrap_or("(no currency)");
    Some(format!("{sign}{grouped}{cents} {currency}"))
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_printed_for_people_digit_by_digit() {
        for (raw, expected) in [
            ("120000.5000", "120,000.50 EUR"),
            ("\"84000.50\"", "84,000.50 EUR"),
            ("999", "999 EUR"),
            ("-1000000", "-1,000,000 EUR"),
            ("9007199254740993", "9,007,199,254,740,993 EUR"),
        ] {
            let raw = RawValue::from_string(raw.to_owned()).unwrap();
            assert_eq!(amount(Some(&raw), Some("EUR")).as_deref(), Some(expected));
        }
        let none: Option<&RawValue> = None;
        assert_eq!(amount(none, Some("EUR")), None);
    }
}

//! Both services as they are, read from their state and not through any client or mapping.

use std::{collections::BTreeMap, str::FromStr};

use cosell::sync::Side;
use cosell_sandbox::Sandbox;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::world::{IDENTIFIER, SYNC};

/// The fields that people edit here, by the names of their rules.
pub(crate) const FIELDS: [&str; 4] = ["value", "close_date", "description", "deal_state"];

/// Records by side and id.
pub(crate) type Known = BTreeMap<(Side, String), Record>;

/// One record of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// The record at the other end that it names.
    pub(crate) names: Option<String>,
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) open: bool,
    pub(crate) takes_part: bool,
    pub(crate) version: String,
    /// What no rule names and nobody edits.
    pub(crate) foreign: String,
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `84000.00` and `84000` are one amount.
pub(crate) fn amount(text: &str) -> String {
    Decimal::from_str(text).map_or_else(|_| text.to_owned(), |it| it.normalize().to_string())
}

/// The partner's own referrals; Microsoft's connected ones are parts of them. Those that did not
/// change are taken from `known`.
pub(crate) fn referrals(sandbox: &Sandbox, known: &Known) -> Vec<Record> {
    let all = sandbox.partner_center().referrals();
    all.filter(|referral| referral["organizationId"] != "msft")
        .map(|referral| {
            let key = (Side::Left, text(&referral["id"]));
            let version = text(&referral["eTag"]);
            let same = known.get(&key).filter(|record| record.version == version);
            same.cloned().unwrap_or_else(|| read_referral(referral))
        })
        .collect()
}

fn read_referral(referral: &Json) -> Record {
    let details = &referral["details"];
    let value = amount(&details["dealValue"].to_string().replace('"', ""));
    let state = match (&*text(&referral["status"]), &*text(&referral["substatus"])) {
        ("New", _) => "pending",
        ("Active", _) => "accepted",
        (_, "Won") => "won",
        _ => "lost",
    };
    let fields = BTreeMap::from([
        ("value", format!("{value} {}", text(&details["currency"]))),
        ("close_date", day(&details["closingDateTime"])),
        ("description", text(&details["notes"])),
        ("deal_state", state.to_owned()),
    ]);
    Record {
        id: text(&referral["id"]),
        names: Some(text(&referral["externalReferenceId"])).filter(|id| !id.is_empty()),
        open: matches!(state, "pending" | "accepted"),
        takes_part: true,
        version: text(&referral["eTag"]),
        foreign: format!(
            "{} {} {} {}",
            referral["consent"], referral["team"], details["requirements"], referral["type"]
        ),
        fields,
    }
}

/// All opportunities, as [`referrals`].
pub(crate) fn opportunities(sandbox: &Sandbox, known: &Known) -> Vec<Record> {
    let versions = sandbox.dataverse().versions("opportunity");
    let records = versions.into_iter().filter_map(|(id, version)| {
        let key = (Side::Right, id.to_string());
        let version = format!("W/\"{version}\"");
        let same = known.get(&key).filter(|record| record.version == version);
        same.cloned().or_else(|| {
            let row = sandbox.dataverse().row("opportunity", id)?;
            let row = serde_json::from_str(row.get()).ok()?;
            Some(read_opportunity(sandbox, &row, version))
        })
    });
    records.collect()
}

fn read_opportunity(sandbox: &Sandbox, row: &Json, version: String) -> Record {
    let value = amount(&row["estimatedvalue"].to_string());
    let currency = text(&row["_transactioncurrencyid_value"]);
    let code = ["EUR", "USD", "GBP", "JPY"].into_iter().find(|code| {
        let id = sandbox.dataverse().currency(code);
        id.is_some_and(|id| id.to_string() == currency)
    });
    let state = match (row["statecode"].as_i64(), row["statuscode"].as_i64()) {
        (Some(0), Some(1)) => "accepted",
        (Some(0), _) => "pending",
        (Some(1), _) => "won",
        _ => "lost",
    };
    let fields = BTreeMap::from([
        ("value", format!("{value} {}", code.unwrap_or_default())),
        ("close_date", day(&row["estimatedclosedate"])),
        ("description", text(&row["description"])),
        ("deal_state", state.to_owned()),
    ]);
    Record {
        id: text(&row["opportunityid"]),
        names: Some(text(&row[IDENTIFIER])).filter(|id| !id.is_empty()),
        open: row["statecode"] == 0,
        takes_part: row[SYNC] == true,
        version,
        foreign: format!("{} {}", row["customerneed"], row["currentsituation"]),
        fields,
    }
}

pub(crate) fn rows(sandbox: &Sandbox, table: &str) -> Vec<Json> {
    let rows = sandbox.dataverse().rows(table);
    rows.iter()
        .map(|row| serde_json::from_str(row.get()).expect("a row is JSON"))
        .collect()
}

fn day(value: &Json) -> String {
    let text = text(value);
    text.get(..10).unwrap_or_default().to_owned()
}

/// A value of the engine in the words of this page.
pub(crate) fn in_words(value: &cosell::sync::Value) -> String {
    use cosell::sync::Value;
    match value {
        Value::Null => String::new(),
        Value::Money(money) => format!("{} {}", money.amount.normalize(), money.currency),
        other => other.to_string(),
    }
}

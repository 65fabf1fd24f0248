//! What the platform does to a row by itself: state reasons, the customer, owners, money.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::cell::{Cell, round};
use super::options::{ClosedRows, Options};
use super::refusal::Refusal;
use super::schema::{Kind, Rounding, Table, money_bound};
use super::store::{Cells, Row, Store};

pub(super) const OPPORTUNITY: &str = "opportunity";

fn int(cells: &Cells, column: &str) -> Option<i32> {
    cells
        .get(column)
        .and_then(Cell::as_int)
        .and_then(|value| i32::try_from(value).ok())
}

pub(super) fn set(cells: &mut Cells, column: &str, cell: Cell) {
    cells.insert(Arc::from(column), cell);
}

fn wrong_status(table: &Table, status: i32, state: i32) -> Refusal {
    Refusal::bad(
        "0x80048408",
        format!(
            "{status} is not a valid status code for state code {} on {}.",
            state_label(table, state),
            table.name
        ),
    )
}

pub(super) fn state_label(table: &Table, state: i32) -> String {
    match table.column("statecode").map(|column| &column.kind) {
        Some(Kind::State(options)) => options
            .iter()
            .find(|(value, _)| *value == state)
            .map_or_else(|| state.to_string(), |(_, label)| label.clone()),
        _ => state.to_string(),
    }
}

/// A status reason must belong to its state.
pub(super) fn check_status(table: &Table, cells: &Cells) -> Result<(), Refusal> {
    let (Some(state), Some(status)) = (int(cells, "statecode"), int(cells, "statuscode")) else {
        return Ok(());
    };
    if table.state_of_status(status) == Some(state) {
        Ok(())
    } else {
        Err(wrong_status(table, status, state))
    }
}

/// State rules of an update. Adds to the changes what the platform sets beside them.
pub(super) fn change_state(
    options: &Options,
    table: &Table,
    before: &Row,
    changes: &mut Cells,
) -> Result<(), Refusal> {
    let Some(old) = int(&before.cells, "statecode") else {
        return Ok(());
    };
    let wanted = int(changes, "statecode");
    let is_deal = &*table.name == OPPORTUNITY;
    if is_deal {
        match wanted {
            Some(0) if old == 0 => already_open(before, changes)?,
            Some(state) if state != 0 => return Err(use_the_action(options, table, state)),
            Some(_) if options.reopen_clears_actuals => {
                set(changes, "actualvalue", Cell::Null);
                set(changes, "actualclosedate", Cell::Null);
            }
            None if old != 0 && options.closed_rows == ClosedRows::ReadOnly => {
                return Err(Refusal::bad(
                    "0x8004022e",
                    "The opportunity is closed: cannot update a read-only row.",
                ));
            }
            Some(_) | None => {}
        }
    }
    let state = wanted.unwrap_or(old);
    if state != old
        && !changes.contains_key("statuscode")
        && let Some(status) = table.status_of_state(state)
    {
        set(changes, "statuscode", Cell::Int(i64::from(status)));
    }
    match int(changes, "statuscode") {
        Some(status) if table.state_of_status(status) != Some(state) => {
            Err(wrong_status(table, status, state))
        }
        _ => Ok(()),
    }
}

/// Putting an open deal on hold names the open state too; only a write that asks for what is there
/// already is refused.
fn already_open(before: &Row, changes: &Cells) -> Result<(), Refusal> {
    match int(changes, "statuscode") {
        Some(status) if int(&before.cells, "statuscode") != Some(status) => Ok(()),
        _ => Err(Refusal::bad(
            "0x8004051a",
            "The opportunity is already in the open state.",
        )),
    }
}

fn use_the_action(options: &Options, table: &Table, state: i32) -> Refusal {
    let word = state_label(table, state).to_lowercase();
    Refusal::new(
        options.state_patch_status,
        "0x80100005",
        format!(
            "This message can not be used to set the state of opportunity to {word}. In order to \
             set state of opportunity to {word}, use the {word} message instead."
        ),
    )
}

/// Fills what follows from other columns, once the changes are in the cells.
pub(super) fn derive(
    store: &Store,
    table: &Table,
    before: Option<&Row>,
    changes: &Cells,
    cells: &mut Cells,
) -> Result<(), Refusal> {
    if changes.contains_key("ownerid")
        && table.column("owninguser").is_some()
        && let Some(owner) = cells.get("ownerid").cloned()
    {
        set(cells, "owninguser", owner);
    }
    match &*table.name {
        OPPORTUNITY => {
            customer(before, changes, cells);
            revenue(cells);
        }
        "opportunityproduct" => {
            let number = |cells: &Cells, column: &str| {
                let number = cells.get(column).and_then(Cell::as_decimal);
                number.unwrap_or(Decimal::ZERO)
            };
            let amount = number(cells, "priceperunit") * number(cells, "quantity")
                - number(cells, "manualdiscountamount")
                + number(cells, "tax");
            set(cells, "extendedamount", Cell::Decimal(amount));
        }
        "contact" => {
            let names: Vec<&str> = ["firstname", "middlename", "lastname"]
                .iter()
                .filter_map(|name| cells.get(*name).and_then(Cell::as_text))
                .collect();
            let full = Cell::text(&names.join(" "));
            set(cells, "fullname", full);
        }
        _ => {}
    }
    money(store, table, before, changes, cells)
}

/// Keeps the customer and the parents in step: whichever was written fills the other.
fn customer(before: Option<&Row>, changes: &Cells, cells: &mut Cells) {
    let parents = [
        ("account", "parentaccountid"),
        ("contact", "parentcontactid"),
    ];
    if let Some(customer) = changes.get("customerid") {
        let previous = before.and_then(|row| row.get("customerid"));
        for (kind, parent) in parents {
            if changes.contains_key(parent) {
                continue;
            }
            let new = customer.as_ref().is_some_and(|(table, _)| **table == *kind);
            let gone = *customer == Cell::Null && previous == cells.get(parent);
            if new || gone {
                set(cells, parent, customer.clone());
            }
        }
        return;
    }
    for (_, parent) in parents {
        let Some(written) = changes.get(parent) else {
            continue;
        };
        let current = cells.get("customerid").cloned().unwrap_or(Cell::Null);
        let previous = before.and_then(|row| row.get(parent)).cloned();
        let follows = current == Cell::Null || Some(&current) == previous.as_ref();
        if follows {
            set(cells, "customerid", written.clone());
        }
    }
}

/// A deal whose revenue the system calculates takes it from its products, whatever was written.
fn revenue(cells: &mut Cells) {
    if cells.get("isrevenuesystemcalculated") == Some(&Cell::Bool(true)) {
        let total = cells
            .get("totalamount")
            .cloned()
            .unwrap_or(Cell::Decimal(Decimal::ZERO));
        set(cells, "estimatedvalue", total);
    }
}

pub(super) fn base_currency(store: &Store) -> Option<Cell> {
    store
        .rows("organization")
        .iter()
        .next()?
        .get("basecurrencyid")
        .cloned()
}

fn money(
    store: &Store,
    table: &Table,
    before: Option<&Row>,
    changes: &Cells,
    cells: &mut Cells,
) -> Result<(), Refusal> {
    if table.column("transactioncurrencyid").is_none() {
        return Ok(());
    }
    let amounts: Vec<(&Arc<str>, Rounding)> = table
        .columns
        .iter()
        .filter_map(|column| match column.kind {
            Kind::Money { rounding, .. } if !column.name.ends_with("_base") => {
                Some((&column.name, rounding))
            }
            _ => None,
        })
        .collect();
    let held = |cells: &Cells, name: &str| cells.get(name).and_then(Cell::as_decimal);
    let touched = before.is_none()
        || changes.contains_key("transactioncurrencyid")
        || amounts.iter().any(|(name, _)| {
            changes.contains_key(*name)
                || before.is_some_and(|row| row.get(name) != cells.get(*name))
        });
    if !touched {
        return Ok(());
    }
    let cleared = changes.get("transactioncurrencyid") == Some(&Cell::Null);
    let none = matches!(cells.get("transactioncurrencyid"), None | Some(Cell::Null));
    if none
        && (!cleared || before.is_none())
        && let Some(base) = base_currency(store)
    {
        set(cells, "transactioncurrencyid", base);
    }
    let currency = cells.get("transactioncurrencyid").and_then(Cell::as_ref);
    let Some(currency) = currency.and_then(|(table, id)| store.row(table, id)) else {
        if amounts.iter().any(|(name, _)| held(cells, name).is_some()) {
            return Err(Refusal::bad(
                "0x80048cfb",
                "The currency cannot be null while a money column holds a value.",
            ));
        }
        cells.remove("exchangerate");
        for (name, _) in amounts {
            cells.remove(base_of(name).as_str());
        }
        return Ok(());
    };
    let rate = currency
        .get("exchangerate")
        .and_then(Cell::as_decimal)
        .unwrap_or(Decimal::ONE);
    let precision = currency
        .get("currencyprecision")
        .and_then(Cell::as_int)
        .and_then(|digits| u32::try_from(digits).ok())
        .unwrap_or(2)
        .min(4);
    set(cells, "exchangerate", Cell::Decimal(rate));
    for (name, rounding) in amounts {
        let base = base_of(name);
        let Some(amount) = held(cells, name) else {
            cells.remove(base.as_str());
            continue;
        };
        let scale = match rounding {
            Rounding::Own(scale) => scale,
            Rounding::Currency => precision,
        };
        // An amount that this write does not name keeps its digits when only the currency changes.
        let amount = if changes.contains_key(name) {
            round(amount, scale)
        } else {
            amount
        };
        let converted = amount
            .checked_div(rate)
            .map(|value| round(value, 4))
            .filter(|value| value.abs() <= money_bound())
            .ok_or_else(|| {
                Refusal::bad(
                    "0x80048cec",
                    format!("The base currency value of '{name}' is too large."),
                )
            })?;
        set(cells, name, Cell::Decimal(amount));
        set(cells, &base, Cell::Decimal(converted));
    }
    Ok(())
}

fn base_of(column: &str) -> String {
    format!("{column}_base")
}

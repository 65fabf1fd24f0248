//! One column of a blueprint against what is there.

use super::{Action, Binding, ColumnSpec, NewColumn, Origin, Plan};
use crate::schema::{ChoiceSet, ColumnDefinition, ColumnType, DateBehavior, TableDefinition};

pub(super) fn plan_column(plan: &mut Plan, spec: &ColumnSpec, table: Option<&TableDefinition>) {
    let find = |name: &str| table.and_then(|table| table.columns.get(name));
    let bind = |plan: &mut Plan, column: &str, origin| {
        let binding = Binding {
            table: spec.table.clone(),
            column: column.to_owned(),
            origin,
        };
        plan.roles.insert(spec.role.clone(), binding);
    };
    for name in &spec.existing {
        if let Some(column) = find(name) {
            if let Some(reason) = unfit(&spec.kind, column) {
                plan.obstacle(format!("{}.{name}", spec.table), reason);
            }
            return bind(plan, name, Origin::Existing);
        }
    }
    let name = spec.logical_name();
    let object = format!("{}.{name}", spec.table);
    let Some(column) = find(&name) else {
        let detail = format!("\"{}\", {}", spec.label, describe(&spec.kind));
        plan.step(Action::CreateColumn, object, detail);
        return bind(plan, &name, Origin::New);
    };
    bind(plan, &name, Origin::Ours);
    if let Some(reason) = unfit(&spec.kind, column) {
        return plan.obstacle(object, reason);
    }
    let (
        NewColumn::Choice(wanted) | NewColumn::Choices(wanted),
        ColumnType::Choice(there) | ColumnType::Choices(there),
    ) = (&spec.kind, &column.kind)
    else {
        return;
    };
    for (value, label) in missing_values(wanted, there) {
        if column.managed {
            let reason = format!("the value {value} is missing, and the column is managed");
            plan.obstacle(&object, reason);
        } else {
            plan.step(Action::AddValue, &object, format!("{value} \"{label}\""));
        }
    }
}

fn missing_values<'a>(
    wanted: &'a [(i32, String)],
    there: &'a ChoiceSet,
) -> impl Iterator<Item = (i32, &'a str)> {
    let missing = wanted.iter().filter(|(value, _)| !there.has(*value));
    missing.map(|(value, label)| (*value, label.as_str()))
}

/// Why a column that is there cannot play the part; `None` when it can.
fn unfit(wanted: &NewColumn, column: &ColumnDefinition) -> Option<String> {
    let shorter = |max: &Option<u32>, wanted: &u32| match max {
        Some(max) if max < wanted => {
            Some(format!("it holds {max} characters, {wanted} are needed"))
        }
        _ => None,
    };
    match (wanted, &column.kind) {
        (
            NewColumn::Text(wanted) | NewColumn::Url(wanted) | NewColumn::Memo(wanted),
            ColumnType::Text { max } | ColumnType::Memo { max },
            // Another solution's column is as long as it is.
        ) => shorter(max, wanted).filter(|_| !column.managed),
        (NewColumn::Flag(..), ColumnType::Flag { .. })
        | (NewColumn::Choice(_), ColumnType::Choice(_))
        | (NewColumn::Choices(_), ColumnType::Choices(_))
        | (NewColumn::Integer(..), ColumnType::Integer { .. })
        | (NewColumn::BigInt, ColumnType::BigInt)
        | (NewColumn::Decimal(_), ColumnType::Decimal { .. })
        | (NewColumn::Double, ColumnType::Double)
        | (NewColumn::Money, ColumnType::Money { .. })
        | (NewColumn::Date, ColumnType::DateTime(DateBehavior::DateOnly))
        | (
            NewColumn::Instant,
            ColumnType::DateTime(DateBehavior::UserLocal | DateBehavior::TimeZoneIndependent),
        ) => None,
        (NewColumn::Lookup(target), ColumnType::Lookup { targets }) if targets.contains(target) => {
            None
        }
        (wanted, there) => Some(format!(
            "the column is there as {}, needed is {}: rename one of the two",
            named(there),
            describe(wanted)
        )),
    }
}

fn describe(kind: &NewColumn) -> String {
    let values = |values: &[(i32, String)]| {
        let shown: Vec<String> = values
            .iter()
            .map(|(value, label)| format!("{value} \"{label}\""))
            .collect();
        shown.join(", ")
    };
    match kind {
        NewColumn::Text(max) => format!("text of at most {max} characters"),
        NewColumn::Url(max) => format!("address of at most {max} characters"),
        NewColumn::Memo(max) => format!("text of several lines, at most {max} characters"),
        NewColumn::Flag(no, yes) => format!("yes or no (\"{no}\", \"{yes}\"), no at first"),
        NewColumn::Choice(list) => format!("one of {}", values(list)),
        NewColumn::Choices(list) => format!("several of {}", values(list)),
        NewColumn::Integer(min, max) => format!("whole number from {min} to {max}"),
        NewColumn::BigInt => "whole number of 64 bits".to_owned(),
        NewColumn::Decimal(places) => format!("decimal with {places} places"),
        NewColumn::Double => "binary fraction".to_owned(),
        NewColumn::Money => "amount in the row's currency".to_owned(),
        NewColumn::Date => "date".to_owned(),
        NewColumn::Instant => "date with time".to_owned(),
        NewColumn::Lookup(target) => format!("lookup to {target}"),
    }
}

fn named(kind: &ColumnType) -> &str {
    match kind {
        ColumnType::Text { .. } => "text",
        ColumnType::Memo { .. } => "text of several lines",
        ColumnType::Integer { .. } => "whole number",
        ColumnType::BigInt => "whole number of 64 bits",
        ColumnType::Decimal { .. } => "decimal",
        ColumnType::Double => "binary fraction",
        ColumnType::Money { .. } => "amount",
        ColumnType::Flag { .. } => "yes or no",
        ColumnType::Choice(_) => "one of several values",
        ColumnType::Choices(_) => "several of several values",
        ColumnType::State(_) => "state",
        ColumnType::Status(_) => "status reason",
        ColumnType::DateTime(DateBehavior::DateOnly) => "date",
        ColumnType::DateTime(_) => "date with time",
        ColumnType::Lookup { .. } => "lookup",
        ColumnType::Guid => "id",
        ColumnType::Other(other) => other,
    }
}

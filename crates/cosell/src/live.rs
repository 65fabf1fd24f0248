//! What both services have, read live: what a mapping is checked against, and what its lenses
//! need to know.

use std::collections::{BTreeMap, BTreeSet};

use cosell_dataverse::{
    Dataverse, PageOptions, Query,
    names::opportunity,
    schema::{ChoiceSet, ColumnDefinition, ColumnType, DateBehavior, ENGLISH, TableDefinition},
};
use cosell_http::{Error, ErrorKind, Sent};
use cosell_mapping::{
    ChoiceForm, Context, FieldSet, Keys, Lens, LookupShape, Path, RecordKind, Shape,
    rules::{Column, ColumnKind, Schema},
};

use crate::{dynamics, partner_center::MICROSOFT_PART};

/// Most rows of a table that rules look up. Their keys are held in memory.
const MOST_KEYS: usize = 50_000;

/// What the services have, as far as a set of fields concerns it.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) schema: Schema,
    pub(crate) context: Context,
}

/// Reads definitions, currencies, option labels and keys. `context` holds what was configured.
///
/// # Errors
/// [`Error`] of the first read that failed.
pub(crate) async fn read(
    client: &Dataverse,
    fields: &FieldSet,
    mut context: Context,
) -> Result<Live, Error> {
    let definitions = client.schema();
    let table = definitions.table("opportunity").await?;
    let language = definitions.base_language().await?;
    let mut schema = with_microsofts(patchable(Schema::of_referrals(), &context));
    let said = words(fields);
    for column in table.columns.values() {
        for (path, column) in columns(&table, column, |set| labels(set, &said, language)) {
            schema = schema.with_column(path, column);
        }
    }
    for navigation in navigations(fields) {
        let lookup = table
            .lookups
            .iter()
            .find(|known| known.navigation == navigation);
        let Some(lookup) = lookup else {
            continue;
        };
        let related = definitions.table(&lookup.target).await?;
        for column in related.columns.values() {
            for (path, mut column) in columns(&related, column, |set| labels(set, &said, language))
            {
                // A new deal may bring its account; anything else belongs to others.
                column.on_update = false;
                column.on_create &= navigation == opportunity::ACCOUNT;
                if let Ok(path) = format!("{navigation}/{path}").parse() {
                    schema = schema.with_column(path, column);
                }
            }
        }
    }
    let used = used(fields);
    for (path, column) in schema.crm.iter().filter(|(path, _)| used.contains(*path)) {
        if let Some(units) = column.length {
            context = context.with_text_limit(path.clone(), units);
        }
    }
    for path in labelled(fields) {
        let Ok(set) = table.choices(path.root()) else {
            continue;
        };
        for (number, label) in labels(set, &said, language) {
            context = context.with_choice(path.clone(), number, label);
        }
    }
    context = context.with_currencies(dynamics::currencies(client).await?);
    for lookup in lookups(fields) {
        if let Some(keys) = keys(client, lookup).await? {
            context = context.with_lookup(lookup.table.clone(), keys);
        }
    }
    Ok(Live { schema, context })
}

/// Places that were proven to be writable later count as such.
fn patchable(mut schema: Schema, context: &Context) -> Schema {
    for path in &context.patchable {
        if let Some(mut column) = schema.referral.get(path).cloned() {
            column.on_update = true;
            schema = schema.with_referral(path.clone(), column);
        }
    }
    schema
}

/// Microsoft's own referral of a deal has the same places, and is only read.
fn with_microsofts(mut schema: Schema) -> Schema {
    for (path, column) in schema.referral.clone() {
        if let Ok(path) = format!("{MICROSOFT_PART}/{path}").parse() {
            let mut column = column.read_only();
            (column.required, column.asked_for) = (false, false);
            schema = schema.with_referral(path, column);
        }
    }
    schema
}

/// The places at which a column is read and written.
fn columns(
    table: &TableDefinition,
    column: &ColumnDefinition,
    labels: impl Fn(&ChoiceSet) -> Vec<(i64, String)>,
) -> Vec<(Path, Column)> {
    let name = column.logical_name.as_str();
    let mut known = Column::new(kind(&column.kind));
    known.on_create = column.creatable;
    known.on_update = column.updatable;
    // The platform fills its own columns; what was added is the organization's business.
    known.required = column.custom && column.required && column.creatable;
    known.asked_for = column.asked_for && column.creatable;
    let units = |max: Option<u32>| max.and_then(|max| usize::try_from(max).ok());
    match &column.kind {
        ColumnType::Text { max } | ColumnType::Memo { max } => known.length = units(*max),
        ColumnType::Integer { .. } | ColumnType::BigInt => known.decimals = Some(0),
        ColumnType::Decimal { precision, .. } => known.decimals = *precision,
        ColumnType::Money {
            precision,
            source: Some(0),
            ..
        } => known.decimals = *precision,
        ColumnType::Choice(set) | ColumnType::State(set) | ColumnType::Status(set) => {
            let labels = labels(set);
            known.numbers = labels.iter().map(|(number, _)| *number).collect();
            known.words = labels.into_iter().map(|(_, label)| label).collect();
        }
        ColumnType::Lookup { .. } => {
            let bound = table.lookups.iter().filter(|lookup| lookup.column == name);
            let mut places: Vec<(String, Column)> = bound
                .map(|lookup| {
                    let mut bind = known.clone();
                    bind.kind = ColumnKind::Bind;
                    (format!("{}@odata.bind", lookup.navigation), bind)
                })
                .collect();
            let mut id = known.read_only();
            (id.required, id.asked_for) = (false, false);
            places.push((format!("_{name}_value"), id));
            return places
                .into_iter()
                .filter_map(|(place, column)| Some((place.parse().ok()?, column)))
                .collect();
        }
        _ => {}
    }
    name.parse().map(|path| (path, known)).into_iter().collect()
}

fn kind(kind: &ColumnType) -> ColumnKind {
    match kind {
        ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::Guid => ColumnKind::Text,
        ColumnType::Integer { .. }
        | ColumnType::BigInt
        | ColumnType::Decimal { .. }
        | ColumnType::Double
        | ColumnType::Money { .. } => ColumnKind::Number,
        ColumnType::Flag { .. } => ColumnKind::Flag,
        ColumnType::Choice(_) | ColumnType::State(_) | ColumnType::Status(_) => ColumnKind::Choice,
        ColumnType::DateTime(DateBehavior::DateOnly) => ColumnKind::Date,
        ColumnType::DateTime(_) => ColumnKind::Moment,
        ColumnType::Lookup { .. } => ColumnKind::Lookup,
        _ => ColumnKind::Other,
    }
}

/// One label for each option: the one that a rule says, in English or else in the organization's
/// language. Two options of one label are told apart by their numbers, so that neither is taken
/// for the other.
fn labels(set: &ChoiceSet, said: &BTreeSet<String>, language: u32) -> Vec<(i64, String)> {
    let mut labels: Vec<(i64, String)> = set
        .values
        .iter()
        .map(|option| {
            let texts = [ENGLISH, language].map(|language| option.label.text(language));
            let known: Vec<&str> = texts.into_iter().flatten().collect();
            let said = known.iter().find(|text| said.contains(&folded(text)));
            let label = said.or(known.first()).map_or("", |text| *text);
            (i64::from(option.value), label.to_owned())
        })
        .collect();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (_, label) in &labels {
        *count.entry(folded(label)).or_default() += 1;
    }
    for (number, label) in &mut labels {
        if count.get(&folded(label)).is_some_and(|count| *count > 1) {
            *label = format!("{label} ({number})");
        }
    }
    labels
}

fn folded(label: &str) -> String {
    label.trim().to_lowercase()
}

fn row_shapes(fields: &FieldSet) -> impl Iterator<Item = &Shape> {
    fields.iter().map(|rule| {
        let mut shape = &rule.lens(RecordKind::Row).shape;
        while let Shape::Function(function) = shape {
            shape = &function.inner;
        }
        shape
    })
}

/// What the rules call options of the CRM.
fn words(fields: &FieldSet) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for shape in row_shapes(fields) {
        if let Shape::Choice(choice) = shape {
            words.extend(
                choice
                    .to
                    .values()
                    .chain(choice.back.keys())
                    .map(|w| folded(w)),
            );
        }
    }
    words
}

/// Choice columns that rules know by label.
fn labelled(fields: &FieldSet) -> impl Iterator<Item = &Path> {
    row_shapes(fields).filter_map(|shape| match shape {
        Shape::Choice(choice) if choice.form == ChoiceForm::Label => Some(&choice.path),
        _ => None,
    })
}

fn lookups(fields: &FieldSet) -> impl Iterator<Item = &LookupShape> {
    row_shapes(fields).filter_map(|shape| match shape {
        Shape::Lookup(lookup) => Some(lookup),
        _ => None,
    })
}

/// Every place of the CRM that the rules use.
fn used(fields: &FieldSet) -> BTreeSet<Path> {
    let mut used: BTreeSet<Path> = fields.reads(RecordKind::Row).into_iter().collect();
    used.extend(fields.iter().flat_map(|rule| rule.row.writes()));
    used
}

/// Related rows that the rules look into.
fn navigations(fields: &FieldSet) -> BTreeSet<String> {
    let inside = used(fields).into_iter().filter(|p| p.segments().len() > 1);
    inside.map(|path| path.root().to_owned()).collect()
}

/// The keys of a table; `None` where the rule names no key column, and so finds no row.
async fn keys(client: &Dataverse, lookup: &LookupShape) -> Result<Option<Keys>, Error> {
    const OPERATION: &str = "cosell.keys";
    let Some(key) = &lookup.key else {
        return Ok(None);
    };
    let table = client.schema().table(&lookup.table).await?.table();
    let query = Query::select([table.key(), key]);
    let mut pages = client
        .table(table.clone())
        .pages(&query, PageOptions::default());
    let (mut keys, mut count) = (Keys::default(), 0);
    while let Some(page) = pages.next_page().await? {
        count += page.rows.len();
        if count > MOST_KEYS {
            let what = format!(
                "{} has more than {MOST_KEYS} rows: look up in a smaller table",
                lookup.table
            );
            return Err(Error::new(OPERATION, ErrorKind::Invalid, Sent::No, what));
        }
        for row in page.rows {
            let (Ok(Some(id)), Ok(Some(key))) = (row.guid(table.key()), row.text(key)) else {
                continue;
            };
            keys = keys.with(key, id.to_string());
        }
    }
    Ok(Some(keys))
}

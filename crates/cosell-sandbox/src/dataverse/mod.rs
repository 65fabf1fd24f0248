//! Double of the Dataverse Web API: rows, lookups, money, change sets, delta links, closing a deal.
//!
//! Tables and rules are written from the documentation of the service and share nothing with the
//! client that is tested against them. A [`Dataverse`] is a plain value: clone it to keep a moment.
//!
//! | module | what it holds |
//! |---|---|
//! | `schema`, `names`, `tables` | what a table is; what relationships are called; the tables there are |
//! | `store`, `cell`, `value` | rows, versions, undo; one value, read and printed |
//! | `draft`, `rules`, `rows`, `products`, `closing` | from a body to a row, and what the platform adds |
//! | `path`, `request`, `service`, `route`, `reply` | from a request to an operation and back |
//! | `limits`, `codes` | service protection; codes that only faults bring about |
//! | `keys`, `duplicates` | alternate keys, duplicate rules |
//! | `metadata` | definitions of tables, columns, keys, relationships and choices, read and written |
//! | `environment` | who calls for whom, and what the service tells about itself |
//! | `shape`, `print`, `query`, `search`, `functions`, `delta` | reading |
//! | `tabular` | FetchXML, `$apply` and SQL |
//! | `write`, `related`, `associate`, `files` | writing one row, a collection, a file |
//! | `operations` | functions and actions |
//! | `pipeline`, `events` | who does what, and what happened, told to webhooks |
//! | `multipart`, `batch`, `bulk` | several operations in one request |
//! | `actors` | a seller who works in the CRM |

mod actors;
mod associate;
mod batch;
mod bulk;
mod cell;
mod closing;
mod codes;
mod delta;
mod draft;
mod duplicates;
mod environment;
mod events;
mod files;
mod functions;
mod keys;
mod limits;
mod metadata;
mod multipart;
mod names;
mod operations;
mod options;
mod path;
mod pipeline;
mod print;
mod products;
mod query;
mod refusal;
mod related;
mod reply;
mod request;
mod route;
mod rows;
mod rules;
mod schema;
mod search;
mod service;
mod shape;
mod store;
mod tables;
mod tabular;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use cell::Cell;
use schema::Schema;
use store::{Cells, Mark, Store};

pub use events::EventPost;
pub use limits::Limits;
pub use options::{
    ClosedRows, DEFAULT_APPLICATION, DEFAULT_SELLER, ExtraLabel, Options, ReadOnlyColumns, User,
};
pub use refusal::Refusal;
pub use schema::Column;

/// A simulated environment.
#[derive(Clone, Debug)]
pub struct Dataverse {
    options: Arc<Options>,
    schema: Arc<Schema>,
    store: Store,
    /// Tokens below this version are void: the metadata changed since.
    metadata_version: u64,
    ids: Ids,
    request_ids: Ids,
    loads: limits::Loads,
    /// When the request came that is being answered.
    now: DateTime<Utc>,
    /// Who sent it.
    user: Uuid,
    /// The address of the API that it came to.
    base: String,
    definitions: metadata::Definitions,
    files: files::Files,
    events: events::Queue,
    /// What happened and is not final yet.
    happenings: Vec<pipeline::Happening>,
}

/// Seeded ids. Rows and requests draw from streams of their own, so that a read more moves no row id.
#[derive(Clone, Debug)]
struct Ids {
    state: u64,
}

impl Ids {
    fn next(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        for half in bytes.chunks_exact_mut(8) {
            half.copy_from_slice(&self.number().to_be_bytes());
        }
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// SplitMix64.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

const FIRST_VERSION: u64 = 900_000;

impl Dataverse {
    /// A fresh environment: users, currencies, an organization, no deals.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut new = Self {
            schema: Arc::new(tables::install(&options)),
            store: Store::new(FIRST_VERSION),
            metadata_version: FIRST_VERSION,
            ids: Ids {
                state: options.seed,
            },
            request_ids: Ids {
                state: !options.seed,
            },
            loads: limits::Loads::default(),
            now: DateTime::UNIX_EPOCH,
            user: Uuid::nil(),
            base: String::new(),
            definitions: metadata::Definitions::default(),
            files: files::Files::default(),
            events: events::Queue::default(),
            happenings: Vec::new(),
            options: Arc::new(options),
        };
        new.seed();
        new
    }

    fn seed(&mut self) {
        let options = self.options.clone();
        let unit = self.business_unit();
        self.plant(
            "businessunit",
            unit,
            [("name", Cell::text(&options.organization_name))],
        );
        for user in std::iter::once(&options.seller).chain(&options.users) {
            let (first, last) = user.name.split_once(' ').unwrap_or(("", &user.name));
            let mode = if user.application_id.is_some() { 4 } else { 0 };
            self.plant(
                "systemuser",
                user.id,
                [
                    ("fullname", Cell::text(&user.name)),
                    ("firstname", Cell::text(first)),
                    ("lastname", Cell::text(last)),
                    ("mobilephone", Cell::text(&user.phone)),
                    ("internalemailaddress", Cell::text(&user.email)),
                    ("domainname", Cell::text(&user.email)),
                    ("azureactivedirectoryobjectid", Cell::Id(user.object_id)),
                    (
                        "applicationid",
                        user.application_id.map_or(Cell::Null, Cell::Id),
                    ),
                    ("isdisabled", Cell::Bool(user.disabled)),
                    ("accessmode", Cell::Int(mode)),
                    ("ownerid", Cell::Id(user.id)),
                    ("businessunitid", Cell::Ref(Arc::from("businessunit"), unit)),
                ],
            );
        }
        for (number, (iso, name, symbol, precision, rate)) in CURRENCIES.into_iter().enumerate() {
            self.plant(
                "transactioncurrency",
                currency_id(number),
                [
                    ("isocurrencycode", Cell::text(iso)),
                    ("currencyname", Cell::text(name)),
                    ("currencysymbol", Cell::text(symbol)),
                    ("currencyprecision", Cell::Int(precision)),
                    ("exchangerate", Cell::Decimal(Decimal::new(rate, 2))),
                    ("currencytype", Cell::Int(0)),
                    ("statecode", Cell::Int(0)),
                    ("statuscode", Cell::Int(1)),
                ],
            );
        }
        let base = Cell::Ref(Arc::from("transactioncurrency"), currency_id(0));
        self.plant(
            "organization",
            options.organization_id,
            [
                ("name", Cell::text(&options.organization_name)),
                ("basecurrencyid", base),
                ("expirechangetrackingindays", Cell::Int(options.delta_days)),
                ("currencydecimalprecision", Cell::Int(2)),
                ("pricingdecimalprecision", Cell::Int(2)),
                ("languagecode", Cell::Int(options.language)),
            ],
        );
        self.register_messages();
        self.map_labels();
        self.store.commit();
    }

    /// The messages, and the tables that steps can be registered for.
    fn register_messages(&mut self) {
        let id =
            |name: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("message:{name}").as_bytes());
        for name in MESSAGES {
            self.plant("sdkmessage", id(name), [("name", Cell::text(name))]);
        }
        let schema = self.schema.clone();
        for table in schema
            .tables()
            .filter(|table| table.column("owninguser").is_some())
        {
            for name in &MESSAGES[..6] {
                self.register_message(name, &table.name);
            }
        }
        for name in &MESSAGES[6..] {
            self.register_message(name, "opportunity");
        }
    }

    fn register_message(&mut self, name: &str, table: &str) {
        let id =
            |name: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("message:{name}").as_bytes());
        self.plant(
            "sdkmessagefilter",
            id(&format!("{name}:{table}")),
            [
                ("name", Cell::text(&format!("{name} of {table}"))),
                ("primaryobjecttypecode", Cell::text(table)),
                ("sdkmessageid", Cell::Ref(Arc::from("sdkmessage"), id(name))),
                ("iscustomprocessingstepallowed", Cell::Bool(true)),
            ],
        );
    }

    /// Labels of all choices, as rows.
    fn map_labels(&mut self) {
        let schema = self.schema.clone();
        for table in schema.tables() {
            for column in &table.columns {
                self.map_labels_of(&table.name, column);
            }
        }
    }

    fn map_labels_of(&mut self, table: &str, column: &Column) {
        let language = self.options.language;
        for (order, (value, text)) in column.labels().into_iter().enumerate() {
            let name = format!("label:{table}.{}.{value}", column.name);
            let order = i64::try_from(order).unwrap_or(0);
            self.plant(
                "stringmap",
                Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
                [
                    ("objecttypecode", Cell::text(table)),
                    ("attributename", Cell::text(&column.name)),
                    ("attributevalue", Cell::Int(value.into())),
                    ("value", Cell::text(&text)),
                    ("langid", Cell::Int(language)),
                    ("displayorder", Cell::Int(order + 1)),
                ],
            );
        }
    }

    fn plant<const N: usize>(&mut self, table: &str, id: Uuid, columns: [(&str, Cell); N]) {
        let Some(table) = self.schema.table(table).cloned() else {
            return;
        };
        let mut cells: Cells = columns
            .into_iter()
            .map(|(name, cell)| (Arc::from(name), cell))
            .collect();
        cells.insert(table.key.clone(), Cell::Id(id));
        self.store.put(&table.name, id, cells);
    }

    /// A place to which everything can be taken back.
    fn mark(&self) -> (Mark, usize) {
        (self.store.mark(), self.happenings.len())
    }

    /// Takes back everything since a mark.
    fn roll_back(&mut self, (mark, happened): (Mark, usize)) {
        self.store.roll_back(mark);
        self.happenings.truncate(happened);
    }

    fn business_unit(&self) -> Uuid {
        Uuid::new_v5(&self.options.organization_id, b"businessunit")
    }

    /// Is there a table with this logical name?
    pub fn has_table(&self, table: &str) -> bool {
        self.schema.table(table).is_some()
    }

    /// Id of the currency with this ISO code.
    pub fn currency(&self, iso: &str) -> Option<Uuid> {
        let rows = self.store.rows("transactioncurrency").iter();
        rows.filter(|row| row.get("isocurrencycode").and_then(Cell::as_text) == Some(iso))
            .map(|row| row.id)
            .next()
    }

    /// Makes all delta links handed out so far void, as a change of metadata does.
    pub fn expire_delta_tokens(&mut self) {
        self.metadata_version = self.store.next_version();
    }
}

/// Messages that steps can be registered for; the last two are of opportunities alone.
const MESSAGES: [&str; 8] = [
    "Create",
    "Update",
    "Delete",
    "CreateMultiple",
    "UpdateMultiple",
    "UpsertMultiple",
    "WinOpportunity",
    "LoseOpportunity",
];

/// ISO code, name, symbol, precision, rate in hundredths; the first is the base.
const CURRENCIES: [(&str, &str, &str, i64, i64); 4] = [
    ("EUR", "Euro", "€", 2, 100),
    ("USD", "US Dollar", "$", 2, 108),
    ("GBP", "Pound Sterling", "£", 2, 85),
    ("JPY", "Yen", "¥", 0, 16_250),
];

/// The answer under a code that only a fault brings about.
pub(crate) fn coded(code: u32) -> http::Response<bytes::Bytes> {
    let prefer = request::Prefer::default();
    let mut reply = reply::refused(&codes::refusal(code), &prefer);
    reply::put(&mut reply, "odata-version", "4.0");
    reply
}

fn currency_id(number: usize) -> Uuid {
    Uuid::from_u128(0xb2f0_c7d4_1111_4a11_9c11_0a0b_0c0d_0e00 + number as u128)
}

//! What many pairs cost: both sides are made up on demand, and all that is kept is in a file.
//!
//! ```sh
//! cargo build --release -p cosell --example many-pairs
//! /usr/bin/time -v target/release/examples/many-pairs 100000 /tmp/many.db
//! ```
//!
//! The first run binds so many records that name one another; run again on the same file, it does
//! one quiet round. Prints what the last round asked for.

use std::{collections::BTreeSet, error::Error, path::PathBuf, sync::Arc, time::Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell::{
    CosellPolicy, TokioTime,
    store::SqliteStore,
    sync::{
        BrakeOptions, Capabilities, Cursor, Deadline, Draft, Engine, EngineOptions, FieldId,
        GroupId, Hint, HintPage, Life, Native, Observed, PairKey, PartName, Patch, ReadError,
        RecordId, Replica, Role, Settled, Side, Value, Version, WriteError, WriteStamp, Written,
    },
};

/// Records on one page.
const PAGE: u64 = 1_000;
/// Fields of a record.
const FIELDS: usize = 25;

/// One side with so many records, none of which exists until it is asked for.
#[derive(Debug)]
struct MadeUp {
    side: Side,
    records: u64,
}

impl MadeUp {
    fn record(&self, number: u64) -> Observed {
        let name = |side: Side| format!("{}-{number}", if side == Side::Left { 'l' } else { 'r' });
        let field = |field| {
            let value = format!("value {field} of record {number}");
            (
                FieldId::from(format!("field{field}").as_str()),
                Value::text(value),
            )
        };
        Observed {
            id: RecordId::new(name(self.side)),
            role: Role::Main,
            group: None,
            key: Some(PairKey::new(name(self.side.other()))),
            aliases: Vec::new(),
            former: Vec::new(),
            version: Version::new("1"),
            stamp: None,
            life: Life::Open,
            takes_part: true,
            as_of: DateTime::UNIX_EPOCH,
            fields: (0..FIELDS).map(field).collect(),
            native: Native::none(),
            wishes: BTreeSet::new(),
        }
    }
}

fn nothing_to_write() -> WriteError {
    WriteError::NotSent("both sides agree: there is nothing to write".into())
}

#[async_trait]
impl Replica for MadeUp {
    fn capabilities(&self) -> Capabilities {
        let mut able = Capabilities::default();
        able.unique_birth = self.side == Side::Right;
        able
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let from: u64 = since
            .and_then(|since| since.as_str().parse().ok())
            .unwrap_or(0);
        let to = (from + PAGE).min(self.records);
        let hints = (from..to).map(|number| {
            let seen = self.record(number);
            Hint {
                id: seen.id.clone(),
                version: Some(seen.version.clone()),
                takes_part: Some(true),
                gone: false,
                seen: Some(seen),
            }
        });
        Ok(HintPage {
            hints: hints.collect(),
            cursor: Cursor::new(to.to_string()),
            more: to < self.records,
        })
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        let number = id.as_str().get(2..).and_then(|number| number.parse().ok());
        Ok(number.map(|number| self.record(number)))
    }

    async fn find(
        &self,
        _: &PairKey,
        _: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        Ok(Vec::new())
    }

    async fn create(
        &self,
        _: &PairKey,
        _: WriteStamp,
        _: &Draft,
        _: Deadline,
    ) -> Result<Written, WriteError> {
        Err(nothing_to_write())
    }

    async fn in_group(&self, _: &GroupId) -> Result<Vec<Observed>, ReadError> {
        Ok(Vec::new())
    }

    async fn create_part(
        &self,
        _: &Observed,
        _: &PartName,
        _: WriteStamp,
        _: &Draft,
        _: Deadline,
    ) -> Result<Written, WriteError> {
        Err(nothing_to_write())
    }

    async fn update(
        &self,
        _: &Observed,
        _: WriteStamp,
        _: &Patch,
        _: Deadline,
    ) -> Result<Written, WriteError> {
        Err(nothing_to_write())
    }

    fn settle(&self, _: &FieldId, _: &Value, _: Option<&Observed>) -> Settled {
        Settled::Fits
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let records = arguments.next().ok_or("how many pairs?")?.parse()?;
    let path: PathBuf = arguments.next().ok_or("in which file?")?.into();
    let store = Arc::new(SqliteStore::open(&path, "many-pairs", Default::default()).await?);
    let side = |side| Arc::new(MadeUp { side, records });
    let engine = Engine::builder(
        side(Side::Left),
        side(Side::Right),
        store,
        Arc::new(CosellPolicy::default()),
        Arc::new(TokioTime),
    )
    .options(
        EngineOptions::default()
            .with_owner("many-pairs")
            .with_brakes(BrakeOptions::none()),
    )
    .build();
    let begun = Instant::now();
    let report = engine.run_once().await?;
    println!(
        "{} pairs bound, {} + {} pages, {} + {} fetches and searches, {} writes, {} errors, {:.1} s",
        report.binds,
        report.left.pages,
        report.right.pages,
        report.left.reads(),
        report.right.reads(),
        report.left.writes() + report.right.writes(),
        report.errors.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

//! The conformance suite of replicas: both toys pass it, and it catches mistakes.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_sync::{
    Capabilities, Cursor, Deadline, Draft, FieldId, GroupId, HintPage, Loss, Observed, PairKey,
    PartName, Patch, ReadError, RecordId, Replica, Settled, Side, Value, WriteError, WriteStamp,
    Written, conformance::replica as checks, testkit::ToyBench,
};
use futures_util::FutureExt as _;

// R133
#[tokio::test]
async fn both_toys_keep_the_contract() {
    for side in Side::BOTH {
        checks::every_check(async || ToyBench::new(side)).await;
    }
}

/// What a careless adapter does.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    /// Writes whatever the version.
    IgnoresVersion,
    /// Says that a write was stale after it took effect.
    WritesAndSaysStale,
    /// Sends whatever the time.
    IgnoresDeadline,
    /// Sends creates whatever the time.
    IgnoresDeadlineOfCreates,
    /// Loses all but the first field of a patch.
    HalfAPatch,
    /// Writes what is not refused of a patch that is.
    WritesTheRest,
    /// Takes a refused value for written.
    HidesRefusals,
    /// Makes a second record for one key.
    SecondBirth,
    /// Writes the key over another one.
    OverwritesKey,
    /// Finds nothing.
    FindsNothing,
    /// Finds everybody's.
    FindsAnybody,
    /// Tells of nothing after the first pass.
    Deaf,
    /// Starting over goes on where it was.
    NeverStartsOver,
    /// Tells no deletions.
    HidesDeletions,
    /// An id that is not its own is an error.
    FailsOnUnknown,
    /// The version stands still.
    OneVersion,
    /// Shows no stamp.
    NoStamp,
    /// Says another thing each time.
    Fickle,
    /// Writes another form than settling said.
    Shouts,
}

const ALL: [Mistake; 19] = [
    Mistake::IgnoresVersion,
    Mistake::WritesAndSaysStale,
    Mistake::IgnoresDeadline,
    Mistake::IgnoresDeadlineOfCreates,
    Mistake::HalfAPatch,
    Mistake::WritesTheRest,
    Mistake::HidesRefusals,
    Mistake::SecondBirth,
    Mistake::OverwritesKey,
    Mistake::FindsNothing,
    Mistake::FindsAnybody,
    Mistake::Deaf,
    Mistake::NeverStartsOver,
    Mistake::HidesDeletions,
    Mistake::FailsOnUnknown,
    Mistake::OneVersion,
    Mistake::NoStamp,
    Mistake::Fickle,
    Mistake::Shouts,
];

/// Runs the check that shall catch a mistake.
async fn check(mistake: Mistake, bench: &ToyBench) {
    match mistake {
        Mistake::IgnoresVersion | Mistake::WritesAndSaysStale => {
            checks::an_update_under_an_old_version_is_stale(bench).await;
        }
        Mistake::IgnoresDeadline | Mistake::IgnoresDeadlineOfCreates => {
            checks::nothing_leaves_after_the_deadline(bench).await;
        }
        Mistake::HalfAPatch => checks::all_of_a_patch_takes_effect(bench).await,
        Mistake::WritesTheRest | Mistake::HidesRefusals => {
            checks::nothing_of_a_refused_patch_takes_effect(bench).await;
        }
        Mistake::OverwritesKey => checks::a_key_is_written_only_where_there_is_none(bench).await,
        Mistake::SecondBirth => checks::a_second_birth_is_stale(bench).await,
        Mistake::FindsNothing | Mistake::FindsAnybody => {
            checks::a_record_made_is_found_by_its_key(bench).await;
        }
        Mistake::Deaf => checks::a_change_is_hinted_and_the_cursor_moves(bench).await,
        Mistake::NeverStartsOver => checks::starting_over_tells_every_record(bench).await,
        Mistake::HidesDeletions => checks::a_deletion_is_told_where_it_is_promised(bench).await,
        Mistake::FailsOnUnknown => checks::an_id_that_names_nothing_is_none(bench).await,
        Mistake::OneVersion => checks::a_fetch_is_the_truth(bench).await,
        Mistake::NoStamp => checks::a_stamped_side_carries_the_stamp(bench).await,
        Mistake::Fickle | Mistake::Shouts => checks::settling_is_pure_and_true(bench).await,
    }
}

/// What the check says then.
fn says(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::IgnoresVersion => "an update under an old version is stale, not Ok",
        Mistake::WritesAndSaysStale => "a stale update changes nothing",
        Mistake::IgnoresDeadline => "no update leaves after the deadline",
        Mistake::IgnoresDeadlineOfCreates => "no create leaves after the deadline",
        Mistake::HalfAPatch => "all of a patch takes effect",
        Mistake::WritesTheRest => "nothing of a refused patch takes effect",
        Mistake::HidesRefusals => "a value that the service refuses is refused",
        Mistake::OverwritesKey => "never over another",
        Mistake::SecondBirth => "a second birth for one key is stale",
        Mistake::FindsNothing => "is found by its key within the find lag",
        Mistake::FindsAnybody => "not found by the key of another",
        Mistake::Deaf => "a change is hinted sooner or later",
        Mistake::NeverStartsOver => "starting over tells every record",
        Mistake::HidesDeletions => "a deletion is hinted sooner or later",
        Mistake::FailsOnUnknown => "names nothing, so it is none",
        Mistake::OneVersion => "an edit moves the version",
        Mistake::NoStamp => "a stamped side carries the stamp",
        Mistake::Fickle => "twice says the same",
        Mistake::Shouts => "a read shows what settling said",
    }
}

#[tokio::test]
async fn each_mistake_is_caught_by_the_check_that_is_named_for_it() {
    for mistake in ALL {
        let bench = ToyBench::new(Side::Right).wrapped(|inner| {
            Arc::new(Careless {
                inner,
                mistake,
                calls: AtomicU64::new(0),
                key: Mutex::default(),
            })
        });
        let checked = AssertUnwindSafe(check(mistake, &bench))
            .catch_unwind()
            .await;
        let said = checked.expect_err(&format!("{mistake:?} is caught"));
        let said = said
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| said.downcast_ref::<&str>().copied())
            .expect("a message");
        assert!(said.contains(says(mistake)), "{mistake:?}: {said}");
    }
}

#[derive(Debug)]
struct Careless {
    inner: Arc<dyn Replica>,
    mistake: Mistake,
    calls: AtomicU64,
    /// Of the last patch that had one.
    key: Mutex<Option<PairKey>>,
}

impl Careless {
    fn shown(&self, mut record: Observed) -> Observed {
        match self.mistake {
            Mistake::NoStamp => record.stamp = None,
            // As if the last key had gone over the one before.
            Mistake::OverwritesKey => {
                let last = self.key.lock().unwrap().clone();
                record.key = last.or(record.key);
            }
            Mistake::OneVersion => record.version = cosell_sync::Version::new("1"),
            _ => {}
        }
        record
    }
}

#[async_trait]
impl Replica for Careless {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
        let mut page = self.inner.hints(since).await?;
        match self.mistake {
            Mistake::Deaf if since.is_some() => page.hints.clear(),
            Mistake::NeverStartsOver if since.is_none() && !first => page.hints.clear(),
            Mistake::HidesDeletions => page.hints.retain(|hint| !hint.gone),
            _ => {}
        }
        Ok(page)
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        let record = self.inner.fetch(id).await?;
        match (record, self.mistake) {
            (None, Mistake::FailsOnUnknown) => Err(ReadError::Failed("404".to_owned())),
            (record, _) => Ok(record.map(|record| self.shown(record))),
        }
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        match self.mistake {
            Mistake::FindsNothing => Ok(Vec::new()),
            Mistake::FindsAnybody => {
                let everybody = self.inner.hints(None).await?.hints;
                let mut found = Vec::new();
                for hint in everybody {
                    found.extend(self.inner.fetch(&hint.id).await?);
                }
                Ok(found)
            }
            _ => self.inner.find(key, floor).await,
        }
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.inner.in_group(group).await
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        mut until: Deadline,
    ) -> Result<Written, WriteError> {
        if let Mistake::IgnoresDeadlineOfCreates = self.mistake {
            until += TimeDelta::days(1);
        }
        let made = self.inner.create(key, stamp, draft, until).await;
        match (made, self.mistake) {
            (Err(WriteError::Stale), Mistake::SecondBirth) => {
                let key = PairKey::new(format!("{key}-again"));
                self.inner.create(&key, stamp, draft, until).await
            }
            (made, _) => made,
        }
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.create_part(of, name, stamp, draft, until).await
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        mut until: Deadline,
    ) -> Result<Written, WriteError> {
        let (mut seen, mut patch) = (seen.clone(), patch.clone());
        let mut late = false;
        match self.mistake {
            Mistake::IgnoresVersion | Mistake::WritesAndSaysStale => {
                if let Ok(Some(now)) = self.inner.fetch(&seen.id).await {
                    late = now.version != seen.version;
                    seen = now;
                }
            }
            Mistake::IgnoresDeadline => until += TimeDelta::days(1),
            Mistake::HalfAPatch => {
                let first = patch.fields.keys().next().cloned();
                patch
                    .fields
                    .retain(|field, _| Some(field) == first.as_ref());
            }
            Mistake::OverwritesKey => {
                let mut key = self.key.lock().unwrap();
                *key = patch.key.clone().or(key.take());
            }
            Mistake::Shouts => {
                for value in patch.fields.values_mut() {
                    if let Value::Text(text) = value {
                        *value = Value::text(text.to_uppercase());
                    }
                }
            }
            _ => {}
        }
        let written = self.inner.update(&seen, stamp, &patch, until).await;
        match self.mistake {
            Mistake::WritesAndSaysStale if late => Err(WriteError::Stale),
            Mistake::WritesTheRest | Mistake::HidesRefusals => {
                let Err(WriteError::Refused { fields, .. }) = &written else {
                    return written;
                };
                for refused in fields {
                    patch.fields.remove(&refused.field);
                }
                let rest = self.inner.update(&seen, stamp, &patch, until).await;
                match self.mistake {
                    Mistake::HidesRefusals => rest,
                    _ => written,
                }
            }
            _ => written,
        }
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let becomes = |text: &str| Settled::Becomes {
            value: Value::text(text),
            loss: Loss::Shortened,
        };
        match self.mistake {
            Mistake::Fickle => becomes(&self.calls.fetch_add(1, Ordering::Relaxed).to_string()),
            _ => self.inner.settle(field, wanted, now),
        }
    }
}

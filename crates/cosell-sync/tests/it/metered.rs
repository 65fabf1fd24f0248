//! Metrics, as a recorder of the program takes them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cosell_sync::{Engine, Metered};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};

use crate::world::{World, drive};

/// Keeps counters by name and labels, and how many values each histogram took.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

#[derive(Debug)]
struct Values(Arc<AtomicU64>);

impl HistogramFn for Values {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kept {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let mut labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort();
        let name = format!("{} {}", key.name(), labels.join(" "));
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    fn of(&self, name: &str) -> u64 {
        let kept = self.0.lock().unwrap();
        kept.get(name)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Values(self.cell(key))))
    }
}

// R128, R132
#[test]
fn metrics_tell_side_call_and_outcome_and_keep_tenants_apart() {
    let kept = Kept::default();
    with_local_recorder(&kept, || {
        for (tenant, edits) in [("one", 2), ("two", 0)] {
            let world = World::in_step();
            let engine = Engine::builder(
                world.left.clone(),
                world.right.clone(),
                world.store.clone(),
                Arc::new(world.policy.clone()),
                world.clock.clone(),
            )
            .options(world.options())
            .observer(Arc::new(Metered::new(tenant)))
            .build();
            for edit in 0..edits {
                world.right.edit("b", "value", &format!("new {edit}"));
                world.clock.pass(Duration::from_secs(1));
                drive(engine.run_once()).unwrap().unwrap();
            }
            drive(engine.run_once()).unwrap().unwrap();
        }
    });
    for (name, one, two) in [
        ("cosell_rounds_total outcome=done scope=", 3, 1),
        ("cosell_round_seconds scope=", 3, 1),
        (
            "cosell_calls_total call=update outcome=done side=left scope=",
            2,
            0,
        ),
        (
            "cosell_call_seconds call=update outcome=done side=left scope=",
            2,
            0,
        ),
        (
            "cosell_audit_lines_total kind=updated side=left scope=",
            2,
            0,
        ),
    ] {
        for (tenant, expected) in [("one", one), ("two", two)] {
            let (metric, labels) = name.split_once(' ').unwrap();
            let labels = format!("{labels}{tenant}");
            let mut labels: Vec<&str> = labels.split(' ').collect();
            labels.sort_unstable();
            let name = format!("{metric} {}", labels.join(" "));
            let all = kept.0.lock().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(kept.of(&name), expected, "{name} in {all:#?}");
        }
    }
}

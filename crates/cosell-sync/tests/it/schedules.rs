//! What the tests of schedules share: scenarios with bounds, and mistakes that must be caught.

use std::io::Write as _;

use cosell_sync::testkit::{Bounds, Edit, Explorer, Plant, Scenario, Tally};

/// Outside edits, faults, rounds in which they may happen.
pub(crate) type Reach = (u8, u8, u8);

/// Are the wide bounds asked for? See CONTRIBUTING.md.
pub(crate) fn long() -> bool {
    std::env::var("COSELL_HARNESS").is_ok_and(|wanted| wanted == "long")
}

/// Past the capture of test output, so that a log shows what was covered.
pub(crate) fn report(name: &str, tally: &Tally) {
    let _ = writeln!(std::io::stderr(), "explorer: {name}: {tally}");
}

pub(crate) fn explorer(
    scenario: Scenario,
    menu: &[Edit],
    (edits, faults, rounds): Reach,
) -> Explorer {
    Explorer::new(scenario, menu, Bounds::new(edits, faults, rounds))
}

pub(crate) fn exhaust(name: &str, scenario: Scenario, menu: &[Edit], reach: Reach) {
    match explorer(scenario, menu, reach).exhaust() {
        Ok(tally) => report(name, &tally),
        Err(failure) => panic!("{failure}"),
    }
}

pub(crate) fn catch(plant: Plant, scenario: Scenario, menu: &[Edit], reach: Reach, promise: u8) {
    let explorer = explorer(scenario, menu, reach).with_plant(plant);
    let failure = explorer.exhaust().expect_err("caught");
    assert_eq!(failure.broken.promise, promise, "{failure}");
    assert!(failure.trace.len() > 5, "with its trace: {failure}");
}

/// Every schedule within the bounds keeps every promise; wider ones in the long job, where they
/// are named.
macro_rules! exhausted {
    ($($name:ident: $scenario:ident, $menu:expr, $reach:expr $(, long $wide:expr)?;)*) => {$(
        #[test]
        fn $name() {
            let scenario = cosell_sync::testkit::Scenario::$scenario;
            let reach = [$reach $(, $wide)?];
            let reach = reach[if $crate::schedules::long() { reach.len() - 1 } else { 0 }];
            let name = format!("{}, {reach:?}", stringify!($name));
            $crate::schedules::exhaust(&name, scenario, &$menu, reach);
        }
    )*};
}

/// A mistake, where it shows, and the promise whose assertion catches it.
macro_rules! caught {
    ($($name:ident: $plant:ident, $scenario:ident, $menu:expr, $reach:expr, $promise:expr;)*) => {$(
        #[test]
        fn $name() {
            let plant = cosell_sync::testkit::Plant::$plant;
            let scenario = cosell_sync::testkit::Scenario::$scenario;
            $crate::schedules::catch(plant, scenario, &$menu, $reach, $promise);
        }
    )*};
}

pub(crate) use {caught, exhausted};

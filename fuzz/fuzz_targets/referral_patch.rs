//! Any pointer and any value: a patch names the path that was asked for or refuses it, and what it
//! sends is JSON that means what was given.
#![no_main]

use arbitrary::Arbitrary;
use cosell_referrals::{Patch, PatchVerb, Profile, Referral};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    pointer: &'a str,
    value: &'a str,
    notes: &'a str,
    reason: &'a str,
    record: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let record = Referral::from_json(input.record.as_bytes());
    let plain = Patch::new().with_notes(input.notes).decline(input.reason);
    let sent: Value = serde_json::from_str(&plain.to_json(PatchVerb::default())).expect("JSON");
    let operations = sent.as_array().expect("a list of operations");
    assert!(operations.iter().any(|one| one["value"] == input.notes));
    let _ = plain.check();
    let Ok(value) = RawValue::from_string(input.value.to_owned()) else {
        return;
    };
    let wanted: Value = match serde_json::from_str(value.get()) {
        Ok(wanted) => wanted,
        Err(_) => return,
    };
    let Ok(patch) = Patch::new().with_json(input.pointer, value) else {
        return;
    };
    let sent: Value = serde_json::from_str(&patch.to_json(PatchVerb::default())).expect("JSON");
    let operations = sent.as_array().expect("a list of operations");
    assert!(
        operations
            .iter()
            .any(|one| one["path"] == input.pointer && one["value"] == wanted)
    );
    let _ = patch.check();
    if let Ok(record) = record {
        for profile in [Profile::Strict, Profile::Lenient] {
            let _ = (
                patch.check_for(&record, profile),
                plain.check_for(&record, profile),
            );
        }
    }
});

//! Any text in the place of a mapping file: compiled, or refused with every fault placed and its
//! cure told; a compiled one does not fail on records.
#![no_main]

use cosell_mapping::{
    Context, Record,
    rules::{Loader, Mapping, Registry, Rewrite, Schema, Source},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.toml", text);
    if let Ok(rewrite) = Rewrite::of(&source) {
        // Ends of lines of both kinds become one kind.
        let windows = text.matches("\r\n").count();
        if windows == 0 || windows == text.matches('\n').count() {
            assert_eq!(rewrite.text(), text, "what is not changed stays as it is");
        }
    }
    let faults = match Loader::default().load(&source) {
        Ok(loaded) => match Mapping::from_loaded(&loaded, &Registry::default()) {
            Ok(mapping) => {
                let _ = mapping.check(&Schema::of_referrals());
                let explained =
                    mapping.explain(&Record::default(), &Record::default(), &Context::default());
                let _ = (format!("{explained}"), mapping.guide());
                return;
            }
            Err(faults) => faults,
        },
        Err(faults) => faults,
    };
    assert!(!faults.is_empty(), "a refusal says why");
    let _ = faults.to_string();
});

//! Any template and any record: compiled or refused, and what is made of a record is bounded by
//! what went in.
#![no_main]

use arbitrary::Arbitrary;
use cosell_mapping::{
    Context, Record, Template,
    rules::{Loader, Mapping, Registry, Source},
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    template: &'a str,
    record: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let Ok(template) = input.template.parse::<Template>() else {
        return;
    };
    for path in template.paths() {
        assert!(path.to_string().parse::<cosell_mapping::Path>().is_ok());
    }
    let quoted = serde_json::Value::from(input.template).to_string();
    let text = format!(
        "{{\"name\":\"fuzz\",\"version\":\"1\",\"fields\":{{\"x\":{{\"transform\":\"text\",\
         \"direction\":\"to-crm\",\"referral\":{{\"template\":{quoted}}},\
         \"crm\":{{\"path\":\"new_x\"}}}}}}}}"
    );
    let Ok(loaded) = Loader::default().load(&Source::new("fuzz.json", text)) else {
        return;
    };
    let Ok(mapping) = Mapping::from_loaded(&loaded, &Registry::default()) else {
        return;
    };
    if let Ok(record) = serde_json::from_str::<Record>(input.record) {
        let _ = mapping
            .explain(&record, &Record::default(), &Context::default())
            .to_string();
    }
});

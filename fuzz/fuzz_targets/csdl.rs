//! Any bytes in the place of `$metadata`: a model, or a refusal that says where; every question to
//! the model ends, also to one that refers to itself.
#![no_main]

use cosell_dataverse::csdl::Csdl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|xml: &[u8]| {
    match Csdl::read(xml) {
        Err(refused) => {
            assert!(refused.at <= xml.len() as u64 && !refused.reason.is_empty());
            let _ = refused.to_string();
        }
        Ok(model) => {
            for (name, entity) in &model.entities {
                let _ = (model.key(name), model.set_of(name));
                for column in entity.properties.keys() {
                    assert!(model.property(name, column).is_some());
                    let _ = model.lookup(name, column);
                }
                for way in entity.navigations.keys() {
                    assert!(model.navigation(name, way).is_some());
                }
            }
            for operation in &model.operations {
                assert!(model.operations(&operation.name).next().is_some());
            }
        }
    }
});

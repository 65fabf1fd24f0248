//! Any answer to a batch: every change set has an outcome, and what the answer does not say is
//! not known rather than applied or refused.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use cosell_dataverse::{ChangeSet, Columns, Condition, Dataverse, Op, SetOutcome, Table};
use cosell_fuzz::{OneToken, Parrot, Still, run};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    content_type: Type<'a>,
    body: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Type<'a> {
    Plain,
    Quoted,
    Other(&'a [u8]),
}

fuzz_target!(|input: Input<'_>| {
    let content_type = match input.content_type {
        Type::Plain => &b"multipart/mixed; boundary=b"[..],
        Type::Quoted => &b"multipart/mixed; boundary=\"b\""[..],
        Type::Other(other) => other,
    };
    let service = Parrot::new(content_type, input.body);
    let environment = "https://contoso.crm4.dynamics.com"
        .parse()
        .expect("an address");
    let client = Dataverse::builder(environment, service, Arc::new(OneToken), Arc::new(Still))
        .build()
        .expect("a client");
    let opportunity = Table::OPPORTUNITY;
    let id = Uuid::from_u128(7);
    let write = |name: &str| {
        let columns = Columns::new().set("name", name);
        Op::update(&opportunity, id, columns, &Condition::MustExist)
    };
    let sets = [
        ChangeSet::new().with(write("a")).with(write("b")),
        ChangeSet::new().with(Op::create(
            &opportunity,
            Some(id),
            Columns::new().set("name", "c"),
        )),
    ];
    if let Ok(outcomes) = run(client.batch(&sets, None)) {
        assert_eq!(outcomes.len(), sets.len());
        if input.body.is_empty() {
            assert!(
                outcomes
                    .iter()
                    .all(|outcome| matches!(outcome, SetOutcome::NotKnown(_)))
            );
        }
    }
    let _ = run(client.change_set(&sets[0], None));
});

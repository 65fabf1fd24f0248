//! Any answer to a batch: every entry has an outcome, and what the answer does not say is
//! not known rather than applied or refused.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use cosell_dataverse::{
    Batch, BatchOutcome, ChangeSet, Columns, Condition, Dataverse, Op, PageOptions, Query, Table,
};
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
    let set = ChangeSet::new().with(write("a")).with(write("b"));
    let query = Query::select(["name"]);
    let batch = Batch::new()
        .with_set(set.clone())
        .with_op(Op::create(
            &opportunity,
            Some(id),
            Columns::new().set("name", "c"),
        ))
        .with_row(&opportunity, id, &query)
        .with_page(&opportunity, &query, &PageOptions::default());
    if let Ok(outcomes) = run(client.batch(&batch, None)) {
        assert_eq!(outcomes.len(), batch.len());
        if input.body.is_empty() {
            assert!(
                outcomes
                    .iter()
                    .all(|outcome| matches!(outcome, BatchOutcome::NotKnown(_)))
            );
        }
    }
    let _ = run(client.change_set(&set, None));
});

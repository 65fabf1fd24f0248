//! The parts that only meet here: the model, FetchXML, related rows, and events from registering to
//! reading, all against the double.

use cosell_dataverse::{
    Columns, Condition, Dataverse, FetchXml, Filter, LinkTo, Op, PageOptions, Query, Table,
    WriteOptions,
    event::{Event, EventValue},
    hook::{HookSecret, HookSpec, StepSpec},
};
use cosell_sandbox::dataverse::Options;
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{double::World, fake::deal};

async fn deals(client: &Dataverse, count: u128) {
    for number in 1..=count {
        let columns = Columns::new().set("name", format!("Deal {number}"));
        let op = Op::create(&Table::OPPORTUNITY, Some(Uuid::from_u128(number)), columns);
        client.run(&op, None).await.unwrap();
    }
}

#[tokio::test]
async fn the_model_and_the_definitions_tell_the_same() {
    let (_, client) = World::new(Options::default());
    let model = client.schema().csdl().await.unwrap();
    for table in ["opportunity", "account", "contact", "lead"] {
        let defined = client.schema().table(table).await.unwrap();
        assert_eq!(model.set_of(table), Some(defined.set.as_str()), "{table}");
        let key = std::slice::from_ref(&defined.key);
        assert_eq!(model.key(table), key, "{table}");
        for lookup in &defined.lookups {
            let ways = model.lookup(table, &lookup.column);
            // The model knows what several tables have in common, such as an owner.
            let target = model.entities.get(&lookup.target);
            let kind = target.and_then(|of| of.base.as_deref());
            let leads = |(name, target): &(&str, &str)| {
                *name == lookup.navigation && (*target == lookup.target || kind == Some(*target))
            };
            assert!(
                ways.iter().any(leads),
                "{table}: {lookup:?} is not among {ways:?}"
            );
        }
    }
    assert!(model.operations("WinOpportunity").next().is_some());
}

#[tokio::test]
async fn fetch_xml_finds_every_row_once() {
    let (_, client) = World::new(Options::default());
    deals(&client, 5).await;
    let query = "<fetch><entity name='opportunity'><attribute name='name'/>\
                 <attribute name='opportunityid'/><order attribute='name'/></entity></fetch>";
    let query = FetchXml::parse(query).unwrap();
    let pages = client.table(Table::OPPORTUNITY).fetch(&query, Some(2));
    let pages: Vec<_> = pages.into_stream().try_collect().await.unwrap();
    assert_eq!(pages.len(), 3);
    let names = pages.iter().flat_map(|page| &page.rows);
    let names: Vec<String> = names
        .map(|row| row.text("name").unwrap().unwrap())
        .collect();
    assert_eq!(names, ["Deal 1", "Deal 2", "Deal 3", "Deal 4", "Deal 5"]);
}

#[tokio::test]
async fn rows_are_found_by_their_lines_and_by_lists() {
    let (_, client) = World::new(Options::default());
    deals(&client, 3).await;
    let line = Columns::new()
        .bind("opportunityid", &Table::OPPORTUNITY, Uuid::from_u128(2))
        .set("isproductoverridden", true)
        .set("productdescription", "Azure migration pack")
        .set("quantity", 10)
        .set("priceperunit", Decimal::from(950));
    let op = Op::create(&Table::OPPORTUNITY_PRODUCT, None, line);
    client.run(&op, None).await.unwrap();
    let rows = client.table(Table::OPPORTUNITY);
    for (filter, found) in [
        (
            Filter::any("product_opportunities", |line| {
                Filter::gt(&line.column("quantity"), 5)
            }),
            vec!["Deal 2"],
        ),
        (
            Filter::is_in("name", ["Deal 1", "Deal 3", "O'Brien"]),
            vec!["Deal 1", "Deal 3"],
        ),
        (
            Filter::call_with("LastXDays", "createdon", 7),
            vec!["Deal 1", "Deal 2", "Deal 3"],
        ),
    ] {
        let query = Query::select(["name"])
            .with_filter(filter)
            .with_order("name", cosell_dataverse::Direction::Ascending);
        let items = rows.pages(&query, PageOptions::default()).items();
        let items: Vec<_> = items.into_stream().try_collect().await.unwrap();
        let names: Vec<_> = items
            .iter()
            .map(|row| row.text("name").unwrap().unwrap())
            .collect();
        assert_eq!(names, found);
    }
}

#[tokio::test]
async fn rows_are_linked_and_unlinked_by_collections() {
    let (_, client) = World::new(Options::default());
    deals(&client, 1).await;
    let account = Uuid::from_u128(0xa);
    let op = Op::create(
        &Table::ACCOUNT,
        Some(account),
        Columns::new().set("name", "A"),
    );
    client.run(&op, None).await.unwrap();
    let deal = Uuid::from_u128(1);
    let to = LinkTo::Row(Table::OPPORTUNITY, deal);
    let link = Op::associate(&Table::ACCOUNT, account, "opportunity_parent_account", to);
    client.run(&link, None).await.unwrap();
    let rows = client.table(Table::OPPORTUNITY);
    let query = Query::select(["_parentaccountid_value"]);
    let row = rows.read(deal, &query).await.unwrap();
    assert_eq!(row.lookup("parentaccountid").unwrap(), Some(account));
    rows.disassociate(deal, "parentaccountid", None)
        .await
        .unwrap();
    let row = rows.read(deal, &query).await.unwrap();
    assert_eq!(row.lookup("parentaccountid").unwrap(), None);
}

#[tokio::test]
async fn a_registered_event_arrives_with_its_images_and_the_tag_of_the_write() {
    let (world, client) = World::new(Options::default());
    let op = Op::create(
        &Table::OPPORTUNITY,
        Some(deal()),
        Columns::new().set("name", "Deal A"),
    );
    client.run(&op, None).await.unwrap();
    let secret = HookSecret::Header("x-hook-secret".to_owned(), "s3cr3t".to_owned().into());
    let url = "https://receiver.example/hooks".parse().unwrap();
    let spec = HookSpec::new("partner-sync", url, secret).with_step(
        StepSpec::new("opportunity", "Update")
            .with_columns(["name"])
            .with_before(["name"])
            .with_after(["name"]),
    );
    let hook = client.hook(spec);
    assert_eq!(hook.register().await.unwrap().steps.len(), 4);
    let left = hook.plan().await.unwrap();
    assert!(left.is_empty(), "{left}");

    let rows = client.table(Table::OPPORTUNITY);
    let write = |columns: Columns| {
        let options = WriteOptions::default().with_tag("partner sync & co");
        rows.update(deal(), columns, &Condition::MustExist, options)
    };
    write(Columns::new().set("closeprobability", 5))
        .await
        .unwrap();
    assert!(world.events().is_empty(), "the column is not listed");
    write(Columns::new().set("name", "Deal B")).await.unwrap();
    let [post] = &world.events()[..] else {
        panic!("one event");
    };
    assert_eq!(post.headers()["x-hook-secret"], "s3cr3t");
    let event = Event::read(post.headers(), post.body()).unwrap();
    assert_eq!(
        (event.message.as_str(), event.table.as_str()),
        ("Update", "opportunity")
    );
    assert_eq!(
        (event.id, event.tag.as_deref()),
        (deal(), Some("partner sync & co"))
    );
    let name = |text: &str| Some(EventValue::Text(text.to_owned()));
    assert_eq!(
        event.target.unwrap().column("name").cloned(),
        name("Deal B")
    );
    let image = |images: &[(String, cosell_dataverse::event::EventRow)], which: &str| {
        let found = images.iter().find(|(key, _)| key == which).unwrap();
        found.1.column("name").cloned()
    };
    assert_eq!(image(&event.before, "before"), name("Deal A"));
    assert_eq!(image(&event.after, "after"), name("Deal B"));

    hook.enable(false).await.unwrap();
    write(Columns::new().set("name", "Deal C")).await.unwrap();
    assert!(world.events().is_empty(), "switched off");
    hook.remove().await.unwrap();
}

//! Following a table through the death of its cursors.

use std::collections::{BTreeMap, BTreeSet};

use cosell_dataverse::{
    Change, ChangeFeed, Columns, Condition, Dataverse, ErrorCode, FeedPage, FeedState, PageOptions,
    Query, Table, WriteOptions, code_of,
};
use cosell_http::{Call, ErrorKind, Repeat, Sleep};
use cosell_sandbox::dataverse::Options;
use http::{HeaderValue, Method};
use uuid::Uuid;

use crate::{
    double::World,
    fake::{API, Script, json, refusal},
};

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

async fn write(client: &Dataverse, id: u128, name: &str) {
    let columns = Columns::new().set("name", name);
    client
        .table(Table::OPPORTUNITY)
        .update(
            Uuid::from_u128(id),
            columns,
            &Condition::None,
            WriteOptions::default(),
        )
        .await
        .unwrap();
}

async fn delete(client: &Dataverse, id: u128) {
    let rows = client.table(Table::OPPORTUNITY);
    let id = Uuid::from_u128(id);
    let options = WriteOptions::default();
    rows.delete(id, &Condition::None, options).await.unwrap();
}

fn feed(client: &Dataverse, state: FeedState) -> ChangeFeed {
    let options = PageOptions::default().with_size(2);
    client
        .table(Table::OPPORTUNITY)
        .feed(&["name"], options, state)
}

/// What a listener knows by following.
#[derive(Default)]
struct Mirror {
    names: BTreeMap<Uuid, String>,
    passes: usize,
}

impl Mirror {
    fn take(&mut self, page: &FeedPage) {
        self.passes += usize::from(page.begins_anew);
        for change in &page.changes {
            match change {
                Change::Row(row) => {
                    let id = row.guid("opportunityid").unwrap().unwrap();
                    let name = row.text("name").unwrap().unwrap_or_default();
                    self.names.insert(id, name);
                }
                Change::Deleted { id, .. } => {
                    self.names.remove(id);
                }
                other => panic!("{other:?}"),
            }
        }
        if let Some(whole) = &page.whole {
            let known: Vec<Uuid> = self.names.keys().copied().collect();
            for gone in whole.gone(known) {
                self.names.remove(&gone);
            }
        }
    }

    async fn follow(&mut self, feed: &mut ChangeFeed) {
        loop {
            let page = feed.next_page().await.unwrap();
            self.take(&page);
            if page.caught_up {
                return;
            }
        }
    }
}

async fn truth(client: &Dataverse) -> BTreeMap<Uuid, String> {
    let query = Query::select(["name"]);
    let rows = client.table(Table::OPPORTUNITY);
    let mut items = rows.pages(&query, PageOptions::default()).items();
    let mut truth = BTreeMap::new();
    while let Some(row) = items.next_row().await.unwrap() {
        let id = row.guid("opportunityid").unwrap().unwrap();
        truth.insert(id, row.text("name").unwrap().unwrap_or_default());
    }
    truth
}

/// The table's columns change, as provisioning changes them.
async fn add_column(client: &Dataverse, name: &str) {
    let label = |text: &str| {
        serde_json::json!({"@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
            {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033}]})
    };
    let body = serde_json::json!({
        "@odata.type": "Microsoft.Dynamics.CRM.MemoAttributeMetadata", "AttributeType": "Memo",
        "AttributeTypeName": {"Value": "MemoType"}, "SchemaName": name, "MaxLength": 100,
        "Format": "TextArea", "ImeMode": "Disabled", "RequiredLevel": {"Value": "None"},
        "DisplayName": label("New"), "Description": label("")
    });
    let target = "EntityDefinitions(LogicalName='opportunity')/Attributes";
    let call = Call::new("test.column", Method::POST, target, Repeat::Never).with_body(
        HeaderValue::from_static("application/json"),
        body.to_string(),
    );
    client.raw(call).await.unwrap();
}

#[tokio::test]
async fn nothing_is_lost_when_a_cursor_dies_of_age_or_of_a_new_column() {
    let (world, client) = World::new(Options::default());
    let mut mirror = Mirror::default();
    let mut following = feed(&client, FeedState::default());
    for id in 1..=5 {
        write(&client, id, "first").await;
    }
    mirror.follow(&mut following).await;
    assert_eq!(mirror.names, truth(&client).await);
    write(&client, 1, "second").await;
    delete(&client, 2).await;
    mirror.follow(&mut following).await;
    assert_eq!(
        (mirror.names.clone(), mirror.passes),
        (truth(&client).await, 1)
    );

    // A week and a day without a look, and a restart in between.
    let stored = serde_json::to_string(following.state()).unwrap();
    delete(&client, 3).await;
    write(&client, 4, "third").await;
    write(&client, 6, "new").await;
    world.sleep(DAY * 8).await;
    let mut following = feed(&client, serde_json::from_str(&stored).unwrap());
    mirror.follow(&mut following).await;
    assert_eq!(
        (mirror.names.clone(), mirror.passes),
        (truth(&client).await, 2)
    );

    // A new column, in the middle of a pass of several pages.
    add_column(&client, "abc_First").await;
    delete(&client, 4).await;
    let page = following.next_page().await.unwrap();
    assert!(page.begins_anew && !page.caught_up);
    mirror.take(&page);
    add_column(&client, "abc_Second").await;
    delete(&client, 5).await;
    write(&client, 7, "newer").await;
    mirror.follow(&mut following).await;
    mirror.follow(&mut following).await;
    assert_eq!(mirror.names, truth(&client).await);
}

#[tokio::test]
async fn a_pass_that_was_cut_short_is_finished_after_a_restart() {
    let (_, client) = World::new(Options::default());
    for id in 1..=5 {
        write(&client, id, "first").await;
    }
    let mut following = feed(&client, FeedState::default());
    let first = following.next_page().await.unwrap();
    assert!(first.begins_anew && first.whole.is_none());
    let stored = serde_json::to_string(&first.state).unwrap();
    let mut following = feed(&client, serde_json::from_str(&stored).unwrap());
    let rest = loop {
        let page = following.next_page().await.unwrap();
        assert!(!page.begins_anew);
        if page.caught_up {
            break page;
        }
    };
    let whole = rest.whole.unwrap();
    assert_eq!(whole.len(), 5, "the pages before the restart count");
    let stranger = Uuid::from_u128(99);
    assert_eq!(whole.gone([Uuid::from_u128(1), stranger]), [stranger]);
}

fn page(ids: &[u128], link: (&str, &str)) -> String {
    let rows: Vec<_> = ids
        .iter()
        .map(|id| serde_json::json!({"opportunityid": Uuid::from_u128(*id), "name": "A"}))
        .collect();
    serde_json::json!({"value": rows, link.0: format!("{API}opportunities?{}", link.1)}).to_string()
}

const NEXT: &str = "@odata.nextLink";
const DELTA: &str = "@odata.deltaLink";

#[tokio::test]
async fn pages_that_repeat_are_told_and_the_feed_begins_anew() {
    let (_, client) = Script::of([
        json(&page(&[1], (NEXT, "a"))),
        json(&page(&[2], (NEXT, "b"))),
        json(&page(&[1], (NEXT, "a"))),
        json(&page(&[1, 1, 2], (DELTA, "d"))),
        json(&page(&[], (DELTA, "d"))),
        json(&page(&[], (DELTA, "d"))),
    ]);
    let mut following = feed(&client, FeedState::default());
    for _ in 0..3 {
        following.next_page().await.unwrap();
    }
    let error = following.next_page().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let whole = following.next_page().await.unwrap();
    assert!(whole.begins_anew && whole.caught_up);
    assert_eq!(
        whole.whole.unwrap().len(),
        2,
        "a row that comes twice is one row"
    );
    for _ in 0..2 {
        // The same delta link again and again means that there is nothing new.
        assert!(following.next_page().await.unwrap().caught_up);
    }
}

#[tokio::test]
async fn a_table_without_tracking_is_told_before_and_while() {
    let mut options = Options::default();
    options.tracked = BTreeSet::from(["account".to_owned()]);
    let (_, client) = World::new(options);
    let untracked = client
        .schema()
        .untracked(&["account", "opportunity"])
        .await
        .unwrap();
    assert_eq!(untracked, ["opportunity"]);
    let error = feed(&client, FeedState::default())
        .next_page()
        .await
        .unwrap_err();
    assert_eq!(
        code_of(&error),
        Some(ErrorCode::ChangeTrackingNotEnabledForEntity)
    );
}

#[tokio::test]
async fn another_failure_leaves_the_state_where_it_is() {
    let (script, client) = Script::of([
        json(&page(&[1], (NEXT, "a"))),
        refusal(403, "0x80040220", "no"),
        json(&page(&[2], (DELTA, "d"))),
    ]);
    let mut following = feed(&client, FeedState::default());
    let first = following.next_page().await.unwrap();
    assert!(following.next_page().await.is_err());
    assert_eq!(following.state(), &first.state);
    assert_eq!(following.next_page().await.unwrap().whole.unwrap().len(), 2);
    assert_eq!(script.requests().len(), 3);
}

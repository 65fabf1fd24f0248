use uuid::Uuid;

use super::*;
use crate::{Native, Role};

fn record(id: &str, fields: [(&'static str, Value); 3]) -> Observed {
    Observed {
        id: RecordId::new(id),
        role: Role::Main,
        group: None,
        key: None,
        former: vec![RecordId::new("lead")],
        aliases: Vec::new(),
        version: Version::new("1"),
        stamp: None,
        life: Life::Open,
        takes_part: true,
        as_of: DateTime::UNIX_EPOCH,
        fields: fields
            .into_iter()
            .map(|(field, value)| (FieldId::from(field), value))
            .collect(),
        wishes: BTreeSet::new(),
        native: Native::none(),
    }
}

#[test]
fn what_was_left_behind_by_a_move_was_cleared_by_nobody() {
    let (notes, state) = (Value::text("notes"), Value::text("open"));
    for side in Side::BOTH {
        let mut pair = Pair::new(PairId(Uuid::nil()));
        pair.end_mut(side).id = Some(RecordId::new("lead"));
        for (field, value) in [
            ("notes", &notes),
            ("state", &state),
            ("empty", &Value::Null),
        ] {
            let images = Images {
                left: value.clone(),
                right: value.clone(),
            };
            pair.base.insert(FieldId::from(field), images);
        }
        let deal = record(
            "deal",
            [
                ("notes", Value::Null),
                ("state", Value::text("accepted")),
                ("empty", Value::Null),
            ],
        );
        assert!(pair.has_moved(side, &deal));
        pair.becomes(side, &deal);
        let kept: Vec<_> = pair.base.keys().map(FieldId::as_str).collect();
        assert_eq!(kept, ["empty", "state"], "another state is an edit");
        assert_eq!(pair.end(side).id, Some(RecordId::new("deal")));
        assert_eq!(pair.end(side).former, [RecordId::new("lead")]);

        // From now on an empty field was emptied by somebody.
        assert!(!pair.has_moved(side, &deal));
        let before = pair.clone();
        pair.becomes(side, &deal);
        assert_eq!(pair, before);
    }
}

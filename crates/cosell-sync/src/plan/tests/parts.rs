//! Parts: when one is made, why one is not, and what a part tells of the pair's fields.

use super::*;
use crate::{GroupId, Part, Refusal};

fn help() -> PartName {
    PartName::new("help")
}

/// Both ends are there, the right one asks for a part at the left one.
fn wishing() -> (Pair, Observed, Observed) {
    let mut pair = pair();
    pair.born = Some(Side::Left);
    let mut left = record("l", "r", fields(&[("text", "a")]));
    left.group = Some(GroupId::new("g"));
    let mut right = record("r", "l", fields(&[("text", "a"), ("note", "-")]));
    right.wishes.insert(help());
    (pair, left, right)
}

fn of_help(pair: &Pair, left: &Observed, right: &Observed) -> PartPlan {
    let views = (View::Present(left), View::Present(right));
    run(&seen(pair, views.0, views.1), false).parts[&help()].clone()
}

/// Why it is not made.
fn held(pair: &Pair, left: &Observed, right: &Observed) -> String {
    match of_help(pair, left, right) {
        PartPlan::Held { why } => why,
        plan => panic!("{plan:?}"),
    }
}

#[test]
fn a_part_is_made_with_what_can_go_there() {
    let (pair, left, right) = wishing();
    let PartPlan::Make { side, group, draft } = of_help(&pair, &left, &right) else {
        panic!("not made");
    };
    assert_eq!((side, group), (Side::Left, GroupId::new("g")));
    assert_eq!(draft.fields, fields(&[("text", "a")]));
    // The same with the sides swapped, where one field cannot be held.
    let (mut pair, mut left, mut right) = wishing();
    pair.born = Some(Side::Right);
    left.wishes = std::mem::take(&mut right.wishes);
    left.fields = fields(&[("text", "a"), ("barred", "b"), ("note", "abcdefgh")]);
    right.group = Some(GroupId::new("g"));
    let PartPlan::Make { side, draft, .. } = of_help(&pair, &left, &right) else {
        panic!("not made");
    };
    assert_eq!(side, Side::Right);
    assert_eq!(draft.fields, fields(&[("text", "a"), ("note", "abcde")]));
}

#[test]
fn a_wish_that_is_not_acted_on_says_why() {
    let (pair, left, mut right) = wishing();
    right.life = Life::Closed;
    assert!(held(&pair, &left, &right).contains("closed"));

    let (mut pair, left, right) = wishing();
    pair.born = None;
    assert!(held(&pair, &left, &right).contains("before this pair began"));
    pair.wishes = Some(BTreeSet::from([help()]));
    assert!(held(&pair, &left, &right).contains("before this pair began"));
    pair.wishes = Some(BTreeSet::new());
    assert!(
        matches!(of_help(&pair, &left, &right), PartPlan::Make { .. }),
        "wished for since"
    );

    let (pair, mut left, right) = wishing();
    left.group = None;
    assert!(held(&pair, &left, &right).contains("no group yet"));
}

#[test]
fn a_refused_part_is_asked_for_again_when_an_end_moves() {
    let (mut pair, left, mut right) = wishing();
    let refusal = Refusal {
        cause: "no such area".to_owned(),
        since: now(),
        left: Some(left.version.clone()),
        right: Some(right.version.clone()),
    };
    let part = Part {
        refusal: Some(refusal),
        ..Part::new(Side::Left)
    };
    pair.parts.insert(help(), part);
    assert_eq!(held(&pair, &left, &right), "no such area");
    right.version = Version::new("2");
    assert!(matches!(
        of_help(&pair, &left, &right),
        PartPlan::Make { .. }
    ));
}

/// A pair whose part on the left supplies a field.
fn supplied(field: &'static str, by_part: &str, base: Option<(&str, &str)>) -> Pair {
    let mut pair = pair();
    let part = Part {
        id: Some(RecordId::new("p")),
        fields: fields(&[(field, by_part)]),
        ..Part::new(Side::Left)
    };
    pair.parts.insert(help(), part);
    if let Some((left, right)) = base {
        let images = Images {
            left: Value::text(left),
            right: Value::text(right),
        };
        pair.base.insert(field.into(), images);
    }
    pair
}

#[test]
fn what_a_part_tells_flows_one_way() {
    for (field, by_part, base, right, expected) in [
        ("text", "new", Some(("old", "old")), "old", "right := new"),
        ("text", "told", Some(("told", "other")), "other", "agree"),
        (
            "text",
            "told",
            Some(("told", "told")),
            "mine",
            "hold cannot",
        ),
        ("note", "abcdefgh", None, "abcde", "agree"),
        (
            "text",
            "new",
            Some(("old", "old")),
            "mine",
            "right := new, conflict",
        ),
        ("text", "new", None, "mine", "right := new, conflict"),
        ("text", "new", None, "-", "right := new"),
        ("barred", "new", Some(("old", "old")), "old", "hold cannot"),
    ] {
        let pair = supplied(field, by_part, base);
        let left = record("l", "r", BTreeMap::new());
        let right = record("r", "l", fields(&[(field, right)]));
        let views = (View::Present(&left), View::Present(&right));
        let plan = run(&seen(&pair, views.0, views.1), false);
        let words = in_words(&plan, &field.into());
        assert_eq!(words, expected, "{field} {by_part} over {base:?}");
    }
}

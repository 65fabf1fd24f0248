//! What the case table of the planner does not reach.

use std::{collections::BTreeSet, time::Duration};

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn images() -> Images {
    Images {
        left: Value::text("base"),
        right: Value::text("base"),
    }
}

#[test]
fn the_first_meeting_may_have_a_policy_of_its_own() {
    let (a, b, none) = (Value::text("a"), Value::text("b"), Value::Null);
    let policy = FieldPolicy::hold().with_first_meeting(FieldPolicy::wins(Side::Right));
    let field = FieldId::from("x");
    let first = policy.decide(&field, Three::new(None, (&a, at(0)), (&none, at(0))));
    assert_eq!(
        first,
        Ruling::new(Rule::Wins(Side::Right), Verdict::Keep(Side::Right))
    );
    let base = images();
    let later = policy.decide(&field, Three::new(Some(&base), (&a, at(0)), (&b, at(0))));
    assert_eq!(later.rule, Rule::Hold);
}

#[test]
fn times_within_the_tolerance_are_the_same_time() {
    let (a, b) = (Value::text("a"), Value::text("b"));
    let policy = FieldPolicy::newest(Duration::from_secs(5));
    let base = images();
    let decide = |left, right| {
        let three = Three::new(Some(&base), (&a, at(left)), (&b, at(right)));
        policy.decide(&FieldId::from("x"), three).verdict
    };
    assert!(matches!(decide(5, 0), Verdict::Hold(_)));
    assert_eq!(decide(6, 0), Verdict::Keep(Side::Left));
    assert_eq!(decide(0, 6), Verdict::Keep(Side::Right));
}

#[test]
fn a_text_without_end_is_not_merged() {
    let long: String = "line\n".repeat(3_000);
    let base = Images {
        left: Value::text(long.clone()),
        right: Value::text(long.clone()),
    };
    let (a, b) = (
        Value::text(format!("a{long}")),
        Value::text(format!("{long}b")),
    );
    let three = Three::new(Some(&base), (&a, at(0)), (&b, at(0)));
    let verdict = FieldPolicy::lines()
        .decide(&FieldId::from("x"), three)
        .verdict;
    assert!(matches!(verdict, Verdict::Hold(why) if why.contains("too long")));
}

#[test]
fn rules_are_told_in_words() {
    for (rule, words) in [
        (Rule::Wins(Side::Left), "the left side wins"),
        (Rule::Led(Side::Right), "the right side leads"),
        (Rule::Own("contoso".to_owned()), "contoso"),
    ] {
        assert_eq!(rule.to_string(), words);
    }
}

#[test]
fn every_rule_is_told_in_words_of_its_own_and_has_a_mirror() {
    let rules = [
        Rule::Wins(Side::Left),
        Rule::Wins(Side::Right),
        Rule::Newest,
        Rule::Hold,
        Rule::Sets,
        Rule::Lines,
        Rule::Switch,
        Rule::Led(Side::Left),
        Rule::Led(Side::Right),
        Rule::Something,
        Rule::Person,
        Rule::Own("ours".to_owned()),
    ];
    let words: BTreeSet<String> = rules.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), rules.len());
    for rule in rules {
        let mirror = rule.clone().mirrored();
        assert_eq!(mirror.clone().mirrored(), rule);
        let swapped = rule
            .to_string()
            .replace("left", "LEFT")
            .replace("right", "left")
            .replace("LEFT", "right");
        assert_eq!(mirror.to_string(), swapped);
    }
    let policy = FieldPolicy::lines();
    assert!(format!("{policy:?}").contains(&Rule::Lines.to_string()));
}

use super::*;

#[test]
fn the_shipped_rules_stand_together() {
    let rules = FieldSet::default_connector().iter().cloned().collect();
    assert_eq!(FieldSet::new(rules), Ok(FieldSet::default_connector()));
}

#[test]
fn rules_that_cannot_stand_together_are_all_told() {
    let text = |kind, path| LensSpec::new(kind, Shape::Text(TextShape::new(Path::known(path))));
    let rule = |field: &str, place| {
        FieldRule::new(
            field.into(),
            text(RecordKind::Referral, place),
            text(RecordKind::Row, place),
        )
    };
    let mut swapped = rule("c", "z");
    swapped.row = swapped.referral.clone();
    let faults = FieldSet::new(vec![
        rule("a", "x"),
        rule("b", "x/y"),
        rule("a", "w"),
        swapped,
    ])
    .unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "fields a and b both write x: let one of them go",
            "fields a and b both write x: let one of them go",
            "field a has two rules: remove one",
            "field c: a lens for the other record stands under Row: swap them",
        ]
    );
}

#[test]
fn authority_names_who_may_be_written() {
    assert!(Authority::Shared.may_write(RecordKind::Row));
    assert!(Authority::Referral.may_write(RecordKind::Row));
    assert!(!Authority::Referral.may_write(RecordKind::Referral));
    assert!(!Authority::Row.may_write(RecordKind::Row));
}

#[test]
fn an_unknown_field_has_no_place() {
    let settled = FieldSet::default_connector().settle(
        RecordKind::Row,
        &"colour".into(),
        &Value::Null,
        None,
        &Context::default(),
    );
    assert!(matches!(settled, Settled::Cannot(reason) if reason.code == ReasonCode::Unmappable));
}

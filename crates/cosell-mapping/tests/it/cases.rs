//! Name, value, close date, description, customer: what is read, what fits, what is written.

use cosell_mapping::{Context, DateZone, FieldSet, Loss, ReasonCode, Settled, Value, field, tick};

use crate::support::{
    REFERRAL, ROW, becomes, cannot, cx, date, get, money, put, record, referral, row, settle, with,
};

#[test]
fn both_samples_read_the_same() {
    let fields = FieldSet::default_connector();
    let left = fields.snapshot(REFERRAL, &referral(), &cx()).unwrap();
    let right = fields.snapshot(ROW, &row(), &cx()).unwrap();
    assert_eq!(left, right);
    assert_eq!(left[&field::NAME], Value::text("Fabrikam & Sons"));
    assert_eq!(left[&field::VALUE], money("84000", "EUR"));
    assert_eq!(left[&field::CLOSE_DATE], date("2026-09-30"));
    assert_eq!(left[&field::DESCRIPTION], Value::text("line one\nline two"));
    assert_eq!(
        left[&field::CUSTOMER].to_string(),
        "Leeds, GB, 12 Harbour Road, Fabrikam Works Ltd, LS1 4AB"
    );
}

#[test]
fn all_faults_of_a_record_are_told_at_once() {
    let broken = record(
        r#"{"name":7,"status":"New","details":{"dealValue":"much","closingDateTime":"soon"}}"#,
    );
    let faults = FieldSet::default_connector()
        .snapshot(REFERRAL, &broken, &cx())
        .unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "details/closingDateTime: expected a date or a moment, found text that is not one",
            "name: expected text, found a number that is not one",
            "details/dealValue: expected a number of at most 28 digits, found text that is not one",
        ]
    );
}

// R91
#[test]
fn a_name_keeps_its_tick_and_leaves_room_for_one() {
    let new = Value::text("New name");
    assert_eq!(
        put(ROW, &field::NAME, &new, Some(&row())),
        [r#"name = "✔ New name""#]
    );
    assert_eq!(put(ROW, &field::NAME, &new, None), [r#"name = "New name""#]);

    let long = Value::text("x".repeat(400));
    let Settled::Becomes { value, loss } = settle(ROW, &field::NAME, &long, Some(&row())) else {
        panic!("400 units cannot fit");
    };
    assert_eq!(
        (value, loss),
        (Value::text("x".repeat(298)), Loss::Shortened)
    );
    assert_eq!(
        tick::add(&"x".repeat(298), true, 300)
            .encode_utf16()
            .count(),
        300
    );
}

#[test]
fn a_name_reaches_a_referral_at_creation_only() {
    let new = Value::text("New name");
    assert_eq!(settle(REFERRAL, &field::NAME, &new, None), Settled::Fits);
    let later = settle(REFERRAL, &field::NAME, &new, Some(&referral()));
    assert_eq!(cannot(&later), Some(ReasonCode::NotWritable));
    let same = Value::text("Fabrikam & Sons");
    assert_eq!(
        settle(REFERRAL, &field::NAME, &same, Some(&referral())),
        Settled::Fits
    );

    let proven = cx().with_patchable("name".parse().unwrap());
    let fields = FieldSet::default_connector();
    let settled = fields.settle(REFERRAL, &field::NAME, &new, Some(&referral()), &proven);
    assert_eq!(settled, Settled::Fits);
    let missing = settle(REFERRAL, &field::NAME, &Value::Null, None);
    assert_eq!(cannot(&missing), Some(ReasonCode::Invalid));
}

// R95
#[test]
fn an_amount_and_its_currency_are_one_value() {
    let value = money("91000.5", "EUR");
    assert_eq!(
        put(REFERRAL, &field::VALUE, &value, Some(&referral())),
        ["details/dealValue = 91000.5", r#"details/currency = "EUR""#]
    );
    assert_eq!(
        put(ROW, &field::VALUE, &value, Some(&row())),
        [
            "estimatedvalue = 91000.5",
            "isrevenuesystemcalculated = false"
        ]
    );
    assert_eq!(
        put(ROW, &field::VALUE, &money("7", "JPY"), Some(&row())),
        [
            "estimatedvalue = 7",
            r#"transactioncurrencyid@odata.bind = "/transactioncurrencies(E0000000-0000-0000-0000-00000000000A)""#,
            "isrevenuesystemcalculated = false",
        ]
    );
    // Ids are compared without regard to case: services print them either way.
    let yen = with(
        row(),
        "_transactioncurrencyid_value",
        r#""e0000000-0000-0000-0000-00000000000a""#,
    );
    assert_eq!(
        put(ROW, &field::VALUE, &money("7", "JPY"), Some(&yen)),
        ["estimatedvalue = 7", "isrevenuesystemcalculated = false"]
    );
    let same = money("84000.0000", "EUR");
    assert!(put(ROW, &field::VALUE, &same, Some(&row())).is_empty());
}

#[test]
fn an_amount_is_rounded_to_its_currency() {
    for (wanted, held) in [
        (money("84000.555", "EUR"), money("84000.56", "EUR")),
        (money("-0.005", "EUR"), money("-0.01", "EUR")),
        (money("10.5", "JPY"), money("11", "JPY")),
        (money("1.0005", "KWD"), money("1.001", "KWD")),
    ] {
        let settled = settle(ROW, &field::VALUE, &wanted, Some(&row()));
        assert_eq!(settled, becomes(held, Loss::Rounded), "{wanted}");
    }
    let exact = money("922337203685.4775", "EUR");
    assert_eq!(settle(REFERRAL, &field::VALUE, &exact, None), Settled::Fits);
}

#[test]
fn amounts_without_a_counterpart_are_held() {
    let at =
        |kind, value: &Value, record| cannot(&settle(kind, &field::VALUE, value, Some(record)));
    let (referral, row) = (&referral(), &row());
    assert_eq!(
        at(ROW, &money("1", "USD"), row),
        Some(ReasonCode::Unmappable)
    );
    assert_eq!(
        at(ROW, &money("1000000000001", "EUR"), row),
        Some(ReasonCode::Invalid)
    );
    assert_eq!(
        at(REFERRAL, &money("-1", "EUR"), referral),
        Some(ReasonCode::Invalid)
    );
    assert_eq!(
        at(REFERRAL, &money("1", "Euro"), referral),
        Some(ReasonCode::Unmappable)
    );

    let unknown = with(
        row.clone(),
        "_transactioncurrencyid_value",
        r#""elsewhere""#,
    );
    let amount = get(ROW, &field::VALUE, &unknown);
    assert!(matches!(amount, Value::Number(_)));
    assert_eq!(
        at(REFERRAL, &amount, referral),
        Some(ReasonCode::Unmappable)
    );

    let computed = with(row.clone(), "isrevenuesystemcalculated", "true");
    assert_eq!(
        at(ROW, &money("1", "EUR"), &computed),
        Some(ReasonCode::Computed)
    );
    assert_eq!(at(ROW, &money("84000", "EUR"), &computed), None);
}

// R98
#[test]
fn nothing_and_zero_never_go_over_a_present_amount() {
    for empty in [Value::Null, money("0", "EUR"), money("0.00", "USD")] {
        for (kind, record) in [(REFERRAL, referral()), (ROW, row())] {
            let settled = settle(kind, &field::VALUE, &empty, Some(&record));
            assert_eq!(
                cannot(&settled),
                Some(ReasonCode::CannotClear),
                "{kind:?} {empty}"
            );
        }
        let bare = with(referral(), "details", "{}");
        assert_eq!(put(REFERRAL, &field::VALUE, &empty, Some(&bare)), [""; 0]);
        assert_eq!(put(REFERRAL, &field::VALUE, &empty, None), [""; 0]);
    }
    let proven = cx().with_clearable("details/dealValue".parse().unwrap());
    let settled = FieldSet::default_connector().settle(
        REFERRAL,
        &field::VALUE,
        &Value::Null,
        Some(&referral()),
        &proven,
    );
    assert_eq!(settled, Settled::Fits);
}

// R99
#[test]
fn a_date_crosses_as_utc_and_the_same_date_keeps_its_moment() {
    let new = date("2026-10-01");
    assert_eq!(
        put(REFERRAL, &field::CLOSE_DATE, &new, Some(&referral())),
        [r#"details/closingDateTime = "2026-10-01T00:00:00Z""#]
    );
    assert_eq!(
        put(ROW, &field::CLOSE_DATE, &new, Some(&row())),
        [r#"estimatedclosedate = "2026-10-01""#]
    );
    let same = date("2026-09-30");
    assert!(put(REFERRAL, &field::CLOSE_DATE, &same, Some(&referral())).is_empty());

    // The sample's moment is 22:15 UTC: already the next day two hours east.
    let east = Context::default().with_zone(DateZone::east_of_utc(120).unwrap());
    let seen = FieldSet::default_connector()
        .snapshot(REFERRAL, &referral(), &east)
        .unwrap();
    assert_eq!(seen[&field::CLOSE_DATE], date("2026-10-01"));
}

#[test]
fn dates_are_read_in_every_spelling() {
    for (json, wanted) in [
        (r#""2026-09-30""#, date("2026-09-30")),
        (r#""2026-09-30T00:00:00""#, date("2026-09-30")),
        (r#""2026-09-30T23:30:00-02:00""#, date("2026-10-01")),
        (r#""0001-01-01T00:00:00Z""#, date("0001-01-01")),
        (r#""""#, Value::Null),
        ("null", Value::Null),
    ] {
        let record = with(referral(), "details/closingDateTime", json);
        assert_eq!(get(REFERRAL, &field::CLOSE_DATE, &record), wanted, "{json}");
    }
}

#[test]
fn dates_that_a_side_does_not_take_are_held() {
    let old = settle(ROW, &field::CLOSE_DATE, &date("0001-01-01"), Some(&row()));
    assert_eq!(cannot(&old), Some(ReasonCode::Invalid));
    let cleared = settle(
        REFERRAL,
        &field::CLOSE_DATE,
        &Value::Null,
        Some(&referral()),
    );
    assert_eq!(cannot(&cleared), Some(ReasonCode::CannotClear));
    assert_eq!(
        settle(ROW, &field::CLOSE_DATE, &Value::Null, Some(&row())),
        Settled::Fits
    );
}

#[test]
fn long_notes_are_shortened_in_the_crm_only() {
    let long = Value::text("é😀".repeat(1000));
    assert_eq!(
        settle(REFERRAL, &field::DESCRIPTION, &long, Some(&referral())),
        Settled::Fits
    );
    let Settled::Becomes {
        value: Value::Text(held),
        loss,
    } = settle(ROW, &field::DESCRIPTION, &long, Some(&row()))
    else {
        panic!("3000 units cannot fit");
    };
    assert_eq!(loss, Loss::Shortened);
    assert_eq!(
        held.encode_utf16().count(),
        1999,
        "a character is never split"
    );

    let short = cx().with_text_limit("description".parse().unwrap(), 5);
    let settled = FieldSet::default_connector().settle(
        ROW,
        &field::DESCRIPTION,
        &Value::text("long text"),
        Some(&row()),
        &short,
    );
    assert_eq!(settled, becomes(Value::text("long "), Loss::Shortened));
}

#[test]
fn literal_entities_in_the_crm_do_not_come_back_changed() {
    let typed = Value::text("use &lt;b&gt; tags");
    let plain = Value::text("use <b> tags");
    assert_eq!(
        settle(REFERRAL, &field::DESCRIPTION, &typed, Some(&referral())),
        becomes(plain.clone(), Loss::Rounded)
    );
    // The referral then holds the plain text, and the typed one agrees with it: no write back.
    let held = with(referral(), "details/notes", r#""use &lt;b&gt; tags""#);
    assert_eq!(get(REFERRAL, &field::DESCRIPTION, &held), plain);
    assert!(put(REFERRAL, &field::DESCRIPTION, &typed, Some(&held)).is_empty());
}

#[test]
fn notes_are_not_emptied_in_a_referral() {
    let cleared = settle(
        REFERRAL,
        &field::DESCRIPTION,
        &Value::Null,
        Some(&referral()),
    );
    assert_eq!(cannot(&cleared), Some(ReasonCode::CannotClear));
    assert_eq!(
        put(ROW, &field::DESCRIPTION, &Value::Null, Some(&row())),
        ["description = null"]
    );
}

#[test]
fn a_customer_is_written_at_creation_only() {
    let customer = get(ROW, &field::CUSTOMER, &row());
    assert_eq!(
        put(REFERRAL, &field::CUSTOMER, &customer, None),
        [
            r#"customerProfile/name = "Fabrikam Works Ltd""#,
            r#"customerProfile/address/addressLine1 = "12 Harbour Road""#,
            r#"customerProfile/address/city = "Leeds""#,
            r#"customerProfile/address/postalCode = "LS1 4AB""#,
            r#"customerProfile/address/country = "GB""#,
        ]
    );
    let renamed = with(row(), "parentaccountid/name", r#""Fabrikam plc""#);
    let renamed = get(ROW, &field::CUSTOMER, &renamed);
    let settled = settle(REFERRAL, &field::CUSTOMER, &renamed, Some(&referral()));
    assert_eq!(cannot(&settled), Some(ReasonCode::Frozen));
    let settled = settle(ROW, &field::CUSTOMER, &renamed, Some(&row()));
    assert_eq!(cannot(&settled), Some(ReasonCode::NotWritable));
    assert_eq!(
        settle(ROW, &field::CUSTOMER, &customer, Some(&row())),
        Settled::Fits
    );
}

#[test]
fn blanks_round_a_customers_texts_do_not_count() {
    let padded = with(row(), "parentaccountid/address1_city", r#"" Leeds ""#);
    assert_eq!(
        get(ROW, &field::CUSTOMER, &padded),
        get(ROW, &field::CUSTOMER, &row())
    );

    // The cut falls behind a blank, which would not be read back.
    let name = format!("{} {}", "x".repeat(159), "y".repeat(9));
    let wanted = with(referral(), "customerProfile/name", &format!("{name:?}"));
    let wanted = get(REFERRAL, &field::CUSTOMER, &wanted);
    let Settled::Becomes {
        value: Value::Parts(parts),
        loss,
    } = settle(ROW, &field::CUSTOMER, &wanted, None)
    else {
        panic!("169 units cannot fit");
    };
    assert_eq!(parts["name"], Value::text("x".repeat(159)));
    assert_eq!(loss, Loss::Shortened);
}

#[test]
fn a_new_referral_needs_a_customer_with_a_two_letter_country() {
    for (path, json) in [
        ("parentaccountid", "null"),
        ("parentaccountid/name", "null"),
        ("parentaccountid/address1_country", r#""Germany""#),
    ] {
        let customer = get(ROW, &field::CUSTOMER, &with(row(), path, json));
        let settled = settle(REFERRAL, &field::CUSTOMER, &customer, None);
        assert_eq!(cannot(&settled), Some(ReasonCode::Invalid), "{path}");
    }
}

// R114
#[test]
fn a_closed_referral_takes_nothing_but_what_it_holds() {
    let closed = with(
        with(referral(), "status", r#""Closed""#),
        "substatus",
        r#""Won""#,
    );
    let changed = [
        (field::NAME, Value::text("x")),
        (field::VALUE, money("1", "EUR")),
        (field::CLOSE_DATE, date("2027-01-01")),
        (field::DESCRIPTION, Value::text("x")),
        (field::DEAL_STATE, Value::Choice("lost".into())),
        (field::CUSTOMER, Value::Null),
    ];
    for (field, value) in changed {
        let settled = settle(REFERRAL, &field, &value, Some(&closed));
        assert_eq!(cannot(&settled), Some(ReasonCode::Closed), "{field}");
        let held = get(REFERRAL, &field, &closed);
        assert_eq!(
            settle(REFERRAL, &field, &held, Some(&closed)),
            Settled::Fits,
            "{field}"
        );
    }
}

#[test]
fn a_closed_row_is_written_unless_the_organization_forbids_it() {
    let won = with(with(row(), "statecode", "1"), "statuscode", "3");
    let value = money("1", "EUR");
    assert_eq!(
        settle(ROW, &field::VALUE, &value, Some(&won)),
        Settled::Fits
    );
    let frozen = cx().with_closed_rows_frozen(true);
    let settled =
        FieldSet::default_connector().settle(ROW, &field::VALUE, &value, Some(&won), &frozen);
    assert_eq!(cannot(&settled), Some(ReasonCode::Closed));
}

#[test]
fn refusals_of_several_fields_are_told_together() {
    let wanted = [
        (field::NAME, Value::text("x")),
        (field::DESCRIPTION, Value::Null),
    ];
    let refusals = FieldSet::default_connector()
        .put(
            REFERRAL,
            wanted.iter().map(|(f, v)| (f, v)),
            Some(&referral()),
            &cx(),
        )
        .unwrap_err();
    let fields: Vec<&str> = refusals
        .iter()
        .map(|refusal| refusal.field.as_str())
        .collect();
    assert_eq!(fields, ["name", "description"]);
}

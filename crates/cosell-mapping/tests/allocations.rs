//! What reading and settling a field takes from the allocator, counted.

use allocation_counter::measure;
use cosell_mapping::{Context, Currencies, Lens, Record, RecordKind, rules::Mapping};

fn record(json: &str) -> Record {
    serde_json::from_str(json).expect("a sample is an object")
}

fn samples() -> (Record, Record, Context) {
    let referral = record(
        r#"{"id":"b7a1f0d3","name":"Fabrikam Sons","status":"Active","substatus":"Accepted",
        "referralProgram":"Partner Led","trackingInfo":{"microsoftMsxId":"7-1AB2"},
        "team":[{"firstName":"Ana","lastName":"Fischer","email":"ana@fabrikam.example","phoneNumber":"1"}],
        "consent":{"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
        "inviteContext":{"notes":"n","assistanceRequestCode":"GeneralOrOther"},
        "details":{"notes":"line one","dealValue":84000,"currency":"EUR",
        "closingDateTime":"2026-09-30T00:00:00Z","requirements":{"solutions":[{"id":"SOL-15974-MQF"}]}},
        "customerProfile":{"name":"Fabrikam Works Ltd","address":{"addressLine1":"12 Harbour Road",
        "city":"Leeds","postalCode":"LS1 4AB","country":"GB"}}}"#,
    );
    let row = record(
        r#"{"name":"Fabrikam Sons","statecode":0,"statuscode":1,"description":"line one",
        "estimatedvalue":84000,"_transactioncurrencyid_value":"c1","isrevenuesystemcalculated":false,
        "msft_microsoftpartnercenterreferralvisible":true,"msft_microsoftpartnercenterhelp":5,
        "msft_microsoftpartnercenterreferralprogram":"Partner Led","msft_microsoftcrmidentifier":"7-1AB2",
        "msft_microsoftpartnercentersolutions":"SOL-15974-MQF","estimatedclosedate":"2026-09-30",
        "owninguser":{"internalemailaddress":"ana@fabrikam.example","firstname":"Ana","lastname":"Fischer","mobilephone":"1"},
        "parentaccountid":{"name":"Fabrikam Works Ltd","address1_line1":"12 Harbour Road",
        "address1_city":"Leeds","address1_postalcode":"LS1 4AB","address1_country":"GB"}}"#,
    );
    let help = "msft_microsoftpartnercenterhelp".parse().expect("a path");
    let cx = Context::default()
        .with_currencies(Currencies::default().with("EUR", "c1", 2))
        .with_choice(help, 5, "General or Other");
    (referral, row, cx)
}

/// An unchanged field costs the texts of its value and little more, whatever stands around them:
/// a flag costs nothing, a text at one place a few copies of itself.
#[test]
fn an_unchanged_field_takes_little_more_than_its_value() {
    let mapping = Mapping::connector();
    let (referral, row, cx) = samples();
    let mut report = String::new();
    let mut most = Vec::new();
    for rule in mapping.fields().iter() {
        let count = |kind: RecordKind, record: &Record| {
            let lens = rule.lens(kind);
            let held = lens.get(record, &cx).expect("readable");
            let read = measure(|| drop(lens.get(record, &cx))).count_total;
            let settled = measure(|| drop(lens.settle(&held, Some(record), &cx))).count_total;
            (read, settled)
        };
        let (left, right) = (
            count(RecordKind::Referral, &referral),
            count(RecordKind::Row, &row),
        );
        report += &format!("{}: {left:?} {right:?}\n", rule.field);
        most.push((rule.field.to_string(), left.1.max(right.1)));
    }
    println!("field: (read, settled) in the referral, in the row\n{report}");
    let of = |field: &str| most.iter().find(|(name, _)| name == field).map(|(_, n)| *n);
    assert_eq!(of("visible"), Some(0), "{report}");
    for plain in ["name", "description", "program", "close_date"] {
        assert!(
            of(plain).is_some_and(|count| count <= 4),
            "{plain}\n{report}"
        );
    }
}

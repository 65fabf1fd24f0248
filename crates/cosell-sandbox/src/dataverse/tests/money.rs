use super::*;
use crate::dataverse::Column;

/// The digits of a member, as they stand in the text.
fn digits(answer: &Answer, member: &str) -> String {
    let (_, rest) = answer.text.split_once(&format!("\"{member}\":")).unwrap();
    rest.split([',', '}']).next().unwrap().to_owned()
}

#[test]
fn amounts_come_back_with_four_decimals_and_every_digit() {
    let options =
        Options::default().with_column("opportunity", Column::precise_money("abc_volume"));
    let mut sandbox = with_deal(options);
    for (sent, kept) in [
        ("922337203685477.5807", "922337203685477.5807"),
        ("-922337203685477.5807", "-922337203685477.5807"),
        ("0.1", "0.1000"),
        ("1.00005", "1.0001"),
        ("1e3", "1000.0000"),
    ] {
        sandbox
            .patch(&deal(), &format!(r#"{{"abc_volume":{sent}}}"#))
            .expect(204);
        let row = sandbox.get(&format!("{}?$select=abc_volume,abc_volume_base", deal()));
        assert_eq!(digits(&row, "abc_volume"), kept);
        assert_eq!(digits(&row, "abc_volume_base"), kept);
    }
    assert_eq!(
        digits(&sandbox.get(&deal()), "estimatedvalue"),
        "125000.0000"
    );
    sandbox
        .patch(&deal(), r#"{"abc_volume":922337203685477.5808}"#)
        .refused(400, "0x80044330");
    sandbox
        .patch(&deal(), r#"{"estimatedvalue":1000000000000.01}"#)
        .refused(400, "0x80044330");
    sandbox
        .patch(&deal(), r#"{"estimatedvalue":"12"}"#)
        .refused(400, "0x80048d19");
}

#[test]
fn the_currency_decides_precision_and_base_value() {
    let mut sandbox = with_deal(Options::default());
    let write = |sandbox: &mut Sandbox, iso: &str, amount: &str| {
        let currency = sandbox.environment.currency(iso).unwrap();
        let body = format!(
            r#"{{"estimatedvalue":{amount},"transactioncurrencyid@odata.bind":"/transactioncurrencies({currency})"}}"#
        );
        sandbox.patch(&deal(), &body).expect(204);
        let row = sandbox.get(&deal());
        ["estimatedvalue", "estimatedvalue_base"].map(|name| digits(&row, name))
    };
    assert_eq!(
        write(&mut sandbox, "EUR", "84000.555"),
        ["84000.5600", "84000.5600"]
    );
    assert_eq!(
        write(&mut sandbox, "USD", "108.00"),
        ["108.0000", "100.0000"]
    );
    assert_eq!(
        write(&mut sandbox, "JPY", "1000.5"),
        ["1001.0000", "6.1600"]
    );
}

#[test]
fn selecting_money_brings_the_currency_and_a_row_without_one_gets_the_base() {
    let mut sandbox = with_deal(Options::default());
    let row = sandbox
        .get(&format!("{}?$select=estimatedvalue", deal()))
        .json();
    let euro = sandbox.environment.currency("EUR").unwrap().to_string();
    assert_eq!(row["_transactioncurrencyid_value"], euro);
    sandbox
        .patch(&deal(), r#"{"transactioncurrencyid@odata.bind":null}"#)
        .refused(400, "0x80048cfb");
    let nothing = "/transactioncurrencies(00000000-0000-4000-8000-0000000000aa)";
    sandbox
        .patch(
            &deal(),
            &format!(r#"{{"transactioncurrencyid@odata.bind":"{nothing}"}}"#),
        )
        .refused(404, "0x80040217");
}

#[test]
fn a_calculated_revenue_undoes_what_was_written() {
    let mut sandbox = with_deal(Options::default());
    sandbox
        .patch(&deal(), r#"{"isrevenuesystemcalculated":true}"#)
        .expect(204);
    sandbox
        .patch(&deal(), r#"{"estimatedvalue":5}"#)
        .expect(204);
    assert_eq!(digits(&sandbox.get(&deal()), "estimatedvalue"), "0.0000");
    let both = r#"{"estimatedvalue":5,"isrevenuesystemcalculated":false}"#;
    sandbox.patch(&deal(), both).expect(204);
    assert_eq!(digits(&sandbox.get(&deal()), "estimatedvalue"), "5.0000");
}

#[test]
fn a_date_has_no_time() {
    let mut sandbox = with_deal(Options::default());
    sandbox
        .patch(&deal(), r#"{"estimatedclosedate":"2025-06-30"}"#)
        .expect(204);
    assert_eq!(
        sandbox.get(&deal()).json()["estimatedclosedate"],
        "2025-06-30"
    );
    for wrong in [
        "2025-06-30T00:00:00Z",
        "2025-06-31",
        "30.06.2025",
        "2025-6-30",
    ] {
        sandbox
            .patch(&deal(), &format!(r#"{{"estimatedclosedate":"{wrong}"}}"#))
            .refused(400, "0x80048d19");
    }
    sandbox
        .patch(&deal(), r#"{"estimatedclosedate":"1752-12-31"}"#)
        .refused(400, "0x80040239");
    let moment = r#"{"lastonholdtime":"2025-03-04T11:15:42.9+02:00"}"#;
    sandbox.patch(&deal(), moment).expect(204);
    assert_eq!(
        sandbox.get(&deal()).json()["lastonholdtime"],
        "2025-03-04T09:15:42Z"
    );
    let both = r#"{"lastonholdtime":"2025-03-04T11:15:42+02:00Z"}"#;
    sandbox.patch(&deal(), both).refused(400, "0x80048d19");
}

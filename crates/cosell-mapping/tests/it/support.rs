//! Records, contexts and short words for what a settlement says.

use cosell_mapping::{
    Context, Currencies, FieldId, FieldSet, Loss, ReasonCode, Record, RecordKind, Settled, Value,
    apply,
};
use rust_decimal::Decimal;

pub(crate) const REFERRAL: RecordKind = RecordKind::Referral;
pub(crate) const ROW: RecordKind = RecordKind::Row;

pub(crate) fn record(json: &str) -> Record {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn cx() -> Context {
    Context::default().with_currencies(
        Currencies::default()
            .with("EUR", "e0000000-0000-0000-0000-000000000001", 2)
            .with("JPY", "E0000000-0000-0000-0000-00000000000A", 0)
            .with("KWD", "e0000000-0000-0000-0000-000000000003", 3),
    )
}

pub(crate) fn referral() -> Record {
    record(
        r#"{"id":"b7a1f0d3","name":"Fabrikam &amp; Sons","status":"Active","substatus":"Accepted",
        "future":{"z":1.50,"a":[]},"details":{"notes":"line one\r\nline two","odd":922337203685477.5807,
        "dealValue":84000.0,"currency":"EUR","closingDateTime":"2026-09-30T22:15:00.1234567Z"},
        "customerProfile":{"name":"Fabrikam Works Ltd","size":null,"address":{"addressLine1":"12 Harbour Road",
        "addressLine2":null,"city":"Leeds","state":"","postalCode":"LS1 4AB","country":"gb"}}}"#,
    )
}

pub(crate) fn row() -> Record {
    record(
        r#"{"opportunityid":"7c1f0a52","name":"✔ Fabrikam & Sons","statecode":0,"statuscode":1,
        "new_custom":1.50,"description":"line one\r\nline two","estimatedvalue":84000.0000,
        "_transactioncurrencyid_value":"e0000000-0000-0000-0000-000000000001","isrevenuesystemcalculated":false,
        "estimatedclosedate":"2026-09-30","parentaccountid":{"accountid":"1d0a6c8e","name":"Fabrikam Works Ltd",
        "address1_line1":"12 Harbour Road","address1_city":"Leeds","address1_postalcode":"LS1 4AB","address1_country":"GB"}}"#,
    )
}

/// With one place changed.
pub(crate) fn with(mut record: Record, path: &str, json: &str) -> Record {
    let assignment = cosell_mapping::Assignment {
        path: path.parse().unwrap(),
        value: serde_json::from_str(json).unwrap(),
    };
    apply(&mut record, &[assignment]).unwrap();
    record
}

pub(crate) fn get(kind: RecordKind, field: &FieldId, record: &Record) -> Value {
    let fields = FieldSet::default_connector();
    fields.snapshot(kind, record, &cx()).unwrap()[field].clone()
}

pub(crate) fn settle(
    kind: RecordKind,
    field: &FieldId,
    wanted: &Value,
    record: Option<&Record>,
) -> Settled {
    FieldSet::default_connector().settle(kind, field, wanted, record, &cx())
}

/// Each assignment as `path = json`.
pub(crate) fn put(
    kind: RecordKind,
    field: &FieldId,
    wanted: &Value,
    record: Option<&Record>,
) -> Vec<String> {
    FieldSet::default_connector()
        .put(kind, [(field, wanted)], record, &cx())
        .unwrap()
        .iter()
        .map(|assignment| format!("{} = {}", assignment.path, assignment.value))
        .collect()
}

pub(crate) fn cannot(settled: &Settled) -> Option<ReasonCode> {
    match settled {
        Settled::Cannot(reason) => Some(reason.code),
        _ => None,
    }
}

pub(crate) fn becomes(value: Value, loss: Loss) -> Settled {
    Settled::Becomes { value, loss }
}

pub(crate) fn money(text: &str, currency: &str) -> Value {
    Value::money(text.parse::<Decimal>().unwrap(), currency)
}

pub(crate) fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

//! Records of the connector mapping that agree, and short ways to make mappings.

use cosell_mapping::{
    Context, Record,
    rules::{CONNECTOR, Faults, Loader, MINIMAL, Mapping, Registry, Source},
};

use crate::support::{cx as money, record};

pub(crate) fn referral() -> Record {
    record(
        r#"{"id":"b7a1f0d3","name":"Fabrikam &amp; Sons","status":"Active","substatus":"Accepted",
        "referralProgram":"Partner Led","future":{"z":1.50,"a":[]},
        "trackingInfo":{"microsoftMsxId":"7-1AB2"},
        "consent":{"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
        "team":[{"firstName":"Ana","lastName":"Fischer","email":"ana@fabrikam.example","phoneNumber":"+441130000003","future":1}],
        "inviteContext":{"notes":"n","assistanceRequestCode":"GeneralOrOther"},
        "details":{"notes":"line one\r\nline two","odd":922337203685477.5807,
        "dealValue":84000.0,"currency":"EUR","closingDateTime":"2026-09-30T22:15:00.1234567Z",
        "requirements":{"industries":[],"solutions":[
            {"id":"SOL-15974-MQF","name":"Analytics","type":"Solution","future":1.0},
            {"id":"SOL-34104-EBB","name":"Plant","type":"Solution"}]}},
        "customerProfile":{"name":"Fabrikam Works Ltd",
        "team":[{"firstName":"Ada","lastName":"Berg","email":"ada.berg@adatum.example","phoneNumber":"+441130000001"}],"address":{"addressLine1":"12 Harbour Road",
        "city":"Leeds","state":"","postalCode":"LS1 4AB","country":"gb"}}}"#,
    )
}

pub(crate) fn row() -> Record {
    record(
        r#"{"opportunityid":"7c1f0a52","name":"✔ Fabrikam & Sons","statecode":0,"statuscode":1,
        "new_custom":1.50,"description":"line one\r\nline two","estimatedvalue":84000.0000,
        "_transactioncurrencyid_value":"e0000000-0000-0000-0000-000000000001","isrevenuesystemcalculated":false,
        "msft_microsoftpartnercenterreferralvisible":false,"msft_microsoftpartnercenterhelp":299600005,
        "msft_microsoftpartnercenterreferralprogram":"Partner Led","msft_microsoftcrmidentifier":"7-1AB2",
        "msft_microsoftpartnercentersolutions":"SOL-15974-MQF; SOL-34104-EBB",
        "parentcontactid":{"emailaddress1":"ada.berg@adatum.example","firstname":"Ada","lastname":"Berg",
        "telephone1":"+441130000001"},
        "owninguser":{"internalemailaddress":"Ana@fabrikam.example","firstname":"Ana","lastname":"Fischer",
        "mobilephone":"+441130000003","systemuserid":"f1"},
        "estimatedclosedate":"2026-09-30","parentaccountid":{"accountid":"1d0a6c8e","name":"Fabrikam Works Ltd",
        "address1_line1":"12 Harbour Road","address1_city":"Leeds","address1_postalcode":"LS1 4AB","address1_country":"GB"}}"#,
    )
}

/// The labels of the help choice, with numbers of this organization.
pub(crate) fn cx() -> Context {
    let labels = [
        "Workload Specific Value Proposition",
        "Customer Technical Architecture",
        "Proof Of Concept or Demo",
        "Quotes or Licensing",
        "Post Sales Customer Success",
        "general or other",
    ];
    let column: cosell_mapping::Path = "msft_microsoftpartnercenterhelp".parse().unwrap();
    labels
        .into_iter()
        .zip(299_600_000..)
        .fold(money(), |cx, (label, number)| {
            cx.with_choice(column.clone(), number, label)
        })
}

pub(crate) fn mapping(text: &str) -> Result<Mapping, Faults> {
    mapping_with(text, &Registry::default())
}

pub(crate) fn mapping_with(text: &str, registry: &Registry) -> Result<Mapping, Faults> {
    let loaded = Loader::default().load(&Source::new("mine.toml", text))?;
    Mapping::from_loaded(&loaded, registry)
}

pub(crate) fn connector() -> Mapping {
    mapping(CONNECTOR).unwrap()
}

pub(crate) fn minimal() -> Mapping {
    mapping(MINIMAL).unwrap()
}

/// One rule in a file of its own.
pub(crate) fn rule(text: &str) -> String {
    format!("name = \"mine\"\nversion = \"1\"\n[fields.x]\n{text}\n")
}

/// What is told, without its places.
pub(crate) fn told(faults: &Faults) -> Vec<String> {
    faults
        .iter()
        .map(|fault| format!("{}: {}", fault.key, fault.what))
        .collect()
}

use super::*;
use crate::dataverse::{ReadOnlyColumns, User};

#[test]
fn a_call_without_a_token_is_told_where_to_sign_in() {
    let mut sandbox = Sandbox::new();
    let answer = sandbox
        .send(Err(TokenFault::Missing), "GET", "WhoAmI", &[], "")
        .expect(401);
    assert!(answer.text.is_empty());
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer authorization_uri=https://login.microsoftonline.com/"));
    assert!(
        challenge.ends_with(&format!("resource_id={ORG}/")),
        "{challenge}"
    );
    let expired = sandbox
        .send(Err(TokenFault::Expired), "GET", "WhoAmI", &[], "")
        .expect(401);
    assert!(expired.header("www-authenticate").contains("invalid_token"));
}

#[test]
fn a_caller_without_a_user_row_is_no_member() {
    let mut sandbox = Sandbox::new();
    let stranger = Caller {
        app_id: Uuid::nil().to_string(),
        ..caller()
    };
    sandbox
        .send(Ok(&stranger), "GET", "WhoAmI", &[], "")
        .refused(403, "0x80072560");
    let id = Uuid::from_u128(7);
    let user = User::application(Uuid::from_u128(8), id, "# Off").disabled();
    let mut sandbox = Sandbox::with(Options::default().with_user(user));
    let off = Caller {
        app_id: id.to_string(),
        ..caller()
    };
    sandbox
        .send(Ok(&off), "GET", "WhoAmI", &[], "")
        .refused(403, "0x80040225");
}

#[test]
fn who_am_i_names_the_user_and_every_answer_has_the_service_headers() {
    let mut sandbox = Sandbox::with(Options::default().with_dop_hint(12));
    let answer = sandbox.get("WhoAmI()").expect(200);
    let users = sandbox
        .get("systemusers?$select=fullname&$filter=accessmode%20eq%204")
        .json();
    assert_eq!(answer.json()["UserId"], users["value"][0]["systemuserid"]);
    assert_eq!(users["value"].as_array().unwrap().len(), 1);
    for answer in [
        answer,
        sandbox.get("nothing"),
        sandbox.post("opportunities", "{}"),
    ] {
        assert_eq!(answer.header("odata-version"), "4.0");
        assert_eq!(answer.header("x-ms-dop-hint"), "12");
        for name in [
            "req_id",
            "x-ms-service-request-id",
            "x-ms-ratelimit-burst-remaining-xrm-requests",
        ] {
            assert_ne!(answer.header(name), "", "{name}");
        }
    }
    let organization = "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'";
    let detail = sandbox.get(organization).expect(200).json();
    assert_eq!(
        detail["Detail"]["OrganizationId"],
        Options::default().organization_id.to_string()
    );
}

#[test]
fn wrong_addresses_are_told_apart() {
    let mut sandbox = with_deal(Options::default());
    for (target, status, code, text) in [
        (
            "opportunity",
            404,
            "0x8006088a",
            "Resource not found for the segment 'opportunity'.",
        ),
        ("Opportunities", 404, "0x8006088a", "'Opportunities'"),
        (
            "opportunities(name='A')",
            400,
            "0x80060888",
            "The key in the request URI is not valid",
        ),
        (
            "opportunities?$select=Name",
            400,
            "0x80060888",
            "Could not find a property named 'Name' on type 'Microsoft.Dynamics.CRM.opportunity'.",
        ),
        (
            "opportunities?$filter=Name%20eq%20'A'",
            400,
            "0x80060888",
            "Could not find a property named 'Name'",
        ),
        (
            "opportunities?$filter=name%20eq%20'A",
            400,
            "0x80060888",
            "There is an unterminated literal at position 8 in 'name eq 'A'.",
        ),
        ("opportunities?$skip=1", 400, "0x80060888", "$skip"),
        (
            "opportunities?$skiptoken=x",
            400,
            "0x80060888",
            "Paging Cookie",
        ),
        (
            "/api/data/v8.2/WhoAmI",
            400,
            "0x80060888",
            "Requested API Version 'v8.2' was not understood.",
        ),
        ("/api/other", 404, "", "No HTTP resource was found"),
    ] {
        let answer = sandbox.get(target).refused(status, code);
        assert!(answer.message().contains(text), "{}", answer.message());
    }
    sandbox.call("PUT", "opportunities", &[], "{}").expect(405);
}

#[test]
fn bodies_are_checked_names_first() {
    let mut sandbox = with_deal(Options::default());
    let long = "é".repeat(301);
    for (body, status, code) in [
        ("".to_owned(), 400, "0x80048d19"),
        ("{".to_owned(), 400, "0x80048d19"),
        (
            r#"{"Name":"x","statuscode":99}"#.to_owned(),
            400,
            "0x80048d19",
        ),
        (r#"{"customerid":"x"}"#.to_owned(), 400, "0x80048d19"),
        (
            r#"{"ParentAccountId@odata.bind":"/accounts(x)"}"#.to_owned(),
            400,
            "0x80048d19",
        ),
        (
            r#"{"_parentaccountid_value":"x"}"#.to_owned(),
            400,
            "0x80060888",
        ),
        (r#"{"name":5}"#.to_owned(), 400, "0x80048d19"),
        (format!(r#"{{"name":"{long}"}}"#), 400, "0x80044331"),
        (r#"{"name":"a\u0007"}"#.to_owned(), 400, "0x80040278"),
        (r#"{"closeprobability":101}"#.to_owned(), 400, "0x8004432f"),
        (
            r#"{"opportunityratingcode":9}"#.to_owned(),
            400,
            "0x8004431a",
        ),
        (
            r#"{"opportunityratingcode":"2"}"#.to_owned(),
            400,
            "0x80048d19",
        ),
        (r#"{"decisionmaker":1}"#.to_owned(), 400, "0x80048d19"),
        (
            r#"{"ownerid@odata.bind":null,"name":null,"statuscode":null}"#.to_owned(),
            400,
            "0x80040200",
        ),
        (
            r#"{"parentaccountid@odata.bind":"/accounts(00000000-0000-4000-8000-0000000000aa)"}"#
                .to_owned(),
            404,
            "0x80040217",
        ),
    ] {
        let answer = sandbox.patch(&deal(), &body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{body}: {}",
            answer.text
        );
    }
    let answer = sandbox.patch(&deal(), &format!(r#"{{"name":"{long}"}}"#));
    assert_eq!(
        answer.message(),
        "A validation error occurred.  The length of the 'name' attribute of the 'opportunity' \
         entity exceeded the maximum allowed length of '300'."
    );
    let answer = sandbox.patch(&deal(), r#"{"Parentaccountid@odata.bind":"/accounts(x)"}"#);
    assert!(answer.message().starts_with(
        "Error identified in Payload provided by the user for Entity :'opportunities'"
    ));
    assert!(
        answer.message().contains(
            "An undeclared property 'Parentaccountid' which only has property annotations"
        )
    );
    assert_eq!(sandbox.get(&deal()).json()["name"], "Deal A");
}

#[test]
fn lengths_count_utf16_units() {
    let mut sandbox = with_deal(Options::default());
    let fits = "😀".repeat(150);
    sandbox
        .patch(&deal(), &format!(r#"{{"name":"{fits}"}}"#))
        .expect(204);
    sandbox
        .patch(&deal(), &format!(r#"{{"name":"{fits}a"}}"#))
        .refused(400, "0x80044331");
}

#[test]
fn read_only_columns_are_dropped_or_refused() {
    let body = r#"{"createdon":"2001-01-01T00:00:00Z","name":"B"}"#;
    let mut sandbox = with_deal(Options::default());
    sandbox.patch(&deal(), body).expect(204);
    assert_eq!(
        sandbox.get(&deal()).json()["createdon"],
        "2025-08-22T08:10:44Z"
    );
    let options = Options::default().with_read_only_columns(ReadOnlyColumns::Refused);
    with_deal(options)
        .patch(&deal(), body)
        .refused(400, "0x80040203");
}

#[test]
fn error_details_come_only_when_asked_for() {
    let mut sandbox = Sandbox::new();
    assert!(!sandbox.get("x").text.contains("ErrorDetails"));
    let prefer = [("Prefer", "odata.include-annotations=\"*\"")];
    let detailed = sandbox.call("GET", "x", &prefer, "").json();
    assert_eq!(
        detailed["error"]["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"],
        "0"
    );
}

#[test]
fn hostile_input_is_refused_and_changes_nothing() {
    let mut sandbox = with_deal(Options::default());
    let before = sandbox.get(&deal()).text;
    let nines = "9".repeat(400);
    for amount in [
        "1e99999999999",
        "-1e400",
        nines.as_str(),
        "1e29",
        "{}",
        "[1]",
        "true",
    ] {
        let answer = sandbox.patch(&deal(), &format!(r#"{{"estimatedvalue":{amount}}}"#));
        assert_eq!(answer.status, 400, "{amount}: {}", answer.text);
    }
    let deep = format!(r#"{{"name":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    sandbox.patch(&deal(), &deep).refused(400, "0x80048d19");
    for target in [
        "opportunities(",
        "opportunities()",
        "opportunities(%FF)",
        "$1",
        "opportunities?$deltatoken=18446744073709551615!01/01/262000%2000:00:00",
        "opportunities?$skiptoken=%3Ccookie%20pagingcookie=%22e30%22%20/%3E",
        "opportunities?$expand=owninguser(",
        "opportunities?$filter=Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=x)",
        "opportunities?$top=-1",
    ] {
        let status = sandbox.get(target).status;
        assert!((400..500).contains(&status), "{target}: {status}");
    }
    let tag = [("If-Match", "12")];
    sandbox
        .call("PATCH", &deal(), &tag, "{}")
        .refused(400, "0x80060888");
    assert_eq!(sandbox.get(&deal()).text, before);
}

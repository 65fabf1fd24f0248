use super::*;

fn refused(desk: &mut Desk) -> (u16, String) {
    let got = desk.get("");
    (
        got.status.as_u16(),
        got.body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

#[test]
fn tokens_without_user_role_or_second_factor_stay_outside() {
    let mut desk = Desk::default();
    assert_eq!(desk.get("").status, 200);

    desk.caller.roles = vec!["GlobalAdmin".into()];
    assert_eq!(refused(&mut desk), (403, "accessDenied".into()));
    desk.caller.roles = vec!["ReferralsAdmin".into()];

    desk.caller.mfa = false;
    assert_eq!(refused(&mut desk), (401, "900421".into()));
    desk.service.options_mut().mfa = Mfa::DemandedWithoutBody;
    let got = desk.get("");
    assert_eq!((got.status.as_u16(), got.body), (401, Value::Null));
    assert_eq!(
        got.headers["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    desk.service.options_mut().mfa = Mfa::NotDemanded;
    assert_eq!(desk.get("").status, 200);

    desk.caller.user = None;
    let got = desk.get("");
    assert_eq!(got.status, 400);
    assert!(
        got.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("user information")
    );
    desk.service.options_mut().app_only = StatusCode::FORBIDDEN;
    assert_eq!(refused(&mut desk), (403, "accessDenied".into()));
}

#[test]
fn a_bad_token_is_unauthenticated_whatever_is_asked() {
    for fault in [
        TokenFault::Missing,
        TokenFault::Expired,
        TokenFault::WrongAudience,
        TokenFault::Unknown,
    ] {
        let mut desk = Desk::default();
        let request = Request::builder()
            .uri("/nowhere")
            .body(Bytes::new())
            .unwrap();
        let response = desk.service.handle(desk.now, Err(fault), &request);
        assert_eq!(response.status(), 401, "{fault:?}");
        assert!(response.headers().contains_key("www-authenticate"));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["error"]["code"], "unauthenticated");
    }
}

#[test]
fn unknown_places_verbs_and_bodies_have_error_bodies() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let item = format!("/v1.0/engagements/referrals/{id}");
    let json = [("content-type", "application/json")];
    for (method, path, headers, body, status, code) in [
        ("GET", "/v1.0/referrals", &[][..], "", 404, "itemNotFound"),
        (
            "GET",
            "/v1.0/engagements/referralsx",
            &[],
            "",
            404,
            "itemNotFound",
        ),
        ("GET", &format!("{item}/team"), &[], "", 404, "itemNotFound"),
        ("GET", &format!("{item}///"), &[], "", 404, "itemNotFound"),
        (
            "GET",
            "/v1.0/engagements/referrals/00000000-0000-4000-8000-000000000000",
            &[],
            "",
            404,
            "itemNotFound",
        ),
        (
            "GET",
            "/v1.0/engagements/referrals/abc",
            &[],
            "",
            400,
            "invalidRequest",
        ),
        ("DELETE", &item, &[], "", 405, "invalidRequest"),
        ("PUT", &item, &json, "{}", 400, "invalidRequest"),
        (
            "PATCH",
            "/v1.0/engagements/referrals",
            &json,
            "[]",
            405,
            "invalidRequest",
        ),
        (
            "POST",
            "/v1.0/engagements/referrals",
            &[],
            "{}",
            415,
            "invalidRequest",
        ),
        (
            "POST",
            "/v1.0/engagements/referrals",
            &json,
            "{",
            400,
            "invalidRequest",
        ),
        (
            "POST",
            "/v1.0/engagements/referrals",
            &json,
            "[]",
            400,
            "invalidRequest",
        ),
    ] {
        let got = desk.send(method, path, headers, body);
        let error = &got.body["error"];
        assert_eq!(
            (got.status.as_u16(), error["code"].as_str()),
            (status, Some(code)),
            "{method} {path}"
        );
        assert!(error["message"].as_str().unwrap().len() <= 1024 && error["target"].is_string());
    }
    let large = " ".repeat(MAX_BODY + 1);
    assert_eq!(
        desk.send("POST", "/v1.0/engagements/referrals", &json, &large)
            .status,
        413
    );
    for slashes in ["", "/", "//"] {
        assert_eq!(
            desk.send("GET", &format!("{item}{slashes}"), &[], "")
                .status,
            200
        );
        let patch = replace("/details/notes", "x").to_string();
        let kind = [("content-type", "application/json-patch+json; charset=utf-8")];
        assert_eq!(
            desk.send("PATCH", &format!("{item}{slashes}"), &kind, &patch)
                .status,
            204
        );
    }
}

#[test]
fn every_answer_carries_the_tracing_headers() {
    let mut desk = Desk::default();
    let headers = [("client-request-id", "c-1"), ("MS-CorrelationId", "m-1")];
    let mut numbers = Vec::new();
    for path in ["/v1.0/engagements/referrals", "/nowhere"] {
        let got = desk.send("GET", path, &headers, "");
        assert_eq!(
            (
                &got.headers["client-request-id"],
                &got.headers["ms-correlationid"]
            ),
            (&"c-1".parse().unwrap(), &"m-1".parse().unwrap())
        );
        assert_eq!(got.headers["timestamp"], "2026-03-09T14:22:31.4412087Z");
        assert!(
            got.headers["x-ms-ags-diagnostic"]
                .to_str()
                .unwrap()
                .starts_with("{\"ServerInfo\"")
        );
        numbers.push(got.headers["request-id"].clone());
    }
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn a_users_lists_are_filtered_in_silence() {
    let mut desk = Desk::default();
    let mine = desk.deal();
    let mut other = deal_body();
    other["team"][0]["email"] = "mei@northwind.example".into();
    let others = id_of(&desk.post(&other).body);
    desk.caller.roles = vec!["ReferralsUser".into()];
    desk.caller.user = Some("Omar.Diaz@northwind.example".into());
    assert_eq!(desk.ids(""), [mine]);
    assert_eq!(desk.get(&format!("/{mine}")).status, 200);
    assert_eq!(desk.get(&format!("/{others}")).status, 404);
    assert_eq!(
        desk.patch(others, &replace("/details/notes", "x")).status,
        404
    );
}

#[test]
fn referrals_of_other_organizations_do_not_exist_or_are_denied() {
    let mut desk = Desk::default();
    let id = desk
        .service
        .stranger_sends(desk.now, &InboundDeal::default())
        .unwrap();
    assert!(desk.ids("").is_empty());
    assert_eq!(desk.get(&format!("/{id}")).target(), (404, "referral"));
    desk.service.options_mut().foreign = StatusCode::FORBIDDEN;
    let got = desk.get(&format!("/{id}"));
    assert_eq!(
        (got.status.as_u16(), &got.body["error"]["code"]),
        (403, &json!("accessDenied"))
    );

    let own = desk.deal();
    desk.service.options_mut().tenant = Some(Uuid::from_u128(99));
    assert!(desk.ids("").is_empty());
    assert_eq!(desk.get(&format!("/{own}")).status, 403);
}

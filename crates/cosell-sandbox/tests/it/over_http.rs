//! Over loopback HTTP: paths are the real ones, links lead back to the address that was asked.

use serde_json::json;

use crate::client::{control, crm_bearer, referrals_bearer, refresh_form, send, start, token};
use cosell_sandbox::{
    Options, SandboxHandle,
    server::{ServeOptions, serve},
};

#[tokio::test]
async fn token_then_lists() {
    let running = start().await;
    let at = running.endpoints();
    let answer = token(at, &refresh_form()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store, no-cache"));

    let bearer = referrals_bearer(at).await;
    let list = "/v1.0/engagements/referrals";
    let headers = [("authorization", bearer.as_str())];
    let answer = send(&at.partner_center, "GET", list, &headers, "")
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.json()["value"]), (200, &json!([])));

    let bearer = crm_bearer(at).await;
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/data/v9.2/opportunities?$select=name";
    let answer = send(&at.dataverse, "GET", path, &headers, "")
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.json()["value"]), (200, &json!([])));
}

#[tokio::test]
async fn without_token_each_service_says_so_in_its_own_way() {
    let running = start().await;
    let at = running.endpoints();
    let referrals = send(
        &at.partner_center,
        "GET",
        "/v1.0/engagements/referrals",
        &[],
        "",
    )
    .await
    .unwrap();
    assert_eq!(referrals.status, 401);
    let rows = send(
        &at.dataverse,
        "GET",
        "/api/data/v9.2/opportunities",
        &[],
        "",
    )
    .await
    .unwrap();
    assert_eq!(rows.status, 401);
    let challenge = rows.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer authorization_uri="),
        "{challenge}"
    );
}

#[tokio::test]
async fn created_row_is_named_under_the_asked_address() {
    let running = start().await;
    let at = running.endpoints();
    let bearer = crm_bearer(at).await;
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({ "name": "Northwind rollout" }).to_string();
    let path = "/api/data/v9.2/opportunities";
    let created = send(&at.dataverse, "POST", path, &headers, &body)
        .await
        .unwrap();
    assert_eq!(created.status, 204, "{}", created.body);
    let place = created.header("odata-entityid").unwrap();
    let row = place.strip_prefix(&at.dataverse).expect(place);
    let read = send(&at.dataverse, "GET", row, &headers, "").await.unwrap();
    assert_eq!(read.json()["name"], "Northwind rollout");
}

#[tokio::test]
async fn pages_of_referrals_link_to_the_asked_address() {
    let options = cosell_sandbox::partner_center::Options::default().with_page_size(2);
    let small = serve(
        SandboxHandle::new(Options::default().with_partner_center(options)),
        ServeOptions::default(),
    )
    .await
    .unwrap();
    let at = small.endpoints();
    for number in 0..3 {
        let act = json!({ "do": "microsoft_sends", "name": format!("Deal {number}") });
        assert_eq!(
            control(at, "POST", "act", &act.to_string()).await.status,
            200
        );
    }
    let bearer = referrals_bearer(at).await;
    let headers = [("authorization", bearer.as_str())];
    let mut path = "/v1.0/engagements/referrals".to_owned();
    let mut seen = 0;
    for _ in 0..10 {
        let page = send(&at.partner_center, "GET", &path, &headers, "")
            .await
            .unwrap()
            .json();
        seen += page["value"].as_array().unwrap().len();
        let Some(next) = page["@odata.nextLink"].as_str() else {
            break;
        };
        path = next
            .strip_prefix(&at.partner_center)
            .expect(next)
            .to_owned();
    }
    let all = control(at, "GET", "referrals", "").await.json();
    assert_eq!(seen, all.as_array().unwrap().len());
}

#[tokio::test]
async fn body_above_the_limit_is_refused() {
    let options = ServeOptions::default().with_body_limit(100);
    let running = serve(SandboxHandle::new(Options::default()), options)
        .await
        .unwrap();
    let at = running.endpoints();
    let long = "x".repeat(101);
    let answer = send(
        &at.partner_center,
        "POST",
        "/v1.0/engagements/referrals",
        &[],
        &long,
    )
    .await;
    // The front may close before the caller has written everything; either way nothing is read.
    if let Ok(answer) = answer {
        assert_eq!(answer.status, 413);
    }
    assert!(running.sandbox().log().is_empty());
}

#[tokio::test]
async fn ports_in_a_row_are_refused_where_they_do_not_fit() {
    let options = ServeOptions::default().with_port_base(Some(65_535));
    let error = serve(SandboxHandle::new(Options::default()), options)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("65531") || error.to_string().contains("65535"),
        "{error}"
    );
}

#[tokio::test]
async fn shut_down_sandbox_listens_no_more_and_keeps_its_state() {
    let running = start().await;
    let at = running.endpoints().clone();
    let sandbox = running.sandbox().clone();
    crm_bearer(&at).await;
    running.shutdown().await;
    let host = at.dataverse.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(host).await.is_err());
    assert_eq!(sandbox.counts().sign_in.requests, 1);
}

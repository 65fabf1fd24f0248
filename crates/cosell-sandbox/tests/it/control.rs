//! The control API.

use serde_json::{Value, json};

use crate::client::{Answer, Closed, control, crm_bearer, send, start};

async fn post(at: &cosell_sandbox::server::Endpoints, path: &str, body: Value) -> Answer {
    control(at, "POST", path, &body.to_string()).await
}

#[tokio::test]
async fn front_page_says_how_to_sign_in() {
    let running = start().await;
    let at = running.endpoints();
    let about = control(at, "GET", "", "").await.json();
    assert_eq!(about["endpoints"]["partner_center"], at.partner_center);
    assert_eq!(about["client_secret"], cosell_sandbox::CLIENT_SECRET);
    assert_eq!(about["refresh_token"], cosell_sandbox::REFRESH_TOKEN);
    assert!(about["organizations"]["dataverse"].is_string(), "{about}");
    assert!(
        about["organizations"]["partner_center"].is_string(),
        "{about}"
    );
}

#[tokio::test]
async fn people_on_both_sides_act() {
    let running = start().await;
    let at = running.endpoints();
    let sent = post(
        at,
        "act",
        json!({
            "do": "microsoft_sends", "name": "Adatum migration", "customer": "Adatum",
            "country": "DE", "value": "84000.50", "currency": "EUR", "closing": "2027-02-28",
        }),
    )
    .await
    .json();
    let id = sent["id"].as_str().unwrap().to_owned();
    assert!(sent["engagement"].is_string());
    let accept = json!({
        "do": "portal_edit", "id": id,
        "set": { "/status": "Active", "/substatus": "Accepted" },
    });
    assert_eq!(post(at, "act", accept).await.status, 200);
    let referrals = control(at, "GET", "referrals", "").await.json();
    let referral = referrals
        .as_array()
        .unwrap()
        .iter()
        .find(|referral| referral["id"] == id.as_str())
        .unwrap();
    assert_eq!(referral["substatus"], "Accepted");
    assert_eq!(referral["customerProfile"]["name"], "Adatum");

    let made = post(
        at,
        "act",
        json!({ "do": "crm_create", "table": "opportunity", "row": { "name": "Adatum" } }),
    )
    .await
    .json();
    let row = made["id"].clone();
    for act in [
        json!({ "do": "crm_update", "table": "opportunity", "id": row, "row": { "name": "Adatum 2" } }),
        json!({ "do": "crm_win", "id": row }),
    ] {
        let answer = post(at, "act", act).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let rows = control(at, "GET", "rows/opportunity", "").await.json();
    assert_eq!(
        (&rows[0]["name"], &rows[0]["statecode"]),
        (&json!("Adatum 2"), &json!(1))
    );
    let gone = json!({ "do": "crm_delete", "table": "opportunity", "id": row });
    assert_eq!(post(at, "act", gone).await.status, 200);
    assert_eq!(
        control(at, "GET", "rows/opportunity", "").await.json(),
        json!([])
    );
}

#[tokio::test]
async fn bad_acts_name_what_is_wrong() {
    let running = start().await;
    let at = running.endpoints();
    for (act, word) in [
        (json!({ "do": "crm_dance" }), "crm_dance"),
        (
            json!({ "do": "crm_create", "table": "opportunity", "rwo": {} }),
            "rwo",
        ),
        (json!({ "do": "microsoft_sends", "nme": "x" }), "nme"),
        (json!({ "do": "admin_revoke" }), "user"),
        (
            json!({ "do": "crm_create", "table": "opportunity", "row": { "nosuch": 1 } }),
            "nosuch",
        ),
    ] {
        let answer = post(at, "act", act).await;
        assert_eq!(answer.status, 400);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(control(at, "GET", "nothing", "").await.status, 404);
    assert_eq!(control(at, "GET", "rows/nothing", "").await.status, 404);
    assert_eq!(control(at, "DELETE", "act", "").await.status, 405);
}

#[tokio::test]
async fn faults_log_counts_and_holds() {
    let running = start().await;
    let at = running.endpoints();
    let bearer = crm_bearer(at).await;
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/data/v9.2/opportunities?$select=name";

    let rule = json!({
        "services": ["dataverse"], "method": "get", "path_contains": "opportunities",
        "fault": { "kind": "hold", "at": "after_effect" },
    });
    assert_eq!(post(at, "faults", rule).await.status, 200);
    let listed = control(at, "GET", "faults", "").await.json();
    assert_eq!(listed[0]["rule"]["fault"]["kind"], "hold");
    let director = async {
        let held = control(at, "GET", "held?wait_seconds=20", "").await.json();
        assert_eq!(held[0]["path"], path);
        let ended = post(at, "release", json!({ "id": held[0]["id"], "drop": true })).await;
        assert_eq!(ended.json()["ended"], 1);
    };
    let (answer, ()) = tokio::join!(send(&at.dataverse, "GET", path, &headers, ""), director);
    assert_eq!(answer.unwrap_err(), Closed);

    send(&at.dataverse, "GET", path, &headers, "")
        .await
        .unwrap();
    let counts = control(at, "GET", "counts", "").await.json();
    assert_eq!(
        counts["dataverse"],
        json!({ "requests": 2, "reads": 2, "writes": 0, "failures": 1 })
    );
    let log = control(at, "GET", "log?after=1", "").await.json();
    let log = log.as_array().unwrap();
    assert_eq!(
        (&log[0]["fault"], &log[0]["status"]),
        (&json!("hold"), &Value::Null)
    );
    assert_eq!(
        (&log[1]["number"], &log[1]["status"]),
        (&json!(3), &json!(200))
    );
    post(at, "counts/reset", json!({})).await;
    let counts = control(at, "GET", "counts", "").await.json();
    assert_eq!(counts["sign_in"]["requests"], 0);

    let bad = json!({ "fault": { "kind": "hold", "att": "x" } });
    assert_eq!(post(at, "faults", bad).await.status, 400);
    post(
        at,
        "faults",
        json!({ "fault": { "kind": "latency", "millis": 1 }, "times": null }),
    )
    .await;
    control(at, "DELETE", "faults", "").await;
    assert_eq!(control(at, "GET", "faults", "").await.json(), json!([]));
}

#[tokio::test]
async fn clock_moves_forward() {
    let running = start().await;
    let at = running.endpoints();
    let bearer = crm_bearer(at).await;
    post(at, "clock", json!({ "advance_seconds": 3600 })).await;
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/data/v9.2/opportunities?$select=name";
    let answer = send(&at.dataverse, "GET", path, &headers, "")
        .await
        .unwrap();
    assert_eq!(answer.status, 401, "the token's hour is over");
}

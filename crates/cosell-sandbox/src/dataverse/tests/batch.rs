use super::*;

/// An operation as the lines of a part.
fn part(id: Option<u32>, request: &str, headers: &str, body: &str) -> String {
    let id = id
        .map(|id| format!("Content-ID: {id}\n"))
        .unwrap_or_default();
    format!(
        "Content-Type: application/http\nContent-Transfer-Encoding: binary\n{id}\n{request} HTTP/1.1\nContent-Type: application/json\n{headers}\n{body}\n"
    )
}

fn multipart(boundary: &str, parts: &[String]) -> String {
    let parts: String = parts
        .iter()
        .map(|part| format!("--{boundary}\n{part}"))
        .collect();
    format!("{parts}--{boundary}--\n")
}

fn change_set(parts: &[String]) -> String {
    format!(
        "Content-Type: multipart/mixed; boundary=\"cs\"\n\n{}",
        multipart("cs", parts)
    )
}

fn send(sandbox: &mut Sandbox, prefer: &str, body: &str) -> Answer {
    let headers = [
        ("Content-Type", "multipart/mixed; boundary=\"b_1\""),
        ("Prefer", prefer),
    ];
    sandbox.call("POST", "$batch", &headers, body)
}

fn batch(sandbox: &mut Sandbox, prefer: &str, parts: &[String]) -> Answer {
    send(
        sandbox,
        prefer,
        &multipart("b_1", parts).replace('\n', "\r\n"),
    )
}

/// Status lines of the parts, in order.
fn statuses(answer: &Answer) -> Vec<u16> {
    answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|line| line[..3].parse().unwrap())
        .collect()
}

const OPPORTUNITIES: &str = "/api/data/v9.2/opportunities";
const ACCOUNTS: &str = "/api/data/v9.2/accounts";

fn post_deal(id: u32, body: &str) -> String {
    part(Some(id), &format!("POST {OPPORTUNITIES}"), "", body)
}

#[test]
fn a_change_set_refers_to_what_it_made_before() {
    for ending in ["\r\n", "\n"] {
        let mut sandbox = Sandbox::new();
        let parts = [
            part(
                Some(1),
                &format!("POST {ACCOUNTS}"),
                "",
                r#"{"name":"Northwind Traders"}"#,
            ),
            post_deal(2, r#"{"name":"Deal C","parentaccountid@odata.bind":"$1"}"#),
            part(Some(3), "PATCH $2", "", r#"{"closeprobability":70}"#),
            part(Some(4), "DELETE $2/parentaccountid/$ref", "", ""),
            part(
                Some(5),
                "PUT $2/parentaccountid/$ref",
                "",
                r#"{"@odata.id":"$1"}"#,
            ),
        ];
        let absolute = part(
            None,
            &format!(
                "GET {ORG}{OPPORTUNITIES}?$select=closeprobability&$expand=parentaccountid($select=name)"
            ),
            "",
            "",
        );
        let body = multipart("b_1", &[change_set(&parts), absolute]).replace('\n', ending);
        let answer = send(&mut sandbox, "", &body).expect(200);
        assert_eq!(
            statuses(&answer),
            [204, 204, 204, 204, 204, 200],
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains(r#""closeprobability":70"#),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains(r#""name":"Northwind Traders""#),
            "{}",
            answer.text
        );
        assert!(answer.text.contains("Content-ID: 2\r\n"));
        assert!(answer.text.contains("odata.streaming=true"));
        let outer = answer
            .header("content-type")
            .split_once("boundary=")
            .unwrap()
            .1;
        assert!(answer.text.ends_with(&format!("--{outer}--\r\n")));
        assert!(
            answer
                .text
                .contains(&format!("OData-EntityId: {BASE}accounts("))
        );
    }
}

#[test]
fn a_failed_change_set_leaves_nothing_and_answers_with_one_part() {
    let mut sandbox = with_deal(Options::default());
    let tag = sandbox.tag(&deal());
    let before = sandbox.get(&deal()).text;
    let parts = [
        part(
            Some(1),
            &format!("PATCH {OPPORTUNITIES}({DEAL})"),
            "",
            r#"{"name":"X"}"#,
        ),
        post_deal(2, r#"{"name":"Y"}"#),
        part(Some(3), &format!("DELETE {OPPORTUNITIES}({DEAL})"), "", ""),
        post_deal(4, r#"{"Name":"wrong"}"#),
    ];
    let answer = batch(&mut sandbox, "", &[change_set(&parts)]).expect(400);
    assert_eq!(statuses(&answer), [400]);
    assert!(answer.text.contains("0x80048d19") && answer.text.contains("REQ_ID"));
    assert!(!answer.text.contains("changesetresponse"));
    assert_eq!(sandbox.get(&deal()).text, before);
    assert_eq!(sandbox.tag(&deal()), tag);
    assert_eq!(sandbox.get("opportunities/$count").text, "1");
    // Versions given back must still be found by the delta.
    let load = sandbox.call(
        "GET",
        "opportunities?$select=name",
        &[("Prefer", "odata.track-changes")],
        "",
    );
    assert_eq!(load.json()["value"].as_array().unwrap().len(), 1);
    sandbox.patch(&deal(), r#"{"name":"Z"}"#).expect(204);
    let delta = sandbox
        .get(load.json()["@odata.deltaLink"].as_str().unwrap())
        .json();
    assert_eq!(delta["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stale_tag_in_a_change_set_stops_the_closing_beside_it() {
    let mut sandbox = with_deal(Options::default());
    let tag = sandbox.tag(&deal());
    let close = format!(
        r#"{{"Status":3,"OpportunityClose":{{"opportunityid@odata.bind":"/opportunities({DEAL})"}}}}"#
    );
    let parts = |tag: &str| {
        change_set(&[
            part(
                Some(1),
                &format!("PATCH {OPPORTUNITIES}({DEAL})"),
                &format!("If-Match: {tag}\n"),
                r#"{"cosell_writestamp":"w1"}"#,
            ),
            part(Some(2), "POST /api/data/v9.2/WinOpportunity", "", &close),
        ])
    };
    batch(&mut sandbox, "", &[parts("W/\"1\"")]).expect(412);
    assert_eq!(sandbox.get(&deal()).json()["statecode"], 0);
    batch(&mut sandbox, "", &[parts(&tag)]).expect(200);
    let row = sandbox.get(&deal()).json();
    assert_eq!(
        (&row["statecode"], &row["cosell_writestamp"]),
        (&1.into(), &"w1".into())
    );

    let mut sandbox = with_deal(Options::default().with_actions_in_change_sets(false));
    let tag = sandbox.tag(&deal());
    batch(&mut sandbox, "", &[parts(&tag)]).expect(400);
    assert_eq!(
        sandbox.get(&deal()).json()["cosell_writestamp"],
        Value::Null
    );
}

#[test]
fn a_batch_stops_at_the_first_failure_unless_told_to_go_on() {
    let parts = [
        part(
            None,
            &format!("POST {OPPORTUNITIES}"),
            "",
            r#"{"name":"A"}"#,
        ),
        part(None, &format!("GET {OPPORTUNITIES}({DEAL})"), "", ""),
        change_set(&[
            post_deal(1, r#"{"name":"B"}"#),
            post_deal(2, r#"{"statuscode":3}"#),
        ]),
        part(
            None,
            &format!("POST {OPPORTUNITIES}"),
            "",
            r#"{"name":"C"}"#,
        ),
    ];
    let mut sandbox = Sandbox::new();
    let stopped = batch(&mut sandbox, "", &parts).expect(404);
    assert_eq!(statuses(&stopped), [204, 404]);
    assert_eq!(sandbox.get("opportunities/$count").text, "1");
    let mut sandbox = Sandbox::new();
    let all = batch(&mut sandbox, "odata.continue-on-error", &parts).expect(200);
    assert_eq!(statuses(&all), [204, 404, 400, 204]);
    assert_eq!(sandbox.get("opportunities/$count").text, "2");
}

#[test]
fn what_a_change_set_may_not_hold_is_refused() {
    for (parts, text) in [
        (
            vec![part(Some(1), &format!("GET {OPPORTUNITIES}"), "", "")],
            "GET",
        ),
        (
            vec![
                part(
                    Some(1),
                    &format!("PATCH {OPPORTUNITIES}({DEAL})"),
                    "",
                    r#"{"parentaccountid@odata.bind":"$2"}"#,
                ),
                part(Some(2), &format!("POST {ACCOUNTS}"), "", r#"{"name":"A"}"#),
            ],
            "Content-ID Reference: '$2' does not exist in the batch context.",
        ),
        (
            vec![
                part(
                    Some(1),
                    &format!("POST {ACCOUNTS}?$select=name"),
                    "Prefer: return=representation\n",
                    r#"{"name":"A"}"#,
                ),
                part(Some(2), "PATCH $1", "", r#"{"name":"B"}"#),
            ],
            "Content-ID Reference: '$1' does not exist in the batch context.",
        ),
    ] {
        let mut sandbox = with_deal(Options::default());
        let answer = batch(&mut sandbox, "", &[change_set(&parts)]).expect(400);
        assert!(answer.text.contains(text), "{}", answer.text);
        assert_eq!(sandbox.get("accounts/$count").text, "0");
    }
}

#[test]
fn malformed_nested_and_oversized_batches_are_refused() {
    let mut sandbox = Sandbox::new();
    let whole = multipart("b_1", &[part(None, "GET /api/data/v9.2/WhoAmI", "", "")]);
    send(&mut sandbox, "", &whole).expect(200);
    send(&mut sandbox, "", whole.trim_end()).refused(400, "0x80048d19");
    send(&mut sandbox, "", &whole.replace("b_1", "b_2")).refused(400, "0x80048d19");
    send(&mut sandbox, "", "").refused(400, "0x80048d19");
    sandbox.post("$batch", &whole).refused(400, "0x80048d19");
    let nested = [part(None, "POST /api/data/v9.2/$batch", "", "")];
    assert!(
        batch(&mut sandbox, "", &nested)
            .expect(400)
            .text
            .contains("another batch")
    );
    let one = part(None, "GET /api/data/v9.2/WhoAmI", "", "");
    assert_eq!(
        statuses(&batch(&mut sandbox, "", &vec![one.clone(); 1000])).len(),
        1000
    );
    batch(&mut sandbox, "", &vec![one; 1001]).refused(400, "0x80060888");
}

#[test]
fn an_address_that_is_too_long_alone_fits_in_a_batch() {
    let mut sandbox = with_deal(Options::default());
    let clauses = vec!["name%20eq%20'Deal%20A'"; 1_300].join("%20or%20");
    let long = format!("{OPPORTUNITIES}/$count?$filter={clauses}");
    assert!((32 * 1024..64 * 1024).contains(&long.len()));
    sandbox.get(&long).refused(414, "");
    let answer = batch(
        &mut sandbox,
        "",
        &[part(None, &format!("GET {long}"), "", "")],
    );
    assert!(answer.expect(200).text.contains("\r\n\r\n1\r\n"));
}

use serde_json::{Value, json};

use super::*;

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Query::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn row() -> Value {
    json!({
        "id": "b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa",
        "name": "O'Brian",
        "status": "Active",
        "value": 84000.10,
        "isSpam": false,
        "closed": null,
        "updated": "2026-03-09T14:40:07.0090112Z",
        "day": "2025-06-30",
        "customerProfile": { "address": { "country": "GB" } },
        "team": [ { "email": "omar@northwind.example" }, { "email": "mei@northwind.example", "tags": [ { "tag": "x" } ] } ],
        "none": []
    })
}

fn judged(text: &str, collation: Collation) -> Result<bool, ODataError> {
    filter(text).matches(&JsonRow(&row()), collation)
}

#[test]
fn every_operator_and_literal_kind_decides_both_ways() {
    for (text, expected) in [
        ("name eq 'O''Brian'", true),
        ("name eq 'o''brian'", false),
        ("name ne 'x'", true),
        ("value eq 84000.1", true),
        ("value gt 84000.1", false),
        ("value ge 84000.10", true),
        ("value lt 8.5e4", true),
        ("value le -1", false),
        ("isSpam eq false", true),
        ("not isSpam", true),
        ("closed eq null", true),
        ("name eq null", false),
        ("absent eq null", true),
        ("closed gt 2020-01-01T00:00:00Z", false),
        ("id eq b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa", true),
        ("id eq B7A1F0D3-52C9-4E86-8F3A-6D1C9E2470AA", true),
        ("id eq 'b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa'", true),
        ("id eq b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470ab", false),
        ("updated ge 2026-03-09T14:40:07.0090112Z", true),
        ("updated gt 2026-03-09T14:40:07.0090112Z", false),
        ("updated lt 2026-03-10", true),
        ("updated ge 2026-03-09T15:40:08+01:00", false),
        ("day le 2025-06-30", true),
        ("day lt 2025-06-30", false),
        ("customerProfile/address/country eq 'GB'", true),
        (
            "status eq 'New' or status eq 'Active' and name eq 'x'",
            false,
        ),
        (
            "(status eq 'Active' or status eq 'New') and not (name eq 'x')",
            true,
        ),
        ("team/any(t:t/email eq 'mei@northwind.example')", true),
        ("team/all(t:t/email eq 'mei@northwind.example')", false),
        ("team/all(t:endswith(t/email,'@northwind.example'))", true),
        (
            "team/any(t:t/tags/any(g:g/tag eq 'x' and t/email eq 'mei@northwind.example' and status eq 'Active'))",
            true,
        ),
        (
            "team/any(t:t/tags/any(g:g/tag eq 'x' and t/email eq 'omar@northwind.example'))",
            false,
        ),
        ("team/any()", true),
        ("none/any()", false),
        ("none/all(n:n/x eq 1)", true),
        ("contains(name,'Bri')", true),
        ("contains(name,'bri')", false),
        ("startswith(name,'O')", true),
        ("endswith(name,'O')", false),
        ("contains(closed,'x')", false),
    ] {
        assert_eq!(judged(text, Collation::Ordinal), Ok(expected), "{text}");
    }
}

#[test]
fn sql_collation_ignores_case_and_keeps_wildcards_live() {
    for (text, expected) in [
        ("name eq 'o''BRIAN'", true),
        ("contains(name,'BRI')", true),
        ("contains(name,'b_i')", true),
        ("contains(name,'b%n')", true),
        ("contains(name,'b[aeiou]i')", false),
        ("contains(name,'b[^aeiou]i')", true),
        ("contains(name,'[%]')", false),
        ("startswith(name,'b')", false),
        ("endswith(name,'an')", true),
    ] {
        assert_eq!(judged(text, Collation::Sql), Ok(expected), "{text}");
    }
}

#[test]
fn errors_name_the_position() {
    for (text, position) in [
        ("name eq 'abc", Some(8)),
        ("name eq", Some(7)),
        ("name eq 'a' and", Some(15)),
        ("(name eq 'a'", Some(12)),
        ("name eq 'a')", Some(11)),
        ("name = 'a'", Some(5)),
        ("name eq 'a' # 1", Some(12)),
        ("length(name) gt 3", Some(0)),
        ("team/any(t t/email eq 'x')", Some(11)),
        ("eq eq 1", Some(0)),
        ("", Some(0)),
    ] {
        let error = Filter::parse(text, &Query::default()).expect_err(text);
        assert_eq!(error.position(), position, "{text}: {error}");
    }
    let error =
        Filter::parse("abc_referralid eq 'R-1", &Query::default()).expect_err("open literal");
    assert_eq!(
        error.message(),
        "There is an unterminated literal at position 18 in 'abc_referralid eq 'R-1'."
    );
}

#[test]
fn values_of_different_kinds_do_not_compare() {
    assert!(judged("name eq 5", Collation::Ordinal).is_err());
    assert!(judged("value eq '84000.1'", Collation::Ordinal).is_err());
    assert!(judged("name", Collation::Ordinal).is_err());
    assert!(judged("contains(value,'8')", Collation::Ordinal).is_err());
    assert!(
        judged(
            "Microsoft.Dynamics.CRM.Today(PropertyName='day')",
            Collation::Ordinal
        )
        .is_err()
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| format!("{}a eq 1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Filter::parse(&deep(MAX_DEPTH), &Query::default()).is_ok());
    assert!(Filter::parse(&deep(MAX_DEPTH + 1), &Query::default()).is_err());
    assert!(Filter::parse(&"not ".repeat(20_000), &Query::default()).is_err());
}

#[test]
fn calls_keep_their_parameters_and_aliases_are_put_in() {
    let query = Query::parse(
        "%24filter=Microsoft.Dynamics.CRM.In(PropertyName=@c,PropertyValues=@v)&@c='abc_referralid'&@v=[\"R-1\",\"O'Brian\"]",
    )
    .expect("query");
    let filter = query.filter().expect("filter").expect("present");
    let Expr::Call(call) = filter.expr() else {
        panic!("{filter:?}")
    };
    assert_eq!(call.name, "Microsoft.Dynamics.CRM.In");
    assert_eq!(
        call.argument("PropertyName"),
        Some(&Literal::Text("abc_referralid".into()))
    );
    assert_eq!(
        call.argument("PropertyValues"),
        Some(&Literal::List(vec![
            Literal::Text("R-1".into()),
            Literal::Text("O'Brian".into())
        ]))
    );

    let query = Query::parse("$filter=name eq @p1&@p1='O''Brian'").expect("query");
    let filter = query.filter().expect("filter").expect("present");
    assert_eq!(
        filter.matches(&JsonRow(&row()), Collation::Ordinal),
        Ok(true)
    );
    let query = Query::parse("$filter=name eq @p1").expect("query");
    let filter = query.filter().expect("filter").expect("present");
    assert_eq!(
        filter.matches(&JsonRow(&row()), Collation::Ordinal),
        Ok(false)
    );
    let query = Query::parse("$filter=name eq @p1&@p1=@p1").expect("query");
    assert_eq!(
        query.filter().expect("filter").map(|f| f.expr().clone()),
        Some(Expr::Compare {
            left: Operand::Path(vec!["name".into()]),
            op: Operator::Eq,
            right: Operand::Literal(Literal::Null),
        })
    );
}

#[test]
fn query_strings_are_decoded_once() {
    let query = Query::parse(
        "%24filter=name+eq%20%27a%2Bb%2526%27&$top=10&$count=true&%24skiptoken=q7%2fA&",
    )
    .expect("query");
    assert_eq!(query.get("$filter"), Some("name eq 'a+b%26'"));
    assert_eq!(query.number("$top"), Ok(Some(10)));
    assert_eq!(query.number("$skip"), Ok(None));
    assert_eq!(query.switch("$count"), Ok(Some(true)));
    assert_eq!(query.get("$skiptoken"), Some("q7/A"));
    assert!(Query::parse("$top=1&%24top=2").is_err());
    assert!(
        Query::parse("$top=-1")
            .expect("query")
            .number("$top")
            .is_err()
    );
    assert!(
        Query::parse("$count=yes")
            .expect("query")
            .switch("$count")
            .is_err()
    );
    assert!(Query::parse(&"a".repeat(MAX_QUERY + 1)).is_err());
}

#[test]
fn orderby_and_select_are_lists_of_names() {
    assert_eq!(
        parse_orderby("updatedDateTime desc, a/b asc,c"),
        Ok(vec![
            OrderBy {
                path: vec!["updatedDateTime".into()],
                descending: true
            },
            OrderBy {
                path: vec!["a".into(), "b".into()],
                descending: false
            },
            OrderBy {
                path: vec!["c".into()],
                descending: false
            },
        ])
    );
    assert_eq!(
        parse_orderby("a,b down").expect_err("direction").position(),
        Some(2)
    );
    assert!(parse_orderby("a desc desc").is_err());
    assert!(parse_orderby("").is_err());
    assert_eq!(
        parse_select("id, status,*"),
        Ok(vec!["id".into(), "status".into(), "*".into()])
    );
    assert!(parse_select("id,,status").is_err());
    assert!(parse_select("id eq 1").is_err());
}

#[test]
fn nested_options_stay_together() {
    let parts: Vec<&str> = split_top_level("a($select=x,y;$filter=n eq 'p,)q'),b", ',')
        .into_iter()
        .map(|(_, part)| part)
        .collect();
    assert_eq!(parts, ["a($select=x,y;$filter=n eq 'p,)q')", "b"]);
}

#[test]
fn a_required_value_is_found_on_the_top_level_only() {
    let found = filter("engagementId eq 'e1' and status eq 'New'");
    assert_eq!(
        found.required(&["engagementId"]),
        Some(&Literal::Text("e1".into()))
    );
    assert_eq!(found.required(&["direction"]), None);
    assert_eq!(
        filter("engagementId eq 'e1' or status eq 'New'").required(&["engagementId"]),
        None
    );
}

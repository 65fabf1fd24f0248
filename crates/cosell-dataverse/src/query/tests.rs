use proptest::prelude::*;

use super::*;

fn filter_of(query: &str) -> String {
    let text = query.strip_prefix("$filter=").unwrap();
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

proptest! {
    #[test]
    fn no_text_leaves_its_quotes(text in "\\PC*|[ '&#%+/?=;()]*") {
        let query = Query::default().with_filter(Filter::eq("name", text.as_str()));
        let query = query.to_query_string().unwrap();
        prop_assert!(query["$filter=".len()..].bytes().all(
            |b| b.is_ascii_alphanumeric() || b"-_.~()%".contains(&b)
        ));
        let filter = filter_of(&query);
        let inner = filter.strip_prefix("name eq '").unwrap().strip_suffix('\'').unwrap();
        // Undoubling leaves no single quote behind: the literal ends where we end it.
        prop_assert!(!inner.replace("''", "").contains('\''));
        prop_assert_eq!(inner.replace("''", "'"), text);
    }

    #[test]
    fn hostile_names_are_refused(name in "[a-z]{0,3}[ '&,;()$=#%/?\"]{1,3}[a-z]{0,3}") {
        prop_assume!(!name.split('/').all(|step| !step.is_empty()
            && step.chars().all(|c| c.is_ascii_alphanumeric())));
        let query = Query::select([name.clone()]).with_filter(Filter::ne(&name, 1))
            .with_order(name.clone(), Direction::Ascending)
            .with_expand(Expand::new(name, ["x"]));
        let error = query.to_query_string().unwrap_err();
        prop_assert_eq!(error.kind(), cosell_http::ErrorKind::Invalid);
        prop_assert_eq!(error.sent(), cosell_http::Sent::No);
    }
}

#[test]
fn related_rows_are_read_along() {
    let query = Query::select(["name"])
        .with_expand(Expand::new("parentaccountid", ["name", "address1_city"]))
        .with_expand(Expand::new("transactioncurrencyid", ["isocurrencycode"]))
        .with_count();
    assert_eq!(
        query.to_query_string().unwrap(),
        "$select=name&$expand=parentaccountid($select=name,address1_city),\
         transactioncurrencyid($select=isocurrencycode)&$count=true"
    );
}

#[test]
fn related_rows_are_narrowed_as_far_as_the_service_lets_them() {
    let lines = Expand::new("product_opportunities", ["quantity"])
        .with_filter(Filter::gt("quantity", 5))
        .with_order("lineitemnumber", Direction::Ascending)
        .with_top(50)
        .with_expand(Expand::new("productid", ["name"]));
    let query = Query::default()
        .with_expand(lines.clone())
        .with_expand(Expand::reference("parentaccountid"));
    assert_eq!(
        query.to_query_string().unwrap(),
        "$expand=product_opportunities($select=quantity;$filter=quantity%20gt%205;\
         $orderby=lineitemnumber%20asc;$top=50;$expand=productid($select=name)),\
         parentaccountid/$ref"
    );
    let deep = Expand::new("parentaccountid", ["name"]).with_expand(lines);
    let mut deeper = Expand::new("a", ["x"]);
    for _ in 0..20 {
        deeper = Expand::new("a", ["x"]).with_expand(deeper);
    }
    let mut odd = Expand::reference("a").with_top(0);
    odd.select.push("b".to_owned());
    let wrong = Query::default()
        .with_expand(deep)
        .with_expand(deeper)
        .with_expand(odd);
    let error = wrong.to_query_string().unwrap_err();
    for part in [
        "below another expansion",
        "deeper",
        "at most 15",
        "only the address",
        "$top of a is 0",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
}

#[test]
fn functions_of_the_service_are_called_by_their_full_name() {
    let cases = [
        (
            Filter::is_in("abc_referralid", ["R-1", "O'Brien"]),
            "Microsoft.Dynamics.CRM.In(PropertyName='abc_referralid',PropertyValues=['R-1','O''Brien'])",
        ),
        (
            Filter::contains_choice("abc_products", [727_000_001, 727_000_002]),
            "Microsoft.Dynamics.CRM.ContainValues(PropertyName='abc_products',PropertyValues=['727000001','727000002'])",
        ),
        (
            Filter::call_with("LastXDays", "modifiedon", 7),
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='modifiedon',PropertyValue=7)",
        ),
        (
            Filter::call("Today", "modifiedon"),
            "Microsoft.Dynamics.CRM.Today(PropertyName='modifiedon')",
        ),
        (
            Filter::call_with_two("InFiscalPeriodAndYear", "createdon", 4, 2026),
            "Microsoft.Dynamics.CRM.InFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=4,PropertyValue2=2026)",
        ),
        (
            Filter::columns("actualvalue", crate::Relation::Gt, "estimatedvalue"),
            "actualvalue gt estimatedvalue",
        ),
    ];
    for (filter, text) in cases {
        assert_eq!(filter.as_str(), text);
    }
    let wrong =
        Query::default().with_filter(Filter::is_in::<&str>("a", []).and(Filter::call("x)", "b'")));
    let error = wrong.to_query_string().unwrap_err();
    for part in ["no values", "\"x)\"", "\"b'\""] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let error = Query::select(["na me"])
        .with_filter(Filter::eq("x'", 1))
        .with_top(0)
        .to_query_string()
        .unwrap_err();
    for part in ["na me", "x'", "$top is 0"] {
        assert!(error.message().contains(part), "{error}");
    }
}

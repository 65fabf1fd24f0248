use super::*;

const NEWEST: &str = "$orderby=updatedDateTime desc";

fn pages(desk: &mut Desk, rest: &str) -> Vec<Vec<Uuid>> {
    let mut found = Vec::new();
    let mut got = desk.get(rest);
    loop {
        assert_eq!(got.status, 200, "{}", got.body);
        found.push(
            got.body["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(id_of)
                .collect(),
        );
        let Some(link) = got.body["@odata.nextLink"].as_str() else {
            return found;
        };
        got = desk.send("GET", link, &[], "");
    }
}

fn desk_with(deals: usize, options: Options) -> (Desk, Vec<Uuid>) {
    let mut desk = Desk::new(options.with_matching_delay(None));
    let ids = (0..deals)
        .map(|_| {
            desk.wait(TimeDelta::seconds(60));
            desk.deal()
        })
        .collect();
    (desk, ids)
}

#[test]
fn pages_visit_every_referral_once_in_order() {
    for page_size in [1, 2, 3, 5, 7] {
        let (mut desk, ids) = desk_with(5, Options::default().with_page_size(page_size));
        let newest: Vec<Uuid> = ids.iter().rev().copied().collect();
        let found = pages(&mut desk, &format!("?{NEWEST}"));
        assert_eq!(found.concat(), newest);
        assert_eq!(found.len(), 5_usize.div_ceil(page_size));
        assert_eq!(
            pages(&mut desk, "?$orderby=createdDateTime asc").concat(),
            ids
        );
        let mut any = pages(&mut desk, "").concat();
        any.sort_unstable();
        let mut all = ids.clone();
        all.sort_unstable();
        assert_eq!(any, all);
    }
}

#[test]
fn top_limits_the_whole_list_or_sizes_the_page_and_skip_counts_once() {
    let (mut desk, ids) = desk_with(6, Options::default().with_page_size(2));
    let oldest = "$orderby=createdDateTime asc";
    assert_eq!(
        pages(&mut desk, &format!("?{oldest}&$top=3")),
        [&ids[..2], &ids[2..3]]
    );
    assert_eq!(pages(&mut desk, &format!("?{oldest}&$top=2")), [&ids[..2]]);
    assert_eq!(
        pages(&mut desk, &format!("?{oldest}&$skip=1")),
        [&ids[1..3], &ids[3..5], &ids[5..]]
    );
    assert_eq!(pages(&mut desk, "?$top=0"), [&[] as &[Uuid]]);
    assert_eq!(desk.get("?$top=1000").status, 200);
    assert_eq!(desk.get("?$top=1001").target(), (400, "$top"));
    desk.service.options_mut().top = Top::PageSize;
    assert_eq!(
        pages(&mut desk, &format!("?{oldest}&$top=4")),
        [&ids[..4], &ids[4..]]
    );
}

#[test]
fn a_change_between_pages_neither_repeats_nor_shifts_the_rest() {
    let (mut desk, ids) = desk_with(4, Options::default().with_page_size(2));
    let first = desk.get(&format!("?{NEWEST}"));
    desk.patch(ids[3], &replace("/details/notes", "moved to the front"));
    desk.deal();
    let link = first.body["@odata.nextLink"].as_str().unwrap();
    let second = desk.send("GET", link, &[], "");
    let rest: Vec<Uuid> = second.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(id_of)
        .collect();
    assert_eq!(rest, [ids[1], ids[0]]);
}

#[test]
fn the_documented_link_is_broken_and_mends_as_the_documents_say() {
    let (mut desk, ids) = desk_with(
        3,
        Options::default()
            .with_page_size(2)
            .with_next_link(NextLink::Documented),
    );
    let got = desk.get("?$orderby=createdDateTime asc&$filter=status eq 'Active'");
    let link = got.body["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(
        link.starts_with("http://api.partner.microsoft.com/v1.0/referrals?$skiptoken="),
        "{link}"
    );
    assert_eq!(desk.send("GET", &link, &[], "").status, 404);
    let mended = link
        .replace("http://", "https://")
        .replace("/v1.0/referrals", "/v1.0/engagements/referrals");
    let got = desk.send("GET", &mended, &[], "");
    assert_eq!(id_of(&got.body["value"][0]), ids[2]);
    assert_eq!(desk.get("?$skiptoken=abc").target(), (400, "$skiptoken"));
}

#[test]
fn links_name_the_host_that_was_asked() {
    let (mut desk, _) = desk_with(2, Options::default().with_page_size(1));
    let got = desk.send(
        "GET",
        "http://127.0.0.1:9/v1.0/engagements/referrals",
        &[],
        "",
    );
    let link = got.body["@odata.nextLink"].as_str().unwrap();
    assert!(
        link.starts_with("http://127.0.0.1:9/v1.0/engagements/referrals?"),
        "{link}"
    );
    let got = desk.send(
        "GET",
        "/v1.0/engagements/referrals",
        &[("Host", "pc.example")],
        "",
    );
    assert!(
        got.body["@odata.nextLink"]
            .as_str()
            .unwrap()
            .starts_with("https://pc.example/")
    );
}

#[test]
fn late_lists_show_the_past_while_reads_are_current() {
    let (mut desk, ids) = desk_with(
        3,
        Options::default().with_list_lag(Duration::from_secs(100)),
    );
    // Made 120, 60 and 0 seconds ago.
    assert_eq!(desk.ids(&format!("?{NEWEST}")), [ids[0]]);
    desk.wait(TimeDelta::seconds(120));
    assert_eq!(desk.ids(&format!("?{NEWEST}")), [ids[2], ids[1], ids[0]]);
    desk.patch(ids[0], &replace("/details/notes", "new"));
    desk.wait(TimeDelta::seconds(10));
    desk.patch(ids[0], &replace("/details/notes", "newer"));
    let id = ids[0];
    let listed = |desk: &mut Desk, query: &str| {
        let got = desk.get(query);
        let all = got.body["value"].as_array().unwrap().clone();
        let place = all.iter().position(|one| id_of(one) == id).unwrap();
        (place, all[place]["details"]["notes"].clone())
    };
    let old = json!("Wants predictive maintenance on Azure.");
    assert_eq!(listed(&mut desk, &format!("?{NEWEST}")), (2, old.clone()));
    let oldest = "?$orderby=updatedDateTime asc";
    assert_eq!(listed(&mut desk, oldest), (0, old));
    assert_eq!(
        desk.get(&format!("/{id}")).body["details"]["notes"],
        "newer"
    );
    desk.wait(TimeDelta::seconds(95));
    assert_eq!(listed(&mut desk, &format!("?{NEWEST}")), (0, json!("new")));
    assert_eq!(listed(&mut desk, oldest), (2, json!("new")));
    desk.wait(TimeDelta::seconds(10));
    assert_eq!(
        listed(&mut desk, &format!("?{NEWEST}")),
        (0, json!("newer"))
    );
    desk.service.options_mut().list_lag = Duration::ZERO;
    let fresh = desk.deal();
    let hidden = desk
        .service
        .with_list_lag(Duration::from_secs(1), |service| {
            let request = Request::builder()
                .uri("/v1.0/engagements/referrals")
                .body(Bytes::new())
                .unwrap();
            service.handle(desk.now, Ok(&desk.caller), &request)
        });
    assert!(!String::from_utf8_lossy(hidden.body()).contains(&fresh.to_string()));
    assert!(desk.ids("").contains(&fresh));
}

#[test]
fn filters_pick_and_narrowing_by_index_picks_the_same() {
    let (mut desk, ids) = desk_with(4, Options::default().with_inbound_has_microsoft_part(false));
    let inbound = desk.inbound();
    desk.patch(ids[1], &state("Closed", "Won"));
    let stamp = desk.body(ids[2])["updatedDateTime"]
        .as_str()
        .unwrap()
        .to_owned();
    let engagement = engagement_of(desk.body(ids[3]));
    let oldest = "$orderby=updatedDateTime asc";
    for (filter, expected) in [
        (
            "status eq 'New' and qualification eq 'SalesQualified'".to_owned(),
            vec![inbound],
        ),
        (
            "customerProfile/address/country eq 'GB' and direction eq 'Incoming'".to_owned(),
            vec![inbound],
        ),
        ("status eq 'Closed'".to_owned(), vec![ids[1]]),
        (format!("engagementId eq '{engagement}'"), vec![ids[3]]),
        (format!("engagementId eq {engagement}"), vec![ids[3]]),
        ("engagementId eq 'nonsense'".to_owned(), vec![]),
        (
            format!("updatedDateTime ge {stamp} and direction eq 'Outgoing'"),
            vec![ids[2], ids[3], ids[1]],
        ),
        (
            format!("updatedDateTime gt {stamp} and direction eq 'Outgoing'"),
            vec![ids[3], ids[1]],
        ),
        (
            format!("not (updatedDateTime lt {stamp}) and direction eq 'Outgoing'"),
            vec![ids[2], ids[3], ids[1]],
        ),
        (
            "direction eq 'Outgoing' and team/any(t:t/email eq 'omar.diaz@northwind.example')"
                .to_owned(),
            vec![ids[0], ids[2], ids[3], ids[1]],
        ),
        (
            "team/any(t:t/email eq 'OMAR.DIAZ@northwind.example')".to_owned(),
            vec![],
        ),
    ] {
        let found = desk.ids(&format!("?{oldest}&$filter={filter}"));
        assert_eq!(found, expected, "{filter}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_option() {
    let mut desk = Desk::default();
    desk.deal();
    for (query, target) in [
        ("$filter=stauts eq 'New'", "$filter"),
        ("$filter=team/any(t:t/mail eq 'x')", "$filter"),
        ("$filter=status eq", "$filter"),
        ("$filter=status eq 5", "$filter"),
        ("$orderby=name", "$orderby"),
        ("$orderby=updatedDateTime desc,createdDateTime", "$orderby"),
        ("$orderby=updatedDateTime down", "$orderby"),
        ("$select=id,nmae", "$select"),
        ("$search=x", "$search"),
        ("$apply=x", "$apply"),
        ("$format=json", "$format"),
        ("$top=x", "$top"),
        ("$skip=-1", "$skip"),
        ("$count=1", "$count"),
        ("$top=1&$top=1", "query"),
    ] {
        assert_eq!(
            desk.get(&format!("?{query}")).target(),
            (400, target),
            "{query}"
        );
    }
    assert_eq!(desk.get("?$expand=anything&custom=1").status, 200);
}

#[test]
fn unproven_filters_are_switches() {
    let (mut desk, ids) = desk_with(2, Options::default());
    desk.patch(ids[0], &replace("/externalReferenceId", "OPP-7"));
    let by_reference = "?$orderby=createdDateTime asc&$filter=externalReferenceId eq 'OPP-7'";
    assert_eq!(desk.ids(by_reference), [ids[0]]);
    desk.service.options_mut().external_reference_filter = ReferenceFilter::Ignored;
    assert_eq!(desk.ids(by_reference), ids);
    desk.service.options_mut().external_reference_filter = ReferenceFilter::Refused;
    assert_eq!(desk.get(by_reference).target(), (400, "$filter"));

    desk.service.options_mut().filters = Filters::Documented;
    assert_eq!(
        desk.get("?$filter=(direction eq 'Incoming' and substatus eq 'Pending')")
            .status,
        200
    );
    assert_eq!(desk.get("?$filter=team/any(t:t/email eq 'x')").status, 200);
    for filter in [
        "status ne 'New'",
        "status eq 'New' or status eq 'Active'",
        "name eq 'x'",
        "contains(status,'e')",
    ] {
        assert_eq!(
            desk.get(&format!("?$filter={filter}")).target(),
            (400, "$filter"),
            "{filter}"
        );
    }
}

#[test]
fn selection_omission_and_count_shape_the_answer() {
    let (mut desk, _) = desk_with(3, Options::default().with_page_size(2));
    let got = desk.get("?$select=id,status");
    let names: Vec<&String> = got.body["value"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "status"]);
    assert_eq!(got.body["@odata.count"], 2);
    assert!(
        got.body["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("/v1.0/$metadata#Referrals")
    );
    assert!(desk.get("").body["value"][0]["eTag"].is_string());

    desk.service.options_mut().list_items = ListItems::WithoutETagAndTeam;
    let item = desk.get("").body["value"][0].clone();
    assert_eq!((item.get("eTag"), item.get("team")), (None, None));
    assert!(item["name"].is_string());
    desk.service.options_mut().list_items = ListItems::WithoutETag;
    let item = desk.get("").body["value"][0].clone();
    assert!(item.get("eTag").is_none() && item["team"].is_array());

    desk.service.options_mut().count = Count::Total;
    assert_eq!(desk.get("").body.get("@odata.count"), None);
    assert_eq!(desk.get("?$count=true").body["@odata.count"], 3);
}

#[test]
fn microsofts_referrals_are_listed_or_only_read_by_id() {
    let mut desk = Desk::default();
    let own = desk.deal();
    let theirs = desk.invite(own);
    let engagement = engagement_of(desk.body(own));
    let query = format!("?$orderby=createdDateTime asc&$filter=engagementId eq '{engagement}'");
    assert_eq!(desk.ids(&query), [own, theirs]);
    desk.service.options_mut().lists_show_microsoft = false;
    assert_eq!(desk.ids(&query), [own]);
    assert_eq!(desk.get(&format!("/{theirs}")).status, 200);
}

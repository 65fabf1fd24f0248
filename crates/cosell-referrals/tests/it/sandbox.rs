//! The client against a double that was written from the documents, not from this crate.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_http::{
    Sleep, Transport,
    sign_in::{CachedTokens, ENTRA_AUTHORITY, MemoryRefreshToken, RefreshToken, TokenEndpoint},
};
use cosell_referrals::{
    CreateOptions, ErrorKind, Filter, ListOptions, Patch, PatchOptions, RawMap, Referral,
    Referrals, Status, Substatus, is_stale,
};
use cosell_sandbox::{
    Act, CLIENT_ID, CLIENT_SECRET, InProcess, Options, REFRESH_TOKEN, SandboxHandle, TENANT,
    partner_center::{self, NextLink},
};
use futures_util::TryStreamExt;
use http::StatusCode;

/// The sandbox's time; waiting moves it.
#[derive(Debug)]
pub(crate) struct SandboxTime(pub(crate) SandboxHandle);

#[async_trait]
impl Sleep for SandboxTime {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

pub(crate) fn sandbox(options: partner_center::Options) -> (SandboxHandle, Referrals) {
    let sandbox = SandboxHandle::new(Options::default().with_partner_center(options));
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(sandbox.clone()));
    let time: Arc<dyn Sleep> = Arc::new(SandboxTime(sandbox.clone()));
    let endpoint = TokenEndpoint::entra(
        &ENTRA_AUTHORITY.parse().unwrap(),
        &TENANT.to_string(),
        Arc::clone(&transport),
        Arc::clone(&time),
    )
    .unwrap();
    let grant = RefreshToken::new(
        endpoint,
        CLIENT_ID,
        Some(CLIENT_SECRET.into()),
        "https://api.partner.microsoft.com/.default offline_access",
        MemoryRefreshToken::new(REFRESH_TOKEN.into()),
    );
    let tokens = CachedTokens::new(Arc::new(grant), Arc::clone(&time));
    let referrals = Referrals::builder(transport, Arc::new(tokens), time);
    (sandbox, referrals.build().unwrap())
}

fn draft() -> RawMap {
    serde_json::from_str(include_str!("samples/private_deal.json")).unwrap()
}

pub(crate) async fn create(referrals: &Referrals) -> (String, Referral) {
    let options = CreateOptions::default();
    let made = referrals.create_raw(&draft(), options).await.unwrap();
    (made.id().unwrap().unwrap(), made)
}

#[tokio::test]
async fn a_deal_is_created_edited_and_won() {
    for status in [StatusCode::OK, StatusCode::CREATED] {
        let options = partner_center::Options::default().with_create_status(status);
        let (_, referrals) = sandbox(options);
        let (id, made) = create(&referrals).await;
        assert_eq!(made.status(), Ok(Some(Status::Active)));
        assert_eq!(made.substatus(), Ok(Some(Substatus::Accepted)));

        let read = referrals.get(&id).await.unwrap().unwrap();
        let patch = Patch::new()
            .with_deal_value(91_000)
            .with_external_reference_id("OPP-1")
            .share_with_microsoft_sellers();
        let options = PatchOptions::default().with_if_match(read.etag().unwrap().unwrap());
        let patched = referrals.patch(&id, &patch, options).await.unwrap();
        let after = patched.referral.unwrap();
        assert_ne!(after.etag().unwrap(), read.etag().unwrap());
        let details = after.details().unwrap().unwrap();
        assert_eq!(details.deal_value(), Ok(Some(91_000.into())));

        let options = PatchOptions::default().with_representation(false);
        let won = referrals
            .patch(&id, &Patch::new().win(), options)
            .await
            .unwrap();
        assert!(won.referral.is_none());
        let read = referrals.get(&id).await.unwrap().unwrap();
        assert_eq!(read.substatus(), Ok(Some(Substatus::Won)));

        let late = Patch::new().with_notes("too late");
        let refused = referrals.patch(&id, &late, PatchOptions::default()).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (ErrorKind::Refused, Some("invalidRequest"))
        );
    }
}

#[tokio::test]
async fn an_edit_in_the_portal_makes_the_tag_stale() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let (id, made) = create(&referrals).await;
    let set = BTreeMap::from([("/details/notes".to_owned(), "From the portal.".into())]);
    let edit = Act::PortalEdit {
        id: id.parse().unwrap(),
        set,
    };
    sandbox.act(&edit).unwrap();

    let options = PatchOptions::default().with_if_match(made.etag().unwrap().unwrap());
    let patch = Patch::new().with_notes("From the CRM.");
    let failed = referrals.patch(&id, &patch, options).await.unwrap_err();
    assert!(is_stale(&failed), "{failed}");
    let read = referrals.get(&id).await.unwrap().unwrap();
    let notes = read.details().unwrap().unwrap().notes().unwrap();
    assert_eq!(notes.as_deref(), Some("From the portal."));
}

#[tokio::test]
async fn lists_are_whole_under_both_styles_of_link() {
    for style in [NextLink::Clean, NextLink::Documented] {
        let options = partner_center::Options::default()
            .with_next_link(style)
            .with_page_size(2);
        let (sandbox, referrals) = sandbox(options);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(create(&referrals).await.0);
            sandbox.advance(Duration::from_secs(1));
        }
        let list = referrals.list(ListOptions::default());
        let listed: Vec<_> = list
            .map_ok(|referral| referral.id().unwrap().unwrap())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed, made);

        let pages: Vec<_> = referrals
            .pages(ListOptions::default())
            .try_collect()
            .await
            .unwrap();
        let sizes: Vec<_> = pages.iter().map(|page| page.items.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }
}

#[tokio::test]
async fn filters_are_understood() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let before = sandbox.now();
    let (_, made) = create(&referrals).await;
    let engagement = made.engagement_id().unwrap().unwrap();
    let wanted = Filter::engagement(&engagement)
        .and(Filter::status(&Status::Active))
        .and(Filter::customer_country("GB"))
        .and(Filter::team_email("omar.diaz@northwind.example"))
        .and(Filter::updated_since(before))
        .and(Filter::external_reference_id("OPP-20931").or(Filter::status(&Status::New)));
    for (filter, found) in [
        (wanted, 1),
        (Filter::external_reference_id("it's another"), 0),
    ] {
        let options = ListOptions::default().with_filter(filter);
        let page = referrals.first_page(&options).await.unwrap();
        assert_eq!(page.items.len(), found);
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_told_apart() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert!(referrals.get(unknown).await.unwrap().is_none());

    let (id, _) = create(&referrals).await;
    let user = cosell_sandbox::REFERRALS_USER.to_owned();
    let roles = Vec::new();
    sandbox.act(&Act::AdminRoles { user, roles }).unwrap();
    sandbox.with(cosell_sandbox::Sandbox::withdraw_access_tokens);
    let failed = referrals.get(&id).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Denied, "{failed}");
    assert!(failed.message().contains("Referrals Admin"), "{failed}");
}

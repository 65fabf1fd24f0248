//! The token endpoint and the tokens it gives.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Clock, Options, Outcome, PUBLIC_CLIENT_ID, REFERRALS_USER,
    REFRESH_TOKEN, Rotation, Sandbox, ServiceName, SignInOptions, TENANT,
};
use http::{Request, Response};
use serde_json::Value;
use std::time::Duration;

use crate::client;

const PARTNER_CENTER: &str = "https://api.partner.microsoft.com";
const DATAVERSE: &str = "https://fabrikam-sales.crm4.dynamics.com";

fn start() -> DateTime<Utc> {
    "2026-03-09T14:00:00Z".parse().unwrap()
}

fn sandbox(sign_in: SignInOptions) -> Sandbox {
    let options = Options::default()
        .with_clock(Clock::manual(start()))
        .with_sign_in(sign_in);
    Sandbox::new(options)
}

fn ask(sandbox: &mut Sandbox, service: ServiceName, request: Request<Bytes>) -> Response<Bytes> {
    match sandbox.handle(service, request) {
        Outcome::Answer(response) => response,
        other => panic!("an answer is expected, not {other:?}"),
    }
}

fn token_at(sandbox: &mut Sandbox, path: &str, form: &str) -> (u16, Value) {
    let request = Request::post(format!("https://login.microsoftonline.com{path}"))
        .body(Bytes::copy_from_slice(form.as_bytes()))
        .unwrap();
    let response = ask(sandbox, ServiceName::SignIn, request);
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body)
}

fn token(sandbox: &mut Sandbox, form: &str) -> (u16, Value) {
    token_at(sandbox, &format!("/{TENANT}/oauth2/v2.0/token"), form)
}

fn refusal(sandbox: &mut Sandbox, path: &str, form: &str) -> (u16, String, u64) {
    let (status, body) = token_at(sandbox, path, form);
    let code = body["error_codes"][0].as_u64().unwrap();
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
    (status, body["error"].as_str().unwrap().to_owned(), code)
}

fn list(sandbox: &mut Sandbox, service: ServiceName, token: &str) -> u16 {
    let uri = match service {
        ServiceName::PartnerCenter => format!("{PARTNER_CENTER}/v1.0/engagements/referrals"),
        _ => format!("{DATAVERSE}/api/data/v9.2/opportunities?$select=name"),
    };
    let request = Request::get(uri)
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::new())
        .unwrap();
    ask(sandbox, service, request).status().as_u16()
}

fn text(body: &Value, member: &str) -> String {
    body[member].as_str().unwrap().to_owned()
}

#[test]
fn secret_and_refresh_token_open_their_services() {
    let mut sandbox = sandbox(SignInOptions::default());
    let (status, crm) = token(&mut sandbox, &client::secret_form(DATAVERSE));
    assert_eq!((status, &crm["expires_in"]), (200, &Value::from(3599)));
    assert!(crm.get("refresh_token").is_none(), "this flow gives none");
    let (status, partner) = token(&mut sandbox, &client::refresh_form());
    assert_eq!(status, 200);
    assert_ne!(text(&partner, "refresh_token"), REFRESH_TOKEN);

    let crm = text(&crm, "access_token");
    let partner = text(&partner, "access_token");
    assert_eq!(list(&mut sandbox, ServiceName::Dataverse, &crm), 200);
    assert_eq!(
        list(&mut sandbox, ServiceName::PartnerCenter, &partner),
        200
    );
    // A token opens the service it was made for and no other.
    assert_eq!(list(&mut sandbox, ServiceName::PartnerCenter, &crm), 401);
    assert_eq!(list(&mut sandbox, ServiceName::Dataverse, &partner), 401);
    assert_eq!(
        list(&mut sandbox, ServiceName::Dataverse, "sbx.forged.1"),
        401
    );
}

#[test]
fn secret_may_come_in_a_basic_header() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut sandbox = sandbox(SignInOptions::default());
    let basic = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let request =
        Request::post("https://login.microsoftonline.com/fabrikam.example/oauth2/v2.0/token")
            .header("authorization", format!("Basic {basic}"))
            .body(Bytes::from(format!(
                "grant_type=client_credentials&scope={DATAVERSE}/.default"
            )))
            .unwrap();
    let response = ask(&mut sandbox, ServiceName::SignIn, request);
    assert_eq!(response.status().as_u16(), 200);
}

#[test]
fn old_endpoint_gives_its_numbers_as_text() {
    let mut sandbox = sandbox(SignInOptions::default());
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}\
         &resource={DATAVERSE}"
    );
    let (status, body) = token_at(&mut sandbox, &format!("/{TENANT}/oauth2/token"), &form);
    assert_eq!((status, &body["expires_in"]), (200, &Value::from("3599")));
    assert_eq!(body["resource"], DATAVERSE);
}

#[test]
fn refusals_carry_their_numbers() {
    let mut sandbox = sandbox(SignInOptions::default());
    let own = format!("/{TENANT}/oauth2/v2.0/token");
    let good = client::secret_form(DATAVERSE);
    let cases = [
        (
            own.as_str(),
            good.replace(CLIENT_SECRET, "wrong"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            own.as_str(),
            good.replace(&format!("&client_secret={CLIENT_SECRET}"), ""),
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            own.as_str(),
            good.replace(CLIENT_ID, "nobody"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            "/contoso.example/oauth2/v2.0/token",
            good.clone(),
            400,
            "invalid_request",
            90002,
        ),
        (
            "/common/oauth2/v2.0/token",
            good.clone(),
            400,
            "invalid_request",
            50194,
        ),
        (
            own.as_str(),
            good.replace("/.default", ""),
            400,
            "invalid_scope",
            70011,
        ),
        (
            own.as_str(),
            good.replace("fabrikam-sales", "fabrikam-test"),
            400,
            "invalid_resource",
            500_011,
        ),
        (
            own.as_str(),
            client::refresh_form().replace(REFRESH_TOKEN, "other"),
            400,
            "invalid_grant",
            70000,
        ),
        (
            own.as_str(),
            good.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
            70003,
        ),
    ];
    for (path, form, status, error, code) in cases {
        let seen = refusal(&mut sandbox, path, &form);
        assert_eq!(seen, (status, error.to_owned(), code), "{form}");
    }
}

#[test]
fn access_token_ends_with_sandbox_time() {
    let mut sandbox = sandbox(SignInOptions::default());
    let (_, body) = token(&mut sandbox, &client::secret_form(DATAVERSE));
    let access = text(&body, "access_token");
    sandbox.advance(Duration::from_secs(3598));
    assert_eq!(list(&mut sandbox, ServiceName::Dataverse, &access), 200);
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(list(&mut sandbox, ServiceName::Dataverse, &access), 401);
}

#[test]
fn refresh_token_slides_and_dies_after_ninety_idle_days() {
    let mut sandbox = sandbox(SignInOptions::default());
    let own = format!("/{TENANT}/oauth2/v2.0/token");
    sandbox.advance(Duration::from_secs(89 * 86_400));
    let (_, body) = token(&mut sandbox, &client::refresh_form());
    let newer = client::refresh_form().replace(REFRESH_TOKEN, &text(&body, "refresh_token"));
    sandbox.advance(Duration::from_secs(86_400));
    let seen = refusal(&mut sandbox, &own, &client::refresh_form());
    assert_eq!(seen, (400, "invalid_grant".to_owned(), 700_082));
    assert_eq!(token(&mut sandbox, &newer).0, 200, "the newer one lives on");
}

#[test]
fn used_refresh_token_dies_where_told_so() {
    let options = SignInOptions::default().with_rotation(Rotation::OldDies);
    let mut sandbox = sandbox(options);
    assert_eq!(token(&mut sandbox, &client::refresh_form()).0, 200);
    assert_eq!(token(&mut sandbox, &client::refresh_form()).0, 400);
}

#[test]
fn revoked_user_and_lost_role_are_felt_at_once() {
    let mut sandbox = sandbox(SignInOptions::default().with_access_life(TimeDelta::hours(24)));
    let (_, body) = token(&mut sandbox, &client::refresh_form());
    let access = text(&body, "access_token");
    assert_eq!(list(&mut sandbox, ServiceName::PartnerCenter, &access), 200);
    for user in &mut sandbox.sign_in_mut().users {
        user.roles.clear();
    }
    assert_eq!(list(&mut sandbox, ServiceName::PartnerCenter, &access), 403);
    sandbox.revoke_user(REFERRALS_USER);
    assert_eq!(list(&mut sandbox, ServiceName::PartnerCenter, &access), 401);
    let own = format!("/{TENANT}/oauth2/v2.0/token");
    assert_eq!(
        refusal(&mut sandbox, &own, &client::refresh_form()).2,
        50173
    );
}

#[test]
fn no_secret_in_debug() {
    let mut sandbox = sandbox(SignInOptions::default());
    let (_, body) = token(&mut sandbox, &client::refresh_form());
    let shown = format!(
        "{sandbox:?} {:?} {:?}",
        sandbox.sign_in(),
        Options::default()
    );
    for secret in [CLIENT_SECRET, REFRESH_TOKEN, &text(&body, "access_token")] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn page(sandbox: &mut Sandbox, query: &str) -> Response<Bytes> {
    let uri = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize?{query}");
    let request = Request::get(uri).body(Bytes::new()).unwrap();
    ask(sandbox, ServiceName::SignIn, request)
}

/// A code, as the browser is sent back with it.
fn code(sandbox: &mut Sandbox) -> String {
    // The challenge is that of RFC 7636, appendix B.
    let response = page(
        sandbox,
        &format!(
            "client_id={PUBLIC_CLIENT_ID}&response_type=code&state=s%201\
             &redirect_uri=http%3A%2F%2Flocalhost%3A8400\
             &scope=https%3A%2F%2Fapi.partner.microsoft.com%2F.default%20offline_access\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
             &code_challenge_method=S256"
        ),
    );
    assert_eq!(response.status(), 302);
    let target = response.headers()["location"].to_str().unwrap();
    let target = url::Url::parse(target).unwrap();
    let pairs: Vec<(String, String)> = target.query_pairs().into_owned().collect();
    assert_eq!(pairs[1], ("state".into(), "s 1".into()));
    assert_eq!(target.port(), Some(8400));
    pairs[0].1.clone()
}

fn code_form(code: &str, verifier: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id={PUBLIC_CLIENT_ID}&code={code}\
         &redirect_uri=http%3A%2F%2Flocalhost%3A8400&code_verifier={verifier}\
         &scope=https%3A%2F%2Fapi.partner.microsoft.com%2F.default%20offline_access"
    )
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn a_code_opens_partner_center_once_and_with_its_verifier() {
    let mut sandbox = sandbox(SignInOptions::default());
    let own = format!("/{TENANT}/oauth2/v2.0/token");
    let code = code(&mut sandbox);
    for (form, number) in [
        (code_form(&code, "wrong"), 501_481),
        (code_form("0.other", VERIFIER), 70000),
        (code_form(&code, VERIFIER).replace("8400", "8401"), 50011),
        (
            format!("{}&client_secret=x", code_form(&code, VERIFIER)),
            700_025,
        ),
    ] {
        assert_eq!(refusal(&mut sandbox, &own, &form).2, number, "{form}");
    }
    let (status, body) = token(&mut sandbox, &code_form(&code, VERIFIER));
    assert_eq!(status, 200, "a refusal did not spend the code");
    assert!(body["refresh_token"].is_string());
    let access = text(&body, "access_token");
    assert_eq!(list(&mut sandbox, ServiceName::PartnerCenter, &access), 200);
    let again = refusal(&mut sandbox, &own, &code_form(&code, VERIFIER));
    assert_eq!(again, (400, "invalid_grant".to_owned(), 54005));
}

#[test]
fn a_page_sends_nobody_to_an_address_that_is_not_registered() {
    let mut sandbox = sandbox(SignInOptions::default());
    for redirect in [
        "https://evil.example/",
        "http://localhost.evil.example:8400",
        "http://localhost:8400/other",
        "https://localhost",
        "http://127.0.0.1:8400",
        "",
    ] {
        let redirect: String = url::form_urlencoded::byte_serialize(redirect.as_bytes()).collect();
        let query = format!("client_id={PUBLIC_CLIENT_ID}&redirect_uri={redirect}&scope=x");
        let response = page(&mut sandbox, &query);
        assert_eq!(response.status(), 400);
        assert!(response.headers().get("location").is_none(), "{redirect}");
    }
    let query = "client_id=%3Cscript%3E&redirect_uri=http%3A%2F%2Flocalhost%3A1";
    let shown = page(&mut sandbox, query);
    let shown = String::from_utf8(shown.body().to_vec()).unwrap();
    assert!(
        shown.contains("AADSTS700016") && !shown.contains("<script"),
        "{shown}"
    );
}

#[test]
fn a_device_code_is_waited_for_at_its_pace() {
    let mut sandbox = sandbox(SignInOptions::default().with_slow_down(true));
    let own = format!("/{TENANT}/oauth2/v2.0/token");
    let start = |sandbox: &mut Sandbox, version: &str, scope: &str| {
        let path = format!("/{TENANT}/oauth2/{version}devicecode");
        let form = format!("client_id={PUBLIC_CLIENT_ID}&{scope}={PARTNER_CENTER}");
        token_at(sandbox, &path, &form).1
    };
    let device = start(&mut sandbox, "v2.0/", "scope=openid%20offline_access&x");
    assert_eq!(device["error_codes"][0], 70011, "a scope names a service");
    let old = start(&mut sandbox, "", "resource");
    assert_eq!(old["interval"], "5", "the old endpoint gives text");
    let path = format!("/{TENANT}/oauth2/v2.0/devicecode");
    let form = format!("client_id={PUBLIC_CLIENT_ID}&scope={PARTNER_CENTER}/.default");
    let (_, device) = token_at(&mut sandbox, &path, &form);
    assert_eq!(device["interval"], 5);
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id={PUBLIC_CLIENT_ID}\
         &device_code={}",
        text(&device, "device_code")
    );
    for (wait, word) in [
        (5, "authorization_pending"),
        (1, "slow_down"),
        (9, "slow_down"),
    ] {
        sandbox.advance(Duration::from_secs(wait));
        assert_eq!(refusal(&mut sandbox, &own, &form).1, word, "{wait}");
    }
    sandbox.advance(Duration::from_secs(15));
    let (status, body) = token(&mut sandbox, &form);
    assert_eq!(status, 200);
    assert!(body.get("refresh_token").is_none(), "nobody asked for it");
    let spent = refusal(&mut sandbox, &own, &form);
    assert_eq!(spent, (400, "bad_verification_code".to_owned(), 70018));
    sandbox.advance(Duration::from_secs(900));
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id={PUBLIC_CLIENT_ID}\
         &device_code={}",
        text(&old, "device_code")
    );
    let late = refusal(&mut sandbox, &format!("/{TENANT}/oauth2/token"), &form);
    assert_eq!(late, (400, "code_expired".to_owned(), 70019));
}

//! From a person in front of a browser to a token that a service runs on.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use cosell_http::{
    ReqwestOptions, ReqwestTransport, Sleep, TokenError, TokenProvider, Transport,
    sign_in::{
        App, BrowserOptions, BrowserSignIn, CachedTokens, Claims, ClaimsChallenge,
        ClientCertificate, DeviceSignIn, Expected, HealthOptions, Loopback, RefreshToken, SignedIn,
        TokenEndpoint, TokenFile, TokenFileKey, WatchedTokens,
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Failure,
    args::Arguments,
    double::Double,
    time::{OfTheDouble, Real},
};

const REFERRALS: &str = "https://api.partner.microsoft.com/.default offline_access";
const WEBHOOKS: &str = "https://api.partnercenter.microsoft.com/.default offline_access";

/// How long a person may take in the browser.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.new_key {
        println!("{}", TokenFileKey::generate()?.expose_secret());
        return Ok(());
    }
    let key = from_environment("COSELL_TOKEN_KEY").ok_or(
        "give the key of the token file in COSELL_TOKEN_KEY; `login --new-key` prints a new one",
    )?;
    let key = TokenFileKey::from_base64(&key)?;
    let store = Arc::new(TokenFile::new(&arguments.store, key));
    let double = arguments.sandbox.then(Double::new);
    let clock: Arc<dyn Sleep> = match &double {
        Some(double) => Arc::new(OfTheDouble(double.sandbox.clone())),
        None => Arc::new(Real),
    };
    let registration = registration(arguments, double.as_ref(), Arc::clone(&clock))?;
    let app = &registration.app;

    if !arguments.check {
        let signed_in = if arguments.device {
            with_device_code(app).await?
        } else {
            let challenge = challenge(arguments)?;
            with_browser(app, &arguments.redirect, challenge, double.as_ref()).await?
        };
        tell_who(&signed_in);
        let findings = Expected::referrals().check(&signed_in.access);
        if !findings.is_empty() {
            let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
            return Err(format!("nothing was stored: {}", told.join("; ")).into());
        }
        signed_in.keep(&store).await?;
        println!("stored in    {}", arguments.store.display());
    }
    unattended(&registration, store, clock).await
}

fn challenge(arguments: &Arguments) -> Result<Option<ClaimsChallenge>, Failure> {
    let Some(text) = &arguments.claims else {
        return Ok(None);
    };
    let challenge = ClaimsChallenge::from_json(text)
        .ok_or("--claims: give the JSON object that the refusal showed, in single quotes")?;
    Ok(Some(challenge))
}

fn from_environment(name: &str) -> Option<SecretString> {
    let value = std::env::var(name).ok()?;
    (!value.is_empty()).then(|| value.into())
}

struct Registration {
    app: App,
    certificate_ends: Option<DateTime<Utc>>,
}

/// The app registration as the arguments tell it: which, where, and how it proves itself.
fn registration(
    arguments: &Arguments,
    double: Option<&Double>,
    clock: Arc<dyn Sleep>,
) -> Result<Registration, Failure> {
    let transport: Arc<dyn Transport> = match double {
        Some(double) => double.network.clone(),
        None => Arc::new(ReqwestTransport::new(ReqwestOptions::default())?),
    };
    let (tenant, client_id) = match double {
        Some(_) => (Double::tenant(), Double::client_id()),
        None => (
            arguments.tenant.clone().unwrap_or_default(),
            arguments.client_id.clone().unwrap_or_default(),
        ),
    };
    let authority = &arguments.authority;
    let endpoint = if arguments.old_endpoint {
        TokenEndpoint::entra_v1(authority, &tenant, transport, clock)?
    } else {
        TokenEndpoint::entra(authority, &tenant, transport, clock)?
    };
    let mut certificate_ends = None;
    let app = match (
        &arguments.certificate,
        from_environment("COSELL_CLIENT_SECRET"),
    ) {
        (Some(path), _) => {
            let pem = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let pem = SecretString::from(pem);
            let certificate = ClientCertificate::from_pem(pem.expose_secret(), &pem)?;
            certificate_ends = Some(certificate.ends());
            App::with_assertion(endpoint, client_id, Arc::new(certificate))
        }
        (None, Some(secret)) => App::with_secret(endpoint, client_id, secret),
        (None, None) => App::public(endpoint, client_id),
    };
    Ok(Registration {
        app,
        certificate_ends,
    })
}

async fn with_browser(
    app: &App,
    redirect: &str,
    challenge: Option<ClaimsChallenge>,
    double: Option<&Double>,
) -> Result<SignedIn, Failure> {
    let loopback = Loopback::bind(redirect).await?;
    let mut options = BrowserOptions::default();
    options.claims = challenge;
    let sign_in = BrowserSignIn::start(app, REFERRALS, loopback.redirect(), &options)?;
    println!(
        "Open this address and sign in with a second factor:\n\n  {}\n",
        sign_in.url()
    );
    let address = sign_in.url().clone();
    // The wait is for a person, so it passes in real time, whatever the double's clock says.
    let waiting = loopback.finish(sign_in, PATIENCE, &Real);
    let Some(double) = double else {
        return Ok(waiting.await?);
    };
    let (signed_in, visited) = tokio::join!(waiting, double.visit(address));
    visited?;
    Ok(signed_in?)
}

async fn with_device_code(app: &App) -> Result<SignedIn, Failure> {
    let sign_in = DeviceSignIn::start(app, REFERRALS).await?;
    println!("{}\n", sign_in.message());
    Ok(sign_in.finish().await?)
}

fn tell_who(signed_in: &SignedIn) {
    match Claims::of(&signed_in.access) {
        Some(claims) => println!(
            "signed in    {} with {}",
            claims
                .user
                .as_deref()
                .unwrap_or("an account without a name"),
            claims.methods.join(", ")
        ),
        None => println!("signed in    (the token does not tell who)"),
    }
}

/// What a service does from now on: tokens for two services from the one that is stored.
async fn unattended(
    registration: &Registration,
    store: Arc<TokenFile>,
    clock: Arc<dyn Sleep>,
) -> Result<(), Failure> {
    let referrals = RefreshToken::of(registration.app.clone(), REFERRALS, store.clone());
    let webhooks = referrals.for_scope(WEBHOOKS);
    let providers: [(&str, Arc<dyn TokenProvider>); 2] = [
        ("referrals", Arc::new(referrals)),
        ("webhooks", Arc::new(webhooks)),
    ];
    let mut works = true;
    for (name, provider) in providers {
        let mut options = HealthOptions::default().with_refresh_token(store.clone());
        options.certificate_ends = registration.certificate_ends;
        let watched = Arc::new(WatchedTokens::new(
            name,
            provider,
            Arc::clone(&clock),
            options,
        ));
        // This is what a client is given.
        let tokens = CachedTokens::new(watched.clone(), Arc::clone(&clock));
        let outcome = tokens.token(None).await;
        // Webhooks are an extra: without its permission the referrals work all the same.
        works &= outcome.is_ok() || name != "referrals";
        let health = watched.health().await;
        let until = |at: Option<DateTime<Utc>>| {
            at.map_or("?".into(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
        };
        println!(
            "{name:<12} {}; access token until {}, refresh token until {} unless used before",
            if outcome.is_ok() {
                "works"
            } else {
                "does not work"
            },
            until(health.access_ends),
            until(health.refresh_ends)
        );
        for warning in &health.warnings {
            println!("             {}", warning.text);
        }
        if let Some(TokenError::Refused {
            claims: Some(challenge),
            ..
        }) = &health.last_error
        {
            println!("             add --claims '{}'", challenge.as_json());
        }
    }
    if works {
        Ok(())
    } else {
        Err("the stored token does not open the referrals; see above".into())
    }
}

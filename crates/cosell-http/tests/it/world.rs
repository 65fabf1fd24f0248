//! A sandbox with its sign-in service, its time, and the apps registered there.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{
    AccessToken, Sleep, Transport,
    sign_in::{App, ENTRA_AUTHORITY, TokenEndpoint},
};
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Clock, InProcess, Options, PUBLIC_CLIENT_ID, SandboxHandle,
    SignInOptions, TENANT,
};
use http::Request;
use secrecy::ExposeSecret;
use url::Url;

pub(crate) const REFERRALS: &str = "https://api.partner.microsoft.com/.default offline_access";
pub(crate) const EVENTS: &str = "https://api.partnercenter.microsoft.com/.default offline_access";
pub(crate) const DATAVERSE: &str = "https://fabrikam-sales.crm4.dynamics.com/.default";

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) sandbox: SandboxHandle,
    pub(crate) transport: Arc<InProcess>,
}

/// The sandbox's time; waiting moves it.
#[derive(Debug)]
struct Time(SandboxHandle);

#[async_trait]
impl Sleep for Time {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

impl World {
    pub(crate) fn new(sign_in: SignInOptions) -> Self {
        let start = "2026-03-09T14:00:00Z".parse().unwrap();
        let options = Options::default()
            .with_clock(Clock::manual(start))
            .with_sign_in(sign_in);
        let sandbox = SandboxHandle::new(options);
        Self {
            transport: Arc::new(InProcess::new(sandbox.clone())),
            sandbox,
        }
    }

    pub(crate) fn time(&self) -> Arc<dyn Sleep> {
        Arc::new(Time(self.sandbox.clone()))
    }

    pub(crate) fn endpoint(&self) -> TokenEndpoint {
        let authority = Url::parse(ENTRA_AUTHORITY).unwrap();
        let transport = self.transport.clone();
        TokenEndpoint::entra(&authority, &TENANT.to_string(), transport, self.time()).unwrap()
    }

    pub(crate) fn old_endpoint(&self) -> TokenEndpoint {
        let authority = Url::parse(ENTRA_AUTHORITY).unwrap();
        let transport = self.transport.clone();
        TokenEndpoint::entra_v1(&authority, &TENANT.to_string(), transport, self.time()).unwrap()
    }

    pub(crate) fn confidential(&self) -> App {
        App::with_secret(self.endpoint(), CLIENT_ID, CLIENT_SECRET.into())
    }

    pub(crate) fn public(&self) -> App {
        App::public(self.endpoint(), PUBLIC_CLIENT_ID)
    }

    /// The person signs in on the page at `url`; returns where the browser is sent back to.
    pub(crate) async fn visit(&self, url: &Url) -> Result<Url, String> {
        let request = Request::get(url.as_str()).body(Bytes::new()).unwrap();
        let page = self.transport.send(request).await.unwrap();
        match page.headers().get("location") {
            Some(target) => Ok(Url::parse(target.to_str().unwrap()).unwrap()),
            None => Err(String::from_utf8(page.body().to_vec()).unwrap()),
        }
    }

    /// What the service behind `url` says to a read with this token.
    pub(crate) async fn open(&self, url: &str, token: &AccessToken) -> u16 {
        let bearer = format!("Bearer {}", token.secret.expose_secret());
        let request = Request::get(url)
            .header("authorization", bearer)
            .body(Bytes::new())
            .unwrap();
        let answer = self.transport.send(request).await.unwrap();
        answer.status().as_u16()
    }
}

pub(crate) const REFERRALS_LIST: &str =
    "https://api.partner.microsoft.com/v1.0/engagements/referrals";
pub(crate) const OPPORTUNITIES: &str =
    "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/opportunities?$select=name";
pub(crate) const REGISTRATION: &str =
    "https://api.partnercenter.microsoft.com/webhooks/v1/registration/events";

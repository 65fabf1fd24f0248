//! A sandbox with its time, a client of its registration, and a receiver of its posts.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{
    Sleep, Transport, TransportError,
    sign_in::{CachedTokens, ClientCredentials, ENTRA_AUTHORITY, TokenEndpoint},
};
use cosell_referrals::webhook::{
    Event, EventName, Refusal, Registration, TrustAnchors, Verifier, VerifierOptions, Webhooks,
};
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Clock, InProcess, Options, SandboxHandle, TENANT, webhooks,
};
use http::{HeaderMap, Request, Response};

pub(super) const HOOK: &str = "https://hooks.fabrikam.example/pc";

/// The sandbox's time. It moves while a client waits, and the sandbox posts meanwhile.
#[derive(Debug)]
pub(super) struct Time {
    sandbox: SandboxHandle,
    receiver: Mutex<Option<Receiver>>,
}

#[async_trait]
impl Sleep for Time {
    fn now(&self) -> DateTime<Utc> {
        self.sandbox.now()
    }

    async fn sleep(&self, duration: Duration) {
        let receiver = self.receiver.lock().unwrap().clone();
        if let Some(receiver) = receiver {
            self.sandbox.deliver(&receiver).await;
        }
        self.sandbox.advance(duration);
    }
}

/// The sandbox's time for a verifier: what it waits for never comes too late.
#[derive(Debug)]
pub(super) struct Patient(pub(super) SandboxHandle);

#[async_trait]
impl Sleep for Patient {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

/// Takes posts as a server would, and keeps what it was told.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) verifier: Verifier,
    pub(super) told: Arc<Mutex<Vec<Result<Event, Refusal>>>>,
    pub(super) posts: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

#[async_trait]
impl Transport for Receiver {
    async fn send(&self, post: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let verdict = self.verifier.verify(post.headers(), post.body()).await;
        let status = verdict
            .as_ref()
            .map_or_else(Refusal::status, |_| 204.try_into().unwrap());
        self.told.lock().unwrap().push(verdict);
        let (parts, body) = post.into_parts();
        self.posts.lock().unwrap().push((parts.headers, body));
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        Ok(answer)
    }
}

/// Notes what is asked for over it.
#[derive(Debug)]
pub(super) struct Noted(InProcess, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Transport for Noted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.1.lock().unwrap().push(request.uri().to_string());
        self.0.send(request).await
    }
}

pub(super) struct World {
    pub(super) sandbox: SandboxHandle,
    pub(super) webhooks: Webhooks,
    pub(super) receiver: Receiver,
    pub(super) time: Arc<Time>,
    fetched: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(super) fn new(webhooks: webhooks::Options) -> Self {
        Self::with(webhooks, VerifierOptions::default())
    }

    pub(super) fn with(webhooks: webhooks::Options, options: VerifierOptions) -> Self {
        // Keys take a second to make; forks share them.
        static FIRST: LazyLock<SandboxHandle> = LazyLock::new(fresh);
        Self::of(FIRST.fork(), webhooks, options)
    }

    /// A world with an authority of its own.
    pub(super) fn apart() -> Self {
        Self::of(
            fresh(),
            webhooks::Options::default(),
            VerifierOptions::default(),
        )
    }

    fn of(sandbox: SandboxHandle, webhooks: webhooks::Options, options: VerifierOptions) -> Self {
        sandbox.with(|sandbox| *sandbox.webhooks_mut().options_mut() = webhooks);
        let time = Arc::new(Time {
            sandbox: sandbox.clone(),
            receiver: Mutex::default(),
        });
        let transport: Arc<dyn Transport> = Arc::new(InProcess::new(sandbox.clone()));
        let endpoint = TokenEndpoint::entra(
            &ENTRA_AUTHORITY.parse().unwrap(),
            &TENANT.to_string(),
            Arc::clone(&transport),
            Arc::clone(&time) as _,
        )
        .unwrap();
        let grant = ClientCredentials::new(
            endpoint,
            CLIENT_ID,
            CLIENT_SECRET.into(),
            "https://api.partnercenter.microsoft.com/.default",
        );
        let tokens = CachedTokens::new(Arc::new(grant), Arc::clone(&time) as _);
        let webhooks = Webhooks::builder(transport, Arc::new(tokens), Arc::clone(&time) as _)
            .build()
            .unwrap();

        let fetched = Arc::<Mutex<Vec<String>>>::default();
        let root = sandbox.with(|sandbox| sandbox.webhooks().root_certificate());
        let verifier = Verifier::new(
            TrustAnchors::from_pem(root.as_bytes()).unwrap(),
            Arc::new(Noted(InProcess::new(sandbox.clone()), Arc::clone(&fetched))),
            Arc::new(Patient(sandbox.clone())),
            options,
        )
        .unwrap();
        let receiver = Receiver {
            verifier,
            told: Arc::default(),
            posts: Arc::default(),
        };
        *time.receiver.lock().unwrap() = Some(receiver.clone());
        Self {
            sandbox,
            webhooks,
            receiver,
            time,
            fetched,
        }
    }

    /// Puts a registration in place without the client.
    pub(super) fn registered(self) -> Self {
        let events = EventName::REFERRALS;
        let events: Vec<&str> = events.iter().map(EventName::as_str).collect();
        self.sandbox
            .with(|sandbox| sandbox.webhooks_mut().take_over(HOOK, &events));
        self
    }

    /// Changes the switches of the webhook side.
    pub(super) fn set(&self, change: impl FnOnce(&mut webhooks::Options)) {
        self.sandbox
            .with(|sandbox| change(sandbox.webhooks_mut().options_mut()));
    }

    /// Lets Partner Center post one event, and returns what the receiver makes of it.
    pub(super) async fn post(&self) -> Result<Event, Refusal> {
        self.sandbox.with(|sandbox| {
            let now = sandbox.now();
            let uri = "https://x.example/referrals/b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa";
            sandbox
                .webhooks_mut()
                .post_event(now, "referral-updated", uri, "referral");
        });
        assert_eq!(self.sandbox.deliver(&self.receiver).await, 1);
        self.told().pop().unwrap()
    }

    /// Lets Partner Center post what is due.
    pub(super) async fn post_again(&self) -> usize {
        self.sandbox.deliver(&self.receiver).await
    }

    pub(super) fn told(&self) -> Vec<Result<Event, Refusal>> {
        self.receiver.told.lock().unwrap().clone()
    }

    /// The last post as it came.
    pub(super) fn last_post(&self) -> (HeaderMap, Bytes) {
        self.receiver.posts.lock().unwrap().last().unwrap().clone()
    }

    /// Requests for certificates.
    pub(super) fn fetched(&self) -> usize {
        self.addresses().len()
    }

    /// Addresses that the verifier asked.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
    }

    /// Nobody posts while a client waits.
    pub(super) fn silent(&self) {
        *self.time.receiver.lock().unwrap() = None;
    }
}

pub(super) fn wanted() -> Registration {
    Registration::new(HOOK)
}

fn fresh() -> SandboxHandle {
    let start = "2026-03-09T14:00:00Z".parse().unwrap();
    SandboxHandle::new(Options::default().with_clock(Clock::manual(start)))
}

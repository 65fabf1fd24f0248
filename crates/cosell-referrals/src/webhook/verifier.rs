//! From headers and raw body to an event, or to a refusal.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chrono::TimeDelta;
use cosell_http::{Sleep, Transport};
use http::{HeaderMap, StatusCode};
use url::Url;

use super::{
    Event, Refusal, TrustAnchors, TrustError,
    cache::Cache,
    certificate::{Demands, read_pem},
    claim::Claim,
    fetch::Fetcher,
    source,
};

/// What a [`Verifier`] accepts. The defaults are Partner Center's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifierOptions {
    /// Hosts that certificates are fetched from: a name, or name and port. By default
    /// `3psostorageacct.blob.core.windows.net`, the only one that is published.
    pub certificate_hosts: Vec<String>,
    /// Hosts that the certificates of issuers are fetched from, where the certificate's file lacks
    /// them and names their address (authority information access). By default
    /// `www.microsoft.com`, where Microsoft keeps those of its authorities; none if empty. Asked
    /// over https whatever the certificate says.
    pub issuer_hosts: Vec<String>,
    /// Organization of the certificate's issuer, one of these; `Microsoft Corporation` by default.
    pub issuer_organizations: Vec<String>,
    /// Common name of the certificate, one of these; any if empty, which is the default because
    /// `pcnotifications-dispatch.microsoft.com` is not promised to stay.
    pub subject_names: Vec<String>,
    /// Intermediate certificates (PEM, each text may hold several), for chains that the
    /// certificate's file does not hold.
    pub intermediates: Vec<Vec<u8>>,
    /// Largest body in bytes; 64 KiB by default, two hundred times an event.
    pub body_limit: usize,
    /// Largest certificate file in bytes; 64 KiB by default.
    pub certificate_limit: u64,
    /// Longest time to fetch a certificate; 10 s by default.
    pub fetch_timeout: Duration,
    /// After this time a certificate is fetched anew; a day by default. One that has expired is
    /// refused at once.
    pub keep_certificates_for: Duration,
    /// Certificates kept; 16 by default. The least used goes first.
    pub certificates_kept: usize,
    /// Fetches of unknown addresses per minute; 10 by default.
    pub fetches_per_minute: usize,
}

impl Default for VerifierOptions {
    fn default() -> Self {
        Self {
            certificate_hosts: vec!["3psostorageacct.blob.core.windows.net".into()],
            issuer_hosts: vec!["www.microsoft.com".into()],
            issuer_organizations: vec!["Microsoft Corporation".into()],
            subject_names: Vec::new(),
            intermediates: Vec::new(),
            body_limit: 64 * 1024,
            certificate_limit: 64 * 1024,
            fetch_timeout: Duration::from_secs(10),
            keep_certificates_for: Duration::from_secs(24 * 60 * 60),
            certificates_kept: 16,
            fetches_per_minute: 10,
        }
    }
}

impl VerifierOptions {
    /// Sets the hosts that certificates are fetched from.
    #[must_use]
    pub fn with_certificate_hosts(mut self, hosts: Vec<String>) -> Self {
        self.certificate_hosts = hosts;
        self
    }

    /// Sets the hosts that the certificates of issuers are fetched from.
    #[must_use]
    pub fn with_issuer_hosts(mut self, hosts: Vec<String>) -> Self {
        self.issuer_hosts = hosts;
        self
    }

    /// Demands one of these common names.
    #[must_use]
    pub fn with_subject_names(mut self, names: Vec<String>) -> Self {
        self.subject_names = names;
        self
    }

    /// Adds intermediate certificates as PEM text.
    #[must_use]
    pub fn with_intermediates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.intermediates.push(pem.into());
        self
    }

    /// Sets the largest body in bytes.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets the longest time to fetch a certificate.
    #[must_use]
    pub fn with_fetch_timeout(mut self, timeout: Duration) -> Self {
        self.fetch_timeout = timeout;
        self
    }

    /// Sets after which time a certificate is fetched anew.
    #[must_use]
    pub fn with_keep_certificates_for(mut self, time: Duration) -> Self {
        self.keep_certificates_for = time;
        self
    }
}

/// What a verifier has seen since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Events.
    pub accepted: u64,
    /// Posts without a valid signature (401).
    pub unproven: u64,
    /// Posts that cannot be read (400, 413).
    pub unreadable: u64,
    /// Posts that could not be judged for want of the certificate (503).
    pub postponed: u64,
    /// Fetches of signing certificates; their issuers' are not counted apart.
    pub certificate_fetches: u64,
}

/// Tells events of Partner Center from everything else that is posted. Cheap to clone; clones
/// share certificates and counts.
///
/// # What is checked
/// In this order, the cheap first: size of the body; one signature, of the scheme `Signature`, in
/// `x-ms-signature` or `authorization`; the algorithm (RSA PKCS #1 v1.5 with SHA-256 or longer);
/// the certificate's address (https, host on the list); its chain to a trusted root, its time, its
/// issuer's organization; the signature over the raw body; that the body is an event. Revocation
/// is not checked.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Cache,
    sleep: Arc<dyn Sleep>,
    hosts: Vec<String>,
    body_limit: usize,
    accepted: AtomicU64,
    unproven: AtomicU64,
    unreadable: AtomicU64,
    postponed: AtomicU64,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("certificate_hosts", &self.shared.hosts)
            .field("cache", &self.shared.cache)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier that trusts `anchors`, fetches certificates over `transport`, and takes the time
    /// from `sleep`.
    ///
    /// # Errors
    /// [`TrustError`] if an intermediate certificate of the options cannot be read.
    pub fn new(
        anchors: TrustAnchors,
        transport: Arc<dyn Transport>,
        sleep: Arc<dyn Sleep>,
        options: VerifierOptions,
    ) -> Result<Self, TrustError> {
        let mut intermediates = Vec::new();
        for pem in &options.intermediates {
            intermediates.extend(read_pem(pem)?);
        }
        let fetcher = Fetcher {
            transport,
            sleep: Arc::clone(&sleep),
            demands: Demands {
                anchors,
                intermediates,
                organizations: options.issuer_organizations,
                subjects: options.subject_names,
            },
            issuer_hosts: options.issuer_hosts,
            limit: options.certificate_limit,
            patience: options.fetch_timeout,
        };
        let keep_for = TimeDelta::from_std(options.keep_certificates_for).unwrap_or(TimeDelta::MAX);
        let cache = Cache::new(
            Arc::new(fetcher),
            keep_for,
            options.certificates_kept,
            options.fetches_per_minute,
        );
        Ok(Self {
            shared: Arc::new(Shared {
                cache,
                sleep,
                hosts: options.certificate_hosts,
                body_limit: options.body_limit,
                accepted: AtomicU64::new(0),
                unproven: AtomicU64::new(0),
                unreadable: AtomicU64::new(0),
                postponed: AtomicU64::new(0),
            }),
        })
    }

    /// Largest body in bytes; a server need not read further.
    pub fn body_limit(&self) -> usize {
        self.shared.body_limit
    }

    /// Verifies a post: its headers, and its body byte for byte as it came.
    ///
    /// Fetches the certificate if it is not known, else touches no network. A post that is
    /// repeated is an event again: see [`Event::key`]. Cancel safety: may be dropped.
    ///
    /// # Errors
    /// [`Refusal`], with the status to answer.
    pub async fn verify(&self, headers: &HeaderMap, body: &Bytes) -> Result<Event, Refusal> {
        let verdict = self.judge(headers, body).await;
        match &verdict {
            Ok(_) => {
                self.shared.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(refusal) => self.count(refusal),
        }
        verdict
    }

    /// Fetches and proves a certificate ahead of the first post, so that a flood of forged posts
    /// at the start cannot keep it out.
    ///
    /// # Errors
    /// [`Refusal`]: the address, the fetch or the certificate.
    pub async fn prefetch(&self, certificate_url: &str) -> Result<(), Refusal> {
        let url = self.address(certificate_url)?;
        let now = self.shared.sleep.now();
        self.shared.cache.get(&url, now).await.map(drop)
    }

    /// What was seen so far, by all clones.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            accepted: read(&self.shared.accepted),
            unproven: read(&self.shared.unproven),
            unreadable: read(&self.shared.unreadable),
            postponed: read(&self.shared.postponed),
            certificate_fetches: self.shared.cache.fetches(),
        }
    }

    /// Counts a post that was refused before it could be handed over whole.
    pub(super) fn count(&self, refusal: &Refusal) {
        let count = match refusal.status() {
            StatusCode::UNAUTHORIZED => &self.shared.unproven,
            StatusCode::SERVICE_UNAVAILABLE => &self.shared.postponed,
            _ => &self.shared.unreadable,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What can be refused by the headers alone.
    #[cfg(feature = "axum")]
    pub(super) fn glance(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let claim = Claim::read(headers)?;
        self.address(claim.certificate).map(drop)
    }

    async fn judge(&self, headers: &HeaderMap, body: &Bytes) -> Result<Event, Refusal> {
        if body.len() > self.shared.body_limit {
            return Err(Refusal::TooLarge {
                limit: self.shared.body_limit,
            });
        }
        let claim = Claim::read(headers)?;
        let url = self.address(claim.certificate)?;
        let now = self.shared.sleep.now();
        let cache = &self.shared.cache;
        let found = cache.get(&url, now).await?;
        let fits = |certificate: &super::certificate::Certificate| {
            certificate.signed(claim.algorithm, body, &claim.signature)
        };
        let mut certificate = found.certificate;
        if !found.fresh
            && (certificate.check_time(now).is_err() || !fits(&certificate))
            && let Some(renewed) = cache.renew(&url, now).await
        {
            certificate = renewed;
        }
        certificate.check_time(now).map_err(Refusal::Certificate)?;
        if !fits(&certificate) {
            return Err(Refusal::Mismatch);
        }
        Event::read(body).map_err(Refusal::NotAnEvent)
    }

    fn address(&self, text: &str) -> Result<Url, Refusal> {
        source::check(text, &self.shared.hosts).map_err(Refusal::Address)
    }
}

//! The sandbox as the network under the cosell clients, without a socket.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use cosell_http::{BodyLimit, Sent, Sleep, Transport, TransportError};
use http::{Request, Response};

use crate::{SandboxHandle, ServiceName, spoiled::Cut};

/// Which host names stand for which service. A name that starts with a dot stands for all hosts
/// below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hosts {
    /// Token endpoint.
    pub sign_in: Vec<String>,
    /// Partner Center.
    pub partner_center: Vec<String>,
    /// Dataverse.
    pub dataverse: Vec<String>,
    /// Webhook registration and certificates.
    pub webhooks: Vec<String>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            sign_in: vec!["login.microsoftonline.com".into()],
            partner_center: vec!["api.partner.microsoft.com".into()],
            dataverse: vec![".dynamics.com".into()],
            webhooks: vec![
                "api.partnercenter.microsoft.com".into(),
                "3psostorageacct.blob.core.windows.net".into(),
                "www.microsoft.com".into(),
            ],
        }
    }
}

impl Hosts {
    fn service(&self, host: &str) -> Option<ServiceName> {
        let matches = |names: &[String]| {
            names.iter().any(|name| {
                if name.starts_with('.') {
                    host.to_ascii_lowercase()
                        .ends_with(&name.to_ascii_lowercase())
                } else {
                    host.eq_ignore_ascii_case(name)
                }
            })
        };
        if matches(&self.sign_in) {
            Some(ServiceName::SignIn)
        } else if matches(&self.partner_center) {
            Some(ServiceName::PartnerCenter)
        } else if matches(&self.dataverse) {
            Some(ServiceName::Dataverse)
        } else if matches(&self.webhooks) {
            Some(ServiceName::Webhooks)
        } else {
            None
        }
    }
}

/// A [`Transport`] that ends in a sandbox.
///
/// Requests go to the real host names; nothing leaves the process. A lost answer becomes a
/// [`TransportError`] with [`Sent::Maybe`], as it would be for a client on the network: it cannot
/// know on which side of the effect the connection broke. A held request waits until somebody
/// releases it. A latency moves the sandbox's clock, unless [`with_sleep`](Self::with_sleep) gives
/// something to wait with.
#[derive(Clone, Debug)]
pub struct InProcess {
    sandbox: SandboxHandle,
    hosts: Hosts,
    sleep: Option<Arc<dyn Sleep>>,
}

impl InProcess {
    /// A transport into `sandbox` under the real host names.
    pub fn new(sandbox: SandboxHandle) -> Self {
        Self {
            sandbox,
            hosts: Hosts::default(),
            sleep: None,
        }
    }

    /// Listens under other host names.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Waits for latencies with `sleep`.
    #[must_use]
    pub fn with_sleep(mut self, sleep: Arc<dyn Sleep>) -> Self {
        self.sleep = Some(sleep);
        self
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default();
        let Some(service) = self.hosts.service(host) else {
            return Err(TransportError::new(
                Sent::No,
                format!("the sandbox answers for no host named {host:?}"),
            ));
        };
        let limit = request.extensions().get::<BodyLimit>().copied();
        let pause = |by: Duration| async move {
            match &self.sleep {
                Some(sleep) => sleep.sleep(by).await,
                None => self.sandbox.advance(by),
            }
        };
        let response = self
            .sandbox
            .answer(service, request, pause)
            .await
            .map_err(|lost| TransportError::new(Sent::Maybe, lost.to_string()))?;
        if response.extensions().get::<Cut>().is_some() {
            return Err(TransportError::new(
                Sent::Answered,
                "the connection was closed in the middle of the answer",
            ));
        }
        if let Some(BodyLimit(limit)) = limit
            && response.body().len() as u64 > limit
        {
            return Err(TransportError::new(
                Sent::Answered,
                format!("the answer is longer than {limit} bytes"),
            ));
        }
        Ok(response)
    }
}

//! The addresses of one sign-in service, and how they are reached.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use url::Url;

use crate::{Error, ErrorKind, Sent, Sleep, Transport, redact, target};

/// Where accounts of the global cloud sign in.
pub const ENTRA_AUTHORITY: &str = "https://login.microsoftonline.com";

/// Words of a scope that name no service.
const NO_SERVICE: [&str; 4] = ["openid", "profile", "email", "offline_access"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Is told the service as `resource`.
    V1,
    /// Is told the service as part of `scope`.
    V2,
}

/// The address that gives tokens, and how it is reached. Cheap to clone.
///
/// The pages where a person signs in are its neighbours: `authorize` and `devicecode` in the
/// place of `token`.
#[derive(Clone)]
pub struct TokenEndpoint {
    url: Url,
    version: Version,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Sleep>,
}

impl TokenEndpoint {
    /// The endpoint at `url`, such as `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    /// A path that ends in `/oauth2/token` is that of Entra's older version.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address is not https and not loopback.
    pub fn new(
        url: Url,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        target::check(&url).map_err(|fault| invalid(format!("token address: {fault}")))?;
        let version = if url.path().ends_with("/oauth2/token") {
            Version::V1
        } else {
            Version::V2
        };
        Ok(Self {
            url,
            version,
            transport,
            clock,
        })
    }

    /// The v2.0 endpoint of `tenant` (its id or a verified domain) at `authority`, for example
    /// [`ENTRA_AUTHORITY`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with all faults of authority and tenant.
    pub fn entra(
        authority: &Url,
        tenant: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        Self::at(authority, tenant, "oauth2/v2.0/token", transport, clock)
    }

    /// The older endpoint, for apps that were set up by the Partner Center documentation and
    /// are bound to it. Scopes are given as for v2.0; it is told the service in them.
    ///
    /// # Errors
    /// As for [`entra`](Self::entra).
    pub fn entra_v1(
        authority: &Url,
        tenant: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        Self::at(authority, tenant, "oauth2/token", transport, clock)
    }

    fn at(
        authority: &Url,
        tenant: &str,
        path: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        let mut faults = Vec::new();
        if let Err(fault) = target::check(authority) {
            faults.push(format!("authority: {fault}"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !tenant.starts_with(|c: char| c.is_ascii_alphanumeric()) || !tenant.chars().all(plain) {
            faults.push("tenant: give its id or a verified domain".into());
        }
        if !faults.is_empty() {
            return Err(invalid(faults.join("; ")));
        }
        let url = target::as_folder(authority.clone())
            .join(&format!("{tenant}/{path}"))
            .map_err(|fault| invalid(format!("authority: {fault}")))?;
        Self::new(url, transport, clock)
    }

    /// The address that gives tokens.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// A neighbour of the token address.
    pub(super) fn neighbour(&self, name: &str) -> Result<Url, Error> {
        let mut url = self
            .url
            .join(name)
            .map_err(|fault| invalid(format!("token address: {fault}")))?;
        url.set_query(None);
        Ok(url)
    }

    /// What may be printed of the address.
    pub(super) fn host(&self) -> String {
        target::origin(&self.url)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The parameter that names the service, as this version wants it.
    pub(super) fn asks_for(&self, scope: &str) -> (&'static str, String) {
        match self.version {
            Version::V2 => ("scope", scope.to_owned()),
            Version::V1 => ("resource", resource(scope).to_owned()),
        }
    }
}

/// The service in a scope such as `https://api.partner.microsoft.com/.default offline_access`.
fn resource(scope: &str) -> &str {
    let service = scope
        .split_whitespace()
        .find(|word| !NO_SERVICE.contains(word))
        .unwrap_or_default();
    ["/.default", "/user_impersonation"]
        .iter()
        .find_map(|end| service.strip_suffix(end))
        .unwrap_or(service)
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenEndpoint")
            .field(&redact::url(&self.url))
            .finish()
    }
}

fn invalid(fault: String) -> Error {
    Error::new("sign_in.endpoint", ErrorKind::Invalid, Sent::No, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_found_in_the_scope() {
        for (scope, service) in [
            (
                "https://api.partner.microsoft.com/.default offline_access",
                "https://api.partner.microsoft.com",
            ),
            (
                "openid https://org.crm.dynamics.com//.default",
                "https://org.crm.dynamics.com/",
            ),
            ("https://a.example/user_impersonation", "https://a.example"),
            ("https://a.example", "https://a.example"),
            ("offline_access", ""),
            ("", ""),
        ] {
            assert_eq!(resource(scope), service);
        }
    }
}

//! Managed identity and workload identity, by the official Azure identity crate.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use azure_core::{
    cloud::CloudConfiguration,
    credentials::TokenCredential,
    error::ErrorKind as AzureErrorKind,
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Request, StatusCode,
        Transport as AzureTransport, headers::Headers,
    },
};
use azure_identity::{
    ClientAssertionCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use chrono::{DateTime, Utc};

use super::{
    Cloud,
    advice::{Wording, refused},
};
use crate::{AccessToken, TokenError, TokenProvider, Transport, error::clip};

type Credential = Arc<dyn TokenCredential>;
type Make = Box<dyn Fn() -> azure_core::Result<Credential> + Send + Sync>;

/// How [`AzureTokens`] find their identity.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AzureOptions {
    /// The cloud to sign in to.
    pub cloud: Cloud,
    /// Client id: of a user-assigned managed identity, or of the app of a workload identity. By
    /// default the machine's own identity, or what `AZURE_CLIENT_ID` says.
    pub client_id: Option<String>,
    /// Tenant of a workload identity; what `AZURE_TENANT_ID` says by default.
    pub tenant: Option<String>,
    /// The file with a workload's token; what `AZURE_FEDERATED_TOKEN_FILE` says by default. Read
    /// anew as it is replaced.
    pub token_file: Option<PathBuf>,
    /// What requests go through; the official crate's own by default, since a managed identity is
    /// asked for over plain http at an address of the machine alone.
    pub transport: Option<Arc<dyn Transport>>,
}

impl AzureOptions {
    /// Sets the cloud.
    #[must_use]
    pub fn with_cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// Sets the client id.
    #[must_use]
    pub fn with_client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Sets the tenant of a workload identity.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the file with a workload's token.
    #[must_use]
    pub fn with_token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Sets what requests go through.
    #[must_use]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    fn client(&self) -> ClientOptions {
        let transport = self.transport.clone();
        ClientOptions {
            transport: transport.map(|given| AzureTransport::new(Arc::new(Through(given)))),
            cloud: Some(Arc::new(match self.cloud {
                Cloud::Public => CloudConfiguration::AzurePublic,
                Cloud::UsGovernment => CloudConfiguration::AzureGovernment,
                Cloud::China => CloudConfiguration::AzureChina,
            })),
            ..ClientOptions::default()
        }
    }
}

/// Tokens of an identity that Azure itself vouches for, so that there is no secret to keep.
///
/// The environment needs an application user for the identity's client id. The official crate
/// keeps tokens until shortly before their end; [`CachedTokens`](super::CachedTokens) around this
/// adds the single sign-in for many callers.
pub struct AzureTokens {
    scope: String,
    make: Make,
    held: Mutex<Option<Credential>>,
}

impl fmt::Debug for AzureTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureTokens")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl AzureTokens {
    /// The managed identity of the virtual machine, container or app service that this runs on,
    /// for `scope`, such as `https://contoso.crm4.dynamics.com/.default`.
    pub fn managed_identity(scope: impl Into<String>, options: AzureOptions) -> Self {
        Self::new(scope, move || {
            let given = ManagedIdentityCredentialOptions {
                user_assigned_id: options.client_id.clone().map(UserAssignedId::ClientId),
                client_options: options.client(),
            };
            let credential = ManagedIdentityCredential::new(Some(given))?;
            Ok(credential as Credential)
        })
    }

    /// The identity of a workload whose own provider (a Kubernetes cluster) vouches for it, for
    /// `scope`.
    pub fn workload_identity(scope: impl Into<String>, options: AzureOptions) -> Self {
        Self::new(scope, move || {
            let given = WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: options.client(),
                },
                client_id: options.client_id.clone(),
                tenant_id: options.tenant.clone(),
                token_file_path: options.token_file.clone(),
            };
            let credential = WorkloadIdentityCredential::new(Some(given))?;
            Ok(credential as Credential)
        })
    }

    /// Any credential of the official crate, for `scope`. After a refused token `make` is asked
    /// for a new one, whose cache is empty.
    pub fn new(
        scope: impl Into<String>,
        make: impl Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            scope: scope.into(),
            make: Box::new(make),
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Credential>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn credential(&self, anew: bool) -> Result<Credential, TokenError> {
        let mut held = self.held();
        match &*held {
            Some(credential) if !anew => Ok(credential.clone()),
            _ => {
                let made = (self.make)().map_err(|error| explain(&error))?;
                *held = Some(made.clone());
                Ok(made)
            }
        }
    }

    async fn ask(&self, credential: &Credential) -> Result<AccessToken, TokenError> {
        let token = credential
            .get_token(&[&self.scope], None)
            .await
            .map_err(|error| explain(&error))?;
        let expires: DateTime<Utc> = DateTime::from_timestamp(token.expires_on.unix_timestamp(), 0)
            .ok_or_else(|| TokenError::Malformed("its end is no moment".to_owned()))?;
        Ok(AccessToken::new(
            token.token.secret().to_owned().into(),
            expires,
        ))
    }
}

#[async_trait]
impl TokenProvider for AzureTokens {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let token = self.ask(&self.credential(false)?).await?;
        let is_refused = |token: &AccessToken| refused.is_some_and(|old| old.same_as(token));
        if !is_refused(&token) {
            return Ok(token);
        }
        let token = self.ask(&self.credential(true)?).await?;
        if is_refused(&token) {
            return Err(TokenError::Malformed(
                "the identity service gives the refused token again: check that the environment \
                 knows the identity, and the scope"
                    .to_owned(),
            ));
        }
        Ok(token)
    }
}

/// The official crate's requests over a transport of ours.
#[derive(Debug)]
struct Through(Arc<dyn Transport>);

#[async_trait]
impl HttpClient for Through {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let fault =
            |text: &'static str| azure_core::Error::with_message(AzureErrorKind::Other, text);
        let Body::Bytes(body) = request.body() else {
            return Err(fault("a body that streams is not sent here"));
        };
        let mut sent = http::Request::builder()
            .method(request.method().as_ref())
            .uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        let sent = sent
            .body(body.clone())
            .map_err(|_| fault("the request cannot be written"))?;
        let answer = self
            .0
            .send(sent)
            .await
            .map_err(|error| azure_core::Error::new(AzureErrorKind::Io, error))?;
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let status = StatusCode::from(answer.status().as_u16());
        Ok(AsyncRawResponse::from_bytes(
            status,
            headers,
            answer.into_body(),
        ))
    }
}

/// The official crate's error in our terms, with its causes.
fn explain(error: &azure_core::Error) -> TokenError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    const WORDS: [&str; 7] = [
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "invalid_scope",
        "invalid_resource",
        "interaction_required",
        "invalid_request",
    ];
    if text.contains("AADSTS") {
        let word = WORDS.into_iter().find(|word| text.contains(word));
        let wording = Wording {
            description: Some(&text),
            ..Wording::default()
        };
        return refused(word.unwrap_or("refused"), wording);
    }
    let text = clip(&text, 500);
    match error.kind() {
        AzureErrorKind::Io | AzureErrorKind::Connection => TokenError::Unreachable(text),
        AzureErrorKind::HttpResponse { status, .. }
            if status.is_server_error() || u16::from(*status) == 429 =>
        {
            TokenError::Unreachable(text)
        }
        _ => TokenError::Credential(format!(
            "{text}; is the identity assigned to this machine or workload?"
        )),
    }
}

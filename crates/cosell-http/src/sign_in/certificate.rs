//! A confidential client that proves itself with a certificate.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{ClientAssertion, der, pem};
use crate::{Error, ErrorKind, Sent, TokenError};

/// Life of a statement. The service wants minutes, not hours.
const LIFE: TimeDelta = TimeDelta::minutes(10);

/// A certificate of an app registration with its RSA key: makes PS256 statements that name the
/// certificate by its SHA-256 thumbprint. Cheap to clone.
#[derive(Clone)]
pub struct ClientCertificate {
    key: Arc<RsaKeyPair>,
    thumbprint: String,
    ends: DateTime<Utc>,
}

impl ClientCertificate {
    /// Reads PEM texts: `certificate` (the first one counts) and its `key`, an unencrypted
    /// `PRIVATE KEY` or `RSA PRIVATE KEY`. Both may be the same text.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with all faults; no part of either text is quoted.
    pub fn from_pem(certificate: &str, key: &SecretString) -> Result<Self, Error> {
        let mut faults = Vec::new();
        let der = pem::block(certificate, &["CERTIFICATE"]).map(|(_, der)| der);
        let parts = der.as_deref().and_then(der::end_and_key);
        if parts.is_none() {
            faults.push("certificate: give a PEM text with BEGIN CERTIFICATE");
        }
        let key = read_key(key.expose_secret());
        if let Err(fault) = &key {
            faults.push(fault);
        }
        if let (Some((_, public)), Ok(key)) = (&parts, &key)
            && !contains(public, key.public_key().as_ref())
        {
            faults.push("key: it is not the key of this certificate");
        }
        match (der, key) {
            (Some(der), Ok(key)) if faults.is_empty() => Ok(Self {
                key: Arc::new(key),
                thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
                ends: der::end_and_key(&der).map_or(DateTime::<Utc>::MIN_UTC, |(end, _)| end),
            }),
            _ => Err(Error::new(
                "sign_in.certificate",
                ErrorKind::Invalid,
                Sent::No,
                faults.join("; "),
            )),
        }
    }

    /// When the certificate ends; see
    /// [`HealthOptions::with_certificate_ends`](super::HealthOptions::with_certificate_ends).
    pub fn ends(&self) -> DateTime<Utc> {
        self.ends
    }

    fn sign(&self, client_id: &str, audience: &Url, now: DateTime<Utc>) -> Option<String> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": audience.as_str(),
            "iss": client_id,
            "sub": client_id,
            "jti": Uuid::new_v4(),
            "nbf": now.timestamp(),
            "iat": now.timestamp(),
            "exp": (now + LIFE).timestamp(),
        });
        let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
        let mut statement = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                statement.as_bytes(),
                &mut signature,
            )
            .ok()?;
        statement.push('.');
        statement.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Some(statement)
    }
}

fn read_key(text: &str) -> Result<RsaKeyPair, &'static str> {
    const OTHER: &str = "key: give an RSA key of 2048 bits or more";
    match pem::block(text, &["PRIVATE KEY", "RSA PRIVATE KEY"]) {
        Some(("PRIVATE KEY", der)) => RsaKeyPair::from_pkcs8(&der).map_err(|_| OTHER),
        Some((_, der)) => RsaKeyPair::from_der(&der).map_err(|_| OTHER),
        None => Err("key: give a PEM text with an unencrypted BEGIN PRIVATE KEY"),
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && all.windows(part.len()).any(|window| window == part)
}

#[async_trait]
impl ClientAssertion for ClientCertificate {
    async fn assertion(
        &self,
        client_id: &str,
        audience: &Url,
        now: DateTime<Utc>,
    ) -> Result<SecretString, TokenError> {
        if now >= self.ends {
            return Err(TokenError::Credential(format!(
                "the certificate ended {}; add a new one to the app registration and give it here",
                self.ends.format("%Y-%m-%d")
            )));
        }
        self.sign(client_id, audience, now)
            .map(SecretString::from)
            .ok_or_else(|| TokenError::Credential("the key cannot sign; give an RSA key".into()))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

//! The signed statement of an application that has a certificate.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Endpoint, refusal::Refusal};
use crate::accounts::App;

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Endpoint<'_> {
    /// Checks the statement as the service does: certificate, signature, names, time.
    pub(super) fn check_statement(&self, app: &App, statement: &str) -> Result<(), Refusal> {
        let refuse = |code, text: &str| Refusal::new("invalid_client", code, text);
        if self.field("client_assertion_type") != Some(KIND) {
            return Err(refuse(
                700_027,
                "The 'client_assertion_type' is not supported.",
            ));
        }
        let malformed = || refuse(50027, "The JWT token is invalid or malformed.");
        let (signed, signature) = statement.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let header = part(header).ok_or_else(malformed)?;
        let claims = part(claims).ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;

        let certificate = app.certificates.iter().find(|der| {
            let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, der));
            header["x5t#S256"] == thumbprint.as_str()
        });
        let unknown = || {
            refuse(
                700_027,
                "The certificate with identifier used to sign the client assertion is not \
                 registered on application, or the signature is invalid.",
            )
        };
        let key = certificate
            .and_then(|der| public_key(der))
            .ok_or_else(unknown)?;
        if header["alg"] != "PS256" {
            return Err(unknown());
        }
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| unknown())?;

        let id = app.client_id.as_str();
        if claims["iss"] != id || claims["sub"] != id {
            return Err(refuse(
                700_021,
                "Client assertion application identifier doesn't match 'client_id' parameter.",
            ));
        }
        let path = self.request.uri().path();
        let audience = claims["aud"].as_str().unwrap_or_default();
        let fits = |host: &str| audience == format!("{host}{path}");
        let asked = self.request.uri();
        let here = format!(
            "{}://{}",
            asked.scheme_str().unwrap_or("https"),
            asked.authority().map_or("", http::uri::Authority::as_str)
        );
        if !fits(&here) && !fits("https://login.microsoftonline.com") {
            return Err(refuse(
                700_023,
                "Client assertion audience claim does not match Realm issuer.",
            ));
        }
        let now = self.now.timestamp();
        let begins = claims["nbf"].as_i64().unwrap_or(now);
        let ends = claims["exp"].as_i64().unwrap_or_default();
        if now < begins || now >= ends {
            return Err(refuse(
                700_024,
                "Client assertion is not within its valid time range.",
            ));
        }
        Ok(())
    }
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The element `subjectPublicKeyInfo` of a certificate.
fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (content, _) = element(der)?;
    let (mut rest, _) = element(content)?;
    // The version may be left out; then four elements come before the key, and the version's
    // tag is not the first.
    let before = if rest.first() == Some(&0xa0) { 6 } else { 5 };
    for _ in 0..before {
        (_, rest) = element(rest)?;
    }
    let (_, after) = element(rest)?;
    rest.get(..rest.len() - after.len())
}

/// Content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(*bytes.get(1)?);
    let (length, head) = match first {
        0..=0x7f => (first, 2),
        0x81..=0x84 => {
            let digits = bytes.get(2..2 + first - 0x80)?;
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, 2 + digits.len())
        }
        _ => return None,
    };
    bytes.get(head..)?.split_at_checked(length)
}

//! What a post claims in its headers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithms;

use super::Refusal;

const OWN_HEADER: &str = "x-ms-signature";
const CERTIFICATE: &str = "x-ms-certificate-url";
const ALGORITHM: &str = "x-ms-signature-algorithm";

/// Longest signature as text: RSA of 8192 bits, with room.
const LONGEST: usize = 2048;

/// Signature, algorithm and address of the certificate.
pub(super) struct Claim<'a> {
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: &'static dyn SignatureVerificationAlgorithm,
    pub(super) certificate: &'a str,
}

impl<'a> Claim<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let encoded = signature(headers)?;
        let certificate = single(headers, CERTIFICATE)?;
        let algorithm = algorithm(single(headers, ALGORITHM)?)?;
        // A text that is no base64 is no signature of anything.
        let signature = STANDARD.decode(encoded).map_err(|_| Refusal::Mismatch)?;
        Ok(Self {
            signature,
            algorithm,
            certificate,
        })
    }
}

/// The base64 text in the header of the service's own, else in the usual one. Where a gateway
/// keeps `Authorization` for itself, that one holds something else.
fn signature(headers: &HeaderMap) -> Result<&str, Refusal> {
    let (name, header) = if headers.contains_key(OWN_HEADER) {
        (OWN_HEADER, single(headers, OWN_HEADER))
    } else if headers.contains_key(header::AUTHORIZATION) {
        ("authorization", single(headers, "authorization"))
    } else {
        return Err(Refusal::NoSignature);
    };
    let value = header?;
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("signature") {
        return Err(Refusal::OtherScheme);
    }
    let encoded = encoded.trim();
    if encoded.is_empty() {
        return Err(Refusal::NoSignature);
    }
    if encoded.len() > LONGEST {
        return Err(Refusal::Header { header: name });
    }
    Ok(encoded)
}

/// A header that must be there once: of two, another reader might take the other.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
    .filter(|value| !value.is_empty())
    .ok_or(Refusal::Header { header: name })
}

fn algorithm(name: &str) -> Result<&'static dyn SignatureVerificationAlgorithm, Refusal> {
    let (key, hash) = name.split_once('-').ok_or(Refusal::Algorithm)?;
    if !key.trim().eq_ignore_ascii_case("rsa") {
        return Err(Refusal::Algorithm);
    }
    match hash.trim().to_ascii_lowercase().as_str() {
        "sha256" => Ok(algorithms::RSA_PKCS1_2048_8192_SHA256),
        "sha384" => Ok(algorithms::RSA_PKCS1_2048_8192_SHA384),
        "sha512" => Ok(algorithms::RSA_PKCS1_2048_8192_SHA512),
        _ => Err(Refusal::Algorithm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<Vec<u8>, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Claim::read(&map).map(|claim| claim.signature)
    }

    const URL: (&str, &str) = (CERTIFICATE, "https://store.example/a.cer");
    const RSA: (&str, &str) = (ALGORITHM, "rsa-sha256");

    // R46
    #[test]
    fn both_headers_are_read_and_the_service_s_own_goes_first() {
        let usual = ("authorization", "Signature AQID");
        let own = (OWN_HEADER, "signature BAUG");
        let gateway = ("authorization", "Bearer abc");
        assert_eq!(read(&[usual, URL, RSA]), Ok(vec![1, 2, 3]));
        assert_eq!(read(&[own, URL, RSA]), Ok(vec![4, 5, 6]));
        assert_eq!(read(&[usual, own, URL, RSA]), Ok(vec![4, 5, 6]));
        assert_eq!(read(&[gateway, own, URL, RSA]), Ok(vec![4, 5, 6]));
        assert_eq!(read(&[gateway, URL, RSA]), Err(Refusal::OtherScheme));
    }

    #[test]
    fn what_is_missing_or_there_twice_is_refused() {
        let good = ("authorization", "Signature AQID");
        let header = |header| Err(Refusal::Header { header });
        assert_eq!(read(&[URL, RSA]), Err(Refusal::NoSignature));
        assert_eq!(
            read(&[("authorization", "Signature"), URL, RSA]),
            Err(Refusal::NoSignature)
        );
        assert_eq!(read(&[good, RSA]), header(CERTIFICATE));
        assert_eq!(read(&[good, URL]), header(ALGORITHM));
        assert_eq!(read(&[good, good, URL, RSA]), header("authorization"));
        assert_eq!(read(&[good, URL, URL, RSA]), header(CERTIFICATE));
        let long = format!("Signature {}", "A".repeat(4096));
        assert_eq!(
            read(&[("authorization", &long), URL, RSA]),
            header("authorization")
        );
        let odd = ("authorization", "Signature !!!");
        assert_eq!(read(&[odd, URL, RSA]), Err(Refusal::Mismatch));
    }

    #[test]
    fn weak_and_unknown_algorithms_are_refused() {
        let good = ("authorization", "Signature AQID");
        for name in ["RSA-SHA256", "rsa-sha384", "Rsa-Sha512"] {
            assert!(read(&[good, URL, (ALGORITHM, name)]).is_ok(), "{name}");
        }
        for name in [
            "rsa-sha1",
            "rsa-md5",
            "sha256",
            "rsa",
            "rsa-",
            "ecdsa-sha256",
            "rsa-pss-sha256",
            "none",
            "rsa-sha256-x",
            "hmac-sha256",
        ] {
            let refused = read(&[good, URL, (ALGORITHM, name)]);
            assert_eq!(refused, Err(Refusal::Algorithm), "{name}");
        }
    }
}

//! The signing certificate: read, and trusted or not.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime, pem::PemObject,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
    x509::{AttributeTypeAndValue, X509Name},
};

/// Certificates in one file that are looked at.
const LONGEST_CHAIN: usize = 8;

/// Why a certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Neither binary nor text form of a certificate.
    #[error("it cannot be read")]
    Unreadable,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not begun.
    #[error("it is not valid yet")]
    NotYetValid,
    /// No chain leads to a trusted root.
    #[error(
        "no chain leads from its issuer, {issuer}, to a trusted root; if that is Microsoft's, add \
         the intermediate certificate, or the host of its address to the hosts of issuers"
    )]
    UnknownIssuer {
        /// Distinguished name of the issuer; not proven.
        issuer: String,
    },
    /// The chain breaks a rule: weak signature, constraint, use as an authority.
    #[error("its chain breaks a rule: {rule}")]
    Chain {
        /// The rule, in the words of the library that checks it.
        rule: String,
    },
    /// The issuer is another organization.
    #[error("its issuer, {issuer}, is not the expected organization")]
    Organization {
        /// Distinguished name of the issuer.
        issuer: String,
    },
    /// It is made out to another name.
    #[error("it is made out to {subject}, not to an expected name")]
    Subject {
        /// Distinguished name of the subject.
        subject: String,
    },
}

/// The roots that certificate chains must end in.
#[derive(Clone)]
pub struct TrustAnchors(Vec<TrustAnchor<'static>>);

/// No roots could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TrustError(String);

impl TrustAnchors {
    /// The roots that this system trusts. Reads files: do it once.
    ///
    /// # Errors
    /// [`TrustError`] if there are none; give them with [`from_pem`](Self::from_pem) then.
    pub fn system() -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        // Odd certificates in a system's store are usual, and no reason to trust none.
        let anchors: Vec<_> = found.certs.iter().filter_map(anchor).collect();
        if anchors.is_empty() {
            return Err(TrustError(
                "the system has no trusted certificates; install them (ca-certificates) or give \
                 the roots"
                    .into(),
            ));
        }
        Ok(Self(anchors))
    }

    /// The roots of a PEM text.
    ///
    /// # Errors
    /// [`TrustError`] if one cannot be read, or the text holds none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let mut anchors = Vec::new();
        for certificate in read_pem(pem)? {
            let anchor = anchor(&certificate).ok_or_else(|| {
                TrustError(format!("certificate {} is no root", anchors.len() + 1))
            })?;
            anchors.push(anchor);
        }
        Ok(Self(anchors))
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.0.len())
    }
}

fn anchor(certificate: &CertificateDer<'static>) -> Option<TrustAnchor<'static>> {
    webpki::anchor_from_trusted_cert(certificate)
        .ok()
        .map(|anchor| anchor.to_owned())
}

/// The certificates of a PEM text, one at least.
pub(super) fn read_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) => Err(TrustError(
            "the text holds no certificate in PEM form".into(),
        )),
        Err(_) => Err(TrustError("the text is damaged PEM".into())),
    }
}

/// What a certificate must be.
#[derive(Debug)]
pub(super) struct Demands {
    pub(super) anchors: TrustAnchors,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) organizations: Vec<String>,
    /// Any, if empty.
    pub(super) subjects: Vec<String>,
}

/// A certificate that was found good.
#[derive(Debug)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Certificate {
    /// Proves what the first of `chain` says: the others are what may lie between it and a root.
    pub(super) fn prove(
        chain: &[CertificateDer<'static>],
        demands: &Demands,
        now: DateTime<Utc>,
    ) -> Result<Self, CertificateFault> {
        let (der, between) = chain.split_first().ok_or(CertificateFault::Unreadable)?;
        let mut between = between.to_vec();
        between.extend(demands.intermediates.iter().cloned());

        let (_, fields) =
            X509Certificate::from_der(der).map_err(|_| CertificateFault::Unreadable)?;
        let entity = EndEntityCert::try_from(der).map_err(|_| CertificateFault::Unreadable)?;
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        entity
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &demands.anchors.0,
                &between,
                time,
                AnyUse,
                None,
                None,
            )
            .map_err(|error| untrusted(&error, &fields))?;

        // Only now is the issuer's name proven.
        if !has(fields.issuer().iter_organization(), &demands.organizations) {
            return Err(CertificateFault::Organization {
                issuer: name(fields.issuer()),
            });
        }
        let subjects = &demands.subjects;
        if !subjects.is_empty() && !has(fields.subject().iter_common_name(), subjects) {
            return Err(CertificateFault::Subject {
                subject: name(fields.subject()),
            });
        }
        let validity = fields.validity();
        let moment = |seconds| DateTime::from_timestamp(seconds, 0);
        let from = moment(validity.not_before.timestamp());
        let until = moment(validity.not_after.timestamp());
        let (Some(from), Some(until)) = (from, until) else {
            return Err(CertificateFault::Unreadable);
        };
        Ok(Self {
            der: der.clone(),
            from,
            until,
        })
    }

    /// Is it valid at this moment?
    pub(super) fn check_time(&self, now: DateTime<Utc>) -> Result<(), CertificateFault> {
        if now < self.from {
            Err(CertificateFault::NotYetValid)
        } else if now > self.until {
            Err(CertificateFault::Expired)
        } else {
            Ok(())
        }
    }

    /// Is this the signature of `body`?
    pub(super) fn signed(
        &self,
        algorithm: &'static dyn SignatureVerificationAlgorithm,
        body: &[u8],
        signature: &[u8],
    ) -> bool {
        EndEntityCert::try_from(&self.der)
            .is_ok_and(|entity| entity.verify_signature(algorithm, body, signature).is_ok())
    }
}

/// The public record does not say what the certificate is made for, so any purpose will do.
struct AnyUse;

impl ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// Binary, PEM (with intermediates behind the certificate), or base64 without marks.
pub(super) fn read_file(file: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if file.first() == Some(&0x30) {
        return Some(vec![CertificateDer::from(file.to_vec())]);
    }
    let text = std::str::from_utf8(file).ok()?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.contains("-----BEGIN") {
        let chain = read_pem(text.as_bytes()).ok()?;
        return (chain.len() <= LONGEST_CHAIN).then_some(chain);
    }
    let plain: String = text.split_ascii_whitespace().collect();
    let der = STANDARD.decode(plain).ok()?;
    (!der.is_empty()).then(|| vec![CertificateDer::from(der)])
}

/// Where a certificate says that its issuer's is found.
pub(super) fn issuer_address(certificate: &CertificateDer<'_>) -> Option<String> {
    // The method "issuers of the authority".
    const ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
    let (_, fields) = X509Certificate::from_der(certificate).ok()?;
    fields.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return None;
        };
        access.iter().find_map(|one| match one.access_location {
            GeneralName::URI(address) if one.access_method.to_id_string() == ISSUERS => {
                Some(address.to_owned())
            }
            _ => None,
        })
    })
}

fn untrusted(error: &webpki::Error, fields: &X509Certificate<'_>) -> CertificateFault {
    match error {
        webpki::Error::CertExpired { .. } => CertificateFault::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateFault::NotYetValid,
        webpki::Error::UnknownIssuer => CertificateFault::UnknownIssuer {
            issuer: name(fields.issuer()),
        },
        webpki::Error::BadDer => CertificateFault::Unreadable,
        other => CertificateFault::Chain {
            rule: clip(&format!("{other:?}")),
        },
    }
}

fn has<'a>(
    mut found: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>,
    expected: &[String],
) -> bool {
    found.any(|part| {
        part.as_str()
            .is_ok_and(|part| expected.iter().any(|name| name == part))
    })
}

fn name(name: &X509Name<'_>) -> String {
    clip(&name.to_string())
}

/// Names come from outside: one line of bounded length.
fn clip(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

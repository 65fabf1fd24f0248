//! The authority of the sandbox and what it signs with.
//!
//! Keys are made when they are first needed: most sandboxes never sign anything.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _,
    date_time_ymd,
};

use super::options::{CertificateFile, Signature};

const MICROSOFT: &str = "Microsoft Corporation";

/// Where the signing certificate says that its issuer is found. Certificates say so over http.
const ISSUER_AT: &str = "http://www.microsoft.com/pkiops/certs/Sandbox%20Issuing%20CA%2001.crt";

/// Shared by all forks of a sandbox, which therefore sign alike.
#[derive(Clone, Default)]
pub(super) struct Keys {
    genuine: Arc<OnceLock<Option<Authority>>>,
    forger: Arc<OnceLock<Option<KeyPair>>>,
}

/// Certificates under one RSA key. Only the forger has another.
struct Authority {
    key: KeyPair,
    root: String,
    intermediate: String,
    by_root: Certificate,
    by_intermediate: String,
    issuer_elsewhere: Vec<u8>,
    issuer: Vec<u8>,
    expired: String,
    other_organization: String,
    untrusted: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    fn authority(&self) -> Option<&Authority> {
        self.genuine.get_or_init(|| Authority::new().ok()).as_ref()
    }

    /// The root that receivers are to trust, as PEM.
    pub(super) fn root(&self) -> String {
        self.authority()
            .map(|authority| authority.root.clone())
            .unwrap_or_default()
    }

    /// The signature of `body` as base64.
    pub(super) fn sign(&self, body: &[u8], how: Signature) -> String {
        let key = match how {
            Signature::Forged => self
                .forger
                .get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).ok())
                .as_ref(),
            _ => self.authority().map(|authority| &authority.key),
        };
        key.and_then(|key| key.sign(body).ok())
            .map(|signature| STANDARD.encode(signature))
            .unwrap_or_default()
    }

    /// The certificate named `name`, as it is served.
    pub(super) fn file(&self, name: &str, form: CertificateFile) -> Option<Vec<u8>> {
        let authority = self.authority()?;
        let text = |pem: &str| Some(pem.as_bytes().to_vec());
        match name {
            "expired.cer" => text(&authority.expired),
            "contoso.cer" => text(&authority.other_organization),
            "untrusted.cer" => text(&authority.untrusted),
            "pcnotifications-dispatch.microsoft.com.cer" => {
                let der = authority.by_root.der();
                Some(match form {
                    CertificateFile::Der => der.to_vec(),
                    CertificateFile::Base64 => STANDARD.encode(der).into_bytes(),
                    CertificateFile::Pem => authority.by_root.pem().into_bytes(),
                    CertificateFile::PemChain => {
                        format!("{}{}", authority.by_intermediate, authority.intermediate)
                            .into_bytes()
                    }
                    CertificateFile::IssuerElsewhere => authority.issuer_elsewhere.clone(),
                })
            }
            _ => None,
        }
    }

    /// The certificate of the issuer whose file has this name.
    pub(super) fn issuer(&self, name: &str) -> Option<Vec<u8>> {
        let authority = self.authority()?;
        ISSUER_AT
            .ends_with(&format!("/{name}"))
            .then(|| authority.issuer.clone())
    }
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let root = CertifiedIssuer::self_signed(authority(MICROSOFT, "Sandbox Root")?, small()?)?;
        let intermediate = CertifiedIssuer::signed_by(
            authority(MICROSOFT, "Sandbox Issuing CA 01")?,
            small()?,
            &root,
        )?;
        let contoso = CertifiedIssuer::signed_by(
            authority("Contoso Ltd", "Contoso Issuing CA")?,
            small()?,
            &root,
        )?;
        let stranger =
            CertifiedIssuer::self_signed(authority(MICROSOFT, "Sandbox Root")?, small()?)?;

        let mut apart = leaf()?;
        apart.custom_extensions.push(issuer_is_at(ISSUER_AT));
        let mut old = leaf()?;
        old.not_before = date_time_ymd(2020, 1, 1);
        old.not_after = date_time_ymd(2021, 1, 1);
        let by_contoso = leaf()?.signed_by(&key, &contoso)?.pem();
        Ok(Self {
            by_root: leaf()?.signed_by(&key, &root)?,
            by_intermediate: leaf()?.signed_by(&key, &intermediate)?.pem(),
            issuer_elsewhere: apart.signed_by(&key, &intermediate)?.der().to_vec(),
            issuer: intermediate.der().to_vec(),
            expired: old.signed_by(&key, &root)?.pem(),
            other_organization: format!("{by_contoso}{}", contoso.pem()),
            untrusted: leaf()?.signed_by(&key, &stranger)?.pem(),
            root: root.pem(),
            intermediate: intermediate.pem(),
            key,
        })
    }
}

/// The extension that names the address of the issuer's certificate (authority information access).
/// The address has at most a hundred bytes, so that each length fits into one.
fn issuer_is_at(address: &str) -> CustomExtension {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap_or_default();
        [&[tag, length], content].concat()
    };
    // The method "issuers of the authority", 1.3.6.1.5.5.7.48.2.
    let method = tagged(0x06, &[0x2b, 6, 1, 5, 5, 7, 0x30, 2]);
    let place = tagged(0x86, address.as_bytes());
    let access = tagged(0x30, &[method, place].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], tagged(0x30, &access))
}

/// Issuers sign nothing but certificates, so they may have keys that are quick to make.
fn small() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

fn authority(organization: &str, name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = named(organization, name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params)
}

fn leaf() -> Result<CertificateParams, rcgen::Error> {
    named(MICROSOFT, "pcnotifications-dispatch.microsoft.com")
}

fn named(organization: &str, name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CountryName, "US");
    params
        .distinguished_name
        .push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    Ok(params)
}

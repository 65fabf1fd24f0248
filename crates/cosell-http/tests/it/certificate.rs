//! An application that proves itself with a certificate.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use cosell_http::{
    ErrorKind, TokenError, TokenProvider,
    sign_in::{
        App, ClientAssertion, ClientCertificate, ClientCredentials, Cure, MemoryRefreshToken,
        RefreshToken,
    },
};
use cosell_sandbox::{CLIENT_ID, REFRESH_TOKEN, SignInOptions};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::world::{DATAVERSE, OPPORTUNITIES, REFERRALS, REFERRALS_LIST, World};

const CLIENT: &str = CLIENT_ID;

struct Made {
    pem: String,
    key: SecretString,
    der: Vec<u8>,
}

fn make(until: i32) -> Made {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    Made {
        pem: certificate.pem(),
        key: key.serialize_pem().into(),
        der: certificate.der().to_vec(),
    }
}

fn read(made: &Made) -> ClientCertificate {
    ClientCertificate::from_pem(&made.pem, &made.key).unwrap()
}

fn world(registered: &Made) -> World {
    let mut options = SignInOptions::default();
    options.apps[0].certificates.push(registered.der.clone());
    World::new(options)
}

#[tokio::test]
async fn a_certificate_takes_the_place_of_a_secret() {
    let made = make(2051);
    let world = world(&made);
    let certificate = Arc::new(read(&made));
    assert_eq!(certificate.ends().to_rfc3339(), "2051-01-01T00:00:00+00:00");
    for endpoint in [world.endpoint(), world.old_endpoint()] {
        let app = App::with_assertion(endpoint, CLIENT, certificate.clone());
        let token = ClientCredentials::of(app.clone(), DATAVERSE)
            .token(None)
            .await;
        assert_eq!(world.open(OPPORTUNITIES, &token.unwrap()).await, 200);
        let store = MemoryRefreshToken::new(REFRESH_TOKEN.into());
        let token = RefreshToken::of(app, REFERRALS, store).token(None).await;
        assert_eq!(world.open(REFERRALS_LIST, &token.unwrap()).await, 200);
    }
}

#[tokio::test]
async fn the_statement_is_as_documented() {
    let made = make(2051);
    let audience = Url::parse("https://login.microsoftonline.com/t/oauth2/v2.0/token").unwrap();
    let now = "2026-03-09T14:00:00Z".parse().unwrap();
    let certificate = read(&made);
    let statement = certificate.assertion(CLIENT, &audience, now).await.unwrap();
    let again = certificate.assertion(CLIENT, &audience, now).await.unwrap();
    let part = |statement: &SecretString, index| -> serde_json::Value {
        let part = statement.expose_secret().split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let header = part(&statement, 0);
    assert_eq!(header["alg"], "PS256");
    assert_eq!(header["typ"], "JWT");
    assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
    let claims = part(&statement, 1);
    assert_eq!(claims["aud"], audience.as_str());
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&CLIENT.into(), &CLIENT.into())
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(),
        600
    );
    assert_ne!(claims["jti"], part(&again, 1)["jti"], "none is used twice");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_cure() {
    let (known, other) = (make(2051), make(2051));
    let world = world(&known);
    let credentials = |id: &str, made: &Made| {
        let app = App::with_assertion(world.endpoint(), id, Arc::new(read(made)));
        ClientCredentials::of(app, DATAVERSE)
    };
    let error = credentials(CLIENT, &other).token(None).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_client AADSTS700027"));
    assert_eq!(error.cure(), Cure::Settings);

    // A clock that is wrong by an hour.
    #[derive(Debug)]
    struct Late(ClientCertificate);
    #[async_trait::async_trait]
    impl ClientAssertion for Late {
        async fn assertion(
            &self,
            client_id: &str,
            audience: &Url,
            now: chrono::DateTime<chrono::Utc>,
        ) -> Result<SecretString, TokenError> {
            self.0
                .assertion(client_id, audience, now - TimeDelta::hours(1))
                .await
        }
    }
    let late = Arc::new(Late(read(&known)));
    let app = App::with_assertion(world.endpoint(), CLIENT, late);
    let error = ClientCredentials::of(app, DATAVERSE)
        .token(None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("invalid_client AADSTS700024"));
    assert!(error.to_string().contains("clock"), "{error}");

    let ended = read(&make(2025));
    let app = App::with_assertion(world.endpoint(), CLIENT, Arc::new(ended));
    let requests = world.sandbox.counts().sign_in.requests;
    let error = ClientCredentials::of(app, DATAVERSE)
        .token(None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ended 2025-01-01"), "{error}");
    assert_eq!(
        world.sandbox.counts().sign_in.requests,
        requests,
        "not asked"
    );
}

#[test]
fn wrong_texts_are_told_with_all_their_faults() {
    let (one, two) = (make(2051), make(2051));
    for (certificate, key, told) in [
        ("", "".into(), &["certificate:", "key:"][..]),
        (
            &*one.pem,
            two.key.clone(),
            &["not the key of this certificate"],
        ),
        (&*one.pem, one.pem.clone().into(), &["key: give a PEM text"]),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            one.key.clone(),
            &["certificate:"],
        ),
    ] {
        let error = ClientCertificate::from_pem(certificate, &key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = format!("{error} {error:?}");
        for part in told {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("MII"), "{text}");
    }
    let both = SecretString::from(format!("{}{}", one.pem, one.key.expose_secret()));
    let certificate = ClientCertificate::from_pem(both.expose_secret(), &both).unwrap();
    let printed = format!("{certificate:?}");
    assert!(printed.len() < 200, "{printed}");
}

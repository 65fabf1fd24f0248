use super::*;

fn refuse(oauth: &str, description: Option<&str>) -> TokenError {
    let wording = Wording {
        description,
        ..Wording::default()
    };
    refused(oauth, wording)
}

#[test]
fn a_refusal_names_code_and_cure_and_no_session() {
    let error = refuse(
        "invalid_grant",
        Some(
            "AADSTS50076: Due to a change you must use multi-factor authentication.\r\n\
             Trace ID: 8f9a1b2c Correlation ID: 2c7d Timestamp: 2026-03-09 14:22:31Z",
        ),
    );
    let text = error.to_string();
    assert!(text.contains("invalid_grant AADSTS50076"), "{text}");
    assert!(text.contains("second factor"), "{text}");
    for session in ["Trace", "8f9a", "2c7d", "14:22", "\n"] {
        assert!(!text.contains(session), "{text}");
    }
}

#[test]
fn odd_refusals_are_borne() {
    for description in [
        None,
        Some(""),
        Some("AADSTS"),
        Some("AADSTS999999999999: x"),
    ] {
        let error = refuse("made_up", description);
        let TokenError::Refused { code, advice, .. } = &error else {
            panic!("not a refusal");
        };
        assert_eq!(code, "made_up");
        assert_eq!(advice, OTHERWISE);
        assert_eq!(error.cure(), Cure::LookUp);
    }
}

#[test]
fn no_number_and_no_word_has_two_cures() {
    let mut all: Vec<_> = NUMBERS.iter().flat_map(|row| row.numbers).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    let mut all: Vec<_> = WORDS.iter().flat_map(|(words, ..)| *words).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

/// Each number that the public record names, the word it comes with, and what to do.
#[test]
fn every_number_of_the_record_has_its_cure() {
    let record: &[(&str, &[u32], Cure)] = &[
        (
            "invalid_grant",
            &[
                50072, 50074, 50076, 50079, 50055, 50144, 50173, 70000, 70008, 700082, 700084,
                70043,
            ],
            Cure::SignIn,
        ),
        ("login_required", &[50058], Cure::SignIn),
        ("interaction_required", &[50078, 16000], Cure::SignIn),
        ("invalid_grant", &[54005, 501481], Cure::StartOver),
        ("expired_token", &[70019], Cure::StartOver),
        ("bad_verification_code", &[70018], Cure::StartOver),
        ("authorization_pending", &[70016], Cure::Wait),
        ("invalid_request", &[50196], Cure::Wait),
        (
            "invalid_grant",
            &[50034, 50053, 50057, 50126],
            Cure::Account,
        ),
        (
            "invalid_grant",
            &[50105, 53003, 530035],
            Cure::Administrator,
        ),
        ("invalid_client", &[650052, 650057], Cure::Administrator),
        ("invalid_grant", &[65001], Cure::Consent),
        ("access_denied", &[65004], Cure::Consent),
        (
            "invalid_client",
            &[
                70002, 7000215, 7000222, 7000218, 700027, 700024, 700021, 700023, 70021, 700213,
                50012, 50013, 500133,
            ],
            Cure::Settings,
        ),
        ("unauthorized_client", &[700016], Cure::Settings),
        ("invalid_scope", &[70011, 28002], Cure::Settings),
        ("invalid_resource", &[500011, 50001], Cure::Settings),
        ("invalid_request", &[50011, 50194, 90002], Cure::Settings),
    ];
    let mut known = 0;
    for (word, numbers, cure) in record {
        for number in *numbers {
            let error = refuse(word, Some(&format!("AADSTS{number}: Some text.")));
            assert_eq!(error.cure(), *cure, "{number}");
            let TokenError::Refused { advice, .. } = &error else {
                panic!("not a refusal");
            };
            assert_ne!(advice, OTHERWISE, "{number}");
            known += 1;
        }
    }
    let listed: usize = NUMBERS.iter().map(|row| row.numbers.len()).sum();
    assert_eq!(known, listed, "the record names every number of the table");
    for (words, cure, _) in WORDS {
        for word in *words {
            assert_eq!(refuse(word, None).cure(), *cure, "{word}");
        }
    }
}

#[test]
fn the_finer_word_and_the_claims_are_kept() {
    let claims = r#"{"access_token":{"polids":{"essential":true}}}"#;
    let wording = Wording {
        description: Some("AADSTS50076: Due to a change."),
        suberror: Some("basic_action"),
        claims: Some(claims),
    };
    let error = refused("invalid_grant", wording);
    assert_eq!(error.code(), Some("invalid_grant AADSTS50076 basic_action"));
    assert_eq!(error.cure(), Cure::SignIn);
    let TokenError::Refused { claims: kept, .. } = error else {
        panic!("not a refusal");
    };
    assert_eq!(kept.unwrap().as_json(), claims);

    // The word tells where the number does not.
    let wording = Wording {
        suberror: Some("consent_required"),
        claims: Some("no object"),
        ..Wording::default()
    };
    let error = refused("invalid_grant", wording);
    assert_eq!(error.cure(), Cure::Consent);
    assert!(matches!(error, TokenError::Refused { claims: None, .. }));
    let odd = Wording {
        suberror: Some("AADSTS65001 x"),
        ..Wording::default()
    };
    assert_eq!(refused("invalid_grant", odd).code(), Some("invalid_grant"));
}

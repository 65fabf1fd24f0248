//! What an operator should do about a refusal.

use crate::{TokenError, error::clip};

/// Numbers of the sign-in service, grouped by what cures them.
const ADVICE: &[(&[u32], &str)] = &[
    (
        &[50072, 50074, 50076, 50078, 50079],
        "sign in again in a browser with a second factor and store the new refresh token",
    ),
    (
        &[70000, 70008, 70043, 700082, 700084, 50173],
        "the refresh token is used up or revoked: sign in again in a browser and store the new one",
    ),
    (
        &[50055, 50144, 50058, 16000],
        "sign in again in a browser with this account",
    ),
    (
        &[70002, 7000215, 7000222],
        "the client secret is wrong or expired: create a new one for the app registration",
    ),
    (
        &[7000218],
        "a client secret is missing: give one, or allow public client flows on the app \
         registration",
    ),
    (
        &[700016],
        "the app registration is not known in this tenant: check client id and tenant",
    ),
    (
        &[50194, 90002],
        "the tenant is wrong: give its id or a verified domain in the token address",
    ),
    (
        &[70011, 500011],
        "the scope is wrong: give `https://<service>/.default`, with the service's own address",
    ),
    (
        &[65001],
        "consent is missing: grant the app its permission for this service",
    ),
    (
        &[650052, 650057],
        "an administrator must enable the service in the tenant and add the app's permission",
    ),
    (
        &[53003, 530035, 50105],
        "an administrator must let this account and app through (Conditional Access, assignment)",
    ),
    (
        &[50034, 50053, 50057, 50126],
        "check the account: unknown, locked, disabled or wrong password",
    ),
];

const OTHERWISE: &str = "look up the code in the sign-in logs of the tenant";

/// The error for an OAuth refusal with its free text.
pub(crate) fn refused(oauth: &str, description: Option<&str>) -> TokenError {
    let description = description.map(clean).unwrap_or_default();
    let number = number(&description);
    let advice = number
        .and_then(|number| {
            ADVICE
                .iter()
                .find(|(numbers, _)| numbers.contains(&number))
                .map(|(_, advice)| *advice)
        })
        .unwrap_or(OTHERWISE);
    let oauth = clip(oauth, 64);
    TokenError::Refused {
        code: number.map_or_else(|| oauth.clone(), |number| format!("{oauth} AADSTS{number}")),
        description,
        advice: advice.to_owned(),
    }
}

/// The text without what is different each time or points at a person's session.
fn clean(text: &str) -> String {
    let cut = ["Trace ID:", "Correlation ID:", "Timestamp:"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    clip(text.get(..cut).unwrap_or(text), 500)
}

fn number(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_code_and_cure_and_no_session() {
        let error = refused(
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
            let TokenError::Refused { code, advice, .. } = refused("invalid_scope", description)
            else {
                panic!("not a refusal");
            };
            assert_eq!(code, "invalid_scope");
            assert_eq!(advice, OTHERWISE);
        }
    }

    #[test]
    fn no_number_has_two_cures() {
        let mut all: Vec<_> = ADVICE.iter().flat_map(|(numbers, _)| *numbers).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

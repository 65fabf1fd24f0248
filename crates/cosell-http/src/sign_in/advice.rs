//! What an operator should do about a refusal.

use super::ClaimsChallenge;
use crate::{TokenError, error::clip};

/// Coarse kind of what cures a failed sign-in, for deciding whom to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cure {
    /// A person must sign in again, in a browser, with a second factor.
    SignIn,
    /// This attempt is spent; the same sign-in may be started over.
    StartOver,
    /// The app's permission needs consent.
    Consent,
    /// An administrator of the tenant must change something.
    Administrator,
    /// The account itself is in trouble: unknown, locked, disabled.
    Account,
    /// The settings are wrong: secret, certificate, address, scope.
    Settings,
    /// Nothing needs to be done; it may pass.
    Wait,
    /// Unknown to this table.
    LookUp,
}

struct Row {
    cure: Cure,
    numbers: &'static [u32],
    advice: &'static str,
}

/// Numbers of the sign-in service, grouped by what cures them.
const NUMBERS: &[Row] = &[
    Row {
        cure: Cure::SignIn,
        numbers: &[50074, 50076, 50078],
        advice: "sign in again in a browser with a second factor and store the new refresh token",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[50072, 50079],
        advice: "the account has no second factor yet: sign in in a browser, enroll one, and \
                 store the new refresh token",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[70000, 70008, 700082, 50173],
        advice: "the refresh token or code is used up, expired or revoked: sign in again in a \
                 browser and store the new token",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[70043],
        advice: "a sign-in frequency policy ended the refresh token: sign in again in a browser; \
                 for unattended use have the policy leave this account out",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[700084],
        advice: "refresh tokens of single-page redirect addresses last 24 hours: register the \
                 redirect address as web or desktop and sign in again",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[50055, 50144],
        advice: "the password is expired: sign in in a browser, change it, and store the new \
                 refresh token",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[50058],
        advice: "there is no session to sign in with silently: sign in again in a browser",
    },
    Row {
        cure: Cure::SignIn,
        numbers: &[16000],
        advice: "several accounts are signed in: sign in again in a browser and pick one",
    },
    Row {
        cure: Cure::StartOver,
        numbers: &[54005],
        advice: "the code was redeemed before: start the sign-in over",
    },
    Row {
        cure: Cure::StartOver,
        numbers: &[501481],
        advice: "code and verifier do not belong together: start the sign-in over in one program",
    },
    Row {
        cure: Cure::StartOver,
        numbers: &[70018, 70019],
        advice: "the device code is wrong or too old: start the sign-in over and enter the new \
                 code in time",
    },
    Row {
        cure: Cure::Wait,
        numbers: &[70016],
        advice: "the person has not finished yet: ask again after the interval",
    },
    Row {
        cure: Cure::Wait,
        numbers: &[50196],
        advice: "the same request came too often: keep tokens until they end and ask again in \
                 some minutes",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[70002, 7000215],
        advice: "the client secret is wrong: give the secret's value (not its id) of this app \
                 registration",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[7000222],
        advice: "the client secret is expired: create a new one for the app registration",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[7000218],
        advice: "a client secret or certificate is missing: give one, or allow public client \
                 flows on the app registration",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[700027, 50012, 50013],
        advice: "the signed statement is not accepted: upload this certificate to the app \
                 registration and sign with its key",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[700024, 500133],
        advice: "the signed statement is outside its time: set this machine's clock",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[700021, 700023],
        advice: "the signed statement is for another app or address: it must name this client id \
                 and this token address",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[70021, 700213],
        advice: "no federated credential of the app matches: issuer, subject and audience must \
                 be equal to the letter",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[700016],
        advice: "the app registration is not known in this tenant: check client id and tenant",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[50194],
        advice: "the app belongs to one tenant: give the tenant's id in the place of `common`",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[90002],
        advice: "the tenant is wrong: give its id or a verified domain, and check the cloud",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[70011, 28002],
        advice: "the scope is wrong: give `https://<service>/.default`, with the service's own \
                 address",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[500011, 50001],
        advice: "the service in the scope is not known in this tenant: check its address, and \
                 that the tenant has the service",
    },
    Row {
        cure: Cure::Settings,
        numbers: &[50011],
        advice: "the redirect address is not registered: add it, letter by letter, to the app \
                 registration",
    },
    Row {
        cure: Cure::Consent,
        numbers: &[65001],
        advice: "consent is missing: grant the app its permission for this service",
    },
    Row {
        cure: Cure::Consent,
        numbers: &[65004],
        advice: "the person declined consent: sign in again and accept, or have an administrator \
                 consent",
    },
    Row {
        cure: Cure::Administrator,
        numbers: &[650052, 650057],
        advice: "an administrator must enable the service in the tenant and add the app's \
                 permission",
    },
    Row {
        cure: Cure::Administrator,
        numbers: &[53003, 530035],
        advice: "Conditional Access or the security defaults block this sign-in: an \
                 administrator must let this account, app and flow through",
    },
    Row {
        cure: Cure::Administrator,
        numbers: &[50105],
        advice: "the account is not assigned to the app: an administrator must assign it",
    },
    Row {
        cure: Cure::Account,
        numbers: &[50034],
        advice: "the account is not known in this tenant: check its name and the tenant",
    },
    Row {
        cure: Cure::Account,
        numbers: &[50053],
        advice: "the account is locked: wait, or have an administrator unlock it",
    },
    Row {
        cure: Cure::Account,
        numbers: &[50057],
        advice: "the account is disabled: have an administrator enable it",
    },
    Row {
        cure: Cure::Account,
        numbers: &[50126],
        advice: "user name or password is wrong: check the account",
    },
];

/// The OAuth words, for refusals without a known number.
const WORDS: &[(&[&str], Cure, &str)] = &[
    (
        &["authorization_declined", "access_denied"],
        Cure::StartOver,
        "the person declined, or the tenant blocks this way to sign in: start over, or ask an \
         administrator",
    ),
    (
        &["expired_token", "code_expired", "bad_verification_code"],
        Cure::StartOver,
        "the device code is wrong or too old: start the sign-in over and enter the new code in \
         time",
    ),
    (
        &["authorization_pending", "slow_down"],
        Cure::Wait,
        "the person has not finished yet: ask again after the interval",
    ),
    (
        &["invalid_grant"],
        Cure::SignIn,
        "the refresh token or code is not accepted: sign in again in a browser and store the new \
         token",
    ),
    (
        &["interaction_required", "login_required", "consent_required"],
        Cure::SignIn,
        "the sign-in needs a person: sign in again in a browser with a second factor",
    ),
    (
        &["invalid_client"],
        Cure::Settings,
        "the client secret or certificate is wrong or expired: give a good one",
    ),
    (
        &["unauthorized_client"],
        Cure::Settings,
        "the app is not in this tenant or may not use this flow: check the app registration",
    ),
    (
        &["invalid_scope", "invalid_resource"],
        Cure::Settings,
        "the scope is wrong: give `https://<service>/.default`, with the service's own address",
    ),
];

const OTHERWISE: &str = "look up the code in the sign-in logs of the tenant";

/// The finer word that consent is missing goes with a general error.
const CONSENT: &str = "consent_required";

fn look_up(oauth: &str, suberror: Option<&str>, number: Option<u32>) -> (Cure, &'static str) {
    let number = match suberror {
        Some(CONSENT) => number.or(Some(65001)),
        _ => number,
    };
    let row = number.and_then(|number| NUMBERS.iter().find(|row| row.numbers.contains(&number)));
    if let Some(row) = row {
        return (row.cure, row.advice);
    }
    WORDS
        .iter()
        .find(|(words, ..)| words.contains(&oauth))
        .map_or((Cure::LookUp, OTHERWISE), |(_, cure, advice)| {
            (*cure, *advice)
        })
}

/// How a refusal is worded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wording<'a> {
    pub(crate) description: Option<&'a str>,
    pub(crate) suberror: Option<&'a str>,
    pub(crate) claims: Option<&'a str>,
}

/// The error for an OAuth refusal with its free text.
pub(crate) fn refused(oauth: &str, wording: Wording<'_>) -> TokenError {
    let description = wording.description.map(clean).unwrap_or_default();
    let number = number(&description);
    let oauth = clip(oauth, 64);
    let suberror = wording.suberror.filter(|word| is_word(word));
    let advice = look_up(&oauth, suberror, number).1;
    let mut code = oauth;
    if let Some(number) = number {
        code.push_str(&format!(" AADSTS{number}"));
    }
    if let Some(suberror) = suberror {
        code.push_str(&format!(" {suberror}"));
    }
    TokenError::Refused {
        code,
        description,
        advice: advice.to_owned(),
        claims: wording.claims.and_then(ClaimsChallenge::from_json),
    }
}

/// Anything else than one short word would be taken for more words of the code.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

/// What cures the refusal with this code, such as `invalid_grant AADSTS50076 basic_action`.
pub(crate) fn cure(code: &str) -> Cure {
    let mut words = code.split(' ');
    let oauth = words.next().unwrap_or_default();
    let suberror = words.next_back().filter(|word| is_word(word));
    look_up(oauth, suberror, number(code)).0
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
mod tests;

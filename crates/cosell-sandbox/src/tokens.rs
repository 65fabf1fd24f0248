//! Access and refresh tokens: made, checked, withdrawn. Opaque text to every client.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Caller, ServiceName, TokenFault,
    accounts::{App, SignInOptions, User},
};

/// All tokens that were given out.
#[derive(Clone)]
pub(crate) struct Tokens {
    seed: Uuid,
    made: u64,
    access: BTreeMap<String, Access>,
    refresh: BTreeMap<String, Refresh>,
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    /// Challenges that users have answered.
    answered: BTreeSet<(String, String)>,
}

/// What an authorization code stands for. A redeemed one is kept, to be refused as such.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) upn: String,
    pub(crate) client_id: String,
    pub(crate) redirect: String,
    /// The S256 challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) offline: bool,
    /// The challenge that the person answered.
    pub(crate) claims: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) redeemed: bool,
}

/// What a device code stands for.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) client_id: String,
    pub(crate) audience: (ServiceName, String),
    pub(crate) offline: bool,
    pub(crate) given: DateTime<Utc>,
    pub(crate) asked: DateTime<Utc>,
    pub(crate) interval: TimeDelta,
}

#[derive(Clone)]
struct Access {
    audience: ServiceName,
    caller: Caller,
    expires: DateTime<Utc>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) upn: String,
    pub(crate) client_id: String,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) revoked: bool,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("access", &self.access.len())
            .field("refresh", &self.refresh.len())
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(seed: u64, now: DateTime<Utc>, options: &SignInOptions) -> Self {
        let refresh = options
            .first_sign_ins
            .iter()
            .map(|first| {
                let kept = Refresh {
                    upn: first.upn.clone(),
                    client_id: first.client_id.clone(),
                    expires: now + options.refresh_life,
                    revoked: false,
                };
                (first.refresh_token.clone(), kept)
            })
            .collect();
        Self {
            seed: Uuid::from_u64_pair(0x746f_6b65_6e73, seed),
            made: 0,
            access: BTreeMap::new(),
            refresh,
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            answered: BTreeSet::new(),
        }
    }

    /// Notes that a user has answered a challenge.
    pub(crate) fn answer(&mut self, upn: &str, challenge: String) {
        self.answered.insert((upn.to_owned(), challenge));
    }

    /// What is asked of a user and was not answered.
    pub(crate) fn demands<'a>(&self, user: &'a User) -> Option<&'a str> {
        let demanded = user.demanded.as_deref()?;
        let answered = (user.upn.clone(), demanded.to_owned());
        (!self.answered.contains(&answered)).then_some(demanded)
    }

    /// A text nobody else has: derived from the seed, so that a run can be repeated.
    pub(crate) fn fresh(&mut self) -> Uuid {
        self.made += 1;
        Uuid::new_v5(&self.seed, &self.made.to_be_bytes())
    }

    /// Makes an access token for `audience`.
    pub(crate) fn issue(
        &mut self,
        now: DateTime<Utc>,
        options: &SignInOptions,
        app: &App,
        user: Option<&User>,
        audience: (ServiceName, &str),
    ) -> String {
        let (service, resource) = audience;
        let expires = now + options.access_life;
        let object_id = user.map_or(app.object_id, |user| user.object_id);
        let claims = json!({
            "aud": resource,
            "iss": format!("https://sts.windows.net/{}/", options.tenant),
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": expires.timestamp(),
            "amr": user.map(|user| if user.mfa { vec!["pwd", "mfa"] } else { vec!["pwd"] }),
            "appid": app.client_id,
            "oid": object_id,
            "scp": user.map(|_| "user_impersonation"),
            "tid": options.tenant,
            "upn": user.map(|user| user.upn.as_str()),
            "ver": "1.0",
        });
        let token = format!(
            "sbx.{}.{}",
            URL_SAFE_NO_PAD.encode(claims.to_string()),
            self.fresh().simple()
        );
        let caller = Caller {
            tenant: options.tenant,
            object_id,
            app_id: app.client_id.clone(),
            user: user.map(|user| user.upn.clone()),
            mfa: user.is_some_and(|user| user.mfa),
            roles: user.map(|user| user.roles.clone()).unwrap_or_default(),
        };
        self.access.insert(
            token.clone(),
            Access {
                audience: service,
                caller,
                expires,
            },
        );
        token
    }

    /// Makes a refresh token.
    pub(crate) fn issue_refresh(
        &mut self,
        now: DateTime<Utc>,
        options: &SignInOptions,
        upn: &str,
        client_id: &str,
    ) -> String {
        let token = format!("0.sbx.{}", self.fresh().simple());
        self.refresh.insert(
            token.clone(),
            Refresh {
                upn: upn.to_owned(),
                client_id: client_id.to_owned(),
                expires: now + options.refresh_life,
                revoked: false,
            },
        );
        token
    }

    pub(crate) fn refresh(&self, token: &str) -> Option<&Refresh> {
        self.refresh.get(token)
    }

    pub(crate) fn forget_refresh(&mut self, token: &str) {
        self.refresh.remove(token);
    }

    /// Makes an authorization code.
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let text = format!("0.sbx-code.{}", self.fresh().simple());
        self.codes.insert(text.clone(), code);
        text
    }

    pub(crate) fn code(&mut self, code: &str) -> Option<&mut Code> {
        self.codes.get_mut(code)
    }

    /// Makes a device code.
    pub(crate) fn issue_device(&mut self, device: Device) -> String {
        let text = format!("sbx-device.{}", self.fresh().simple());
        self.devices.insert(text.clone(), device);
        text
    }

    pub(crate) fn device(&mut self, code: &str) -> Option<&mut Device> {
        self.devices.get_mut(code)
    }

    pub(crate) fn forget_device(&mut self, code: &str) {
        self.devices.remove(code);
    }

    /// Who sent `request` to `service`, as its bearer token says.
    pub(crate) fn caller<B>(
        &self,
        now: DateTime<Utc>,
        service: ServiceName,
        request: &http::Request<B>,
        users: &[User],
    ) -> Result<Caller, TokenFault> {
        let token = bearer(request).ok_or(TokenFault::Missing)?;
        let access = self.access.get(token).ok_or(TokenFault::Unknown)?;
        if access.audience != service {
            return Err(TokenFault::WrongAudience);
        }
        if access.expires <= now {
            return Err(TokenFault::Expired);
        }
        let mut caller = access.caller.clone();
        // Roles are the service's knowledge, not the token's: a lost role works at once.
        if let Some(upn) = &caller.user {
            let user = users.iter().find(|user| &user.upn == upn);
            caller.roles = user.map(|user| user.roles.clone()).unwrap_or_default();
        }
        Ok(caller)
    }

    /// Makes all access tokens unknown, as after a key change.
    pub(crate) fn withdraw_access(&mut self) {
        self.access.clear();
    }

    /// Ends all sessions of a user.
    pub(crate) fn withdraw_user(&mut self, upn: &str) {
        self.access
            .retain(|_, access| access.caller.user.as_deref() != Some(upn));
        for refresh in self.refresh.values_mut() {
            refresh.revoked |= refresh.upn == upn;
        }
    }
}

fn bearer<B>(request: &http::Request<B>) -> Option<&str> {
    let value = request.headers().get(http::header::AUTHORIZATION)?;
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

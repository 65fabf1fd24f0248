//! Device codes: given, waited for, redeemed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Endpoint, Version, refusal::Refusal};
use crate::{
    accounts::{App, AtTheDevice},
    tokens::{Device, Tokens},
};

const LIFE: TimeDelta = TimeDelta::seconds(900);
const INTERVAL: TimeDelta = TimeDelta::seconds(5);

impl Endpoint<'_> {
    pub(super) fn device(&self, tokens: &mut Tokens) -> Result<Value, Refusal> {
        self.check_tenant()?;
        let app = self.named_app(self.required("client_id")?)?;
        self.check_single_tenant(app)?;
        let audience = self.audience(false)?;
        let code = tokens.issue_device(Device {
            client_id: app.client_id.clone(),
            audience,
            offline: self.asks_offline(),
            given: self.now,
            asked: self.now,
            interval: INTERVAL,
        });
        let user_code: String = tokens
            .fresh()
            .simple()
            .to_string()
            .to_ascii_uppercase()
            .chars()
            .take(9)
            .collect();
        let page = "https://microsoft.com/devicelogin";
        let number = |seconds: TimeDelta| match self.version {
            Version::V2 => Value::from(seconds.num_seconds()),
            Version::V1 => Value::from(seconds.num_seconds().to_string()),
        };
        Ok(json!({
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "expires_in": number(LIFE),
            "interval": number(INTERVAL),
            "message": format!("To sign in, open {page} and enter the code {user_code}."),
        }))
    }

    /// One question whether the person has finished.
    pub(super) fn poll(&self, tokens: &mut Tokens, app: &App) -> Result<Value, Refusal> {
        let code = self.required("device_code")?;
        let held = tokens
            .device(code)
            .filter(|held| held.client_id == app.client_id)
            .ok_or_else(|| {
                Refusal::new(
                    "bad_verification_code",
                    70018,
                    "The verification code is invalid.",
                )
            })?;
        let hasty = self.now - held.asked < held.interval;
        held.asked = self.now;
        if self.now - held.given >= LIFE {
            let word = match self.version {
                Version::V1 => "code_expired",
                Version::V2 => "expired_token",
            };
            return Err(Refusal::new(word, 70019, "The verification code expired."));
        }
        if hasty && self.options.slow_down {
            held.interval += INTERVAL;
            return Err(Refusal::new("slow_down", 70016, "Too many requests."));
        }
        let after = match self.options.at_the_device {
            AtTheDevice::SignsIn { after } | AtTheDevice::Declines { after } => after,
            AtTheDevice::Nothing => TimeDelta::MAX,
        };
        if self.now - held.given < after {
            return Err(Refusal::new(
                "authorization_pending",
                70016,
                "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
            ));
        }
        if matches!(self.options.at_the_device, AtTheDevice::Declines { .. }) {
            return Err(Refusal::new(
                "authorization_declined",
                65004,
                "The end user denied the authorization request.",
            ));
        }
        let held = held.clone();
        let user = self.user(&self.options.person)?;
        if let Some(claims) = tokens.demands(user) {
            return Err(Refusal::demanding(claims));
        }
        let (service, resource) = held.audience;
        let access = tokens.issue(
            self.now,
            self.options,
            app,
            Some(user),
            (service, &resource),
        );
        let refresh = held
            .offline
            .then(|| tokens.issue_refresh(self.now, self.options, &user.upn, &app.client_id));
        tokens.forget_device(code);
        Ok(self.token_body(&access, &resource, refresh.as_deref()))
    }
}

//! The sign-in service: what its token endpoint accepts, the pages where a person signs in, and
//! the bodies with which it refuses.

mod assertion;
mod browser;
mod device;
mod proof;
mod refusal;

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    ServiceName,
    accounts::{App, Rotation, SignInOptions, User},
    tokens::Tokens,
};
use refusal::Refusal;

/// Forms above this size are refused unread.
const FORM_LIMIT: usize = 64 * 1024;

/// One request to the sign-in service.
pub(crate) fn handle(
    now: DateTime<Utc>,
    options: &SignInOptions,
    tokens: &mut Tokens,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let Some((tenant, version, door)) = door(request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND, &json!({}));
    };
    let page = door == Door::Authorize;
    if request.method() != if page { Method::GET } else { Method::POST } {
        return answer(StatusCode::METHOD_NOT_ALLOWED, &json!({}));
    }
    let query = request.uri().query().unwrap_or_default();
    let parameters = if page {
        query.as_bytes()
    } else {
        request.body()
    };
    if parameters.len() > FORM_LIMIT {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({}));
    }
    let form: Form<'_> = url::form_urlencoded::parse(parameters).collect();
    let endpoint = Endpoint {
        now,
        options,
        form: &form,
        version,
        tenant,
        request,
    };
    let outcome = match door {
        Door::Token => endpoint.grant(tokens),
        Door::Device => endpoint.device(tokens),
        Door::Authorize => return endpoint.authorize(tokens),
    };
    match outcome {
        Ok(body) => answer(StatusCode::OK, &body),
        Err(refusal) => answer(refusal.status, &refusal.body(now, tokens)),
    }
}

type Form<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Token,
    Device,
    Authorize,
}

fn door(path: &str) -> Option<(&str, Version, Door)> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    let rest = rest.trim_end_matches('/').strip_prefix("oauth2/")?;
    let (version, name) = match rest.strip_prefix("v2.0/") {
        Some(name) => (Version::V2, name),
        None => (Version::V1, rest),
    };
    let door = match name {
        "token" => Door::Token,
        "devicecode" => Door::Device,
        "authorize" => Door::Authorize,
        _ => return None,
    };
    Some((tenant, version, door))
}

struct Endpoint<'a> {
    now: DateTime<Utc>,
    options: &'a SignInOptions,
    form: &'a Form<'a>,
    version: Version,
    tenant: &'a str,
    request: &'a Request<Bytes>,
}

impl Endpoint<'_> {
    fn grant(&self, tokens: &mut Tokens) -> Result<Value, Refusal> {
        self.check_tenant()?;
        let grant = self.required("grant_type")?;
        let app = self.proven_app()?;
        self.check_single_tenant(app)?;
        match grant {
            "client_credentials" => self.client_credentials(tokens, app),
            "refresh_token" => self.refresh(tokens, app),
            "authorization_code" => self.code(tokens, app),
            "urn:ietf:params:oauth:grant-type:device_code" => self.poll(tokens, app),
            other => Err(Refusal::new(
                "unsupported_grant_type",
                70003,
                format!("The app requested an unsupported grant type '{other}'."),
            )),
        }
    }

    fn is_shared(&self) -> bool {
        ["common", "organizations"]
            .iter()
            .any(|name| self.tenant.eq_ignore_ascii_case(name))
    }

    fn check_tenant(&self) -> Result<(), Refusal> {
        let own = self.tenant.eq_ignore_ascii_case(&self.options.domain)
            || self
                .tenant
                .eq_ignore_ascii_case(&self.options.tenant.to_string());
        if own || self.is_shared() {
            return Ok(());
        }
        Err(Refusal::new(
            "invalid_request",
            90002,
            format!(
                "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are \
                 signing into the correct cloud.",
                self.tenant
            ),
        ))
    }

    fn check_single_tenant(&self, app: &App) -> Result<(), Refusal> {
        if !self.is_shared() {
            return Ok(());
        }
        Err(Refusal::new(
            "invalid_request",
            50194,
            format!(
                "Application '{}' is not configured as a multi-tenant application. Usage of the \
                 /{} endpoint is not supported for such apps.",
                app.client_id, self.tenant
            ),
        ))
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.form
            .get(name)
            .map(AsRef::as_ref)
            .filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.field(name).ok_or_else(|| {
            Refusal::new(
                "invalid_request",
                900_144,
                format!("The request body must contain the following parameter: '{name}'."),
            )
        })
    }

    /// The service that is asked for, and the name it was given.
    fn audience(&self, whole_scope: bool) -> Result<(ServiceName, String), Refusal> {
        let (scope, resource) = match self.version {
            Version::V1 => {
                let resource = self.required("resource")?;
                (resource, resource)
            }
            Version::V2 => {
                let scope = self.required("scope")?;
                let mut resources = scope.split_whitespace().filter(|part| {
                    !["openid", "profile", "email", "offline_access"].contains(part)
                });
                let bad = || {
                    Refusal::new(
                        "invalid_scope",
                        70011,
                        format!(
                            "The provided request must include a 'scope' input parameter. The \
                             provided value for the input parameter 'scope' is not valid. The \
                             scope {scope} is not valid."
                        ),
                    )
                };
                let part = resources.next().ok_or_else(bad)?;
                if resources.next().is_some() {
                    return Err(bad());
                }
                let resource = part
                    .strip_suffix("/.default")
                    .or_else(|| {
                        part.strip_suffix("/user_impersonation")
                            .filter(|_| !whole_scope)
                    })
                    .ok_or_else(bad)?;
                (scope, resource)
            }
        };
        let plain = resource.trim_end_matches('/');
        let is_one_of = |names: &[String]| {
            names
                .iter()
                .any(|name| name.trim_end_matches('/').eq_ignore_ascii_case(plain))
        };
        if is_one_of(&self.options.partner_center_audiences) {
            Ok((ServiceName::PartnerCenter, resource.to_owned()))
        } else if is_one_of(&self.options.dataverse_audiences) {
            Ok((ServiceName::Dataverse, resource.to_owned()))
        } else if is_one_of(&self.options.webhook_audiences) {
            Ok((ServiceName::Webhooks, resource.to_owned()))
        } else {
            Err(Refusal::new(
                "invalid_resource",
                500_011,
                format!(
                    "The resource principal named {plain} was not found in the tenant named {}. \
                     This can happen if the application has not been installed by the \
                     administrator of the tenant. Requested: {scope}.",
                    self.options.domain
                ),
            ))
        }
    }

    /// Does the scope ask for a refresh token? The old endpoint gives one always.
    fn asks_offline(&self) -> bool {
        let asked = |scope: &str| {
            scope
                .split_whitespace()
                .any(|word| word == "offline_access")
        };
        self.version == Version::V1 || self.field("scope").is_some_and(asked)
    }

    fn client_credentials(&self, tokens: &mut Tokens, app: &App) -> Result<Value, Refusal> {
        if app.public {
            return Err(Refusal::new(
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or \
                 'client_secret'.",
            ));
        }
        let (service, resource) = self.audience(true)?;
        let token = tokens.issue(self.now, self.options, app, None, (service, &resource));
        Ok(self.token_body(&token, &resource, None))
    }

    fn refresh(&self, tokens: &mut Tokens, app: &App) -> Result<Value, Refusal> {
        let used = self.required("refresh_token")?;
        let held = tokens
            .refresh(used)
            .filter(|held| held.client_id.eq_ignore_ascii_case(&app.client_id))
            .cloned()
            .ok_or_else(|| {
                Refusal::new(
                    "invalid_grant",
                    70000,
                    "Provided grant is invalid or malformed.",
                )
            })?;
        if held.revoked {
            return Err(Refusal::blocked(50173));
        }
        if held.expires <= self.now {
            return Err(Refusal::new(
                "invalid_grant",
                700_082,
                "The refresh token has expired due to inactivity. The token was inactive for \
                 90.00:00:00.",
            ));
        }
        let user = self.user(&held.upn)?;
        if let Some(claims) = tokens.demands(user) {
            return Err(Refusal::demanding(claims));
        }
        let (service, resource) = self.audience(false)?;
        let access = tokens.issue(
            self.now,
            self.options,
            app,
            Some(user),
            (service, &resource),
        );
        let next = match self.options.rotation {
            Rotation::None => None,
            Rotation::OldStays | Rotation::OldDies => {
                Some(tokens.issue_refresh(self.now, self.options, &held.upn, &app.client_id))
            }
        };
        if self.options.rotation == Rotation::OldDies {
            tokens.forget_refresh(used);
        }
        Ok(self.token_body(&access, &resource, next.as_deref()))
    }

    fn user(&self, upn: &str) -> Result<&User, Refusal> {
        let user = self
            .options
            .users
            .iter()
            .find(|user| user.upn == upn)
            .ok_or_else(|| Refusal::blocked(50034))?;
        match user.blocked {
            Some(code) => Err(Refusal::blocked(code)),
            None => Ok(user),
        }
    }

    fn token_body(&self, access: &str, resource: &str, refresh: Option<&str>) -> Value {
        let life = self.options.access_life.num_seconds();
        let mut body = match self.version {
            Version::V2 => json!({
                "token_type": "Bearer",
                "expires_in": life,
                "ext_expires_in": life,
                "access_token": access,
            }),
            // The old endpoint gives its numbers as text.
            Version::V1 => json!({
                "token_type": "Bearer",
                "expires_in": life.to_string(),
                "ext_expires_in": life.to_string(),
                "expires_on": (self.now.timestamp() + life).to_string(),
                "not_before": self.now.timestamp().to_string(),
                "resource": resource,
                "access_token": access,
            }),
        };
        if let Some(refresh) = refresh {
            body["refresh_token"] = refresh.into();
            body["scope"] = match self.version {
                Version::V1 => "user_impersonation".into(),
                Version::V2 => format!("{resource}/user_impersonation").into(),
            };
        }
        body
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store, no-cache"),
    );
    response
}

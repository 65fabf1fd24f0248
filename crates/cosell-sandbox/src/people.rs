//! What the people in a sandbox do to it, and how its two sides are read for comparison.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    Act, ActError, Acted, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Sandbox, dataverse,
    partner_center,
};

/// What an opportunity says about its referral.
#[derive(Deserialize)]
struct Link {
    opportunityid: String,
    #[serde(rename = "msft_microsoftpartnercenterreferralidentifier")]
    referral: Option<String>,
}

impl Link {
    fn read(row: &RawValue) -> Option<Self> {
        serde_json::from_str(row.get()).ok()
    }
}

impl Sandbox {
    /// Lets one of the people do something.
    ///
    /// # Errors
    /// [`ActError`] with the service's own words when it refuses.
    pub fn act(&mut self, act: &Act) -> Result<Acted, ActError> {
        let now = self.now();
        let acted = match act {
            Act::MicrosoftSends(deal) => {
                let sent = self.partner_center_mut().microsoft_sends(now, deal);
                self.referral_acted(sent?)
            }
            Act::LeadArrives(lead) => {
                let arrived = self.partner_center_mut().lead_arrives(now, lead);
                self.referral_acted(arrived?)
            }
            Act::MicrosoftAccepts { engagement } => {
                let answered = self
                    .partner_center_mut()
                    .microsoft_accepts(now, *engagement);
                self.referral_acted(answered?)
            }
            Act::MicrosoftDeclines { engagement, reason } => {
                let answered =
                    self.partner_center_mut()
                        .microsoft_declines(now, *engagement, reason);
                self.referral_acted(answered?)
            }
            Act::PortalCreate { referral } => {
                let body = Value::Object(referral.clone());
                let made = self.partner_center_mut().portal_creates(now, &body);
                self.referral_acted(made?)
            }
            Act::PortalEdit { id, set } => {
                let operations: Value = set
                    .iter()
                    .map(|(path, value)| json!({ "op": "replace", "path": path, "value": value }))
                    .collect();
                self.partner_center_mut()
                    .portal_edit(now, *id, &operations)?;
                self.referral_acted(*id)
            }
            Act::CrmCreate { table, row } => {
                let row = Value::Object(row.clone());
                let id = self.dataverse_mut().seller_create(now, table, &row)?;
                row_acted(id)
            }
            Act::CrmUpdate { table, id, row } => {
                let row = Value::Object(row.clone());
                self.dataverse_mut().seller_update(now, table, *id, &row)?;
                row_acted(*id)
            }
            Act::CrmDelete { table, id } => {
                self.dataverse_mut().seller_delete(now, table, *id)?;
                row_acted(*id)
            }
            Act::CrmWin { id, close } => {
                self.dataverse_mut()
                    .seller_win(now, *id, &Value::Object(close.clone()))?;
                row_acted(*id)
            }
            Act::CrmLose { id, status, close } => {
                self.dataverse_mut().seller_lose(
                    now,
                    *id,
                    *status,
                    &Value::Object(close.clone()),
                )?;
                row_acted(*id)
            }
            Act::CrmQualify { id } => row_acted(self.dataverse_mut().seller_qualify(now, *id)?),
            Act::CrmExpireDeltaLinks => {
                self.dataverse_mut().expire_delta_tokens();
                Acted::default()
            }
            Act::AdminRevoke { user } => {
                self.revoke_user(user);
                Acted::default()
            }
            Act::AdminRoles { user, roles } => {
                let known = self
                    .sign_in_mut()
                    .users
                    .iter_mut()
                    .find(|known| &known.upn == user)
                    .ok_or_else(|| ActError(format!("no user named {user}")))?;
                known.roles.clone_from(roles);
                Acted::default()
            }
            Act::AdminTakesWebhook { url, events } => {
                let events: Vec<&str> = events.iter().map(String::as_str).collect();
                self.webhooks_mut().take_over(url, &events);
                Acted::default()
            }
            Act::ClockAdvance { seconds } => {
                self.advance(Duration::from_secs(*seconds));
                Acted::default()
            }
        };
        Ok(acted)
    }
}

/// Reading both sides straight from their state.
impl Sandbox {
    /// All referrals as a JSON array.
    pub fn referrals_json(&self) -> Value {
        self.partner_center().referrals().cloned().collect()
    }

    /// The webhook side: registration, root certificate, posts given up, time of the next post.
    pub fn webhooks_json(&self) -> Value {
        let webhooks = self.webhooks();
        let registration = webhooks.registration().map(|held| {
            json!({
                "url": held.url,
                "events": held.events,
                "signature_in_own_header": held.signature_in_own_header,
            })
        });
        json!({
            "registration": registration,
            "certificate_url": webhooks.options().certificate_url,
            "root_certificate": webhooks.root_certificate(),
            "given_up": webhooks.given_up().count(),
            "next_delivery": webhooks.next_delivery(),
        })
    }

    /// All rows of a table (logical name); none when there is no such table. Raw, so that amounts
    /// keep every digit.
    pub fn rows(&self, table: &str) -> Option<Vec<Box<RawValue>>> {
        let dataverse = self.dataverse();
        dataverse.has_table(table).then(|| dataverse.rows(table))
    }

    /// All that a client needs to sign in. The secrets open nothing but this sandbox.
    pub fn about(&self) -> Value {
        let sign_in = self.sign_in();
        let apps: Vec<Value> = sign_in
            .apps
            .iter()
            .map(|app| json!({ "client_id": app.client_id, "client_secret": app.secret }))
            .collect();
        let first: Vec<Value> = sign_in
            .first_sign_ins
            .iter()
            .map(|first| {
                json!({
                    "user": first.upn,
                    "client_id": first.client_id,
                    "refresh_token": first.refresh_token,
                })
            })
            .collect();
        json!({
            "now": self.now(),
            "organizations": {
                "partner_center": self.partner_center().options().organization_id,
                "dataverse": self.dataverse_organization(),
            },
            "tenant": sign_in.tenant,
            "domain": sign_in.domain,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "apps": apps,
            "sign_ins": first,
            "partner_center_audiences": sign_in.partner_center_audiences,
            "dataverse_audiences": sign_in.dataverse_audiences,
            "webhook_audiences": sign_in.webhook_audiences,
        })
    }

    /// Engagement of a referral.
    pub(crate) fn engagement_of(&self, referral: &str) -> Option<String> {
        let referral = self.partner_center().referral(referral.parse().ok()?)?;
        referral
            .get("engagementId")?
            .as_str()
            .map(ToOwned::to_owned)
    }

    /// The referral that belongs to an opportunity: the one it names, else the one that names it.
    pub(crate) fn referral_of(&self, opportunity: &str) -> Option<String> {
        let row = self
            .dataverse()
            .row("opportunity", opportunity.parse().ok()?)?;
        let row = Link::read(&row)?;
        if row.referral.is_some() {
            return row.referral;
        }
        self.partner_center()
            .referrals()
            .find(|referral| {
                referral
                    .get("externalReferenceId")
                    .and_then(Value::as_str)
                    .is_some_and(|id| id.eq_ignore_ascii_case(opportunity))
            })
            .and_then(|referral| referral.get("id")?.as_str().map(ToOwned::to_owned))
    }

    /// The opportunity that names a referral.
    pub(crate) fn opportunity_of(&self, referral: &str) -> Option<String> {
        self.dataverse()
            .rows("opportunity")
            .iter()
            .filter_map(|row| Link::read(row))
            .find(|row| {
                row.referral
                    .as_deref()
                    .is_some_and(|named| named.eq_ignore_ascii_case(referral))
            })
            .map(|row| row.opportunityid)
    }

    fn referral_acted(&self, id: Uuid) -> Acted {
        let id = id.to_string();
        Acted {
            engagement: self.engagement_of(&id),
            id: Some(id),
        }
    }
}

fn row_acted(id: Uuid) -> Acted {
    Acted {
        id: Some(id.to_string()),
        engagement: None,
    }
}

impl From<partner_center::Refusal> for ActError {
    fn from(refusal: partner_center::Refusal) -> Self {
        Self(refusal.to_string())
    }
}

impl From<dataverse::Refusal> for ActError {
    fn from(refusal: dataverse::Refusal) -> Self {
        Self(format!("{} {}", refusal.code(), refusal.message()))
    }
}

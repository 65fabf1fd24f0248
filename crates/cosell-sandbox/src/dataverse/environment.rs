//! Who calls, and what the service tells about itself: user, organization, tables.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{Cell, quote};
use super::print::parse_query;
use super::refusal::Refusal;
use super::reply::{Reply, empty, json, put};
use super::request::Operation;
use super::rows::Actor;
use crate::service::{Caller, TokenFault};

impl Dataverse {
    /// What a request without a usable token gets.
    pub(super) fn challenge(&self, fault: TokenFault, origin: &str) -> Reply {
        let mut challenge = format!(
            "Bearer authorization_uri=https://login.microsoftonline.com/{}/oauth2/authorize, \
             resource_id={origin}/",
            self.options.tenant
        );
        let reason = match fault {
            TokenFault::Missing => None,
            TokenFault::Expired => Some("The token is expired"),
            TokenFault::WrongAudience => Some("The audience is invalid"),
            TokenFault::Unknown => Some("The signature is invalid"),
        };
        if let Some(reason) = reason {
            challenge = format!("{challenge}, error=invalid_token, error_description={reason}");
        }
        let mut reply = empty(StatusCode::UNAUTHORIZED);
        put(&mut reply, WWW_AUTHENTICATE.as_str(), &challenge);
        reply
    }

    /// The user row behind a token.
    pub(super) fn user_of(&self, caller: &Caller) -> Result<Uuid, Refusal> {
        let application = Uuid::try_parse(&caller.app_id).ok();
        let row = self.store.rows("systemuser").iter().find(|row| {
            if caller.user.is_some() {
                row.get("azureactivedirectoryobjectid") == Some(&Cell::Id(caller.object_id))
            } else {
                application.is_some_and(|id| row.get("applicationid") == Some(&Cell::Id(id)))
            }
        });
        let Some(row) = row else {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "0x80072560",
                "The user is not a member of the organization.",
            ));
        };
        if row.get("isdisabled") == Some(&Cell::Bool(true)) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "0x80040225",
                format!("The specified user(Id = {}) is disabled.", row.id),
            ));
        }
        Ok(row.id)
    }

    pub(super) fn who_am_i(&self, actor: &Actor, operation: &Operation<'_>) -> Reply {
        json(format!(
            "{{\"@odata.context\":{},\"BusinessUnitId\":\"{}\",\"UserId\":\"{}\",\
             \"OrganizationId\":\"{}\"}}",
            quote(&format!(
                "{}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
                operation.base
            )),
            self.business_unit(),
            actor.user,
            self.options.organization_id
        ))
    }

    pub(super) fn current_organization(&self, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        if !operation.path.contains('(') && query.get("AccessType").is_none() {
            return Err(Refusal::bad(
                "0x0",
                "Request message has unresolved parameters.",
            ));
        }
        let (scheme, rest) = operation.base.split_once("://").unwrap_or(("https", ""));
        let host = rest.split('/').next().unwrap_or_default();
        let url_name = host.split(['.', ':']).next().unwrap_or_default();
        let detail = serde_json::json!({
            "OrganizationId": self.options.organization_id,
            "FriendlyName": self.options.organization_name,
            "OrganizationVersion": "9.2.25031.00156",
            "EnvironmentId": Uuid::new_v5(&self.options.organization_id, b"environment"),
            "TenantId": self.options.tenant,
            "Geo": "EUR",
            "UrlName": url_name,
            "UniqueName": format!("unq{}", self.options.organization_id.simple()),
            "State": "Enabled",
            "Endpoints": {
                "Count": 1,
                "IsReadOnly": false,
                "Keys": ["WebApplication"],
                "Values": [format!("{scheme}://{host}/")],
            },
        });
        let kind = "Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse";
        Ok(json(format!(
            "{{\"@odata.context\":{},\"Detail\":{detail}}}",
            quote(&format!("{}$metadata#{kind}", operation.base))
        )))
    }

    pub(super) fn service_document(&self, operation: &Operation<'_>) -> Reply {
        let sets: Vec<String> = self
            .schema
            .tables()
            .map(|table| {
                format!(
                    "{{\"name\":\"{0}\",\"kind\":\"EntitySet\",\"url\":\"{0}\"}}",
                    table.set
                )
            })
            .collect();
        json(format!(
            "{{\"@odata.context\":{},\"value\":[{}]}}",
            quote(&format!("{}$metadata", operation.base)),
            sets.join(",")
        ))
    }
}

//! Who calls, and what the service tells about itself: user, organization, tables.

use std::sync::Arc;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use uuid::Uuid;

use super::cell::{Cell, quote};
use super::pipeline::Actor;
use super::print::parse_query;
use super::refusal::Refusal;
use super::reply::{Reply, empty, json, put};
use super::request::Operation;
use super::schema::Table;
use super::{Dataverse, User};
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
        if self.user(row.id).is_some_and(|user| !user.roles) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "0x80042f09",
                "The user has not been assigned any roles.",
            ));
        }
        Ok(row.id)
    }

    /// Who acts in an operation: the caller, or the user that its headers name.
    pub(super) fn acting(
        &self,
        caller: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Actor, Refusal> {
        let mut actor = caller.clone();
        actor.tag = parse_query(operation)?.get("tag").map(Arc::from);
        let header = |name: &str| {
            let value = operation.headers.get(name)?;
            value.to_str().ok().map(str::trim)
        };
        actor.quiet = header("mscrm.bypassbusinesslogicexecution")
            .is_some_and(|logic| logic.split(',').any(|part| part.trim() == "CustomAsync"));
        if self.options.step_ids_bypass_webhooks
            && let Some(steps) = header("mscrm.bypassbusinesslogicexecutionstepids")
        {
            let steps = steps
                .split(',')
                .filter_map(|id| Uuid::try_parse(id.trim()).ok());
            actor.skipped = steps.collect();
        }
        let (name, column) = match (header("callerobjectid"), header("mscrmcallerid")) {
            (Some(id), _) => (id, "azureactivedirectoryobjectid"),
            (None, Some(id)) => (id, "systemuserid"),
            (None, None) => return Ok(actor),
        };
        let id = Uuid::try_parse(name)
            .map_err(|_| Refusal::query(format!("'{name}' is not the id of a user.")))?;
        if self.user(caller.user).is_some_and(|user| !user.delegate) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "0x8004a110",
                format!(
                    "User does not have the privilege to act on behalf another user. Caller={}",
                    caller.user
                ),
            ));
        }
        let mut users = self.store.rows("systemuser").iter();
        let user = users
            .find(|row| row.get(column) == Some(&Cell::Id(id)))
            .ok_or_else(|| Refusal::not_found("systemuser", id))?;
        actor.behalf = Some(caller.user);
        actor.user = user.id;
        Ok(actor)
    }

    fn user(&self, id: Uuid) -> Option<&User> {
        let mut users = std::iter::once(&self.options.seller).chain(&self.options.users);
        users.find(|user| user.id == id)
    }

    /// Both the acting user and the real caller need the privilege.
    pub(super) fn check_privilege(
        &self,
        actor: &Actor,
        what: &str,
        table: &Table,
    ) -> Result<(), Refusal> {
        let name = format!("prv{what}{}", table.name);
        for id in std::iter::once(actor.user).chain(actor.behalf) {
            let denied = self.user(id).is_some_and(|user| {
                let mut denied = user.denied.iter();
                denied.any(|denied| denied.eq_ignore_ascii_case(&name))
            });
            if denied {
                return Err(Refusal::new(
                    StatusCode::FORBIDDEN,
                    "0x80040220",
                    format!(
                        "Principal user (Id={id}, type=8, roleCount=1, accessMode=4) is missing \
                         {name} privilege (OTC={0}) on OTC={0} for entity '{1}'. \
                         context.Caller={id}",
                        super::metadata::type_code(&table.name),
                        table.name
                    ),
                ));
            }
        }
        Ok(())
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

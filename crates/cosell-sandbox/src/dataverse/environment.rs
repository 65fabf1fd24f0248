//! What the service tells about itself: who calls, which organization, which tables.

use uuid::Uuid;

use super::Dataverse;
use super::cell::quote;
use super::print::parse_query;
use super::refusal::Refusal;
use super::reply::{Reply, json};
use super::request::Operation;
use super::rows::Actor;

impl Dataverse {
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

//! Small questions to the service as a whole.

use std::collections::BTreeMap;

use cosell_http::{Answer, Call, Error, Repeat, decode_json};
use http::{HeaderValue, Method};
use percent_encoding::utf8_percent_encode;
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::{Dataverse, Row, input::Faults, query::VALUE};

/// The organization behind an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganizationInfo {
    /// The organization's id: the environment's own, another in every copy.
    pub id: Uuid,
    /// Name for people.
    pub name: Option<String>,
    /// Version of the service, such as `9.2.25031.00156`.
    pub version: Option<String>,
    /// Id of the environment in Power Platform.
    pub environment: Option<String>,
    /// Tenant that it belongs to.
    pub tenant: Option<String>,
    /// Region, such as `EUR`.
    pub region: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrganizationBody {
    detail: OrganizationDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrganizationDetail {
    organization_id: Uuid,
    friendly_name: Option<String>,
    organization_version: Option<String>,
    environment_id: Option<String>,
    tenant_id: Option<String>,
    geo: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionBody {
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CountsBody {
    entity_record_count_collection: Counts,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Counts {
    keys: Vec<String>,
    values: Vec<u64>,
}

impl Dataverse {
    /// The version of the service, such as `9.2.25031.156`.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn service_version(&self) -> Result<String, Error> {
        let operation = "dataverse.service_version";
        let answer = self.ask(operation, "RetrieveVersion()".to_owned()).await?;
        let body: VersionBody = decode_json(operation, &answer)?;
        Ok(body.version)
    }

    /// The organization behind the environment.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn organization(&self) -> Result<OrganizationInfo, Error> {
        let operation = "dataverse.organization";
        let target = "RetrieveCurrentOrganization(AccessType=@p1)?@p1=\
                      Microsoft.Dynamics.CRM.EndpointAccessType%27Default%27";
        let answer = self.ask(operation, target.to_owned()).await?;
        let body: OrganizationBody = decode_json(operation, &answer)?;
        let detail = body.detail;
        Ok(OrganizationInfo {
            id: detail.organization_id,
            name: detail.friendly_name,
            version: detail.organization_version,
            environment: detail.environment_id,
            tenant: detail.tenant_id,
            region: detail.geo,
        })
    }

    /// How many rows the tables with these logical names have, of some moment of the last day:
    /// the service counts further than 5,000 only so.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn total_rows(&self, tables: &[&str]) -> Result<BTreeMap<String, u64>, Error> {
        let operation = "dataverse.total_rows";
        let mut faults = Faults::default();
        for table in tables {
            faults.check_name("table", table);
        }
        if tables.is_empty() {
            faults.push("no table is named: name one");
        }
        faults.into_result(operation)?;
        let names: Vec<String> = tables.iter().map(|table| format!("\"{table}\"")).collect();
        let names = format!("[{}]", names.join(","));
        let target = format!(
            "RetrieveTotalRecordCount(EntityNames=@p1)?@p1={}",
            utf8_percent_encode(&names, VALUE)
        );
        let answer = self.ask(operation, target).await?;
        let body: CountsBody = decode_json(operation, &answer)?;
        let Counts { keys, values } = body.entity_record_count_collection;
        if keys.len() != values.len() {
            let fault = "the counts and their tables are not as many";
            return Err(Error::malformed(operation, &answer, fault));
        }
        Ok(keys.into_iter().zip(values).collect())
    }

    /// Actual revenue of the won opportunity `id`, as the service computes it of its orders and
    /// invoices.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn computed_actual_value(&self, id: Uuid) -> Result<Decimal, Error> {
        let operation = "dataverse.computed_actual_value";
        let target =
            format!("opportunities({id})/Microsoft.Dynamics.CRM.CalculateActualValueOpportunity");
        let call = Call::new(operation, Method::POST, target, Repeat::Safe)
            .with_body(HeaderValue::from_static("application/json"), "{}");
        let answer = self.raw(call).await?;
        let body: Row = decode_json(operation, &answer)?;
        // The member's name is told nowhere for certain; it is the only number.
        let mut members = body.members().map(|(name, _)| name);
        let number = members.find_map(|name| {
            let number = body.decimal(name).ok().flatten();
            number.filter(|_| !name.starts_with('@'))
        });
        number.ok_or_else(|| Error::malformed(operation, &answer, "the answer holds no number"))
    }

    async fn ask(&self, operation: &'static str, target: String) -> Result<Answer, Error> {
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        self.raw(call).await
    }
}

//! `$metadata`: the tables as CSDL.

use http::header::CONTENT_TYPE;

use crate::dataverse::Dataverse;
use crate::dataverse::print::parse_query;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, json, put};
use crate::dataverse::request::{Operation, Prefer};
use crate::dataverse::schema::{Column, Kind, Table};

/// Operations, as declared. Everything else that the sandbox can do needs no declaration to be
/// called.
const OPERATIONS: &str = r#"<Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" Nullable="false"/></Function><ComplexType Name="WhoAmIResponse"><Property Name="BusinessUnitId" Type="Edm.Guid" Nullable="false"/><Property Name="UserId" Type="Edm.Guid" Nullable="false"/><Property Name="OrganizationId" Type="Edm.Guid" Nullable="false"/></ComplexType><Function Name="RetrieveVersion"><ReturnType Type="mscrm.RetrieveVersionResponse" Nullable="false"/></Function><ComplexType Name="RetrieveVersionResponse"><Property Name="Version" Type="Edm.String" Unicode="false"/></ComplexType><Action Name="WinOpportunity"><Parameter Name="OpportunityClose" Type="mscrm.opportunityclose" Nullable="false"/><Parameter Name="Status" Type="Edm.Int32" Nullable="false"/></Action><Action Name="LoseOpportunity"><Parameter Name="OpportunityClose" Type="mscrm.opportunityclose" Nullable="false"/><Parameter Name="Status" Type="Edm.Int32" Nullable="false"/></Action><Action Name="QualifyLead" IsBound="true"><Parameter Name="entity" Type="mscrm.lead" Nullable="false"/><Parameter Name="CreateAccount" Type="Edm.Boolean" Nullable="false"/><Parameter Name="CreateContact" Type="Edm.Boolean" Nullable="false"/><Parameter Name="CreateOpportunity" Type="Edm.Boolean" Nullable="false"/><Parameter Name="OpportunityCurrencyId" Type="mscrm.transactioncurrency" Nullable="false"/><Parameter Name="OpportunityCustomerId" Type="mscrm.crmbaseentity" Nullable="false"/><Parameter Name="Status" Type="Edm.Int32" Nullable="false"/><ReturnType Type="Collection(mscrm.crmbaseentity)" Nullable="false"/></Action>"#;

const COMPUTED: &str = r#"<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>"#;
const PERMISSION: &str = r#"<Annotation Term="Org.OData.Core.V1.Permissions"><EnumMember>Org.OData.Core.V1.PermissionType/Read</EnumMember></Annotation>"#;

impl Dataverse {
    /// `GET` of `$metadata`; `?annotations=true`, or the preference for annotations, marks what
    /// cannot be written.
    pub(in crate::dataverse) fn csdl(&self, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        let asked = parse_query(operation)?.get("annotations") == Some("true");
        let annotated =
            asked || Prefer::read(&operation.headers).wants("Org.OData.Core.V1.Computed");
        let mut types = String::new();
        let mut sets = String::new();
        for table in self.schema.tables() {
            self.entity(&mut types, table, annotated);
            self.set(&mut sets, table, annotated);
        }
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><edmx:Edmx Version=\"4.0\" \
             xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>\
             <Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" \
             xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\
             <EntityType Name=\"crmbaseentity\" Abstract=\"true\"/>\
             <EntityType Name=\"principal\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef \
             Name=\"ownerid\"/></Key><Property Name=\"ownerid\" Type=\"Edm.Guid\"/></EntityType>\
             {types}{OPERATIONS}<EntityContainer Name=\"System\">{sets}</EntityContainer></Schema>\
             </edmx:DataServices></edmx:Edmx>"
        );
        let mut reply = json(body);
        put(&mut reply, CONTENT_TYPE.as_str(), "application/xml");
        Ok(reply)
    }

    fn entity(&self, out: &mut String, table: &Table, annotated: bool) {
        // A user is a principal, and has its key.
        let inherits = &*table.name == "systemuser";
        let base = if inherits {
            "principal"
        } else {
            "crmbaseentity"
        };
        out.push_str(&format!(
            "<EntityType Name=\"{}\" BaseType=\"mscrm.{base}\">",
            table.name
        ));
        if !inherits {
            out.push_str(&format!("<Key><PropertyRef Name=\"{}\"/></Key>", table.key));
        }
        for column in &table.columns {
            if !(inherits && &*column.name == "ownerid") {
                property(out, column, annotated);
            }
        }
        for column in &table.columns {
            for target in column.targets() {
                let (kind, key) = match self.schema.table(&target.table) {
                    Some(_) if &*column.name == "ownerid" => ("principal", "ownerid"),
                    Some(found) => (&*found.name, &*found.key),
                    None => continue,
                };
                out.push_str(&format!(
                    "<NavigationProperty Name=\"{}\" Type=\"mscrm.{kind}\" Nullable=\"false\" \
                     Partner=\"{}\"><ReferentialConstraint Property=\"{}\" \
                     ReferencedProperty=\"{key}\"/></NavigationProperty>",
                    target.navigation, target.relationship, column.wire
                ));
            }
        }
        for (name, other) in self.collections(table) {
            out.push_str(&format!(
                "<NavigationProperty Name=\"{name}\" Type=\"Collection(mscrm.{other})\"/>"
            ));
        }
        out.push_str("</EntityType>");
    }

    /// Collection-valued navigation properties of a table, and what they hold.
    fn collections(&self, table: &Table) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for other in self.schema.tables().filter(|other| !other.intersect) {
            for target in other.columns.iter().flat_map(Column::targets) {
                if target.table == table.name {
                    found.push((target.relationship.to_string(), other.name.to_string()));
                }
            }
        }
        for across in self.schema.all_across() {
            let here = across
                .sides
                .iter()
                .position(|(side, _)| *side == table.name);
            if let Some(here) = here {
                found.push((
                    across.name.to_string(),
                    across.sides[1 - here].0.to_string(),
                ));
            }
        }
        found
    }

    fn set(&self, out: &mut String, table: &Table, annotated: bool) {
        out.push_str(&format!(
            "<EntitySet Name=\"{}\" EntityType=\"Microsoft.Dynamics.CRM.{}\">",
            table.set, table.name
        ));
        for target in table.columns.iter().flat_map(Column::targets) {
            if let Some(found) = self.schema.table(&target.table) {
                out.push_str(&format!(
                    "<NavigationPropertyBinding Path=\"{}\" Target=\"{}\"/>",
                    target.navigation, found.set
                ));
            }
        }
        if annotated && self.options.tracked.contains(&*table.name) {
            out.push_str(
                "<Annotation Term=\"Org.OData.Capabilities.V1.ChangeTracking\"><Record>\
                 <PropertyValue Property=\"Supported\" Bool=\"true\"/></Record></Annotation>",
            );
        }
        out.push_str("</EntitySet>");
    }
}

fn property(out: &mut String, column: &Column, annotated: bool) {
    let kind = match &column.kind {
        Kind::Id | Kind::Lookup(_) | Kind::File { .. } => "Edm.Guid",
        Kind::Text { .. } | Kind::Choices(_) => "Edm.String",
        Kind::Integer { .. } | Kind::Choice(_) | Kind::State(_) | Kind::Status(_) => "Edm.Int32",
        Kind::BigInt => "Edm.Int64",
        Kind::Decimal { .. } | Kind::Money { .. } => "Edm.Decimal",
        Kind::Boolean(..) => "Edm.Boolean",
        Kind::Date => "Edm.Date",
        Kind::Instant => "Edm.DateTimeOffset",
    };
    let more = match &column.kind {
        Kind::Text { .. } | Kind::Choices(_) => " Unicode=\"false\"",
        Kind::Decimal { .. } | Kind::Money { .. } => " Scale=\"Variable\"",
        _ => "",
    };
    let head = format!("<Property Name=\"{}\" Type=\"{kind}\"{more}", column.wire);
    let read_only = !column.creatable && !column.updatable || !column.targets().is_empty();
    if annotated && read_only {
        out.push_str(&format!("{head}>{COMPUTED}{PERMISSION}</Property>"));
    } else {
        out.push_str(&format!("{head}/>"));
    }
}

use proptest::prelude::*;

use super::*;

const MODEL: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EntityType Name="crmbaseentity" Abstract="true" />
  <EntityType Name="principal" BaseType="mscrm.crmbaseentity">
    <Key><PropertyRef Name="ownerid" /></Key>
    <Property Name="ownerid" Type="Edm.Guid" />
  </EntityType>
  <EntityType Name="systemuser" BaseType="mscrm.principal">
    <Property Name="fullname" Type="Edm.String" Unicode="false" />
  </EntityType>
  <EntityType Name="account" BaseType="mscrm.crmbaseentity">
    <Key><PropertyRef Name="accountid" /></Key>
    <Property Name="accountid" Type="Edm.Guid" />
    <Property Name="name" Type="Edm.String"><Annotation Term="Org.OData.Core.V1.Description" String="Ships &amp; boats" /></Property>
    <NavigationProperty Name="opportunity_parent_account" Type="Collection(mscrm.opportunity)" Partner="parentaccountid" />
  </EntityType>
  <EntityType Name="opportunity" BaseType="mscrm.crmbaseentity">
    <Key><PropertyRef Name="opportunityid" /></Key>
    <Property Name="opportunityid" Type="Edm.Guid" />
    <Property Name="estimatedvalue" Type="Edm.Decimal" Scale="Variable" />
    <Property Name="createdon" Type="Edm.DateTimeOffset"><Annotation Term="Org.OData.Core.V1.Computed" Bool="true" /></Property>
    <Property Name="_parentaccountid_value" Type="Edm.Guid"><Annotation Term="Org.OData.Core.V1.Permissions"><EnumMember>Org.OData.Core.V1.PermissionType/Read</EnumMember></Annotation></Property>
    <Property Name="_customerid_value" Type="Edm.Guid" />
    <Property Name="versionnumber" Type="Edm.Int64" />
    <NavigationProperty Name="parentaccountid" Type="mscrm.account" Nullable="false" Partner="opportunity_parent_account">
      <ReferentialConstraint Property="_parentaccountid_value" ReferencedProperty="accountid" /></NavigationProperty>
    <NavigationProperty Name="customerid_account" Type="mscrm.account" Nullable="false">
      <ReferentialConstraint Property="_customerid_value" ReferencedProperty="accountid" /></NavigationProperty>
    <NavigationProperty Name="customerid_contact" Type="mscrm.contact" Nullable="false">
      <ReferentialConstraint Property="_customerid_value" ReferencedProperty="contactid" /></NavigationProperty>
    <NavigationProperty Name="abc_PartnerEngagement" Type="mscrm.abc_engagement">
      <ReferentialConstraint Property="_abc_partnerengagement_value" ReferencedProperty="abc_engagementid" /></NavigationProperty>
  </EntityType>
  <ComplexType Name="WhoAmIResponse"><Property Name="UserId" Type="Edm.Guid" Nullable="false" /></ComplexType>
  <EnumType Name="AttributeTypeCode"><Member Name="Boolean" Value="0" /><Member Name="Customer" /><Member Name="Lookup" Value="6" /></EnumType>
  <Action Name="WinOpportunity"><Parameter Name="OpportunityClose" Type="mscrm.opportunityclose" /><Parameter Name="Status" Type="Edm.Int32" Nullable="false" /></Action>
  <Action Name="QualifyLead" IsBound="true"><Parameter Name="entity" Type="mscrm.lead" /><ReturnType Type="Collection(mscrm.crmbaseentity)" Nullable="false" /></Action>
  <Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" Nullable="false" /></Function>
  <EntityContainer Name="System">
    <EntitySet Name="accounts" EntityType="Microsoft.Dynamics.CRM.account"><Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record><PropertyValue Property="Supported" Bool="true" /></Record></Annotation></EntitySet>
    <EntitySet Name="opportunities" EntityType="Microsoft.Dynamics.CRM.opportunity"><NavigationPropertyBinding Path="parentaccountid" Target="accounts" /></EntitySet>
  </EntityContainer>
  <Annotations Target="mscrm.opportunity/versionnumber"><Annotation Term="Org.OData.Core.V1.Computed" Bool="true" /></Annotations>
  <Annotations Target="mscrm.System/opportunities"><Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record><PropertyValue Property="Supported" Bool="false" /></Record></Annotation></Annotations>
  <Novelty Name="of later years"><Inside /></Novelty>
</Schema></edmx:DataServices></edmx:Edmx>
"#;

fn model() -> Csdl {
    Csdl::read(MODEL.as_bytes()).unwrap()
}

#[test]
fn types_sets_and_operations_are_read() {
    let model = model();
    assert_eq!(model.set_of("opportunity"), Some("opportunities"));
    assert_eq!(model.key("systemuser"), ["ownerid"]);
    assert!(model.property("systemuser", "ownerid").is_some());
    let value = model.property("opportunity", "estimatedvalue").unwrap();
    assert_eq!(
        (value.kind.name.as_str(), value.read_only),
        ("Edm.Decimal", false)
    );
    for name in ["createdon", "_parentaccountid_value", "versionnumber"] {
        assert!(
            model.property("opportunity", name).unwrap().read_only,
            "{name}"
        );
    }
    assert_eq!(model.sets["accounts"].change_tracking, Some(true));
    assert_eq!(model.sets["opportunities"].change_tracking, Some(false));
    let members = &model.enums["AttributeTypeCode"].members;
    assert_eq!((members["Customer"], members["Lookup"]), (1, 6));
    assert!(
        model.complex["WhoAmIResponse"]
            .properties
            .contains_key("UserId")
    );
    let qualify = model.operations("QualifyLead").next().unwrap();
    assert!(qualify.bound && !qualify.is_function);
    assert!(qualify.returns.as_ref().unwrap().collection);
    let win = model.operations("WinOpportunity").next().unwrap();
    let names: Vec<&str> = win
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["OpportunityClose", "Status"]);
}

#[test]
fn navigation_names_keep_their_case_and_a_customer_has_two() {
    let model = model();
    let to = |column| model.lookup("opportunity", column);
    assert_eq!(
        to("customerid"),
        [
            ("customerid_account", "account"),
            ("customerid_contact", "contact")
        ]
    );
    assert_eq!(
        to("abc_partnerengagement"),
        [("abc_PartnerEngagement", "abc_engagement")]
    );
    let back = model
        .navigation("account", "opportunity_parent_account")
        .unwrap();
    assert!(back.collection && back.partner.as_deref() == Some("parentaccountid"));
}

#[test]
fn what_is_no_model_is_refused_with_its_place() {
    let deep = format!("<Schema>{}", "<a>".repeat(100));
    let cases: [(&str, &str); 8] = [
        ("", "no Schema"),
        ("<html><body/></html>", "no Schema"),
        ("{\"value\":[]}", "no Schema"),
        ("<Schema><EntityType Name=\"a\"></Schema>", "not XML"),
        ("<Schema><EntityType Name=\"a\">", "ends too early"),
        ("<Schema><EntityType/></Schema>", "a EntityType has no Name"),
        (
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Schema/>",
            "document type",
        ),
        (&deep, "deeper"),
    ];
    for (text, reason) in cases {
        let error = Csdl::read(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    assert!(Csdl::read(b"<Schema>\xff</Schema>").is_err());
    let entity = "<Schema><EntityType Name=\"&e;\"/></Schema>";
    assert!(
        Csdl::read(entity.as_bytes()).is_err(),
        "no entity of its own is resolved"
    );
}

#[test]
fn a_type_that_is_its_own_ancestor_ends() {
    let text = "<Schema><EntityType Name=\"a\" BaseType=\"x.b\"/><EntityType Name=\"b\" BaseType=\"x.a\"/></Schema>";
    let model = Csdl::read(text.as_bytes()).unwrap();
    assert_eq!(model.property("a", "nothing"), None);
    assert!(model.key("a").is_empty());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(from in 0usize..4000, cut in 0usize..200, with in "\\PC{0,12}") {
        let mut text = MODEL.to_owned();
        let from = from.min(text.len());
        let to = (from + cut).min(text.len());
        text.replace_range(from..to, &with);
        let _ = Csdl::read(text.as_bytes());
        let _ = Csdl::read(with.as_bytes());
    }
}

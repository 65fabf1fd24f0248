//! Tables, relationships and choices made, changed and dropped; `RetrieveMetadataChanges`; jobs.

use super::{Sandbox, Value};

const CRM: &str = "Microsoft.Dynamics.CRM.";

fn label(text: &str) -> Value {
    serde_json::json!({"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]})
}

fn table(sandbox: &mut Sandbox, name: &str) {
    let body = serde_json::json!({"Entities": [{"@odata.type": format!("{CRM}ComplexEntityMetadata"),
        "SchemaName": name, "DisplayName": label(name), "OwnershipType": "UserOwned",
        "Attributes": [
            {"@odata.type": format!("{CRM}ComplexStringAttributeMetadata"), "SchemaName": "abc_Name",
             "IsPrimaryName": true, "MaxLength": 100},
            {"@odata.type": format!("{CRM}ComplexDoubleAttributeMetadata"), "SchemaName": "abc_Rate", "Precision": 5}]}]});
    let made = sandbox
        .post("CreateEntities", &body.to_string())
        .expect(200);
    assert_eq!(made.json()["EntityIds"].as_array().unwrap().len(), 1);
}

#[test]
fn a_table_lives_from_its_creation_to_its_deletion() {
    let mut sandbox = Sandbox::new();
    table(&mut sandbox, "abc_Policy");
    let definition = "EntityDefinitions(LogicalName='abc_policy')";
    let told = sandbox.get(definition).expect(200).json();
    assert_eq!(told["EntitySetName"], "abc_policies");
    let columns = sandbox.get(&format!(
        "{definition}/Attributes/{CRM}DoubleAttributeMetadata"
    ));
    assert_eq!(
        columns.expect(200).json()["value"][0]["SchemaName"],
        "abc_Rate"
    );
    sandbox.made("abc_policies", r#"{"abc_name":"P","abc_rate":0.5}"#);
    let mut changed = told.clone();
    changed["DisplayName"] =
        serde_json::json!({"LocalizedLabels": [{"Label": "Polis", "LanguageCode": 1043}]});
    let merge = [("mscrm.mergelabels", "true")];
    sandbox
        .call("PUT", definition, &merge, &changed.to_string())
        .expect(204);
    let labels = sandbox.get(definition).json()["DisplayName"]["LocalizedLabels"].clone();
    assert_eq!(labels.as_array().unwrap().len(), 2);
    sandbox.call("DELETE", definition, &[], "").expect(204);
    sandbox.get(definition).expect(404);
    sandbox.get("abc_policies").refused(404, "0x8006088a");
    let shipped = "EntityDefinitions(LogicalName='account')";
    sandbox
        .call("DELETE", shipped, &[], "")
        .refused(400, "0x8004f01f");
}

#[test]
fn a_column_changes_what_it_may_and_keeps_what_it_is() {
    let mut sandbox = Sandbox::new();
    let columns = "EntityDefinitions(LogicalName='account')/Attributes";
    let body = r#"{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata","SchemaName":"abc_Code","MaxLength":3}"#;
    sandbox.post(columns, body).expect(204);
    let told = sandbox
        .get(&format!("{columns}(LogicalName='abc_code')"))
        .json();
    let column = format!("{columns}({})", told["MetadataId"].as_str().unwrap());
    sandbox
        .post("accounts", r#"{"name":"A","abc_code":"four"}"#)
        .refused(400, "0x80044331");
    let longer = body.replace(":3}", ":4}");
    sandbox.call("PUT", &column, &[], &longer).expect(204);
    sandbox
        .post("accounts", r#"{"name":"A","abc_code":"four"}"#)
        .expect(204);
    let other = longer.replace("StringAttribute", "MemoAttribute");
    sandbox
        .call("PUT", &column, &[], &other)
        .refused(400, "0x80040203");
    sandbox.call("DELETE", &column, &[], "").expect(204);
    sandbox.get(&column).expect(404);
}

#[test]
fn relationships_are_told_from_every_side() {
    let mut sandbox = Sandbox::new();
    let body = serde_json::json!({"@odata.type": format!("{CRM}OneToManyRelationshipMetadata"),
        "SchemaName": "abc_account_deals", "ReferencedEntity": "account", "ReferencingEntity": "opportunity",
        "CascadeConfiguration": {"Delete": "Restrict"},
        "Lookup": {"@odata.type": format!("{CRM}LookupAttributeMetadata"), "SchemaName": "abc_Agency"}});
    let made = sandbox
        .post("RelationshipDefinitions", &body.to_string())
        .expect(204);
    let address = made.header("odata-entityid").to_owned();
    let told = sandbox.get(&address).expect(200).json();
    assert_eq!(told["CascadeConfiguration"]["Delete"], "Restrict");
    let by_name = sandbox.get(&format!(
        "RelationshipDefinitions(SchemaName='abc_account_deals')/{CRM}OneToManyRelationshipMetadata"
    ));
    assert_eq!(
        by_name.expect(200).json()["ReferencingEntityNavigationPropertyName"],
        "abc_Agency"
    );
    for (table, side) in [
        ("account", "OneToManyRelationships"),
        ("opportunity", "ManyToOneRelationships"),
    ] {
        let listed = sandbox.get(&format!("EntityDefinitions(LogicalName='{table}')/{side}?$filter=SchemaName%20eq%20'abc_account_deals'"));
        assert_eq!(listed.json()["value"].as_array().unwrap().len(), 1);
    }
    sandbox
        .post("RelationshipDefinitions", &body.to_string())
        .refused(400, "0x80044363");
    sandbox.call("DELETE", &address, &[], "").expect(204);
    sandbox
        .post("opportunities", r#"{"abc_Agency@odata.bind":null}"#)
        .refused(400, "0x80048d19");

    let across = serde_json::json!({"@odata.type": format!("{CRM}ManyToManyRelationshipMetadata"),
        "SchemaName": "abc_deal_contact", "Entity1LogicalName": "opportunity", "Entity2LogicalName": "contact"});
    sandbox
        .post("RelationshipDefinitions", &across.to_string())
        .expect(204);
    let kind = "RelationshipDefinitions?$filter=RelationshipType%20eq%20Microsoft.Dynamics.CRM.RelationshipType'ManyToManyRelationship'&$select=SchemaName";
    let listed = sandbox.get(kind).expect(200).json();
    let names: Vec<_> = listed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|known| known["SchemaName"].clone())
        .collect();
    assert!(
        names.contains(&"abc_deal_contact".into())
            && names.contains(&"opportunitycompetitors_association".into())
    );
    let both = sandbox
        .get("EntityDefinitions(LogicalName='contact')/ManyToManyRelationships")
        .json();
    assert_eq!(both["value"].as_array().unwrap().len(), 2);
}

#[test]
fn a_global_choice_is_shared_by_the_columns_that_use_it() {
    let mut sandbox = Sandbox::new();
    let body = serde_json::json!({"Name": "abc_areas", "OptionSetType": "Picklist",
        "Options": [{"Value": 1, "Label": label("North")}]});
    let made = sandbox
        .post("GlobalOptionSetDefinitions", &body.to_string())
        .expect(204);
    let address = made.header("odata-entityid").to_owned();
    sandbox
        .post("GlobalOptionSetDefinitions", &body.to_string())
        .refused(400, "0x80044363");
    let column = serde_json::json!({"@odata.type": format!("{CRM}PicklistAttributeMetadata"), "SchemaName": "abc_Area",
        "GlobalOptionSet@odata.bind": "/GlobalOptionSetDefinitions(Name='abc_areas')"});
    sandbox
        .post(
            "EntityDefinitions(LogicalName='account')/Attributes",
            &column.to_string(),
        )
        .expect(204);
    sandbox
        .post("accounts", r#"{"abc_area":2}"#)
        .refused(400, "0x8004431a");
    let more =
        serde_json::json!({"OptionSetName": "abc_areas", "Value": 2, "Label": label("South")});
    sandbox
        .post("InsertOptionValue", &more.to_string())
        .expect(200);
    sandbox.post("accounts", r#"{"abc_area":2}"#).expect(204);
    let expanded = format!(
        "EntityDefinitions(LogicalName='account')/Attributes/{CRM}PicklistAttributeMetadata?$select=LogicalName&$filter=LogicalName%20eq%20'abc_area'&$expand=OptionSet,GlobalOptionSet"
    );
    let told = sandbox.get(&expanded).expect(200).json();
    assert_eq!(told["value"][0]["GlobalOptionSet"]["Name"], "abc_areas");
    sandbox
        .call("DELETE", &address, &[], "")
        .refused(400, "0x8004f01f");
    let label =
        serde_json::json!({"OptionSetName": "abc_areas", "Value": 2, "Label": label("Süd")});
    sandbox
        .post("UpdateOptionValue", &label.to_string())
        .expect(204);
    let told = sandbox.get(&address).json();
    assert_eq!(
        told["Options"][1]["Label"]["LocalizedLabels"][0]["Label"],
        "Süd"
    );
    let gone = r#"{"OptionSetName":"abc_areas","Value":1}"#;
    sandbox.post("DeleteOptionValue", gone).expect(204);
    sandbox
        .post("accounts", r#"{"abc_area":1}"#)
        .refused(400, "0x8004431a");
    let status = serde_json::json!({"EntityLogicalName": "opportunity", "AttributeLogicalName": "statuscode",
        "StateCode": 0, "Label": {"LocalizedLabels": [{"Label": "Parked"}]}});
    let value = sandbox
        .post("InsertStatusValue", &status.to_string())
        .expect(200)
        .json();
    let deal = format!(r#"{{"name":"A","statuscode":{}}}"#, value["NewOptionValue"]);
    sandbox.post("opportunities", &deal).expect(204);
}

#[test]
fn metadata_changes_are_told_under_a_query() {
    let mut sandbox = Sandbox::new();
    let query = r#"{"Properties":{"PropertyNames":["LogicalName","Attributes"]},
        "Criteria":{"Conditions":[{"PropertyName":"LogicalName","ConditionOperator":"Equals","Value":{"Type":"System.String","Value":"account"}}]},
        "AttributeQuery":{"Properties":{"PropertyNames":["LogicalName","MaxLength"]},
        "Criteria":{"Conditions":[{"PropertyName":"LogicalName","ConditionOperator":"Equals","Value":{"Type":"System.String","Value":"name"}}]}}}"#;
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let told = sandbox.get(&format!("RetrieveMetadataChanges(Query=@p1)?@p1={query}"));
    let told = told.expect(200).json();
    let columns = told["EntityMetadata"][0]["Attributes"].as_array().unwrap();
    assert_eq!((columns.len(), &columns[0]["MaxLength"]), (1, &160.into()));
    assert!(columns[0].get("SchemaName").is_none());
    sandbox.get("RetrieveMetadataChanges()").refused(400, "0x0");
}

#[test]
fn a_bulk_deletion_leaves_a_job_that_says_how_it_went() {
    let mut sandbox = Sandbox::new();
    let ids: Vec<String> = (0..3)
        .map(|_| sandbox.made("accounts", r#"{"name":"A"}"#))
        .collect();
    let held = format!(
        r#"{{"name":"D","customerid_account@odata.bind":"/accounts({})"}}"#,
        ids[2]
    );
    sandbox.made("opportunities", &held);
    let values: Vec<Value> = ids
        .iter()
        .map(|id| serde_json::json!({"Value": id, "Type": "System.Guid"}))
        .collect();
    let body = serde_json::json!({"JobName": "Sweep", "QuerySet": [{"EntityName": "account",
        "Criteria": {"Conditions": [{"AttributeName": "accountid", "Operator": "In", "Values": values}]}}]});
    let job = sandbox
        .post("BulkDelete", &body.to_string())
        .expect(200)
        .json();
    assert_eq!(sandbox.get("accounts/$count").text, "1");
    let job = format!("asyncoperations({})", job["JobId"].as_str().unwrap());
    let job = sandbox.get(&job).expect(200).json();
    assert_eq!(
        (&job["name"], &job["statuscode"]),
        (&"Sweep".into(), &31.into())
    );
    assert_eq!(job["message"], "2 rows deleted, 1 failed.");
    let counts = sandbox.get("RetrieveTotalRecordCount(EntityNames=@p)?@p=[%22account%22]");
    assert_eq!(
        counts.expect(200).json()["EntityRecordCountCollection"]["Values"][0],
        1
    );
    assert!(sandbox.get("RetrieveVersion()").expect(200).json()["Version"].is_string());
}

#[test]
fn a_merged_row_points_to_its_master() {
    let mut sandbox = Sandbox::new();
    let [master, other] =
        ["A", "B"].map(|name| sandbox.made("accounts", &format!(r#"{{"name":"{name}"}}"#)));
    let body = serde_json::json!({"Target": {"@odata.type": format!("{CRM}account"), "accountid": master},
        "Subordinate": {"@odata.type": format!("{CRM}account"), "accountid": other}});
    sandbox.post("Merge", &body.to_string()).expect(204);
    let row = sandbox.get(&format!("accounts({other})")).json();
    assert_eq!(
        (&row["merged"], &row["statecode"]),
        (&true.into(), &1.into())
    );
    assert_eq!(row["_masterid_value"], master);
    sandbox
        .post("Merge", &body.to_string())
        .refused(400, "0x80040203");
}

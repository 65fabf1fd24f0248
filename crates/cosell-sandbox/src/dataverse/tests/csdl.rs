//! `$metadata` and the service document.

use roxmltree::{Document, Node};

use super::Sandbox;

fn named<'a>(node: Node<'a, 'a>, kind: &str, name: &str) -> Node<'a, 'a> {
    let mut found = node.descendants().filter(|node| node.has_tag_name(kind));
    found
        .find(|node| node.attribute("Name") == Some(name))
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

trait HasTag {
    fn has_tag_name(&self, name: &str) -> bool;
}

impl HasTag for Node<'_, '_> {
    /// Whatever the namespace.
    fn has_tag_name(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}

#[test]
fn every_table_is_declared_with_its_columns_and_both_ends_of_its_lookups() {
    let mut sandbox = Sandbox::new();
    let answer = sandbox.get("$metadata").expect(200);
    assert_eq!(answer.header("content-type"), "application/xml");
    let document = Document::parse(&answer.text).unwrap();
    let root = document.root();
    let deal = named(root, "EntityType", "opportunity");
    for (name, kind) in [
        ("name", "Edm.String"),
        ("estimatedvalue", "Edm.Decimal"),
        ("estimatedclosedate", "Edm.Date"),
        ("modifiedon", "Edm.DateTimeOffset"),
        ("versionnumber", "Edm.Int64"),
        ("_parentaccountid_value", "Edm.Guid"),
    ] {
        assert_eq!(named(deal, "Property", name).attribute("Type"), Some(kind));
    }
    let lookup = named(deal, "NavigationProperty", "customerid_account");
    assert_eq!(
        lookup.attribute("Partner"),
        Some("opportunity_customer_accounts")
    );
    let account = named(root, "EntityType", "account");
    let back = named(
        account,
        "NavigationProperty",
        "opportunity_customer_accounts",
    );
    assert_eq!(
        back.attribute("Type"),
        Some("Collection(mscrm.opportunity)")
    );
    // A user is a principal, whose key it has.
    let user = named(root, "EntityType", "systemuser");
    assert_eq!(user.attribute("BaseType"), Some("mscrm.principal"));
    assert!(
        !user
            .children()
            .any(|child| HasTag::has_tag_name(&child, "Key"))
    );

    let listed = sandbox.get("").expect(200).json();
    for set in listed["value"].as_array().unwrap() {
        let name = set["name"].as_str().unwrap();
        named(root, "EntitySet", name);
        sandbox.get(&format!("{name}?$top=1")).expect(200);
    }
}

#[test]
fn annotations_are_shown_when_asked_for_in_either_way() {
    let mut sandbox = Sandbox::new();
    assert!(!sandbox.get("$metadata").text.contains("V1.Computed"));
    let asked = sandbox.get("$metadata?annotations=true").text;
    assert!(asked.contains("V1.Computed") && asked.contains("V1.ChangeTracking"));
    let prefer = [("prefer", "odata.include-annotations=\"*\"")];
    assert_eq!(sandbox.call("GET", "$metadata", &prefer, "").text, asked);
}

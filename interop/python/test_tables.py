import enum
import unittest
import uuid

from PowerPlatform.Dataverse.core.errors import MetadataError
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.relationship import (
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)

import sandbox

client = sandbox.client()
tables, records = client.tables, client.records


def fresh(name):
    return f"abc_{name}{uuid.uuid4().hex[:6]}"


class Area(enum.IntEnum):
    North = 1
    South = 2


class Tables(unittest.TestCase):
    def test_a_table_of_every_type(self):
        table = fresh("Wide")
        columns = {"abc_Text": "string", "abc_Memo": "memo", "abc_Int": "int", "abc_Decimal": "decimal", "abc_Float": "float", "abc_Date": "datetime", "abc_Flag": "bool", "abc_Area": Area, "abc_Short": {"type": "string", "max_length": 5}}
        made = tables.create(table, columns, primary_column="abc_Title", display_name="Wide")
        self.assertEqual(made["table_schema_name"], table)
        self.assertEqual(tables.get(table)["primary_name_attribute"], "abc_title")
        with self.assertRaises(MetadataError):
            tables.create(table, {})
        row = records.create(table, {"abc_Title": "T", "abc_Text": "t", "abc_Memo": "m", "abc_Int": 3, "abc_Decimal": 1.25, "abc_Float": 0.5, "abc_Date": "2025-01-02T00:00:00Z", "abc_Flag": True, "abc_Area": "South"})
        read = records.retrieve(table, row)
        self.assertEqual([read[name] for name in ("abc_int", "abc_decimal", "abc_float", "abc_flag", "abc_area")], [3, 1.25, 0.5, True, 2])
        self.assertTrue(any(known["LogicalName"] == table.lower() for known in tables.list(filter="IsCustomEntity eq true", select=["LogicalName"])))
        self.assertIsNone(tables.get("abc_nonesuch"))
        tables.delete(table)
        self.assertIsNone(tables.get(table))

    def test_columns(self):
        table = fresh("Columns")
        tables.create(table, {})
        tables.add_columns(table, {"abc_One": "string", "abc_Two": "int", "abc_Three": Area})
        self.assertEqual(tables.get_column(table, "abc_One")["LogicalName"], "abc_one")
        self.assertIsNone(tables.get_column(table, "abc_None"))
        tables.update_column(table, "abc_One", {"max_length": 321, "display_name": "First"})
        tables.update_columns(table, {"abc_Two": {"max_value": 10}, "abc_Three": {"required": "Recommended"}})
        typed = tables.get_column(table, "abc_One", typed=True)
        self.assertEqual([typed["MaxLength"], typed["DisplayName"]["LocalizedLabels"][0]["Label"]], [321, "First"])
        listed = tables.list_columns(table, select=["LogicalName", "AttributeType"], filter="AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Integer'")
        self.assertIn("abc_two", [column["LogicalName"] for column in listed])
        self.assertTrue(any(column.get("MaxValue") == 10 for column in tables.list_columns(table, typed=True)))
        tables.remove_columns(table, ["abc_One", "abc_Two"])
        self.assertIsNone(tables.get_column(table, "abc_One"))

    def test_alternate_keys(self):
        table = fresh("Keyed")
        tables.create(table, {"abc_Code": "string"})
        made = tables.create_alternate_key(table, "abc_CodeKey", ["abc_code"], display_name="Code")
        keys = tables.get_alternate_keys(table)
        self.assertEqual([key.key_attributes for key in keys], [["abc_code"]])
        tables.delete_alternate_key(table, made.metadata_id)
        self.assertEqual(tables.get_alternate_keys(table), [])

    def test_relationships(self):
        order, line = fresh("Order"), fresh("Line")
        tables.create(order, {})
        tables.create(line, {})
        text = Label(localized_labels=[LocalizedLabel(label="Order", language_code=1033)])
        made = tables.create_one_to_many_relationship(
            LookupAttributeMetadata(schema_name="abc_OrderId", display_name=text),
            OneToManyRelationshipMetadata(schema_name=f"{order}_lines", referenced_entity=order.lower(), referencing_entity=line.lower(), referenced_attribute=f"{order.lower()}id"),
        )
        parent = records.create(order, {"abc_Name": "O"})
        child = records.create(line, {"abc_Name": "L", "abc_OrderId@odata.bind": f"/{tables.get(order)['entity_set_name']}({parent})"})
        row = records.retrieve(order, parent, expand=[f"{order}_lines($select=abc_name)"])
        self.assertEqual(row[f"{order}_lines"][0][f"{line.lower()}id"], child)
        lookup = tables.create_lookup_field(line.lower(), "abc_AccountId", "account", display_name="Account")
        self.assertEqual(lookup.lookup_schema_name, "abc_AccountId")
        across = tables.create_many_to_many_relationship(ManyToManyRelationshipMetadata(schema_name=f"{order}_contacts", entity1_logical_name=order.lower(), entity2_logical_name="contact"))
        found = tables.get_relationship(f"{order}_contacts")
        self.assertEqual(found.relationship_id, across.relationship_id)
        names = [known["SchemaName"] for known in tables.list_table_relationships(order)]
        self.assertIn(f"{order}_lines", names)
        self.assertIn(f"{order}_contacts", names)
        kind = "RelationshipType eq Microsoft.Dynamics.CRM.RelationshipType'OneToManyRelationship'"
        self.assertTrue(any(known["SchemaName"] == f"{order}_lines" for known in tables.list_relationships(filter=kind, select=["SchemaName"])))
        tables.delete_relationship(made.relationship_id)
        tables.delete_relationship(across.relationship_id)
        self.assertIsNone(tables.get_relationship(f"{order}_lines"))

import unittest
import uuid

import pandas as pd
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col

import sandbox

client = sandbox.client()


def unique(name):
    return f"{name} {uuid.uuid4().hex[:8]}"


class Batches(unittest.TestCase):
    def run_batch(self, batch, **options):
        result = batch.execute(**options)
        self.assertFalse(result.has_errors, [item.error_message for item in result.failed])
        return result

    def test_records(self):
        name = unique("Batch")
        batch = client.batch.new()
        batch.records.create("account", {"name": name})
        batch.records.create("account", [{"name": name}, {"name": name}])
        result = self.run_batch(batch)
        ids = result.entity_ids + result.responses[1].data["Ids"]
        self.assertEqual(len(ids), 3)
        batch = client.batch.new()
        batch.records.update("account", ids[0], {"telephone1": "1"})
        batch.records.update("account", ids[1:], {"telephone1": "2"})
        batch.records.retrieve("account", ids[0], select=["telephone1"], expand=["primarycontactid($select=fullname)"], include_annotations="*")
        batch.records.list("account", filter=col("name") == name, select=["telephone1"], orderby=["telephone1"], page_size=2, count=True)
        result = self.run_batch(batch)
        data = [item.data for item in result.responses if item.data]
        self.assertEqual(data[0]["telephone1"], "1")
        self.assertEqual([row["telephone1"] for row in data[1]["value"]], ["1", "2"])
        batch = client.batch.new()
        batch.records.delete("account", ids[0])
        batch.records.delete("account", ids[1:])
        self.run_batch(batch)
        self.assertEqual(len(client.records.list("account", filter=f"name eq '{name}'", select=["name"])), 0)

    def test_change_set_with_references(self):
        name = unique("Referenced")
        batch = client.batch.new()
        with batch.changeset() as changes:
            account = changes.records.create("account", {"name": name})
            deal = changes.records.create("opportunity", {"name": name, "parentaccountid@odata.bind": account})
            changes.records.update("opportunity", deal, {"closeprobability": 7})
        self.run_batch(batch)
        rows = client.records.list("opportunity", filter=f"name eq '{name}'", select=["closeprobability"], expand=["parentaccountid($select=name)"])
        self.assertEqual([rows[0]["closeprobability"], rows[0]["parentaccountid"]["name"]], [7, name])

    def test_a_failed_change_set_leaves_nothing(self):
        name = unique("Lost")
        batch = client.batch.new()
        with batch.changeset() as changes:
            changes.records.create("account", {"name": name})
            changes.records.delete("account", "00000000-0000-4000-8000-00000000dead")
        # The answer to the whole has the status of what failed, which the client raises.
        with self.assertRaises(HttpError) as refused:
            batch.execute()
        self.assertEqual(refused.exception.status_code, 404)
        self.assertEqual(len(client.records.list("account", filter=f"name eq '{name}'", select=["name"])), 0)

    def test_goes_on_after_an_error(self):
        batch = client.batch.new()
        batch.records.retrieve("account", "00000000-0000-4000-8000-00000000dead", select=["name"])
        batch.query.sql("SELECT TOP 1 fullname FROM systemuser")
        result = batch.execute(continue_on_error=True)
        self.assertEqual([item.status_code for item in result.responses], [404, 200])
        self.assertEqual(result.responses[0].error_code, "0x80040217")

    def test_tables_and_frames(self):
        table = f"abc_Batched{uuid.uuid4().hex[:6]}"
        batch = client.batch.new()
        batch.tables.create(table, {"abc_Note": "string"})
        self.run_batch(batch)
        batch = client.batch.new()
        batch.tables.get(table)
        batch.tables.list(filter="IsCustomEntity eq true", select=["LogicalName"])
        batch.tables.add_columns(table, {"abc_More": "int"})
        batch.tables.create_lookup_field(table.lower(), "abc_ForAccount", "account")
        self.run_batch(batch)
        batch = client.batch.new()
        batch.tables.remove_columns(table, ["abc_More"])
        batch.tables.get_relationship(f"account_{table.lower()}_abc_ForAccount")
        batch.dataframe.create(table, pd.DataFrame([{"abc_name": "a"}, {"abc_name": "b"}]))
        self.run_batch(batch)
        self.assertEqual(len(client.records.list(table, select=["abc_name"])), 2)
        batch = client.batch.new()
        batch.tables.delete(table)
        self.run_batch(batch)
        self.assertIsNone(client.tables.get(table))

import tempfile
import unittest
import uuid

import pandas as pd
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.query_builder import ExpandOption
from PowerPlatform.Dataverse.models.upsert import UpsertItem

import sandbox

NOBODY = "00000000-0000-4000-8000-00000000dead"
client = sandbox.client()
records = client.records


def unique(name):
    return f"{name} {uuid.uuid4().hex[:8]}"


class Records(unittest.TestCase):
    def test_create_retrieve_update_delete(self):
        made = records.create("opportunity", {"name": "Python", "estimatedvalue": 12.5, "opportunityratingcode": "Hot"})
        row = records.retrieve("opportunity", made, select=["name", "estimatedvalue", "opportunityratingcode"])
        self.assertEqual([row["name"], row["estimatedvalue"], row["opportunityratingcode"]], ["Python", 12.5, 1])
        records.update("opportunity", made, {"name": "Changed"})
        self.assertEqual(records.retrieve("opportunity", made, select=["name"])["name"], "Changed")
        records.delete("opportunity", made)
        self.assertIsNone(records.retrieve("opportunity", made, select=["name"]))

    def test_an_update_of_a_missing_row_creates_nothing(self):
        with self.assertRaises(HttpError) as refused:
            records.update("opportunity", NOBODY, {"name": "x"})
        self.assertEqual(refused.exception.status_code, 404)
        self.assertEqual(refused.exception.details["service_error_code"], "0x80040217")

    def test_a_wrong_column_is_refused(self):
        with self.assertRaises(HttpError) as refused:
            records.create("opportunity", {"nonesuch": "x"})
        self.assertEqual(refused.exception.status_code, 400)

    def test_many_rows_in_one_message(self):
        name = unique("Many")
        ids = records.create("account", [{"name": name, "telephone1": str(n)} for n in range(3)])
        self.assertEqual(len(ids), 3)
        records.update("account", ids, {"description": "all"})
        records.update("account", ids[:2], [{"telephone1": "a"}, {"telephone1": "b"}])
        rows = records.list("account", filter=col("name") == name, select=["telephone1", "description"], orderby=["telephone1"])
        self.assertEqual([row["telephone1"] for row in rows], ["2", "a", "b"])
        self.assertTrue(all(row["description"] == "all" for row in rows))
        job = records.delete("account", ids)
        self.assertTrue(job)
        self.assertEqual(len(records.list("account", filter=f"name eq '{name}'", select=["name"])), 0)

    def test_deletes_one_by_one(self):
        ids = records.create("account", [{"name": unique("Single")} for _ in range(2)])
        records.delete("account", ids, use_bulk_delete=False)
        self.assertIsNone(records.retrieve("account", ids[0]))

    def test_lookups_are_bound_and_expanded(self):
        name = unique("Bound")
        account = records.create("account", {"name": name})
        deal = records.create("opportunity", {"name": name, "parentaccountid@odata.bind": f"/accounts({account})"})
        row = records.retrieve("opportunity", deal, select=["name"], expand=["parentaccountid($select=name)"], include_annotations="*")
        self.assertEqual(row["parentaccountid"]["name"], name)
        self.assertEqual(row["_parentaccountid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")

    def test_pages(self):
        name = unique("Paged")
        records.create("account", [{"name": name, "telephone1": str(n)} for n in range(5)])
        pages = list(records.list_pages("account", filter=f"name eq '{name}'", select=["telephone1"], orderby=["telephone1"], page_size=2))
        self.assertEqual([len(page) for page in pages], [2, 2, 1])
        rows = records.list("account", filter=f"name eq '{name}'", orderby=["telephone1 desc"], top=2, count=True)
        self.assertEqual([row["telephone1"] for row in rows], ["4", "3"])

    def test_upserts(self):
        key = f"abc_key{uuid.uuid4().hex[:6]}"
        client.tables.add_columns("account", {key: "string"})
        client.tables.create_alternate_key("account", f"{key}Key", [key])
        sandbox.act(do="clock_advance", seconds=60)
        records.upsert("account", [UpsertItem(alternate_key={key: "one"}, record={"name": "Made"})])
        records.upsert("account", [UpsertItem(alternate_key={key: "one"}, record={"name": "Changed"}), UpsertItem(alternate_key={key: "two"}, record={"name": "Second"})])
        rows = records.list("account", filter=f"{key} ne null", select=["name", key], orderby=[key])
        self.assertEqual([(row["name"], row[key]) for row in rows], [("Changed", "one"), ("Second", "two")])


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.name = unique("Asked")
        cls.account = records.create("account", {"name": cls.name})
        for n in range(6):
            records.create("opportunity", {"name": f"{cls.name} {n}", "closeprobability": n * 10, "estimatedvalue": n, "parentaccountid@odata.bind": f"/accounts({cls.account})"})

    def test_builder(self):
        query = (
            client.query.builder("opportunity")
            .select("name", "closeprobability")
            .where(col("name").startswith(self.name) & ((col("closeprobability") >= 40) | (col("closeprobability") == 0)) & ~(col("closeprobability") == 50))
            .order_by("closeprobability", descending=True)
            .expand(ExpandOption("parentaccountid").select("name"))
            .include_formatted_values()
            .page_size(1)
        )
        rows = list(query.execute())
        self.assertEqual([row["closeprobability"] for row in rows], [40, 0])
        self.assertEqual(rows[0]["parentaccountid"]["name"], self.name)
        self.assertEqual([len(page) for page in query.execute_pages()], [1, 1])
        self.assertEqual(len(query.to_dataframe()), 2)

    def test_builder_collections(self):
        rows = list(
            client.query.builder("account")
            .select("name")
            .where(col("name") == self.name)
            .expand(ExpandOption("opportunity_parent_account").select("name").filter("closeprobability gt 20").order_by("closeprobability", descending=True).top(2))
            .execute()
        )
        self.assertEqual([deal["name"][-1] for deal in rows[0]["opportunity_parent_account"]], ["5", "4"])

    def test_filters(self):
        def names(filter):
            return [row["name"][-1] for row in records.list("opportunity", filter=filter & (col("_parentaccountid_value") == uuid.UUID(self.account)), select=["name"], orderby=["name"])]

        self.assertEqual(names(col("closeprobability").in_([10, 30])), ["1", "3"])
        self.assertEqual(names(col("closeprobability").not_in([0, 10, 20])), ["3", "4", "5"])
        self.assertEqual(names(col("closeprobability").between(20, 30)), ["2", "3"])
        self.assertEqual(names(col("name").like("%4")), ["4"])
        self.assertEqual(names(col("description").is_null()), list("012345"))
        self.assertEqual(names(col("name").contains("O'Brien")), [])

    def test_fetchxml(self):
        query = client.query.fetchxml(
            f"""<fetch count="2"><entity name="opportunity"><attribute name="name"/><order attribute="closeprobability"/>
            <filter><condition attribute="name" operator="like" value="{self.name}%"/><condition attribute="closeprobability" operator="gt" value="0"/></filter>
            <link-entity name="account" from="accountid" to="parentaccountid" alias="acc"><attribute name="name"/></link-entity></entity></fetch>"""
        )
        self.assertEqual([len(page) for page in query.execute_pages()], [2, 2, 1])
        rows = query.execute()
        self.assertEqual([row["name"][-1] for row in rows], list("12345"))
        self.assertEqual(rows[0]["acc.name"], self.name)

    def test_sql(self):
        rows = client.query.sql(f"SELECT TOP 3 o.name, a.name AS customer FROM opportunity o INNER JOIN account a ON o.parentaccountid = a.accountid WHERE a.name = '{self.name}' AND o.closeprobability BETWEEN 10 AND 40 ORDER BY o.closeprobability DESC")
        self.assertEqual([(row["name"][-1], row["customer"]) for row in rows], [("4", self.name), ("3", self.name), ("2", self.name)])
        rows = client.query.sql(f"SELECT statecode, COUNT(*) AS n, SUM(estimatedvalue) AS total FROM opportunity WHERE name LIKE '{self.name}%' GROUP BY statecode")
        self.assertEqual([(row["statecode"], row["n"], row["total"]) for row in rows], [(0, 6, 15)])
        rows = client.query.sql(f"SELECT name FROM opportunity WHERE name LIKE '{self.name}%' ORDER BY name OFFSET 4 ROWS FETCH NEXT 5 ROWS ONLY")
        self.assertEqual([row["name"][-1] for row in rows], ["4", "5"])
        with self.assertRaises(HttpError):
            client.query.sql("SELECT nonesuch FROM account")

    def test_schema_helpers(self):
        self.assertIn("name", client.query.odata_select("opportunity"))
        self.assertTrue(any(column["name"] == "closeprobability" for column in client.query.sql_columns("opportunity")))
        self.assertEqual(client.query.odata_expand("opportunity", "lead"), "originatingleadid")
        self.assertEqual(client.query.odata_bind("opportunity", "lead", self.account), {"originatingleadid@odata.bind": f"/leads({self.account})"})
        self.assertTrue(client.query.odata_expands("opportunity"))


class Frames(unittest.TestCase):
    def test_frames(self):
        name = unique("Framed")
        frame = pd.DataFrame([{"name": name, "telephone1": str(n)} for n in range(3)])
        frame["accountid"] = client.dataframe.create("account", frame)
        frame["telephone1"] = ["x", "y", None]
        client.dataframe.update("account", frame[["accountid", "telephone1"]], id_column="accountid", clear_nulls=True)
        back = client.query.builder("account").select("telephone1").where(col("name") == name).to_dataframe()
        self.assertEqual(sorted(back["telephone1"].fillna("")), ["", "x", "y"])
        asked = client.dataframe.sql(f"SELECT name, telephone1 FROM account WHERE name = '{name}'")
        self.assertEqual(len(asked), 3)
        client.dataframe.delete("account", frame["accountid"])
        self.assertEqual(len(records.list("account", filter=f"name eq '{name}'", select=["name"])), 0)


class Files(unittest.TestCase):
    def test_whole_and_in_chunks(self):
        account = records.create("account", {"name": "With a file"})
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(bytes(range(256)) * 20000)
            file.flush()
            client.files.upload("account", account, "abc_PythonFile", file.name)
            client.files.upload("account", account, "abc_PythonFile", file.name, mode="chunk", if_none_match=False)
        row = records.retrieve("account", account, select=["abc_pythonfile"])
        self.assertTrue(row["abc_pythonfile"])

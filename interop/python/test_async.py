import unittest
import uuid

from azure.core.credentials_async import AsyncTokenCredential
from PowerPlatform.Dataverse.aio.async_client import AsyncDataverseClient
from PowerPlatform.Dataverse.models.filters import col

import sandbox


class Credential(AsyncTokenCredential):
    def __init__(self):
        self._known = sandbox.Credential()

    async def get_token(self, *scopes, **options):
        return self._known.get_token(*scopes, **options)

    async def close(self):
        pass

    async def __aexit__(self, *_):
        pass


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_the_same_requests(self):
        name = f"Async {uuid.uuid4().hex[:8]}"
        async with AsyncDataverseClient(sandbox.endpoints["dataverse"], Credential()) as client:
            ids = await client.records.create("account", [{"name": name, "telephone1": str(n)} for n in range(3)])
            one = await client.records.create("account", {"name": name, "telephone1": "3"})
            await client.records.update("account", one, {"telephone1": "4"})
            row = await client.records.retrieve("account", one, select=["telephone1"])
            self.assertEqual(row["telephone1"], "4")
            rows = await client.records.list("account", filter=col("name") == name, select=["telephone1"], orderby=["telephone1"], page_size=2)
            self.assertEqual([row["telephone1"] for row in rows], ["0", "1", "2", "4"])
            rows = await client.query.sql(f"SELECT telephone1 FROM account WHERE name = '{name}' ORDER BY telephone1 DESC")
            self.assertEqual([row["telephone1"] for row in rows], ["4", "2", "1", "0"])
            batch = client.batch.new()
            batch.records.delete("account", one)
            result = await batch.execute()
            self.assertFalse(result.has_errors)
            await client.records.delete("account", ids)
            self.assertEqual(len(await client.records.list("account", filter=col("name") == name, select=["name"])), 0)
            self.assertIsNotNone(await client.tables.get("account"))

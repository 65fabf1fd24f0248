import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client } from './sandbox.mjs';

const api = client();
const owner = await api.create({ collection: 'accounts', data: { name: 'Fetched' } });
for (let n = 0; n < 5; n++) {
  await api.create({
    collection: 'opportunities',
    data: { name: `Fetch ${n}`, closeprobability: n, estimatedvalue: n * 10, 'parentaccountid@odata.bind': `/accounts(${owner})` },
  });
}
const of = `<condition attribute="parentaccountid" operator="eq" value="${owner}"/>`;

test('attributes, conditions, order, labels', async () => {
  const found = await api.fetch({
    collection: 'opportunities',
    includeAnnotations: '*',
    fetchXml: `<fetch><entity name="opportunity"><attribute name="name"/><attribute name="statecode"/><attribute name="estimatedvalue"/>
      <filter type="and">${of}<filter type="or"><condition attribute="closeprobability" operator="ge" value="3"/><condition attribute="name" operator="like" value="%ch 1"/></filter></filter>
      <order attribute="closeprobability" descending="true"/></entity></fetch>`,
  });
  assert.deepEqual(found.value.map((row) => row.name), ['Fetch 4', 'Fetch 3', 'Fetch 1']);
  assert.equal(found.value[0].statecode_Formatted, 'Open');
});

test('pages with a cookie, one by one and all at once', async () => {
  const fetchXml = `<fetch count="2"><entity name="opportunity"><attribute name="name"/><filter>${of}</filter><order attribute="name"/></entity></fetch>`;
  const first = await api.fetch({ collection: 'opportunities', fetchXml });
  assert.equal(first.value.length, 2);
  assert.equal(first.PagingInfo.nextPage, 2);
  const second = await api.fetch({ collection: 'opportunities', fetchXml, pageNumber: first.PagingInfo.nextPage, pagingCookie: first.PagingInfo.cookie });
  assert.deepEqual(second.value.map((row) => row.name), ['Fetch 2', 'Fetch 3']);
  const all = await api.fetchAll({ collection: 'opportunities', fetchXml });
  assert.equal(all.value.length, 5);
});

test('links to other tables', async () => {
  const found = await api.fetch({
    collection: 'opportunities',
    fetchXml: `<fetch top="1"><entity name="opportunity"><attribute name="name"/><filter>${of}</filter><order attribute="name"/>
      <link-entity name="account" from="accountid" to="parentaccountid" alias="acc" link-type="inner"><attribute name="name"/></link-entity></entity></fetch>`,
  });
  assert.equal(found.value[0]['acc.name'], 'Fetched');
});

test('aggregates', async () => {
  const found = await api.fetch({
    collection: 'opportunities',
    fetchXml: `<fetch aggregate="true"><entity name="opportunity"><attribute name="estimatedvalue" alias="total" aggregate="sum"/><attribute name="opportunityid" alias="n" aggregate="count"/>
      <attribute name="statecode" alias="state" groupby="true"/><filter>${of}</filter></entity></fetch>`,
  });
  assert.deepEqual(found.value.map(({ total, n, state }) => [total, n, state]), [[100, 5, 0]]);
});

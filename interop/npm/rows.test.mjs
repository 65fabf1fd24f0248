import assert from 'node:assert/strict';
import { test } from 'node:test';
import { act, client, post } from './sandbox.mjs';

const api = client();
const UUID = /^[0-9a-f-]{36}$/;
const deal = (data) => api.create({ collection: 'opportunities', data });
const account = (name) => api.create({ collection: 'accounts', data: { name } });

test('create gives the id, or the row', async () => {
  assert.match(await deal({ name: 'Plain' }), UUID);
  const row = await api.create({
    collection: 'opportunities',
    data: { name: 'Shown', estimatedvalue: 1250.5 },
    returnRepresentation: true,
    select: ['name', 'estimatedvalue'],
  });
  assert.equal(row.name, 'Shown');
  assert.equal(row.estimatedvalue, 1250.5);
  assert.match(row['@odata.etag'], /^W\/"\d+"$/);
});

test('create makes related rows in one body', async () => {
  const row = await api.create({
    collection: 'opportunities',
    data: {
      name: 'Deep',
      parentaccountid: { name: 'Made with it' },
      product_opportunities: [
        { productdescription: 'Licence', quantity: 2, priceperunit: 10, isproductoverridden: true },
        { productdescription: 'Service', quantity: 1, priceperunit: 5.5, isproductoverridden: true },
      ],
    },
    returnRepresentation: true,
    select: ['name', 'totalamount'],
    expand: [{ property: 'parentaccountid', select: ['name'] }, { property: 'product_opportunities', select: ['productdescription', 'extendedamount'] }],
  });
  assert.equal(row.parentaccountid.name, 'Made with it');
  assert.deepEqual(row.product_opportunities.map((line) => line.extendedamount).sort(), [20, 5.5]);
  assert.equal(row.totalamount, 25.5);
});

test('create through a collection of another row', async () => {
  const owner = await account('Owner of deals');
  const id = await api.create({
    collection: 'accounts',
    key: owner,
    navigationProperty: 'opportunity_parent_account',
    data: { name: 'Below' },
  });
  const row = await api.retrieve({ collection: 'opportunities', key: id, select: ['_parentaccountid_value'] });
  assert.equal(row._parentaccountid_value, owner);
});

test('create refuses a duplicate when asked to look', async () => {
  const data = { name: 'Twin', emailaddress1: 'twin@example.com' };
  await api.create({ collection: 'accounts', data });
  await api.create({ collection: 'accounts', data, duplicateDetection: false });
  await assert.rejects(api.create({ collection: 'accounts', data, duplicateDetection: true }), (error) => {
    assert.equal(error.code, '0x80040333');
    return true;
  });
});

test('retrieve: select, expand, annotations, one column, one link', async () => {
  const owner = await account('Annotated');
  const id = await deal({ name: 'Seen', estimatedvalue: 5, 'parentaccountid@odata.bind': `/accounts(${owner})` });
  const row = await api.retrieve({
    collection: 'opportunities',
    key: id,
    select: ['name', 'statecode', '_parentaccountid_value'],
    expand: [{ property: 'parentaccountid', select: ['name'] }, { property: 'transactioncurrencyid', select: ['isocurrencycode'] }],
    includeAnnotations: '*',
  });
  assert.equal(row.statecode_Formatted, 'Open');
  assert.equal(row._parentaccountid_value_LogicalName, 'account');
  assert.equal(row._parentaccountid_value_NavigationProperty, 'parentaccountid');
  assert.equal(row._parentaccountid_value_Formatted, 'Annotated');
  assert.equal(row.parentaccountid.name, 'Annotated');
  assert.equal(row.transactioncurrencyid.isocurrencycode, 'EUR');
  const column = await api.retrieve({ collection: 'opportunities', key: id, select: ['name'], navigationProperty: 'parentaccountid' });
  assert.equal(column.name, 'Annotated');
  const link = await api.retrieve({ collection: 'opportunities', key: id, select: ['parentaccountid/$ref'] });
  assert.deepEqual([link.id, link.collection], [owner, 'accounts']);
});

test('retrieve with If-None-Match comes back empty while nothing changed', async () => {
  const id = await deal({ name: 'Unchanged' });
  const row = await api.retrieve({ collection: 'opportunities', key: id, select: ['name'] });
  const again = await api.retrieve({ collection: 'opportunities', key: id, select: ['name'], ifnonematch: row['@odata.etag'] });
  assert.ok(!again);
});

test('a missing row and a wrong column are told apart', async () => {
  const missing = api.retrieve({ collection: 'opportunities', key: '00000000-0000-4000-8000-00000000dead', select: ['name'] });
  await assert.rejects(missing, { status: 404, code: '0x80040217' });
  await assert.rejects(deal({ Name: 'wrong case' }), { status: 400, code: '0x80048d19' });
});

test('update: plain, conditional, stale, with the row', async () => {
  const id = await deal({ name: 'Old' });
  const at = { collection: 'opportunities', key: id };
  const { '@odata.etag': etag } = await api.retrieve({ ...at, select: ['name'] });
  assert.equal(await api.update({ ...at, data: { name: 'New' }, ifmatch: etag }), true);
  assert.equal(await api.update({ ...at, data: { name: 'Late' }, ifmatch: etag }), false);
  const row = await api.update({ ...at, data: { closeprobability: 40 }, returnRepresentation: true, select: ['name', 'closeprobability'] });
  assert.deepEqual([row.name, row.closeprobability], ['New', 40]);
  await assert.rejects(api.update({ collection: 'opportunities', key: '00000000-0000-4000-8000-00000000dead', data: { name: 'x' } }), { status: 404 });
});

test('update a single property, and delete one', async () => {
  const id = await deal({ name: 'Single', description: 'text' });
  await api.updateSingleProperty({ collection: 'opportunities', key: id, fieldValuePair: { name: 'Changed' } });
  await api.deleteRecord({ collection: 'opportunities', key: id, property: 'description' });
  const row = await api.retrieve({ collection: 'opportunities', key: id, select: ['name', 'description'] });
  assert.deepEqual([row.name, row.description], ['Changed', null]);
});

test('upsert: creates, updates, and keeps to its conditions', async () => {
  const key = crypto.randomUUID();
  const at = { collection: 'accounts', key };
  await api.upsert({ ...at, data: { name: 'First' } });
  assert.equal(await api.upsert({ ...at, data: { name: 'Never' }, ifnonematch: '*' }), null);
  await api.upsert({ ...at, data: { name: 'Second' }, ifmatch: '*' });
  assert.equal(await api.upsert({ collection: 'accounts', key: crypto.randomUUID(), data: { name: 'x' }, ifmatch: '*' }), null);
  const row = await api.upsert({ ...at, data: { telephone1: '1' }, returnRepresentation: true, select: ['name'] });
  assert.equal(row.name, 'Second');
});

test('delete, conditional and plain', async () => {
  const id = await deal({ name: 'Gone' });
  const at = { collection: 'opportunities', key: id };
  assert.equal(await api.deleteRecord({ ...at, ifmatch: 'W/"1"' }), false);
  assert.equal(await api.deleteRecord(at), true);
  await assert.rejects(api.deleteRecord(at), { status: 404 });
});

test('retrieveMultiple: filter, order, top, count, expand', async () => {
  const owner = await account('Lister');
  for (const n of [3, 1, 2]) {
    await deal({ name: `List ${n}`, closeprobability: n, 'parentaccountid@odata.bind': `/accounts(${owner})` });
  }
  const found = await api.retrieveMultiple({
    collection: 'opportunities',
    select: ['name'],
    filter: `_parentaccountid_value eq ${owner} and contains(name,'LIST') and not (closeprobability eq 2)`,
    orderBy: ['closeprobability desc'],
    expand: [{ property: 'parentaccountid', select: ['name'] }],
    count: true,
  });
  assert.deepEqual(found.value.map((row) => row.name), ['List 3', 'List 1']);
  assert.equal(found.oDataCount, 2);
  assert.equal(found.value[0].parentaccountid.name, 'Lister');
  const top = await api.retrieveMultiple({ collection: 'opportunities', select: ['name'], top: 1 });
  assert.equal(top.value.length, 1);
  const children = await api.retrieveMultiple({
    collection: 'accounts',
    select: ['name'],
    filter: `opportunity_parent_account/any(o:o/closeprobability eq 3) and accountid eq ${owner}`,
    expand: [{ property: 'opportunity_parent_account', select: ['name'], filter: 'closeprobability lt 3', orderBy: ['closeprobability'], top: 1 }],
  });
  assert.deepEqual(children.value[0].opportunity_parent_account.map((row) => row.name), ['List 1']);
});

test('pages follow each other, and all of them come at once', async () => {
  const owner = await account('Pager');
  const names = [];
  for (let n = 0; n < 7; n++) {
    names.push(`Page ${n}`);
    await deal({ name: `Page ${n}`, 'parentaccountid@odata.bind': `/accounts(${owner})` });
  }
  const request = { collection: 'opportunities', select: ['name'], filter: `_parentaccountid_value eq ${owner}`, orderBy: ['name'], maxPageSize: 3 };
  const first = await api.retrieveMultiple(request);
  assert.equal(first.value.length, 3);
  const second = await api.retrieveMultiple(request, first.oDataNextLink);
  assert.deepEqual(second.value.map((row) => row.name), names.slice(3, 6));
  const all = await api.retrieveAll(request);
  assert.deepEqual(all.value.map((row) => row.name), names);
  assert.equal(await api.countAll(request), 7);
  assert.equal(await api.count({ collection: 'opportunities', filter: `_parentaccountid_value eq ${owner}` }), 7);
  assert.ok((await api.count({ collection: 'opportunities' })) >= 7);
});

test('$apply groups and adds up', async () => {
  const owner = await account('Summed');
  for (const value of [10, 20, 30.5]) await deal({ name: 'Sum', estimatedvalue: value, 'parentaccountid@odata.bind': `/accounts(${owner})` });
  const found = await api.retrieveMultiple({
    collection: 'opportunities',
    apply: `filter(_parentaccountid_value eq ${owner})/groupby((statecode),aggregate(estimatedvalue with sum as total,$count as n))`,
  });
  assert.deepEqual(found.value.map(({ statecode, total, n }) => [statecode, total, n]), [[0, 60.5, 3]]);
});

test('changes are tracked, with deletions', async () => {
  const first = await api.retrieveAll({ collection: 'opportunities', select: ['name'], trackChanges: true });
  assert.ok(first.oDataDeltaLink);
  const kept = await deal({ name: 'Tracked' });
  const gone = await deal({ name: 'Short-lived' });
  await api.deleteRecord({ collection: 'opportunities', key: gone });
  const changes = await api.retrieveMultiple({ collection: 'opportunities', select: ['name'] }, first.oDataDeltaLink);
  assert.ok(changes.value.some((row) => row.opportunityid === kept));
  assert.ok(changes.value.some((row) => row.id === gone && row.reason === 'deleted'));
  assert.ok(changes.oDataDeltaLink);
});

test('associate and disassociate: one to many, one lookup, many to many', async () => {
  const owner = await account('Associated');
  const id = await deal({ name: 'Linked' });
  const link = { collection: 'accounts', primaryKey: owner, relationshipName: 'opportunity_parent_account', relatedKey: id };
  const value = async () => (await api.retrieve({ collection: 'opportunities', key: id, select: ['_parentaccountid_value'] }))._parentaccountid_value;
  await api.associate({ ...link, relatedCollection: 'opportunities' });
  assert.equal(await value(), owner);
  await api.disassociate(link);
  assert.equal(await value(), null);
  const single = { collection: 'opportunities', primaryKey: id, navigationProperty: 'parentaccountid' };
  await api.associateSingleValued({ ...single, relatedCollection: 'accounts', relatedKey: owner });
  assert.equal(await value(), owner);
  await api.disassociateSingleValued(single);
  assert.equal(await value(), null);

  const rival = await api.create({ collection: 'competitors', data: { name: 'Rival' } });
  const across = { collection: 'opportunities', primaryKey: id, relationshipName: 'opportunitycompetitors_association', relatedKey: rival };
  await api.associate({ ...across, relatedCollection: 'competitors' });
  const row = await api.retrieve({ collection: 'opportunities', key: id, select: ['name'], expand: [{ property: 'opportunitycompetitors_association', select: ['name'] }] });
  assert.deepEqual(row.opportunitycompetitors_association.map((found) => found.name), ['Rival']);
  await api.disassociate(across);
  const listed = await api.retrieveMultiple({ collection: `opportunities(${id})/opportunitycompetitors_association`, select: ['name'] });
  assert.equal(listed.value.length, 0);
});

test('functions and actions, bound and not', async () => {
  const me = await api.callFunction('WhoAmI');
  assert.match(me.UserId, UUID);
  const counts = await api.callFunction({ name: 'RetrieveTotalRecordCount', parameters: { EntityNames: ['account'] } });
  assert.ok(counts.EntityRecordCountCollection.Values[0] > 0);
  const id = await deal({ name: 'To win', estimatedvalue: 9 });
  await api.callAction({
    actionName: 'WinOpportunity',
    action: { Status: -1, OpportunityClose: { subject: 'Won', 'opportunityid@odata.bind': `/opportunities(${id})`, actualrevenue: 8 } },
  });
  const won = await api.callAction({ collection: 'opportunities', key: id, actionName: 'Microsoft.Dynamics.CRM.CalculateActualValueOpportunity' });
  assert.equal(won.Value, 8);
  const lead = await api.create({ collection: 'leads', data: { subject: 'Lead', lastname: 'Doe', companyname: 'Doe Ltd' } });
  const made = await api.callAction({
    collection: 'leads',
    key: lead,
    actionName: 'Microsoft.Dynamics.CRM.QualifyLead',
    action: { CreateAccount: true, CreateContact: true, CreateOpportunity: true, Status: 3 },
  });
  assert.equal(made.value.length, 3);
});

test('several rows in one message', async () => {
  const targets = ['A', 'B'].map((name) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.account', name: `Many ${name}` }));
  const made = await api.callAction({ collection: 'accounts', actionName: 'Microsoft.Dynamics.CRM.CreateMultiple', action: { Targets: targets } });
  assert.equal(made.Ids.length, 2);
  const changed = made.Ids.map((accountid) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.account', accountid, telephone1: '7' }));
  await api.callAction({ collection: 'accounts', actionName: 'Microsoft.Dynamics.CRM.UpdateMultiple', action: { Targets: changed } });
  await api.callAction({ collection: 'accounts', actionName: 'Microsoft.Dynamics.CRM.UpsertMultiple', action: { Targets: changed } });
  const row = await api.retrieve({ collection: 'accounts', key: made.Ids[1], select: ['name', 'telephone1'] });
  assert.deepEqual([row.name, row.telephone1], ['Many B', '7']);
});

test('entity names stand for sets', async () => {
  const named = client({ useEntityNames: true });
  const id = await named.create({ collection: 'opportunity', data: { name: 'By entity name' } });
  assert.equal((await named.retrieve({ collection: 'opportunity', key: id, select: ['name'] })).name, 'By entity name');
});

test('a user acts for another', async () => {
  const users = await api.retrieveMultiple({ collection: 'systemusers', select: ['systemuserid', 'azureactivedirectoryobjectid'], filter: 'accessmode eq 0' });
  const { systemuserid, azureactivedirectoryobjectid } = users.value[0];
  for (const as of [{ impersonate: systemuserid }, { impersonateAAD: azureactivedirectoryobjectid }]) {
    const row = await api.create({ collection: 'accounts', data: { name: 'For her' }, returnRepresentation: true, select: ['_createdby_value', '_createdonbehalfby_value'], ...as });
    assert.equal(row._createdby_value, systemuserid);
    assert.match(row._createdonbehalfby_value, UUID);
  }
});

test('alternate keys', async () => {
  const label = { LocalizedLabels: [{ Label: 'Number', LanguageCode: 1033 }] };
  // The client has no call that makes keys.
  await post("EntityDefinitions(LogicalName='account')/Keys", { SchemaName: 'abc_NumberKey', DisplayName: label, KeyAttributes: ['accountnumber'] });
  await act({ do: 'clock_advance', seconds: 60 });
  const at = { collection: 'accounts', key: "accountnumber='A-77'" };
  await api.upsert({ ...at, data: { name: 'Keyed' } });
  const row = await api.retrieve({ ...at, select: ['name', 'accountnumber'] });
  assert.deepEqual([row.name, row.accountnumber], ['Keyed', 'A-77']);
  await assert.rejects(api.create({ collection: 'accounts', data: { name: 'x', accountnumber: 'a-77' } }), { code: '0x80060892' });
});

test('files go up in chunks and come back', async () => {
  const file = { '@odata.type': 'Microsoft.Dynamics.CRM.FileAttributeMetadata', SchemaName: 'abc_Contract', MaxSizeInKB: 30720 };
  await api.createAttribute({ entityKey: "LogicalName='account'", data: file });
  const id = await account('With a file');
  const data = new Uint8Array(5 * 1024 * 1024 + 3).map((_, place) => place % 251);
  await api.uploadFile({ collection: 'accounts', key: id, property: 'abc_contract', fileName: 'contract.bin', data });
  const back = await api.downloadFile({ collection: 'accounts', key: id, property: 'abc_contract' });
  assert.equal(back.fileName, 'contract.bin');
  assert.equal(back.fileSize, data.length);
  assert.ok(Buffer.from(back.data).equals(Buffer.from(data)));
  await api.deleteRecord({ collection: 'accounts', key: id, property: 'abc_contract' });
});

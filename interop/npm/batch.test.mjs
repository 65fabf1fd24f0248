import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client } from './sandbox.mjs';

const api = client();
const UUID = /^[0-9a-f-]{36}$/;

test('a change set with references, then a read', async () => {
  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'In a batch' }, contentId: '1' });
  api.create({ collection: 'opportunities', data: { name: 'Beside it', 'parentaccountid@odata.bind': '$1' }, contentId: '2' });
  api.update({ collection: 'opportunities', key: '$2', data: { closeprobability: 30 } }).catch(() => {});
  const results = await api.executeBatch();
  assert.match(results[0], UUID);
  assert.match(results[1], UUID);
  api.startBatch();
  api.retrieve({ collection: 'opportunities', key: results[1], select: ['name'], expand: [{ property: 'parentaccountid', select: ['name'] }] });
  api.retrieveMultiple({ collection: 'accounts', select: ['name'], filter: "name eq 'In a batch'" });
  api.count({ collection: 'accounts' });
  const [row, list, count] = await api.executeBatch();
  assert.equal(row.parentaccountid.name, 'In a batch');
  assert.equal(list.value.length, 1);
  assert.ok(count > 0);
});

test('a failed change set leaves nothing', async () => {
  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'Rolled back' } });
  api.create({ collection: 'accounts', data: { Name: 'wrong' } });
  await assert.rejects(api.executeBatch(), (errors) => [errors].flat().some((error) => error.code === '0x80048d19' || error.status === 400));
  const left = await api.count({ collection: 'accounts', filter: "name eq 'Rolled back'" });
  assert.equal(left, 0);
});

test('a batch goes on after an error when told to', async () => {
  api.startBatch();
  api.retrieve({ collection: 'accounts', key: '00000000-0000-4000-8000-00000000dead', select: ['name'] });
  api.retrieveMultiple({ collection: 'systemusers', select: ['fullname'], top: 1 });
  const results = await api.executeBatch({ continueOnError: true });
  assert.equal(results[0].status, 404);
  assert.equal(results[1].value.length, 1);
});

test('operations outside of a change set stand alone', async () => {
  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'Alone' } });
  api.create({ collection: 'accounts', data: { Name: 'wrong' } });
  await api.executeBatch({ inChangeSet: false, continueOnError: true });
  assert.equal(await api.count({ collection: 'accounts', filter: "name eq 'Alone'" }), 1);
});

test('associate, upsert and delete in a batch', async () => {
  const [owner, deal, other] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  await api.upsert({ collection: 'accounts', key: owner, data: { name: 'Owner' } });
  await api.upsert({ collection: 'opportunities', key: deal, data: { name: 'Deal' } });
  await api.upsert({ collection: 'opportunities', key: other, data: { name: 'Other' } });
  api.startBatch();
  api.associate({ collection: 'accounts', primaryKey: owner, relationshipName: 'opportunity_parent_account', relatedCollection: 'opportunities', relatedKey: deal });
  api.deleteRecord({ collection: 'opportunities', key: other });
  api.upsert({ collection: 'accounts', key: owner, data: { telephone1: '3' } });
  await api.executeBatch();
  const row = await api.retrieve({ collection: 'accounts', key: owner, select: ['telephone1'], expand: [{ property: 'opportunity_parent_account', select: ['name'] }] });
  assert.deepEqual([row.telephone1, row.opportunity_parent_account[0].name], ['3', 'Deal']);
});

test('an address that is too long goes as a batch', async () => {
  const ids = Array.from({ length: 80 }, () => crypto.randomUUID());
  const filter = ids.map((id) => `accountid eq ${id}`).join(' or ');
  const found = await api.retrieveMultiple({ collection: 'accounts', select: ['name'], filter });
  assert.equal(found.value.length, 0);
});

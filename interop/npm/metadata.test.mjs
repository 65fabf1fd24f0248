import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client } from './sandbox.mjs';

const api = client();
const CRM = 'Microsoft.Dynamics.CRM.';
const label = (text) => ({ '@odata.type': `${CRM}Label`, LocalizedLabels: [{ '@odata.type': `${CRM}LocalizedLabel`, Label: text, LanguageCode: 1033 }] });
const id = (created) => created;

test('a table: created, changed, read, used', async () => {
  const made = await api.createEntity({
    data: {
      '@odata.type': `${CRM}EntityMetadata`,
      SchemaName: 'abc_Engagement',
      DisplayName: label('Engagement'),
      DisplayCollectionName: label('Engagements'),
      Description: label('What both sides work on'),
      OwnershipType: 'UserOwned',
      HasActivities: false,
      HasNotes: false,
      Attributes: [{ '@odata.type': `${CRM}StringAttributeMetadata`, SchemaName: 'abc_Name', IsPrimaryName: true, MaxLength: 100, FormatName: { Value: 'Text' }, DisplayName: label('Name'), RequiredLevel: { Value: 'None' } }],
    },
  });
  assert.match(id(made), /^[0-9a-f-]{36}$/);
  const table = await api.retrieveEntity({ key: "LogicalName='abc_engagement'", select: ['EntitySetName', 'SchemaName'], expand: [{ property: 'Attributes', select: ['LogicalName'], filter: "LogicalName eq 'abc_name'" }] });
  assert.deepEqual([table.SchemaName, table.EntitySetName, table.Attributes.length], ['abc_Engagement', 'abc_engagements', 1]);
  const whole = await api.retrieveEntity({ key: made });
  whole.DisplayName.LocalizedLabels[0].Label = 'Changed';
  await api.updateEntity({ data: whole, mergeLabels: true });
  const again = await api.retrieveEntity({ key: made, select: ['DisplayName'] });
  assert.equal(again.DisplayName.LocalizedLabels[0].Label, 'Changed');
  const listed = await api.retrieveEntities({ select: ['LogicalName'], filter: "IsCustomEntity eq true and OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'" });
  assert.ok(listed.value.some((found) => found.LogicalName === 'abc_engagement'));
  const row = await api.create({ collection: 'abc_engagements', data: { abc_name: 'First' } });
  assert.equal((await api.retrieve({ collection: 'abc_engagements', key: row, select: ['abc_name'] })).abc_name, 'First');
});

test('columns: created, changed, read under a cast', async () => {
  const entityKey = "LogicalName='opportunity'";
  await api.createAttribute({ entityKey, data: { '@odata.type': `${CRM}StringAttributeMetadata`, SchemaName: 'abc_Reference', MaxLength: 50, DisplayName: label('Reference') } });
  await api.createAttribute({
    entityKey,
    data: { '@odata.type': `${CRM}PicklistAttributeMetadata`, SchemaName: 'abc_Kind', DisplayName: label('Kind'), OptionSet: { '@odata.type': `${CRM}OptionSetMetadata`, IsGlobal: false, OptionSetType: 'Picklist', Options: [{ Value: 727000000, Label: label('One') }, { Value: 727000001, Label: label('Two') }] } },
  });
  const castType = `${CRM}StringAttributeMetadata`;
  const column = await api.retrieveAttribute({ entityKey, attributeKey: "LogicalName='abc_reference'", castType });
  assert.equal(column.MaxLength, 50);
  column.MaxLength = 80;
  await api.updateAttribute({ entityKey, data: column, castType, mergeLabels: true });
  const again = await api.retrieveAttribute({ entityKey, attributeKey: column.MetadataId, castType, select: ['MaxLength'] });
  assert.equal(again.MaxLength, 80);
  const choices = await api.retrieveAttributes({ entityKey, castType: `${CRM}PicklistAttributeMetadata`, select: ['LogicalName'], filter: "LogicalName eq 'abc_kind'", expand: [{ property: 'OptionSet', select: ['Options'] }, { property: 'GlobalOptionSet' }] });
  assert.equal(choices.value[0].OptionSet.Options[1].Label.UserLocalizedLabel.Label, 'Two');
  const texts = await api.retrieveAttributes({ entityKey, select: ['LogicalName', 'AttributeType'], filter: "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'String'" });
  assert.ok(texts.value.length > 3 && texts.value.every((found) => found.AttributeType === 'String'));
  const value = await api.create({ collection: 'opportunities', data: { name: 'Kinds', abc_kind: 727000001, abc_reference: 'r'.repeat(80) } });
  await assert.rejects(api.create({ collection: 'opportunities', data: { abc_kind: 5 } }), { code: '0x8004431a' });
  assert.ok(value);
});

test('relationships: created, read, changed, deleted', async () => {
  const made = await api.createRelationship({
    data: {
      '@odata.type': `${CRM}OneToManyRelationshipMetadata`,
      SchemaName: 'abc_account_contract',
      ReferencedEntity: 'account',
      ReferencingEntity: 'opportunity',
      CascadeConfiguration: { Assign: 'NoCascade', Delete: 'RemoveLink', Merge: 'NoCascade', Reparent: 'NoCascade', Share: 'NoCascade', Unshare: 'NoCascade' },
      Lookup: { '@odata.type': `${CRM}LookupAttributeMetadata`, SchemaName: 'abc_ContractAccount', DisplayName: label('Contract'), RequiredLevel: { Value: 'None' } },
    },
  });
  const castType = `${CRM}OneToManyRelationshipMetadata`;
  const found = await api.retrieveRelationship({ key: made, castType });
  assert.equal(found.ReferencingEntityNavigationPropertyName, 'abc_ContractAccount');
  found.CascadeConfiguration.Delete = 'Restrict';
  await api.updateRelationship({ data: found, castType, mergeLabels: true });
  const listed = await api.retrieveRelationships({ castType, select: ['SchemaName', 'CascadeConfiguration'], filter: "ReferencedEntity eq 'account'" });
  assert.equal(listed.value.find((known) => known.SchemaName === 'abc_account_contract').CascadeConfiguration.Delete, 'Restrict');
  const account = await api.create({ collection: 'accounts', data: { name: 'Contracted' } });
  const deal = await api.create({ collection: 'opportunities', data: { name: 'x', 'abc_ContractAccount@odata.bind': `/accounts(${account})` } });
  const row = await api.retrieve({ collection: 'accounts', key: account, select: ['name'], expand: [{ property: 'abc_account_contract', select: ['name'] }] });
  assert.equal(row.abc_account_contract[0].opportunityid, deal);
  await api.deleteRelationship({ key: made });
  await assert.rejects(api.retrieveRelationship({ key: made }), { status: 404 });

  const across = await api.createRelationship({
    data: { '@odata.type': `${CRM}ManyToManyRelationshipMetadata`, SchemaName: 'abc_deal_contact', IntersectEntityName: 'abc_deal_contact', Entity1LogicalName: 'opportunity', Entity2LogicalName: 'contact' },
  });
  const contact = await api.create({ collection: 'contacts', data: { lastname: 'Across' } });
  await api.associate({ collection: 'opportunities', primaryKey: deal, relationshipName: 'abc_deal_contact', relatedCollection: 'contacts', relatedKey: contact });
  const back = await api.retrieve({ collection: 'contacts', key: contact, select: ['lastname'], expand: [{ property: 'abc_deal_contact', select: ['name'] }] });
  assert.equal(back.abc_deal_contact[0].opportunityid, deal);
  await api.deleteRelationship({ key: across });
});

test('global choices: created, read, changed, used, deleted', async () => {
  const made = await api.createGlobalOptionSet({
    data: { '@odata.type': `${CRM}OptionSetMetadata`, Name: 'abc_areas', IsGlobal: true, OptionSetType: 'Picklist', DisplayName: label('Areas'), Options: [{ Value: 1, Label: label('North') }] },
  });
  const castType = `${CRM}OptionSetMetadata`;
  const found = await api.retrieveGlobalOptionSet({ key: made, castType });
  assert.equal(found.Options[0].Label.LocalizedLabels[0].Label, 'North');
  found.DisplayName = label('Regions');
  await api.updateGlobalOptionSet({ data: found, mergeLabels: true });
  assert.equal((await api.retrieveGlobalOptionSet({ key: "Name='abc_areas'" })).DisplayName.LocalizedLabels[0].Label, 'Regions');
  assert.ok((await api.retrieveGlobalOptionSets({ castType, select: ['Name'] })).value.length >= 1);
  const entityKey = "LogicalName='account'";
  const data = { '@odata.type': `${CRM}PicklistAttributeMetadata`, SchemaName: 'abc_Area', DisplayName: label('Area'), 'GlobalOptionSet@odata.bind': `/GlobalOptionSetDefinitions(${made})` };
  await api.createAttribute({ entityKey, data });
  const added = await api.callAction({ actionName: 'InsertOptionValue', action: { OptionSetName: 'abc_areas', Value: 2, Label: label('South') } });
  assert.equal(added.NewOptionValue, 2);
  await api.create({ collection: 'accounts', data: { name: 'South', abc_area: 2 } });
  const free = await api.createGlobalOptionSet({ data: { '@odata.type': `${CRM}OptionSetMetadata`, Name: 'abc_free', OptionSetType: 'Picklist', Options: [] } });
  await api.deleteGlobalOptionSet({ key: free });
  await assert.rejects(api.retrieveGlobalOptionSet({ key: free }), { status: 404 });
});

test('CSDL, with and without annotations', async () => {
  const plain = await api.retrieveCsdlMetadata();
  assert.ok(plain.includes('<EntityType Name="opportunity" BaseType="mscrm.crmbaseentity">'));
  assert.ok(plain.includes('<EntitySet Name="opportunities" EntityType="Microsoft.Dynamics.CRM.opportunity">'));
  assert.ok(!plain.includes('Org.OData.Core.V1.Computed'));
  const annotated = await api.retrieveCsdlMetadata({ addAnnotations: true });
  assert.ok(annotated.includes('Org.OData.Core.V1.Computed'));
});

// Fabric's samples asset-transfer-private-data, -sbe and events, in Rust, called by Hyperledger's client as their applications
// do. asset-transfer-basic is in basic.test.js.
'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { chaincodes, openAll, refusal, submit: transact, text } = require('./lib/network');

const [BANK, CLIENT, VENDOR] = [0, 1, 2];
let peers;

before(() => {
  peers = openAll(process.env.NETWORK_DIR);
});
after(() => peers.forEach(({ close }) => close()));

// Another asset in each run on the same ledger.
const id = `asset${Date.now()}`;
const skipped = (name) => ({ skip: chaincodes(name).length === 0 && `${name} is not on this network` });

// A chaincode as the organisation with this index calls it: at its own peer and endorsed by that alone, unless others are named.
const caller = (chaincode, index) => {
  const contract = peers[index].network.getContract(chaincode);
  const options = (args, { by = [peers[index].mspId], sent } = {}) => ({
    arguments: args,
    endorsingOrganizations: by ?? undefined,
    transientData: sent && Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, JSON.stringify(value)])),
  });
  return {
    submit: (name, args, more) => transact(peers, contract, name, options(args, more)),
    evaluate: async (name, args, more) => text(await contract.evaluate(name, options(args, more))),
    refused: async (name, args, more) => {
      const refusals = [
        await refusal(contract.submit(name, options(args, more))),
        await refusal(contract.evaluate(name, options(args, more))),
      ];
      assert.equal(refusals[0], refusals[1], 'submitting and evaluating are refused alike');
      return refusals[0].replace('chaincode response 500, ', '');
    },
  };
};

const valid = async (transaction) => {
  const { code, result, ...rest } = await transaction;
  assert.equal(code, 0);
  return { code, result, ...rest };
};

test('asset-transfer-private-data', skipped('private'), async (t) => {
  const [bank, client, vendor] = peers.map((_peer, index) => caller('private', index));
  const properties = { objectType: 'asset', assetID: id, color: 'green', size: 20, appraisedValue: 100 };

  await t.test('an asset is created, and only its owner sees what it is worth', async () => {
    await valid(bank.submit('CreateAsset', [], { sent: { asset_properties: properties } }));
    for (const member of [bank, vendor]) {
      const { owner, ...asset } = JSON.parse(await member.evaluate('ReadAsset', [id]));
      assert.deepEqual(asset, { objectType: 'asset', assetID: id, color: 'green', size: 20 });
      assert.match(owner, /^x509::CN=User1@bank\.lockstep\.test,/);
    }
    const details = ['BankMSPPrivateCollection', id];
    assert.deepEqual(JSON.parse(await bank.evaluate('ReadAssetPrivateDetails', details)), {
      assetID: id, appraisedValue: 100,
    });
    assert.match(await refusal(vendor.evaluate('ReadAssetPrivateDetails', details)), /^chaincode response 500, failed to read asset details: .*does not have read access permission/);
    assert.match(await refusal(client.evaluate('ReadAsset', [id])), /does not have read access permission/);
    const found = JSON.parse(await vendor.evaluate('GetAssetByRange', [id, `${id}~`]));
    assert.deepEqual(found.map(({ assetID }) => assetID), [id]);
  });

  await t.test('refusals have the sample’s words', async () => {
    const create = (changed) => bank.refused('CreateAsset', [], { sent: { asset_properties: { ...properties, ...changed } } });
    assert.equal(await bank.refused('CreateAsset', []), 'asset not found in the transient map input');
    assert.equal(await create({}), `this asset already exists: ${id}`);
    assert.equal(await create({ assetID: '' }), 'assetID field must be a non-empty string');
    assert.equal(await create({ size: 0 }), 'size field must be a positive integer');
    const stranger = { sent: { asset_delete: { assetID: id } }, by: ['BankMSP'] };
    assert.equal(
      await client.refused('DeleteAsset', [], stranger),
      'DeleteAsset cannot be performed: Error client from org ClientMSP is not authorized to read or write private data from an org BankMSP peer',
    );
    const absent = { sent: { asset_value: { assetID: 'absent', appraisedValue: 1 } } };
    assert.equal(await vendor.refused('AgreeToTransfer', [], absent), 'absent does not exist');
  });

  await t.test('the buyer agrees, and the asset changes hands', async () => {
    const transfer = { sent: { asset_owner: { assetID: id, buyerMSP: 'VendorMSP' } } };
    assert.equal(
      await bank.refused('TransferAsset', [], transfer),
      `failed transfer verification: hash of appraised value for ${id} does not exist in collection VendorMSPPrivateCollection. AgreeToTransfer must be called by the buyer first`,
    );
    const create = { sent: { asset_properties: { ...properties, assetID: `${id}b` } } };
    await valid(bank.submit('CreateAsset', [], create));
    await valid(vendor.submit('AgreeToTransfer', [], { sent: { asset_value: { assetID: `${id}b`, appraisedValue: 100 } } }));
    const agreement = JSON.parse(await bank.evaluate('ReadTransferAgreement', [`${id}b`]));
    assert.equal(agreement.assetID, `${id}b`);
    assert.match(agreement.buyerID, /^x509::CN=User1@vendor\.lockstep\.test,/);
    assert.equal(
      await vendor.refused('TransferAsset', [], { sent: { asset_owner: { assetID: `${id}b`, buyerMSP: 'VendorMSP' } } }),
      'failed transfer verification: error: submitting client identity does not own asset',
    );
    await valid(bank.submit('TransferAsset', [], { sent: { asset_owner: { assetID: `${id}b`, buyerMSP: 'VendorMSP' } } }));
    assert.equal(JSON.parse(await bank.evaluate('ReadAsset', [`${id}b`])).owner, agreement.buyerID);
    assert.equal(await bank.evaluate('ReadAssetPrivateDetails', ['BankMSPPrivateCollection', `${id}b`]), '');
  });

  await t.test('assets are deleted and purged', async () => {
    const deleted = { sent: { asset_delete: { assetID: `${id}b` } } };
    await valid(vendor.submit('DeleteAsset', [], deleted));
    assert.equal(await vendor.evaluate('ReadAsset', [`${id}b`]), '');
    assert.equal(await vendor.refused('DeleteAsset', [], deleted), `asset not found: ${id}b`);
    await valid(vendor.submit('PurgeAsset', [], { sent: { asset_purge: { assetID: `${id}b` } } }));
  });
});

test('asset-transfer-sbe', skipped('sbe'), async (t) => {
  const [bank, client, vendor] = peers.map((_peer, index) => caller('sbe', index));
  const anybody = { by: null };

  await t.test('the owner’s organisation endorses, and nobody else has to', async () => {
    await valid(bank.submit('CreateAsset', [id, '100', 'Ann'], anybody));
    assert.equal(await client.evaluate('ReadAsset', [id]), JSON.stringify({ ID: id, Value: 100, Owner: 'Ann', OwnerOrg: 'BankMSP' }));
    await valid(client.submit('UpdateAsset', [id, '200'], { by: ['BankMSP'] }));
    const { code } = await client.submit('UpdateAsset', [id, '300'], { by: ['ClientMSP', 'VendorMSP'] });
    assert.equal(code, 10, 'ENDORSEMENT_POLICY_FAILURE');
    assert.equal(JSON.parse(await bank.evaluate('ReadAsset', [id])).Value, 200);
  });

  await t.test('so does the next owner’s', async () => {
    await valid(bank.submit('TransferAsset', [id, 'Vic', 'VendorMSP']));
    assert.equal((await bank.submit('UpdateAsset', [id, '400'])).code, 10, 'ENDORSEMENT_POLICY_FAILURE');
    await valid(vendor.submit('UpdateAsset', [id, '400']));
    // Left to itself, the gateway finds out who must endorse.
    await valid(client.submit('UpdateAsset', [id, '500'], anybody));
    assert.equal(
      await client.evaluate('ReadAsset', [id]),
      JSON.stringify({ ID: id, Value: 500, Owner: 'Vic', OwnerOrg: 'VendorMSP' }),
    );
    assert.equal(await client.evaluate('AssetExists', [id]), 'true');
    await valid(vendor.submit('DeleteAsset', [id]));
    assert.equal(await client.evaluate('AssetExists', [id]), 'false');
  });

  await t.test('refusals have the sample’s words', async () => {
    await valid(bank.submit('CreateAsset', [`${id}b`, '1', 'Ann'], anybody));
    assert.equal(await bank.refused('CreateAsset', [`${id}b`, '1', 'Ann']), `The asset ${id}b already exists`);
    for (const call of [['ReadAsset', [id]], ['UpdateAsset', [id, '1']], ['TransferAsset', [id, 'Ann', 'BankMSP']], ['DeleteAsset', [id]]]) {
      assert.equal(await bank.refused(...call), `The asset ${id} does not exist`, call[0]);
    }
  });
});

test('events', skipped('events'), async () => {
  const [bank] = peers.map((_peer, index) => caller('events', index));
  const asset = { AppraisedValue: 100, Color: 'blue', ID: id, Owner: 'Sam', Size: 10 };
  const done = [];
  const submit = async (...call) => done.push(await valid(bank.submit(...call, { by: null })));
  await submit('CreateAsset', [id, 'blue', '10', 'Sam', '100']);
  await submit('UpdateAsset', [id, 'blue', '10', 'Sam', '200']);
  await submit('TransferAsset', [id, 'Mary']);
  await submit('DeleteAsset', [id]);
  assert.equal(done[2].result, 'Sam');
  const expected = [
    ['CreateAsset', asset],
    ['UpdateAsset', { ...asset, AppraisedValue: 200 }],
    ['TransferAsset', { ...asset, AppraisedValue: 200, Owner: 'Mary' }],
    ['DeleteAsset', { ...asset, AppraisedValue: 200, Owner: 'Mary' }],
  ];
  for (const { network } of peers) {
    const seen = [];
    const events = await network.getChaincodeEvents('events', { startBlock: done[0].blockNumber });
    try {
      for await (const event of events) {
        if (!done.some(({ transactionId }) => transactionId === event.transactionId)) continue;
        assert.equal(event.blockNumber, done[seen.length].blockNumber);
        seen.push([event.eventName, JSON.parse(text(event.payload))]);
        if (seen.length === expected.length) break;
      }
    } finally {
      events.close();
    }
    assert.deepEqual(seen, expected);
  }
  assert.equal(await bank.refused('CreateAsset', [`${id}`, 'blue', 'ten', 'Sam', '1']), 'error managing parameter size. conversion error. cannot convert passed value ten to int64');
  for (const call of [['ReadAsset', [id]], ['DeleteAsset', [id]], ['TransferAsset', [id, 'Ann']]]) {
    assert.equal(await bank.refused(...call), `the asset ${id} does not exist`, call[0]);
  }
});

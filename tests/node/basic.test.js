// asset-transfer-basic by Hyperledger's client: the same calls give the same results, events, read and write sets and
// errors, whatever the contract is written in.
'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { chaincodes, openAll, refusal, submit: transact, text } = require('./lib/network');

const folder = process.env.NETWORK_DIR;
const names = chaincodes('basic');
let peers;

before(() => {
  peers = openAll(folder);
});
after(() => peers.forEach(({ close }) => close()));

// Everything that a client can observe of one run of the contract.
const observe = async (name) => {
  const contract = peers[0].network.getContract(name);
  const seen = [];
  const submit = async (...call) => {
    const [called, ...args] = call;
    const { code, result, sets } = await transact(peers, contract, called, { arguments: args });
    seen.push({ call, code, result, sets });
  };
  const evaluate = async (...call) => seen.push({ call, result: text(await contract.evaluateTransaction(...call)) });
  const refused = async (...call) => {
    seen.push({ call, submit: await refusal(contract.submitTransaction(...call)) });
    seen.push({ call, evaluate: await refusal(contract.evaluateTransaction(...call)) });
  };
  await submit('InitLedger');
  await evaluate('GetAllAssets');
  await submit('CreateAsset', 'asset7', 'purple', '20', 'Ann "A" Ünal', '900');
  await refused('CreateAsset', 'asset7', 'purple', '20', 'Ann', '900');
  await evaluate('ReadAsset', 'asset7');
  await submit('UpdateAsset', 'asset7', 'pink', '21', 'Ann', '901');
  await submit('TransferAsset', 'asset7', 'Christopher');
  await evaluate('ReadAsset', 'asset7');
  await evaluate('AssetExists', 'asset7');
  await submit('DeleteAsset', 'asset7');
  await evaluate('AssetExists', 'asset7');
  await refused('ReadAsset', 'asset7');
  await refused('UpdateAsset', 'asset7', 'pink', '21', 'Ann', '901');
  await refused('DeleteAsset', 'asset7');
  await refused('TransferAsset', 'asset7', 'Ann');
  return seen;
};

const runs = new Map();
for (const name of names) {
  test(`asset-transfer-basic as "${name}"`, async () => {
    const seen = await observe(name);
    runs.set(name, seen);
    const find = (...call) => seen.filter((entry) => entry.call.join() === call.join());
    const [first, last] = find('ReadAsset', 'asset7');
    assert.deepEqual(JSON.parse(first.result), {
      AppraisedValue: 900, Color: 'purple', ID: 'asset7', Owner: 'Ann "A" Ünal', Size: 20,
    });
    assert.equal(JSON.parse(last.result).Owner, 'Christopher');
    assert.equal(find('TransferAsset', 'asset7', 'Christopher')[0].result, 'Ann');
    assert.deepEqual(find('AssetExists', 'asset7').map(({ result }) => result), ['true', 'false']);
    assert.equal(JSON.parse(find('GetAllAssets')[0].result).length, 6);
    const refusals = seen.filter((entry) => entry.submit ?? entry.evaluate);
    assert.equal(refusals[0].submit, 'chaincode response 500, the asset asset7 already exists');
    for (const { submit, evaluate } of refusals.slice(2)) {
      assert.equal(submit ?? evaluate, 'chaincode response 500, the asset asset7 does not exist');
    }
    assert.ok(seen.filter(({ code }) => code !== undefined).every(({ code }) => code === 0));
  });
}

for (const name of names) {
  test(`metadata of "${name}"`, async () => {
    const contract = peers[0].network.getContract(name, 'org.hyperledger.fabric');
    const { contracts } = JSON.parse(text(await contract.evaluateTransaction('GetMetadata')));
    const transactions = Object.values(contracts).flatMap((found) => found.transactions ?? []);
    const named = new Map(transactions.map((found) => [found.name, found]));
    for (const { call: [called] } of runs.get(name)) assert.ok(named.has(called), called);
    // Plain JavaScript has no types to tell of.
    if (!['basic-rust', 'basic-go'].includes(name)) return;
    const types = named.get('CreateAsset').parameters.map(({ schema }) => schema.type);
    assert.deepEqual(types, ['string', 'string', 'integer', 'string', 'integer']);
  });
}

test('all of them are the same to a client', { skip: names.length < 2 && 'one implementation only' }, () => {
  const [reference, ...others] = names;
  for (const other of others) assert.deepEqual(runs.get(other), runs.get(reference), other);
});

// Hyperledger's gateway client, and a chaincode that does all that a stub can, with the network between them: the chaincode
// on Hyperledger's own library for Node.js, and its twin in Rust on ours.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, describe, test } = require('node:test');
const { chaincodes, openAll, profile, refusal, submit: transact, text } = require('./lib/network');

const folder = process.env.NETWORK_DIR;
let peers;

before(() => {
  peers = openAll(folder);
});
after(() => peers.forEach(({ close }) => close()));

const evaluate = async (contract, ...args) => text(await contract.evaluateTransaction(...args));
const submit = async (contract, name, ...args) => {
  const { code, result } = await transact(peers, contract, name, { arguments: args });
  assert.equal(code, 0, name);
  return result;
};
const json = async (...args) => JSON.parse(await evaluate(...args));
// Keys of another run on the same ledger are others.
const run = Date.now();
const prefix = `n${run}-`;

for (const chaincode of chaincodes('protocol')) describe(chaincode, () => tests(chaincode));

function tests(chaincode) {
  let contracts;
  before(() => {
    contracts = peers.map(({ network }) => network.getContract(chaincode));
  });
  // At the organisation's own peer.
  const at = (index, name, ...args) =>
    contracts[index].evaluate(name, { arguments: args, endorsingOrganizations: [peers[index].mspId] }).then(text);
  // With the endorsements of the two organisations that have the private data.
  const members = (name, args, value) =>
    transact(peers, contracts[0], name, {
      arguments: args,
      transientData: value === undefined ? undefined : { value: Buffer.from(value) },
      endorsingOrganizations: ['BankMSP', 'VendorMSP'],
    });

  test('values, histories, deletions', async () => {
    const [bank] = contracts;
    const colour = `colour${run}`;
    assert.equal(await submit(bank, 'put', colour, 'red'), 'red');
    await submit(bank, 'put', colour, 'blue');
    await submit(bank, 'remove', colour);
    assert.equal(await evaluate(bank, 'get', colour), '');
    assert.deepEqual(await json(bank, 'history', colour), [null, 'blue', 'red']);
  });

  test('ranges and pages', async () => {
    const [bank] = contracts;
    await submit(bank, 'fill', prefix, '120');
    assert.equal((await json(bank, 'range', prefix, `${prefix}~`)).length, 120);
    const first = await json(bank, 'page', prefix, `${prefix}~`, '50', '');
    assert.deepEqual([first.keys.length, first.count, first.bookmark], [50, 50, `${prefix}050`]);
  });

  test('rich queries', async () => {
    const [bank] = contracts;
    await submit(bank, 'fill', prefix, '20');
    const selector = JSON.stringify({
      selector: { _id: { $gte: prefix, $lt: `${prefix}~` }, number: { $gte: 10, $lt: 20 }, even: true },
    });
    // Only where the peers keep their state in CouchDB, as devnet's do, can it be asked.
    if (profile(folder).state_database === 'leveldb') {
      assert.match(await refusal(bank.evaluateTransaction('query', selector)), /not supported for leveldb/);
      return;
    }
    const keys = (...numbers) => numbers.map((number) => `${prefix}0${number}`);
    assert.deepEqual(await json(bank, 'query', selector), keys(10, 12, 14, 16, 18));
    const page = await json(bank, 'queryPage', selector, '2', '');
    assert.deepEqual(page.keys, keys(10, 12));
    assert.deepEqual((await json(bank, 'queryPage', selector, '2', page.bookmark)).keys, keys(14, 16));
    assert.match(
      await refusal(bank.evaluateTransaction('query', '{"selector":{"a":{"$near":1}}}')),
      /Unsupported operator: \$near/,
    );
  });

  test('private data are for members, their hashes for all', async () => {
    const key = `key${run}`;
    await members('putPrivate', ['secret', key], 'silver');
    for (const index of [0, 2]) assert.equal(await at(index, 'getPrivate', 'secret', key), 'silver');
    const hash = crypto.createHash('sha256').update('silver').digest('hex');
    for (const index of [0, 1, 2]) assert.equal(await at(index, 'hashPrivate', 'secret', key), hash);
    assert.match(await refusal(at(1, 'getPrivate', 'secret', key)), /does not have read access permission/);
    assert.deepEqual(JSON.parse(await at(0, 'rangePrivate', 'secret')), [[key, 'silver']]);
    await members('purgePrivate', ['secret', key]);
    assert.equal(await at(0, 'getPrivate', 'secret', key), '');
    assert.equal(await at(1, 'hashPrivate', 'secret', key), '');
    const collection = new RegExp(`collection payments/${chaincode}/none could not be found`);
    assert.match(await refusal(at(0, 'getPrivate', 'none', key)), collection);
  });

  test('private values with a short life disappear', async () => {
    const [bank] = contracts;
    await members('putPrivate', ['brief', 'key'], 'soon gone');
    assert.equal(await at(0, 'getPrivate', 'brief', 'key'), 'soon gone');
    for (let block = 0; block < 3; block += 1) await submit(bank, 'put', 'other', String(block));
    assert.equal(await at(0, 'getPrivate', 'brief', 'key'), '');
    assert.equal(await at(0, 'hashPrivate', 'brief', 'key'), '');
  });

  test('a key with a policy of its own', async () => {
    const [bank] = contracts;
    const guarded = `guarded${run}`;
    await submit(bank, 'put', guarded, '1');
    await submit(bank, 'protect', guarded, '["VendorMSP"]');
    assert.deepEqual(await json(bank, 'protectors', guarded), ['VendorMSP']);
    const without = bank.submit('put', {
      arguments: [guarded, '2'],
      endorsingOrganizations: ['BankMSP', 'ClientMSP'],
    });
    await assert.rejects(without, ({ code }) => code === 10, 'ENDORSEMENT_POLICY_FAILURE');
    // Left to itself, the gateway finds out who must endorse.
    await submit(bank, 'put', guarded, '3');
    assert.equal(await evaluate(bank, 'get', guarded), '3');
  });

  test('a chaincode that calls another one', async () => {
    const [bank] = contracts;
    const id = `nested${run}-${chaincode}`;
    const call = (chaincode, ...args) => ['call', chaincode, '', JSON.stringify(args)];
    const create = call('basic', 'CreateAsset', id, 'blue', '5', 'Tomoko', '300');
    const created = JSON.parse(await submit(bank, ...create));
    assert.equal(created.status, 200);
    const read = JSON.parse(await evaluate(bank, ...call('basic', 'ReadAsset', id)));
    assert.equal(JSON.parse(read.payload).Owner, 'Tomoko');
    await submit(bank, ...call('basic', 'DeleteAsset', id));
    assert.match(await refusal(bank.evaluateTransaction(...call('absent', 'x'))), /chaincode absent not found/);
    assert.match(await refusal(bank.evaluateTransaction(...call(chaincode, 'get', 'x'))), /exists/);
  });

  test('events arrive, and replays start where they are told', async () => {
    const [{ network }] = peers;
    const key = `event${run}`;
    const { code, blockNumber, transactionId } = await transact(peers, contracts[0], 'put', { arguments: [key, '1'] });
    assert.equal(code, 0);
    const events = await network.getChaincodeEvents(chaincode, { startBlock: blockNumber });
    try {
      for await (const event of events) {
        assert.equal(event.eventName, 'put');
        if (text(event.payload) === key) {
          assert.equal(event.transactionId, transactionId);
          break;
        }
      }
    } finally {
      events.close();
    }
  });

  test('blocks are delivered whole, without their data, and with private data', async () => {
    const key = `delivered${run}`;
    const { blockNumber, transactionId } = await members('putPrivate', ['secret', key], 'hidden');
    const first = async (index, kind) => {
      const blocks = await peers[index].network[kind]({ startBlock: blockNumber });
      try {
        for await (const block of blocks) return block;
      } finally {
        blocks.close();
      }
      throw new Error('no block');
    };
    const block = await first(0, 'getBlockEvents');
    assert.equal(BigInt(block.getHeader().getNumber()), blockNumber);
    const filtered = await first(1, 'getFilteredBlockEvents');
    assert.equal(BigInt(filtered.getNumber()), blockNumber);
    const transactions = filtered.getFilteredTransactionsList();
    assert.ok(transactions.some((transaction) => transaction.getTxid() === transactionId));
    const hidden = (found) => Buffer.from(found.serializeBinary()).includes('hidden');
    assert.ok(hidden(await first(2, 'getBlockAndPrivateDataEvents')), 'a member');
    assert.ok(!hidden(await first(1, 'getBlockAndPrivateDataEvents')), 'no member');
    await members('purgePrivate', ['secret', key]);
    assert.ok(!hidden(await first(2, 'getBlockAndPrivateDataEvents')), 'purged');
  });

  test('what a chaincode throws is what the client reads', async () => {
    assert.equal(await refusal(contracts[0].submitTransaction('fail', 'no')), 'chaincode response 500, no');
    assert.equal(await refusal(contracts[0].evaluateTransaction('fail', 'no')), 'chaincode response 500, no');
  });
}

// The chaincode that does all that a stub can, in JavaScript on Hyperledger's library and in Rust on ours: the same calls give
// the same results, events, read and write sets and errors. Not compared is where Hyperledger's libraries for Node.js and Go differ
// and ours does as Go's: calls that do not get to a function, empty attributes of composite keys, empty keys, and the order of the
// organisations in a policy.
'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { bound, chaincodes, openAll, refusal, submit: transact, text } = require('./lib/network');

const names = chaincodes('protocol');
let peers;

before(() => {
  peers = openAll(process.env.NETWORK_DIR);
});
after(() => peers.forEach(({ close }) => close()));

// Both find the same ledger before them, also when they run a second time.
const run = Date.now();
const key = (name) => `${name}${run}`;
const json = JSON.stringify;
const MEMBERS = ['BankMSP', 'VendorMSP'];

// Calls in order: what is done, with which arguments, and by whom: { submit | evaluate | refuse: name, args, … }.
const CALLS = [
  // State, histories, events.
  { submit: 'put', args: [key('a'), '1'] },
  { submit: 'put', args: [key('a'), 'zwei "ü"'] },
  { evaluate: 'get', args: [key('a')] },
  { evaluate: 'get', args: [key('absent')] },
  { submit: 'get', args: [key('a')] },
  { submit: 'get', args: [key('absent')] },
  { submit: 'remove', args: [key('a')] },
  { submit: 'remove', args: [key('absent')] },
  { evaluate: 'history', args: [key('a')] },
  { evaluate: 'history', args: [key('absent')] },
  { submit: 'history', args: [key('a')] },
  { submit: 'putMany', args: [json([[key('m1'), 'x'], [key('m2'), 'y'], [key('m1'), 'z']])] },
  { submit: 'getMany', args: [json([key('m2'), key('absent'), key('m1')])] },
  // Ranges.
  { submit: 'fill', args: [key('n'), '120'] },
  { submit: 'range', args: [key('n'), key('o')] },
  { submit: 'range', args: [`${key('n')}010`, `${key('n')}012`] },
  { submit: 'range', args: [key('x'), key('y')] },
  { evaluate: 'page', args: [key('n'), key('o'), '50', ''] },
  { evaluate: 'page', args: [key('n'), key('o'), '50', `${key('n')}100`] },
  { evaluate: 'page', args: [key('x'), key('y'), '50', ''] },
  { evaluate: 'page', args: [key('n'), key('o'), '120', ''] },
  // Rich queries; where the state database has none, both say so.
  { either: 'query', args: [json({ selector: { number: { $gte: 10, $lt: 20 }, even: true } })] },
  { either: 'queryPage', args: [json({ selector: { number: { $gte: 10, $lt: 20 }, even: true } }), '2', ''] },
  { refuse: 'query', args: ['{"selector":{"a":{"$near":1}}}'] },
  // Composite keys.
  { evaluate: 'parts', args: ['colour', '["red","1"]'] },
  { evaluate: 'parts', args: ['colour', '[]'] },
  { submit: 'putComposite', args: [key('colour'), '["red","1"]', 'x'] },
  { submit: 'putComposite', args: [key('colour'), '["red","2"]', 'y'] },
  { submit: 'putComposite', args: [key('colour'), '["redder","3"]', 'z'] },
  { submit: 'rangeComposite', args: [key('colour'), '["red"]'] },
  { submit: 'rangeComposite', args: [key('colour'), '[]'] },
  { submit: 'rangeComposite', args: [key('size'), '[]'] },
  { evaluate: 'pageComposite', args: [key('colour'), '[]', '2', ''] },
  // Private data.
  { submit: 'putPrivate', args: ['secret', key('p')], value: 'silver', by: MEMBERS },
  { submit: 'getPrivate', args: ['secret', key('p')], by: MEMBERS },
  { evaluate: 'getPrivate', args: ['secret', key('p')], at: 2 },
  { evaluate: 'getPrivate', args: ['secret', key('absent')], at: 0 },
  { submit: 'getManyPrivate', args: ['secret', json([key('p'), key('absent')])], by: MEMBERS },
  { evaluate: 'hashPrivate', args: ['secret', key('p')], at: 1 },
  { submit: 'hashPrivate', args: ['secret', key('p')] },
  { evaluate: 'hashPrivate', args: ['secret', key('absent')], at: 1 },
  { refuse: 'getPrivate', args: ['secret', key('p')], at: 1 },
  { refuse: 'getPrivate', args: ['none', key('p')], at: 0 },
  { refuse: 'putPrivate', args: ['none', key('p')], value: 'x', at: 0 },
  { refuse: 'putPrivate', args: ['secret', key('p')], at: 0 },
  { submit: 'putPrivateComposite', args: ['secret', key('colour'), '["red","1"]', 'x'], by: MEMBERS },
  { submit: 'putPrivateComposite', args: ['secret', key('colour'), '["red","2"]', 'y'], by: MEMBERS },
  { submit: 'rangePrivateComposite', args: ['secret', key('colour'), '["red"]'], by: MEMBERS },
  { evaluate: 'rangePrivateComposite', args: ['secret', key('size'), '[]'], at: 0 },
  { evaluate: 'rangePrivate', args: ['secret'], at: 0 },
  { either: 'queryPrivate', args: ['secret', '{"selector":{"number":{"$gt":1}}}'], at: 0 },
  { submit: 'protectPrivate', args: ['secret', key('p'), json(MEMBERS)], by: MEMBERS },
  { submit: 'protectorsPrivate', args: ['secret', key('p')], by: MEMBERS },
  { evaluate: 'protectorsPrivate', args: ['secret', key('absent')], at: 0 },
  { submit: 'removePrivate', args: ['secret', key('p')], by: MEMBERS },
  { submit: 'purgePrivate', args: ['secret', key('p')], by: MEMBERS },
  { evaluate: 'hashPrivate', args: ['secret', key('p')], at: 1 },
  // Policies of keys.
  { submit: 'put', args: [key('guarded'), '1'] },
  { submit: 'protect', args: [key('guarded'), '["BankMSP","VendorMSP"]'] },
  { submit: 'protectors', args: [key('guarded')] },
  { evaluate: 'protectors', args: [key('absent')] },
  { submit: 'put', args: [key('guarded'), '2'], by: ['BankMSP', 'ClientMSP'] },
  { submit: 'put', args: [key('guarded'), '3'] },
  // Other chaincodes.
  { submit: 'call', args: ['basic', '', json(['CreateAsset', key('nested'), 'blue', '5', 'Tomoko', '300'])] },
  { submit: 'call', args: ['basic', '', json(['ReadAsset', key('nested')])] },
  { evaluate: 'call', args: ['basic', 'payments', json(['ReadAsset', key('nested')])] },
  { submit: 'call', args: ['basic', '', json(['DeleteAsset', key('nested')])] },
  { either: 'call', args: ['basic', '', json(['ReadAsset', key('nested')])] },
  { refuse: 'call', args: ['absent', '', '["x"]'] },
  { refuse: 'call', args: ['OWN', '', '["get","x"]'] },
  { refuse: 'call', args: ['basic', 'elsewhere', '["x"]'] },
  // The transaction and its client.
  { evaluate: 'context', args: ['ä'], value: 'shown' },
  { evaluate: 'context', args: [''], at: 2 },
  // Failures.
  { refuse: 'fail', args: ['as asked'] },
];

// All that a client can observe of one call.
const observe = async (name, entry) => {
  const { args, value, at = 0, by } = entry;
  const contract = peers[at].network.getContract(name);
  const options = {
    arguments: args.map((argument) => (argument === 'OWN' ? name : argument)),
    transientData: value === undefined ? undefined : { value: Buffer.from(value) },
    endorsingOrganizations: by ?? ('at' in entry ? [peers[at].mspId] : undefined),
  };
  if (entry.submit) {
    const { code, result, sets } = await transact(peers, contract, entry.submit, options);
    return { code, result, sets };
  }
  const proposal = contract.newProposal(entry.evaluate ?? entry.refuse ?? entry.either, options);
  // What differs from call to call and from name to name.
  const { binding, timestamp } = bound(proposal);
  const neutral = (words) =>
    words
      .replaceAll(proposal.getTransactionId(), 'TRANSACTION')
      .replaceAll(binding, 'BINDING')
      .replaceAll(timestamp, 'TIMESTAMP')
      .replaceAll(name, 'OWN');
  const answer = proposal.evaluate().then((result) => ({ result: neutral(text(result)) }));
  if (entry.evaluate) return answer;
  if (entry.refuse) return { refusal: neutral(await refusal(answer)) };
  return answer.catch(async () => ({ refusal: neutral(await refusal(answer)) }));
};

const words = (error) => ({ error: (error.details ?? []).map(({ message }) => message).join('; ') || error.message });

test('twins are the same to a client', { skip: names.length < 2 && 'one implementation only' }, async (t) => {
  const runs = new Map(names.map((name) => [name, []]));
  // One after the other, since both call the same third chaincode.
  for (const name of names) {
    for (const entry of CALLS) runs.get(name).push(await observe(name, entry).catch(words));
  }
  const [reference, ...others] = names;
  for (const [index, entry] of CALLS.entries()) {
    const [[kind, called]] = Object.entries(entry);
    await t.test(`${kind} ${called} ${entry.args.join(' ')}`, () => {
      const expected = runs.get(reference)[index];
      assert.equal(expected.error, undefined);
      if (called === 'context') assert.match(expected.result, /"TRANSACTION".*"BINDING","timestamp":"TIMESTAMP"/);
      for (const other of others) assert.deepEqual(runs.get(other)[index], expected, other);
    });
  }
});

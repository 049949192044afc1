// Connecting Hyperledger's gateway client to the network that a profile.toml describes.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const crypto = require('node:crypto');
const grpc = require('@grpc/grpc-js');
const { connect, hash, signers } = require('@hyperledger/fabric-gateway');

// The few lines of TOML that profiles are made of.
const parse = (text) => {
  const profile = { organizations: [] };
  let table = profile;
  for (const line of text.split('\n')) {
    const heading = line.match(/^\[\[?([\w.]+)\]\]?$/);
    if (heading) {
      const [first, second] = heading[1].split('.');
      if (first !== 'organizations') table = {};
      else if (!second) profile.organizations.push((table = { peers: [] }));
      else {
        const organization = profile.organizations.at(-1);
        table = {};
        if (second === 'peers') organization.peers.push(table);
        else organization[second] = table;
      }
      continue;
    }
    const entry = line.match(/^(\w+) = "(.*)"$/);
    if (entry) table[entry[1]] = entry[2];
  }
  return profile;
};

const profile = (folder) => parse(fs.readFileSync(path.join(folder, 'profile.toml'), 'utf8'));

// The gateway of the organisation with this index, as its User1.
const open = (folder, index = 0) => {
  const { channel, organizations } = profile(folder);
  const { msp_id: mspId, user, peers } = organizations[index];
  const read = (file) => fs.readFileSync(path.resolve(folder, file));
  const [peer] = peers;
  const client = new grpc.Client(peer.address, grpc.credentials.createSsl(read(peer.tls_ca)), {
    'grpc.ssl_target_name_override': peer.server_name,
  });
  const gateway = connect({
    client,
    identity: { mspId, credentials: read(user.cert) },
    signer: signers.newPrivateKeySigner(crypto.createPrivateKey(read(user.key))),
    hash: hash.sha256,
    evaluateOptions: () => ({ deadline: Date.now() + 60_000 }),
    endorseOptions: () => ({ deadline: Date.now() + 60_000 }),
    submitOptions: () => ({ deadline: Date.now() + 60_000 }),
    commitStatusOptions: () => ({ deadline: Date.now() + 120_000 }),
  });
  const close = () => {
    gateway.close();
    client.close();
  };
  return { network: gateway.getNetwork(channel), gateway, mspId, close };
};

// The chaincodes on the network whose names begin so.
const chaincodes = (prefix) => process.env.CHAINCODES.split(' ').filter((name) => name.startsWith(prefix));

const text = (bytes) => Buffer.from(bytes).toString();

// What peers said about a failure, without gRPC's words around it.
const refusal = async (promise) => {
  try {
    await promise;
  } catch (error) {
    const details = (error.details ?? []).map(({ message }) => message);
    return details.length > 0 ? details[0] : (error.cause?.details ?? error.message);
  }
  throw new Error('a failure was expected');
};

// Fields of an encoded protobuf message: [number, bytes or number].
const fields = (bytes) => {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag % 8 === 0) found.push([tag >> 3, varint()]);
    else {
      const length = varint();
      found.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return found;
};
const all = (bytes, number) => fields(bytes).filter(([found]) => found === number).map(([, value]) => value);
const dig = (bytes, ...numbers) => numbers.reduce((inner, number) => all(inner, number)[0] ?? Buffer.alloc(0), bytes);

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const flag = (bytes, number) => all(bytes, number)[0] === 1;

// KVRWSet: keys read, ranges with the keys found in them, writes, and policies of keys.
const publicSet = (set) => ({
  reads: all(set, 1).map((read) => text(dig(read, 1))),
  ranges: all(set, 2).map((range) => ({
    range: [text(dig(range, 1)), text(dig(range, 2))],
    exhausted: flag(range, 3),
    keys: all(dig(range, 4), 1).map((read) => text(dig(read, 1))),
  })),
  writes: all(set, 3).map((write) => [text(dig(write, 1)), flag(write, 2) ? null : text(dig(write, 3))]),
  metadata: all(set, 4).map((write) => [text(dig(write, 1)), ...all(write, 2).map(hex)]),
});

// HashedRWSet, of a private collection: hashes of keys and values.
const privateSet = (collection) => {
  const set = dig(collection, 2);
  return {
    collection: text(dig(collection, 1)),
    reads: all(set, 1).map((read) => hex(dig(read, 1))),
    writes: all(set, 2).map((write) => ({
      key: hex(dig(write, 1)),
      value: hex(dig(write, 3)),
      deleted: flag(write, 2),
      purged: flag(write, 4),
    })),
    metadata: all(set, 3).map((write) => [hex(dig(write, 1)), ...all(write, 2).map(hex)]),
  };
};

// What an endorsed transaction read and writes, without the versions, and its event. The namespace of the chaincode itself
// is called "own". Namespaces of the system say how far a policy is known, which depends on the chaincode's name.
const sets = (transaction, chaincode) => {
  // PreparedTransaction.envelope.payload.data → action → endorsed action → response payload → ChaincodeAction
  const action = dig(Buffer.from(transaction.getBytes()), 2, 1, 2, 1, 2, 2, 1, 2);
  const namespaces = {};
  for (const set of all(dig(action, 1), 2)) {
    const name = text(dig(set, 1));
    if (name === '_lifecycle' || name === 'lscc') continue;
    namespaces[name === chaincode ? 'own' : name] = {
      ...publicSet(dig(set, 2)),
      collections: all(set, 3).map(privateSet),
    };
  }
  const event = dig(action, 2);
  return { namespaces, event: event.length > 0 ? [text(dig(event, 3)), text(dig(event, 4))] : null };
};

// What the chaincode must find in a proposal: its binding, the hash of nonce, creator and epoch 0; and its time.
const bound = (proposal) => {
  // ProposedTransaction.proposal.proposal_bytes → Proposal.header
  const header = dig(Buffer.from(proposal.getBytes()), 2, 1, 1);
  const [creator, nonce] = [1, 2].map((field) => dig(header, 2, field));
  const time = dig(header, 1, 3);
  const [seconds, nanos] = [1, 2].map((field) => all(time, field)[0] ?? 0);
  const hash = crypto.createHash('sha256').update(nonce).update(creator).update(Buffer.alloc(8));
  return { binding: hash.digest('hex'), timestamp: `${seconds}.${nanos}` };
};

// The gateways of all organisations.
const openAll = (folder) => profile(folder).organizations.map((_organization, index) => open(folder, index));

// Until all of these peers have the block: on a real network one is behind the other, and then they endorse differently.
const reached = (peers, blockNumber) =>
  Promise.all(
    peers.map(async ({ network }) => {
      const blocks = await network.getFilteredBlockEvents({ startBlock: blockNumber });
      try {
        for await (const block of blocks) return block;
      } finally {
        blocks.close();
      }
      throw new Error(`the stream ended before block ${blockNumber}`);
    }),
  );

// A transaction from its proposal to the block that all peers have: its code, result, block, id, sets and event.
const submit = async (peers, contract, name, options = {}) => {
  const transaction = await contract.newProposal(name, options).endorse();
  const submitted = await transaction.submit();
  const { code, blockNumber } = await submitted.getStatus();
  await reached(peers, blockNumber);
  return {
    code,
    blockNumber,
    transactionId: transaction.getTransactionId(),
    result: text(transaction.getResult()),
    sets: sets(transaction, contract.getChaincodeName()),
  };
};

module.exports = { bound, chaincodes, open, openAll, profile, reached, refusal, submit, text };

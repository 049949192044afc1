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

// What an endorsed transaction read and writes in the chaincode's own namespace, without the versions, and its event.
const sets = (transaction, chaincode) => {
  // PreparedTransaction.envelope.payload.data → action → endorsed action → response payload → ChaincodeAction
  const action = dig(Buffer.from(transaction.getBytes()), 2, 1, 2, 1, 2, 2, 1, 2);
  const namespaces = all(dig(action, 1), 2).map((set) => [text(dig(set, 1)), dig(set, 2)]);
  const [, set] = namespaces.find(([name]) => name === chaincode) ?? ['', Buffer.alloc(0)];
  const event = dig(action, 2);
  return {
    reads: all(set, 1).map((read) => text(dig(read, 1))),
    ranges: all(set, 2).map((range) => [text(dig(range, 1)), text(dig(range, 2))]),
    writes: all(set, 3).map((write) => [text(dig(write, 1)), text(dig(write, 3))]),
    event: event.length > 0 ? [text(dig(event, 3)), text(dig(event, 4))] : null,
  };
};

module.exports = { open, profile, refusal, sets, text };

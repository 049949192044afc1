// Everything that a stub of Hyperledger's Node.js shim can do, a function each. fabric/examples/protocol is the same in Rust.
'use strict';

const { Contract } = require('fabric-contract-api');
const { KeyEndorsementPolicy } = require('fabric-shim');

const all = async (results) => {
  const found = [];
  for await (const { key, value, isDelete } of results) {
    found.push([key, isDelete ? null : Buffer.from(value).toString()]);
  }
  return found;
};

// A page of keys. Of an empty one the library tells no metadata.
const keys = async ({ iterator, metadata }) => {
  const found = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) found.push(next.value.key);
  return { keys: found, bookmark: metadata?.bookmark ?? '', count: metadata?.fetchedRecordsCount ?? 0 };
};

// With the attributes of composite keys in place of the keys.
const byAttributes = (stub, found) => found.map(([key, value]) => [stub.splitCompositeKey(key).attributes, value]);

const policyOf = (organizations) => {
  const policy = new KeyEndorsementPolicy();
  policy.addOrgs('PEER', ...JSON.parse(organizations));
  return policy.getPolicy();
};
const organizationsOf = (policy) =>
  policy && policy.length > 0 ? new KeyEndorsementPolicy(policy).listOrgs().sort() : [];

class Protocol extends Contract {
  async put(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
    ctx.stub.setEvent('put', Buffer.from(key));
    return value;
  }

  async get(ctx, key) {
    return (await ctx.stub.getState(key)).toString();
  }

  async getMany(ctx, keys) {
    const found = [];
    for (const key of JSON.parse(keys)) found.push((await ctx.stub.getState(key)).toString());
    return found;
  }

  async putMany(ctx, entries) {
    for (const [key, value] of JSON.parse(entries)) await ctx.stub.putState(key, Buffer.from(value));
  }

  async fill(ctx, prefix, count) {
    for (let number = 0; number < Number(count); number += 1) {
      const key = `${prefix}${String(number).padStart(3, '0')}`;
      await ctx.stub.putState(key, Buffer.from(JSON.stringify({ number, even: number % 2 === 0 })));
    }
  }

  async range(ctx, start, end) {
    return all(ctx.stub.getStateByRange(start, end));
  }

  async page(ctx, start, end, size, bookmark) {
    return keys(await ctx.stub.getStateByRangeWithPagination(start, end, Number(size), bookmark));
  }

  async query(ctx, selector) {
    return (await all(ctx.stub.getQueryResult(selector))).map(([key]) => key);
  }

  async queryPage(ctx, selector, size, bookmark) {
    return keys(await ctx.stub.getQueryResultWithPagination(selector, Number(size), bookmark));
  }

  async history(ctx, key) {
    return (await all(ctx.stub.getHistoryForKey(key))).map(([, value]) => value);
  }

  async remove(ctx, key) {
    await ctx.stub.deleteState(key);
  }

  async parts(ctx, objectType, attributes) {
    return ctx.stub.splitCompositeKey(ctx.stub.createCompositeKey(objectType, JSON.parse(attributes)));
  }

  async putComposite(ctx, objectType, attributes, value) {
    await ctx.stub.putState(ctx.stub.createCompositeKey(objectType, JSON.parse(attributes)), Buffer.from(value));
  }

  async rangeComposite(ctx, objectType, attributes) {
    return byAttributes(ctx.stub, await all(ctx.stub.getStateByPartialCompositeKey(objectType, JSON.parse(attributes))));
  }

  async pageComposite(ctx, objectType, attributes, size, bookmark) {
    return keys(
      await ctx.stub.getStateByPartialCompositeKeyWithPagination(objectType, JSON.parse(attributes), Number(size), bookmark),
    );
  }

  async putPrivate(ctx, collection, key) {
    const value = ctx.stub.getTransient().get('value');
    if (!value) throw new Error('send the value as transient data, under the name value');
    await ctx.stub.putPrivateData(collection, key, value);
  }

  async getPrivate(ctx, collection, key) {
    return Buffer.from(await ctx.stub.getPrivateData(collection, key)).toString();
  }

  async getManyPrivate(ctx, collection, keys) {
    const found = [];
    for (const key of JSON.parse(keys)) found.push(Buffer.from(await ctx.stub.getPrivateData(collection, key)).toString());
    return found;
  }

  async hashPrivate(ctx, collection, key) {
    return Buffer.from(await ctx.stub.getPrivateDataHash(collection, key)).toString('hex');
  }

  async rangePrivate(ctx, collection) {
    return all(ctx.stub.getPrivateDataByRange(collection, '', ''));
  }

  async queryPrivate(ctx, collection, selector) {
    return all(ctx.stub.getPrivateDataQueryResult(collection, selector));
  }

  async putPrivateComposite(ctx, collection, objectType, attributes, value) {
    const key = ctx.stub.createCompositeKey(objectType, JSON.parse(attributes));
    await ctx.stub.putPrivateData(collection, key, Buffer.from(value));
  }

  async rangePrivateComposite(ctx, collection, objectType, attributes) {
    const found = ctx.stub.getPrivateDataByPartialCompositeKey(collection, objectType, JSON.parse(attributes));
    return byAttributes(ctx.stub, await all(found));
  }

  async removePrivate(ctx, collection, key) {
    await ctx.stub.deletePrivateData(collection, key);
  }

  async purgePrivate(ctx, collection, key) {
    await ctx.stub.purgePrivateData(collection, key);
  }

  async protect(ctx, key, organizations) {
    await ctx.stub.setStateValidationParameter(key, policyOf(organizations));
  }

  async protectors(ctx, key) {
    return organizationsOf(await ctx.stub.getStateValidationParameter(key));
  }

  async protectPrivate(ctx, collection, key, organizations) {
    await ctx.stub.setPrivateDataValidationParameter(collection, key, policyOf(organizations));
  }

  async protectorsPrivate(ctx, collection, key) {
    return organizationsOf(await ctx.stub.getPrivateDataValidationParameter(collection, key));
  }

  async call(ctx, chaincode, channel, args) {
    const { status, message, payload } = await ctx.stub.invokeChaincode(chaincode, JSON.parse(args), channel);
    return { status, message, payload: Buffer.from(payload).toString() };
  }

  async context(ctx, _argument) {
    const { stub } = ctx;
    const transient = [...stub.getTransient()].map(([name, value]) => [name, Buffer.from(value).toString()]);
    const { seconds, nanos } = stub.getTxTimestamp();
    const { fcn, params } = stub.getFunctionAndParameters();
    return {
      channel: stub.getChannelID(),
      transaction: stub.getTxID(),
      function: fcn,
      parameters: params,
      client: ctx.clientIdentity.getMSPID(),
      peer: stub.getMspID(),
      transient: Object.fromEntries(transient.sort()),
      binding: stub.getBinding(),
      timestamp: `${seconds}.${nanos}`,
    };
  }

  async fail(_ctx, message) {
    throw new Error(message);
  }
}

exports.contracts = [Protocol];

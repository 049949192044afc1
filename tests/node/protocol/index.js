// Every message of the chaincode protocol that Hyperledger's Node.js shim can send.
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

class Protocol extends Contract {
  async put(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
    ctx.stub.setEvent('put', Buffer.from(key));
    return value;
  }

  async get(ctx, key) {
    return (await ctx.stub.getState(key)).toString();
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
    const { iterator, metadata } = await ctx.stub.getStateByRangeWithPagination(start, end, Number(size), bookmark);
    const keys = [];
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) keys.push(next.value.key);
    return { keys, bookmark: metadata.bookmark, count: metadata.fetchedRecordsCount };
  }

  async query(ctx, selector) {
    return (await all(ctx.stub.getQueryResult(selector))).map(([key]) => key);
  }

  async queryPage(ctx, selector, size, bookmark) {
    const { iterator, metadata } = await ctx.stub.getQueryResultWithPagination(selector, Number(size), bookmark);
    const keys = [];
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) keys.push(next.value.key);
    return { keys, bookmark: metadata.bookmark };
  }

  async history(ctx, key) {
    return (await all(ctx.stub.getHistoryForKey(key))).map(([, value]) => value);
  }

  async remove(ctx, key) {
    await ctx.stub.deleteState(key);
  }

  async putPrivate(ctx, collection, key) {
    const { value } = Object.fromEntries(ctx.stub.getTransient());
    await ctx.stub.putPrivateData(collection, key, value);
  }

  async getPrivate(ctx, collection, key) {
    return Buffer.from(await ctx.stub.getPrivateData(collection, key)).toString();
  }

  async hashPrivate(ctx, collection, key) {
    return Buffer.from(await ctx.stub.getPrivateDataHash(collection, key)).toString('hex');
  }

  async rangePrivate(ctx, collection) {
    return all(ctx.stub.getPrivateDataByRange(collection, '', ''));
  }

  async removePrivate(ctx, collection, key) {
    await ctx.stub.deletePrivateData(collection, key);
  }

  async purgePrivate(ctx, collection, key) {
    await ctx.stub.purgePrivateData(collection, key);
  }

  async protect(ctx, key, organizations) {
    const policy = new KeyEndorsementPolicy();
    policy.addOrgs('PEER', ...JSON.parse(organizations));
    await ctx.stub.setStateValidationParameter(key, policy.getPolicy());
  }

  async protectors(ctx, key) {
    const found = await ctx.stub.getStateValidationParameter(key);
    return found && found.length > 0 ? new KeyEndorsementPolicy(found).listOrgs().sort() : [];
  }

  async call(ctx, chaincode, channel, args) {
    const response = await ctx.stub.invokeChaincode(chaincode, JSON.parse(args), channel);
    return { status: response.status, payload: Buffer.from(response.payload).toString() };
  }

  async fail(_ctx, message) {
    throw new Error(message);
  }
}

exports.contracts = [Protocol];

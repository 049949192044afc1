// The community's asset-transfer-basic contract, on Hyperledger's own chaincode library: what ours is compared with.
'use strict';

const { Contract } = require('fabric-contract-api');

const FIRST = [
  ['asset1', 'blue', 5, 'Tomoko', 300],
  ['asset2', 'red', 5, 'Brad', 400],
  ['asset3', 'green', 10, 'Jin Soo', 500],
  ['asset4', 'yellow', 10, 'Max', 600],
  ['asset5', 'black', 15, 'Adriana', 700],
  ['asset6', 'white', 15, 'Michel', 800],
];

// Fields in ascending order, so that equal assets are equal bytes.
const encode = ([ID, Color, Size, Owner, AppraisedValue]) =>
  Buffer.from(JSON.stringify({ AppraisedValue, Color, ID, Owner, Size }));

class AssetTransfer extends Contract {
  async InitLedger(ctx) {
    for (const asset of FIRST) await ctx.stub.putState(asset[0], encode(asset));
  }

  async CreateAsset(ctx, id, color, size, owner, value) {
    if (await this.AssetExists(ctx, id)) throw new Error(`the asset ${id} already exists`);
    await ctx.stub.putState(id, encode([id, color, Number(size), owner, Number(value)]));
  }

  async ReadAsset(ctx, id) {
    const asset = await ctx.stub.getState(id);
    if (asset.length === 0) throw new Error(`the asset ${id} does not exist`);
    return asset.toString();
  }

  async UpdateAsset(ctx, id, color, size, owner, value) {
    if (!(await this.AssetExists(ctx, id))) throw new Error(`the asset ${id} does not exist`);
    await ctx.stub.putState(id, encode([id, color, Number(size), owner, Number(value)]));
  }

  async DeleteAsset(ctx, id) {
    if (!(await this.AssetExists(ctx, id))) throw new Error(`the asset ${id} does not exist`);
    await ctx.stub.deleteState(id);
  }

  async AssetExists(ctx, id) {
    return (await ctx.stub.getState(id)).length > 0;
  }

  async TransferAsset(ctx, id, newOwner) {
    const { AppraisedValue, Color, Owner, Size } = JSON.parse(await this.ReadAsset(ctx, id));
    await ctx.stub.putState(id, encode([id, Color, Size, newOwner, AppraisedValue]));
    return Owner;
  }

  async GetAllAssets(ctx) {
    const assets = [];
    for await (const { value } of ctx.stub.getStateByRange('', '')) {
      assets.push(JSON.parse(Buffer.from(value).toString()));
    }
    return JSON.stringify(assets);
  }
}

exports.contracts = [AssetTransfer];

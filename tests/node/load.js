// The load of fabric/devnet/examples/load.rs, by Hyperledger's client:
// node load.js submit|evaluate CHAINCODE TRANSACTIONS AT-ONCE FROM
'use strict';

const { openAll } = require('./lib/network');

const main = async () => {
  const [kind, chaincode, ...numbers] = process.argv.slice(2);
  const [transactions, atOnce, from] = numbers.map(Number);
  const peers = openAll(process.env.NETWORK_DIR);
  const took = [];
  let next = 0;
  let failed = 0;
  const call = (contract, id) =>
    kind === 'evaluate'
      ? contract.evaluateTransaction('ReadAsset', id)
      : contract.submitTransaction('CreateAsset', id, 'blue', '5', 'Tomoko', '300');
  const work = async ({ network }) => {
    const contract = network.getContract(chaincode);
    while (next < transactions) {
      const id = `asset-${from + next++}`;
      const start = performance.now();
      try {
        await call(contract, id);
        took.push(performance.now() - start);
      } catch (error) {
        if (failed === 0) console.error(error.message);
        failed += 1;
      }
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: atOnce }, (_, index) => work(peers[index % peers.length])));
  const seconds = (performance.now() - start) / 1000;
  took.sort((left, right) => left - right);
  const at = (share) => took[Math.floor((took.length * share) / 100)] ?? 0;
  peers.forEach(({ close }) => close());
  const report = { transactions: took.length, failed, seconds, tps: took.length / seconds };
  console.log(JSON.stringify({ ...report, p50_ms: at(50), p95_ms: at(95), p99_ms: at(99) }));
  if (failed > 0) process.exitCode = 1;
};

main();

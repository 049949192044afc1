// The load of fabric/devnet/examples/load.rs, by Hyperledger's client: node load.js CHAINCODE TRANSACTIONS AT-ONCE FROM
'use strict';

const { open } = require('./lib/network');

const main = async () => {
  const [chaincode, ...numbers] = process.argv.slice(2);
  const [transactions, atOnce, from] = numbers.map(Number);
  const peers = [0, 1, 2].map((index) => open(process.env.NETWORK_DIR, index));
  const took = [];
  let next = 0;
  let failed = 0;
  const work = async ({ network }) => {
    const contract = network.getContract(chaincode);
    while (next < transactions) {
      const id = `asset-${from + next++}`;
      const start = performance.now();
      try {
        await contract.submitTransaction('CreateAsset', id, 'blue', '5', 'Tomoko', '300');
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
};

main();

// What scripts/bench-fabric measures, inside of the network that tests/node/run has started: runs one after the other, in rounds,
// so that whatever else the machine does falls on all of them alike. The environment: NETWORK_DIR; PIDS (NAME=PID …); LOAD, the
// Rust client; DEVNET, the network's program, and START_BASE, ports for it; TRANSACTIONS of each run, AT_ONCE, ROUNDS; EVALUATE, 0
// without reads; JSON, 1 for JSON; SKIPPED, what is not there.
'use strict';

const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { report, summary } = require('./lib/figures');

const env = process.env;
const [transactions, atOnce, rounds] = [env.TRANSACTIONS, env.AT_ONCE, env.ROUNDS].map(Number);
const processes = env.PIDS.trim().split(' ').map((pair) => pair.split('='));
const pidsOf = (name) => processes.filter(([found]) => found === name).map(([, pid]) => pid);

// Chaincodes by what they are written in.
const CHAINCODES = { rust: 'basic-rust', go: 'basic-go', node: 'basic' };
const languages = Object.keys(CHAINCODES).filter((language) => pidsOf(CHAINCODES[language]).length > 0);
// A majority of three organisations endorses a transaction; a read is one peer's.
const INVOCATIONS = { submit: 2, evaluate: 1 };
// In one second; the same on every Linux that Node.js runs on.
const TICKS = 100;

// Processor time that these processes have used, in seconds.
const used = (pids) =>
  pids.reduce((sum, pid) => {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
  }, 0);

// Resident memory of the largest of these processes, in MiB.
const resident = (pids) =>
  Math.max(...pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024));

const run = promisify(execFile);

const call = async ({ kind, client, chaincode, count, clients, from }) => {
  const name = CHAINCODES[chaincode];
  const numbers = [count, clients, from].map(String);
  const { stdout } =
    client === 'node'
      ? await run(process.execPath, [path.join(__dirname, 'load.js'), kind, name, ...numbers])
      : await run(env.LOAD, [
          '--network', env.NETWORK_DIR, '--chaincode', name,
          '--transactions', numbers[0], '--at-once', numbers[1], '--from', numbers[2],
          ...(kind === 'evaluate' ? ['--evaluate', 'ReadAsset', 'asset-{}'] : ['CreateAsset', 'asset-{}', 'blue', '5', 'Tomoko', '300']),
        ]);
  return JSON.parse(stdout);
};

// A run, and the processor time that it cost the chaincode and devnet.
const measure = async (wanted) => {
  const watched = { chaincode: pidsOf(CHAINCODES[wanted.chaincode]), devnet: pidsOf('devnet') };
  const before = { chaincode: used(watched.chaincode), devnet: used(watched.devnet) };
  const { tps, p50_ms, p95_ms, p99_ms } = await call(wanted);
  const spent = (who) => used(watched[who]) - before[who];
  return {
    tps, p50_ms, p95_ms, p99_ms,
    // Milliseconds a thousand invocations are microseconds each.
    chaincode_us: (spent('chaincode') * 1e6) / (wanted.count * INVOCATIONS[wanted.kind]),
    devnet_us: (spent('devnet') * 1e6) / wanted.count,
  };
};

// Milliseconds until a network in a new folder is ready, each time.
const starts = async () => {
  const times = [];
  while (times.length < 2 * rounds + 1) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'devnet-'));
    const began = performance.now();
    const devnet = spawn(env.DEVNET, ['up', '--dir', folder, '--port-base', env.START_BASE], { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(devnet, 'exit');
    const [said] = await Promise.race([once(devnet.stdout, 'data'), ended]);
    if (String(said) !== 'ready\n') throw new Error(`devnet does not start: ${said}`);
    times.push(performance.now() - began);
    devnet.kill('SIGTERM');
    await ended;
    fs.rmSync(folder, { recursive: true });
  }
  return times;
};

// What is measured in each round.
const plan = () => {
  const wanted = [];
  for (const chaincode of languages) {
    for (const client of ['rust', 'node']) {
      wanted.push({ what: 'submit', kind: 'submit', client, chaincode, count: transactions, clients: atOnce });
      if (env.EVALUATE !== '0') {
        wanted.push({ what: 'evaluate', kind: 'evaluate', client, chaincode, count: transactions, clients: atOnce });
      }
    }
    // Nobody waits for anybody: how long one invocation takes, there and back.
    const count = Math.min(transactions, 500);
    if (env.EVALUATE !== '0') wanted.push({ what: 'one by one', kind: 'evaluate', client: 'rust', chaincode, count, clients: 1 });
  }
  const [fastest] = languages;
  wanted.push({ what: 'ceiling', kind: 'submit', client: 'rust', chaincode: fastest, count: 2 * transactions, clients: 4 * atOnce });
  return wanted;
};

const main = async () => {
  const memory = Object.fromEntries(languages.map((language) => [language, { rest_mib: resident(pidsOf(CHAINCODES[language])) }]));
  const load = os.loadavg()[0];
  let from = 0;
  // Not counted: connections are made, code is compiled, and the assets that are read are written.
  for (const chaincode of languages) {
    await call({ kind: 'submit', client: 'rust', chaincode, count: transactions, clients: atOnce, from });
  }
  from += transactions;
  const wanted = plan().map((entry) => ({ ...entry, runs: [] }));
  for (let round = 0; round < rounds; round += 1) {
    // Each round begins elsewhere, so that nobody is always the first.
    for (const entry of [...wanted.slice(round % wanted.length), ...wanted.slice(0, round % wanted.length)]) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${entry.what}, client ${entry.client}, chaincode ${entry.chaincode}\n`);
      entry.runs.push(await measure({ ...entry, from: entry.kind === 'evaluate' ? 0 : from }));
      if (entry.kind === 'submit') from += entry.count;
    }
  }
  const start_ms = await starts();
  for (const language of languages) memory[language].loaded_mib = resident(pidsOf(CHAINCODES[language]));
  const found = summary({
    machine: { cores: os.cpus().length, load_before: load },
    settings: { transactions, at_once: atOnce, rounds },
    skipped: env.SKIPPED ? [env.SKIPPED] : [],
    memory,
    start_ms,
    measured: wanted,
  });
  console.log(env.JSON === '1' ? JSON.stringify(found, null, 2) : report(found));
};

main().catch((error) => {
  console.error(error.stderr || error);
  process.exitCode = 1;
});

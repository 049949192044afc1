// Medians, targets and tables of what bench.js has measured.
'use strict';

const median = (values) => {
  const sorted = [...values].sort((left, right) => left - right);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

const middle = (values) => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) });
const figure = (runs, name) => middle(runs.map((run) => run[name]));

const FIGURES = ['tps', 'p50_ms', 'p95_ms', 'p99_ms', 'chaincode_us', 'devnet_us'];

// One target: what was measured, what must be, and whether it is.
const target = (name, value, limit, reached) => ({ name, value, limit, reached: value === null ? null : reached(value, limit) });
const atMost = (value, limit) => value <= limit;
const atLeast = (value, limit) => value >= limit;

const targets = (rows, memory, start) => {
  const find = (what, chaincode) => rows.find((row) => row.what === what && row.client === 'rust' && row.chaincode === chaincode);
  const cost = (language) => find('submit', language)?.chaincode_us.median ?? null;
  const ratio = (other) => (cost('rust') === null || cost(other) === null ? null : cost('rust') / cost(other));
  const ceiling = rows.find((row) => row.what === 'ceiling');
  return [
    target('processor time of an invocation, Rust to Node.js', ratio('node'), 0.5, atMost),
    target('processor time of an invocation, Rust to Go', ratio('go'), 1, atMost),
    target('devnet with three organisations, transactions a second', ceiling?.tps.median ?? null, 1000, atLeast),
    target('devnet from its start to ready in a new folder, ms', start.median, 1000, (value, limit) => value < limit),
    target('Rust chaincode at rest, MiB', memory.rust?.rest_mib ?? null, 15, (value, limit) => value < limit),
  ];
};

const summary = ({ measured, start_ms, ...rest }) => {
  const start = middle(start_ms);
  const rows = measured.map(({ what, client, chaincode, count, clients, runs }) => ({
    what, client, chaincode, transactions: count, at_once: clients,
    ...Object.fromEntries(FIGURES.map((name) => [name, figure(runs, name)])),
  }));
  return { ...rest, start_ms: start, rows, targets: targets(rows, rest.memory, start) };
};

const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const spread = ({ median: value, least, most }) => `${digits(value)} (${digits(least)}-${digits(most)})`;

const table = (rows) => {
  const widths = rows[0].map((_cell, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
};

const report = ({ machine, settings, skipped, memory, start_ms, rows, targets: goals }) => {
  const lines = [
    `${settings.transactions} transactions a run, ${settings.at_once} at once, ${settings.rounds} rounds: median (least-most).`,
    `${machine.cores} cores; load before: ${machine.load_before.toFixed(2)}. Figures say something only on a machine that does nothing else.`,
    ...skipped.map((name) => `skipped: ${name}`),
    '',
    table([
      ['what', 'client', 'chaincode', 'per second', 'p50 ms', 'p95 ms', 'chaincode us/invocation', 'devnet us/transaction'],
      ...rows.map((row) => [
        row.what, row.client, row.chaincode, spread(row.tps), spread(row.p50_ms), spread(row.p95_ms),
        spread(row.chaincode_us), spread(row.devnet_us),
      ]),
    ]),
    '',
    table([
      ['memory of a chaincode process', 'at rest MiB', 'after the load MiB'],
      ...Object.entries(memory).map(([name, { rest_mib, loaded_mib }]) => [name, digits(rest_mib), digits(loaded_mib)]),
    ]),
    '',
    `devnet from its start to ready in a new folder: ${spread(start_ms)} ms`,
    '',
    table([
      ['target', 'measured', 'wanted', ''],
      ...goals.map(({ name, value, limit, reached }) => [
        name, value === null ? '-' : digits(value), String(limit), reached === null ? 'not measured' : reached ? 'reached' : 'missed',
      ]),
    ]),
  ];
  return lines.join('\n');
};

module.exports = { report, summary };

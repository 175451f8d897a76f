// Runs every contestant in turn, round after round, and prints what was measured as Markdown. See README.md.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { cpuSeconds, foreignSeconds, median, residentBytes } from './figures.mjs';
import { CONNECTIONS, countLines, drive, holdIdle, quietUpstream } from './load.mjs';
import {
  ask, clientHeaders, contestants, missing, openFiles, pause, PEERS, prove, scratchFolder, startPeer, startUpstream, wayIn, WORKERS,
} from './peers.mjs';

const BY_DEFAULT = ['innkeeper', 'innkeeper-audit-all', 'innkeeper-audit-rotated', 'nginx', 'haproxy', 'caddy'];

const HELP = `Compares Innkeeper with nginx, HAProxy and Caddy on this machine; prints Markdown.

Usage: benches/proxy/run [OPTIONS]

  --case CASE        list (address list), basic (list and password), idle (memory of idle
                     connections), all  [default: all]
  --only PEERS       comma-separated, of ${Object.keys(PEERS).join(', ')}
                     [default: ${BY_DEFAULT.join(',')}]
  --seconds N        length of a round, 1 to 60  [default: 8]
  --rounds N         rounds, 1 to 9; the median is printed  [default: 3]
  --connections N    idle connections, 1 to 20000  [default: 10000]
  --wait N           before each round wait at most N seconds, 0 to 300, until others take less
                     than a tenth of the machine  [default: 0]
  --headers KIND     bare (as wrk sends) or browser (nine more header lines)  [default: bare]
  --json FILE        also write every round's figures to FILE

The binary is target/release/innkeeper, or what INNKEEPER names.`;

const options = readOptions();
const scratch = scratchFolder();
const say = (text) => process.stderr.write(`${text}\n`);

console.log(machine());
const measured = {};
const upstream = await startUpstream(scratch);
for (const policy of ['list', 'basic']) {
  if (options.cases.includes(policy)) measured[policy] = await measureLoad(policy);
}
await upstream.stop();
if (options.cases.includes('idle')) measured.idle = await measureIdle();
for (const [name, table] of Object.entries({ list: loadTable, basic: loadTable, idle: idleTable })) {
  if (measured[name]) console.log(`\n${table(name, measured[name])}`);
}
if (options.json) writeFileSync(options.json, JSON.stringify(measured, null, 1));
process.exit(0);

/** All rounds of one policy: label -> the figures of each round. Neighbours take turns, so noise hits all alike. */
async function measureLoad(policy) {
  const all = contestants(options.only, policy);
  for (const contestant of all) await prove(scratch, contestant, upstream.port);
  const headers = clientHeaders(policy, options.headers);
  return inTurn(policy, all, async (contestant) => {
    const server = await startPeer(scratch, contestant, upstream.port);
    try {
      // The first request pays for the password hash where its result is remembered.
      const lines = await wayIn(contestant, server, headers);
      await ask(server.port, lines);
      await drive(server.port, 1, lines);
      const logged = await countLines(server.log);
      const [before, foreignBefore] = [cpuSeconds(server.pid), foreignSeconds()];
      const load = await drive(server.port, options.seconds, lines);
      const [after, foreignAfter] = [cpuSeconds(server.pid), foreignSeconds()];
      const foreign = (foreignAfter - foreignBefore) / (load.seconds * os.availableParallelism());
      const memory = residentBytes(server.pid);
      await proveLogged(contestant, server, logged, load.requests);
      const user = ((after.user - before.user) / load.requests) * 1e6;
      const system = ((after.system - before.system) / load.requests) * 1e6;
      const rate = load.requests / load.seconds;
      return { cpu: user + system, user, system, rate, p50: load.p50, p99: load.p99, ...memory, foreign };
    } finally {
      await server.stop();
    }
  });
}

/** All rounds of the idle connections: label -> the figures of each round. */
async function measureIdle() {
  const headers = clientHeaders('list', options.headers);
  return inTurn('idle', contestants(options.only, 'list'), async (contestant) => {
    const app = await quietUpstream();
    const server = await startPeer(scratch, contestant, app.port);
    try {
      // One visitor first, so that what is made only once is not put down to the connections.
      (await holdIdle(server.port, 1, headers)).close();
      await pause(1000);
      const idle = residentBytes(server.pid);
      const crowd = await holdIdle(server.port, options.connections, headers);
      await pause(3000);
      const crowded = residentBytes(server.pid);
      const open = crowd.open();
      crowd.close();
      if (open !== options.connections) throw new Error(`${contestant.label} kept only ${open} connections`);
      const each = (kind) => (crowded[kind] - idle[kind]) / options.connections;
      return { idle: idle.rss, idlePss: idle.pss, each: each('rss'), eachPss: each('pss') };
    } finally {
      await server.stop();
      app.stop();
    }
  });
}

/** Every round starts one contestant later, so that none is always first. */
async function inTurn(name, all, measure) {
  const figures = Object.fromEntries(all.map(({ label }) => [label, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < all.length; turn += 1) {
      const contestant = all[(round + turn) % all.length];
      await quiet();
      const result = await measure(contestant);
      figures[contestant.label].push(result);
      const shown = (value) => (value < 1000 ? value.toFixed(2) : Math.round(value));
      const figuresShown = Object.entries(result).map(([key, value]) => `${key} ${shown(value)}`);
      say(`${name} round ${round + 1}: ${contestant.label}: ${figuresShown.join(', ')}`);
    }
  }
  return figures;
}

/** Waits, as long as `--wait` allows, for a second in which others leave the machine alone. */
async function quiet() {
  for (let waited = 0; waited < options.wait; waited += 1) {
    const before = foreignSeconds();
    await pause(1000);
    if (foreignSeconds() - before < os.availableParallelism() / 10) return;
  }
}

/**
 * A gate that logs late or not at all would have done less than the others. HAProxy drops a line now and then where
 * two of its threads write to standard output at once (1 of 2,000), hence the tolerance of 1 in 100.
 */
async function proveLogged({ peer }, server, before, requests) {
  await pause(300);
  const lines = (await countLines(server.log)) - before;
  if (PEERS[peer].logsVisitors) {
    if (before !== 1 || lines !== 0) throw new Error(`${server.log} holds ${before + lines} lines for one visitor`);
    return;
  }
  if (lines < requests * 0.99) throw new Error(`${requests} requests left only ${lines} lines in ${server.log}`);
}

// --- printing -------------------------------------------------------------------------------------------------

function loadTable(policy, figures) {
  const heading = { list: 'Address list of 5 entries, access log', basic: 'The same, and Basic authentication' }[policy];
  const rows = Object.entries(figures).map(([label, rounds]) => {
    const middle = (key) => median(rounds.map((round) => round[key]));
    const cpu = rounds.map((round) => round.cpu);
    const foreign = Math.max(...rounds.map((round) => round.foreign));
    const spread = (Math.max(...cpu) - Math.min(...cpu)) / middle('cpu');
    return [
      label,
      middle('cpu').toFixed(1),
      `${middle('user').toFixed(1)} + ${middle('system').toFixed(1)}`,
      percent(spread),
      percent(foreign),
      Math.round(middle('rate')),
      milliseconds(middle('p50')),
      milliseconds(middle('p99')),
      mebibytes(middle('rss')),
      mebibytes(middle('pss')),
    ];
  });
  const columns = ['', 'CPU µs/request', 'user + system', 'spread', 'others', 'requests/s', 'p50 ms', 'p99 ms'];
  columns.push('RSS MiB', 'PSS MiB');
  return `### ${heading}\n\n${markdown(columns, rows)}`;
}

function idleTable(policy, figures) {
  const rows = Object.entries(figures).map(([label, rounds]) => {
    const middle = (key) => median(rounds.map((round) => round[key]));
    return [
      label, mebibytes(middle('idle')), mebibytes(middle('idlePss')),
      kibibytes(middle('each')), kibibytes(middle('eachPss')),
    ];
  });
  const columns = ['', 'idle RSS MiB', 'idle PSS MiB', 'RSS KiB/connection', 'PSS KiB/connection'];
  return `### Memory: idle, and what each of ${options.connections} idle connections adds\n\n${markdown(columns, rows)}`;
}

function markdown(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map((_, index) => (index ? '--:' : '---'))), ...rows.map(line)].join('\n');
}

function percent(share) {
  return `${Math.round(share * 100) || 0} %`;
}

function milliseconds(microseconds) {
  return (microseconds / 1000).toFixed(2);
}

function mebibytes(bytes) {
  return bytes === undefined ? '?' : (bytes / 1048576).toFixed(1);
}

function kibibytes(bytes) {
  return Number.isNaN(bytes) ? '?' : (bytes / 1024).toFixed(2);
}

/** What the figures hold for: the machine, the versions, the load. */
function machine() {
  // Caddy prints the bare number.
  const version = (name) => firstLine(...PEERS[name].version).replace(/^(?=v?\d)/, `${name} `);
  const round = `${CONNECTIONS} connections, ${options.rounds} rounds of ${options.seconds} s in turn (medians)`;
  const size = `${os.availableParallelism()} cores`;
  const cpu = readFileSync('/proc/cpuinfo', 'utf8').match(/^model name\s*: (.*)/m)?.[1] ?? os.machine();
  return [
    `- machine: ${size} of ${cpu}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}`,
    `- peers: ${options.only.map(version).join('; ')}; ${WORKERS} workers or threads each`,
    `- load: ${firstLine('wrk', '-v').replace(/ Copyright.*/, '')}, ${round}, headers: ${options.headers}`,
  ].join('\n');
}

/** The first line a program prints of its version; nginx prints it to standard error, wrk fails after printing. */
function firstLine(program, ...argv) {
  const output = execFileSync('sh', ['-c', '"$@" 2>&1 || true', 'sh', program, ...argv], { encoding: 'utf8' });
  return output.split('\n')[0].trim();
}

// --- options --------------------------------------------------------------------------------------------------

function readOptions() {
  const { values } = orExplain(() =>
    parseArgs({
      options: {
        case: { type: 'string', default: 'all' },
        only: { type: 'string', default: BY_DEFAULT.join(',') },
        seconds: { type: 'string', default: '8' },
        rounds: { type: 'string', default: '3' },
        connections: { type: 'string', default: '10000' },
        wait: { type: 'string', default: '0' },
        headers: { type: 'string', default: 'bare' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const only = values.only.split(',').map((name) => oneOf('--only', name, Object.keys(PEERS)));
  const chosen = oneOf('--case', values.case, ['list', 'basic', 'idle', 'all']);
  const settled = {
    cases: chosen === 'all' ? ['list', 'basic', 'idle'] : [chosen],
    only,
    seconds: within('--seconds', values.seconds, 1, 60),
    rounds: within('--rounds', values.rounds, 1, 9),
    connections: within('--connections', values.connections, 1, 20_000),
    wait: within('--wait', values.wait, 0, 300),
    headers: oneOf('--headers', values.headers, ['bare', 'browser']),
    json: values.json,
  };
  checkMachine(settled);
  return settled;
}

/** Says what is missing and what to type, before anything is started. */
function checkMachine({ only, cases, connections }) {
  const absent = missing(only);
  const packages = absent.filter((program) => program !== PEERS.innkeeper.program);
  if (absent.includes(PEERS.innkeeper.program)) {
    const hint = 'cargo build --release, or set INNKEEPER, or --only nginx,haproxy,caddy';
    fail(`no binary at \`${PEERS.innkeeper.program}\``, hint);
  }
  if (packages.length) fail(`not found: ${packages.join(', ')}`, `apt-get install -y ${packages.join(' ')}`);
  if (cases.includes('idle') && openFiles() < connections + 1000) {
    fail(`only ${openFiles()} open files allowed`, `run as root, or with --connections ${Math.max(openFiles() - 1000, 1)}`);
  }
}

function oneOf(flag, value, choices) {
  return choices.includes(value) ? value : fail(`${flag} \`${value}\` is unknown`, `one of ${choices.join(', ')}`);
}

function within(flag, text, least, most) {
  const number = Number(text);
  const fits = Number.isInteger(number) && number >= least && number <= most;
  return fits ? number : fail(`${flag} \`${text}\` is not a number from ${least} to ${most}`, 'see --help');
}

function orExplain(action) {
  try {
    return action();
  } catch (error) {
    return fail(error.message, 'see --help');
  }
}

function fail(message, hint) {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exit(2);
}

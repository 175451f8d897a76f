// Records one peer with perf while wrk drives it and prints where its CPU time went. See README.md.

import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds, processTree } from './figures.mjs';
import { drive } from './load.mjs';
import { ask, clientHeaders, contestants, PEERS, prove, scratchFolder, startPeer, startUpstream } from './peers.mjs';

const HELP = `Shows where one peer spends its CPU time under load.

Usage: benches/proxy/profile [OPTIONS] PEER     PEER: ${Object.keys(PEERS).join(', ')}

  --case CASE        list or basic  [default: list]
  --password NAME    how the password is stored, as in the table of run  [default: the peer's first]
  --headers KIND     bare or browser  [default: bare]
  --seconds N        length of the recording, 1 to 60  [default: 8]
  --least PERCENT    smallest share that is printed  [default: 0.5]
  --binary           tell by object file and symbol only; leave out the system calls
  --keep FILE        copy the recording to FILE, for perf report and perf annotate`;

/** Samples a second and core; not a round number, so as not to march in step with a timer. */
const FREQUENCY = 997;

const { contestant, policy, headers, seconds, least, binaryOnly, keep } = readOptions();
const scratch = scratchFolder();
const recording = path.join(scratch, 'perf.data');
const event = samplingEvent();

const upstream = await startUpstream(scratch);
await prove(scratch, contestant, upstream.port);
const server = await startPeer(scratch, contestant, upstream.port);
await ask(server.port, headers);
await drive(server.port, 1, headers);
const before = cpuSeconds(server.pid);
const [load] = await Promise.all([drive(server.port, seconds + 1, headers), record(processTree(server.pid))]);
const after = cpuSeconds(server.pid);
await server.stop();
await upstream.stop();

const spent = (kind) => (((after[kind] - before[kind]) / load.requests) * 1e6).toFixed(1);
console.log(`${contestant.label}, ${policy}: ${load.requests} requests`);
console.log(`each ${spent('user')} µs user + ${spent('system')} µs system, perf's own cost included; event ${event}, ${FREQUENCY} Hz`);
if (event === 'cpu-clock') {
  console.log('(what the kernel does with interrupts off is put down to the function that turns them on again)');
}
console.log(`\n## By object file, %\n${report('--no-children', '--sort', 'dso')}`);
console.log(`\n## By symbol, %\n${report('--no-children', '--sort', 'dso,symbol')}`);
if (!binaryOnly) console.log(`\n## By system call, with all that the kernel does in it, %\n${systemCalls()}`);
if (keep) execFileSync('cp', [recording, keep]);
process.exit(0);

/** Records every thread of the processes for `seconds`. */
async function record(pids) {
  const argv = ['record', '-q', '-g', '-e', event, '-F', FREQUENCY, '-p', pids.join(','), '-o', recording];
  const perf = spawn('perf', [...argv, '--', 'sleep', seconds].map(String), { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => perf.on('exit', resolve).on('error', reject));
  if (code !== 0) fail(`perf record ended with ${code}`, 'sysctl kernel.perf_event_paranoid=1, or run as root');
}

/** The rows of a report, without perf's comments and call chains. */
function report(...argv) {
  const common = ['report', '-i', recording, '--stdio', '-g', 'none', '--percent-limit', least];
  const output = execFileSync('perf', [...common, ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const rows = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  // Two empty columns stand at the end where perf knows no source lines.
  return rows.map((line) => line.replace(/[\s-]+$/, '')).join('\n');
}

/**
 * What happens on behalf of each system call, found in the call chains by the names that Linux gives to its entry
 * points. Switching to another task is listed apart: it is part of a call that waits, or comes at its end.
 */
function systemCalls() {
  const entry = /^\s*([\d.]+)%.*\[k\] (?:__x64_sys_|__arm64_sys_|__sys_|ksys_|do_(?=writev|readv|epoll_wait|futex))(\w+)/;
  const shares = new Map();
  for (const row of report('--children', '--sort', 'symbol').split('\n')) {
    const [, share, call] = row.match(entry) ?? row.match(/^\s*([\d.]+)%.*\[k\] (__schedule)\b/) ?? [];
    // A call has several entry points, one inside the other.
    if (call) shares.set(call, Math.max(Number(share), shares.get(call) ?? 0));
  }
  const rows = [...shares].sort(([, left], [, right]) => right - left);
  const name = (call) => (call === '__schedule' ? '(switching to another task)' : call);
  return rows.map(([call, share]) => `${share.toFixed(2).padStart(9)}%  ${name(call)}`).join('\n');
}

/** Virtual machines often have no cycle counter; a timer then does, but sees nothing while interrupts are off. */
function samplingEvent() {
  try {
    const output = execFileSync('sh', ['-c', 'perf stat -x, -e cycles true 2>&1'], { encoding: 'utf8' });
    return /not (supported|counted)/.test(output) ? 'cpu-clock' : 'cycles';
  } catch {
    return fail('perf cannot be run', 'apt-get install -y linux-perf');
  }
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      case: { type: 'string', default: 'list' },
      password: { type: 'string' },
      headers: { type: 'string', default: 'bare' },
      seconds: { type: 'string', default: '8' },
      least: { type: 'string', default: '0.5' },
      binary: { type: 'boolean', default: false },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const [peer] = positionals;
  if (!Object.hasOwn(PEERS, peer ?? '')) fail(`no peer \`${peer ?? ''}\``, 'see --help');
  if (!['list', 'basic'].includes(values.case)) fail(`no case \`${values.case}\``, 'list or basic');
  const all = contestants([peer], values.case);
  const contestant = values.password ? all.find(({ password }) => password === values.password) : all[0];
  if (!contestant) fail(`${peer} has no password form \`${values.password}\``, 'see the table of `run --case basic`');
  const seconds = Number(values.seconds);
  if (!(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60)) fail(`--seconds \`${values.seconds}\``, '1 to 60');
  const headers = clientHeaders(values.case, values.headers);
  return { contestant, policy: values.case, headers, seconds, least: values.least, binaryOnly: values.binary, keep: values.keep };
}

function fail(message, hint) {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exit(2);
}

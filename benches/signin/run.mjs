// Whether the time of an answer tells who exists, and what 500 guessers do to somebody who is signed in. See README.md.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { cpuSeconds, foreignSeconds, median, residentBytes } from '../proxy/figures.mjs';

const HELP = `Measures sign-in on this machine, on 127.0.0.0/8 only; prints Markdown.

Usage: benches/signin/run [OPTIONS]

  --case CASE    timing, flood, all  [default: all]
  --samples N    wrong passwords of each kind, 10 to 2000  [default: 400]
  --guessers N   connections that guess at once, 1 to 1000  [default: 500]
  --seconds N    how long they guess, 1 to 60  [default: 10]

The binary is target/release/innkeeper, or what INNKEEPER names.`;

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const INNKEEPER = path.resolve(process.env.INNKEEPER ?? path.join(REPOSITORY, 'target/release/innkeeper'));

/** argon2id of `pass`, with the parameters that are usual. */
const ARGON2ID =
  '$argon2id$v=19$m=19456,t=2,p=1$eP0+QUlGozNf8nZYHp5OWw$/95xqNa00+FW/8uscOwIrG+ci3dc7dZlShFMrG6Fsfk';

/** How long a guesser waits after an answer before it guesses again, and the user before the next request, in ms. */
const GUESSER_PAUSE = 500;
const USER_PAUSE = 5;

if (isMainThread) await main();
else await guess(workerData);

async function main() {
  const options = readOptions();
  console.log(machine());
  if (options.case !== 'flood') {
    const shared = `basicAuthUser: {username: ann, password: '${ARGON2ID}'}`;
    await timing('basicAuthUser, argon2id 19 MiB 2 passes', shared, { 'wrong password': 'ann', 'unknown user': 'nobody' }, options);
    const accounts = 'enableUserAccounts: true\nperUserBasicAuth: true\ndataRoot: data';
    await timing("SillyTavern's accounts, scrypt", accounts, {
      'wrong password': 'anna-muller', 'unknown user': 'nobody', 'disabled account': 'carol-2', 'account without password': 'bob',
    }, options);
  }
  if (options.case !== 'timing') {
    await flood('attempts as by default', 5, options);
    await flood('no limit on attempts', 0, options);
  }
  process.exit(0);
}

/** Wrong passwords of each kind of user, in turn and each time in another order, on one connection. */
async function timing(title, login, users, { samples }) {
  const server = await start(`${login}\nrateLimiting: {basicAuthMaxAttempts: 0}`);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = Object.fromEntries(Object.keys(users).map((kind) => [kind, []]));
  const foreign = foreignSeconds();
  const began = performance.now();
  for (let sample = -5; sample < samples; sample++) {
    const kinds = Object.keys(users).map((kind) => [Math.random(), kind]).sort().map(([, kind]) => kind);
    for (const kind of kinds) {
      const { status, time } = await ask(server.port, agent, users[kind], `guess ${Math.random()}`);
      if (status !== 401) throw new Error(`${kind}: ${status}`);
      // The first few warm up.
      if (sample >= 0) times[kind].push(time);
    }
  }
  const seconds = (performance.now() - began) / 1000;
  agent.destroy();
  await server.stop();
  console.log(`\n### ${title}: ${samples} samples each, ${share(foreign, seconds)} of the machine taken by others\n`);
  console.log('| who | median ms | 10th to 90th percentile | difference of medians |\n|---|---|---|---|');
  const reference = median(times['wrong password']);
  for (const [kind, all] of Object.entries(times)) {
    const [low, high] = [percentile(all, 10), percentile(all, 90)].map((time) => time.toFixed(2));
    const difference = ((100 * (median(all) - reference)) / reference).toFixed(2);
    console.log(`| ${kind} | ${median(all).toFixed(2)} | ${low} to ${high} | ${difference} % |`);
  }
}

/** What a user who is signed in gets to feel before, during and after guesses from many addresses at once. */
async function flood(title, attempts, { guessers, seconds }) {
  const server = await start(
    `basicAuthUser: {username: ann, password: '${ARGON2ID}'}\nrateLimiting: {basicAuthMaxAttempts: ${attempts}}`,
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const { status } = await ask(server.port, agent, 'ann', 'pass');
  if (status !== 200) throw new Error(`the right password: ${status}`);
  const rows = [];
  const phase = async (name, length) => {
    const [cpu, foreign] = [spentSeconds(server.pid), foreignSeconds()];
    const figures = await use(server, agent, length);
    const spent = ((100 * (spentSeconds(server.pid) - cpu)) / length / os.availableParallelism()).toFixed(0);
    rows.push({ name, spent, others: share(foreign, length), ...figures });
  };
  await phase('before', 3);
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: server.port, guessers, seconds } });
  const tally = new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
  await phase('during', seconds);
  const statuses = await tally;
  // The owner, from an address that nobody has seen before.
  const owner = await ask(server.port, new http.Agent({ localAddress: '127.0.0.9' }), 'ann', 'pass');
  await phase('after', 3);
  agent.destroy();
  await server.stop();
  const answers = Object.entries(statuses).map(([status, count]) => `${count} x ${status}`).join(', ');
  console.log(`\n### ${guessers} guessers for ${seconds} s, ${title}\n`);
  console.log(`Their answers: ${answers}. The owner from a new address right after: ${owner.status}.\n`);
  console.log('| phase | requests | p50 ms | p99 ms | worst ms | RSS MiB, most | CPU of the server | others |\n|---|---|---|---|---|---|---|---|');
  for (const { name, times, rss, spent, others } of rows) {
    const [p50, p99, worst] = [50, 99, 100].map((share) => percentile(times, share).toFixed(2));
    console.log(`| ${name} | ${times.length} | ${p50} | ${p99} | ${worst} | ${(rss / 2 ** 20).toFixed(1)} | ${spent} % | ${others} |`);
  }
}

/** Requests of somebody who is signed in, one after the other; and the most memory that the server had meanwhile. */
async function use(server, agent, seconds) {
  const times = [];
  let rss = 0;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const { status, time } = await ask(server.port, agent, 'ann', 'pass');
    // Where the password has to be proven anew (it is remembered for five minutes) it could be 503; it never is here.
    if (status !== 200) throw new Error(`somebody who is signed in: ${status}`);
    times.push(time);
    if (times.length % 20 === 0) rss = Math.max(rss, residentBytes(server.pid).rss);
    await pause(USER_PAUSE);
  }
  return { times, rss };
}

/** In a thread of its own: all guess at once, each from an address of its own, and again some time after the answer. */
async function guess({ port, guessers, seconds }) {
  const tally = {};
  const end = performance.now() + 1000 * seconds;
  const one = async (number) => {
    const localAddress = `127.1.${Math.floor(number / 250)}.${(number % 250) + 1}`;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1, localAddress });
    while (performance.now() < end) {
      const { status } = await ask(port, agent, 'ann', `guess ${Math.random()}`);
      tally[status] = (tally[status] ?? 0) + 1;
      await pause(GUESSER_PAUSE);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: guessers }, (_, number) => one(number)));
  parentPort.postMessage(tally);
}

/** One request; its status, and its time in milliseconds. */
function ask(port, agent, user, password) {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const request = http.get({ host: '127.0.0.1', port, agent, headers: { authorization }, timeout: 60_000 }, (answer) => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode, time: performance.now() - began }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
}

/** A server with nothing behind it, in a folder of its own, with the accounts of the conformance data. */
async function start(settings) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'innkeeper-signin-'));
  cpSync(path.join(REPOSITORY, 'tests/conformance/accounts'), path.join(folder, 'data'), { recursive: true });
  const door = 'port: 0\nlisten: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\nbasicAuthMode: true\n';
  writeFileSync(path.join(folder, 'config.yaml'), `${door}${settings}\n`);
  const child = spawn(INNKEEPER, ['serve'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  const tidy = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', tidy);
  let said = '';
  const port = await new Promise((resolve, reject) => {
    child.on('error', reject).on('exit', (code) => reject(new Error(`the server ended (${code}):\n${said}`)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = /listening on IPv4: .*:(\d+)\n[^]*Who may come in/.exec(said);
      if (found) resolve(Number(found[1]));
    });
  });
  const stop = async () => {
    process.off('exit', tidy);
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, pid: child.pid, stop };
}

function readOptions() {
  const text = { type: 'string' };
  const options = { case: text, samples: text, guessers: text, seconds: text, help: { type: 'boolean' } };
  const { values } = parseArgs({ options });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const number = (name, standard, least, most) => {
    const value = Number(values[name] ?? standard);
    if (!Number.isInteger(value) || value < least || value > most) throw new Error(`--${name}: ${least} to ${most}`);
    return value;
  };
  if (!['timing', 'flood', 'all'].includes(values.case ?? 'all')) throw new Error('--case: timing, flood, all');
  return {
    case: values.case ?? 'all',
    samples: number('samples', 400, 10, 2000),
    guessers: number('guessers', 500, 1, 1000),
    seconds: number('seconds', 10, 1, 60),
  };
}

function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))];
}

function spentSeconds(pid) {
  const { user, system } = cpuSeconds(pid);
  return user + system;
}

/** How much of the machine foreign processes took since `before`. */
function share(before, seconds) {
  return `${((100 * (foreignSeconds() - before)) / seconds / os.availableParallelism()).toFixed(0)} %`;
}

function machine() {
  return `${os.availableParallelism()} cores, ${os.cpus()[0].model}, Linux ${os.release()}, Node ${process.version}`;
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

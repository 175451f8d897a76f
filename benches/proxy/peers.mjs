// The gates that are compared, their policies, and how one of them is started, proven to work, and ended.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { processTree } from './figures.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const REPOSITORY = path.resolve(HERE, '..', '..');

/** The binary under test. */
export const INNKEEPER = path.resolve(process.env.INNKEEPER ?? path.join(REPOSITORY, 'target/release/innkeeper'));

/** Worker threads or processes of every peer: one a core. */
export const WORKERS = os.availableParallelism();

/** The address list of both cases; the load comes from the first entry. */
const LIST = ['127.0.0.0/8', '192.168.0.0/16', '10.0.0.0/8', '::1', '172.16.0.0/12'];

/** The same list without the load's address (192.0.2.0/24 is reserved for documentation). */
const LIST_WITHOUT_US = ['192.0.2.0/24', ...LIST.slice(1)];

/** The one user of the `basic` case. The stored forms below are all of the password `pass`. */
const CREDENTIALS = `Basic ${Buffer.from('user:pass').toString('base64')}`;
const WRONG_CREDENTIALS = `Basic ${Buffer.from('user:wrong').toString('base64')}`;

const BCRYPT_5 = '$2y$05$/BMSe36tNOZ5WjfpSI9iWOuB2ix7SZIyfnVBHESa/ajjuubBEPQH6';
const BCRYPT_14 = '$2a$14$ldTelsYEcKLYhfd.1ZEVO.BPITalG2aPaK.fcW/oFgTPaQ4Mb/l1C';
const APR1 = '$apr1$J.ch0NWX$0RPG2bylq8ZquYS7uSxew/';
const SHA512_CRYPT =
  '$6$BTQ.0gfRjvxemxUX$MNJGJQb9AXOIbipYda7e.QDG6lCd.LBb8VW6aCNQ2Eb0b7OnVa6HsxFPKB3KuYZD2h5jgeXxsj0IIV.NmQhby.';
const ARGON2ID =
  '$argon2id$v=19$m=19456,t=2,p=1$eP0+QUlGozNf8nZYHp5OWw$/95xqNa00+FW/8uscOwIrG+ci3dc7dZlShFMrG6Fsfk';

/**
 * Every peer: its program, how it runs in the foreground, and the ways it can store the password, each with the
 * text that its configuration takes. The first way is what its own manual or tool suggests.
 */
export const PEERS = {
  // By default the first visit of each visitor an hour is written to audit.jsonl, and every refusal.
  innkeeper: innkeeper({ audited: true, visits: 'new', size: '10 MiB' }),
  // The same, and every request is written to audit.jsonl, as the others write their logs: to one file that grows.
  'innkeeper-audit-all': innkeeper({ audited: true, visits: 'all', size: '100 GiB' }),
  // The same, and a new file is begun every 10 MiB, about once a second, and the one before it is compressed.
  'innkeeper-audit-rotated': innkeeper({ audited: true, visits: 'all', size: '10 MiB' }),
  'innkeeper-no-audit': innkeeper({ audited: false, visits: 'new', size: '10 MiB' }),
  nginx: {
    program: 'nginx',
    config: 'nginx.conf',
    arguments: (config, folder) => ['-p', folder, '-c', config, '-e', path.join(folder, 'error.log')],
    passwords: { 'bcrypt 5': BCRYPT_5, apr1: APR1, 'plain text': '{PLAIN}pass' },
    version: ['nginx', '-v'],
  },
  haproxy: {
    program: 'haproxy',
    config: 'haproxy.cfg',
    arguments: (config) => ['-db', '-f', config],
    passwords: { 'SHA-512 crypt': `password ${SHA512_CRYPT}`, 'plain text': 'insecure-password pass' },
    logIsStandardOutput: true,
    version: ['haproxy', '-v'],
  },
  caddy: {
    program: 'caddy',
    config: 'Caddyfile',
    arguments: (config) => ['run', '--config', config, '--adapter', 'caddyfile'],
    passwords: { 'bcrypt 14': BCRYPT_14 },
    version: ['caddy', 'version'],
  },
};

/** Innkeeper with these settings of its audit log. */
function innkeeper(values) {
  return {
    program: INNKEEPER,
    config: 'innkeeper.yaml',
    values,
    arguments: (config) => ['serve', '--config', config],
    passwords: { argon2id: ARGON2ID },
    signIn: signInByForm,
    // Its access.log has SillyTavern's form: a line for each new visitor, not for each request.
    logsVisitors: true,
    version: [INNKEEPER, '--version'],
  };
}

/** What is measured in a case: `{ peer, password? }`, one for each peer and each way it stores the password. */
export function contestants(names, policy) {
  return names.flatMap((peer) =>
    policy === 'basic'
      ? Object.keys(PEERS[peer].passwords).flatMap((password) => waysIn(peer, password))
      : [{ peer, label: peer }],
  );
}

/** The password with every request; and, where there are sessions, the cookie that one sign-in gives. */
function waysIn(peer, password) {
  const each = { peer, password, label: `${peer}, ${password}` };
  return PEERS[peer].signIn ? [each, { ...each, label: `${peer}, session cookie`, session: true }] : [each];
}

/** The header lines with which this contestant is asked; a session is begun for it. */
export async function wayIn(contestant, server, headers) {
  if (!contestant.session) return headers;
  const { Authorization, ...others } = headers;
  const mine = await PEERS[contestant.peer].signIn(server.port);
  return { ...others, Cookie: others.Cookie ? `${others.Cookie}; ${mine}` : mine };
}

/** The header lines that a client of this case sends besides `Host`. */
export function clientHeaders(policy, kind) {
  const headers = kind === 'browser' ? { ...BROWSER } : {};
  if (policy === 'basic') headers.Authorization = CREDENTIALS;
  return headers;
}

const BROWSER = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'http://127.0.0.1/characters/list',
  Cookie: 'session-3f2a=eyJ0b3VjaCI6MTczMjM0NTY3OH0=; session-3f2a.sig=Qk9u1m5x0aYwzVt2',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'same-origin',
};

/** Everything started here that has not been ended; the last resort when the script itself is stopped. */
const running = new Set();
process.on('exit', () => running.forEach((server) => server.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

/** Makes the scratch folder of this run; it is removed when the script ends, however it ends. */
export function scratchFolder() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'innkeeper-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the upstream and returns it once it answers. */
export async function startUpstream(scratch) {
  const body = 'a line of the page that the app behind the gate serves\\n'.repeat(19);
  const server = await start(scratch, 'upstream.conf', { body }, (config, folder) => ({
    program: 'nginx',
    arguments: ['-p', folder, '-c', config, '-e', path.join(folder, 'upstream-error.log')],
  }));
  if ((await ask(server.port)) !== 200) throw new Error('the upstream does not answer');
  return server;
}

/** Starts one contestant in front of `upstream` (a port) and returns it once it lets this client in. */
export async function startPeer(scratch, { peer, password }, upstream, list = LIST) {
  const { program, config, passwords, logIsStandardOutput, arguments: argumentsOf } = PEERS[peer];
  const stored = password && passwords[password];
  const values = { upstream, list, password: stored, ...PEERS[peer].values };
  return start(scratch, config, values, (file, folder) => {
    // The account the workers run under must be able to read the password file at every request.
    if (peer === 'nginx' && stored) writeFileSync(path.join(folder, 'htpasswd'), `user:${stored}\n`, { mode: 0o644 });
    return { program, arguments: argumentsOf(file, folder), logIsStandardOutput };
  });
}

/**
 * Proves that the policy is really on: the right client gets the page, a foreign address 403, and where there is
 * a password, none or a wrong one 401. Throws with the answer that was wrong.
 */
export async function prove(scratch, contestant, upstream) {
  const expect = async (server, wanted, what, headers) => {
    const got = await ask(server.port, headers);
    if (got !== wanted) throw new Error(`${contestant.label} answered ${got} instead of ${wanted} to ${what}`);
  };
  const policy = contestant.password ? 'basic' : 'list';
  const open = await startPeer(scratch, contestant, upstream);
  try {
    await expect(open, 200, 'the right client', clientHeaders(policy));
    if (policy === 'basic') {
      await expect(open, 401, 'no password', {});
      await expect(open, 401, 'a wrong password', { Authorization: WRONG_CREDENTIALS });
    }
  } finally {
    await open.stop();
  }
  const shut = await startPeer(scratch, contestant, upstream, LIST_WITHOUT_US);
  try {
    await expect(shut, 403, 'a foreign address', clientHeaders(policy));
  } finally {
    await shut.stop();
  }
}

/** Fills Innkeeper's form; the cookie that it gives, as a browser sends it back. */
function signInByForm(port) {
  const form = 'username=user&password=pass&next=%2F';
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Origin: `http://127.0.0.1:${port}` };
    const options = { host: '127.0.0.1', port, path: '/.innkeeper/signin', method: 'POST', headers, agent: false };
    const request = http.request({ ...options, timeout: 10_000 });
    request.on('response', (response) => {
      const [cookie] = response.headers['set-cookie'] ?? [];
      response.resume();
      if (cookie) resolve(cookie.split(';')[0]);
      else reject(new Error(`the form gave ${response.statusCode} and no cookie`));
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s'))).on('error', reject).end(form);
  });
}

/** Names of the programs that this machine lacks, of those that `names` and the load need. */
export function missing(names) {
  const needed = ['nginx', 'wrk', ...names.map((name) => PEERS[name].program)];
  return [...new Set(needed)].filter((program) => {
    try {
      execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

// --- one server process ---------------------------------------------------------------------------------------

/** Fills the template into a fresh folder, starts the program there, and waits until its port is open. */
async function start(scratch, template, values, command) {
  for (let attempt = 1; ; attempt += 1) {
    const folder = mkdtempSync(path.join(scratch, 'run-'));
    // nginx's workers leave root and must still get at their files.
    execFileSync('chmod', ['755', scratch, folder]);
    const port = await freePort();
    const file = path.join(folder, template === 'innkeeper.yaml' ? 'config.yaml' : template);
    writeFileSync(file, fill(template, { ...values, port, folder, workers: WORKERS, files: openFiles() }));
    const server = launch(folder, port, command(file, folder));
    try {
      await server.ready();
      return server;
    } catch (error) {
      await server.stop();
      // Between choosing the port and opening it, something else may have taken it.
      if (attempt === 3) throw error;
    }
  }
}

function launch(folder, port, { program, arguments: argv, logIsStandardOutput }) {
  const talk = path.join(folder, 'output.txt');
  const log = path.join(folder, 'access.log');
  const streams = [openSync(logIsStandardOutput ? log : talk, 'a'), openSync(talk, 'a')];
  mkdirSync(path.join(folder, 'home'));
  const home = path.join(folder, 'home');
  const child = spawn(program, argv, {
    cwd: folder,
    stdio: ['ignore', ...streams],
    env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home },
  });
  streams.forEach((stream) => closeSync(stream));
  const ended = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const alive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const server = {
    pid: child.pid,
    port,
    log,
    /** Waits at most 10 s for the port; throws with what the program printed when it gave up. */
    async ready() {
      for (const deadline = Date.now() + 10_000; alive() && Date.now() < deadline; ) {
        if (await isOpen(port)) return;
        await pause(50);
      }
      throw new Error(`${program} did not start:\n${readFileSync(talk, 'utf8').trim().slice(-2000)}`);
    },
    /** Sends a signal to the process and its children, each by its own id. */
    kill(signal) {
      if (!alive()) return;
      for (const pid of processTree(child.pid)) {
        try {
          process.kill(pid, signal);
        } catch {
          // It ended between being listed and being told to.
        }
      }
    },
    /** Ends the process, by force after 5 s, and removes its folder and log. */
    async stop() {
      if (alive()) child.kill('SIGTERM');
      const force = setTimeout(() => server.kill('SIGKILL'), 5000);
      if (child.pid !== undefined) await ended;
      clearTimeout(force);
      running.delete(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  running.add(server);
  return server;
}

/**
 * Fills `{{name}}`, `{{list}}` (all entries) and `{{list[0]}}` (one) into a template. Lines marked `#basic:` become
 * part of it where there is a password.
 */
function fill(template, values) {
  const text = readFileSync(path.join(HERE, 'config', template), 'utf8');
  return text
    .replace(/#basic: ?(.*)/g, (comment, line) => (values.password ? line : ''))
    .replace(/\{\{(\w+)(?:\[(\d)\])?\}\}/g, (hole, name, index) => {
      const value = values[name];
      if (value === undefined) throw new Error(`${template} asks for ${hole}, which has no value`);
      return index === undefined ? [value].flat().join(' ') : value[index];
    });
}

/** The open-files limit that this process passes on to its children. */
export function openFiles() {
  const [, soft] = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m);
  return Number(soft);
}

async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve, reject) => probe.on('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function isOpen(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** The status of one GET over a connection of its own, after its body has been read. */
export function ask(port, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', headers, agent: false, timeout: 10_000 });
    request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode)));
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s'))).on('error', reject);
  });
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// What handshakes cost, and what it does to others when thousands of them do not come to their end. See README.md.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { cpuSeconds, foreignSeconds, residentBytes } from '../proxy/figures.mjs';

const HELP = `Measures TLS handshakes on this machine, on 127.0.0.0/8 only; prints Markdown.

Usage: benches/handshakes/run [OPTIONS]

  --case CASE    hanging, cost, all  [default: all]
  --hanging N    handshakes that are begun and not ended, 1 to 10000  [default: 2000]
  --seconds N    how long they hang, 1 to 60  [default: 15]
  --rounds N     rounds of full handshakes with each server, 1 to 10  [default: 3]

The binary is target/release/innkeeper, or what INNKEEPER names. nginx, haproxy and caddy are measured where they are
installed.`;

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const INNKEEPER = path.resolve(process.env.INNKEEPER ?? path.join(REPOSITORY, 'target/release/innkeeper'));

/** The beginning of a ClientHello that announces 512 bytes more. */
const HALF_HELLO = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(200, 7)]);

/** Seconds of full handshakes in a round, and how long a visitor waits between two requests, in ms. */
const ROUND = 3;
const PAUSE = 5;

if (isMainThread) await main();
else hang(workerData);

async function main() {
  const options = readOptions();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'innkeeper-handshakes-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  makePair(folder);
  console.log(`${os.availableParallelism()} cores, ${os.cpus()[0].model}, Linux ${os.release()}, Node ${process.version}`);
  if (options.case !== 'cost') await hanging(folder, options);
  if (options.case !== 'hanging') await cost(folder, options);
  process.exit(0);
}

/** What two visitors get to feel before, while and after many hang: one stays connected, one comes anew each time. */
async function hanging(folder, { hanging: count, seconds }) {
  const server = await innkeeper(folder);
  const rows = [];
  const phase = async (name, length) => {
    const [cpu, foreign] = [spent(server.pid), foreignSeconds()];
    const [kept, fresh] = await Promise.all([stay(server.port, length), comeAnew(server.port, length)]);
    const cores = os.availableParallelism();
    const share = (time) => `${((100 * time) / length / cores).toFixed(0)} %`;
    rows.push({
      name, kept, fresh, descriptors: descriptors(server.pid), rss: residentBytes(server.pid).rss,
      cpu: share(spent(server.pid) - cpu), others: share(foreignSeconds() - foreign),
    });
  };
  await phase('before', 3);
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: server.port, count } });
  const answer = () => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await answer();
  await phase(`${count} hang`, seconds);
  worker.postMessage('go');
  const { still, again } = await answer();
  await until(() => descriptors(server.pid) < count / 2, 'the descriptors to come back');
  await phase('after', 3);
  await server.stop();
  console.log(`\n### ${count} handshakes that are not ended, for ${seconds} s\n`);
  console.log(`${still} of them hung at the end; ${again} were begun again after the server had given them up.\n`);
  console.log('| phase | requests | p50 ms | p99 ms | worst ms | with a handshake | p50 ms | p99 ms | worst ms | descriptors | RSS MiB | CPU of the server | others |');
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|');
  const figures = (times) => [50, 99, 100].map((share) => percentile(times, share).toFixed(2)).join(' | ');
  for (const { name, kept, fresh, descriptors: held, rss, cpu, others } of rows) {
    const ends = `${held} | ${(rss / 2 ** 20).toFixed(1)} | ${cpu} | ${others}`;
    console.log(`| ${name} | ${kept.length} | ${figures(kept)} | ${fresh.length} | ${figures(fresh)} | ${ends} |`);
  }
}

/** Full handshakes, one after the other, with each server in turn: how much CPU time one costs it. */
async function cost(folder, { rounds }) {
  const peers = [];
  for (const start of [innkeeper, nginx, haproxy, caddy]) {
    const peer = await start(folder);
    if (peer !== undefined) peers.push({ ...peer, count: 0, cpu: 0, costs: [] });
  }
  const foreign = foreignSeconds();
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      const before = spent(peer.pid);
      const { stdout } = await promisify(execFile)(
        'openssl',
        ['s_time', '-connect', `127.0.0.1:${peer.port}`, '-new', '-tls1_3', '-time', String(ROUND)],
        { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } },
      );
      const count = Number(/^(\d+) connections in \d+ real seconds/m.exec(stdout)?.[1]);
      if (!(count > 0)) throw new Error(`${peer.name}: ${stdout}`);
      peer.count += count;
      peer.costs.push(((spent(peer.pid) - before) * 1e6) / count);
    }
  }
  const share = (100 * (foreignSeconds() - foreign)) / ((performance.now() - began) / 1000) / os.availableParallelism();
  for (const peer of peers) await peer.stop();
  console.log(`\n### Full handshakes, TLS 1.3, ECDSA P-256, ${rounds} rounds of ${ROUND} s each\n`);
  console.log(`${share.toFixed(0)} % of the machine taken by others and by the client.\n`);
  console.log('| server | handshakes | CPU time of the server per handshake, us (median of the rounds) |\n|---|---|---|');
  for (const { name, count, costs } of peers) {
    console.log(`| ${name} | ${count} | ${percentile(costs, 50).toFixed(0)} |`);
  }
}

/** Requests on one connection, one after the other; their times in ms. */
async function stay(port, seconds) {
  const socket = await connect(port);
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const began = performance.now();
    await ask(socket);
    times.push(performance.now() - began);
    await pause(PAUSE);
  }
  socket.destroy();
  return times;
}

/** The same, each with a handshake of its own. */
async function comeAnew(port, seconds) {
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const began = performance.now();
    const socket = await connect(port);
    await ask(socket);
    times.push(performance.now() - began);
    socket.destroy();
    await pause(PAUSE);
  }
  return times;
}

/** In a thread of its own: so many connect, say nothing, one byte, or half of a beginning, and begin again when cut. */
function hang({ port, count }) {
  const words = [undefined, HALF_HELLO.subarray(0, 1), HALF_HELLO];
  const sockets = new Set();
  let [connected, again, over] = [0, 0, false];
  const begin = (number) => {
    const localAddress = `127.1.${Math.floor(number / 250)}.${(number % 250) + 1}`;
    const socket = net.connect({ host: '127.0.0.1', port, localAddress });
    sockets.add(socket);
    socket.on('connect', () => {
      if (words[number % 3] !== undefined) socket.write(words[number % 3]);
      if (++connected === count) parentPort.postMessage('all');
    });
    socket.resume().on('error', () => {}).on('close', () => {
      sockets.delete(socket);
      if (over) return;
      again += 1;
      begin(number);
    });
  };
  for (let number = 0; number < count; number++) begin(number);
  parentPort.once('message', () => {
    over = true;
    parentPort.postMessage({ still: sockets.size, again });
    for (const socket of sockets) socket.destroy();
  });
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false };
    const socket = tls.connect(options, () => resolve(socket.off('error', reject)));
    socket.setNoDelay(true).on('error', reject);
  });
}

/** One request; ready with the answer's last byte. */
function ask(socket) {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (piece) => {
      text += piece;
      const found = /^HTTP\/1.1 200 [^]*?content-length: (\d+)[^]*?\r\n\r\n/i.exec(text);
      if (found === null || text.length < found[0].length + Number(found[1])) return;
      socket.off('data', read).off('error', reject).off('end', cut);
      resolve();
    };
    const cut = () => reject(new Error(`cut off after ${text}`));
    socket.on('data', read).on('error', reject).on('end', cut);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
}

function makePair(folder) {
  const at = (name) => path.join(folder, name);
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', at('key.pem'), '-out', at('cert.pem'),
  ], { stdio: 'ignore' });
  writeFileSync(at('both.pem'), readFileSync(at('cert.pem'), 'utf8') + readFileSync(at('key.pem'), 'utf8'));
}

/** A server with nothing behind it. */
async function innkeeper(folder) {
  const settings = 'port: 0\nwhitelist: [127.0.0.0/8]\nssl: {enabled: true, certPath: cert.pem, keyPath: key.pem}\n';
  writeFileSync(path.join(folder, 'config.yaml'), settings);
  const server = run('Innkeeper', INNKEEPER, ['serve'], folder);
  let said = '';
  server.child.stdout.setEncoding('utf8').on('data', (text) => { said += text; });
  await until(() => /Who may come in/.test(said), 'Innkeeper');
  return { ...server, port: Number(/listening on IPv4: .*:(\d+)\n/.exec(said)[1]) };
}

async function nginx(folder) {
  const port = 18_443;
  writeFileSync(path.join(folder, 'nginx.conf'), `worker_processes auto; daemon off; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http { access_log off; server { listen 127.0.0.1:${port} ssl; ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3; location / { return 200 ok; } } }`);
  return other('nginx', 'nginx', ['-c', path.join(folder, 'nginx.conf'), '-p', folder], folder, port);
}

async function haproxy(folder) {
  const port = 18_444;
  writeFileSync(path.join(folder, 'haproxy.cfg'), `global
  maxconn 4096
defaults
  mode http
  timeout client 60s
  timeout http-request 10s
frontend f
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem alpn h2,http/1.1
  http-request return status 200 content-type text/plain string ok
`);
  return other('HAProxy', 'haproxy', ['-f', path.join(folder, 'haproxy.cfg')], folder, port);
}

async function caddy(folder) {
  const port = 18_445;
  writeFileSync(path.join(folder, 'Caddyfile'), `{
  admin off
  auto_https off
}
https://localhost:${port}, https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls ${folder}/cert.pem ${folder}/key.pem
  respond ok
}
`);
  return other('Caddy', 'caddy', ['run', '--config', path.join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], folder, port);
}

/** Another server, if it is installed and starts. */
async function other(name, program, args, folder, port) {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const server = run(name, program, args, folder);
  const open = () => new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port }, () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => resolve(false));
  });
  await until(open, name);
  return { ...server, port };
}

function run(name, program, args, cwd) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, HOME: cwd } });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([ended, pause(5000)]);
    kill();
    process.off('exit', kill);
  };
  return { name, child, pid: child.pid, stop };
}

async function until(holds, what) {
  const end = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
}

function readOptions() {
  const text = { type: 'string' };
  const options = { case: text, hanging: text, seconds: text, rounds: text, help: { type: 'boolean' } };
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
  if (!['hanging', 'cost', 'all'].includes(values.case ?? 'all')) throw new Error('--case: hanging, cost, all');
  return {
    case: values.case ?? 'all',
    hanging: number('hanging', 2000, 1, 10_000),
    seconds: number('seconds', 15, 1, 60),
    rounds: number('rounds', 3, 1, 10),
  };
}

function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function spent(pid) {
  const { user, system } = cpuSeconds(pid);
  return user + system;
}

function percentile(values, share) {
  const sorted = [...values].sort((one, another) => one - another);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))];
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

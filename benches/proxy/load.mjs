// The two kinds of load: wrk at full speed, and many connections that have been served once and then say nothing.

import { spawn } from 'node:child_process';
import http from 'node:http';
import { createReadStream } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = path.join(path.dirname(fileURLToPath(import.meta.url)), 'load.lua');

/** Connections of wrk. */
export const CONNECTIONS = 64;

/** Source addresses of the idle connections: the ports of one would get tight. */
const SOURCES = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];

/**
 * Drives `port` with wrk for some seconds. Returns its own figures: requests, seconds, p50 and p99 in
 * microseconds. Throws if one answer was not a success, as the comparison would mean nothing then.
 */
export async function drive(port, seconds, headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const url = `http://127.0.0.1:${port}/`;
  const wrk = spawn('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--timeout', '10s', '-s', SCRIPT, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_HEADERS: lines.join('\n') },
    timeout: (seconds + 30) * 1000,
  });
  const endWithUs = () => wrk.kill('SIGKILL');
  process.on('exit', endWithUs);
  let output = '';
  wrk.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => wrk.on('close', resolve).on('error', reject));
  process.off('exit', endWithUs);
  const report = output.split('\n').find((line) => line.startsWith('{'));
  if (code !== 0 || report === undefined) throw new Error(`wrk failed (${code}):\n${output}`);
  const figures = JSON.parse(report);
  if (figures.refused + figures.broken > 0 || figures.requests === 0) {
    throw new Error(`not every request was served: ${report}`);
  }
  return { ...figures, seconds: figures.microseconds / 1e6 };
}

/** An upstream for the idle connections, in this process, so that it shares no page with a peer. */
export async function quietUpstream() {
  const server = http.createServer((request, response) => response.end('x'.repeat(1024)));
  server.keepAliveTimeout = 600_000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return {
    port: server.address().port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Opens `count` connections, has one request served on each, and keeps them open. `open()` tells how many still
 * are; `close()` ends them.
 */
export async function holdIdle(port, count, headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('')}\r\n`;
  const held = [];
  const visitor = async () => {
    while (held.length < count) {
      const socket = net.connect({ port, host: '127.0.0.1', localAddress: SOURCES[held.length % SOURCES.length] });
      held.push(socket);
      await servedOnce(socket, request);
    }
  };
  const close = () => held.forEach((socket) => socket.destroy());
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, visitor));
  } catch (error) {
    close();
    throw error;
  }
  return { open: () => held.filter((socket) => socket.readyState === 'open').length, close };
}

/** Lines in a log file. */
export async function countLines(file) {
  let lines = 0;
  for await (const chunk of createReadStream(file)) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return lines;
}

/** Sends the request and resolves once its whole answer is there; rejects on anything but a 200. */
function servedOnce(socket, request) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const fail = (why) => reject(new Error(`an idle connection was not served: ${why}`));
    const onClose = () => fail(`closed after ${answer.length} bytes`);
    socket.setTimeout(10_000, () => fail('no answer within 10 s'));
    socket.on('error', (error) => fail(error.message)).on('close', onClose);
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      if (head === -1) return;
      if (!answer.startsWith('HTTP/1.1 200')) return fail(answer.slice(0, 40));
      if (!isWhole(answer, head)) return;
      socket.setTimeout(0);
      socket.removeAllListeners('data').off('close', onClose).resume();
      resolve();
    });
  });
}

function isWhole(answer, head) {
  const length = answer.slice(0, head).match(/^content-length: *(\d+)/im);
  return length ? answer.length >= head + 4 + Number(length[1]) : answer.endsWith('0\r\n\r\n');
}

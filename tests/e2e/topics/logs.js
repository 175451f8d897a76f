// The logs with the programs that read them: GoAccess and fail2ban, both from Debian; and on a disk that is full.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd, temporaryFolder } from '../support/cleanup.js';
import { startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';

const filter = fileURLToPath(new URL('../../../default/fail2ban/innkeeper.conf', import.meta.url));

/** What would be another line, another field or another address, were it written as it was sent. */
const hostile = [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    '"quoted" \\ and \\" escaped',
    '" 200 1 "-" "',
    '","event":"failure","verdict":"failed","reason":"wrong-password","client":"203.0.113.66","x":"',
    '{"time":"2026-11-23T10:57:38.123Z","event":"failure","verdict":"failed","reason":"wrong-password","client":"203.0.113.66"}',
    '\u00e9\u009b31m',
    'a'.repeat(9000),
];

/** An application that answers everything. */
async function startApp() {
    const server = http.createServer((request, response) => response.end('hello'));
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => server.close());
    return `http://127.0.0.1:${server.address().port}`;
}

/** The status of one request. */
function ask(port, { path: target = '/', method = 'GET', headers = {}, localAddress = '127.0.0.1' } = {}) {
    return new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path: target, method, headers, localAddress, agent: false };
        const request = http.request(options, response => response.resume().on('end', () => resolve(response.statusCode)));
        request.on('error', reject).end();
    });
}

/** Everything that Innkeeper wrote about visits of all kinds; it has ended. */
async function visited(settings = {}) {
    const folder = temporaryFolder('logs');
    const [audit, combined] = ['audit.jsonl', 'combined.log'].map(name => path.join(folder, name));
    const basic = { basicAuthMode: true, basicAuthUser: { username: 'ann', password: 'hunter2' } };
    const gate = await startInnkeeper({
        upstream: await startApp(),
        settings: {
            listen: true,
            listenAddress: { ipv4: '127.0.0.1' },
            protocol: { ipv6: false },
            ...basic,
            innkeeper: { audit: { path: audit, combined, visits: 'all' } },
            ...settings,
        },
    });
    const right = `Basic ${Buffer.from('ann:hunter2').toString('base64')}`;
    const wrong = `Basic ${Buffer.from('ann:wrong').toString('base64')}`;
    let requests = 0;
    for (const agent of hostile) {
        for (const headers of [{ Authorization: right }, {}]) {
            await ask(gate.port, { headers: { ...headers, 'User-Agent': agent }, path: `/${encodeURI(agent.slice(0, 400))}?q=1` });
            requests += 1;
        }
        await ask(gate.port, { localAddress: '127.0.0.9', headers: { 'User-Agent': agent } });
        requests += 1;
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        await ask(gate.port, { method, headers: { Authorization: right }, path: '/a"b\\c' });
        requests += 1;
    }
    await ask(gate.port, { headers: { Authorization: wrong, 'User-Agent': hostile[4] } });
    await gate.stop();
    return { audit, combined, requests: requests + 1, folder };
}

test('GoAccess takes every line of the combined log', patience, async () => {
    const { combined, requests, folder } = await visited();
    const report = path.join(folder, 'report.json');
    execFileSync('goaccess', [combined, '--log-format=COMBINED', '--no-progress', '--no-global-config', '-o', report], { stdio: 'pipe' });
    const { general } = JSON.parse(readFileSync(report, 'utf8'));
    assert.deepEqual([general.total_requests, general.valid_requests, general.failed_requests], [requests, requests, 0]);
});

test('fail2ban finds those who are refused and nobody whom they invent', patience, async () => {
    const { audit } = await visited();
    const found = execFileSync('fail2ban-regex', ['-o', 'ip', audit, filter], { encoding: 'utf8' }).trim().split('\n');
    // 127.0.0.9 is not listed; 127.0.0.1 gave one wrong password, and is not counted for having come without one.
    assert.deepEqual([...new Set(found)].sort(), ['127.0.0.1', '127.0.0.9']);
    assert.equal(found.filter(address => address === '127.0.0.1').length, 1);
});

const isRoot = process.getuid?.() === 0;

test('a full disk stops no visit, and the log says how many it lacks', { ...patience, skip: !isRoot && 'needs root' }, async t => {
    const folder = temporaryFolder('disk');
    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'pipe' });
    } catch {
        return t.skip('needs the right to mount');
    }
    atEnd(() => execFileSync('umount', ['--lazy', folder]));
    const audit = path.join(folder, 'audit.jsonl');
    const filler = path.join(folder, 'filler');
    writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024 - 64 * 1024));
    const gate = await startInnkeeper({
        upstream: await startApp(),
        settings: { innkeeper: { audit: { path: audit, visits: 'all' } } },
    });
    const agent = 'a'.repeat(400);
    const until = async wanted => {
        for (let count = 0; !gate.said().includes(wanted); count += 1) {
            assert.ok(count < 5000, `it did not say ${wanted}:\n${gate.said()}`);
            assert.equal(await ask(gate.port, { headers: { 'User-Agent': agent } }), 200);
        }
    };
    await until('No space left on device');
    rmSync(filler);
    await until('is written again');
    await gate.stop();
    const events = readFileSync(audit, 'utf8').trimEnd().split('\n').map(line => JSON.parse(line));
    const gaps = events.filter(({ event }) => event === 'gap');
    assert.ok(gaps.length >= 1 && gaps[0].lost > 0, JSON.stringify(gaps));
    assert.match(gaps[0].why, /No space left/);
});

// The certificate of `innkeeper cert create`, as openssl, curl, NSS and Chromium see it.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { launchChromium } from '../support/browser.js';
import { lazily, temporaryFolder } from '../support/cleanup.js';
import { runInnkeeper, startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { writeYaml } from '../support/sillytavern.js';
import { upstream } from '../support/upstream.js';

/** The name that is given besides those of this machine. It resolves nowhere: every client is told where it is. */
const name = 'tavern.lan';

/** The folder of an authority and its certificate, made by the command. */
const made = lazily(() => {
    const folder = temporaryFolder('authority');
    const settings = path.join(folder, 'config.yaml');
    writeFileSync(settings, writeYaml({ listen: false, port: 0, ssl: { enabled: false } }));
    runInnkeeper(['cert', 'create', '--apply', '--host', name, '--config', settings]);
    const facts = JSON.parse(runInnkeeper(['cert', 'trust', '--json', '--config', settings]));
    const file = base => path.join(folder, 'certs', base);
    return {
        facts,
        authority: file('authority.pem'),
        authorityKey: file('authority.key'),
        certificate: file('cert.pem'),
        ssl: { enabled: true, certPath: file('cert.pem'), keyPath: file('privkey.pem') },
    };
});

const serving = lazily(async () => {
    const app = await upstream();
    const { ssl } = await made();
    return startInnkeeper({ upstream: app.origin, scheme: 'https', settings: { ssl } });
});

/** Runs a program; returns its exit code and all that it printed. */
function run(program, words) {
    const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8' });
    if (error) throw error;
    return { status, said: stdout + stderr };
}

/** A certificate for `names`, signed with the authority's key as a thief of it would. */
async function forged(names) {
    const { authority, authorityKey } = await made();
    const folder = temporaryFolder('forged');
    const file = base => path.join(folder, base);
    writeFileSync(file('extensions'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n`);
    const request = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=forged'];
    assert.equal(run('openssl', [...request, '-keyout', file('key.pem'), '-out', file('request.pem')]).status, 0);
    const sign = ['x509', '-req', '-in', file('request.pem'), '-CA', authority, '-CAkey', authorityKey, '-CAcreateserial'];
    const { status, said } = run('openssl', [...sign, '-days', '30', '-extfile', file('extensions'), '-out', file('cert.pem')]);
    assert.equal(status, 0, said);
    return file('cert.pem');
}

test('openssl takes the certificate for its names, and none for names outside of the bounds', patience, async () => {
    const { authority, certificate } = await made();
    const verify = (file, ...more) => run('openssl', ['verify', '-x509_strict', '-CAfile', authority, '-purpose', 'sslserver', ...more, file]);
    for (const asked of [['-verify_ip', '127.0.0.1'], ['-verify_ip', '::1'], ['-verify_hostname', 'localhost'], ['-verify_hostname', name]]) {
        const { status, said } = verify(certificate, ...asked);
        assert.equal(status, 0, said);
    }
    assert.match(verify(certificate, '-verify_hostname', 'bank.example').said, /hostname mismatch/);

    // Without the strictness that wants identifiers, which openssl does not write by itself.
    const believed = file => run('openssl', ['verify', '-CAfile', authority, '-purpose', 'sslserver', file]);
    for (const names of ['DNS:other.lan', `DNS:deep.${name}`, 'IP:192.168.7.7', 'IP:fd00::7', 'DNS:desk.home.arpa']) {
        const { status, said } = believed(await forged(names));
        assert.equal(status, 0, `${names}: ${said}`);
    }
    for (const names of ['DNS:bank.example', 'DNS:lan.example', 'DNS:xlan', 'IP:203.0.113.7', 'IP:2001:db8::7', 'DNS:localhost,DNS:bank.example']) {
        const { status, said } = believed(await forged(names));
        assert.equal(status, 2, `${names}: ${said}`);
        assert.match(said, /permitted subtree violation/, names);
    }
});

test('NSS, the library of Firefox, takes the certificate and none outside of the bounds', patience, async () => {
    const { authority, certificate } = await made();
    const database = `sql:${temporaryFolder('nss')}`;
    const certutil = (...words) => run('certutil', ['-d', database, ...words]);
    assert.equal(certutil('-N', '--empty-password').status, 0);
    assert.equal(certutil('-A', '-n', 'authority', '-t', 'C,,', '-a', '-i', authority).status, 0);
    for (const [file, expected] of [
        [certificate, 'certutil: certificate is valid'],
        [await forged('DNS:other.lan,IP:192.168.7.7'), 'certutil: certificate is valid'],
        [await forged('DNS:bank.example'), 'is not permitted to issue a certificate with this name'],
        [await forged('IP:203.0.113.7'), 'is not permitted to issue a certificate with this name'],
    ]) {
        assert.equal(certutil('-A', '-n', 'leaf', '-t', ',,', '-a', '-i', file).status, 0);
        const { said } = certutil('-V', '-n', 'leaf', '-u', 'V', '-e');
        assert.ok(said.includes(expected), `${file}: ${said}`);
        assert.equal(certutil('-D', '-n', 'leaf').status, 0);
    }
});

test('curl takes it by address and by name with the authority, and not without', patience, async () => {
    const { authority } = await made();
    const { port } = await serving();
    const curl = async (...words) => {
        const child = spawn('curl', ['--silent', '--show-error', '--max-time', '60', '--output', '/dev/null', '--write-out', '%{http_code}', ...words]);
        let said = '';
        child.stdout.on('data', chunk => (said += chunk));
        const [status] = await once(child, 'close');
        return { status, said };
    };
    const named = [`--resolve`, `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`];
    for (const where of [[`https://127.0.0.1:${port}/`], named]) {
        assert.deepEqual(await curl('--cacert', authority, ...where), { status: 0, said: '200' });
        // 60: the certificate of the peer cannot be authenticated.
        assert.equal((await curl(...where)).status, 60);
    }
});

test('the trust page and what it offers come in clear, on the port that speaks https', patience, async () => {
    const { facts, authority } = await made();
    const { port } = await serving();
    const trust = `http://127.0.0.1:${port}/.innkeeper/trust`;
    const page = await (await fetch(trust, { headers: { accept: 'application/json' } })).json();
    assert.equal(page.authority, facts.name);
    assert.equal(page.fingerprint.replaceAll(' ', ''), facts.sha256.replaceAll(':', ''));
    for (const [file, form] of [
        ['authority.crt', 'DER'],
        ['authority.pem', 'PEM'],
    ]) {
        const downloaded = path.join(temporaryFolder('download'), file);
        writeFileSync(downloaded, Buffer.from(await (await fetch(`${trust}/${file}`)).arrayBuffer()));
        const { said } = run('openssl', ['x509', '-inform', form, '-noout', '-fingerprint', '-sha256', '-in', downloaded]);
        assert.equal(said.trim(), `sha256 Fingerprint=${facts.sha256}`);
    }
    const profile = await (await fetch(`${trust}/innkeeper.mobileconfig`)).text();
    const [, body] = /<data>\n([^<]*)<\/data>/.exec(profile);
    assert.ok(readFileSync(authority, 'utf8').includes(body));
    assert.equal((await fetch(`${trust}/authority.key`, { redirect: 'manual' })).status, 308);
});

/** A Chromium with a home of its own, whose list of authorities holds `authorities`; closed when test `t` is over. */
async function chromiumWith(t, authorities) {
    const home = temporaryFolder('home');
    const folder = path.join(home, '.pki', 'nssdb');
    mkdirSync(folder, { recursive: true });
    assert.equal(run('certutil', ['-d', `sql:${folder}`, '-N', '--empty-password']).status, 0);
    for (const authority of authorities) {
        const add = ['-A', '-n', 'Innkeeper', '-t', 'C,,', '-a', '-i', authority];
        assert.equal(run('certutil', ['-d', `sql:${folder}`, ...add]).status, 0);
    }
    const browser = await launchChromium({ env: { ...process.env, HOME: home }, args: [`--host-resolver-rules=MAP ${name} 127.0.0.1`] });
    t.after(() => browser.close());
    return browser;
}

for (const host of ['127.0.0.1', name]) {
    test(`Chromium that trusts the authority calls https://${host} secure, WebSockets too`, patience, async t => {
        const { authority, facts } = await made();
        const { port } = await serving();
        const browser = await chromiumWith(t, [authority]);
        const page = await browser.newPage();
        const session = await page.context().newCDPSession(page);
        const states = [];
        session.on('Security.visibleSecurityStateChanged', event => states.push(event.visibleSecurityState));
        await session.send('Security.enable');

        const response = await page.goto(`https://${host}:${port}/`);
        assert.equal(response.status(), 200);
        const details = await response.securityDetails();
        assert.equal(details.issuer, facts.name);
        assert.equal(details.protocol, 'TLS 1.3');
        await page.waitForFunction(() => document.readyState === 'complete');
        assert.equal(await page.evaluate(() => globalThis.isSecureContext), true);
        // What the address bar goes by.
        const state = states.at(-1);
        assert.equal(state.securityState, 'secure');
        assert.equal(state.certificateSecurityState.certificateNetworkError, undefined);

        const echoed = await page.evaluate(
            () =>
                new Promise((resolve, reject) => {
                    const socket = new WebSocket(`wss://${location.host}/socket`);
                    socket.onopen = () => socket.send('is it safe?');
                    socket.onmessage = event => resolve(event.data);
                    socket.onerror = () => reject(new Error('the WebSocket did not open'));
                }),
        );
        assert.equal(echoed, 'is it safe?');
    });
}

test('Chromium that does not trust the authority refuses', patience, async t => {
    const { port } = await serving();
    const page = await (await chromiumWith(t, [])).newPage();
    for (const host of ['127.0.0.1', name]) {
        await assert.rejects(page.goto(`https://${host}:${port}/`), /net::ERR_CERT_AUTHORITY_INVALID/);
    }
});

test('a renewed certificate is trusted as the one before, by devices that trust the authority', patience, async () => {
    const { authority, certificate } = await made();
    const settings = path.join(path.dirname(certificate), '..', 'config.yaml');
    const before = readFileSync(certificate);
    runInnkeeper(['cert', 'create', '--host', 'second.lan', '--config', settings]);
    assert.notDeepEqual(readFileSync(certificate), before);
    const verified = run('openssl', ['verify', '-CAfile', authority, '-verify_hostname', 'second.lan', certificate]);
    assert.equal(verified.status, 0, verified.said);
});

// Starts the real `innkeeper serve` on a port that the system chooses, and reads that port from its own announcement.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd, endProcess, lazily, plainEnvironment, temporaryFolder } from './cleanup.js';
import { within } from './patience.js';
import { writeYaml } from './sillytavern.js';

const built = fileURLToPath(new URL('../../../target/release/innkeeper', import.meta.url));
const program = process.env.INNKEEPER ? path.resolve(process.env.INNKEEPER) : built;
const announcement = /Innkeeper is listening on IPv4: 127\.0\.0\.1:(\d+)/;

/** Both ways in; the tests of what travels through Innkeeper run once for each. Chromium speaks HTTP/2 over https. */
export const schemes = ['http', 'https'];

/**
 * A running Innkeeper in front of `upstream` that lets in the addresses of `whitelist` alone; `settings` are added to its file.
 * Returns its `origin` and `port`, `said()` for everything it printed, `nextReading()` and `stop()`.
 */
export async function startInnkeeper({ upstream, scheme = 'http', whitelist = ['127.0.0.1'], settings: more = {} }) {
    if (!existsSync(program)) throw new Error(`no Innkeeper at \`${program}\`: run \`cargo build --release\` or set INNKEEPER`);
    const folder = temporaryFolder('gate');
    const settings = path.join(folder, 'config.yaml');
    const ssl = scheme === 'https' ? { enabled: true, ...certificate() } : { enabled: false };
    writeFileSync(settings, writeYaml({ listen: false, port: 0, whitelistMode: true, whitelist, ssl, ...more }));

    const child = spawn(program, ['serve', '--config', settings, '--upstream', upstream], {
        cwd: folder,
        env: plainEnvironment(),
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stop = () => endProcess(child);
    atEnd(stop);

    let said = '';
    const announced = new Promise((resolve, reject) => {
        const listen = chunk => {
            said += chunk;
            const found = announcement.exec(said);
            if (found) resolve(Number(found[1]));
        };
        child.stdout.setEncoding('utf8').on('data', listen);
        child.stderr.setEncoding('utf8').on('data', listen);
        child.once('error', reject);
        child.once('close', code => reject(new Error(`Innkeeper left with ${code} before it listened. It said:\n${said}`)));
    });
    const port = await within('Innkeeper announces its port', announced);
    return {
        origin: `${scheme}://127.0.0.1:${port}`,
        port,
        said: () => said,
        /** When it has read its settings and accounts again, which then count. Call it before what changes them. */
        nextReading() {
            const from = said.length;
            return new Promise(resolve => {
                const listen = () => said.includes('the settings were read again', from) && resolve();
                child.stdout.on('data', listen);
                child.stderr.on('data', listen);
            });
        },
        stop,
    };
}

/** Runs a command of Innkeeper that has to succeed, with `input` on its standard input; returns what it printed. */
export function runInnkeeper(words, input = '') {
    const { status, stdout, stderr } = spawnSync(program, words, { env: plainEnvironment(), input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`innkeeper ${words.join(' ')} left with ${status}: ${stderr}`);
    return stdout;
}

const certificate = lazily(() => {
    const folder = temporaryFolder('certificate');
    const certPath = path.join(folder, 'cert.pem');
    const keyPath = path.join(folder, 'key.pem');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', ...key, ...names, '-days', '2', '-out', certPath], { stdio: 'pipe' });
    return { certPath, keyPath };
});

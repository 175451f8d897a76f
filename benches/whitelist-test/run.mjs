// Runs Innkeeper and grepcidr over the same two files in turn and prints Markdown tables; see README.md.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const options = {
    binary: { type: 'string', default: path.join(root, 'target/release/innkeeper') },
    addresses: { type: 'string', default: '10000000' },
    entries: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' },
    starts: { type: 'string', default: '60' },
    config: { type: 'string', default: path.join(root, 'tests/e2e/node_modules/sillytavern/default/config.yaml') },
    folder: { type: 'string' },
    help: { type: 'boolean', default: false },
};
const { values } = parseArgs({ options });
if (values.help) {
    console.log(`run [--binary FILE] [--addresses N] [--entries N] [--rounds N] [--starts N] [--config FILE] [--folder DIR]
  --config  the settings for the time of a start; SillyTavern's default file where it is installed, else Innkeeper's
  --folder  keeps the files made there, and uses those that are there already`);
    process.exit(0);
}
const [addresses, entries, rounds, starts] =
    [values.addresses, values.entries, values.rounds, values.starts].map(Number);
const folder = values.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'whitelist-test-'));
fs.mkdirSync(folder, { recursive: true });
const file = (name) => path.join(folder, name);

try {
    make();
    agree();
    compare();
    start();
} finally {
    if (!values.folder) fs.rmSync(folder, { recursive: true });
}

/** The same numbers in each run: mulberry32. */
function* numbers(seed) {
    for (;;) {
        seed = (seed + 0x6d2b79f5) >>> 0;
        let t = seed;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        yield (t ^ (t >>> 14)) >>> 0;
    }
}

function text(number) {
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

/** Six of ten entries are one address, the others networks of 4 to 256; half the addresses lie in one of them. */
function make() {
    const random = numbers(20260719);
    const next = () => random.next().value;
    const list = Array.from({ length: entries }, () => {
        const bits = next() % 10 < 6 ? 32 : 24 + (next() % 7);
        const mask = bits === 32 ? 0xffffffff : ~(0xffffffff >>> bits);
        return [(next() & mask) >>> 0, bits];
    });
    fs.writeFileSync(file('config.yaml'), 'listen: true\nwhitelistMode: true\nwhitelistDockerHosts: false\n');
    const lines = list.map(([first, bits]) => (bits === 32 ? text(first) : `${text(first)}/${bits}`));
    fs.writeFileSync(file('whitelist.txt'), lines.join('\n') + '\n');
    const target = file(`addresses-${addresses}-${entries}.txt`);
    if (!fs.existsSync(target)) {
        const handle = fs.openSync(target, 'w');
        for (let done = 0; done < addresses;) {
            const part = [];
            for (; part.length < 100000 && done < addresses; done += 1) {
                if (next() & 1) {
                    const [first, bits] = list[next() % entries];
                    part.push(text(bits === 32 ? first : (first | (next() & (0xffffffff >>> bits))) >>> 0));
                } else {
                    part.push(text(next()));
                }
            }
            fs.writeSync(handle, part.join('\n') + '\n');
        }
        fs.closeSync(handle);
    }
    fs.copyFileSync(target, file('addresses.txt'));
}

function innkeeper(...words) {
    return [values.binary, 'whitelist', 'test', '--config', file('config.yaml'), ...words];
}

/** Both let in the same lines. */
function agree() {
    const run = (words) => spawnSync(words[0], words.slice(1), { maxBuffer: 2 ** 31, encoding: 'latin1' });
    const theirs = run(['grepcidr', '-f', file('whitelist.txt'), file('addresses.txt')]).stdout;
    const ours = run(innkeeper('--file', file('addresses.txt'), '--only', 'allowed')).stdout;
    const addressesOf = ours.replace(/^allowed\t([^\t]*)\t.*$/gm, '$1');
    if (theirs !== addressesOf || theirs === '') throw new Error('they do not let in the same addresses');
    console.log(`${addresses} addresses, ${entries} entries, ${theirs.split('\n').length - 1} let in by both\n`);
}

/** Wall clock, user and system time of a process in seconds, its output thrown away, or through a pipe. */
function timed(words, { piped = false } = {}) {
    const command = words.map((word) => `'${word}'`).join(' ');
    const script = `TIMEFORMAT='%3R %3U %3S'; time ${command} ${piped ? '| cat > /dev/null' : '> /dev/null'}`;
    const { stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    const [wall, user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
    return { wall, cpu: user + system };
}

function median(list) {
    return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

/** In turn, so that whatever else the machine does hits all alike. */
function compare() {
    const theirs = ['grepcidr', '-f', file('whitelist.txt'), file('addresses.txt')];
    const list = file('addresses.txt');
    const cases = [
        ['grepcidr -c', ['grepcidr', '-c', ...theirs.slice(1)]],
        ['innkeeper --only allowed --count', innkeeper('--file', list, '--only', 'allowed', '--count')],
        ['grepcidr', theirs],
        ['innkeeper --only allowed', innkeeper('--file', list, '--only', 'allowed')],
        ['innkeeper, every verdict', innkeeper('--file', list)],
        ['innkeeper, every verdict, through a pipe', innkeeper('--file', list), { piped: true }],
    ];
    const times = cases.map(() => []);
    for (let round = 0; round < rounds; round += 1) {
        cases.forEach(([, words, how], index) => times[index].push(timed(words, how)));
    }
    const figures = times.map((runs) => ({
        wall: median(runs.map((run) => run.wall)),
        cpu: median(runs.map((run) => run.cpu)),
        best: Math.min(...runs.map((run) => run.wall)),
    }));
    console.log('| command | wall s | best s | CPU s | ns an address | times as fast as grepcidr |');
    console.log('|---|---|---|---|---|---|');
    figures.forEach(({ wall, best, cpu }, index) => {
        const base = figures[index < 2 ? 0 : 2].wall;
        const cells = [wall.toFixed(3), best.toFixed(3), cpu.toFixed(3), ((wall / addresses) * 1e9).toFixed(0), (base / wall).toFixed(1)];
        console.log(`| ${cases[index][0]} | ${cells.join(' | ')} |`);
    });
}

/** The whole process for one address, with settings of the usual size. */
function start() {
    const usual = fs.existsSync(values.config) ? values.config : path.join(root, 'default/config.yaml');
    fs.mkdirSync(file('usual'), { recursive: true });
    fs.copyFileSync(usual, file('usual/config.yaml'));
    const time = (words) => {
        const runs = Array.from({ length: starts }, () => {
            const began = process.hrtime.bigint();
            spawnSync(words[0], words.slice(1), { stdio: 'ignore' });
            return Number(process.hrtime.bigint() - began) / 1e6;
        });
        return `${median(runs).toFixed(1)} | ${Math.min(...runs).toFixed(1)}`;
    };
    console.log('\n| whole process, as seen from node | median ms | best ms |\n|---|---|---|');
    // The first one is in the list; of the second a container asks its name server for the names of its host.
    for (const address of ['127.0.0.1', '192.168.0.7']) {
        const words = [values.binary, 'whitelist', 'test', address, '--config', file('usual/config.yaml')];
        console.log(`| innkeeper whitelist test ${address} | ${time(words)} |`);
    }
    console.log(`| /bin/true | ${time(['/bin/true'])} |`);
}

// SillyTavern's own settings file, as its package brings it: changed by Innkeeper's commands, read by SillyTavern's reader.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import path from 'node:path';
import { temporaryFolder } from '../support/cleanup.js';
import { runInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { packageFile, readYaml, startSillyTavern } from '../support/sillytavern.js';

const entries = ['192.168.1.23', '10.0.0.0/8', '192.168.0.*', '10.0.0.1-10.0.0.9', 'fe80::1', '2001:db8::/32', 'phone.lan'];

for (const entry of entries) {
    test(`adding ${entry} changes one line of SillyTavern's file, and removing it none`, patience, () => {
        const file = theirFile();
        const before = readFileSync(file, 'utf8');
        const list = readYaml(before).whitelist;

        runInnkeeper(['whitelist', 'add', entry, '--config', file]);
        const after = readFileSync(file, 'utf8');
        const line = addedLine(before, after);
        assert.match(line, /^ +- /);
        assert.deepEqual(readYaml(after), { ...readYaml(before), whitelist: [...list, entry] });

        runInnkeeper(['whitelist', 'remove', entry, '--config', file]);
        assert.equal(readFileSync(file, 'utf8'), before);
        assert.deepEqual(readdirSync(path.dirname(file)), ['config.yaml'], 'nothing lies about');
    });
}

/** A setting, what is typed for it, what SillyTavern has to read then, and the one line of before that goes. */
const settings = [
    ['port', '8123', 8123, 'port: 8000'],
    ['listen', 'true', true, 'listen: false'],
    ['protocol.ipv6', 'auto', 'auto', '    ipv6: false'],
    ['listenAddress.ipv6', '[::1]', '[::1]', "  ipv6: '[::]'"],
    ['ssl.certPath', './certs/it is: #1.pem', './certs/it is: #1.pem', '  certPath: "./certs/cert.pem"'],
    ['hostWhitelist.hosts', '["silly.lan", ".example.com"]', ['silly.lan', '.example.com'], '  hosts: []'],
    ['basicAuthUser.username', 'no', 'no', '  username: "user"'],
    ['rateLimiting.basicAuthMaxAttempts', '7', 7, '  basicAuthMaxAttempts: 5'],
    ['enableUserAccounts', 'true', true, 'enableUserAccounts: false'],
];

for (const [key, typed, value, line] of settings) {
    test(`setting ${key} to ${typed} is what SillyTavern reads, and nothing else changes`, patience, () => {
        const file = theirFile();
        const before = readFileSync(file, 'utf8');
        runInnkeeper(['config', 'set', key, typed, '--config', file]);
        const after = readFileSync(file, 'utf8');
        assert.deepEqual(readYaml(after), changed(readYaml(before), { [key]: value }));
        assert.deepEqual(gone(before, after), [line]);
    });
}

/** What YAML takes for something else where it stands plain. */
const passwords = [
    '0123', 'no', '~', 'null', '1e3', '0x1F', '12:30:45', '2001-01-01', 'it\'s: #1 "x"', 'a #b', '- a', '!abc', '@abc', '%abc', '*abc', '&abc',
    '{', '[', '>', '|', '?', ',', ' leading', 'trailing ', 'back\\slash', '<<', '$argon2', 'grüße 🍺', 'user', 'x'.repeat(300),
];

test('a plain password is, letter by letter, what SillyTavern reads', patience, () => {
    const file = theirFile();
    const before = readFileSync(file, 'utf8');
    const login = ['basicAuthMode: false', '  username: "user"', '  password: "password"'];
    for (const password of passwords) {
        runInnkeeper(['auth', 'set', 'ann', '--plain', '--password-stdin', '--config', file], `${password}\n`);
        const after = readFileSync(file, 'utf8');
        assert.deepEqual(readYaml(after), changed(readYaml(before), {
            basicAuthMode: true,
            'basicAuthUser.username': 'ann',
            'basicAuthUser.password': password,
        }));
        assert.deepEqual(gone(before, after), login);
        runInnkeeper(['auth', 'test', 'ann', '--password-stdin', '--config', file], `${password}\n`);
    }
});

test("a section for Innkeeper is added to SillyTavern's file, and nothing else", patience, () => {
    const file = theirFile();
    const before = readFileSync(file, 'utf8');
    runInnkeeper(['config', 'init', '--for-sillytavern', path.dirname(file)]);
    const after = readFileSync(file, 'utf8');
    assert.deepEqual(gone(before, after), []);
    const { innkeeper, ...theirs } = readYaml(after);
    assert.deepEqual(theirs, readYaml(before));
    assert.deepEqual(innkeeper, { upstream: 'http://127.0.0.1:8000', port: 8001, listen: false });
});

test("SillyTavern's file in TOML says the same", patience, () => {
    const file = theirFile();
    runInnkeeper(['whitelist', 'add', '192.168.1.*', '--config', file]);
    runInnkeeper(['config', 'set', 'innkeeper.upstream', 'http://127.0.0.1:8000', '--config', file]);
    const before = readFileSync(file);
    runInnkeeper(['config', 'convert', '--to', 'toml', '--config', file]);
    assert.deepEqual(readFileSync(file), before);
    const values = syntax => {
        const shown = JSON.parse(runInnkeeper(['config', 'show', '--json', '--config', path.join(path.dirname(file), `config.${syntax}`)]));
        return Object.fromEntries(shown.map(({ key, value, secret }) => [key, value ?? secret]));
    };
    const yaml = values('yaml');
    assert.deepEqual(values('toml'), yaml);
    assert.deepEqual(yaml.whitelist, ['::1', '127.0.0.1', '192.168.1.*']);
});

test('SillyTavern starts with the edited file, goes by it, and leaves it as it is', patience, async t => {
    const password = 'it\'s: #1 "x"';
    let edited;
    const tavern = await startSillyTavern({
        name: 'edited',
        settings: readFileSync(packageFile('default/config.yaml'), 'utf8'),
        before: ({ settings: file }) => {
            runInnkeeper(['config', 'set', 'listen', 'true', '--config', file]);
            runInnkeeper(['config', 'set', 'listenAddress.ipv4', '127.0.0.1', '--config', file]);
            runInnkeeper(['auth', 'set', 'ann', '--plain', '--password-stdin', '--config', file], `${password}\n`);
            runInnkeeper(['whitelist', 'remove', '127.0.0.1', '--force', '--config', file]);
            runInnkeeper(['whitelist', 'add', '127.0.0.5', '127.0.0.1', '--config', file]);
            runInnkeeper(['config', 'init', '--for-sillytavern', path.dirname(file)]);
            edited = readFileSync(file);
        },
    });
    t.after(tavern.stop);
    const answered = async password => {
        const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`;
        const answer = await fetch(`${tavern.origin}/csrf-token`, { headers: { authorization } });
        await answer.arrayBuffer();
        return answer.status;
    };
    assert.deepEqual([await answered(password), await answered('it')], [200, 401]);
    await tavern.stop();
    assert.deepEqual(readFileSync(tavern.settings), edited);
});

/** A copy of the file that a new SillyTavern starts with. */
function theirFile() {
    const file = path.join(temporaryFolder('settings'), 'config.yaml');
    copyFileSync(packageFile('default/config.yaml'), file);
    return file;
}

/** The one line by which `after` is more than `before`. */
function addedLine(before, after) {
    const [old, now] = [before.split('\n'), after.split('\n')];
    const at = now.findIndex((line, number) => line !== old[number]);
    assert.deepEqual([...now.slice(0, at), ...now.slice(at + 1)], old);
    return now[at];
}

/** The lines of `before` that are no longer in `after`; whatever changed its place counts as well. */
function gone(before, after) {
    const lines = after.split('\n');
    let from = 0;
    return before.split('\n').filter(line => {
        const at = lines.indexOf(line, from);
        if (at >= 0) from = at + 1;
        return at < 0;
    });
}

/** `tree` with other values at some dotted paths. */
function changed(tree, values) {
    for (const [key, value] of Object.entries(values)) {
        const names = key.split('.');
        const last = names.pop();
        names.reduce((at, name) => at[name], tree)[last] = value;
    }
    return tree;
}

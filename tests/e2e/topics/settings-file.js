// SillyTavern's own settings file, as its package brings it: changed by Innkeeper's commands, read by SillyTavern's reader.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import path from 'node:path';
import { temporaryFolder } from '../support/cleanup.js';
import { runInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { packageFile, readYaml } from '../support/sillytavern.js';

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

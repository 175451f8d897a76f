// Large bodies, both ways: 50 MB of noise arrive as they were sent.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openPage, openSillyTavern } from '../support/browser.js';
import { schemes, startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { sillyTavern } from '../support/sillytavern.js';
import { upstream } from '../support/upstream.js';

const size = 50 * 1024 * 1024;

for (const scheme of schemes) {
    test(`a file of 50 MB is uploaded to SillyTavern and read back over ${scheme}`, patience, async t => {
        const tavern = await sillyTavern();
        const gate = await startInnkeeper({ upstream: tavern.origin, scheme });
        const page = await openPage(t);
        await openSillyTavern(page, gate.origin);
        await page.addScriptTag({ content: noise });

        // A background picture is the one upload that SillyTavern stores as it came. A form with a file, as browsers send them.
        const name = `noise-${scheme}.bin`;
        const { sent, stored, readBack } = await page.evaluate(async ([name, size]) => {
            const file = makeNoise(size);
            const form = new FormData();
            form.append('avatar', new File([file], name));
            const headers = SillyTavern.getContext().getRequestHeaders({ omitContentType: true });
            const answer = await fetch('/api/backgrounds/upload', { method: 'POST', headers, body: form });
            const stored = await answer.text();
            const back = await (await fetch(`/backgrounds/${name}`, { cache: 'no-store' })).arrayBuffer();
            return { sent: await digest(file), stored, readBack: await digest(back) };
        }, [name, size]);

        assert.equal(stored, name);
        const file = readFileSync(path.join(tavern.account, 'backgrounds', name));
        assert.equal(file.length, size);
        assert.equal(createHash('sha256').update(file).digest('hex'), sent, 'on disk');
        assert.equal(readBack, sent, 'read back through Innkeeper');
    });

    test(`50 MB are echoed by a plain upstream over ${scheme}`, patience, async t => {
        const app = await upstream();
        const gate = await startInnkeeper({ upstream: app.origin, scheme });
        const page = await openPage(t);
        await page.goto(gate.origin);
        await page.addScriptTag({ content: noise });

        const { sent, returned } = await page.evaluate(async size => {
            const body = makeNoise(size);
            const answer = await fetch('/echo', { method: 'POST', body });
            return { sent: await digest(body), returned: await digest(await answer.arrayBuffer()) };
        }, size);

        assert.equal(app.digests.at(-1), sent, 'on arrival');
        assert.equal(returned, sent, 'on return');
    });
}

/** For the page: random bytes, so that nothing on the way can shorten them, and their SHA-256 in hex. */
const noise = `
function makeNoise(size) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
    return bytes;
}
async function digest(bytes) {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('');
}`;

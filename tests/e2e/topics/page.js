// The app itself: SillyTavern's page works through Innkeeper as it does without it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, openSillyTavern, watch } from '../support/browser.js';
import { schemes, startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { sillyTavern } from '../support/sillytavern.js';

/** What a visit without Innkeeper shows, taken once. */
let measure;

for (const scheme of schemes) {
    test(`SillyTavern's page gets ready over ${scheme} with no error that direct access does not show`, patience, async t => {
        const tavern = await sillyTavern();
        const direct = await (measure ??= visit(t, tavern.origin));
        const gate = await startInnkeeper({ upstream: tavern.origin, scheme });
        const through = await visit(t, gate.origin);

        assert.deepEqual(missing(through.complaints, direct.complaints), [], 'complaints that direct access does not show');
        assert.deepEqual([through.status, through.title], [200, 'SillyTavern']);
        assert.equal(through.protocol, { http: 'http/1.1', https: 'h2' }[scheme]);
        assert.deepEqual(missing(direct.loaded, through.loaded), [], 'loaded directly, but not through Innkeeper');
        assert.ok(direct.loaded.size > 200, `SillyTavern is hundreds of files, not ${direct.loaded.size}`);
    });
}

async function visit(t, origin) {
    const page = await openPage(t);
    const seen = watch(page, origin);
    const response = await openSillyTavern(page, origin).catch(error => {
        // Why it did not get ready stands among the other complaints.
        seen.complaints.add(`not ready: ${error}`);
    });
    await page.waitForLoadState('networkidle');
    const protocol = await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
    return { ...seen, status: response?.status(), title: await page.title(), protocol };
}

const missing = (some, others) => [...some].filter(one => !others.has(one));

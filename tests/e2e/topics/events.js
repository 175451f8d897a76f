// Server-sent events arrive one by one, each before the next is sent, and the app learns when nobody listens any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage } from '../support/browser.js';
import { schemes, startInnkeeper } from '../support/innkeeper.js';
import { patience, within } from '../support/patience.js';
import { upstream } from '../support/upstream.js';

for (const scheme of schemes) {
    test(`server-sent events are not held back over ${scheme}`, patience, async t => {
        const app = await upstream();
        const gate = await startInnkeeper({ upstream: app.origin, scheme });
        const page = await openPage(t);
        await page.goto(gate.origin);

        const listening = app.nextListener();
        await page.evaluate(() => {
            globalThis.heard = [];
            globalThis.source = new EventSource('/events');
            source.onmessage = event => heard.push(event.data);
        });
        const listener = await within('the page listens', listening);
        for (const [at, message] of ['one', 'two', 'three'].entries()) {
            listener.send(message);
            await page.waitForFunction(count => heard.length === count, at + 1);
        }
        assert.deepEqual(await page.evaluate(() => heard), ['one', 'two', 'three']);

        await page.evaluate(() => source.close());
        assert.equal(await within('the app learns that nobody listens', listener.abandoned), true);
    });
}

// Server-sent events arrive one by one, each before the next is sent, and the app learns when nobody listens any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage } from '../support/browser.js';
import { patience, schemes, startInnkeeper } from '../support/innkeeper.js';
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
        const listener = await listening;
        for (const [at, message] of ['one', 'two', 'three'].entries()) {
            listener.send(message);
            await page.waitForFunction(count => heard.length === count, at + 1);
        }
        assert.deepEqual(await page.evaluate(() => heard), ['one', 'two', 'three']);

        await page.evaluate(() => source.close());
        assert.equal(await listener.abandoned, true);
    });
}

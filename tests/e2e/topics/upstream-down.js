// Innkeeper is up before SillyTavern is: the page says so, and turns into SillyTavern by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, picture } from '../support/browser.js';
import { startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { sillyTavern } from '../support/sillytavern.js';
import { startRelay, vacantAddress } from '../support/upstream.js';

test('the page for a sleeping upstream recovers by itself once SillyTavern answers', patience, async t => {
    const tavern = await sillyTavern();
    const address = await vacantAddress();
    const gate = await startInnkeeper({ upstream: address.origin });
    const page = await openPage(t);

    const response = await page.goto(gate.origin);
    await picture(page, 'upstream-down.png');
    assert.equal(response.status(), 502);
    assert.match(response.headers()['content-type'], /^text\/html/);
    assert.notEqual((await page.innerText('body')).trim(), '');

    await startRelay({ port: tavern.port, listen: address });
    // Nobody touches the page from here on.
    await page.waitForSelector('#send_textarea', { state: 'attached' });
    assert.equal(await page.title(), 'SillyTavern');
});

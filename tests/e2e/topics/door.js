// Who is let in. A stranger is told why not and what the owner can do, and SillyTavern never hears of it; a listed address gets
// the app, whatever SillyTavern's own list says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, openSillyTavern, picture } from '../support/browser.js';
import { startInnkeeper } from '../support/innkeeper.js';
import { patience } from '../support/patience.js';
import { sillyTavern } from '../support/sillytavern.js';
import { startRelay } from '../support/upstream.js';

test('a refused address sees why, and the command that would let it in', patience, async t => {
    const tavern = await sillyTavern();
    const wire = await startRelay({ port: tavern.port });
    const gate = await startInnkeeper({ upstream: wire.origin });
    // A browser cannot choose its source address; a relay can.
    const stranger = await startRelay({ port: gate.port, address: '127.0.0.5' });

    const page = await openPage(t);
    const requested = [];
    page.on('request', request => requested.push(request.url()));
    const response = await page.goto(stranger.origin);
    await picture(page, 'refused.png');

    assert.equal(response.status(), 403);
    const text = await page.innerText('body');
    assert.match(text, /(?<![\d.])127\.0\.0\.5(?![\d.])/);
    assert.ok(text.includes('innkeeper whitelist add 127.0.0.5'), text);
    assert.deepEqual(requested.filter(url => !url.startsWith(`${stranger.origin}/`)), [], 'the page needs nothing from elsewhere');
    assert.equal(wire.received, 0, 'bytes that SillyTavern received');

    // The same wire does carry a visit that is let in, so the nought above means something.
    const welcome = await page.goto(gate.origin);
    assert.equal(welcome.status(), 200);
    assert.ok(wire.received > 0);
});

test('a listed address gets SillyTavern, whose own list does not name it', patience, async t => {
    const tavern = await sillyTavern();
    const gate = await startInnkeeper({ upstream: tavern.origin, whitelist: ['127.0.0.5'] });
    const phone = await startRelay({ port: gate.port, address: '127.0.0.5' });
    const response = await openSillyTavern(await openPage(t), phone.origin);
    assert.equal(response.status(), 200);
});

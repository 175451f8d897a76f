// WebSockets: extensions of SillyTavern and most other web apps use them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage } from '../support/browser.js';
import { schemes, startInnkeeper } from '../support/innkeeper.js';
import { patience, within } from '../support/patience.js';
import { upstream } from '../support/upstream.js';

for (const scheme of schemes) {
    test(`a WebSocket carries text, bytes and both sides' close codes over ${scheme}`, patience, async t => {
        const app = await upstream();
        const gate = await startInnkeeper({ upstream: app.origin, scheme });
        const page = await openPage(t);
        await page.goto(gate.origin);

        const seen = await page.evaluate(async () => {
            const socket = await connect();
            const seen = { protocol: socket.protocol };
            seen.text = await echo(socket, 'grüße, 🍺');
            const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
            const returned = new Uint8Array(await echo(socket, bytes));
            seen.bytes = returned.length === bytes.length && returned.every((byte, at) => byte === bytes[at]);
            const closed = new Promise(resolve => (socket.onclose = resolve));
            socket.send('close, please');
            const { code, reason, wasClean } = await closed;
            return { ...seen, close: { code, reason, wasClean } };

            function connect() {
                return new Promise((resolve, reject) => {
                    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/socket`, ['echo', 'other']);
                    socket.binaryType = 'arraybuffer';
                    socket.onopen = () => resolve(socket);
                    socket.onerror = () => reject(new Error('the WebSocket did not open'));
                });
            }
            function echo(socket, message) {
                return new Promise((resolve, reject) => {
                    socket.onmessage = event => resolve(event.data);
                    socket.onclose = event => reject(new Error(`closed with ${event.code} instead of an echo`));
                    socket.send(message);
                });
            }
        });
        assert.deepEqual(seen, {
            protocol: 'echo',
            text: 'grüße, 🍺',
            bytes: true,
            close: { code: 4001, reason: 'as you wish', wasClean: true },
        });

        const closing = app.nextClosing();
        await page.evaluate(() => {
            const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/socket`);
            socket.onopen = () => socket.close(4002, 'enough');
        });
        assert.deepEqual(await within('the app sees the close', closing), { code: 4002, reason: 'enough' });
    });
}

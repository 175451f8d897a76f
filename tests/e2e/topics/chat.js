// What SillyTavern is for: a chat with a language model, word by word. The model of these tests sends nothing unless the test
// says so, so "the first word is there before the last is sent" is shown by cause, not by the clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, openSillyTavern } from '../support/browser.js';
import { schemes, startInnkeeper } from '../support/innkeeper.js';
import { languageModel } from '../support/language-model.js';
import { patience, within } from '../support/patience.js';
import { sillyTavern } from '../support/sillytavern.js';

for (const scheme of schemes) {
    test(`a chat answer streams token by token over ${scheme}`, patience, async t => {
        const { page, answer } = await ask(t, scheme, 'How do you do?');
        assert.equal(answer.asked.messages.at(-1).content, 'How do you do?');

        answer.say('Polly');
        await hears(page, 'Polly');
        answer.say(' wants');
        await shows(page, 'Polly wants');
        answer.say(' a cracker.');
        answer.finish();
        await shows(page, 'Polly wants a cracker.');
        assert.equal(await within('the answer ends', answer.abandoned), false);
    });

    test(`the stop button reaches the language model over ${scheme}`, patience, async t => {
        const { page, answer } = await ask(t, scheme, 'Tell me a very long story.');
        answer.say('Once');
        await hears(page, 'Once');
        await page.click('#mes_stop');
        assert.equal(await within('the model learns of the stop', answer.abandoned), true);
    });
}

/** Opens SillyTavern through Innkeeper, asks the first character as a person would, and waits until the model is asked. */
async function ask(t, scheme, question) {
    const tavern = await sillyTavern();
    const model = await languageModel();
    const gate = await startInnkeeper({ upstream: tavern.origin, scheme });
    const page = await openPage(t);
    await openSillyTavern(page, gate.origin);
    await page.evaluate(async () => {
        const { selectCharacterById, eventSource, eventTypes } = SillyTavern.getContext();
        eventSource.on(eventTypes.STREAM_TOKEN_RECEIVED, text => (globalThis.heard = text));
        await selectCharacterById(0);
    });
    await page.fill('#send_textarea', question);
    const asked = model.nextGeneration();
    await page.click('#send_but');
    return { page, answer: await within('the model is asked', asked) };
}

/** Waits until the page has received `text`. SillyTavern draws a first token only when a second comes soon after. */
async function hears(page, text) {
    await page.waitForFunction(expected => globalThis.heard === expected, text);
}

/** Waits until the last message on the page reads `text`. */
async function shows(page, text) {
    await page.waitForFunction(expected => document.querySelector('.last_mes .mes_text')?.innerText.trim() === expected, text);
}

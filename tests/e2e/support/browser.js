// Headless Chromium (Debian's, or CHROMIUM) and what a test watches in it.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { atEnd, lazily } from './cleanup.js';

const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const browser = lazily(async () => {
    const started = await launchChromium();
    atEnd(() => started.close());
    return started;
});

/** A Chromium of the caller's own, with further arguments and another environment where that is wanted. */
export function launchChromium({ args = [], env } = {}) {
    const executablePath = candidates.find(candidate => candidate && existsSync(candidate));
    if (!executablePath) throw new Error('no Chromium found: run `apt-get install chromium` or set CHROMIUM');
    // The sandbox refuses to start as root; the rest keeps Chromium from calling home.
    const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
    return chromium.launch({ executablePath, env, args: ['--no-sandbox', '--disable-gpu', '--disable-sync', ...quiet, ...args] });
}

/** A page with cookies and cache of its own that takes any certificate, closed when test `t` is over. */
export async function openPage(t) {
    const context = await (await browser()).newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 800 } });
    t.after(() => context.close());
    context.setDefaultTimeout(60_000);
    return context.newPage();
}

/** Keeps a screenshot in out/, for people to look at; no test compares it. */
export async function picture(page, name) {
    await page.screenshot({ path: fileURLToPath(new URL(`../out/${name}`, import.meta.url)), fullPage: true });
}

/** Scripts and styles: the same at every visit, while fonts, thumbnails and saved settings come and go with the moment. */
const codeFile = /\.(js|css)$/;

/**
 * Records from now on what goes wrong on `page` and which of the app's code arrives, with the origin taken out so that two
 * visits can be compared.
 */
export function watch(page, origin) {
    const seen = { complaints: new Set(), loaded: new Set() };
    const general = text => text.replaceAll(origin, '').replaceAll(origin.replace(/^http/, 'ws'), '');
    const complain = (what, text) => seen.complaints.add(`${what}: ${general(text)}`);
    page.on('console', message => {
        if (message.type() === 'error') complain('console error', `${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', error => complain('uncaught error', String(error)));
    page.on('requestfailed', request => complain('failed request', `${request.method()} ${request.url()} ${request.failure()?.errorText}`));
    page.on('response', response => {
        const line = `${response.request().method()} ${general(response.url())}`;
        if (response.status() >= 400) complain('refused request', `${line} ${response.status()}`);
        else if (codeFile.test(new URL(response.url()).pathname)) seen.loaded.add(line.replace(/\?.*/, ''));
    });
    return seen;
}

/** Opens SillyTavern at `origin` and waits until the app itself says that it is ready and connected to the language model. */
export async function openSillyTavern(page, origin) {
    const response = await page.goto(`${origin}/`);
    if (response.status() !== 200) throw new Error(`${origin} answers ${response.status()}:\n${await page.innerText('body')}`);
    await ready(page);
    return response;
}

/** Waits until SillyTavern, in this page or the next that it leads to, says that it is ready and connected. */
export async function ready(page) {
    await page.waitForFunction(() => globalThis.SillyTavern?.getContext);
    await page.evaluate(() => {
        const { eventSource, eventTypes } = SillyTavern.getContext();
        return new Promise(resolve => eventSource.on(eventTypes.APP_READY, resolve));
    });
    await page.waitForFunction(() => SillyTavern.getContext().onlineStatus !== 'no_connection');
}

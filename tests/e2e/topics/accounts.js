// Accounts: one folder, two programs. Who signs in at Innkeeper is that person in SillyTavern too, without a second login;
// what one of the two does to an account, the other goes by.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openPage, picture, ready } from '../support/browser.js';
import { lazily, temporaryFolder } from '../support/cleanup.js';
import { runInnkeeper, schemes, startInnkeeper } from '../support/innkeeper.js';
import { patience, within } from '../support/patience.js';
import { startSillyTavern, writeYaml } from '../support/sillytavern.js';
import { upstream } from '../support/upstream.js';

/** With what a header, a form and a hash could each stumble over. */
const passwords = { alice: 'näïve: horse & #1 +%41 🍺', bob: '0123', dora: 'one: 1', owner: 'no "quotes", it\'s: fine' };

/** By what SillyTavern's page and that of the plain upstream are known: SillyTavern's login page has neither. */
const [chat, plain] = ['#send_textarea', 'link[href="data:,"]'];

/** How SillyTavern learns who it is: of both programs, the settings that differ from the others'. */
const modes = [
    {
        name: 'an identity header',
        tavern: lazily(() => startWithAccounts('accounts-by-header', { sso: { autheliaAuth: true } })),
        innkeeper: { identityHeader: 'Remote-User' },
    },
    {
        name: 'passed authorization',
        // SillyTavern asks everybody for a password itself: whatever came without would be refused there.
        tavern: lazily(() => startWithAccounts('accounts-by-password', {
            listen: true,
            listenAddress: { ipv4: '127.0.0.1' },
            basicAuthMode: true,
            perUserBasicAuth: true,
        })),
        innkeeper: { passAuthorization: true },
    },
];
const [byHeader] = modes;

/** Where a browser is led that signs in: after the form SillyTavern leads to its login page, which knows them and leads back. */
const oneSignIn = ['GET / 401', 'POST /.innkeeper/signin 303', 'GET / 302', 'GET /login 302', 'GET / 200'];

for (const mode of modes) {
    for (const scheme of schemes) {
        test(`alice signs in once and is alice in SillyTavern, by ${mode.name} over ${scheme}`, patience, async t => {
            const tavern = await mode.tavern();
            const gate = await startGate(tavern, { scheme, innkeeper: mode.innkeeper });
            const page = await openPage(t);
            const visited = watchNavigations(page, gate.origin);
            await page.goto(gate.origin);
            await picture(page, 'sign-in.png');
            await fillForm(page, 'alice', passwords.alice);
            await arrives(page, chat);

            assert.equal(await handleIn(page), 'alice');
            // Once in full, and not where SillyTavern itself proves a passed password anew for each of its hundreds of files.
            if (mode === byHeader && scheme === 'http') await ready(page);
            assert.deepEqual(visited, oneSignIn);
            const ours = (await page.context().cookies()).filter(cookie => /innkeeper/i.test(cookie.name));
            const name = { http: 'innkeeper', https: '__Host-innkeeper' }[scheme];
            assert.deepEqual(
                ours.map(({ name, httpOnly, secure, sameSite }) => ({ name, httpOnly, secure, sameSite })),
                [{ name, httpOnly: true, secure: scheme === 'https', sameSite: 'Lax' }],
            );

            // From now on the cookies are enough, in another tab as well.
            const tab = await page.context().newPage();
            const answer = await tab.goto(`${gate.origin}/api/users/me`);
            assert.deepEqual([answer.status(), (await answer.json()).handle], [200, 'alice']);
        });
    }
}

test('nobody becomes somebody else in SillyTavern by naming them', patience, async t => {
    const tavern = await byHeader.tavern();
    const gate = await startGate(tavern, { innkeeper: byHeader.innkeeper });
    const page = await openPage(t);
    const names = ['Remote-User', 'remote_user', 'X-Authentik-Username'];
    await page.context().setExtraHTTPHeaders(Object.fromEntries(names.map(name => [name, 'owner'])));
    await page.goto(gate.origin);
    await fillForm(page, 'alice', passwords.alice);
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'alice');

    // The same header does make one the owner where no Innkeeper stands in front, so the line above means something.
    await page.context().clearCookies();
    await page.goto(tavern.origin);
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'owner');
});

test("an account of SillyTavern's own making signs in at Innkeeper, with the password it has now", patience, async t => {
    const tavern = await byHeader.tavern();
    const gate = await startGate(tavern, { innkeeper: byHeader.innkeeper });
    const [first, second] = ['carol: the first', 'carol: the second'];

    const owner = await openPage(t);
    await owner.goto(`${tavern.origin}/login?noauto=1`);
    assert.equal((await login(owner, 'owner', passwords.owner)).status, 200);
    await noticed(gate, async () => {
        const made = await post(owner, '/api/users/create', { handle: 'carol', name: 'Carol', password: first });
        assert.deepEqual(made, { status: 200, body: { handle: 'carol' } });
    });

    const page = await openPage(t);
    await page.goto(gate.origin);
    await fillForm(page, 'carol', first);
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'carol');
    assert.deepEqual(await statuses(gate, 'carol', [first, second]), [200, 401]);

    await noticed(gate, async () => {
        const words = { handle: 'carol', oldPassword: first, newPassword: second };
        assert.equal((await post(page, '/api/users/change-password', words)).status, 204);
    });
    assert.deepEqual(await statuses(gate, 'carol', [first, second]), [401, 200]);
    assert.equal((await page.goto(gate.origin)).status(), 401, 'the session ended with the password');
    await fillForm(page, 'carol', second);
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'carol');
});

test("an account of Innkeeper's making signs in at SillyTavern itself, until it is disabled", patience, async t => {
    const tavern = await byHeader.tavern();
    const gate = await startGate(tavern, { innkeeper: byHeader.innkeeper });
    const outside = await openPage(t);
    await outside.goto(gate.origin);
    await fillForm(outside, 'bob', passwords.bob);
    await arrives(outside, chat);
    assert.equal(await handleIn(outside), 'bob');

    const page = await openPage(t);
    await page.goto(tavern.origin);
    assert.equal(new URL(page.url()).pathname, '/login');
    await page.click('.userSelect:has(.userHandle:text-is("bob"))');
    await page.fill('#userPassword', 'wrong');
    await page.click('#loginButton');
    await page.waitForFunction(() => document.querySelector('#errorMessage').textContent === 'Incorrect credentials');
    await page.fill('#userPassword', passwords.bob);
    await page.click('#loginButton');
    await arrives(page, chat);
    assert.equal(page.url(), `${tavern.origin}/`);
    assert.equal(await handleIn(page), 'bob');
    assert.deepEqual(await statuses(gate, 'bob', [passwords.bob, 'wrong']), [200, 401]);

    await noticed(gate, () => account(tavern, ['disable', 'bob']));
    assert.equal(await handleIn(page), undefined, "SillyTavern's session ended");
    assert.equal((await page.goto(tavern.origin)).url(), `${tavern.origin}/login`);
    assert.deepEqual(await login(page, 'bob', passwords.bob), { status: 403, body: { error: 'User is disabled' } });
    assert.equal((await outside.goto(gate.origin)).status(), 401, "Innkeeper's session ended");
    await fillForm(outside, 'bob', passwords.bob);
    await outside.waitForSelector('[role="alert"]');
    assert.deepEqual(await statuses(gate, 'bob', [passwords.bob]), [401]);

    await noticed(gate, () => account(tavern, ['enable', 'bob']));
    assert.deepEqual(await login(page, 'bob', passwords.bob), { status: 200, body: { handle: 'bob' } });
    assert.deepEqual(await statuses(gate, 'bob', [passwords.bob]), [200]);
});

test('a password that Innkeeper changes ends both sessions', patience, async t => {
    const tavern = await byHeader.tavern();
    const gate = await startGate(tavern, { innkeeper: byHeader.innkeeper });
    const page = await openPage(t);
    await page.goto(gate.origin);
    await fillForm(page, 'dora', passwords.dora);
    await arrives(page, chat);
    // A page that asks for nothing by itself: SillyTavern is not to hear of the change before the form is filled again.
    await page.goto(`${gate.origin}/api/users/me`);
    assert.equal(JSON.parse(await page.innerText('body')).handle, 'dora');

    await noticed(gate, () => account(tavern, ['password', 'dora', '--password-stdin'], 'another: 2'));
    const visited = watchNavigations(page, gate.origin);
    await page.goto(gate.origin);
    await fillForm(page, 'dora', 'another: 2');
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'dora');
    assert.deepEqual(visited, oneSignIn, 'SillyTavern does not stumble over its session of the old password');
});

test('who signs in after somebody else is not them in SillyTavern', patience, async t => {
    const tavern = await byHeader.tavern();
    const gate = await startGate(tavern, { innkeeper: byHeader.innkeeper });
    const page = await openPage(t);
    await page.goto(gate.origin);
    await fillForm(page, 'alice', passwords.alice);
    await arrives(page, chat);

    const before = await page.context().cookies();
    await page.goto(`${gate.origin}/.innkeeper/signout`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.deepEqual(await page.context().cookies(), [], "SillyTavern's session went with ours");
    // Even if it had stayed, as it does where ours has run out.
    await page.context().addCookies(before.filter(({ name }) => name.startsWith('session-')));
    await fillForm(page, 'bob', passwords.bob);
    await arrives(page, chat);
    assert.equal(await handleIn(page), 'bob');
});

for (const scheme of schemes) {
    test(`a WebSocket opens with the cookie alone, and ends with the password, over ${scheme}`, patience, async t => {
        const app = await upstream();
        const { gate, accounts } = await startAlone({ app, scheme });
        const page = await openPage(t);
        await page.goto(gate.origin);
        assert.equal(await socket(page), 'refused');
        await fillForm(page, 'alice', passwords.alice);
        await arrives(page, plain);

        // A cookie of the app's own reaches it, ours and the password do not.
        await page.evaluate(() => (document.cookie = 'theirs=1'));
        app.handshakes.length = 0;
        assert.equal(await socket(page), 'echoed');
        assert.deepEqual(app.handshakes.map(({ cookie, authorization }) => [cookie, authorization]), [['theirs=1', undefined]]);

        const ended = page.evaluate(() => new Promise(resolve => (globalThis.open.onclose = () => resolve('ended'))));
        await noticed(gate, () => account(accounts, ['password', 'alice', '--password-stdin'], 'the next: 1'));
        assert.equal(await within('the open WebSocket ends', ended), 'ended');
        assert.equal(await socket(page), 'refused');
        const response = await page.goto(gate.origin);
        assert.equal(response.status(), 401);
        await fillForm(page, 'alice', passwords.alice);
        await page.waitForSelector('[role="alert"]');
        await fillForm(page, 'alice', 'the next: 1');
        await arrives(page, plain);
        assert.equal(await socket(page), 'echoed');
    });

    test(`who signs out is asked again, and the old cookie opens nothing, over ${scheme}`, patience, async t => {
        const app = await upstream();
        const { gate } = await startAlone({ app, scheme });
        const page = await openPage(t);
        await page.goto(`${gate.origin}/deep/er?a=1&b=%2F`);
        await fillForm(page, 'alice', passwords.alice);
        await arrives(page, plain);
        assert.equal(page.url(), `${gate.origin}/deep/er?a=1&b=%2F`);
        const signedIn = await page.context().cookies();
        assert.equal(signedIn.length, 1);

        await page.goto(`${gate.origin}/.innkeeper/signout`);
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByRole('button', { name: 'Sign in' }).waitFor();
        assert.equal(page.url(), `${gate.origin}/`);
        assert.deepEqual(await page.context().cookies(), []);

        await page.context().addCookies(signedIn);
        assert.equal((await page.goto(gate.origin)).status(), 401);
        assert.equal(await socket(page), 'refused');
    });
}

/** A SillyTavern with accounts, which Innkeeper made before its start: the time when SillyTavern fills their folders. */
function startWithAccounts(name, settings) {
    const handles = Object.keys(passwords);
    return startSillyTavern({
        name,
        handles,
        settings: writeYaml({ dataRoot: './data', enableUserAccounts: true, ...settings }),
        before: files => {
            for (const handle of handles) {
                const admin = handle === 'owner' ? ['--admin'] : [];
                account(files, ['add', handle, '--password-stdin', ...admin], passwords[handle]);
            }
        },
    });
}

/** Accounts without any SillyTavern, and an Innkeeper that goes by them. */
async function startAlone({ app, scheme }) {
    const folder = temporaryFolder('accounts');
    const accounts = { settings: path.join(folder, 'config.yaml'), dataRoot: folder, origin: app.origin };
    runInnkeeper(['config', 'init', '--config', accounts.settings]);
    runInnkeeper(['config', 'set', 'dataRoot', folder, '--config', accounts.settings]);
    account(accounts, ['add', 'alice', '--admin', '--password-stdin'], passwords.alice);
    return { accounts, gate: await startGate(accounts, { scheme }) };
}

/** An Innkeeper in front of `tavern` that asks for the passwords of its accounts. */
function startGate(tavern, { scheme, innkeeper = {} }) {
    const settings = {
        listen: true,
        listenAddress: { ipv4: '127.0.0.1' },
        dataRoot: tavern.dataRoot,
        basicAuthMode: true,
        enableUserAccounts: true,
        perUserBasicAuth: true,
        innkeeper,
    };
    return startInnkeeper({ upstream: tavern.origin, scheme, settings });
}

/** `innkeeper auth user` with the settings file of those accounts, and a password on its standard input. */
function account({ settings }, words, password = '') {
    runInnkeeper(['auth', 'user', ...words, '--config', settings], `${password}\n`);
}

/** Makes a change that Innkeeper has to notice by itself, and waits until it says so. */
async function noticed(gate, change) {
    const reading = gate.nextReading();
    await change();
    await within('Innkeeper reads its files again', reading);
}

/** Fills the form as a password manager does, by what the fields say they are, and sends it. */
async function fillForm(page, handle, password) {
    await page.fill('[autocomplete="username"]', handle);
    await page.fill('[autocomplete="current-password"]', password);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until the page that a form leads to is there, which its URL does not tell: that may be the form's. */
async function arrives(page, mark) {
    await page.waitForSelector(mark, { state: 'attached' });
}

/** Every page that the window has been led to from now on, with the status it was answered by. */
function watchNavigations(page, origin) {
    const visited = [];
    page.on('response', response => {
        const request = response.request();
        if (!request.isNavigationRequest() || request.frame() !== page.mainFrame()) return;
        visited.push(`${request.method()} ${response.url().replace(origin, '')} ${response.status()}`);
    });
    return visited;
}

/** Who SillyTavern takes this page's visitor for; nobody: undefined. */
function handleIn(page) {
    return page.evaluate(async () => {
        const answer = await fetch('/api/users/me');
        return answer.ok ? (await answer.json()).handle : undefined;
    });
}

/** SillyTavern's own sign-in, without its page. */
const login = (page, handle, password) => post(page, '/api/users/login', { handle, password });

/** Calls SillyTavern's API from `page` as its own scripts do. */
function post(page, at, words) {
    return page.evaluate(async ([at, words]) => {
        const { token } = await (await fetch('/csrf-token')).json();
        const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': token };
        const answer = await fetch(at, { method: 'POST', headers, body: JSON.stringify(words) });
        const isJson = answer.headers.get('content-type')?.startsWith('application/json');
        return isJson ? { status: answer.status, body: await answer.json() } : { status: answer.status };
    }, [at, words]);
}

/** What a client without cookies is answered that sends each of these passwords in turn. */
async function statuses(gate, handle, candidates) {
    const answered = [];
    for (const password of candidates) {
        const authorization = `Basic ${Buffer.from(`${handle}:${password}`).toString('base64')}`;
        const answer = await fetch(`${gate.origin}/csrf-token`, { headers: { authorization } });
        await answer.arrayBuffer();
        answered.push(answer.status);
    }
    return answered;
}

/** Opens a WebSocket from `page`, kept there as `open`, and says whether it echoes or was refused. */
function socket(page) {
    return page.evaluate(() => new Promise((resolve, reject) => {
        const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/socket`);
        socket.onopen = () => socket.send('hello');
        socket.onmessage = event => (event.data === 'hello' ? resolve('echoed') : reject(new Error(event.data)));
        socket.onclose = () => resolve('refused');
        globalThis.open = socket;
    }));
}

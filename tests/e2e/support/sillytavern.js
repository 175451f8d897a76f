// The one real SillyTavern of a run: default settings, its own whitelist on, a fresh data folder, an account that is past
// the first-run questions and connected to the suite's language model.

import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd, endProcess, lazily, plainEnvironment } from './cleanup.js';
import { languageModel } from './language-model.js';

const program = path.dirname(createRequire(import.meta.url).resolve('sillytavern/package.json'));
const reportPort = fileURLToPath(new URL('./report-port.mjs', import.meta.url));
const folder = fileURLToPath(new URL('../out/sillytavern', import.meta.url));

/** A file of SillyTavern's package. */
export const packageFile = name => path.join(program, name);

/** Reads a settings file as SillyTavern does: with the library it brings. */
export const readYaml = createRequire(path.join(program, 'package.json'))('yaml').parse;

/** Starts SillyTavern on first use. The first start on a machine builds its front end, which takes half a minute. */
export const sillyTavern = lazily(async () => {
    const model = await languageModel();
    const dataRoot = path.join(folder, 'data');
    emptyFolder(dataRoot);
    writeAccountSettings(dataRoot, model.url);

    const settings = path.join(folder, 'config.yaml');
    rmSync(settings, { force: true });
    const flags = ['--configPath', settings, '--dataRoot', dataRoot, '--port', '0', '--browserLaunchEnabled', 'false'];
    const child = fork(path.join(program, 'server.js'), flags, {
        cwd: program,
        env: plainEnvironment(),
        execArgv: ['--import', reportPort],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    atEnd(() => endProcess(child));

    let said = '';
    child.stdout.on('data', chunk => (said += chunk));
    child.stderr.on('data', chunk => (said += chunk));
    const port = await new Promise((resolve, reject) => {
        child.once('message', message => resolve(message.port));
        child.once('error', reject);
        child.once('exit', code => reject(new Error(`SillyTavern left with ${code} before it listened. It said:\n${said}`)));
    });
    return { origin: `http://127.0.0.1:${port}`, port, account: path.join(dataRoot, 'default-user'), said: () => said };
});

/** Everything goes but the built front end, which depends on SillyTavern's version alone. */
function emptyFolder(dataRoot) {
    if (!existsSync(dataRoot)) return;
    for (const name of readdirSync(dataRoot)) {
        if (name !== '_webpack') rmSync(path.join(dataRoot, name), { recursive: true });
    }
}

function writeAccountSettings(dataRoot, modelUrl) {
    const settings = JSON.parse(readFileSync(path.join(program, 'default/content/settings.json'), 'utf8'));
    settings.firstRun = false;
    settings.main_api = 'openai';
    settings.power_user.auto_connect = true;
    settings.power_user.streaming_fps = 1000; // or a token that comes within 33 ms of the one before is not drawn
    Object.assign(settings.oai_settings, {
        chat_completion_source: 'custom',
        custom_url: modelUrl,
        custom_model: 'parrot',
        stream_openai: true,
    });
    const account = path.join(dataRoot, 'default-user');
    mkdirSync(account, { recursive: true });
    writeFileSync(path.join(account, 'settings.json'), JSON.stringify(settings, null, 4));
}

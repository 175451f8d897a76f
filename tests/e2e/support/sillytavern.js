// Real SillyTaverns: a fresh data folder for each, accounts that are past the first-run questions and connected to the
// suite's language model.

import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd, endProcess, lazily, plainEnvironment } from './cleanup.js';
import { languageModel } from './language-model.js';

const program = path.dirname(createRequire(import.meta.url).resolve('sillytavern/package.json'));
const yaml = createRequire(path.join(program, 'package.json'))('yaml');
const reportPort = fileURLToPath(new URL('./report-port.mjs', import.meta.url));
const out = fileURLToPath(new URL('../out', import.meta.url));

/** A file of SillyTavern's package. */
export const packageFile = name => path.join(program, name);

/** Reads a settings file as SillyTavern does: with the library it brings. */
export const readYaml = yaml.parse;

/** Writes a settings file as SillyTavern does. */
export const writeYaml = yaml.stringify;

/** The one that most tests share, started on first use: default settings, its own whitelist on, no accounts. */
export const sillyTavern = lazily(() => startSillyTavern({ name: 'sillytavern' }));

/**
 * Starts a SillyTavern of its own, with its files in `out/<name>`. The first start on a machine builds its front end, which
 * takes half a minute; the others share it.
 *
 * `settings` is the text of its config.yaml; without it, SillyTavern writes one. `environment` is added to its environment.
 * `handles` get an account folder that is past the first-run questions. `before` is called with the paths `settings` and
 * `dataRoot` before the start. It listens on 127.0.0.1 or, where its settings say `listen: true`, as they say.
 */
export async function startSillyTavern({ name, settings, environment = {}, handles = ['default-user'], before = () => {} }) {
    const model = await languageModel();
    const folder = path.join(out, name);
    const files = { settings: path.join(folder, 'config.yaml'), dataRoot: path.join(folder, 'data') };
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(files.dataRoot, { recursive: true });
    shareFrontEnd(files.dataRoot);
    for (const handle of handles) writeAccountSettings(path.join(files.dataRoot, handle), model.url);
    if (settings !== undefined) writeFileSync(files.settings, settings);
    before(files);

    const flags = ['--configPath', files.settings, '--dataRoot', files.dataRoot, '--port', '0', '--browserLaunchEnabled', 'false'];
    const child = fork(path.join(program, 'server.js'), flags, {
        cwd: program,
        env: { ...plainEnvironment(), ...environment },
        execArgv: ['--import', reportPort],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const stop = () => endProcess(child);
    atEnd(stop);

    let said = '';
    child.stdout.on('data', chunk => (said += chunk));
    child.stderr.on('data', chunk => (said += chunk));
    const port = await new Promise((resolve, reject) => {
        child.once('message', message => resolve(message.port));
        child.once('error', reject);
        child.once('exit', code => reject(new Error(`SillyTavern left with ${code} before it listened. It said:\n${said}`)));
    });
    const account = path.join(files.dataRoot, 'default-user');
    return { ...files, origin: `http://127.0.0.1:${port}`, port, account, said: () => said, stop };
}

/** The built front end depends on SillyTavern's version alone. */
function shareFrontEnd(dataRoot) {
    const built = path.join(out, 'front-end');
    mkdirSync(built, { recursive: true });
    symlinkSync(built, path.join(dataRoot, '_webpack'));
}

function writeAccountSettings(account, modelUrl) {
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
    mkdirSync(account, { recursive: true });
    writeFileSync(path.join(account, 'settings.json'), JSON.stringify(settings, null, 4));
}

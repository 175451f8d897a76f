// What a run leaves behind is ended here: every started process, server and folder registers how to end itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';

const pending = [];

/** Runs `end` when the whole suite is over, the last registered first. */
export function atEnd(end) {
    pending.push(end);
}

export async function endAll() {
    while (pending.length > 0) await pending.pop()();
}

/** Asks a child process to leave by SIGTERM, and after five seconds no longer asks. Only ever signals that process. */
export async function endProcess(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const insist = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(insist);
}

/** A folder of this run's own, gone after the run. */
export function temporaryFolder(name) {
    const folder = mkdtempSync(path.join(tmpdir(), `innkeeper-e2e-${name}-`));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
}

/** The environment without any variable that Innkeeper, SillyTavern or Node's test runner would take as a setting. */
export function plainEnvironment() {
    const ours = /^(INNKEEPER|SILLYTAVERN_|NODE_TEST_CONTEXT|NODE_OPTIONS|NODE_V8_COVERAGE)/;
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** Makes a value on first use and keeps it, so that a thing starts once, whoever asks first. */
export function lazily(make) {
    let made;
    return () => (made ??= make());
}

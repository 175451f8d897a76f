// One process for all topics, so that they share one SillyTavern and one browser. Both start on first use: a single test that
// needs neither waits for neither. README.md says how to run one.

import { after } from 'node:test';
import { endAll } from './support/cleanup.js';

import './topics/page.js';
import './topics/chat.js';
import './topics/upload.js';
import './topics/websocket.js';
import './topics/events.js';
import './topics/door.js';
import './topics/upstream-down.js';
import './topics/settings-file.js';
import './topics/accounts.js';
import './topics/certificates.js';
import './topics/logs.js';

after(endAll);

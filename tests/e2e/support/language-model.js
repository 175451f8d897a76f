// A language model that speaks OpenAI's streaming API and says exactly what a test tells it, when the test tells it.

import http from 'node:http';
import { once } from 'node:events';
import { atEnd, lazily } from './cleanup.js';

export const languageModel = lazily(async () => {
    const awaited = [];
    const server = http.createServer(async (request, response) => {
        if (request.url === '/v1/models') {
            response.setHeader('content-type', 'application/json');
            response.end(JSON.stringify({ object: 'list', data: [{ id: 'parrot', object: 'model' }] }));
        } else if (request.url === '/v1/chat/completions') {
            const asked = JSON.parse(await text(request));
            const listener = awaited.shift();
            if (listener && asked.stream) listener(generation(asked, response));
            else response.writeHead(500).end('no test awaits this generation, or it does not stream');
        } else {
            response.writeHead(404).end();
        }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(() => {
        server.closeAllConnections();
        server.close();
    });
    return {
        url: `http://127.0.0.1:${server.address().port}/v1`,
        /** The next generation that anyone asks for. Call it before the asking. */
        nextGeneration: () => new Promise(resolve => awaited.push(resolve)),
    };
});

/** One answer under way. Nothing is sent but by `say` and `finish`; `abandoned` resolves when the asker leaves early. */
function generation(asked, response) {
    const abandoned = once(response, 'close').then(() => !response.writableFinished);
    const send = data => response.write(`data: ${data}\n\n`);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    return {
        asked,
        abandoned,
        say(token) {
            const choices = [{ index: 0, delta: { content: token }, finish_reason: null }];
            send(JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'parrot', choices }));
        },
        finish() {
            send('[DONE]');
            response.end();
        },
    };
}

async function text(request) {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    return body;
}

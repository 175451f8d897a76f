// A small web app of the suite's own, for what SillyTavern has no use for: echoed uploads, server-sent events, WebSockets.

import http from 'node:http';
import net from 'node:net';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { atEnd, lazily } from './cleanup.js';

/**
 * The app, started on first use: `GET /` is an empty page to run scripts in, `POST /echo` returns the body,
 * `GET /events` is a stream that only the test writes to, `/socket` echoes messages.
 */
export const upstream = lazily(async () => {
    const awaited = [];
    const digests = [];
    const server = http.createServer(async (request, response) => {
        if (request.url === '/echo') {
            // The whole body first: a browser reads no answer while it still sends.
            const body = Buffer.concat(await request.toArray());
            digests.push(createHash('sha256').update(body).digest('hex'));
            response.end(body);
        } else if (request.url === '/events') {
            response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
            response.flushHeaders();
            awaited.shift()?.({
                send: message => response.write(`data: ${message}\n\n`),
                abandoned: once(response, 'close').then(() => !response.writableFinished),
            });
        } else {
            response.setHeader('content-type', 'text/html');
            response.end('<!doctype html><title>upstream</title><link rel="icon" href="data:,">');
        }
    });

    const sockets = new WebSocketServer({ server, path: '/socket', handleProtocols: names => names.values().next().value });
    const closings = [];
    const handshakes = [];
    sockets.on('connection', (socket, request) => {
        handshakes.push(request.headers);
        socket.on('message', (message, isBinary) => {
            if (String(message) === 'close, please') socket.close(4001, 'as you wish');
            else socket.send(message, { binary: isBinary });
        });
        socket.on('close', (code, reason) => closings.shift()?.({ code, reason: String(reason) }));
    });

    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(() => {
        for (const socket of sockets.clients) socket.terminate();
        server.closeAllConnections();
        server.close();
    });
    return {
        origin: `http://127.0.0.1:${server.address().port}`,
        /** SHA-256 of every body that arrived at `/echo`. */
        digests,
        /** The headers with which each WebSocket was asked for. */
        handshakes,
        /** The next listener of `/events`. Call it before the page listens. */
        nextListener: () => new Promise(resolve => awaited.push(resolve)),
        /** Code and reason of the next WebSocket that ends, as this side saw them. */
        nextClosing: () => new Promise(resolve => closings.push(resolve)),
    };
});

/** A TCP relay to `port`. `address` is the source address that the far side sees; `received` counts bytes towards it. */
export async function startRelay({ port, address, listen = { host: '127.0.0.1', port: 0 } }) {
    const relay = { connections: 0, received: 0 };
    const open = new Set();
    const server = net.createServer(near => {
        const far = net.connect({ host: '127.0.0.1', port, localAddress: address });
        relay.connections += 1;
        near.on('data', chunk => (relay.received += chunk.length));
        for (const [one, other] of [[near, far], [far, near]]) {
            open.add(one);
            one.pipe(other);
            one.on('error', () => other.destroy());
            one.on('close', () => open.delete(one));
        }
    });
    server.listen(listen);
    await once(server, 'listening');
    atEnd(() => {
        for (const socket of open) socket.destroy();
        server.close();
    });
    relay.port = server.address().port;
    relay.origin = `http://127.0.0.1:${relay.port}`;
    return relay;
}

/**
 * An address at which nothing listens yet, but something will. The port is free because it was bound a moment ago, and stays
 * free because nobody else on the machine uses this loopback address.
 */
export async function vacantAddress() {
    const host = '127.86.0.1';
    const server = net.createServer().listen({ host, port: 0 });
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return { host, port, origin: `http://${host}:${port}` };
}

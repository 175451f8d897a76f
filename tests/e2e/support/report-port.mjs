// Loaded before SillyTavern: it accepts port 0, but prints that 0 instead of the port it was given. This tells the suite.

import net from 'node:net';

const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (...options) {
    this.once('listening', () => process.send?.({ port: this.address().port }));
    return listen.apply(this, options);
};

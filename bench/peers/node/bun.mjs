// Bun's server, which is uWebSockets: its own topics for a broadcast, no compression, no time-out, and room for all that waits.

import { MESSAGE_BYTES_MAX, options } from "./options.mjs";

const { hostname, port, isEcho } = options(process.argv.slice(2));
const server = Bun.serve({
  hostname,
  port,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("a WebSocket is served here", { status: 426 })),
  websocket: {
    maxPayloadLength: MESSAGE_BYTES_MAX,
    backpressureLimit: 4 * MESSAGE_BYTES_MAX,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open: (socket) => isEcho || socket.subscribe("all"),
    message: (socket, message) => (isEcho ? socket.send(message) : server.publish("all", message)),
  },
});
console.log(`listening on ${hostname}:${port}`);

// Node's ws, without compression; nothing of it is native, as npm installs it.

import { WebSocketServer } from "ws";
import { MESSAGE_BYTES_MAX, options } from "./options.mjs";

const { hostname, port, isEcho } = options(process.argv.slice(2));
const server = new WebSocketServer({
  host: hostname,
  port,
  backlog: 4096,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: false,
  clientTracking: !isEcho,
});
server.on("listening", () => console.log(`listening on ${hostname}:${port}`));
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    if (isEcho) return socket.send(data, { binary: isBinary });
    for (const other of server.clients) other.send(data, { binary: isBinary });
  });
});

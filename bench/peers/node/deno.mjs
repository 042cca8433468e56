// Deno's own server and WebSockets, no time-out.

import { options } from "./options.mjs";

const { hostname, port, isEcho } = options(Deno.args);
const sockets = new Set();
Deno.serve({ hostname, port, onListen: () => console.log(`listening on ${hostname}:${port}`) }, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response("a WebSocket is served here", { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = "arraybuffer";
  if (!isEcho) {
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
  }
  socket.onmessage = ({ data }) => {
    if (isEcho) return socket.send(data);
    for (const other of sockets) if (other.readyState === WebSocket.OPEN) other.send(data);
  };
  return response;
});

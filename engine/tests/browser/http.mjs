// What the node says in plain HTTP: every file with its type, over one connection kept alive; and a bare upgrade.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Agent, get } from "node:http";

const ANSWER_MS_MAX = 10_000;

const FILES = {
  "/": "text/html",
  "/flipbook": "text/html",
  "/demo/echo": "text/html",
  "/demo/chat": "text/html",
  "/demo/ticker": "text/html",
  "/assets/site.css": "text/css",
  "/assets/site.js": "text/javascript",
  "/assets/index.js": "text/javascript",
  "/assets/flipbook.css": "text/css",
  "/assets/flipbook.js": "text/javascript",
  "/assets/panel.js": "text/javascript",
  "/assets/feeds.js": "text/javascript",
  "/assets/lateness.js": "text/javascript",
  "/assets/nodeclock.js": "text/javascript",
  "/assets/horse.js": "text/javascript",
  "/assets/sketch.js": "text/javascript",
  "/assets/studio.js": "text/javascript",
  "/assets/wantedrate.js": "text/javascript",
  "/assets/echo.js": "text/javascript",
  "/assets/drawing.js": "text/javascript",
  "/assets/chat.js": "text/javascript",
  "/assets/ticker.js": "text/javascript",
  "/assets/reader.js": "text/javascript",
  "/assets/board.js": "text/javascript",
  "/ringwire.js": "text/javascript",
  "/ringwire.d.ts": "text/plain",
  "/favicon.svg": "image/svg+xml",
};

export const http = [
  {
    name: "pages are served with their types over one connection kept alive",
    async run(visit) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        let first = true;
        for (const [path, type] of Object.entries(FILES)) {
          const answer = await request(visit.url + path, { agent });
          assert.equal(answer.status, 200, path);
          assert.equal(answer.headers["content-type"]?.split(";")[0], type, path);
          assert.equal(Number(answer.headers["content-length"]), answer.body.length, path);
          assert.equal(answer.reused, !first, `${path}: ${first ? "a first request" : "the connection was not kept"}`);
          first = false;
        }
      } finally {
        agent.destroy();
      }
    },
  },
  {
    name: "an unknown path is not found, and the next request is answered",
    async run(visit) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const missing = await request(`${visit.url}/no/such/page`, { agent });
        assert.equal(missing.status, 404);
        assert.equal((await request(visit.url, { agent })).status, 200);
      } finally {
        agent.destroy();
      }
    },
  },
  {
    name: "a page's path with a slash too many leads to the page",
    async run(visit) {
      for (const path of ["/demo/chat", "/demo/echo"]) {
        const answer = await request(`${visit.url}${path}/`);
        assert.deepEqual([answer.status, answer.headers.location], [307, path]);
      }
      const page = await visit.open("/demo/chat/");
      assert.equal(new URL(page.url()).pathname, "/demo/chat");
    },
  },
  {
    name: "a subprotocol that the server does not offer is not chosen",
    async run(visit) {
      const key = randomBytes(16).toString("base64");
      const answer = await request(`${visit.url}/ws`, {
        headers: {
          Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "soap, wamp",
        },
      });
      assert.equal(answer.status, 101);
      assert.equal(answer.headers["sec-websocket-protocol"], undefined);
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      assert.equal(answer.headers["sec-websocket-accept"], accept);
    },
  },
];

function request(url, options) {
  return new Promise((resolve, reject) => {
    const sent = get(url, options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts), reused: sent.reusedSocket }));
    });
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error(`no answer from ${url}`)));
    sent.on("error", reject);
    sent.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.alloc(0) });
    });
  });
}

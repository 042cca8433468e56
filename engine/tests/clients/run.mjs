// Drives running servers with Node's ws, as an application would.
//
//   RINGWIRE_URL=ws://ADDR RINGWIRE_ROUTES_URL=ws://ADDR node run.mjs
//
// The first is `ringwire serve`, the second the example `routes`. When all else is done it prints `waiting` and expects
// the first to be shut down. Prints a line for each check, at the end `N passed, N failed`; exits 1 if one failed.

import { once } from "node:events";
import http from "node:http";
import assert from "node:assert/strict";
import { WebSocket } from "ws";

const node = process.env.RINGWIRE_URL;
const routes = process.env.RINGWIRE_ROUTES_URL;
const TIMEOUT = 20_000;

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${TIMEOUT} ms`)), TIMEOUT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function open(url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
  // What arrives with the handshake's response is not lost: it waits here.
  socket.messages = [];
  socket.on("message", (data, isBinary) => {
    socket.messages.push([data, isBinary]);
    socket.emit("queued");
  });
  await within(once(socket, "open"), `open ${url}`);
  return socket;
}

async function next(socket) {
  if (socket.messages.length === 0) await within(once(socket, "queued"), "a message");
  return socket.messages.shift();
}

async function echoed(socket, data) {
  socket.send(data);
  const [back, isBinary] = await next(socket);
  assert.equal(isBinary, typeof data !== "string");
  assert.ok(Buffer.from(data).equals(back), `${back.length} bytes came back changed`);
}

async function closed(socket) {
  const [code, reason] = await within(once(socket, "close"), "close");
  return [code, reason.toString()];
}

// The status with which a handshake is refused.
function refusal(url, options = {}) {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
  const status = new Promise((resolve, reject) => {
    socket.on("unexpected-response", (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
    socket.on("open", () => reject(new Error("accepted")));
    socket.on("error", () => {}); // comes after the request was destroyed
  });
  return within(status, "refusal");
}

function get(url) {
  const answer = new Promise((resolve, reject) => {
    http.get(url.replace(/^ws/, "http"), { agent: false }, (response) => {
      response.resume();
      resolve(response);
    }).on("error", reject);
  });
  return within(answer, `GET ${url}`);
}

const checks = {
  "text, unicode and empty": async () => {
    const socket = await open(`${node}/ws`);
    for (const text of ["hello", "", "Grüße, 世界 🌍 \u{10ffff}", "\0"]) await echoed(socket, text);
    socket.close();
    await closed(socket);
  },
  "binary of every boundary length": async () => {
    const socket = await open(`${node}/ws`);
    for (const length of [0, 1, 125, 126, 127, 4096, 65535, 65536, 200_000]) {
      await echoed(socket, Buffer.alloc(length, length % 251));
    }
    socket.terminate();
  },
  "1 MiB both ways, text and binary": async () => {
    const socket = await open(`${node}/ws`);
    await echoed(socket, "é".repeat(512 * 1024));
    await echoed(socket, Buffer.alloc(1024 * 1024, 0xa5));
    socket.terminate();
  },
  "a fragmented message with a ping inside": async () => {
    const socket = await open(`${node}/ws`);
    socket.send("frag", { fin: false });
    socket.ping("between");
    const [payload] = await within(once(socket, "pong"), "pong");
    assert.equal(payload.toString(), "between");
    socket.send("ments", { fin: true });
    assert.equal((await next(socket))[0].toString(), "fragments");
    socket.terminate();
  },
  "many messages at once come back in order": async () => {
    const socket = await open(`${node}/ws`);
    for (let number = 0; number < 1000; number++) socket.send(`message ${number}`);
    for (let number = 0; number < 1000; number++) assert.equal((await next(socket))[0].toString(), `message ${number}`);
    socket.terminate();
  },
  "close code and reason from the client": async () => {
    const socket = await open(`${node}/ws`);
    socket.close(4001, "genug für heute");
    assert.deepEqual(await closed(socket), [4001, "genug für heute"]);
  },
  "close code and reason from the server": async () => {
    const socket = await open(`${routes}/echo`);
    socket.send("bye 4321 bis später");
    assert.deepEqual(await closed(socket), [4321, "bis später"]);
  },
  "text that is not UTF-8 is answered with 1007": async () => {
    const socket = await open(`${node}/ws`);
    socket.send(Buffer.from([0x61, 0xff]), { binary: false });
    assert.equal((await closed(socket))[0], 1007);
  },
  "a message above the limit is answered with 1009": async () => {
    const socket = await open(`${node}/ws`);
    socket.on("error", () => {}); // the rest of the message may meet a closed connection
    socket.send(Buffer.alloc(1024 * 1024 + 1));
    assert.equal((await closed(socket))[0], 1009);
  },
  "subprotocol: the server's choice of the client's list": async () => {
    for (const [offered, chosen] of [[["v1.example"], "v1.example"], [["other", "v1.example", "v2.example"], "v2.example"]]) {
      const socket = await open(`${routes}/versions`, offered);
      assert.equal(socket.protocol, chosen);
      assert.equal((await next(socket))[0].toString(), `speaking ${chosen}`);
      socket.terminate();
    }
  },
  "100 connections at once": async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(`${node}/ws`)));
    await Promise.all(sockets.map(async (socket, index) => {
      for (let round = 0; round < 10; round++) await echoed(socket, `connection ${index}, round ${round}`);
      socket.close(1000);
      assert.equal((await closed(socket))[0], 1000);
    }));
  },
  "403 for another site, and none for the site itself": async () => {
    assert.equal(await refusal(`${routes}/members`, { origin: "https://elsewhere.example" }), 403);
    (await open(`${routes}/members`, [], { origin: "https://members.example" })).terminate();
  },
  "404 for a path that is not there": async () => {
    assert.equal(await refusal(`${node}/nowhere`), 404);
    assert.equal((await get(`${node}/nowhere`)).statusCode, 404);
  },
  "426 for a plain GET, with the version": async () => {
    const response = await get(`${node}/ws`);
    assert.equal(response.statusCode, 426);
    assert.equal(response.headers["sec-websocket-version"], "13");
  },
  "a page": async () => assert.equal((await get(`${node}/`)).statusCode, 200),
  "1001 when the server is shut down": async () => {
    const socket = await open(`${node}/ws`);
    const end = closed(socket);
    console.log("waiting");
    assert.equal((await end)[0], 1001);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}\n  ${error.message.replaceAll("\n", "\n  ")}`);
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

// ringwire.js against a node over real sockets: lines that break, and the node restarted under it.
//
//   RINGWIRE_PROGRAM=target/debug/ringwire node topics.mjs
//
// Starts nodes itself, on loopback. Prints a line for each check, at the end `N passed, N failed`; exits 1 if one failed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";

const program = process.env.RINGWIRE_PROGRAM;
const TIMEOUT = 20_000;
const RULES = `
[[topics]]
pattern = "kept.>"
history_count = 10000

[[topics]]
pattern = "newest"
overflow = "drop-newest"

[[topics]]
pattern = "oldest.*"
history_count = 50
overflow = "drop-oldest"

[[topics]]
pattern = "closed"
subscribe = "nobody"
`;

// Node takes a `.js` file for a module only if a package.json says so; the browser needs none.
const folder = mkdtempSync(join(tmpdir(), "ringwire-"));
copyFileSync(new URL("../../src/edge/web/ringwire.js", import.meta.url), join(folder, "ringwire.mjs"));
writeFileSync(join(folder, "node.toml"), RULES);
const { connect } = await import(pathToFileURL(join(folder, "ringwire.mjs")));

/** `ringwire serve`, on a free port unless one is given. */
async function serve(port = 0, more = []) {
  const options = [`--listen=127.0.0.1:${port}`, "--admin-listen=none", "--shards=2", "--pin=none", `--config=${folder}/node.toml`, ...more];
  const process = spawn(program, ["serve", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(process, "exit");
  let said = "";
  const address = new Promise((resolve) => {
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("data", (data) => {
        said += data;
        const found = said.match(/listening on 127\.0\.0\.1:(\d+)/);
        if (found) resolve(Number(found[1]));
      });
    }
    ended.then(() => resolve(undefined));
  });
  const listens = await address;
  if (listens === undefined) throw new Error(`no node:\n${said}`);
  const stop = async (signal) => {
    process.kill(signal);
    await ended;
  };
  return { port: listens, stop };
}

/** A client whose lines can be cut, and blocked. */
function client(port, more = {}) {
  const lines = new Set();
  let isBlocked = false;
  class Line extends WebSocket {
    constructor(...args) {
      super(...args);
      if (isBlocked) this.terminate();
      lines.add(this);
      this.on("error", () => {}); // a refused connection is closed as well
      this.on("close", () => lines.delete(this));
    }
  }
  const options = { transports: ["websocket"], WebSocket: Line, backoffMin: 20, backoffMax: 200, ...more };
  const cut = () => lines.forEach((line) => line.terminate());
  const stall = () => lines.forEach((line) => line.pause());
  const read = () => lines.forEach((line) => line.resume());
  const block = (blocks) => (isBlocked = blocks);
  return Object.assign(connect(`http://127.0.0.1:${port}`, options), { cut, stall, read, block });
}

function follow(client, topic) {
  const heard = [];
  const gaps = [];
  const errors = [];
  const losses = [];
  client.subscribe(topic, {
    onMessage: (data) => heard.push(data),
    onGap: ({ reason, count }) => {
      gaps.push(reason);
      if (reason === "lost") losses.push(count);
    },
    onError: ({ code }) => errors.push(code),
  });
  return { heard, gaps, errors, losses };
}

async function until(condition, what) {
  const end = performance.now() + TIMEOUT;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${TIMEOUT} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether subscriptions are confirmed shows by what they hear. */
async function begun(publisher, topic, followers) {
  const end = performance.now() + TIMEOUT;
  while (followers.some(({ heard }) => heard.length === 0)) {
    if (performance.now() > end) throw new Error(`not subscribed within ${TIMEOUT} ms: ${JSON.stringify(followers)}`);
    await publisher.publish(topic, "begin");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const { heard } of followers) heard.length = 0;
}

const checks = {
  "messages as they were, also where subscriptions overlap": async (node) => {
    const both = client(node.port);
    const followers = ["kept.a", "plain.a", "plain.*", "*.a"].map((topic) => follow(both, topic));
    await begun(both, "plain.a", followers.slice(1));
    const bytes = Uint8Array.of(10, 0, 255);
    const { position } = await both.publish("kept.a", "Grüße\n🌍");
    assert.match(position, /^[0-9a-f]+-\d+$/);
    assert.deepEqual(await both.publish("plain.a", bytes), { position: undefined });
    await both.publish("plain.a", "");
    const expected = [["Grüße\n🌍"], [bytes, ""], [bytes, ""], ["Grüße\n🌍", bytes, ""]];
    await until(() => followers.every(({ heard }, at) => heard.length >= expected[at].length), () => JSON.stringify(followers));
    const kinds = (list) => list.map((data) => (typeof data === "string" ? data : Array.from(data))).map(String).sort();
    followers.forEach(({ heard }, at) => assert.deepEqual(kinds(heard), kinds(expected[at])));
    both.close();
  },
  "errors have the node's codes": async (node) => {
    const one = client(node.port);
    const { errors } = follow(one, "closed");
    for (const [topic, options, code] of [["a..b", {}, "bad_topic"], ["a.*", {}, "bad_topic"], ["a", { durable: true }, "not_durable"]]) {
      await assert.rejects(one.publish(topic, "x", options), (error) => error.code === code);
    }
    await until(() => errors.length > 0, () => "an error");
    assert.deepEqual(errors, ["not_allowed"]);
    one.close();
  },
  "lines that break lose nothing and repeat nothing": async (node) => {
    const COUNT = 3000;
    const [publisher, reader] = [client(node.port), client(node.port)];
    const followers = ["kept.cut", "kept.*"].map((topic) => follow(reader, topic));
    await begun(publisher, "kept.cut", followers);
    for (let number = 0; number < COUNT; number += 1) {
      await publisher.publish("kept.cut", String(number));
      if (number % 100 === 50) reader.cut();
    }
    await until(() => followers.every(({ heard }) => heard.length >= COUNT), () => followers.map(({ heard }) => heard.length).join());
    const numbers = Array.from({ length: COUNT }, (_, number) => String(number));
    for (const { heard, gaps } of followers) {
      assert.deepEqual(heard, numbers);
      assert.deepEqual(gaps, []);
    }
    publisher.close();
    reader.close();
  },
  "who stalls is told how much it lost": async (node) => {
    const COUNT = 4000;
    const body = "x".repeat(5000);
    for (const [topic, followed] of [["newest", "newest"], ["oldest.a", "oldest.a"], ["oldest.b", "oldest.*"]]) {
      const [publisher, reader] = [client(node.port), client(node.port)];
      const follower = follow(reader, followed);
      await begun(publisher, topic, [follower]);
      reader.stall();
      for (let number = 0; number < COUNT; number += 1) await publisher.publish(topic, `${number} ${body}`);
      reader.read();
      const sum = () => follower.losses.reduce((sum, count) => sum + count, follower.heard.length);
      await until(() => sum() >= COUNT, () => `${topic}: ${follower.heard.length} heard, lost ${follower.losses}`);
      await publisher.publish(topic, "last");
      await until(() => follower.heard.at(-1) === "last", () => `${topic}: the last`);
      const numbers = follower.heard.slice(0, -1).map((data) => parseInt(data));
      assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `${topic}: out of order`);
      assert.equal(sum(), COUNT + 1, topic);
      assert.ok(follower.losses.length >= 1 && follower.losses.length < 30, `${topic}: lost ${follower.losses}`);
      assert.deepEqual(new Set(follower.gaps), new Set(["lost"]), topic);
      publisher.close();
      reader.close();
    }
  },
  "a restarted node is found again, and what it has forgotten is told": async (node) => {
    const [publisher, reader] = [client(node.port), client(node.port)];
    const kept = follow(reader, "kept.restart");
    await begun(publisher, "kept.restart", [kept]);
    await publisher.publish("kept.restart", "before");
    await until(() => kept.heard.includes("before"), () => "before");
    await node.stop("SIGTERM");
    Object.assign(node, await serve(node.port));
    await until(() => publisher.state === "open" && reader.state === "open", () => "both come back");
    await publisher.publish("kept.restart", "after");
    await until(() => kept.heard.includes("after"), () => "after");
    assert.deepEqual(kept.heard, ["before", "after"]);
    assert.deepEqual(kept.gaps, ["too_old"]);
    await node.stop("SIGKILL");
    Object.assign(node, await serve(node.port));
    await publisher.publish("kept.restart", "at last").catch(() => publisher.publish("kept.restart", "at last"));
    await until(() => kept.heard.includes("at last"), () => "at last");
    publisher.close();
    reader.close();
  },
  "who starts while the node is down finds the WebSocket when it is up": async (node) => {
    await node.stop("SIGKILL");
    const transports = ["websocket", "polling"];
    const tried = new Set();
    const reader = client(node.port, { transports, onState: ({ transport }) => tried.add(transport) });
    const publisher = client(node.port, { transports });
    const kept = follow(reader, "kept.early");
    const waiting = [reader.publish("kept.early", "1"), publisher.publish("kept.other", "2")];
    await until(() => tried.has("polling"), () => "polling is tried");
    Object.assign(node, await serve(node.port));
    await Promise.all(waiting);
    await until(() => [reader, publisher].every(({ state, transport }) => `${state} ${transport}` === "open websocket"), () => "both");
    await publisher.publish("kept.early", "3");
    await until(() => kept.heard.includes("3"), () => "3");
    assert.deepEqual(kept.heard.slice(-1), ["3"]);
    publisher.close();
    reader.close();
  },
  "an older journal put back is a gap, and what is published next is heard": async () => {
    const [journal, backup] = ["journal", "backup"].map((name) => join(folder, name));
    const keeping = [`--journal=${journal}`];
    let own = await serve(0, keeping);
    const again = async (change = () => {}) => {
      await own.stop("SIGTERM");
      change();
      own = await serve(own.port, keeping);
    };
    const readers = ["websocket", "polling"].map((transport) => client(own.port, { transports: [transport] }));
    const followers = readers.map((reader) => follow(reader, "kept.back"));
    const publisher = client(own.port);
    await begun(publisher, "kept.back", followers);
    const heard = async (text) => {
      await publisher.publish("kept.back", text);
      await until(() => followers.every((one) => one.heard.at(-1) === text), () => `${text}: ${JSON.stringify(followers)}`);
    };
    await heard("1");
    await again(() => cpSync(journal, backup, { recursive: true }));
    for (const text of ["2", "3", "4", "5"]) await heard(text);
    await again(() => {
      rmSync(journal, { recursive: true });
      cpSync(backup, journal, { recursive: true });
    });
    await until(() => followers.every(({ gaps }) => gaps.length > 0), () => "a gap");
    await until(() => [...readers, publisher].every(({ state }) => state === "open"), () => "all come back");
    for (const { heard } of followers) assert.deepEqual(heard.splice(0), ["1", "2", "3", "4", "5"]);
    await begun(publisher, "kept.back", followers);
    await heard("new");
    for (const { heard, gaps, errors } of followers) assert.deepEqual([heard, gaps, errors], [["new"], ["too_old"], []]);
    for (const one of [...readers, publisher]) one.close();
    await own.stop("SIGKILL");
  },
  "a WebSocket that is blocked is taken once it is not, and nothing is lost or comes twice": async (node) => {
    const reader = client(node.port, { transports: ["websocket", "polling"], probeMin: 50, probeMax: 50 });
    const publisher = client(node.port);
    reader.block(true);
    reader.cut();
    const followers = ["kept.blocked", "kept.*"].map((topic) => follow(reader, topic));
    await begun(publisher, "kept.blocked", followers);
    await assert.rejects(reader.publish("kept.blocked", "x"), (error) => error.code === "transport");
    const published = [];
    for (let round = 0; round < 6; round += 1) {
      const expected = round % 2 === 0 ? "polling" : "websocket";
      reader.block(round % 2 === 0);
      if (round % 2 === 0) reader.cut();
      const isThere = () => reader.state === "open" && reader.transport === expected;
      for (let number = 0; !isThere() || number < 200; number += 1) {
        assert.ok(number < 9_000, `round ${round}: ${reader.transport} and ${reader.state}, not ${expected}`);
        published.push(`${round} ${number}`);
        await publisher.publish("kept.blocked", published.at(-1));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await until(() => followers.every(({ heard }) => heard.length >= published.length), () => followers.map(({ heard }) => heard.length).join());
    for (const { heard, gaps } of followers) assert.deepEqual([heard, gaps], [published, []]);
    publisher.close();
    reader.close();
  },
};

if (!program) {
  console.error("RINGWIRE_PROGRAM is not set: give the path of ringwire, for example target/debug/ringwire");
  process.exit(2);
}
const node = await serve();
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check(node);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}\n  ${error.stack.replaceAll("\n", "\n  ")}`);
  }
}
await node.stop("SIGKILL");
rmSync(folder, { recursive: true });
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

// ringwire.js against a node without a network and a clock without time: no dependencies.

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Clock, Node } from "./fakes.mjs";

// Node takes a `.js` file for a module only if a package.json says so; the browser needs none.
const folder = mkdtempSync(join(tmpdir(), "ringwire-"));
copyFileSync(new URL("../../src/edge/web/ringwire.js", import.meta.url), join(folder, "ringwire.mjs"));
const { connect, RingwireError } = await import(pathToFileURL(join(folder, "ringwire.mjs")));
after(() => rmSync(folder, { recursive: true }));

const ALL = ["websocket", "sse", "polling"];

function start(options = {}) {
  const clock = new Clock();
  const node = new Node(clock);
  options.prepare?.(node);
  const states = [];
  const { setTimeout, clearTimeout, now } = clock;
  const onState = (event) => states.push(event);
  const client = connect("https://node.example/base", { ...node.classes, setTimeout, clearTimeout, now, random: () => 1, onState, ...options });
  return { clock, node, states, client };
}

function follow(client, topic, more = {}) {
  const heard = [];
  const gaps = [];
  const errors = [];
  const subscription = client.subscribe(topic, {
    onMessage: (data, from) => heard.push([data, from.topic, from.position]),
    onGap: ({ topic, reason, count }) => gaps.push([topic, reason, count]),
    onError: ({ code }) => errors.push(code),
    ...more,
  });
  return { heard, gaps, errors, subscription, texts: () => heard.map(([data]) => data) };
}

test("subscriptions that overlap hear each message once, with history and without", async () => {
  for (const withoutHistory of [false, true]) {
    const { clock, node, client } = start({ transports: ["websocket"], prepare: (node) => withoutHistory && node.withoutHistory.add("a.b") });
    const all = ["a.b", "a.*", ">", "a.b"].map((topic) => follow(client, topic));
    await clock.pass();
    const sent = ["1", "2", "2", "1", Uint8Array.of(49), ""];
    for (const data of sent) node.publish("a.b", data);
    await clock.pass();
    for (const { texts } of all) assert.deepEqual(texts(), sent);
    all[1].subscription.unsubscribe();
    await clock.pass();
    for (const data of ["2", "3"]) node.publish("a.b", data);
    await clock.pass();
    assert.deepEqual(all[0].texts(), [...sent, "2", "3"]);
    assert.deepEqual(all[1].texts(), sent);
    all[2].subscription.unsubscribe();
    all[3].subscription.unsubscribe();
    await clock.pass();
    node.publish("a.b", "3");
    await clock.pass();
    assert.deepEqual(all[0].texts(), [...sent, "2", "3", "3"]);
    client.close();
  }
});

test("a live message for one subscription does not take what is still to be replayed to another", async () => {
  const { clock, node, client } = start({ transports: ["websocket"] });
  const all = ["a.b", "a.*", ">", "a.b"].map((topic) => follow(client, topic));
  await clock.pass(5);
  const sent = Array.from({ length: 40 }, (_, number) => `${number}`);
  for (const text of sent.slice(0, 10)) node.publish("a.b", text);
  await clock.pass();
  node.cut();
  for (const text of sent.slice(10, 30)) node.publish("a.b", text);
  node.pageMax = 3;
  await clock.pass(2_000);
  for (const text of sent.slice(30)) {
    node.publish("a.b", text);
    await clock.pass(1);
  }
  await clock.pass(100);
  for (const { texts, gaps } of all) assert.deepEqual([texts(), gaps], [sent, []]);
  client.close();
});

const rejected = (promise, code) => assert.rejects(promise, (error) => error instanceof RingwireError && error.code === code);

for (const transport of ALL) {
  describe(`over ${transport}`, () => {
    const only = (options) => start({ transports: [transport], ...options });

    test("messages, text and binary, with topic and position", async () => {
      const { clock, node, client } = only();
      const { heard } = follow(client, "a.b");
      await clock.pass();
      assert.equal(client.state, "open");
      node.publish("a.b", "Grüße\n🌍");
      await clock.pass();
      node.publish("a.b", Uint8Array.of(10, 0, 255));
      node.publish("a.c", "not for us");
      await clock.pass();
      assert.deepEqual(heard, [["Grüße\n🌍", "a.b", "1f-1"], [Uint8Array.of(10, 0, 255), "a.b", "1f-2"]]);
      client.close();
    });

    test("resumes behind the last message", async () => {
      const { clock, node, client } = only();
      const { texts, gaps } = follow(client, "a");
      await clock.pass();
      node.publish("a", "1");
      await clock.pass();
      node.cut();
      node.publish("a", "2");
      node.publish("a", "3");
      await clock.pass(40_000);
      node.publish("a", "4");
      await clock.pass();
      assert.deepEqual(texts(), ["1", "2", "3", "4"]);
      assert.deepEqual(gaps, []);
      client.close();
    });

    test("resumes what it has heard nothing of yet", async () => {
      const { clock, node, client } = only();
      node.publish("a", "before");
      const { texts } = follow(client, "a");
      await clock.pass();
      node.cut();
      node.publish("a", "missed");
      await clock.pass(40_000);
      assert.deepEqual(texts(), ["missed"]);
      client.close();
    });

    test("a pattern resumes each topic, also one born meanwhile", async () => {
      const { clock, node, client } = only();
      node.publish("a.old", "before");
      await clock.pass(5);
      const { heard, gaps } = follow(client, "a.>");
      await clock.pass(5);
      node.publish("a.x", "1");
      node.publish("a.y", "2");
      await clock.pass();
      node.cut();
      await clock.pass(5);
      node.publish("a.x", "3");
      node.publish("a.new", "4");
      await clock.pass(40_000);
      assert.deepEqual(heard.map(([data, topic]) => [data, topic]).sort(), [["1", "a.x"], ["2", "a.y"], ["3", "a.x"], ["4", "a.new"]]);
      assert.deepEqual(gaps, []);
      client.close();
    });

    test("a gap is told once, then comes what there is", async () => {
      const { clock, node, client } = only();
      const { texts, gaps } = follow(client, "a");
      await clock.pass();
      node.publish("a", "1");
      await clock.pass();
      node.cut();
      for (const text of ["2", "3", "4"]) node.publish("a", text);
      node.forget("a", 3);
      await clock.pass(40_000);
      assert.deepEqual(gaps, [["a", "too_old", undefined]]);
      assert.deepEqual(texts(), ["1", "4"]);
      client.close();
    });

    test("a new epoch is a gap, and its offsets start anew", async () => {
      const { clock, node, client } = only();
      const { texts, gaps } = follow(client, "a", { after: "1e-99" });
      node.publish("a", "1");
      await clock.pass();
      assert.deepEqual(texts(), ["1"]);
      assert.deepEqual(gaps, [["a", "too_old", undefined]]);
      client.close();
    });

    test("a node whose numbering is behind is a gap, and what is published next is heard", async () => {
      const { clock, node, states, client } = only();
      const [name, pattern] = [follow(client, "a"), follow(client, "*")];
      await clock.pass(5);
      for (const text of ["1", "2", "3"]) node.publish("a", text);
      node.publish("b", "other");
      await clock.pass();
      node.cut();
      node.goBack("a", 2);
      await clock.pass(40_000);
      assert.equal(states.at(-1).state, "open");
      for (const text of ["new 2", "new 3", "new 4"]) node.publish("a", text);
      await clock.pass();
      assert.deepEqual(name.texts(), ["1", "2", "3", "new 2", "new 3", "new 4"]);
      assert.deepEqual(pattern.heard.filter(([, topic]) => topic === "a").map(([text]) => text), name.texts());
      assert.deepEqual([name.gaps, pattern.gaps], [[["a", "too_old", undefined]], [["*", "too_old", undefined]]]);
      assert.deepEqual([name.errors, pattern.errors], [[], []]);
      node.cut();
      node.publish("a", "5");
      await clock.pass(40_000);
      assert.deepEqual([name.texts().at(-1), pattern.texts().at(-1), name.gaps.length], ["5", "5", 1], "it resumes again");
      client.close();
    });

    test("a node that refuses to begin anew as well has refused for good", async () => {
      const { clock, node, client } = only({ prepare: (node) => node.refused.set("a", "bad_position") });
      const { gaps, errors } = follow(client, "a", { after: "1f-9" });
      await clock.pass(40_000);
      assert.deepEqual([gaps, errors], [[["a", "too_old", undefined]], ["bad_position"]]);
      assert.equal(client.subscriptions.size, 0);
      client.close();
      assert.ok(node.asked.length < 9, "not asked again and again");
    });

    test("a refusal ends one subscription, and no other", async () => {
      const { clock, node, client } = only({ prepare: (node) => node.refused.set("secret", "not_allowed") });
      const other = follow(client, "a");
      const { errors } = follow(client, "secret");
      await clock.pass(2_000);
      node.publish("a", "1");
      await clock.pass(2_000);
      assert.deepEqual(errors, ["not_allowed"]);
      assert.deepEqual(other.texts(), ["1"]);
      assert.equal(client.subscriptions.size, 1);
      client.close();
    });

    test("after unsubscribe nothing comes", async () => {
      const { clock, node, client } = only();
      const { texts, subscription } = follow(client, "a");
      const other = follow(client, "b");
      await clock.pass();
      subscription.unsubscribe();
      await clock.pass();
      node.publish("a", "1");
      node.publish("b", "2");
      await clock.pass();
      assert.deepEqual([texts(), other.texts()], [[], ["2"]]);
      assert.equal(node.followers.size, 1);
      client.close();
      await clock.pass();
      assert.equal(node.followers.size, 0);
    });

    test("a handler that throws stops nothing", async (context) => {
      context.mock.method(console, "error", () => {});
      const { clock, node, client } = only();
      client.subscribe("a", { onMessage() { throw new Error("the page's own"); } });
      const { texts } = follow(client, "a");
      await clock.pass();
      node.publish("a", "1");
      await clock.pass();
      assert.deepEqual(texts(), ["1"]);
      assert.equal(console.error.mock.callCount(), 1);
      client.close();
    });
  });
}

// Messages, losses of the line, blocked transports and waiting in any order: each message once, in order.
for (const transports of [...ALL.map((one) => [one]), ALL]) {
  test(`nothing is lost or comes twice: ${transports.join(", ")}`, async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      let random = seed * 7919;
      const below = (limit) => (random = (random * 48271) % 2147483647) % limit;
      const { clock, node, client } = start({ transports, random: () => below(1000) / 1000 });
      node.pageMax = [1, 3, Infinity][below(3)];
      const exact = follow(client, "t.a");
      const pattern = follow(client, "t.*");
      await clock.pass(2);
      const published = [];
      for (let step = 0; step < 60; step += 1) {
        const topic = ["t.a", "t.b", "t.c"][below(3)];
        switch (below(8)) {
          case 0: node.cut(); break;
          case 1: if (transports.length > 1) node.blocked.add(transports[below(2)]); break;
          case 2: node.blocked.clear(); break;
          case 3: await clock.pass(below(3_000)); break;
          case 4: await clock.pass(); break;
          default: published.push([node.publish(topic, `${step}`), `${step}`, topic]);
        }
      }
      node.blocked.clear();
      await clock.pass(200_000);
      for (const topic of ["t.a", "t.b", "t.c"]) {
        const expected = published.filter(([, , name]) => name === topic).map(([, text]) => text);
        const of = ({ heard }) => heard.filter(([, name]) => name === topic).map(([text]) => text);
        if (topic === "t.a") assert.deepEqual(of(exact), expected, `seed ${seed}`);
        assert.deepEqual(of(pattern), expected, `seed ${seed}, ${topic} of the pattern`);
      }
      assert.deepEqual([exact.gaps, pattern.gaps], [[], []], `seed ${seed}`);
      client.close();
    }
  });
}

describe("coming back", () => {
  test("waits twice as long each time, up to the most, with a random part", async () => {
    const waits = async (random) => {
      const { clock, states, client } = start({ transports: ["websocket"], random: () => random, prepare: (node) => node.blocked.add("websocket") });
      await clock.pass(200_000);
      client.close();
      return states.filter(({ retryIn }) => retryIn !== undefined).map(({ retryIn }) => retryIn).slice(0, 9);
    };
    assert.deepEqual(await waits(1), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    assert.deepEqual((await waits(0)).slice(0, 3), [250, 500, 1000]);
  });

  test("starts anew only when it was open for a while", async () => {
    const { clock, node, states, client } = start();
    const waits = () => states.filter(({ retryIn }) => retryIn !== undefined).map(({ retryIn }) => retryIn);
    await clock.pass();
    for (let round = 0; round < 3; round += 1) {
      node.cut();
      await clock.pass(4_000);
    }
    assert.deepEqual(waits(), [500, 1000, 2000]);
    await clock.pass(10_000);
    node.cut();
    assert.equal(waits().at(-1), 500);
    client.close();
  });

  test("a dead line is found by pings", async () => {
    const { clock, node, states, client } = start();
    await clock.pass(100_000);
    assert.equal(node.opened.length, 1, "answered pings keep it open");
    node.silent.add("ping");
    await clock.pass(60_000);
    assert.ok(states.some(({ reason }) => reason === "the line is dead"));
    client.close();
  });

  test("1008 is final, and says why", async () => {
    const { clock, node, states, client } = start();
    await clock.pass();
    node.cut(1008, "not_allowed: ask the operator");
    await clock.pass(100_000);
    assert.deepEqual(states.at(-1), { state: "closed", transport: "websocket", reason: "not_allowed: ask the operator" });
    assert.equal(node.opened.length, 1);
    assert.throws(() => client.subscribe("a"), { code: "closed" });
    await rejected(client.publish("a", ""), "closed");
  });

  test("a page may close it as soon as it is open", async () => {
    for (const transport of ALL) {
      const { clock, node, client } = start({ transports: [transport], onState: ({ state }) => state === "open" && client.close() });
      follow(client, "a");
      await clock.pass(100);
      assert.deepEqual([client.state, clock.timers.size, node.sockets.size, node.streams.size], ["closed", 0, 0, 0], transport);
    }
  });

  test("a closed client leaves no timer behind", async () => {
    for (const transport of ALL) {
      const { clock, client } = start({ transports: [transport] });
      follow(client, "a");
      await clock.pass(100);
      client.close();
      await clock.pass(31_000);
      assert.equal(clock.timers.size, 0, transport);
    }
  });
});

describe("which transport", () => {
  const order = (node) => node.opened.map(([transport]) => transport).filter((name, at, all) => name !== all[at - 1]);

  test("the WebSocket, if it opens", async () => {
    const { clock, node, client } = start();
    follow(client, "a");
    await clock.pass(100_000);
    assert.deepEqual([order(node), client.transport], [["websocket"], "websocket"]);
    client.close();
  });

  test("Server-Sent Events after two failures, then polling", async () => {
    const { clock, node, client } = start({ prepare: (node) => node.blocked.add("websocket").add("sse") });
    const { texts } = follow(client, "a");
    await clock.pass(60_000);
    assert.deepEqual([order(node), client.transport, client.state], [["polling"], "polling", "open"]);
    node.publish("a", "1");
    await clock.pass();
    assert.deepEqual(texts(), ["1"]);
    client.close();
  });

  test("one that does not answer has failed after a while", async () => {
    const { clock, node, states, client } = start({ prepare: (node) => node.silent.add("websocket").add("sse") });
    follow(client, "a");
    await clock.pass(4_999);
    assert.equal(states.length, 1);
    await clock.pass(60_000);
    assert.deepEqual([order(node), client.state], [["polling"], "open"]);
    client.close();
  });

  test("a WebSocket without the subprotocol is none", async () => {
    const { clock, node, client } = start();
    const { WebSocket } = node.classes;
    const other = start({ WebSocket: class extends WebSocket { get protocol() { return ""; } set protocol(_) {} } });
    follow(other.client, "a");
    await other.clock.pass(10_000);
    assert.equal(other.client.transport, "sse");
    client.close();
    other.client.close();
    await clock.pass();
  });

  test("the first again, if nothing gets through", async () => {
    const { clock, node, client } = start({ prepare: (node) => ALL.forEach((one) => node.blocked.add(one)) });
    follow(client, "a");
    await clock.pass(300_000);
    assert.notEqual(client.state, "open");
    node.blocked.delete("websocket");
    await clock.pass(300_000);
    assert.deepEqual([client.transport, client.state], ["websocket", "open"]);
    client.close();
  });

  test("a WebSocket that has worked is waited for", async () => {
    const { clock, node, client } = start();
    follow(client, "a");
    await clock.pass(20_000);
    node.blocked.add("websocket");
    node.cut();
    await clock.pass(5_000);
    node.blocked.clear();
    await clock.pass(10_000);
    assert.deepEqual(order(node), ["websocket"]);
    client.close();
  });

  test("a WebSocket that has worked is left after a while, and tried again when the next line breaks", async () => {
    const { clock, node, client } = start();
    follow(client, "a");
    await clock.pass(1_000);
    node.blocked.add("websocket");
    node.cut();
    await clock.pass(100_000);
    assert.deepEqual(order(node), ["websocket", "sse"]);
    node.blocked.clear();
    node.cut();
    await clock.pass(40_000);
    assert.deepEqual([order(node), client.state], [["websocket", "sse", "websocket"], "open"]);
    client.close();
  });

  test("one that has worked and is blocked under way is left within ten seconds", async () => {
    for (const kind of ["blocked", "silent"]) {
      for (const worked of ["websocket", "sse"]) {
        for (const openFor of [1_000, 8_000, 60_000]) {
          for (const random of [0, 0.5, 1]) {
            const lower = ALL.at(ALL.indexOf(worked) + 1);
            const prepare = (node) => ALL.slice(0, ALL.indexOf(worked)).forEach((one) => node.blocked.add(one));
            const { clock, node, client } = start({ prepare, random: () => random });
            const { texts } = follow(client, "a");
            while (client.state !== "open") await clock.pass(100);
            await clock.pass(openFor);
            assert.equal(client.transport, worked);
            node[kind].add(worked);
            node.cut();
            node.publish("a", "missed");
            await clock.pass(10_000);
            assert.deepEqual([client.transport, client.state, texts()], [lower, "open", ["missed"]], `${kind} ${worked} ${openFor} ${random}`);
            client.close();
          }
        }
      }
    }
  });

  test("two that have worked and are refused under way are left within ten seconds", async () => {
    const { clock, node, client } = start({ prepare: (node) => node.blocked.add("websocket") });
    follow(client, "a");
    await clock.pass(20_000);
    node.blocked.clear();
    await clock.pass(60_000);
    assert.deepEqual(order(node), ["sse", "websocket"]);
    node.blocked.add("websocket").add("sse");
    node.cut();
    await clock.pass(10_000);
    assert.deepEqual([client.transport, client.state], ["polling", "open"]);
    client.close();
  });

  test("a node that is down is asked ever more seldom", async () => {
    const times = [];
    const { clock, node, client } = start({ prepare: (node) => ALL.forEach((one) => node.blocked.add(one)), onState: ({ retryIn }) => retryIn === undefined && times.push(clock.now()) });
    follow(client, "a");
    await clock.pass(600_000);
    const late = times.filter((time) => time >= 300_000);
    assert.ok(late.length <= 24, `${late.length} attempts in five minutes`);
    client.close();
    assert.equal(node.opened.length, 0);
  });

  test("can be forced, and an unknown one is an error", async () => {
    const { clock, node, client } = start({ transports: ["sse"] });
    follow(client, "a");
    await clock.pass(1_000);
    assert.deepEqual(order(node), ["sse"]);
    assert.throws(() => start({ transports: ["pigeon"] }), TypeError);
    assert.throws(() => start({ transports: [] }), TypeError);
    client.close();
  });

  test("URLs below the node's, names encoded", async () => {
    const { clock, node, client } = start({ transports: ["polling"] });
    follow(client, "é.>", { after: { "é.a+b": "1f-0" }, since: 7 });
    await clock.pass();
    const query = "after=%C3%A9.a%2Bb%3A1f-0&since=7";
    assert.deepEqual(node.asked, [`/base/topics/%C3%A9.%3E?${query}`, `/base/topics/%C3%A9.%3E?${query}&wait=30000ms`]);
    client.close();
  });
});

describe("a better transport", () => {
  const down = (node) => ALL.forEach((one) => node.blocked.add(one));
  const opened = (node, transport) => node.opened.filter(([name]) => name === transport).length;

  /** A client whose WebSocket is blocked, with what else is. */
  async function low(blocked = ["websocket"], options = {}) {
    const all = start({ prepare: (node) => blocked.forEach((one) => node.blocked.add(one)), ...options });
    const followed = [follow(all.client, "a"), follow(all.client, "a"), follow(all.client, "*")];
    await all.clock.pass(15_000);
    assert.equal(all.client.state, "open");
    return { ...all, followed };
  }

  test("is found at once when the node was down at the start, however long", async () => {
    for (const time of [100, 400, 600, 1_000, 2_000, 3_000, 5_000, 10_000, 60_000, 300_000]) {
      const { clock, node, client } = start({ prepare: down });
      const { texts, gaps } = follow(client, "a");
      const waiting = client.publish("a", "waited");
      await clock.pass(time);
      node.blocked.clear();
      await clock.pass(31_000);
      assert.deepEqual([client.transport, client.state], ["websocket", "open"], `down for ${time} ms`);
      await waiting;
      await client.publish("a", "at once");
      await clock.pass();
      assert.deepEqual(texts(), ["waited", "at once"]);
      assert.deepEqual(gaps, []);
      client.close();
    }
  });

  test("is found by a client that only publishes", async () => {
    for (const time of [600, 1_000, 3_000, 60_000]) {
      const { clock, node, client } = start({ prepare: down });
      const waiting = client.publish("a", "1");
      await clock.pass(time);
      node.blocked.clear();
      await clock.pass(31_000);
      assert.deepEqual([await waiting, client.transport], [{ position: "1f-1" }, "websocket"]);
      client.close();
    }
  });

  test("is taken when it is not blocked any more, and nothing is lost or comes twice", async () => {
    for (const blocked of [["websocket"], ["websocket", "sse"]]) {
      const { clock, node, client, followed } = await low(blocked);
      assert.equal(client.transport, ALL[blocked.length]);
      node.publish("a", "1");
      await clock.pass();
      node.blocked.clear();
      await clock.pass(2_500);
      const published = ["1"];
      while (client.transport !== "websocket" && published.length < 100) {
        published.push(`${published.length + 1}`);
        node.publish("a", published.at(-1));
        await clock.pass(997);
      }
      node.publish("a", "last");
      await clock.pass();
      for (const { texts, gaps } of followed) assert.deepEqual([texts(), gaps], [[...published, "last"], []]);
      assert.ok(published.length < 31, "the first probe is after 30 s");
      assert.deepEqual([node.streams.size, node.followers.size, node.sockets.size], [0, 2, 1], "nothing else goes on");
      await client.publish("a", "");
      client.close();
    }
  });

  test("of two, the best that works", async () => {
    const { clock, node, client, followed: [{ texts, gaps }] } = await low(["websocket", "sse"]);
    node.blocked.delete("sse");
    await clock.pass(40_000);
    node.publish("a", "1");
    await clock.pass();
    assert.deepEqual([client.transport, texts(), gaps], ["sse", ["1"], []]);
    node.blocked.clear();
    await clock.pass(40_000);
    assert.equal(client.transport, "websocket");
    client.close();
  });

  test("is tried ever more seldom, at each return anew, and beside what works", async () => {
    for (const kind of ["blocked", "silent"]) {
      const times = [];
      const { clock, node, states, client } = await low([], {
        prepare: (node) => {
          node[kind].add("websocket");
          const { WebSocket } = node.classes;
          node.classes.WebSocket = class extends WebSocket {
            constructor(...given) {
              super(...given);
              times.push(node.clock.time);
            }
          };
        },
      });
      await clock.pass(3_000_000);
      const pauses = times.slice(3).map((time, at) => time - times[at + 2]);
      const late = kind === "silent" ? 5_000 : 0;
      assert.deepEqual(pauses, [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000, 600_000].map((pause) => pause + late));
      assert.equal(opened(node, "sse"), 3, "each subscription once");
      assert.equal(states.at(-1).state, "open");
      const before = times.length;
      node.cut();
      await clock.pass(1_000);
      assert.deepEqual([times.length, client.transport], [before + 1, "sse"]);
      await clock.pass(30_000 + late);
      assert.equal(times.length, before + 2);
      client.close();
      await clock.pass(6_000);
      assert.deepEqual([clock.timers.size, node.sockets.size], [0, 0]);
    }
  });

  test("one that the page's browser lacks does no harm", async () => {
    const { clock, client, followed: [{ texts }], node } = await low([], { WebSocket: undefined });
    await clock.pass(100_000);
    node.publish("a", "1");
    await clock.pass();
    assert.deepEqual([client.transport, client.state, texts()], ["sse", "open", ["1"]]);
    await rejected(client.publish("a", ""), "transport");
    client.close();
  });

  test("subscriptions come and go while it is tried", async () => {
    const { clock, node, client, followed } = await low(["websocket", "sse"]);
    node.blocked.delete("sse");
    node.silent.add("sse");
    await clock.pass(20_000);
    followed[2].subscription.unsubscribe();
    const late = follow(client, "b");
    await clock.pass();
    assert.equal(Array.from(node.streams).filter((one) => one.listeners).length, 2, "the trial's");
    node.publish("b", "1");
    await clock.pass(6_000);
    assert.deepEqual([client.transport, client.state, late.texts()], ["polling", "open", ["1"]]);
    assert.equal(Array.from(node.streams).filter((one) => one.listeners).length, 0);
    client.close();
  });

  test("subscriptions that are confirmed late, or made while it takes over, miss nothing and hear nothing twice", async () => {
    for (let moment = 0; moment < 40; moment += 1) {
      const { clock, node, client, followed } = await low([], { prepare: slowStreams });
      const b = follow(client, "b");
      await clock.pass();
      node.blocked.delete("sse");
      let [published, turns, late] = [0, 0, undefined];
      const turn = () => {
        for (const topic of ["a", "b"]) node.publish(topic, `${published}`);
        published += 1;
        if (client.trial && turns++ === moment) late = follow(client, "b");
      };
      while (!client.trial && published < 1_000) {
        turn();
        await clock.pass(500);
      }
      for (let at = 0; at < 60; at += 1) {
        turn();
        await setImmediate();
      }
      await clock.pass(2_000);
      turn();
      await clock.pass();
      for (let at = 0; at < 60; at += 1) await setImmediate();
      assert.equal(client.transport, "sse");
      const all = Array.from({ length: published }, (_, at) => `${at}`);
      for (const { texts } of [followed[0], followed[1], b]) assert.deepEqual(texts(), all, `moment ${moment}`);
      for (const topic of ["a", "b"]) assert.deepEqual(followed[2].heard.filter(([, from]) => from === topic).map(([text]) => text), all);
      if (late) assert.deepEqual(late.texts(), all.slice(-late.texts().length), `moment ${moment}`);
      assert.ok(late ? late.texts().length > 0 : moment > 3, `moment ${moment} of ${turns}`);
      client.close();
    }
  });

  /** Only polling works. What streams say takes its time, for each topic another. */
  function slowStreams(node) {
    node.blocked.add("websocket").add("sse");
    const { EventSource } = node.classes;
    node.classes.EventSource = class extends EventSource {
      constructor(url) {
        super(url);
        this.rounds = { a: 9, b: 22 }[new URL(url).pathname.at(-1)] ?? 15;
      }

      async emit(...event) {
        for (let round = 0; round < this.rounds; round += 1) await setImmediate();
        if (event[0] === "error" || node.streams.has(this)) super.emit(...event);
      }
    };
  }

  test("is waited for by what is published before it was tried", async () => {
    const outcomes = [];
    const onState = ({ state, transport }) => {
      if (state === "open" && transport === "sse") outcomes.push(client.publish("a", "early"));
    };
    const { clock, node, client } = start({ onState, prepare: down });
    follow(client, "a");
    await clock.pass(900);
    node.blocked.clear();
    await clock.pass(1_000);
    assert.deepEqual(await Promise.all(outcomes), [{ position: "1f-1" }]);
    client.close();
  });

  test("a node that does not even answer who only publishes is not taken for one", async () => {
    const { clock, node, client } = start({ fetch: () => new Promise(() => {}), prepare: down });
    const waiting = client.publish("a", "1");
    await clock.pass(5_000);
    node.blocked.clear();
    await clock.pass(60_000);
    assert.deepEqual([await waiting, client.transport], [{ position: "1f-1" }, "websocket"]);
    client.close();
  });

  test("a topic that cannot be polled is refused only where nothing better works", async () => {
    const prepare = (node) => { down(node); node.withoutHistory.add("a"); };
    const { clock, node, client } = start({ prepare });
    const { errors, texts } = follow(client, "a");
    await clock.pass(3_000);
    node.blocked.clear();
    await clock.pass(10_000);
    node.publish("a", "1");
    await clock.pass();
    assert.deepEqual([client.transport, errors, texts()], ["websocket", [], ["1"]]);
    node.blocked.add("websocket").add("sse");
    node.cut();
    await clock.pass(300_000);
    assert.deepEqual([client.transport, errors], ["polling", ["no_history"]]);
    client.close();
  });
});

describe("publishing", () => {
  test("resolves with the position", async () => {
    const { clock, node, client } = start();
    await clock.pass();
    const [text, binary] = [client.publish("a", "1", { durable: true }), client.publish("a", Uint8Array.of(10, 1).subarray(1))];
    await clock.pass();
    assert.deepEqual(await Promise.all([text, binary]), [{ position: "1f-1" }, { position: "1f-2" }]);
    assert.deepEqual(node.asked, [{ op: "publish", topic: "a", data: "1", durable: true }, { op: "publish", topic: "a" }]);
    assert.deepEqual(Array.from(node.topic("a").messages[1].data), [1]);
    client.close();
  });

  test("waits for a connection, and only so many wait", async () => {
    const { clock, node, client } = start({ waitingMax: 1 });
    const first = client.publish("a", "1");
    await rejected(client.publish("a", "2"), "waiting");
    await clock.pass();
    assert.deepEqual(await first, { position: "1f-1" });
    assert.equal(node.topic("a").last, 1);
    client.close();
  });

  test("what was sent and not answered is unknown; what was not sent goes later, once", async () => {
    const { clock, node, client } = start();
    await clock.pass();
    node.answersPublish = false;
    const sent = client.publish("a", "sent");
    const outcome = rejected(sent, "unknown");
    await clock.pass();
    node.cut();
    await outcome;
    node.answersPublish = true;
    const unsent = client.publish("a", "unsent");
    await clock.pass(10_000);
    await unsent;
    assert.deepEqual(node.topic("a").messages.map(({ data }) => data), ["sent", "unsent"]);
    client.close();
  });

  test("rejects with the node's refusal", async () => {
    const { clock, client } = start({ prepare: (node) => node.refused.set("a", "not_durable") });
    await clock.pass();
    await rejected(client.publish("a", "", { durable: true }), "not_durable");
    client.close();
  });

  test("rejects where there is no WebSocket, also what waits", async () => {
    const forced = start({ transports: ["sse"] });
    await rejected(forced.client.publish("a", ""), "transport");
    forced.client.close();
    const { clock, client } = start({ prepare: (node) => node.blocked.add("websocket") });
    const outcome = rejected(client.publish("a", ""), "transport");
    await clock.pass(10_000);
    await outcome;
    client.close();
  });

  test("waits, only so many, until it is known that the WebSocket is blocked", async () => {
    const { clock, node, client } = start({ waitingMax: 1, prepare: (node) => ALL.forEach((one) => node.blocked.add(one)) });
    follow(client, "b");
    let outcome = "waits";
    client.publish("a", "1").catch(({ code }) => (outcome = code));
    await clock.pass(300_000);
    assert.equal(outcome, "waits", "nobody was reached");
    await rejected(client.publish("a", "2"), "waiting");
    node.blocked.delete("sse");
    await clock.pass(300_000);
    assert.deepEqual([outcome, client.transport], ["transport", "sse"]);
    await rejected(client.publish("a", "3"), "transport");
    node.cut();
    const late = client.publish("a", "4");
    node.blocked.clear();
    await clock.pass(10_000);
    assert.deepEqual([await late, node.topic("a").last], [{ position: "1f-1" }, 1]);
    client.close();
  });

  test("rejects what waits when the client is closed, and what is no payload", async () => {
    const { client } = start();
    await assert.rejects(client.publish("a", { any: 1 }), TypeError);
    const outcome = rejected(client.publish("a", ""), "closed");
    client.close();
    await outcome;
  });
});

describe("subscriptions", () => {
  test("a refusal that passes is asked again", async () => {
    const { clock, node, client } = start({ prepare: (node) => node.refused.set("a", "busy") });
    const { texts, errors } = follow(client, "a");
    await clock.pass(600);
    node.refused.clear();
    await clock.pass(600);
    node.publish("a", "1");
    await clock.pass();
    assert.deepEqual([texts(), errors], [["1"], []]);
    client.close();
  });

  test("two of one name are one to the node until both are gone", async () => {
    const { clock, node, client } = start();
    const [one, two] = [follow(client, "a"), follow(client, "a")];
    await clock.pass();
    one.subscription.unsubscribe();
    await clock.pass();
    node.publish("a", "1");
    await clock.pass();
    two.subscription.unsubscribe();
    await clock.pass();
    assert.deepEqual([one.texts(), two.texts()], [[], ["1"]]);
    assert.deepEqual(node.asked.filter(({ op }) => op === "unsubscribe"), [{ op: "unsubscribe", topic: "a" }]);
    client.close();
  });

  test("one that has gone hears nothing of its gap", async () => {
    const { clock, client } = start();
    await clock.pass();
    const late = follow(client, "b", { after: "1e-5" });
    late.subscription.unsubscribe();
    await clock.pass();
    assert.deepEqual(late.gaps, []);
    client.close();
  });

  test("a later one that resumes misses nothing though another is ahead, which hears nothing twice", async () => {
    const { clock, node, client } = start();
    const wide = follow(client, ">");
    await clock.pass();
    for (const text of ["1", "2", "3"]) node.publish("a", text);
    await clock.pass();
    const narrow = follow(client, "a", { after: "1f-1" });
    node.publish("a", "4");
    await clock.pass();
    assert.deepEqual([wide.texts(), narrow.texts()], [["1", "2", "3", "4"], ["2", "3", "4"]]);
    client.close();
  });

  test("topics without history have a gap with each return", async () => {
    for (const transport of ["websocket", "sse"]) {
      const { clock, node, client } = start({ transports: [transport], prepare: (node) => node.withoutHistory.add("a") });
      const { texts, gaps } = follow(client, "a");
      await clock.pass();
      node.publish("a", "1");
      await clock.pass();
      node.cut();
      await clock.pass(40_000);
      assert.deepEqual([texts(), gaps], [["1"], [["a", "no_history", undefined]]], transport);
      client.close();
    }
  });

  test("what was dropped for a slow client is told", async () => {
    const { clock, node, client } = start();
    const [pattern, name] = ["a.*", "a.b"].map((topic) => follow(client, topic));
    await clock.pass();
    for (const socket of node.sockets) socket.say({ event: "lost", topic: "a.*", count: 3 });
    for (const socket of node.sockets) socket.say({ event: "from a later version" });
    await clock.pass();
    assert.deepEqual([pattern.gaps, name.gaps], [[["a.*", "lost", 3]], []], "what one lost the other had");
    client.close();
  });

  test("more topics than can be resumed is a gap", async () => {
    const { clock, node, client } = start({ transports: ["polling"] });
    const { gaps } = follow(client, "t.>");
    await clock.pass();
    for (let number = 0; number <= 100; number += 1) node.publish(`t.${number}`, "");
    await clock.pass();
    assert.deepEqual(gaps, [["t.>", "too_many_topics", undefined]]);
    client.close();
  });

  test("offsets beyond what a number holds", async () => {
    const { clock, node, client } = start();
    Object.assign(node.topic("a"), { last: 0 });
    const { heard } = follow(client, "a");
    await clock.pass();
    for (const offset of ["9", "10", "9", "9007199254740993", "9007199254740992", "18446744073709551615"]) {
      for (const socket of node.sockets) socket.say({ event: "message", topic: "a", position: `1f-${offset}`, data: offset });
    }
    await clock.pass();
    assert.deepEqual(heard.map(([data]) => data), ["9", "10", "9007199254740993", "18446744073709551615"]);
    client.close();
  });
});

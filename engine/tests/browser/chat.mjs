// The chat page in two and three windows. Names are fresh in each test, so that somebody else on the node does no harm;
// order is checked per speaker, for that is what the node promises.

import assert from "node:assert/strict";
import { cutter } from "./echo.mjs";
import { expectText } from "./harness.mjs";

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script><b>bold</b> & "quotes"`;
const ROUNDS = 15;

export const chat = [
  {
    name: "two windows see each other join, talk and leave",
    async run(visit) {
      const [ann, bob] = names("Ann", "Bob");
      const first = await join(visit, ann);
      const before = await online(first);
      const second = await join(visit, bob);
      await expectEvent(first, `${bob} joined`);
      await expectOnline(first, before + 1);
      await expectOnline(second, before + 1);
      assert.equal(await events(first, `${ann} joined`), 0, "one's own arrival is told once");
      await say(first, "Hello, is anybody there?");
      await say(second, "Yes, me. Grüße, 世界 \u{1F30D}");
      for (const page of [first, second]) {
        await expectSaid(page, ann, ["Hello, is anybody there?"]);
        await expectSaid(page, bob, ["Yes, me. Grüße, 世界 \u{1F30D}"]);
      }
      assert.equal(await first.locator(".said.mine").count(), 1);
      await visit.photograph("chat", first);
      await second.context().close();
      await expectEvent(first, `${bob} left`);
      await expectOnline(first, before);
    },
  },
  {
    name: "three windows hear all three, each speaker in order, the third opened by the button",
    async run(visit) {
      const speakers = names("Ann", "Bob", "Cara");
      const context = await visit.context();
      const pages = [await join(visit, speakers[0], context), await join(visit, speakers[1])];
      const opened = context.waitForEvent("page");
      await pages[0].click("#another");
      pages.push(await opened);
      await enter(pages[2], speakers[2]);
      for (const page of pages.slice(0, 2)) await expectEvent(page, `${speakers[2]} joined`);
      const lines = (speaker) => Array.from({ length: ROUNDS }, (_, round) => `${speaker} line ${round}`);
      await Promise.all(pages.map(async (page, index) => {
        for (const line of lines(speakers[index])) await say(page, line);
      }));
      for (const page of pages) {
        for (const speaker of speakers) await expectSaid(page, speaker, lines(speaker));
      }
      await pages[2].close();
      for (const page of pages.slice(0, 2)) await expectEvent(page, `${speakers[2]} left`);
    },
  },
  {
    name: "HTML in a message and in a name is shown as text",
    async run(visit) {
      const [ann, bob] = names("Ann", "<i>Bob</i>");
      const first = await join(visit, ann);
      const second = await join(visit, bob);
      await expectEvent(first, `${bob} joined`);
      await say(second, HOSTILE);
      for (const page of [first, second]) {
        await expectSaid(page, bob, [HOSTILE]);
        assert.equal(await page.locator("#talk :is(img, script, i, .text b)").count(), 0, "HTML became elements");
      }
    },
  },
  {
    name: "a message is cut at 500 characters, by the page and by the node",
    async run(visit) {
      const [ann, bob] = names("Ann", "Bob");
      const first = await join(visit, ann);
      const long = "\u{1F30D}".repeat(10) + "x".repeat(590);
      await say(first, long);
      await expectSaid(first, ann, [Array.from(long).slice(0, 500).join("")]);
      const heard = await first.evaluate(sayRaw, [visit.ws("/chat"), bob, long]);
      assert.equal(Array.from(heard).length, 500, "a client that does not cut");
    },
  },
  {
    name: "a lost chat says so, comes back and has missed nothing and nothing twice",
    async run(visit) {
      const [ann, bob] = names("Ann", "Bob");
      const context = await visit.context();
      const cuts = [await cutter(context, "/chat"), await cutter(context, "/connect")];
      const first = await join(visit, ann, context);
      const second = await join(visit, bob);
      await say(second, "before");
      await expectSaid(first, bob, ["before"]);
      await Promise.all(cuts.map((cut) => cut()));
      await expectEvent(first, "You lost the connection");
      await expectText(first, "#lost", /Reconnecting/);
      const meanwhile = ["while you", "were", "away"];
      for (const text of meanwhile) await say(second, text);
      await expectEvent(second, `${ann} left`);
      await expectEvent(first, "You are back");
      await expectEvent(second, `${ann} joined`);
      await say(first, "Here I am again.");
      await expectSaid(second, ann, ["Here I am again."]);
      await expectSaid(first, bob, ["before", ...meanwhile]);
      await first.waitForSelector("#lost", { state: "hidden" });
      assert.equal(await events(first, "may be missing"), 0, await first.innerText("#talk"));
    },
  },
  {
    name: "who comes late reads what was said before, and one's own again after a reload",
    async run(visit) {
      const [ann, bob] = names("Ann", "Bob");
      const first = await join(visit, ann);
      const lines = ["first", "second <b>line</b>", "third"];
      for (const line of lines) await say(first, line);
      await expectSaid(first, ann, lines);
      const second = await join(visit, bob);
      await expectSaid(second, ann, lines);
      const isAbove = await second.evaluate((who) => {
        const rows = [...document.querySelectorAll("#talk li")];
        return rows.findLastIndex((row) => row.dataset.name === who) < rows.findIndex((row) => row.textContent.startsWith("You joined"));
      }, ann);
      assert.ok(isAbove, "what was said before stands above one's arrival");
      await first.reload();
      await enter(first, ann);
      await expectSaid(first, ann, lines);
      assert.equal(await first.locator(".said.mine").count(), lines.length, "one's own are known");
      await visit.photograph("chat-history", second);
    },
  },
  {
    name: "a node restarted under the chat: what is gone is told, nothing comes twice, and it goes on",
    async run(visit) {
      const node = await visit.node();
      visit.forgive(/ERR_CONNECTION_REFUSED|WebSocket connection to/);
      const [ann, bob] = names("Ann", "Bob");
      const pages = [];
      for (const name of [ann, bob]) {
        const page = await visit.open(`${node.url}/demo/chat`);
        await enter(page, name);
        pages.push(page);
      }
      for (let round = 0; round < 2; round += 1) {
        await say(pages[0], `before ${round}`);
        await expectSaid(pages[1], ann, Array.from({ length: round + 1 }, (_, one) => `before ${one}`));
      }
      await node.stop();
      for (const page of pages) {
        await expectText(page, "#lost", /Reconnecting/);
        await expectText(page, "#state", /^RECONNECTING$/);
      }
      await visit.photograph("chat-reconnecting", pages[0]);
      await node.start();
      for (const page of pages) {
        await expectEvent(page, "You are back");
        await page.waitForSelector("#lost", { state: "hidden" });
        await page.waitForFunction(() => document.querySelector("#talk").textContent.includes("Messages may be missing here"));
      }
      await say(pages[1], "after");
      // What an operator publishes there is shown too, though it is no line of the chat.
      const published = await fetch(`${node.admin}/topics/demo.chat`, { method: "POST", headers: { "Content-Type": "text/plain" }, body: "Maintenance at <b>noon</b>" });
      assert.equal(published.status, 200);
      for (const page of pages) await expectEvent(page, "The node says: Maintenance at <b>noon</b>");
      for (const page of pages) {
        await expectSaid(page, bob, ["after"]);
        await expectSaid(page, ann, ["before 0", "before 1"]);
      }
    },
  },
  {
    name: "a connection's id makes nobody's line one's own before or after one had it",
    async run(visit) {
      const node = await visit.node();
      const [ann] = names("Ann");
      const context = await visit.context();
      const cut = await cutter(context, "/chat");
      const page = await visit.open(`${node.url}/demo/chat`, context);
      await enter(page, ann);
      await say(page, "mine");
      await expectSaid(page, ann, ["mine"]);
      await cut();
      await expectEvent(page, "You are back");
      const [{ id, from, until }] = await page.evaluate(() => JSON.parse(sessionStorage.getItem("lives")));
      for (const [text, at] of [["earlier", from - 1], ["later", until + 1]]) await publish(node, { type: "said", id, name: ann, text, at });
      await expectSaid(page, ann, ["mine", "earlier", "later"]);
      assert.deepEqual(await page.locator(".said.mine .text").allTextContents(), ["mine"]);
      await page.reload();
      await enter(page, ann);
      await expectSaid(page, ann, ["mine", "earlier", "later"]);
      assert.deepEqual(await page.locator(".said.mine .text").allTextContents(), ["mine"]);
    },
  },
  {
    name: "no message on the chat's topics stops the page",
    async run(visit) {
      const node = await visit.node();
      const [ann, bob] = names("Ann", "Bob");
      const page = await visit.open(`${node.url}/demo/chat`);
      await enter(page, ann);
      const line = { type: "said", id: "1", name: bob, text: "when?" };
      for (const at of [undefined, null, "soon", { valueOf: 1 }, 1e300]) await publish(node, { ...line, at });
      const strange = { toString: 1, valueOf: 1 };
      for (const wrong of [{}, 7, null, [], { type: "said" }, { ...line, name: strange }, { ...line, text: null }, { ...line, id: strange }]) await publish(node, wrong);
      for (const type of ["joined", "left"]) await publish(node, { type, name: strange, online: "many" }, "demo.chat.presence");
      await say(page, "still here");
      await expectSaid(page, ann, ["still here"]);
      await expectSaid(page, bob, Array(5).fill("when?"));
      assert.equal(await events(page, "The node says:"), 8);
      assert.equal(await online(page), 1);
    },
  },
];

let serial = 0;
function names(...bases) {
  serial += 1;
  return bases.map((base) => `${base} ${serial}${process.pid % 1000}`);
}

async function join(visit, name, context) {
  const page = await visit.open("/demo/chat", context);
  await enter(page, name);
  return page;
}

async function enter(page, name) {
  await page.fill("#name", name);
  await page.click("#join-button");
  await expectText(page, "#who", new RegExp(`^${name.replace(/[^\w ]/g, "\\$&")}$`));
  await page.waitForSelector("#say-button:enabled");
}

async function say(page, text) {
  await page.fill("#say", text);
  await page.press("#say", "Enter");
}

/** As an operator, who may say anything there. */
async function publish(node, message, topic = "demo.chat") {
  const answer = await fetch(`${node.admin}/topics/${topic}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message) });
  assert.equal(answer.status, 200, await answer.text());
}

function events(page, text) {
  return page.locator("#talk .event").filter({ hasText: text }).count();
}

async function expectEvent(page, text) {
  await page.waitForFunction((wanted) => [...document.querySelectorAll("#talk .event")].some((row) => row.textContent === wanted), text)
    .catch(async () => assert.fail(`nothing said "${text}", but: ${await page.innerText("#talk")}`));
  assert.equal(await events(page, text), 1, `"${text}" once`);
}

async function online(page) {
  return Number(await page.getAttribute("#online", "data-online"));
}

async function expectOnline(page, count) {
  await page.waitForFunction((wanted) => document.querySelector("#online").dataset.online === String(wanted), count)
    .catch(async () => assert.fail(`${count} should be here, not ${await online(page)}`));
}

/** Everything that `name` has said in this window, and nothing else of that name. */
async function expectSaid(page, name, wanted) {
  const heard = () => page.$$eval("#talk .said", (all, who) => all.filter((row) => row.dataset.name === who).map((row) => row.querySelector(".text").textContent), name);
  await page.waitForFunction(([who, count]) => [...document.querySelectorAll("#talk .said")].filter((row) => row.dataset.name === who).length >= count, [name, wanted.length])
    .catch(async () => assert.fail(`${name} should have said ${wanted.length} things here, not ${JSON.stringify(await heard())}`));
  assert.deepEqual(await heard(), wanted);
}

/** Runs in the page: joins over a socket of its own, says `text` uncut, and returns what the node made of it. */
function sayRaw([url, name, text]) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify({ type: "join", name }));
    socket.onclose = (event) => reject(new Error(`closed with ${event.code} ${event.reason}`));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "welcome") socket.send(JSON.stringify({ type: "say", text }));
      if (message.type === "error") reject(new Error(message.message));
      if (message.type !== "said" || message.name !== name) return;
      socket.onclose = null;
      socket.close();
      resolve(message.text);
    };
  });
}

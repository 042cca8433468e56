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
    name: "a lost chat says so, comes back and joins again",
    async run(visit) {
      const [ann, bob] = names("Ann", "Bob");
      const context = await visit.context();
      const cut = await cutter(context, "/chat");
      const first = await join(visit, ann, context);
      const second = await join(visit, bob);
      await cut();
      await expectEvent(first, "You lost the connection");
      await expectText(first, "#lost", /Trying again in/);
      await expectEvent(second, `${ann} left`);
      await expectEvent(first, "You are back");
      await expectEvent(second, `${ann} joined`);
      await say(first, "Here I am again.");
      await expectSaid(second, ann, ["Here I am again."]);
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

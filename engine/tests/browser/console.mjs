// The console on the admin port: live values, closing a connection, a token, and silence while it is hidden.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectText } from "./harness.mjs";

const TOKEN = "0123456789abcdef-the-token";
const SOCKETS = 5;

export const consolePage = [
  {
    name: "the console shows what happens on the node, shard by shard",
    async run(visit) {
      const node = await visit.node();
      const client = await visit.open(`${node.url}/demo/chat`);
      await client.evaluate(chatter, [SOCKETS, `${node.url.replace("http", "ws")}/ws`]);
      const page = await visit.open(`${node.admin}/console`);
      // The page of the chat has a connection too.
      await expectText(page, "#connections", new RegExp(`^${SOCKETS + 1}$`));
      await expectText(page, "#messages-in", /^[1-9][\d.,]* /);
      await page.waitForFunction(() => document.querySelectorAll("#shards tr").length === 2);
      await page.waitForFunction((count) => document.querySelectorAll("#conns tr[data-id]").length === count, SOCKETS + 1);
      await page.waitForFunction(() => [...document.querySelectorAll("#topics th")].some((cell) => cell.textContent === "demo.ticker.RING"));
      await page.waitForFunction(() => Number(document.querySelector("#topics tr td").textContent) > 0, null, { polling: 200 })
        .catch(async () => assert.fail(`no traffic: ${await page.innerText("#topics")}`));
      await expectText(page, "#chart-messages .of-back dd", /^[1-9]/);
      await expectText(page, "#chart-connections dd", new RegExp(`^${SOCKETS + 1}$`));
      await expectText(page, "#chart-latency", /no data yet|[µm]s/);
      await visit.photograph("console", page);
    },
  },
  {
    name: "a connection is closed from the console, but not without a question",
    async run(visit) {
      const node = await visit.node();
      const client = await visit.open(`${node.url}/demo/chat`);
      await client.evaluate(waitForClose, `${node.url.replace("http", "ws")}/ws`);
      const page = await visit.open(`${node.admin}/console`);
      await page.click("#conns tr:has-text('/ws') button");
      await page.waitForSelector("#closing[open]");
      await visit.photograph("console-close", page);
      await page.click("#closing-not");
      assert.equal(await client.evaluate(() => window.ending), null, "it was left open");
      await page.click("#conns tr:has-text('/ws') button");
      await page.fill("#closing-code", "1005");
      await page.click("#closing-do");
      await expectText(page, "#closing-error", /code/);
      await page.fill("#closing-code", "4001");
      await page.fill("#closing-reason", "go away & come back");
      await page.click("#closing-do");
      await client.waitForFunction(() => window.ending);
      assert.deepEqual(await client.evaluate(() => window.ending), [4001, "go away & come back"]);
      await page.waitForFunction(() => !document.querySelector("#conns").textContent.includes("/ws"));
      visit.forgive(/\/connections\/.* 400|status of 400/);
    },
  },
  {
    name: "the console asks for nothing while it is hidden",
    async run(visit) {
      const node = await visit.node();
      const page = await visit.open(`${node.admin}/console`);
      await expectText(page, "#state", /^OPEN$/);
      let asked = 0;
      page.on("request", () => { asked += 1; });
      await page.evaluate(hide, true);
      await page.waitForTimeout(500); // what was on its way
      asked = 0;
      await page.waitForTimeout(3_000);
      assert.equal(asked, 0);
      await page.evaluate(hide, false);
      await page.waitForTimeout(3_000);
      assert.ok(asked >= 3, `${asked} requests in 3 s`);
    },
  },
  {
    name: "the console asks every few seconds, for the lists more seldom",
    async run(visit) {
      const node = await visit.node();
      const context = await visit.context();
      const asked = { "/metrics": [], "/connections": [], "/topics": [] };
      context.on("request", (request) => asked[new URL(request.url()).pathname]?.push(performance.now()));
      const page = await visit.open(`${node.admin}/console`, context);
      await page.waitForTimeout(13_000);
      for (const [path, ms] of [["/metrics", 2_000], ["/connections", 4_000], ["/topics", 6_000]]) {
        const least = Math.min(...asked[path].slice(1).map((at, index) => at - asked[path][index]));
        assert.ok(least >= ms - 100 && least < 2 * ms, `${path} after ${least} ms`);
      }
    },
  },
  {
    name: "latency comes from the histogram once the node has one",
    async run(visit) {
      const node = await visit.node();
      const context = await visit.context();
      let scrapes = 0;
      await context.route("**/metrics", async (route) => {
        scrapes += 1;
        await route.fulfill({ status: 200, contentType: "text/plain", body: histogram(scrapes) });
      });
      const page = await visit.open(`${node.admin}/console`, context);
      await expectText(page, "#chart-latency .of-back dd", /^51 µs$/);
      await expectText(page, "#chart-latency .of-out dd", /^9\.\d ms$/);
      assert.equal(await page.isVisible("#chart-latency .none"), false);
    },
  },
  {
    name: "with a token the console asks for it, and keeps it for the tab alone",
    async run(visit) {
      const folder = await mkdtemp(join(tmpdir(), "ringwire-"));
      await writeFile(join(folder, "token"), `${TOKEN}\n`);
      visit.forgive(/401/);
      try {
        await unlock(visit, await visit.node(`--admin-token-file=${join(folder, "token")}`));
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  },
  ...["light", "dark"].map((colorScheme) => ({
    name: `the console fits a phone, ${colorScheme}`,
    async run(visit) {
      const node = await visit.node();
      const context = await visit.context({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme });
      const client = await visit.open(`${node.url}/demo/ticker`);
      const page = await visit.open(`${node.admin}/console`, context);
      await page.waitForSelector("#conns button");
      await page.waitForTimeout(5_000); // some way for the lines
      const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= view && view === 360, `${content} px wide in a window of ${view}`);
      await visit.photograph(`phone-${colorScheme}-console`, page);
      await client.close();
    },
  })),
];

async function unlock(visit, node) {
  const page = await visit.open(`${node.admin}/console`);
  await page.waitForSelector("#door:not([hidden])");
  assert.equal(await page.isVisible("#board"), false);
  await visit.photograph("console-door", page);
  await page.fill("#token", "0123456789abcdef-another");
  await page.press("#token", "Enter");
  await expectText(page, "#token-error", /not the token/);
  let asked = 0;
  page.on("request", () => { asked += 1; });
  await page.fill("#token", `${TOKEN}–ж`);
  await page.press("#token", "Enter");
  await expectText(page, "#token-error", /not sent/);
  assert.equal(asked, 0, "no header can carry it");
  // The first look with the right one fails, and the next does not.
  visit.forgive(/ERR_FAILED/);
  await page.route("**/metrics", (route) => route.abort(), { times: 1 });
  await page.fill("#token", TOKEN);
  await page.press("#token", "Enter");
  await expectText(page, "#trouble", /cannot be reached. Trying again/);
  await page.waitForSelector("#trouble", { state: "hidden" });
  await page.waitForSelector("#forget:not([hidden])");
  await page.waitForFunction(() => sessionStorage.getItem("token"));
  const kept = await page.evaluate(() => [sessionStorage.getItem("token"), localStorage.length, document.cookie, location.href]);
  assert.deepEqual(kept, [TOKEN, 0, "", `${node.admin}/console`]);
  await page.reload();
  await expectText(page, "#connections", /^0$/);
  const other = await visit.open(`${node.admin}/console`);
  await other.waitForSelector("#door:not([hidden])");
  await page.click("#forget");
  await page.waitForSelector("#door:not([hidden])");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
}

/** In the page: echoes that go on, and somebody who follows the ticker. */
async function chatter([count, url]) {
  const { connect } = await import("/ringwire.js");
  for (let index = 0; index < count - 1; index += 1) {
    const socket = new WebSocket(url);
    socket.onopen = () => setInterval(() => socket.send("hello"), 50);
  }
  connect().subscribe("demo.ticker.*");
}

/** In the page: a socket, and how it was closed. */
function waitForClose(url) {
  window.ending = null;
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = resolve;
    socket.onclose = ({ code, reason }) => { window.ending = [code, reason]; };
  });
}

function hide(isHidden) {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

/** A node that delivers a thousand messages between two scrapes: most in 0 to 100 µs, two in a hundred in 1 to 10 ms. */
function histogram(scrapes) {
  const bucket = (le, count) => `ringwire_delivery_latency_seconds_bucket{shard="0",le="${le}"} ${count * scrapes}\n`;
  return `ringwire_shard_up{shard="0"} 1\nringwire_connections{shard="0"} 1\n${bucket("0.0001", 980)}${bucket("0.001", 980)}${bucket("0.01", 991)}${bucket("+Inf", 1000)}`;
}

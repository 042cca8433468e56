// The node's own client in pages, as the README uses it. Topics have fresh names, so that somebody else on the node does no harm.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const topics = [
  {
    name: "two pages follow and feed topics with ringwire.js, text and binary",
    async run(visit) {
      const topic = `browser.${Date.now()}`;
      const pages = [await visit.open("/"), await visit.open("/")];
      for (const page of pages) await page.evaluate(follow, topic);
      await pages[0].evaluate((topic) => window.node.publish(topic, "Grüße\n\u{1F30D}"), topic);
      await pages[1].evaluate((topic) => window.node.publish(topic, Uint8Array.of(10, 0, 255)), topic);
      for (const page of pages) {
        await page.waitForFunction(() => window.heard.length >= 4);
        const heard = await page.evaluate(() => window.heard);
        assert.deepEqual(heard.map((one) => one.join()).sort(), [
          `name,${topic},10,0,255`, `name,${topic},Grüße\n\u{1F30D}`, `pattern,${topic},10,0,255`, `pattern,${topic},Grüße\n\u{1F30D}`,
        ]);
      }
      const refused = await pages[0].evaluate(() => window.node.publish("a..b", "x").catch(({ code }) => code));
      assert.equal(refused, "bad_topic");
    },
  },
  ...["websocket", "sse", "polling"].map((transport) => ({
    name: `a page hears all by ${transport}, once and in order, though the node is killed and started again under it`,
    async run(visit) {
      const folder = await mkdtemp(join(tmpdir(), "ringwire-browser-"));
      const file = join(folder, "node.toml");
      await writeFile(file, '[[topics]]\npattern = "kept.>"\nhistory_count = 1000\n');
      try {
        const node = await visit.node(`--config=${file}`, `--journal=${join(folder, "journal")}`);
        visit.forgive(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|WebSocket connection to/);
        const page = await visit.open(`${node.url}/`);
        await page.evaluate(followBy, transport);
        await page.waitForFunction(() => window.state === "open");
        let next = 0;
        for (let round = 0; round < 3; round += 1) {
          for (let count = 0; count < 20; count += 1) await publish(node, String(next++));
          await page.waitForFunction((count) => window.heard.length >= count, next - 10);
          await node.kill();
          await node.start();
        }
        for (let count = 0; count < 20; count += 1) await publish(node, String(next++));
        await page.waitForFunction((count) => window.heard.length >= count, next);
        assert.deepEqual(await page.evaluate(() => window.heard), Array.from({ length: next }, (_, number) => String(number)));
        assert.deepEqual(await page.evaluate(() => window.gaps), []);
        assert.equal(await page.evaluate(() => window.used), transport);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  })),
];

/** Publishes at the admin interface, and waits until it is in the journal. */
async function publish(node, body) {
  const response = await fetch(`${node.admin}/topics/kept.page?durable=true`, { method: "POST", headers: { "Content-Type": "text/plain" }, body });
  assert.equal(response.status, 200, await response.text());
}

/** In the page: follows `kept.page` by one transport alone. */
async function followBy(transport) {
  const { connect } = await import("/ringwire.js");
  Object.assign(window, { heard: [], gaps: [] });
  const onState = ({ state, transport }) => Object.assign(window, { state, used: transport ?? window.used });
  window.node = connect(undefined, { transports: [transport], onState, backoffMax: 500 });
  window.node.subscribe("kept.page", { onMessage: (data) => window.heard.push(data), onGap: (gap) => window.gaps.push(gap) });
}

/** In the page: subscribes by name and by pattern, and waits until both are confirmed, as own messages show. */
async function follow(topic) {
  const { connect } = await import("/ringwire.js");
  window.node = connect();
  window.heard = [];
  const sides = { name: topic, pattern: "browser.*" };
  for (const [side, wanted] of Object.entries(sides)) {
    const onMessage = (data, { topic }) => window.heard.push([side, topic, typeof data === "string" ? data : Array.from(data).join()]);
    window.node.subscribe(wanted, { onMessage });
  }
  // Requests of one connection are taken in order, so when this is answered both are subscribed.
  await window.node.publish("elsewhere", "");
}

// The node's own client in pages, as the README uses it. Topics have fresh names, so that somebody else on the node does no harm.

import assert from "node:assert/strict";

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
];

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

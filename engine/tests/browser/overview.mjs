// The overview page: a live round trip, addresses of this very node, and a look that holds on a phone.

import assert from "node:assert/strict";
import { expectText } from "./harness.mjs";

export const overview = [
  {
    name: "the overview measures live round trips",
    async run(visit) {
      const page = await visit.open("/");
      await expectText(page, "#state", /^OPEN$/);
      await expectText(page, "#count", /^[3-9]$/);
      const ms = Number(await page.getAttribute("#rtt", "data-ms"));
      assert.ok(ms > 0 && ms < 5_000, `${ms} ms`);
      assert.match(await page.textContent("#rtt"), /^\d+(\.\d+)?$/);
      assert.match(await page.textContent("#note"), /once a second/);
      const longSpokes = await page.$$eval("#spokes line", (lines) => lines.filter((line) => line.getTotalLength() > 2.5).length);
      assert.ok(longSpokes >= 1, "a spoke for a round trip");
      await visit.photograph("overview", page);
    },
  },
  {
    name: "addresses and snippets name this node",
    async run(visit) {
      const page = await visit.open("/");
      assert.equal(await page.textContent("#url-echo"), visit.ws("/ws"));
      assert.equal(await page.textContent("#url-chat"), visit.ws("/chat"));
      assert.equal(await page.textContent("#url-connect"), visit.ws("/connect"));
      const links = await page.$$eval("a", (all) => all.map((link) => link.getAttribute("href")));
      for (const path of ["/flipbook", "/demo/echo", "/demo/chat", "/demo/ticker"]) assert.ok(links.includes(path), path);
      assert.match(await page.textContent("#console-at"), /\/console|no admin interface/);
      assert.ok(!links.some((link) => link.includes(":9002/")), "no port but this node's");
      assert.ok((await page.textContent("#snippet-js")).includes(`new WebSocket("${visit.ws("/ws")}")`));
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.click("[data-copy=snippet-js]");
      await expectText(page, "[data-copy=snippet-js]", /^Copied$/);
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied, (await page.textContent("#snippet-js")).trim());
    },
  },
  ...["light", "dark"].map((colorScheme) => ({
    name: `every page fits a phone, ${colorScheme}`,
    async run(visit) {
      const context = await visit.context({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme });
      for (const path of ["/", "/flipbook", "/demo/echo", "/demo/chat", "/demo/ticker"]) {
        const page = await visit.open(path, context);
        await page.waitForFunction(() => document.querySelector("#state").dataset.state === "1");
        const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= view && view === 360, `${path} is ${content} px wide in a window of ${view}`);
        await visit.photograph(`phone-${colorScheme}${path.replaceAll("/", "-")}`, page);
        await page.close();
      }
    },
  })),
];

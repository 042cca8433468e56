// The ticker page: a reader that keeps up beside one that does not.

import assert from "node:assert/strict";
import { expectText } from "./harness.mjs";

const SLOW_MS_MAX = 50_000;

export const ticker = [
  {
    name: "the ticker shows every price fast, and slowly the latest ones",
    msMax: 100_000,
    async run(visit) {
      const page = await visit.open("/demo/ticker");
      await expectText(page, "#state", /^OPEN$/);
      await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 16);
      await expectText(page, "#fast-rate", /^[1-9]\d\d$/);
      await page.waitForFunction(() => [...document.querySelectorAll("#rows .slow")].every((cell) => Number(cell.textContent) > 0));
      await page.click("[data-sleep='8000']");
      await page.waitForFunction(() => Number(document.querySelector("#slow-skipped").dataset.count) > 0, null, { timeout: SLOW_MS_MAX })
        .catch(async () => assert.fail(`nothing was skipped: ${await page.innerText(".readers")}`));
      await visit.photograph("ticker", page);
      assert.equal(await page.getAttribute("#fast-skipped", "data-count"), "0", "who keeps up skips nothing");
      // Though it skipped some, what it then sees is what is true now.
      await page.waitForFunction(() => parseFloat(document.querySelector("#slow-behind").textContent) < 1, null, { timeout: SLOW_MS_MAX });
      await page.click("[data-sleep='0']");
      await page.waitForTimeout(9_000); // it may sleep a last time
      const skipped = await page.getAttribute("#slow-skipped", "data-count");
      await page.waitForTimeout(1_000);
      assert.equal(await page.getAttribute("#slow-skipped", "data-count"), skipped, "awake it skips nothing");
      assert.ok(parseFloat(await page.textContent("#slow-behind")) < 1.5);
      assert.equal(await page.isVisible("#note"), false, await page.textContent("#note"));
    },
  },
  {
    name: "what is no price does not stop the ticker",
    async run(visit) {
      const node = await visit.node();
      const page = await visit.open(`${node.url}/demo/ticker`);
      await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 16);
      const price = { price: 1, open: 1, at: Date.now(), bids: [], asks: [] };
      for (const body of ["{}", "no JSON", JSON.stringify({ ...price, price: "1" }), JSON.stringify({ ...price, bids: 1 })]) {
        for (const symbol of ["RING", "NONE"]) await publish(node, symbol, body);
      }
      await publish(node, "EMPTY", JSON.stringify(price)); // a price, of a book without orders
      await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 17);
      await expectText(page, "[data-symbol=EMPTY] .num", /^1\.00$/);
      const before = await page.textContent("[data-symbol=WIRE] .num"); // the last row
      await page.waitForFunction((text) => document.querySelector("[data-symbol=WIRE] .num").textContent !== text, before);
      await page.waitForSelector("#fast-skipped[data-count='0']");
    },
  },
  {
    name: "lines of the ticker are drawn, in both colour schemes",
    async run(visit) {
      for (const colorScheme of ["light", "dark"]) {
        const page = await visit.open("/demo/ticker", await visit.context({ colorScheme }));
        await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 16);
        await page.waitForFunction(inked, null, { polling: 200 });
        await visit.photograph(`ticker-${colorScheme}`, page);
      }
    },
  },
];

async function publish(node, symbol, body) {
  const answer = await fetch(`${node.admin}/topics/demo.ticker.${symbol}`, { method: "POST", headers: { "Content-Type": "text/plain" }, body });
  assert.equal(answer.status, 200, await answer.text());
}

/** In the page: whether each line has left pixels. */
function inked() {
  return [...document.querySelectorAll("canvas.spark")].every((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, index) => index % 4 === 3 && value > 0);
  });
}

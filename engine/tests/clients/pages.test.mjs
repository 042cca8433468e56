// What the pages make of scrapes and of prices, without a browser: no dependencies.

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "ringwire-"));
after(() => rmSync(folder, { recursive: true }));
const { Scrape } = await page("metrics");
const { Board } = await page("board");

const LATENCY = "ringwire_delivery_latency_seconds";
const TOPIC = "demo.ticker.RING";
const PRICE = JSON.stringify({ price: 2, open: 1, at: 5, bids: [[2, 1]], asks: [] });

/** Node takes a `.js` file for a module only if a package.json says so; the browser needs none. */
function page(name) {
  copyFileSync(new URL(`../../src/edge/web/${name}.js`, import.meta.url), join(folder, `${name}.mjs`));
  return import(pathToFileURL(join(folder, `${name}.mjs`)));
}

/** A counter's value on each shard, or null for a shard that did not answer. */
function scrape(seconds, ...values) {
  const lines = values.map((value, shard) => (value === null ? "" : `a_total{shard="${shard}"} ${value}\n`));
  return new Scrape(lines.join(""), seconds * 1000);
}

test("a rate is over the time between two scrapes", () => {
  assert.equal(scrape(14, 30, 50).rate("a_total", scrape(10, 10, 30)), 10);
  assert.equal(scrape(14, 30, 50).rate("a_total", scrape(10, 10, 30), { shard: "1" }), 5);
  assert.equal(scrape(10, 1).rate("a_total", scrape(10, 0)), null);
  assert.equal(scrape(10, 1).rate("a_total", undefined), null);
  assert.equal(scrape(10, 1).rate("b_total", scrape(8, 1)), null);
});

test("a shard that missed a scrape does not bring its lifetime as one rate", () => {
  const scrapes = [scrape(0, 10, 1_000_000), scrape(2, 20, null), scrape(4, 30, 1_000_020)];
  assert.equal(scrapes[1].rate("a_total", scrapes[0]), 5);
  assert.equal(scrapes[2].rate("a_total", scrapes[1]), 5);
  assert.equal(scrapes[2].rate("a_total", scrapes[1], { shard: "1" }), null);
  assert.equal(scrapes[2].rate("a_total", scrapes[0]), 10);
});

test("a counter that fell has no rate, and the others have theirs", () => {
  assert.equal(scrape(2, 5, 40).rate("a_total", scrape(0, 10, 30)), 5);
  assert.equal(scrape(2, 5, 4).rate("a_total", scrape(0, 10, 30)), null);
});

/** Cumulative counts up to 1 s, 2 s and beyond, for each shard. */
function histogram(...shards) {
  const lines = shards.map((counts, shard) => counts.map((count, index) => `${LATENCY}_bucket{shard="${shard}",le="${["1", "2", "+Inf"][index]}"} ${count}\n`));
  return new Scrape(lines.flat().join(""), 0);
}

test("percentiles are of shards that both scrapes have, and whose counts did not fall", () => {
  const before = histogram([10, 10, 10]);
  assert.deepEqual(histogram([20, 20, 20], [0, 9_000, 9_000]).percentiles(LATENCY, before, [0.5, 1]), [0.5, 1]);
  // Restarted: the first bucket fell, the others are larger already.
  assert.equal(histogram([5, 90, 90]).percentiles(LATENCY, before, [0.5]), null);
  assert.equal(before.percentiles(LATENCY, before, [0.5]), null);
  assert.equal(before.percentiles(LATENCY, undefined, [0.5]), null);
});

test("a message on a topic of the ticker that is no price is passed over, and was not skipped", () => {
  const board = new Board();
  const malformed = [
    "", "no JSON", "{}", "null", "7", "[]", new Uint8Array([1, 2]), `{"price":"2"}`,
    ...[{ price: "2" }, { price: null }, { open: 0 }, { at: "now" }, { bids: {} }, { asks: [1] }, { bids: [[1]] }].map((wrong) => JSON.stringify({ ...JSON.parse(PRICE), ...wrong })),
  ];
  let offset = 1;
  for (const data of malformed) board.hear(data, { topic: TOPIC, position: `e-${offset++}` });
  assert.deepEqual(board.seen(), { quotes: [], received: 0, skipped: 0 });
  board.hear(PRICE, { topic: TOPIC, position: `e-${offset++}` });
  for (const data of malformed) board.hear(data, { topic: TOPIC, position: `e-${offset++}` });
  board.hear(PRICE, { topic: TOPIC }); // without history
  assert.deepEqual(board.seen(), { quotes: [{ symbol: "RING", ...JSON.parse(PRICE) }], received: 2, skipped: 0 });
});

test("what was skipped is told by offsets, but not by the jump after a crash", () => {
  const skipped = (...positions) => {
    const board = new Board();
    for (const position of positions) board.hear(PRICE, { topic: TOPIC, position });
    return board.skipped;
  };
  const jump = 2 ** 32;
  assert.equal(skipped("e-1", "e-2", "e-6"), 3);
  assert.equal(skipped("e-1", "f-9"), 0, "another epoch");
  assert.equal(skipped("e-1", `e-${jump + 2}`), 0);
  assert.equal(skipped("e-1", `e-${3 * jump + 12}`), 10);
  assert.equal(skipped("e-105", `e-${jump + 101}`, `e-${jump + 104}`), 2, "five of those it had seen were lost");
});

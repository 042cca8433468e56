// What the pages make of scrapes, of prices, of frames and of drawings, without a browser: no dependencies.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Clock } from "./fakes.mjs";

const folder = mkdtempSync(join(tmpdir(), "ringwire-"));
after(() => rmSync(folder, { recursive: true }));
const { Scrape } = await page("metrics");
const { Board } = await page("board");
const { Lateness } = await page("lateness");
const { NodeClock } = await page("nodeclock");
await page("site");
const { Panel } = await page("panel");
const { WantedRate } = await page("wantedrate");
const { Sketch, POINTS_MAX, PAGES_MAX } = await page("sketch");

const LATENCY = "ringwire_delivery_latency_seconds";
const TOPIC = "demo.ticker.RING";
const PRICE = JSON.stringify({ price: 2, open: 1, at: 5, bids: [[2, 1]], asks: [] });

/** Node takes a `.js` file for a module only if a package.json says so; the browser needs none. What it imports is there already. */
function page(name) {
  const text = readFileSync(new URL(`../../src/edge/web/${name}.js`, import.meta.url), "utf8");
  writeFileSync(join(folder, `${name}.mjs`), text.replaceAll(/"\/assets\/(\w+)\.js"/g, '"./$1.mjs"'));
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

/** A frame at 20 a second, published at its number times 50 ms. */
function frame(number) {
  return { frame: number, at: number * 50, fps: 20, book: 0 };
}

test("who gets every frame at once is as late as each took", () => {
  const lateness = new Lateness();
  lateness.restart(0);
  for (let number = 0; number < 100; number += 1) lateness.hear(frame(number), number * 50 + (number % 10 ? 2 : 9));
  const { p50, p99, shown, missed } = lateness.figures(5_000);
  assert.deepEqual([p50, p99, shown, missed], [2, 9, 20, 0]);
});

test("frames that a poll never sees are late until the poll", () => {
  const lateness = new Lateness();
  lateness.restart(0);
  // Every fifth, at once: those between are 200, 150, 100 and 50 ms late.
  for (let number = 0; number < 100; number += 5) lateness.hear(frame(number), number * 50);
  const { p50, p99, shown, missed } = lateness.figures(5_000);
  assert.deepEqual([p50, p99, shown, Math.round(100 * missed)], [100, 200, 4, 79]);
});

test("a frame twice is none, and a lower number is of another start", () => {
  const lateness = new Lateness();
  assert.equal(lateness.hear(frame(7), 351), true);
  assert.equal(lateness.hear(frame(7), 360), false);
  assert.equal(lateness.hear(frame(2), 400), true);
  assert.equal(lateness.figures(400).missed, 0);
  assert.deepEqual(lateness.points.map(({ late }) => late), [1, 300]);
});

test("what is waited for makes it late now", () => {
  const lateness = new Lateness();
  assert.equal(lateness.current(0), null);
  lateness.hear(frame(0), 3);
  assert.deepEqual([10, 50, 52, 150].map((now) => lateness.current(now)), [3, 3, 3, 100]);
});

test("the window forgets, and a restart forgets all", () => {
  const lateness = new Lateness();
  lateness.restart(0);
  lateness.hear(frame(0), 500);
  lateness.count(500, 100, 1);
  assert.equal(lateness.figures(10_400).p50, 500);
  assert.deepEqual([lateness.figures(10_600).p50, lateness.figures(10_600).bytes], [null, 0]);
  lateness.hear(frame(400), 20_000);
  assert.ok(lateness.points.length <= 601, "an absence is bounded");
  lateness.restart(20_000);
  lateness.hear(frame(600), 30_000);
  assert.equal(lateness.points.length, 1, "what was published meanwhile was not missed");
});

test("bytes and requests are over the time that was listened", () => {
  const lateness = new Lateness();
  lateness.restart(0);
  for (let number = 0; number < 40; number += 4) {
    lateness.hear(frame(number), number * 50);
    lateness.count(number * 50, 500, 1);
  }
  const { bytes, requests, bytesEach } = lateness.figures(2_000);
  assert.deepEqual([bytes, requests, bytesEach], [2_500, 5, 500]);
});

test("the node's clock is that of the fastest answer of a minute", () => {
  const clock = new NodeClock();
  assert.equal(clock.isKnown, false);
  assert.equal(clock.at(5), performance.timeOrigin + 5);
  clock.hear(100, 180, 1_140 + 30); // 30 ms off, because the way back was slow
  assert.equal(clock.at(0), 1_030);
  clock.hear(200, 202, 1_201);
  clock.hear(300, 340, 9_999);
  assert.deepEqual([clock.at(0), clock.rtt], [1_000, 2]);
  clock.hear(60_250, 60_270, 61_290);
  assert.equal(clock.rtt, 20, "the fastest one is too old");
  assert.equal(clock.at(0), 1_030);
  clock.forget();
  assert.equal(clock.isKnown, false);
});

test("what was known of the node's clock holds until it tells again", () => {
  const clock = new NodeClock();
  const frameCameAt = 1_000;
  clock.hear(0, 4, 2 + 5_000);
  clock.forget();
  assert.equal(clock.at(frameCameAt), 6_000, "not by this machine's clock");
  clock.hear(900, 940, 920 + 70_000); // slower than what was known, and of another node
  assert.deepEqual([clock.isKnown, clock.rtt, clock.at(frameCameAt)], [true, 40, 71_000]);
});

/** A panel on elements that do nothing, whose feed hears what `say(text)` says. */
function panel() {
  const canvas = { getContext: () => "context", classList: { toggle() {} } };
  const parts = ["pause", "state", "veil"].map((of) => ({ dataset: { of }, addEventListener() {} }));
  globalThis.document = {
    querySelector: () => ({ textContent: "A feed" }),
    querySelectorAll: (selector) => (selector.endsWith("canvas") ? [canvas, canvas] : parts),
  };
  globalThis.devicePixelRatio = 1;
  class Feed {
    constructor(handlers) { this.handlers = handlers; }
    start() {}
  }
  const made = new Panel("id", Feed, { clock: new NodeClock(), onFrame() {} });
  made.start();
  return { panel: made, say: (text) => made.feed.handlers.frame(text, 0) };
}

test("what is no frame is not shown", () => {
  const good = { frame: 7, at: 1.5, fps: 30, book: 2 };
  const wrong = [{ frame: 1.5 }, { book: 0.5 }, { frame: -1 }, { frame: "1" }, { at: null }, { fps: 0 }, { book: undefined }];
  const { panel: shows, say } = panel();
  for (const text of ["", "null", "7", "[]", ...wrong.map((part) => JSON.stringify({ ...good, ...part }))]) {
    say(text);
    assert.equal(shows.isStale, false, text);
  }
  say(JSON.stringify(good));
  assert.deepEqual([shows.isStale, shows.shown], [true, good]);
});

test("a panel that cannot be drawn does not keep others from it", (t) => {
  const told = [];
  globalThis.reportError = (error) => told.push(error);
  t.after(() => delete globalThis.reportError);
  const panels = [panel(), panel()].map(({ panel: one, say }, index) => {
    say(JSON.stringify({ frame: index, at: 0, fps: 30, book: 0 }));
    return one;
  });
  const [broken, drawn] = [new Error("no such page"), []];
  for (const one of panels) {
    one.draw((context, { frame }) => {
      if (frame === 0) throw broken;
      drawn.push(context, frame);
    });
  }
  assert.deepEqual([told, drawn], [[broken], ["context", 1]]);
  assert.ok(panels.every(({ isStale }) => !isStale), "not again until there is another frame");
});

/** A slider whose node refuses with these codes, one after another, and then does what it is asked; `meanwhile(value)` is what happens until it answers. */
function slider(codes, meanwhile = () => {}) {
  const clock = new Clock();
  const [asked, heard] = [[], []]; // [value, time]; what it came to
  const rate = new WantedRate({
    async ask(value) {
      asked.push([value, clock.now()]);
      meanwhile(value);
      const code = codes.shift();
      if (code) throw Object.assign(new Error(code), { code });
    },
    done: () => heard.push("done"),
    refused: ({ message }) => heard.push(message),
    setTimeout: clock.setTimeout,
  });
  return { clock, asked, heard, rate };
}

test("of all rates that a slider goes through the last one is asked for, and another one later", async () => {
  const { clock, asked, heard, rate } = slider([]);
  for (const value of [31, 32, 33]) rate.want(value);
  await clock.pass(119);
  assert.deepEqual(asked, []);
  await clock.pass(1);
  assert.deepEqual([asked, heard, rate.value], [[[33, 120]], ["done"], 33]);
  // While the frames that tell of it are on their way.
  await clock.pass(200);
  rate.want(40);
  await clock.pass(120);
  assert.deepEqual([asked.slice(1), rate.value], [[[40, 440]], 40]);
  await clock.pass(299);
  assert.equal(rate.value, 40);
  await clock.pass(1);
  assert.equal(rate.value, null);
});

test("a slider that moves before the answer is asked for anew, whatever the answer", async () => {
  for (const code of [null, "bad_request"]) {
    const { clock, asked, rate } = slider([code], (value) => value < 12 && rate.want(value + 1));
    rate.want(10);
    await clock.pass(1_000);
    assert.deepEqual([asked.map(([value]) => value), rate.value], [[10, 11, 12], null]);
  }
});

test("a rate that came too soon is asked for again, with longer and longer pauses", async () => {
  const { clock, asked, heard, rate } = slider(["too_fast", "busy", "too_fast", "too_fast", "busy"]);
  rate.want(10);
  await clock.pass(200);
  rate.want(11);
  await clock.pass(9_000);
  assert.deepEqual(asked, [[10, 120], [11, 320], [11, 720], [11, 1_520], [11, 3_120], [11, 5_120]]);
  assert.deepEqual([heard, rate.value], [["done"], null]);
});

test("whoever never gets a turn is told", async () => {
  const { clock, asked, heard, rate } = slider(Array(20).fill("too_fast"));
  rate.want(10);
  await clock.pass(60_000);
  assert.deepEqual([asked.length, asked.at(-1), heard, rate.value], [8, [10, 9_120], ["too_fast"], null]);
});

test("a refusal that stands is told, and not asked again", async () => {
  for (const code of ["closing", "bad_request", "too_large", "the connection was lost"]) {
    const { clock, asked, heard, rate } = slider([code]);
    rate.want(10);
    await clock.pass(60_000);
    assert.deepEqual([asked.length, heard, rate.value], [1, [code], null], code);
    rate.want(20);
    await clock.pass(1_000);
    assert.deepEqual([asked.length, heard.at(-1)], [2, "done"], code);
  }
});

test("a drawing stays within the node's bounds, whatever a pen does", () => {
  const sketch = new Sketch();
  assert.equal(sketch.begin(-5, 900), true);
  assert.deepEqual(sketch.page, [[0, 0, 600]], "on the page");
  for (let step = 0; step < 20_000; step += 1) sketch.move(400 + 300 * Math.cos(step), 300 + 200 * Math.sin(step));
  assert.equal(sketch.pointCount, POINTS_MAX);
  assert.ok(sketch.page.every((stroke) => stroke.length <= 801 && stroke.length % 2 === 1));
  assert.equal(sketch.begin(1, 1), false);
  assert.equal(sketch.add(true), false, "a copy has no room");
  sketch.clear();
  for (let dots = 0; dots < 70; dots += 1) sketch.begin(dots, dots);
  assert.equal(sketch.page.length, 64);
  while (sketch.add(false));
  assert.equal(sketch.pages.length, PAGES_MAX);
  while (!sketch.isEmpty || sketch.pages.length > 1) sketch.remove();
  sketch.sample();
  const numbers = sketch.pages.flat(2);
  assert.ok(sketch.pages.length > 4 && numbers.every(Number.isInteger) && sketch.pointCount < POINTS_MAX);
});

// The ticker: one subscription with a wildcard, read twice. This side reads as messages come, a worker (reader.js) reads slowly, and
// both are drawn beside each other. Drawing follows the screen, not the messages.

import { connect } from "/ringwire.js";
import { Board } from "/assets/board.js";
import { $, make, palette, showState } from "/assets/site.js";

const WINDOW_MS = 30_000;
const WINDOW_LEAST_MS = 5_000; // what a line fills at first; it grows to the window
const POINT_MS = 100; // of a line: more would not be seen
const DRAW_MS = 50;
const RATE_MS = 1_000;
const SILENCE_MS = 4_000;

const board = new Board();
const rows = new Map(); // symbol → its elements and lines
const slow = { received: 0, skipped: 0, quotes: new Map(), sleepless: null };
const rates = { fast: [], slow: [] }; // what had been received, and when
let colours = palette();
let heardAt = performance.now();

const client = connect("/", {
  onState({ state, retryIn }) {
    showState($("state"), state === "open" ? 1 : state === "closed" ? 3 : 0);
    heardAt = performance.now();
    note(retryIn === undefined ? "" : "The connection is gone. Reconnecting; the latest prices come first.");
  },
});
client.subscribe("demo.ticker.*", {
  since: 0, // begin with the prices that there are
  onMessage(data, from) {
    board.hear(data, from);
    heardAt = performance.now();
  },
  onError: ({ message }) => note(`The node does not give its prices: ${message}.`),
});

const reader = new Worker("/assets/reader.js", { type: "module" });
reader.onmessage = ({ data: { seen, sleepless } }) => {
  if (sleepless !== undefined) slow.sleepless = sleepless;
  if (!seen) return;
  slow.received = seen.received;
  slow.skipped = seen.skipped;
  for (const quote of seen.quotes) slow.quotes.set(quote.symbol, quote);
};
for (const button of document.querySelectorAll("[data-sleep]")) {
  button.addEventListener("click", () => {
    reader.postMessage({ sleepMs: Number(button.dataset.sleep) });
    for (const other of document.querySelectorAll("[data-sleep]")) other.setAttribute("aria-pressed", other === button);
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = palette(); });

let drawnAt = 0;
let begunAt; // when the first price was drawn
requestAnimationFrame(frame);
setInterval(count, RATE_MS / 2);

function frame(now) {
  requestAnimationFrame(frame);
  if (now - drawnAt < DRAW_MS) return;
  drawnAt = now;
  for (const quote of board.quotes.values()) draw(quote, now);
  const newest = Math.max(newestOf(board), newestOf(slow));
  for (const [side, reader] of [["fast", board], ["slow", slow]]) $(`${side}-behind`).textContent = seconds(newest - newestOf(reader));
}

/** When the last price that this reader has was made: the node's time. */
function newestOf({ quotes }) {
  return Math.max(...Array.from(quotes.values(), ({ at }) => at));
}

function count() {
  $("fast-rate").textContent = rate(rates.fast, board.received);
  $("slow-rate").textContent = rate(rates.slow, slow.received);
  for (const [side, { received, skipped }] of [["fast", board], ["slow", slow]]) {
    const all = received + skipped;
    $(`${side}-skipped`).textContent = all ? `${skipped.toLocaleString()} · ${Math.round(100 * skipped / all)} %` : "–";
    $(`${side}-skipped`).dataset.count = skipped;
  }
  const isSilent = client.state === "open" && performance.now() - heardAt > SILENCE_MS;
  if (isSilent) note("No price has come for a while: the ticker may be switched off on this node.");
  else if (client.state === "open") note(slow.sleepless ? `The slow reader cannot sleep here, and reads as fast as the other: ${slow.sleepless}.` : "");
}

/** Over ten seconds, so that somebody who reads seldom has a rate too. */
function rate(samples, received) {
  samples.push({ received, at: performance.now() });
  if (samples.length > 10_000 / (RATE_MS / 2)) samples.shift();
  const passed = samples.at(-1).at - samples[0].at;
  return passed > 0 ? Math.round(1000 * (received - samples[0].received) / passed).toLocaleString() : "–";
}

function draw(quote, now) {
  const row = rows.get(quote.symbol) ?? addRow(quote.symbol);
  const change = 100 * (quote.price / quote.open - 1);
  price(row.price, quote.price);
  row.change.textContent = `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)} %`;
  depth(row.depth, quote);
  add(row.fast, now, quote.price);
  const seen = slow.quotes.get(quote.symbol);
  if (seen) {
    price(row.slowPrice, seen.price);
    add(row.slow, now, seen.price);
  }
  const range = rangeOf(row.fast, row.slow);
  line(row.fast, range, now, colours.back, false);
  line(row.slow, range, now, colours.out, true);
}

function addRow(symbol) {
  const element = make("tr");
  element.dataset.symbol = symbol;
  const cell = (className) => element.appendChild(make("td", className));
  element.append(Object.assign(make("th", "", symbol), { scope: "row" }));
  const canvas = () => {
    const drawn = cell("line").appendChild(make("canvas", "spark"));
    drawn.setAttribute("aria-hidden", "true");
    return drawn;
  };
  const row = { fast: { canvas: canvas(), points: [] }, price: cell("right num"), change: cell("right num wide muted") };
  row.depth = cell("depth wide").appendChild(make("progress"));
  row.depth.setAttribute("aria-label", "share of bids");
  row.slow = { canvas: canvas(), points: [] };
  row.slowPrice = cell("right num slow");
  rows.set(symbol, row);
  const behindIt = Array.from($("rows").children).find((other) => other.dataset.symbol > symbol);
  $("rows").insertBefore(element, behindIt ?? null);
  return row;
}

/** The colour tells which way it went. */
function price(element, value) {
  const text = value.toFixed(2);
  if (element.textContent === text) return;
  const before = Number(element.textContent);
  element.textContent = text;
  if (before) element.dataset.went = value > before ? "up" : "down";
}

function depth(element, { bids, asks }) {
  const sum = (side) => side.reduce((all, [, size]) => all + size, 0);
  const share = sum(bids) / (sum(bids) + sum(asks));
  element.value = Number.isFinite(share) ? share : 0; // an empty book has none
}

function add({ points }, at, value) {
  begunAt ??= at;
  if (points.length && at - points.at(-1).at < POINT_MS) points.at(-1).value = value;
  else points.push({ at, value });
  while (points[0].at < at - WINDOW_MS - POINT_MS) points.shift();
}

function rangeOf(...lines) {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const least = high * 0.001; // a price that stands still is a line in the middle
  const span = Math.max(high - low, least);
  return { low: (low + high - span) / 2, span };
}

function line({ canvas, points }, { low, span }, now, colour, isStepped) {
  const scale = devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!points.length || !width) return;
  const edge = 2 * scale;
  const shown = Math.min(WINDOW_MS, Math.max(WINDOW_LEAST_MS, now - begunAt));
  const x = (at) => width - edge - ((now - at) / shown) * (width - 2 * edge);
  const y = (value) => height - edge - ((value - low) / span) * (height - 2 * edge);
  context.beginPath();
  points.forEach(({ at, value }, index) => {
    if (isStepped && index) context.lineTo(x(at), y(points[index - 1].value));
    context.lineTo(x(at), y(value));
  });
  Object.assign(context, { strokeStyle: colour, lineWidth: 1.5 * scale, lineJoin: "round" });
  context.stroke();
  context.beginPath();
  context.arc(x(points.at(-1).at), y(points.at(-1).value), 2 * scale, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

function seconds(ms) {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : "–";
}

function note(text) {
  if ($("note").textContent !== text) $("note").textContent = text;
  $("note").hidden = !text;
}

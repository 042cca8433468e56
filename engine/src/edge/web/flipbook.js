// The flipbook: four panels that draw the same animation, each as its own transport brings it; what all may change, and what it comes to.

import { LongPollFeed, ShortPollFeed, SseFeed, WebSocketFeed } from "/assets/feeds.js";
import * as horse from "/assets/horse.js";
import { NodeClock } from "/assets/nodeclock.js";
import { Panel, bytes, ms } from "/assets/panel.js";
import { $, Wire, palette, showState } from "/assets/site.js";
import { drawStrokes } from "/assets/sketch.js";
import { Studio } from "/assets/studio.js";
import { WantedRate } from "/assets/wantedrate.js";

const TELL_MS = 400;
/** At first, so that there is a fast answer among them; then so often that clocks cannot drift far apart. */
const CLOCK_FIRST = 6;
const CLOCK_FIRST_MS = 60;
const CLOCK_MS = 5_000;
/** Without answers the panels go on by this machine's clock. */
const START_MS_MAX = 3_000;
const EVERY_MS = [50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000];
const BUILTIN = 0;

const clock = new NodeClock();
const books = new Map([[BUILTIN, null]]); // book → its pages; those of the built-in one are drawn by number
const asked = new Map(); // id → what is waiting for the answer
let nextId = 1;
let fps = 30;
let isStarted = false;
let isTold = false; // which book is shown: there are frames from then on
let colours = colourScheme();

const panels = [["websocket", WebSocketFeed], ["sse", SseFeed], ["long", LongPollFeed], ["short", ShortPollFeed]].map(
  ([id, Feed]) => new Panel(id, Feed, { clock, onFrame: ({ fps }) => heardRate(fps), onPause: tellPause }),
);
const short = panels.at(-1);
const wanted = new WantedRate({
  ask: (value) => ask({ type: "rate", fps: value }),
  done: () => note(""),
  refused: ({ message }) => note(`The rate stays as it is: ${message}.`),
});
const studio = new Studio({ inks: () => colours.inks, fps: () => fps });

const wire = new Wire("/flipbook/control", {
  state: () => showState($("state"), wire.readyState),
  open() {
    note("");
    clock.forget();
    for (let index = 0; index < CLOCK_FIRST; index += 1) setTimeout(askClock, index * CLOCK_FIRST_MS);
  },
  message: (text, receivedAt) => heard(parsed(text), receivedAt),
  close() {
    for (const { fail } of asked.values()) fail(new Error("the connection was lost"));
    asked.clear();
  },
  waiting: (left) => note(`The node does not answer. Trying again in ${(left / 1000).toFixed(1)} s.`),
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = colourScheme();
  panels.forEach((panel) => panel.invalidate());
  studio.refresh();
});
new ResizeObserver(() => {
  panels.forEach((panel) => panel.invalidate());
  studio.refresh();
}).observe($("main"));
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : wake()));
$("fps").addEventListener("input", () => wantRate(Number($("fps").value)));
$("every").addEventListener("input", setEvery);
$("pause-all").addEventListener("click", () => {
  const isPaused = panels.every((panel) => panel.isPaused);
  panels.forEach((panel) => panel.pause(!isPaused));
  tellPause();
});
$("open-studio").addEventListener("click", () => {
  $("studio").hidden = !$("studio").hidden;
  $("open-studio").setAttribute("aria-expanded", !$("studio").hidden);
  studio.refresh();
});
$("show").addEventListener("click", () => change({ type: "draw", pages: studio.sketch.pages }, "Everybody who looks sees it now."));
$("builtin").addEventListener("click", () => change({ type: "builtin" }, "The horse gallops again, for everybody."));

// Who wants less motion gets none that was not asked for.
if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
  panels.forEach((panel) => panel.pause(true));
  $("sentence").textContent = "Your system asks for less motion, so nothing moves yet: Play starts a panel, Play all starts the four of them.";
}
tellPause();
if (!document.hidden) wake();
setInterval(tell, TELL_MS);
setInterval(() => !document.hidden && askClock(), CLOCK_MS);
requestAnimationFrame(frame);

/** Somebody looks. The panels begin when the clocks were compared, or frames would come before they were published, and the node plays. */
function wake() {
  wire.connect();
  setTimeout(start, START_MS_MAX);
}

/** Nobody looks: nothing is asked of the node. */
function rest() {
  isStarted = false;
  panels.forEach((panel) => panel.stop());
  wire.close();
}

function start() {
  if (isStarted || document.hidden) return;
  isStarted = true;
  panels.forEach((panel) => panel.start());
}

function frame(now) {
  requestAnimationFrame(frame);
  for (const panel of panels) if (panel.isStale && books.has(panel.shown.book)) panel.draw(draw);
  studio.frame(now);
}

/** A page of a book: the number of the frame says which. */
function draw(context, { frame, book }) {
  const { canvas } = context;
  const pages = books.get(book);
  context.setTransform(canvas.width / horse.WIDTH, 0, 0, canvas.height / horse.HEIGHT, 0, 0);
  context.clearRect(0, 0, horse.WIDTH, horse.HEIGHT);
  const page = frame % (pages?.length ?? horse.PAGES);
  if (pages) drawStrokes(context, pages[page], colours.inks);
  else horse.drawHorse(context, page, colours);
  Object.assign(context, { fillStyle: colours.muted, textAlign: "right", font: `500 30px ${colours.mono}` });
  context.fillText(page + 1, horse.WIDTH - 22, horse.HEIGHT - 22);
}

function colourScheme() {
  const named = palette();
  return { ...named, inks: [named.ink, named.out, named.back] };
}

function heard(said, receivedAt) {
  if (said.type === "book") return heardBook(said);
  const { sentAt, done, fail } = asked.get(said.id) ?? {};
  asked.delete(said.id);
  if (said.type === "clock" && sentAt !== undefined) {
    clock.hear(sentAt, receivedAt, said.at);
    $("rtt").textContent = ms(clock.rtt);
    if (isTold) start();
  } else if (said.type === "done") done?.();
  else if (said.type === "error") fail?.(Object.assign(new Error(said.message), { code: said.code }));
}

/** Frames of a book that is not known are not drawn; of those that were, one at most is still to come. */
function heardBook({ book, pages }) {
  for (const other of [...books.keys()].slice(1, -1)) books.delete(other);
  if (isDrawing(pages)) books.set(book, pages);
  panels.forEach((panel) => panel.invalidate());
  isTold = true;
  if (clock.isKnown) start();
}

/** Whether it can be drawn: an operator's rule may let others publish here. */
function isDrawing(pages) {
  const isStroke = (stroke) => Array.isArray(stroke) && stroke.length > 2 && stroke.every(Number.isFinite);
  return Array.isArray(pages) && pages.length > 0 && pages.every((page) => Array.isArray(page) && page.every(isStroke));
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** The rate is what frames say; whoever moves the slider sees what was wished until they do. */
function heardRate(value) {
  if (fps !== value) {
    fps = value;
    panels.forEach((panel) => panel.restart());
  }
  if (wanted.value === null && Number($("fps").value) !== fps) showRate(fps);
}

function showRate(value) {
  $("fps").value = value;
  $("fps-now").textContent = value;
}

function wantRate(value) {
  wanted.want(value);
  showRate(value);
}

function setEvery() {
  const interval = EVERY_MS[Number($("every").value)];
  const text = every(interval);
  $("every-now").textContent = text;
  $("every").setAttribute("aria-valuetext", text);
  short.parts.every.textContent = text;
  short.restart();
  short.feed.every(interval);
}

function every(interval) {
  return interval < 1000 ? `${interval} ms` : `${interval / 1000} s`;
}

async function change(wish, done) {
  const tellIt = (text, isGood) => {
    $("studio-verdict").textContent = text;
    $("studio-verdict").className = `verdict ${isGood ? "good" : "bad-text"}`;
  };
  try {
    await ask(wish);
    tellIt(done, true);
  } catch (error) {
    tellIt(`Not done: ${error.message}.`, false);
  }
}

/** Resolves when the node has done it; rejects with its refusal, which has a `code`, or because there is no connection. */
function ask(wish) {
  return new Promise((done, fail) => {
    if (wire.readyState !== WebSocket.OPEN) return fail(new Error("there is no connection"));
    const id = nextId;
    nextId += 1;
    asked.set(id, { done, fail });
    wire.send(JSON.stringify({ ...wish, id }));
  });
}

function askClock() {
  if (wire.readyState !== WebSocket.OPEN) return;
  const id = nextId;
  nextId += 1;
  asked.set(id, { sentAt: performance.now(), done() {}, fail() {} });
  wire.send(JSON.stringify({ type: "clock", id }));
}

/** All figures, the lines on one scale, and what it comes to. */
function tell() {
  if (document.hidden) return;
  const figures = panels.map((panel) => panel.tell());
  const peak = Math.max(...panels.map((panel) => panel.peak));
  panels.forEach((panel) => panel.isRunning && panel.drawLine(peak, colours));
  const [pushed, , , polled] = figures;
  if (pushed?.p50 != null && polled?.p50 != null) $("sentence").replaceChildren(...sentence(pushed, polled));
}

/** What a glance should leave: numbers stand out. */
function sentence(pushed, polled) {
  const strong = (text) => Object.assign(document.createElement("b"), { textContent: text });
  const missed = (share) => (Math.round(share * fps) ? `misses ${Math.round(share * fps)} of ${fps} frames` : "misses none");
  const share = pushed.bytesEach / polled.bytesEach;
  return [
    `Polling every ${every(short.feed.interval)} shows this animation `, strong(`${ms(polled.p50)} late`), ` and `, strong(missed(polled.missed)),
    `; the WebSocket is `, strong(`${ms(pushed.p50)} late`), ` and `, strong(missed(pushed.missed)),
    `, with `, strong(share < 1 ? `${Math.max(1, Math.round(100 * share))} % of the bytes` : `${bytes(pushed.bytesEach)}`), ` for each frame that you see.`,
  ];
}

function tellPause() {
  $("pause-all").textContent = panels.every((panel) => panel.isPaused) ? "Play all" : "Pause all";
}

function note(text) {
  if ($("note").textContent !== text) $("note").textContent = text;
  $("note").hidden = !text;
}

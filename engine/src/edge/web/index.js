// The overview: one echo connection, asked once a second, drawn as spokes in the ring.
// A spoke is one round trip; a lap is sixty. Nothing is measured while the page is hidden.

import * as horse from "/assets/horse.js";
import { $, Wire, enableCopying, millis, palette, showState, wsUrl } from "/assets/site.js";

const LAP = 60;
const PERIOD_MS = 1_000;
const CENTRE = { x: 160, y: 140 };
const RIM = 97;
const SPOKE_MIN = 2;
const SPOKE_MAX = 30;
const HORSE_PAGE_MS = 40;
const HORSE_STILL = 44; // over the fence
const HORSE_TOP = 70; // sky that is cut off

const samples = []; // the last LAP round trips, oldest first, in ms
let total = 0;
let openedAt = 0;
let pending = null; // { text, sentAt }: at most one probe is on its way

for (const element of document.querySelectorAll("[data-ws]")) element.textContent = wsUrl(element.dataset.ws);
enableCopying();

const spokes = Array.from({ length: LAP }, () => {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  $("spokes").append(line);
  return line;
});
for (const index of spokes.keys()) spoke(index, SPOKE_MIN);

const wire = new Wire("/ws", {
  state: (readyState) => showState($("state"), readyState),
  open() {
    openedAt = performance.now();
    pending = null;
    $("extensions").textContent = wire.socket.extensions.split(";")[0] || "none";
    note("The ring measures this connection: once a second a small message goes out and comes back.");
    probe();
  },
  message(data, receivedAt) {
    if (!pending || data !== pending.text) return note("The node answered with something that was not asked.");
    record(receivedAt - pending.sentAt);
    pending = null;
  },
  close() {
    pending = null;
    $("rtt").textContent = "–";
    $("age").textContent = "–";
  },
  waiting: (left) => note(`The connection is gone. Trying again in ${(left / 1000).toFixed(1)} s.`),
});
wire.connect();
setInterval(probe, PERIOD_MS);
document.addEventListener("visibilitychange", probe);

gallop();

/** The flipbook's horse, which stands still for who wants less motion. */
function gallop() {
  const canvas = $("horse");
  const context = canvas.getContext("2d");
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let drawn = null;
  const step = (now) => {
    if (!isStill) requestAnimationFrame(step);
    const page = isStill ? HORSE_STILL : Math.floor(now / HORSE_PAGE_MS) % horse.PAGES;
    if (page === drawn) return;
    drawn = page;
    context.setTransform(canvas.width / horse.WIDTH, 0, 0, canvas.width / horse.WIDTH, 0, -HORSE_TOP);
    context.clearRect(0, 0, horse.WIDTH, horse.HEIGHT);
    horse.drawHorse(context, page, palette());
  };
  requestAnimationFrame(step);
}

function probe() {
  if (document.hidden || wire.readyState !== WebSocket.OPEN) return;
  $("age").textContent = age(performance.now() - openedAt);
  if (pending) {
    const waited = performance.now() - pending.sentAt;
    if (waited > 2 * PERIOD_MS) note(`No answer for ${(waited / 1000).toFixed(0)} s.`);
    return;
  }
  pending = { text: `round trip ${total + 1}`, sentAt: performance.now() };
  wire.send(pending.text);
}

function record(ms) {
  total += 1;
  samples.push(ms);
  if (samples.length > LAP) samples.shift();
  const sorted = [...samples].sort((a, b) => a - b);
  $("rtt").textContent = millis(ms);
  $("rtt").dataset.ms = ms;
  $("fastest").textContent = `${millis(sorted[0])} ms`;
  $("median").textContent = `${millis(sorted[sorted.length >> 1])} ms`;
  $("slowest").textContent = `${millis(sorted.at(-1))} ms`;
  $("count").textContent = total.toLocaleString();
  draw(Math.max(1, sorted.at(-1)));
}

function draw(scale) {
  samples.forEach((ms, index) => {
    const age = samples.length - 1 - index;
    const position = (total - 1 - age) % LAP;
    // By the square root: one straggler must not flatten all the others.
    const line = spoke(position, SPOKE_MIN + (SPOKE_MAX - SPOKE_MIN) * Math.sqrt(ms / scale));
    line.classList.toggle("new", age === 0);
    line.style.opacity = 1 - 0.7 * (age / LAP);
  });
}

function spoke(position, length) {
  const angle = (position / LAP) * 2 * Math.PI - Math.PI / 2;
  const line = spokes[position];
  line.setAttribute("x1", CENTRE.x + RIM * Math.cos(angle));
  line.setAttribute("y1", CENTRE.y + RIM * Math.sin(angle));
  line.setAttribute("x2", CENTRE.x + (RIM - length) * Math.cos(angle));
  line.setAttribute("y2", CENTRE.y + (RIM - length) * Math.sin(angle));
  return line;
}

function age(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

function note(text) {
  if ($("note").textContent !== text) $("note").textContent = text;
}

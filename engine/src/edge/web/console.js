// The console: asks the admin interface every other second, and shows what moves. It asks for nothing while it is hidden. A token is
// kept for the tab alone, and sent as a header; names, addresses and paths are others' and become text, never HTML.

import { Chart } from "/assets/chart.js";
import { Scrape } from "/assets/metrics.js";
import { $, bytes, make, palette, showState } from "/assets/site.js";

const PERIOD_MS = 2_000; // a scrape looks at every connection
const CONNS_EVERY = 2; // periods
const TOPICS_EVERY = 3; // periods
const DRAW_MS = 50;
const ANSWER_MS_MAX = 10_000;
const TOPICS_LIMIT = 1_000;
const TOPICS_SHOWN = 20;
const CONNS_LIMIT = 25;
const LATENCY_SCRAPES = 5; // what percentiles are over
const LATENCY = "ringwire_delivery_latency_seconds";
const PERCENTILES = [0.5, 0.99, 0.999];
const TOKEN = /^[\w.~+/=-]+$/; // others are no token of any node, and most of them no header can carry
const JUMP = 2 ** 32; // of a topic's offsets, when a node with a journal was killed

const count = (value) => (value >= 10_000 ? `${trim(value / 1000)} k` : trim(value));
const perSecond = (value) => (value === null ? "–" : `${count(value)} /s`);
const size = (value) => bytes(Math.round(value)).replace(/\.0+ /, " ");

const charts = {
  messages: new Chart($("chart-messages"), [
    { label: "in", colour: "back" }, { label: "sent to one", colour: "muted" }, { label: "deliveries of topics", colour: "out" },
  ], count),
  bytes: new Chart($("chart-bytes"), [{ label: "received", colour: "back" }], size, 1024),
  connections: new Chart($("chart-connections"), [{ label: "open", colour: "back" }], count),
  latency: new Chart($("chart-latency"), [
    { label: "p50", colour: "back" }, { label: "p99", colour: "out" }, { label: "p99.9", colour: "ink" },
  ], duration),
};

let token = sessionStorage.getItem("token") ?? "";
let timer;
let looks = 0;
let period = 0; // since the page came into view
let scrapes = []; // the last few, oldest first
let offsets = new Map(); // topic → where it was, for its rate
let topics = [];
let order = "rate";
let after = ""; // the connection in front of the page that is shown
let next = null;
let colours = palette();
let isPressed = false;

/** What the node said instead of an answer; status 0 if it said nothing. */
class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

document.addEventListener("pointerdown", () => { isPressed = true; });
for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => { isPressed = false; });
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : work()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = palette(); });
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = $("token").value.trim();
  if (!TOKEN.test(typed)) return show($("token-error"), "A token has letters, digits and any of -._~+/= alone. This one was not sent.");
  token = typed;
  work();
});
$("forget").addEventListener("click", () => {
  token = "";
  sessionStorage.removeItem("token");
  askForToken("");
});
for (const button of document.querySelectorAll("[data-order]")) {
  button.addEventListener("click", () => {
    order = button.dataset.order;
    for (const other of document.querySelectorAll("[data-order]")) other.setAttribute("aria-pressed", other === button);
    showTopics();
  });
}
$("first").addEventListener("click", () => turn(""));
$("next").addEventListener("click", () => turn(next));
$("closing-not").addEventListener("click", () => $("closing").close());
$("closing-form").addEventListener("submit", close);

work();
requestAnimationFrame(frame);

function work() {
  clearTimeout(timer);
  period = 0;
  if (!document.hidden) look();
}

function rest() {
  clearTimeout(timer);
  looks += 1;
  breakLines();
}

/** What happens from here on was not seen: lines end, and rates begin anew. */
function breakLines() {
  for (const chart of Object.values(charts)) chart.push(performance.now(), chart.series.map(() => null));
  scrapes = [];
  offsets = new Map();
}

async function look() {
  looks += 1;
  const mine = looks; // who looked last goes on
  const error = await showAll().then(() => null, (error) => error);
  if (mine !== looks) return;
  if (error) bad(error);
  else good();
  if ($("door").hidden) timer = setTimeout(look, PERIOD_MS);
}

async function showAll() {
  await showMetrics();
  const lists = [];
  if (period % TOPICS_EVERY === 0) lists.push(askTopics());
  if (period % CONNS_EVERY === 0) lists.push(showConnections());
  await Promise.all(lists);
  period += 1;
}

function good() {
  openBoard();
  $("trouble").hidden = true;
  $("board").classList.remove("stale");
  if (token) sessionStorage.setItem("token", token);
  showState($("state"), 1);
}

function bad(error) {
  if (!(error instanceof Refusal)) reportError(error);
  if (error.status === 401) return askForToken(token ? "This is not the token of this node." : "");
  showState($("state"), error.status ? 1 : 0);
  show($("trouble"), `${error.message.replace(/\.$/, "")}. Trying again.`);
  openBoard();
  $("board").classList.add("stale"); // what it shows was true
  breakLines();
}

/** The token that was typed may be right: the node has not said otherwise. */
function openBoard() {
  $("door").hidden = true;
  $("board").hidden = false;
  $("forget").hidden = !token;
}

function askForToken(complaint) {
  clearTimeout(timer);
  looks += 1; // one that is on its way says nothing more
  sessionStorage.removeItem("token");
  $("board").hidden = true;
  $("forget").hidden = true;
  $("door").hidden = false;
  showState($("state"), 3);
  $("state").textContent = "LOCKED";
  if (complaint) show($("token-error"), complaint);
  else $("token-error").hidden = true;
  $("token").select();
}

async function ask(target, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const asked = fetch(target, { cache: "no-store", headers, signal: AbortSignal.timeout(ANSWER_MS_MAX), ...options });
  const response = await asked.catch(() => { throw new Refusal(0, "network", "The node cannot be reached."); });
  if (response.ok) return response;
  const { code, message } = await response.json().catch(() => ({}));
  throw new Refusal(response.status, code, message ?? `status ${response.status}`);
}

async function json(target) {
  return (await ask(target)).json();
}

async function showMetrics() {
  const scrape = new Scrape(await (await ask("/metrics")).text(), performance.now());
  const before = scrapes.at(-1);
  const rate = (name) => scrape.rate(name, before);
  const [messagesIn, deliveries] = [rate("ringwire_received_messages_total"), rate("ringwire_deliveries_total")];
  const connections = scrape.sum("ringwire_connections");
  charts.messages.push(scrape.at, [messagesIn, rate("ringwire_sent_frames_total"), deliveries]);
  charts.bytes.push(scrape.at, [rate("ringwire_received_bytes_total")]);
  charts.connections.push(scrape.at, [connections]);
  charts.latency.push(scrape.at, before ? scrape.percentiles(LATENCY, scrapes[0], PERCENTILES) ?? [null, null, null] : [null, null, null]);
  $("connections").textContent = connections === null ? "–" : connections.toLocaleString();
  $("messages-in").textContent = perSecond(messagesIn);
  $("deliveries").textContent = perSecond(deliveries);
  $("queued").textContent = size(scrape.sum("ringwire_queued_bytes") ?? 0);
  // Every shard has all histories.
  $("histories").textContent = size(Math.max(0, ...(scrape.samples.get("ringwire_history_bytes") ?? []).map(({ value }) => value)));
  $("dropped").textContent = (scrape.sum("ringwire_dropped_total") ?? 0).toLocaleString();
  const version = scrape.samples.get("ringwire_build_info")?.[0]?.labels.version;
  $("about").textContent = `Ringwire ${version ?? ""}, MIT or Apache-2.0`;
  showShards(scrape, before);
  scrapes.push(scrape);
  if (scrapes.length > LATENCY_SCRAPES) scrapes.shift();
}

function showShards(scrape, before) {
  const most = Math.max(1, ...scrape.shards().map(({ shard }) => scrape.sum("ringwire_connections", { shard }) ?? 0));
  const rows = scrape.shards().map(({ shard, isUp }) => {
    const [of, rate] = [(name) => scrape.sum(name, { shard }), (name) => scrape.rate(name, before, { shard })];
    const turns = rate("ringwire_turns_total");
    const completions = rate("ringwire_completions_total");
    const tell = (value) => (value === null ? "–" : trim(value));
    const name = isUp ? shard : `${shard} (does not answer)`;
    return row(name, [
      number(of("ringwire_connections") ?? "–"), share((of("ringwire_connections") ?? 0) / most),
      number(tell(rate("ringwire_received_messages_total"))), number(tell(rate("ringwire_deliveries_total"))),
      wide(tell(turns)), wide(tell(turns ? completions / turns : null)),
      wide(isUp ? size(of("ringwire_queued_bytes") ?? 0) : "–"), wide(of("ringwire_dropped_total") ?? "–"),
    ]);
  });
  $("shards").replaceChildren(...rows);
}

async function askTopics() {
  const page = await json(`/topics?limit=${TOPICS_LIMIT}`);
  const now = performance.now();
  const seen = new Map();
  topics = page.topics.map((topic) => {
    const [epoch, offset] = topic.history?.position.split("-") ?? [];
    if (epoch === undefined) return { ...topic, rate: null };
    const before = offsets.get(topic.name);
    seen.set(topic.name, { epoch, offset: Number(offset), at: now });
    const passed = before && before.epoch === epoch ? (now - before.at) / 1000 : 0;
    return { ...topic, rate: passed > 0 ? grown(before.offset, Number(offset)) / passed : null };
  });
  offsets = seen;
  const more = page.next ? ` The node has more topics: these are of the first ${TOPICS_LIMIT.toLocaleString()} by name.` : "";
  $("topics-note").textContent = `Traffic is known of topics with history alone.${more}`;
  showTopics();
}

/** Below none for a node that was killed and had seen more than its journal. */
function grown(before, offset) {
  const count = (offset - before) % JUMP;
  return count > 0 && count < JUMP / 2 ? count : 0;
}

function showTopics() {
  const orders = {
    rate: (a, b) => (b.rate ?? -1) - (a.rate ?? -1) || b.subscribers - a.subscribers,
    subscribers: (a, b) => b.subscribers - a.subscribers || (b.rate ?? -1) - (a.rate ?? -1),
    name: () => 0, // as they came
  };
  const shown = topics.toSorted(orders[order]).slice(0, TOPICS_SHOWN);
  const most = Math.max(1, ...shown.map(({ rate }) => rate ?? 0));
  const rows = shown.map(({ name, rate, subscribers, history, is_pattern: isPattern }) => {
    const line = row(name, [
      number(rate === null ? "–" : trim(rate)), share((rate ?? 0) / most), number(subscribers.toLocaleString()),
      wide(history ? history.messages.toLocaleString() : "–"), wide(history ? size(history.bytes) : "–"), wide(history?.position ?? "–"),
    ]);
    if (isPattern) line.firstElementChild.append(" ", make("span", "tag", "pattern"));
    return line;
  });
  const left = topics.length - shown.length;
  if (left > 0) rows.push(spread(`and ${left.toLocaleString()} more`, 7));
  if (!rows.length) rows.push(spread("Nobody subscribes, and nothing is kept.", 7));
  $("topics").replaceChildren(...rows);
}

async function showConnections() {
  if (isPressed) return; // a button must not go from under a finger
  const page = await json(`/connections?limit=${CONNS_LIMIT}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
  next = page.next;
  $("first").disabled = !after;
  $("next").disabled = !next;
  const rows = page.connections.map((conn) => {
    const line = row(conn.id, [
      make("td", "num", conn.remote_addr), make("td", "num", conn.path ?? "stream"), wide(conn.shard), make("td", "wide", conn.state),
      wide(size(conn.queued_bytes)), wide(conn.subscription_count), make("td", "right"),
    ]);
    line.firstElementChild.classList.add("wide");
    line.dataset.id = conn.id;
    const button = line.lastElementChild.appendChild(make("button", "quiet", "Close …"));
    button.setAttribute("aria-label", `Close ${conn.id}`);
    button.disabled = conn.state !== "open";
    button.addEventListener("click", () => askToClose(conn));
    return line;
  });
  if (!rows.length) rows.push(spread(after ? "No more connections." : "Nobody is connected.", 8));
  // Who is about to press a button must find it where it was.
  const focused = document.activeElement?.closest("#conns tr")?.dataset.id;
  $("conns").replaceChildren(...rows);
  if (focused) rows.find((line) => line.dataset.id === focused)?.querySelector("button").focus();
  $("conns-note").textContent = next || after ? `${page.connections.length} of more, in the order of shards and slots.` : "";
}

function turn(to) {
  after = to ?? "";
  showConnections().catch(bad);
}

function askToClose({ id, remote_addr: from, path }) {
  $("closing-error").hidden = true;
  $("closing").dataset.id = id;
  $("closing-id").textContent = id;
  $("closing-from").textContent = from;
  $("closing-path").textContent = path ?? "a stream";
  $("closing").showModal();
  $("closing-not").focus();
}

async function close(event) {
  event.preventDefault();
  const query = new URLSearchParams({ code: $("closing-code").value.trim(), reason: $("closing-reason").value });
  try {
    await ask(`/connections/${$("closing").dataset.id}?${query}`, { method: "DELETE" });
    $("closing").close();
    await showConnections();
  } catch (error) {
    show($("closing-error"), error.message);
  }
}

let drawnAt = 0;
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
function frame(now) {
  requestAnimationFrame(frame);
  if ($("board").hidden || now - drawnAt < (isCalm.matches ? PERIOD_MS : DRAW_MS)) return;
  drawnAt = now;
  for (const chart of Object.values(charts)) chart.draw(performance.now(), colours);
}

function row(name, cells) {
  const element = make("tr");
  element.append(Object.assign(make("th", "num", name), { scope: "row" }), ...cells);
  return element;
}

function number(text, more = "") {
  return make("td", `right num ${more}`, String(text));
}

/** Where there is room for it. */
function wide(text) {
  return number(text, "wide");
}

function share(value) {
  const cell = make("td", "share");
  const bar = cell.appendChild(make("progress"));
  bar.value = value;
  bar.setAttribute("aria-hidden", "true");
  return cell;
}

function spread(text, columns) {
  const element = make("tr");
  element.append(Object.assign(make("td", "muted", text), { colSpan: columns }));
  return element;
}

function trim(value) {
  return value.toLocaleString(undefined, { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function duration(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  if (seconds >= 0.001) return `${trim(seconds * 1e3)} ms`;
  return `${trim(seconds * 1e6)} µs`;
}

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = false;
}

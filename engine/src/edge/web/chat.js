// The chat page, on two connections: /chat is who one is (this side sends `join`, then `say`; the node sends `welcome`, `joined`, `left`
// and `error`), and what was said is read from its topic with the node's own client, which begins with the history and resumes after
// a broken line. What others wrote reaches the page through textContent alone, never as HTML.

import { connect } from "/ringwire.js";
import { $, Wire, clock, cut, make, showState } from "/assets/site.js";

const TOPIC = "demo.chat";
const TEXT_CHARS_MAX = 500;
const NAME_CHARS_MAX = 32;
const ROWS_MAX = 500;
const NEAR_END_PX = 60;
const LIVES_MAX = 20;
const DOUBT_MS = 2_000; // after both connections are back

const NAMES = ["Ada", "Blaise", "Carl", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ida", "John", "Katherine", "Leslie"];
const GAPS = {
  too_old: "Messages may be missing here: they were too old to resume, or the node was restarted",
  no_history: "Messages may be missing here: this node keeps no history of the chat",
};

let me = ""; // the name this window goes by, once it has chosen one
let welcomed = false;
let ownJoin = null; // the head count that `welcome` told, until our own `joined` has been seen
let ahead = 0; // of the node's clock, as far as messages tell, which come late
let arrival = null; // the row that says so, and the node's time then: what was said before stands above it
let reader = null; // of the topic; from the first welcome on
// This window's connections: `{ id, from, until }`, in the node's time. Ids begin anew when the node does, so an id alone is nobody's.
const lives = JSON.parse(sessionStorage.getItem("lives") ?? "[]");
const unheard = []; // texts sent and not yet heard back
const doubtful = []; // those of a connection that broke

const wire = new Wire("/chat", {
  state: showLine,
  open() {
    $("join-error").hidden = true;
    if (me) join();
  },
  message: hear,
  close: lose,
  waiting(left) {
    // The form's notice is read aloud whenever it changes, so it does not count down.
    if ($("room").hidden) show($("join-error"), "The node cannot be reached. Trying again.");
    else show($("lost"), `Reconnecting: trying again in ${(left / 1000).toFixed(1)} s. What is said meanwhile will be here then.`);
  },
});

// Somebody may have typed before this script was there: that stays. The button waits for the script.
$("name").value ||= sessionStorage.getItem("name") ?? NAMES[Math.floor(Math.random() * NAMES.length)];
$("name").select();
$("join-button").disabled = false;
wire.connect();

$("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  me = cut($("name").value.trim(), NAME_CHARS_MAX);
  if (!me) return show($("join-error"), "Please give a name.");
  $("join-error").hidden = true;
  if (wire.readyState === WebSocket.OPEN) join();
  else wire.connect();
});
$("say-form").addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});
$("say").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});
$("say").addEventListener("input", (event) => {
  if (!event.isComposing) $("say").value = cut($("say").value, TEXT_CHARS_MAX);
  count();
});
$("another").addEventListener("click", () => {
  // Without an opener the new window starts with an empty session, so with a name of its own.
  open(location.pathname, "_blank", "popup,noopener,width=460,height=760");
});
$("jump").addEventListener("click", toEnd);
$("talk").addEventListener("scroll", () => { if (atEnd()) $("jump").hidden = true; });

function tell(message) {
  wire.send(JSON.stringify(message));
}

/** What is said is read elsewhere. */
function join() {
  tell({ type: "join", name: me, hear: false });
}

function say() {
  const text = cut($("say").value.trim(), TEXT_CHARS_MAX);
  if (!text || !welcomed || wire.readyState !== WebSocket.OPEN) return;
  unheard.push(text);
  tell({ type: "say", text });
  $("say").value = "";
  count();
}

function hear(data) {
  const message = parsed(data);
  switch (message?.type) {
    case undefined: return event("The node sent something that this page does not understand", true);
    case "welcome": return welcome(message);
    case "joined": return joined(message);
    case "left": head(message.online); return event(`${named(message)} left`);
    case "error": return refused(message.message);
    default: // a later node may know more; what this page does not know it leaves alone
  }
}

function welcome({ id, online, at }) {
  const again = !$("room").hidden;
  welcomed = true;
  ownJoin = online;
  ahead = at - Date.now();
  endLife(at); // of before a reload
  lives.push({ id, from: at, until: null });
  keepLives();
  sessionStorage.setItem("name", me);
  document.title = `${me} · Chat · Ringwire`;
  $("who").textContent = me;
  $("join").hidden = true;
  $("room").hidden = false;
  head(online);
  arrival = { at, row: event(again ? "You are back" : `You joined as ${me}`) };
  reader ??= read();
  showLine();
  setTimeout(doubt, DOUBT_MS);
  $("say").focus();
}

/** From the beginning of the history on, and after each broken line from where it was. */
function read() {
  const client = connect("/", { onState: showLine, backoffMax: 15_000 });
  client.subscribe(TOPIC, {
    since: 0,
    onMessage: said,
    onGap: ({ reason, count }) => event(GAPS[reason] ?? `${count ?? "Some"} messages were skipped here`, true),
    onError: ({ message }) => event(`What is said cannot be read: ${message}`, true),
  });
  return client;
}

// The node tells everybody of a join, perhaps the newcomer too: `welcome` has already said that here.
function joined(message) {
  const { name, online } = message;
  head(online);
  const mine = name === me && online === ownJoin;
  if (mine) ownJoin = null;
  else event(`${named(message)} joined`);
}

function said(data) {
  const line = lineIn(data);
  if (!line) return event(`The node says: ${plain(data)}`);
  const mine = isMine(line);
  if (mine) {
    ahead = Math.max(ahead, line.at - Date.now()); // what came faster than the welcome tells it better
    heardBack(line.text);
  }
  const before = arrival?.row.isConnected && line.at < arrival.at ? arrival.row : null;
  const previous = before ? before.previousElementSibling : $("talk").lastElementChild;
  const today = previous?.dataset.day ?? day(Date.now());
  const row = rowOf(line, mine);
  row.dataset.day ??= today;
  if (previous?.dataset.speaker === row.dataset.speaker) row.classList.add("same");
  if (today !== row.dataset.day) append(make("li", "event", row.dataset.day), before);
  append(row, before);
}

/** Null for all else: an operator, or whom a rule lets, may publish to the topic, and need not know what the chat looks like. */
function lineIn(data) {
  const { type, id, name, text, at } = parsed(data) ?? {};
  const isLine = type === "said" && [id, name, text].every((part) => typeof part === "string");
  return isLine ? { id, name, text, at: typeof at === "number" ? at : NaN } : null;
}

/** Said on a connection of this window, while it had it. */
function isMine({ id, name, at }) {
  return name === me && lives.some((life) => life.id === id && at >= life.from && at <= (life.until ?? Infinity));
}

/** Without a time, and a day, where `at` is none. */
function rowOf({ id, name, text, at }, mine) {
  const row = make("li", `said${mine ? " mine" : ""}`);
  const by = row.appendChild(make("div", "by"));
  by.append(make("b", "", mine ? "You" : cut(name, NAME_CHARS_MAX)));
  row.append(make("div", "text", cut(text, TEXT_CHARS_MAX)));
  Object.assign(row.dataset, { name, speaker: `${mine} ${id} ${name}` });
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return row;
  const time = by.appendChild(make("time", "", clock(date)));
  time.dateTime = date.toISOString();
  row.dataset.day = day(date);
  return row;
}

function heardBack(text) {
  for (const list of [doubtful, unheard]) {
    const index = list.indexOf(text);
    if (index >= 0) return list.splice(index, 1);
  }
}

function refused(text) {
  if (welcomed) return event(text, true);
  show($("join-error"), text);
  $("join").hidden = false;
  $("room").hidden = true;
  me = "";
}

function lose() {
  const was = welcomed;
  welcomed = false;
  ownJoin = null;
  $("online").textContent = "";
  doubtful.push(...unheard.splice(0));
  if (was) {
    endLife(Date.now() + ahead);
    keepLives();
    event("You lost the connection", true);
  }
  showLine();
}

/** Lines of its id that come later are another's. */
function endLife(at) {
  const last = lives.at(-1);
  if (last) last.until ??= at;
}

function keepLives() {
  lives.splice(0, lives.length - LIVES_MAX);
  sessionStorage.setItem("lives", JSON.stringify(lives));
}

/** By now all that was delivered has been heard. */
function doubt() {
  if (!isWhole() || !doubtful.length) return;
  event(`Perhaps not delivered: ${doubtful.splice(0).join(" / ")}`, true);
}

function event(text, bad = false) {
  return append(make("li", bad ? "event bad" : "event", text));
}

function append(row, before = null) {
  const follow = atEnd();
  $("talk").insertBefore(row, before);
  while ($("talk").childElementCount > ROWS_MAX) $("talk").firstElementChild.remove();
  if (follow || row.classList.contains("mine")) toEnd();
  else $("jump").hidden = false;
  return row;
}

function atEnd() {
  const talk = $("talk");
  return talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR_END_PX;
}

function toEnd() {
  $("talk").scrollTop = $("talk").scrollHeight;
  $("jump").hidden = true;
}

function head(online) {
  if (!Number.isInteger(online)) return;
  $("online").textContent = online === 1 ? "only you" : `${online} here`;
  $("online").dataset.online = online;
}

function count() {
  $("count").textContent = `${Array.from($("say").value).length} / ${TEXT_CHARS_MAX}`;
}

/** Both connections are there, as far as there should be two. */
function isWhole() {
  return wire.readyState === WebSocket.OPEN && (reader === null || reader.state === "open");
}

function showLine() {
  const isDown = wire.readyState === WebSocket.OPEN && !isWhole();
  showState($("state"), isWhole() || !reader ? wire.readyState : WebSocket.CONNECTING);
  if (reader && !isWhole()) $("state").textContent = "RECONNECTING";
  $("say-button").disabled = !(welcomed && wire.readyState === WebSocket.OPEN);
  if (isWhole() && welcomed) $("lost").hidden = true;
  else if (isDown && welcomed) show($("lost"), "Reconnecting: what is said meanwhile will follow.");
}

function day(at) {
  return new Date(at).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

function named({ name }) {
  return typeof name === "string" ? cut(name, NAME_CHARS_MAX) : "Somebody";
}

function plain(data) {
  return typeof data === "string" ? cut(data, TEXT_CHARS_MAX) : `${data.length} bytes that are no text`;
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = false;
}

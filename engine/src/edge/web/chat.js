// The chat page. JSON text messages on /chat: this side sends `join`, then `say`; the node sends `welcome`, `joined`,
// `left`, `said` and `error`. What others wrote reaches the page through textContent alone, never as HTML.

import { $, Wire, clock, cut, make, showState } from "/assets/site.js";

const TEXT_CHARS_MAX = 500;
const NAME_CHARS_MAX = 32;
const ROWS_MAX = 500;
const NEAR_END_PX = 60;

const NAMES = ["Ada", "Blaise", "Carl", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ida", "John", "Katherine", "Leslie"];

let me = ""; // the name this window goes by, once it has chosen one
let welcomed = false;
let ownJoin = null; // the head count that `welcome` told, until our own `joined` has been seen
let lastSpeaker = null;
const unheard = []; // texts sent and not yet heard back

const wire = new Wire("/chat", {
  state(readyState) {
    showState($("state"), readyState);
    enable();
  },
  open() {
    $("join-error").hidden = true;
    if (me) tell({ type: "join", name: me });
  },
  message: hear,
  close: lose,
  waiting(left) {
    // The form's notice is read aloud whenever it changes, so it does not count down.
    if ($("room").hidden) show($("join-error"), "The node cannot be reached. Trying again.");
    else show($("lost"), `The connection is gone. Trying again in ${(left / 1000).toFixed(1)} s.`);
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
  if (wire.readyState === WebSocket.OPEN) tell({ type: "join", name: me });
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

function say() {
  const text = cut($("say").value.trim(), TEXT_CHARS_MAX);
  if (!text || !welcomed || wire.readyState !== WebSocket.OPEN) return;
  unheard.push(text);
  tell({ type: "say", text });
  $("say").value = "";
  count();
}

function hear(data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    return event("The node sent something that this page does not understand.", true);
  }
  switch (message.type) {
    case "welcome": return welcome(message);
    case "joined": return joined(message);
    case "left": head(message.online); return event(`${message.name} left`);
    case "said": return said(message);
    case "error": return refused(message.message);
    default: // a later node may know more; what this page does not know it leaves alone
  }
}

function welcome({ online }) {
  const again = !$("room").hidden;
  welcomed = true;
  ownJoin = online;
  sessionStorage.setItem("name", me);
  document.title = `${me} · Chat · Ringwire`;
  $("who").textContent = me;
  $("join").hidden = true;
  $("room").hidden = false;
  $("lost").hidden = true;
  head(online);
  event(again ? "You are back" : `You joined as ${me}`);
  enable();
  $("say").focus();
}

// The node tells everybody of a join, perhaps the newcomer too: `welcome` has already said that here.
function joined({ name, online }) {
  head(online);
  const mine = name === me && online === ownJoin;
  if (mine) ownJoin = null;
  else event(`${name} joined`);
}

function said({ name, text, at }) {
  const mine = name === me && unheard[0] === text;
  if (mine) unheard.shift();
  const speaker = `${mine} ${name}`;
  const row = make("li", `said${mine ? " mine" : ""}${speaker === lastSpeaker ? " same" : ""}`);
  const by = make("div", "by");
  const time = make("time", "", clock(new Date(at)));
  time.dateTime = new Date(at).toISOString();
  by.append(make("b", "", mine ? "You" : name), time);
  row.append(by, make("div", "text", text));
  row.dataset.name = name;
  append(row);
  lastSpeaker = speaker;
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
  if (unheard.length) event(`Perhaps not delivered: ${unheard.splice(0).join(" / ")}`, true);
  if (was) event("You lost the connection", true);
  enable();
}

function event(text, bad = false) {
  append(make("li", bad ? "event bad" : "event", text));
  lastSpeaker = null;
}

function append(row) {
  const follow = atEnd();
  $("talk").append(row);
  while ($("talk").childElementCount > ROWS_MAX) $("talk").firstElementChild.remove();
  if (follow || row.classList.contains("mine")) toEnd();
  else $("jump").hidden = false;
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
  $("online").textContent = online === 1 ? "only you" : `${online} here`;
  $("online").dataset.online = online;
}

function count() {
  $("count").textContent = `${Array.from($("say").value).length} / ${TEXT_CHARS_MAX}`;
}

function enable() {
  $("say-button").disabled = !(welcomed && wire.readyState === WebSocket.OPEN);
}

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = false;
}

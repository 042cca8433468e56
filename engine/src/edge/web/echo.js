// The echo page: what is sent waits in a queue, and each message that comes back is compared with the oldest one there.
// One connection carries all of it, so the queue is also a check of order. The drawing lives in drawing.js.

import { $, STATES, Wire, bytes, clock, make, millis, showState } from "/assets/site.js";
import { Drawing } from "/assets/drawing.js";

const LOG_ROWS_MAX = 200;
const PREVIEW_CHARS = 2_000;
const REASON_BYTES_MAX = 123; // RFC 6455 §5.5: 125 bytes of payload, two of them the code

const encoder = new TextEncoder();
const awaited = []; // { kind, payload, size, sentAt, drawing }
let bufferedPeak = 0;
let asked = null; // what this page closed with, when it was this page

const drawing = new Drawing($("pad"), $("mirror"), $("inks"));

const wire = new Wire("/ws", {
  state: showReadyState,
  open() {
    $("closed").hidden = true;
    log("", "open", { what: wire.socket.extensions || "no extensions" });
  },
  message: receive,
  error: () => log("", "error", { what: "the browser gives no details; the close event follows" }),
  close: showClose,
  waiting(left) {
    $("retry").hidden = false;
    $("retry-text").textContent = `Trying again in ${(left / 1000).toFixed(1)} s.`;
  },
});
$("url").textContent = wire.url;
wire.connect();

$("text-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sendText($("text").value);
});
$("text").addEventListener("keydown", (event) => {
  // Enter that ends the composition of a letter is the input method's.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!$("send-text").disabled) $("text-form").requestSubmit();
});
$("send-big-text").addEventListener("click", () => sendText("Ringwire ".repeat(120_000).slice(0, 1024 * 1024)));
$("send-big-binary").addEventListener("click", () => sendBinary(noise(1024 * 1024)));
$("send-empty").addEventListener("click", () => sendBinary(new Uint8Array(0)));
$("send-drawing").addEventListener("click", async () => {
  const blob = await drawing.toBlob();
  sendBinary(new Uint8Array(await blob.arrayBuffer()), true);
});
$("sample").addEventListener("click", () => drawing.sample());
$("clear").addEventListener("click", () => drawing.clear());
$("clear-log").addEventListener("click", () => $("log").replaceChildren());
$("close-form").addEventListener("submit", closeAsAsked);
$("connect").addEventListener("click", () => wire.connect());
$("retry-now").addEventListener("click", () => wire.connect());

function sendText(text) {
  send({ kind: "text", payload: text, size: encoder.encode(text).length }, text);
}

function sendBinary(data, isDrawing = false) {
  send({ kind: "binary", payload: data, size: data.length, drawing: isDrawing }, data);
}

function send(message, data) {
  if (wire.readyState !== WebSocket.OPEN) return verdict(message, `Not sent: the connection is ${STATES[wire.readyState]}.`, false);
  message.sentAt = performance.now();
  awaited.push(message);
  wire.send(data);
  watchBuffered();
  verdict(message, `${bytes(message.size)} on the way.`);
  log("sent", message.kind, { size: message.size, what: message.drawing ? "PNG image" : preview(message.payload) });
}

function receive(data, receivedAt) {
  const kind = typeof data === "string" ? "text" : "binary";
  const payload = kind === "text" ? data : new Uint8Array(data);
  const size = kind === "text" ? encoder.encode(data).length : payload.length;
  const sent = awaited.shift();
  const ms = sent ? receivedAt - sent.sentAt : undefined;
  const same = Boolean(sent) && sent.kind === kind && samePayload(sent.payload, payload);
  const isDrawing = Boolean(sent?.drawing);
  const what = isDrawing ? "PNG image" : preview(payload);
  log("back", kind, { size, ms, what: same ? what : `${sent ? "not what was sent" : "not asked for"}: ${what}`, same });
  if (isDrawing) showDrawing(payload, sent, ms, same);
  else showReply(payload, sent, ms, same);
}

function showReply(payload, sent, ms, same) {
  const text = typeof payload === "string" ? payload : hex(payload);
  $("reply").textContent = text.length > PREVIEW_CHARS ? `${text.slice(0, PREVIEW_CHARS)} … (${bytes(sent?.size ?? text.length)} in all)` : text;
  if (sent) verdict(sent, describe(sent, ms, same), same);
}

async function showDrawing(payload, sent, ms, same) {
  try {
    await drawing.show(payload);
    verdict(sent, describe(sent, ms, same), same);
  } catch {
    verdict(sent, "What came back is not an image.", false);
  }
}

function describe(sent, ms, same) {
  return same ? `${bytes(sent.size)} there and back in ${millis(ms)} ms, the same byte for byte.` : "What came back is not what was sent.";
}

function verdict(message, text, good) {
  const element = $(message.drawing ? "drawing-verdict" : "text-verdict");
  element.textContent = text;
  element.classList.toggle("good", good === true);
  element.classList.toggle("bad-text", good === false);
  element.dataset.same = good === undefined ? "" : String(good);
}

function closeAsAsked(event) {
  event.preventDefault();
  const code = Number($("close-code").value);
  const reason = $("close-reason").value;
  const problem = closeProblem(code, reason);
  $("close-error").hidden = !problem;
  $("close-error").textContent = problem;
  if (problem) return;
  asked = { code, reason };
  log("sent", "close", { what: `${code} ${reason}` });
  wire.close(code, reason);
}

// The browser's own rule for scripts is narrower than RFC 6455 §7.4: 1000 or 3000–4999.
function closeProblem(code, reason) {
  if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) return "A page may close with 1000 or with 3000 to 4999.";
  const size = encoder.encode(reason).length;
  if (size > REASON_BYTES_MAX) return `The reason may have ${REASON_BYTES_MAX} bytes; this one has ${size}.`;
  return "";
}

function showClose(event) {
  $("closed").hidden = false;
  $("closed").classList.toggle("bad", !event.wasClean);
  $("closed-title").textContent = closedBy(event.wasClean);
  $("closed-code").textContent = event.code;
  $("closed-reason").textContent = event.reason || "(none)";
  $("closed-clean").textContent = String(event.wasClean);
  $("retry").hidden = true;
  const lost = awaited.length ? `; ${awaited.length} not answered` : "";
  log("back", "close", { what: `${event.code} ${event.reason} wasClean ${event.wasClean}${lost}`, same: event.wasClean });
  awaited.length = 0;
  asked = null;
}

function closedBy(wasClean) {
  if (asked) return `You closed with ${asked.code}${wasClean ? ". The node answered:" : ", and the node did not answer as it should."}`;
  return wasClean ? "The node closed the connection." : "The connection was lost.";
}

function showReadyState(readyState) {
  showState($("state"), readyState);
  [...$("steps").children].forEach((step, index) => {
    if (index === readyState) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
  const open = readyState === WebSocket.OPEN;
  for (const id of ["send-text", "send-big-text", "send-big-binary", "send-empty", "send-drawing", "close"]) $(id).disabled = !open;
  $("close").hidden = readyState === WebSocket.CLOSED;
  $("connect").hidden = readyState !== WebSocket.CLOSED;
}

let watching = false;
function watchBuffered() {
  if (watching) return;
  watching = true;
  const look = () => {
    const now = wire.bufferedAmount;
    bufferedPeak = Math.max(bufferedPeak, now);
    $("buffered").textContent = bytes(now);
    $("buffered-peak").textContent = bytes(bufferedPeak);
    $("buffered-bar").max = bufferedPeak || 1;
    $("buffered-bar").value = now;
    watching = now > 0 && wire.readyState === WebSocket.OPEN;
    if (watching) requestAnimationFrame(look);
  };
  look();
}

function log(direction, kind, { size, ms, what = "", same = true } = {}) {
  const row = make("li");
  row.dataset.direction = direction;
  row.dataset.kind = kind;
  row.append(
    make("time", "", clock(new Date(), true)),
    make("span", direction === "sent" ? "to-out" : "to-back", direction === "sent" ? "→ sent" : direction === "back" ? "← back" : ""),
    make("span", "", kind),
    make("span", "right size", size === undefined ? "" : bytes(size)),
    make("span", "right", ms === undefined ? "" : `${millis(ms)} ms`),
    make("span", same ? "what" : "what bad-text", what),
  );
  $("log").prepend(row);
  while ($("log").childElementCount > LOG_ROWS_MAX) $("log").lastElementChild.remove();
}

function samePayload(a, b) {
  if (typeof a === "string") return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function preview(payload) {
  return typeof payload === "string" ? payload.slice(0, 120) : hex(payload.subarray(0, 24)) + (payload.length > 24 ? " …" : "");
}

function hex(data) {
  if (data.length === 0) return "(empty)";
  return Array.from(data.subarray(0, 256), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

// Bytes without a pattern, so that a misplaced piece cannot go unnoticed.
function noise(size) {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(data.subarray(at, Math.min(size, at + 65_536)));
  return data;
}

// What the built-in pages share: a WebSocket that comes back by itself, and how sizes, times and bytes are shown.
// Pages import this as a module; there is no build step and nothing is loaded from elsewhere.

export const STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];
export const $ = (id) => document.getElementById(id);

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
// A connection that lived shorter than this was no success: a server that accepts and drops must not be hammered.
const STEADY_MS = 5_000;

/** The WebSocket address of `path` on the node that served this page. */
export function wsUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/**
 * A WebSocket that reconnects when it was lost, and stays closed when it was closed from here.
 * Handlers, all optional: open(), message(data, receivedAt), close(event), error(), state(readyState),
 * waiting(msLeft) while a retry is pending.
 */
export class Wire {
  constructor(path, handlers) {
    this.url = wsUrl(path);
    this.handlers = handlers;
    this.socket = null;
    this.attempt = 0;
    this.wanted = false;
    addEventListener("online", () => this.wanted && this.timer && this.connect());
  }

  get readyState() { return this.socket ? this.socket.readyState : WebSocket.CLOSED; }
  get bufferedAmount() { return this.socket ? this.socket.bufferedAmount : 0; }

  connect() {
    this.#stopWaiting();
    if (this.readyState === WebSocket.CONNECTING || this.readyState === WebSocket.OPEN) return;
    this.wanted = true;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let steady;
    socket.onopen = () => {
      steady = setTimeout(() => { this.attempt = 0; }, STEADY_MS);
      this.#tell("state", socket.readyState);
      this.#tell("open");
    };
    socket.onmessage = (event) => this.#tell("message", event.data, performance.now());
    socket.onerror = () => this.#tell("error");
    socket.onclose = (event) => {
      clearTimeout(steady);
      this.#tell("state", socket.readyState);
      this.#tell("close", event);
      if (this.wanted) this.#retry();
    };
    this.#tell("state", socket.readyState);
  }

  send(data) { this.socket.send(data); }

  /** Closes for good. Throws, as the browser does, when the code or the reason is not allowed. */
  close(code, reason) {
    this.socket?.close(code, reason);
    this.wanted = false;
    this.#stopWaiting();
    this.#tell("state", this.readyState);
  }

  #retry() {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.attempt);
    this.attempt += 1;
    // Half fixed, half by chance: many browsers that lost the same node must not return in one wave.
    const due = performance.now() + ceiling / 2 + Math.random() * ceiling / 2;
    const step = () => {
      const left = due - performance.now();
      if (left <= 0) return this.connect();
      this.#tell("waiting", left);
      this.timer = setTimeout(step, Math.min(100, left));
    };
    step();
  }

  #stopWaiting() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  #tell(name, ...args) { this.handlers[name]?.(...args); }
}

/** Shows `readyState` in a `.state` element, as a word and as a dot. */
export function showState(element, readyState) {
  element.dataset.state = readyState;
  element.textContent = STATES[readyState];
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(2)} MiB`;
}

/** Milliseconds, with no more digits than the clock has: browsers round it to 0.1 ms unless the page is isolated. */
export function millis(ms) {
  const digits = ms >= 100 ? 0 : ms >= 10 || !crossOriginIsolated ? 1 : 2;
  return ms.toFixed(digits);
}

export function clock(date, withMillis = false) {
  const text = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: withMillis ? "2-digit" : undefined, hourCycle: "h23" });
  return withMillis ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
}

/** The first `limit` characters (code points, not UTF-16 halves) of `text`. */
export function cut(text, limit) {
  if (text.length <= limit) return text;
  return Array.from(text.slice(0, limit * 2)).slice(0, limit).join("");
}

/** The colours of the pages, for what is drawn: they change with the colour scheme. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "edge", "surface", "paper", "out", "out-tint", "back", "error", "mono"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Creates an element with a class and text; text is never parsed as HTML. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Makes every `[data-copy=id]` button copy the text of that element. */
export function enableCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    let back;
    button.addEventListener("click", async () => {
      const done = await copyText($(button.dataset.copy).textContent.trim());
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      if (!done) getSelection().selectAllChildren($(button.dataset.copy));
      clearTimeout(back);
      back = setTimeout(() => { button.textContent = label; }, 1600);
    });
  }
}

// The clipboard is there only on https and localhost; elsewhere the text is selected for the person to copy.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

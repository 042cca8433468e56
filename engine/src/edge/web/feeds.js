// The same topic, read in four ways. Each feed is started and stopped, comes back by itself, and tells its handlers
// frame(text, receivedAt), traffic(bytes, requests) and state(word): "connecting", "open" or "lost".
//
// Bytes are those of HTTP and of the WebSocket protocol, both ways; TCP, TLS and the like come on top for all four. A page sees all it
// receives: answers are counted to the byte, where Resource Timing's `transferSize` says 300 for any head. What a browser sends it tells nobody, so the
// heads of requests are estimated from what is known of them (`requestBytes`).
//
// Connections: over HTTP/1.1 a browser has six to a host, for all its tabs. SSE and long polling hold one each, short polling has one at
// times; WebSockets are not among the six. Two windows side by side are six. A third would wait; a hidden tab has none.

import { Wire } from "/assets/site.js";

const TOPIC = "/topics/demo.flipbook";
/** How long a long poll waits for a frame; at one frame a second it never comes to that. */
const WAIT = "20s";
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 4_000;
/** A WebSocket frame's head towards the browser (RFC 6455 §5.2): no mask, and frames of the flipbook are short. */
const WS_HEAD_BYTES = 2;

const encoder = new TextEncoder();

export class WebSocketFeed {
  constructor(handlers) {
    this.wire = new Wire(TOPIC, {
      // The one that is there now is asked: an earlier one, which was let go of, may still be closing.
      state: () => handlers.state(this.#state),
      waiting: () => handlers.state("lost"),
      message(text, receivedAt) {
        const size = encoder.encode(text).length;
        handlers.traffic(size + (size < 126 ? WS_HEAD_BYTES : WS_HEAD_BYTES + 2), 0);
        handlers.frame(text, receivedAt);
      },
    });
  }

  start() { this.wire.connect(); }
  stop() { this.wire.close(); }

  get #state() {
    const { readyState, attempt } = this.wire;
    if (readyState === WebSocket.OPEN) return "open";
    return readyState === WebSocket.CONNECTING && attempt === 0 ? "connecting" : "lost";
  }
}

export class SseFeed {
  constructor(handlers) {
    this.handlers = handlers;
  }

  start() {
    this.stop();
    this.handlers.state("connecting");
    const source = new EventSource(TOPIC);
    this.source = source;
    source.onopen = () => this.handlers.state("open");
    source.onmessage = ({ data, lastEventId }) => {
      const receivedAt = performance.now();
      this.handlers.traffic(encoder.encode(`id: ${lastEventId}\ndata: ${data}\n\n`).length, 0);
      this.handlers.frame(data, receivedAt);
    };
    source.onerror = () => {
      this.handlers.state("lost");
      // From a refusal it does not come back by itself.
      if (source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.start(), RETRY_MS_MAX);
    };
  }

  stop() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}

/** Requests one after another, until it is stopped. */
class Polling {
  constructor(handlers) {
    this.handlers = handlers;
  }

  start() {
    this.stop();
    this.running = new AbortController();
    this.handlers.state("connecting");
    this.#run(this.running.signal);
  }

  stop() {
    this.running?.abort();
  }

  async #run(signal) {
    let retry = RETRY_MS_MIN;
    this.begin?.();
    while (!signal.aborted) {
      try {
        await this.ask(signal);
        retry = RETRY_MS_MIN;
      } catch {
        if (signal.aborted) return;
        this.handlers.state("lost");
        await sleep(retry, signal);
        retry = Math.min(2 * retry, RETRY_MS_MAX);
      }
    }
  }

  /** The answer and its body, once it was counted. Throws for what is no answer to go on with. */
  async fetch(path, signal, headers = {}) {
    const response = await fetch(path, { cache: "no-store", signal, headers });
    const body = await response.text();
    const receivedAt = performance.now();
    if (signal.aborted) throw new Error("stopped");
    this.handlers.traffic(requestBytes(path, headers) + responseBytes(response, body), 1);
    if (!response.ok && response.status !== 304) throw new Error(`status ${response.status}`);
    this.handlers.state("open");
    return { response, body, receivedAt };
  }
}

export class LongPollFeed extends Polling {
  begin() {
    this.position = null;
  }

  async ask(signal) {
    const query = this.position ? `?after=${this.position}&wait=${WAIT}` : "";
    const { body, receivedAt } = await this.fetch(TOPIC + query, signal);
    const { position, messages } = JSON.parse(body);
    this.position = position;
    // What came while the last answer was on its way comes at once; the newest of it is what is shown.
    if (messages.length) this.handlers.frame(messages.at(-1).data, receivedAt);
  }
}

/** Asks for the latest frame each `interval` milliseconds, or as often as answers come. */
export class ShortPollFeed extends Polling {
  interval = 250;

  begin() {
    this.etag = null;
    this.due = performance.now();
  }

  async ask(signal) {
    const { response, body, receivedAt } = await this.fetch(`${TOPIC}/latest`, signal, this.etag ? { "If-None-Match": this.etag } : {});
    this.etag = response.headers.get("ETag");
    if (response.status === 200) this.handlers.frame(body, receivedAt);
    // On schedule; an answer that took longer than the interval moves it.
    this.due = Math.max(this.due + this.interval, performance.now());
    await sleep(this.due - performance.now(), signal);
  }

  /** Asks so often from now on. */
  every(interval) {
    this.interval = interval;
    if (this.running && !this.running.signal.aborted) this.start();
  }
}

/** Resolves after so long, or when it was stopped. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** The head of an answer, all of which a page of the same origin may read, and its body. Over HTTP/2 heads are smaller. */
export function responseBytes(response, body) {
  let size = `HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`.length + encoder.encode(body).length;
  for (const [name, value] of response.headers) size += name.length + value.length + 4;
  return size;
}

/** An estimate: the lines that browsers send with a fetch, with this browser's values; Chromium's are right to a few bytes. No cookies: the node sets none. */
export function requestBytes(path, headers) {
  const brands = navigator.userAgentData?.brands;
  const lines = {
    Host: location.host,
    Connection: "keep-alive",
    Pragma: "no-cache",
    "Cache-Control": "no-cache",
    "User-Agent": navigator.userAgent,
    Accept: "*/*",
    Referer: location.href,
    "Accept-Encoding": isSecureContext ? "gzip, deflate, br, zstd" : "gzip, deflate",
    "Accept-Language": navigator.languages.map((language, index) => (index ? `${language};q=0.${10 - index}` : language)).join(","),
    ...(isSecureContext && { "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" }),
    ...(brands && {
      "sec-ch-ua": brands.map(({ brand, version }) => `"${brand}";v="${version}"`).join(", "),
      "sec-ch-ua-mobile": "?0",
      "sec-ch-ua-platform": `"${navigator.userAgentData.platform}"`,
    }),
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `GET ${path} HTTP/1.1\r\n${head}\r\n`.length;
}

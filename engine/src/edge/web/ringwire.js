// Follows and feeds the topics of a Ringwire node; no dependencies, no build step. How it is used, and its types, are in
// ringwire.d.ts, the protocol in engine/docs/protocol.md.
// After a broken line it comes back by itself, and each subscription goes on behind the last message that it had, none
// twice. One WebSocket carries everything; where none gets through, it goes on with Server-Sent Events, then with long
// polling, one request for each subscription, and looks now and then whether something better does by now.

const PROTOCOL = "ringwire.v1";
const DEFAULTS = {
  transports: ["websocket", "sse", "polling"],
  openTimeout: 5_000,
  backoffMin: 500,
  backoffMax: 30_000,
  stableAfter: 10_000,
  probeMin: 30_000,
  probeMax: 600_000,
  pingInterval: 25_000,
  waitingMax: 1_000,
  onState() {},
  // For tests, and for places that bring their own.
  WebSocket: globalThis.WebSocket,
  EventSource: globalThis.EventSource,
  fetch: (url, options) => fetch(url, options),
  setTimeout: (action, delay) => setTimeout(action, delay),
  clearTimeout: (timer) => clearTimeout(timer),
  now: () => performance.now(),
  random: Math.random,
};

/** Positions that one request may carry: in a JSON message, and in a URL. */
const POSITIONS_MAX = { websocket: 1024, sse: 100, polling: 100 };
/** Failures to open in a row after which the next transport is tried: of the first, of others, and of the one that was open last. */
const FAILURES_MAX = { first: 2, lower: 1, last: 4 };
/** Milliseconds after the line broke with which the patience for the last one ends in any case, as where nothing answers. */
const PATIENCE = 5_000;
/** Refusals that pass; what was asked is asked again. */
const PASSING = new Set(["busy", "too_fast", "closing"]);
const POLL_WAIT = 30_000;
const POLL_PAUSE = 1_000;

/** Why something was not done. `code` is the server's, or `unknown`, `transport`, `waiting`, `network` or `closed`. */
export class RingwireError extends Error {
  constructor(code, message) {
    super(message);
    Object.assign(this, { name: "RingwireError", code });
  }
}

/** Connects to a node: its URL (http, https, ws or wss; a page's own node without one), and options. */
export function connect(url = "/", options = {}) {
  return new Client(url, options);
}

/**
 * Keeps one transport open, and moves to the next one when it does not open; after the last it begins again. A transport is
 * blocked only if a lower one works while it does not: so whenever a lower one has opened, those above are tried beside it.
 */
class Client {
  state = "connecting";
  subscriptions = new Set();
  waiting = []; // publications that no connection has been told of yet
  held = []; // refusals of what only a better transport can do, while it is not known whether one works
  link = null; // the open or opening transport
  index = 0; // of it in the list
  trial = null; // a better one, tried while the link goes on
  probes = 0; // of all better ones in vain, since the link opened
  lastIndex = undefined; // of the transport that was open last
  failures = 0; // to open, in a row
  breaks = 0; // of lines that were open, since one was stable
  attempts = 0; // to come back, beside the first with each lower transport; those of breaks too

  constructor(url, options) {
    this.options = { ...DEFAULTS, ...options };
    const unknown = this.options.transports.find((name) => !Object.hasOwn(LINKS, name));
    if (unknown !== undefined || this.options.transports.length === 0) {
      throw new TypeError(`transports: ${unknown ?? "none"}; choose from ${Object.keys(LINKS).join(", ")}`);
    }
    this.base = new URL(url, globalThis.location?.href);
    if (!this.base.pathname.endsWith("/")) this.base.pathname += "/";
    this.base.protocol = this.base.protocol.replace("ws", "http");
    this.begin();
  }

  get transport() {
    return this.options.transports[this.index];
  }

  subscribe(topic, handlers) {
    const subscription = new Subscription(this, topic, handlers);
    if (this.state === "closed") throw new RingwireError("closed", "the client is closed");
    this.subscriptions.add(subscription);
    this.link?.add(subscription);
    return subscription;
  }

  /** Resolves when the node has it; rejects with code `unknown` if the line broke before it said so. */
  publish(topic, data, { durable } = {}) {
    return new Promise((resolve, reject) => {
      if (this.state === "closed") throw new RingwireError("closed", "the client is closed");
      const publication = { topic, data: payload(data), durable, resolve, reject };
      if (this.transport === "websocket" && this.link?.isOpen) return this.link.publish(publication);
      if (this.obstacle) throw this.obstacle;
      const isFull = this.waiting.length >= this.options.waitingMax;
      if (isFull) throw new RingwireError("waiting", "too many publications wait for a connection");
      this.waiting.push(publication);
    });
  }

  close() {
    this.finish(new RingwireError("closed", "the client was closed"));
  }

  begin() {
    this.tell("connecting");
    try {
      this.link = new LINKS[this.transport](this);
      if (this.index > 0 && this.subscriptions.size === 0) this.reach(this.link);
    } catch (error) {
      this.lost(this.link, error.message);
    }
  }

  /** Without a subscription a lower transport asks for nothing: it works if the node answers at all. */
  reach(link) {
    this.expectOpen(link);
    const answer = this.options.fetch(new URL("topics/any/latest", this.base).href, { method: "HEAD", cache: "no-store" });
    answer.then(() => this.opened(link), ({ message }) => this.lost(link, message));
  }

  /** From now on there must be an answer in time. */
  expectOpen(link) {
    if (link.isOpen || link.timer !== undefined) return;
    const { setTimeout, openTimeout } = this.options;
    link.timer = setTimeout(() => this.lost(link, `no answer within ${openTimeout} ms`), openTimeout);
  }

  opened(link) {
    if (link.isOpen || (link !== this.link && link !== this.trial)) return;
    if (link === this.trial) this.moveUp();
    link.isOpen = true;
    this.options.clearTimeout(link.timer);
    this.lastIndex = this.index;
    this.failures = this.probes = 0;
    this.attempts = this.breaks; // what the search took is no reason to wait when this breaks
    this.openedAt = this.options.now();
    this.probeTimer = this.options.setTimeout(() => this.probe(), 0);
    this.tell("open");
  }

  /** The transport failed, before or after it was open. */
  lost(link, reason) {
    if (link && link === this.trial) return this.probe(this.trialIndex + 1);
    if (link !== this.link || this.state === "closed") return;
    this.leave();
    if (this.state === "open") this.broke();
    const retryIn = this.state !== "open" && this.moveOn() ? this.shortPause() : this.longerPause();
    this.retryTimer = this.options.setTimeout(() => this.begin(), retryIn);
    this.tell("connecting", { reason, retryIn });
  }

  broke() {
    this.breaks += 1;
    this.brokeAt = this.options.now();
  }

  /** Takes the next transport where this one has failed often enough; whether that is a lower one. */
  moveOn() {
    const isLast = this.index === this.lastIndex;
    const isLate = isLast && this.options.now() - this.brokeAt >= PATIENCE;
    this.failures += 1;
    if (!isLate && this.failures < FAILURES_MAX[isLast ? "last" : this.index === 0 ? "first" : "lower"]) return false;
    this.failures = 0;
    this.index = (this.index + 1) % this.options.transports.length;
    return this.index > 0;
  }

  /** Whether a lower transport works shows at once; only rounds through all of them are ever further apart. */
  shortPause() {
    return this.pause(this.options.backoffMin, this.options.backoffMax, 0);
  }

  longerPause() {
    this.attempts += 1;
    return this.pause(this.options.backoffMin, this.options.backoffMax, this.attempts - 1);
  }

  /** Tries the transports above, best first, while this one goes on. */
  probe(index = 0) {
    this.trial?.close();
    this.trial = null;
    if (index === this.index) return this.probed();
    this.trialIndex = index;
    try {
      this.trial = new LINKS[this.options.transports[index]](this);
      this.expectOpen(this.trial);
    } catch {
      this.probe(index + 1);
    }
  }

  /** Nothing above works: what cannot be done here is refused. */
  probed() {
    const { probeMin, probeMax, setTimeout } = this.options;
    if (this.index > 0) this.probeTimer = setTimeout(() => this.probe(), this.pause(probeMin, probeMax, this.probes));
    this.probes += 1;
    if (this.obstacle) for (const { reject } of this.waiting.splice(0)) reject(this.obstacle);
    for (const refuse of this.held.splice(0)) refuse();
  }

  /** The trial takes over, and resumes where the link was. */
  moveUp() {
    const { trial: link, trialIndex: index } = this;
    this.trial = null;
    this.leave();
    Object.assign(this, { link, index });
    for (const subscription of this.subscriptions) link.add(subscription);
  }

  /** Whether it is known that nothing above works. */
  get isSettled() {
    return this.index === 0 || (this.state === "open" && this.probes > 0);
  }

  /** Why nothing can be published, once that is known. */
  get obstacle() {
    const mayCome = this.transport === "websocket" || !this.isSettled;
    if (mayCome && this.options.transports.includes("websocket")) return undefined;
    return new RingwireError("transport", `nothing can be published over ${this.transport}`);
  }

  /** For good. */
  finish(error) {
    if (this.state === "closed") return;
    this.leave();
    for (const { reject } of this.waiting.splice(0)) reject(error);
    this.subscriptions.clear();
    this.tell("closed", { reason: error.message });
  }

  leave() {
    const { link, trial, options } = this;
    if (this.state === "open" && options.now() - this.openedAt >= options.stableAfter) this.attempts = this.breaks = 0;
    Object.assign(this, { link: null, trial: null, held: [] });
    for (const timer of [this.retryTimer, this.probeTimer]) options.clearTimeout(timer);
    for (const one of [link, trial]) one?.close();
    for (const subscription of this.subscriptions) subscription.isLive = false;
  }

  /** Twice as long each time, half of it random. */
  pause(least, most, times) {
    return Math.min(most, least * 2 ** times) * (0.5 + this.options.random() / 2);
  }

  /** A subscription that the node refuses for good; but for a position, without which it begins anew on `link`. */
  refuse(subscription, error, link) {
    if (error.code === "bad_position" && subscription.beginAnew()) return link === this.link && link.add(subscription);
    if (!this.subscriptions.delete(subscription)) return;
    this.remove(subscription, true);
    call(subscription.handlers.onError, error);
  }

  remove(subscription, isRefused) {
    for (const link of [this.link, this.trial]) link?.remove(subscription, isRefused);
  }

  tell(state, more = {}) {
    this.state = state;
    call(this.options.onState, { state, transport: this.transport, ...more });
  }

  /** A subscription's URL, to go on where it is. */
  topicUrl({ topic }, { after, since }) {
    const url = new URL(`topics/${encodeURIComponent(topic)}`, this.base);
    const positions = typeof after === "string" ? [after] : Object.entries(after ?? {}).map((pair) => pair.join(":"));
    for (const position of positions) url.searchParams.append("after", position);
    if (since !== undefined) url.searchParams.append("since", since);
    return url;
  }
}

/** What somebody listens to, and how far they have come. */
class Subscription {
  isLive = false; // the node has confirmed it on this connection
  hasBegun = false; // … on any connection
  hasNoHistory = false; // something came without a position

  constructor(client, topic, { after, since, ...handlers } = {}) {
    Object.assign(this, { client, topic, handlers, since });
    this.isPattern = topic.split(".").some((token) => token === "*" || token === ">");
    const positions = typeof after === "string" ? { [topic]: after } : after;
    this.positions = new Map(Object.entries(positions ?? {})); // topic → the last message's
  }

  unsubscribe() {
    if (this.client.subscriptions.delete(this)) this.client.remove(this, false);
  }

  /** What to ask for: everything behind what it had. */
  resume() {
    if (this.positions.size > POSITIONS_MAX[this.client.transport]) this.forget("too_many_topics");
    const after = this.isPattern ? Object.fromEntries(this.positions) : this.positions.get(this.topic);
    return { after: this.positions.size > 0 ? after : undefined, since: this.since };
  }

  /** The node is behind, as after an older journal was put back: what it has is not what was heard. False if nothing was asked for. */
  beginAnew() {
    if (this.positions.size === 0) return false;
    this.isLive = false;
    this.forget("too_old");
    return true;
  }

  forget(reason) {
    this.positions.clear();
    this.since = undefined;
    this.gap(this.topic, reason);
  }

  /** The node has begun to send: how it says that it did. */
  began({ position, replayed, gap, time }) {
    this.isLive = true;
    // A topic that a pattern has not heard of has been silent since its first subscribe.
    if (this.isPattern) this.since ??= time;
    else if (position === undefined) this.hasNoHistory = true;
    else if (replayed === 0 && isBehind(this.positions.get(this.topic), position)) this.positions.set(this.topic, position);
    if (gap) this.gap(this.topic, "too_old");
    else if (this.hasBegun && this.hasNoHistory) this.gap(this.topic, "no_history");
    this.hasBegun = true;
  }

  heard(data, topic, position) {
    // Before it is confirmed, a message is for another of the same name, and may be ahead of what is replayed to this one.
    if (!this.isLive || !this.client.subscriptions.has(this)) return;
    if (!position) this.hasNoHistory = true;
    else if (!isBehind(this.positions.get(topic), position)) return;
    else this.positions.set(topic, position);
    call(this.handlers.onMessage, data, { topic, position: position || undefined });
  }

  /** Losses are those of one name or pattern; others that match may have heard it all. */
  lost({ topic, count }) {
    if (topic === this.topic) this.gap(topic, "lost", count);
  }

  gap(topic, reason, count) {
    if (this.client.subscriptions.has(this)) call(this.handlers.onGap, { topic, reason, count });
  }
}

/** Everything over one WebSocket. */
class SocketLink {
  hasHeard = true; // since the last ping
  requests = new Map(); // id → what to do with the answer
  lastId = 0;

  constructor(client) {
    this.client = client;
    const url = new URL("connect", client.base).href.replace("http", "ws");
    const socket = (this.socket = new client.options.WebSocket(url, PROTOCOL));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.open();
    socket.onmessage = ({ data }) => this.take(data);
    socket.onclose = ({ code, reason }) => this.gone(code, reason);
    client.expectOpen(this);
  }

  open() {
    if (this.socket.protocol !== PROTOCOL) return this.client.lost(this, `there is no ${PROTOCOL}`);
    this.client.opened(this);
    if (this.client.link !== this) return; // the page has closed it
    for (const subscription of this.client.subscriptions) this.add(subscription);
    for (const publication of this.client.waiting.splice(0)) this.publish(publication);
    this.keepAlive();
  }

  /** A line on which nothing came, not even the answer to a ping, is dead. */
  keepAlive() {
    this.timer = this.client.options.setTimeout(() => {
      if (!this.hasHeard) return this.client.lost(this, "the line is dead");
      this.hasHeard = false;
      this.ask({ op: "ping" });
      this.keepAlive();
    }, this.client.options.pingInterval);
  }

  gone(code, reason) {
    if (code !== 1008) return this.client.lost(this, reason || `closed with ${code}`);
    this.client.finish(new RingwireError(reason.split(":")[0] || "not_allowed", reason || "not allowed"));
  }

  close() {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.client.options.clearTimeout(this.timer);
    const error = new RingwireError("unknown", "the connection ended before the answer: it may or may not have been published");
    for (const { reject } of this.requests.values()) reject(error);
    this.requests.clear();
  }

  add(subscription) {
    if (!this.isOpen || !this.client.subscriptions.has(subscription)) return;
    const again = () => this.client.link === this && this.add(subscription);
    this.ask({ op: "subscribe", topic: subscription.topic, ...subscription.resume() }, {
      resolve: (ok) => subscription.began(ok),
      reject: (error) => {
        if (PASSING.has(error.code)) this.client.options.setTimeout(again, this.client.options.backoffMin);
        else if (error.code !== "unknown") this.client.refuse(subscription, error, this);
      },
    });
  }

  /** Two subscriptions of one name are one to the node. */
  remove({ topic }, isRefused) {
    const isShared = Array.from(this.client.subscriptions).some((other) => other.topic === topic);
    if (!this.isOpen || isShared || isRefused) return;
    this.ask({ op: "unsubscribe", topic }, { resolve() {}, reject() {} });
  }

  publish({ topic, data, durable, resolve, reject }) {
    const answer = { resolve: ({ position }) => resolve({ position }), reject };
    const request = { op: "publish", topic, durable };
    if (typeof data === "string") this.ask({ ...request, data }, answer);
    else this.ask(request, answer, data);
  }

  ask(request, answer, bytes) {
    if (answer) {
      request.id = this.lastId += 1;
      this.requests.set(request.id, answer);
    }
    const json = JSON.stringify(request);
    this.socket.send(bytes ? joined(`${json}\n`, bytes) : json);
  }

  take(data) {
    this.hasHeard = true;
    if (typeof data === "string") return this.understand(JSON.parse(data));
    const bytes = new Uint8Array(data);
    const end = bytes.indexOf(10);
    this.understand(JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))), bytes.subarray(end + 1));
  }

  /** A later node may say more than this; `closing` is followed by a close. */
  understand(event, bytes) {
    const answer = this.requests.get(event.id);
    this.requests.delete(event.id);
    if (event.event === "message") this.hear(bytes ?? event.data, event);
    else if (event.event === "lost") for (const one of this.client.subscriptions) one.lost(event);
    else if (event.event === "ok") answer?.resolve(event);
    else if (event.event === "error") answer?.reject(new RingwireError(event.code, event.message));
  }

  /**
   * A message comes once for each name and pattern that matches, for a pattern with that. Each goes by its own alone: what comes for
   * another may be ahead of what is still to be replayed.
   */
  hear(data, { topic, position, pattern = topic }) {
    for (const one of Array.from(this.client.subscriptions)) if (one.topic === pattern) one.heard(data, topic, position);
  }
}

/** A request for each subscription. They come and go together. */
class RequestsLink {
  ends = new Map(); // subscription → what ends its request

  constructor(client) {
    this.client = client;
    // Beside a link, what is not live has no position yet: it is added when this takes over.
    for (const one of client.subscriptions) if (client.link === null || one.isLive) this.add(one);
  }

  remove(subscription) {
    this.ends.get(subscription)?.();
    this.ends.delete(subscription);
  }

  close() {
    this.client.options.clearTimeout(this.timer);
    for (const end of this.ends.values()) end();
  }
}

/** Streams of Server-Sent Events. */
class StreamLink extends RequestsLink {
  add(subscription) {
    if (this.ends.has(subscription)) return;
    const url = this.client.topicUrl(subscription, subscription.resume());
    const { topic, isPattern } = subscription;
    const stream = new this.client.options.EventSource(url.href);
    // Topic and position of an event: for a pattern its id is TOPIC:POSITION:TIME.
    const origin = ({ lastEventId: id }) => (isPattern ? id.match(/^(.*):(.*):\d+$/).slice(1) : [topic, id]);
    this.ends.set(subscription, () => stream.close());
    this.client.expectOpen(this);
    stream.addEventListener("subscribed", ({ data }) => {
      this.client.opened(this);
      subscription.began(JSON.parse(data));
    });
    stream.addEventListener("message", (event) => subscription.heard(event.data, ...origin(event)));
    stream.addEventListener("binary", (event) => subscription.heard(fromBase64(event.data), ...origin(event)));
    stream.addEventListener("lost", ({ data }) => subscription.lost(JSON.parse(data)));
    stream.addEventListener("error", () => this.failed(subscription, url));
  }

  /** An EventSource does not tell a refusal from a broken line, so the same is asked by a short poll. */
  async failed(subscription, url) {
    this.remove(subscription);
    const error = subscription.isLive ? undefined : await ask(this.client, url).catch((error) => error);
    if (error?.isFinal && error.code !== "no_history") return this.client.refuse(subscription, error, this);
    this.client.lost(this, "the stream ended");
  }
}

/** Chains of long polls. */
class PollLink extends RequestsLink {
  add(subscription) {
    if (this.ends.has(subscription)) return;
    this.client.expectOpen(this);
    const controller = new AbortController();
    const { signal } = controller;
    this.ends.set(subscription, () => controller.abort());
    this.follow(subscription, signal).catch((error) => signal.aborted || this.failed(subscription, error));
  }

  failed(subscription, error) {
    if (!error.isFinal) return this.client.lost(this, error.message);
    this.remove(subscription);
    if (error.code !== "no_history" || this.client.isSettled) return this.client.refuse(subscription, error, this);
    this.client.opened(this); // the node has answered
    this.client.held.push(() => this.client.refuse(subscription, error));
  }

  async follow(subscription, signal) {
    const { now, setTimeout, clearTimeout, openTimeout } = this.client.options;
    while (!signal.aborted) {
      const asked = now();
      const isFirst = !subscription.isLive;
      const url = this.client.topicUrl(subscription, subscription.resume());
      // The first answer comes at once: it shows that this transport gets through.
      if (!isFirst) url.searchParams.append("wait", `${POLL_WAIT}ms`);
      const timer = setTimeout(() => this.client.lost(this, "no answer to a poll"), POLL_WAIT + openTimeout);
      const { messages, ...begun } = await ask(this.client, url, signal).finally(() => clearTimeout(timer));
      if (signal.aborted) return;
      this.client.opened(this);
      // Later answers go on where the last one ended, so that only a gap is news.
      if (isFirst) subscription.began({ ...begun, replayed: messages.length });
      else if (begun.gap) subscription.gap(subscription.topic, "too_old");
      for (const { topic, position, data, data64 } of messages) {
        subscription.heard(data ?? fromBase64(data64), topic ?? subscription.topic, position);
      }
      if (isFirst || messages.length > 0 || now() - asked >= POLL_PAUSE) continue;
      await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE));
    }
  }
}

const LINKS = { websocket: SocketLink, sse: StreamLink, polling: PollLink };

/** JSON of a GET. What the node refuses for good is an error with `isFinal`. */
async function ask(client, url, signal) {
  const response = await client.options.fetch(url.href, { signal, cache: "no-store" });
  if (response.ok) return response.json();
  const { code, message } = await response.json().catch(() => ({}));
  const error = new RingwireError(code ?? "network", message ?? `status ${response.status}`);
  error.isFinal = code !== undefined && !PASSING.has(code) && response.status < 500;
  throw error;
}

/** Whether `position` comes after `last`: always, if that is of another epoch. Offsets are u64. */
function isBehind(last, position) {
  if (last === undefined) return true;
  const [epoch, offset] = last.split("-");
  const [newEpoch, newOffset] = position.split("-");
  return epoch !== newEpoch || BigInt(newOffset) > BigInt(offset);
}

function payload(data) {
  if (typeof data === "string") return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError("publish takes a string, an ArrayBuffer or a view of one; write objects with JSON.stringify");
}

function joined(text, body) {
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Calls a user's function; what it throws is reported and stops nothing. */
function call(handler, ...args) {
  try {
    handler?.(...args);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

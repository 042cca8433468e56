// A node without a network, for the tests of ringwire.js: topics with history, the three transports as the browser's own
// classes, and a clock that stands still until it is told.

import { setImmediate } from "node:timers/promises";

/** As many as the longest chain of promises needs: a stream that fails, and the poll that asks why. */
const ROUNDS = 4;

export class Clock {
  time = 0;
  timers = new Map();
  lastId = 0;

  setTimeout = (action, delay) => {
    this.timers.set((this.lastId += 1), { action, due: this.time + delay });
    return this.lastId;
  };
  clearTimeout = (id) => this.timers.delete(id);
  now = () => this.time;

  /** Lets promises go on, runs what is due, and stops `delay` milliseconds later. */
  async pass(delay = 0) {
    const end = this.time + delay;
    for (;;) {
      for (let round = 0; round < ROUNDS; round += 1) await setImmediate();
      const [id, next] = Array.from(this.timers).sort((a, b) => a[1].due - b[1].due)[0] ?? [];
      if (next === undefined || next.due > end) break;
      this.time = Math.max(this.time, next.due);
      this.timers.delete(id);
      next.action();
    }
    this.time = end;
  }
}

/** Topics, and whoever follows them. `blocked` transports fail; `silent` ones never answer. */
export class Node {
  topics = new Map(); // name → { epoch, first, last, messages }
  followers = new Set(); // { pattern, hear(topic, message) }
  blocked = new Set();
  silent = new Set();
  refused = new Map(); // topic → code
  withoutHistory = new Set();
  opened = []; // what was opened: [transport, time]
  asked = []; // operations at /connect, and URLs
  sockets = new Set();
  streams = new Set();
  answersPublish = true;
  pageMax = Infinity; // messages of a replay that leave at once

  constructor(clock) {
    this.clock = clock;
    const node = this;
    this.classes = {
      WebSocket: class extends FakeSocket { constructor(url, protocol) { super(node, url, protocol); } },
      EventSource: class extends FakeStream { constructor(url) { super(node, url); } },
      fetch: (url, { signal } = {}) => this.poll(new URL(url), signal),
    };
  }

  topic(name) {
    if (!this.topics.has(name)) this.topics.set(name, { epoch: "1f", first: 1, last: 0, messages: [] });
    return this.topics.get(name);
  }

  publish(name, data) {
    const topic = this.topic(name);
    topic.last += 1;
    const position = this.withoutHistory.has(name) ? undefined : `${topic.epoch}-${topic.last}`;
    const message = { position, data, time: this.clock.time, offset: topic.last };
    topic.messages.push(message);
    for (const follower of Array.from(this.followers)) {
      if (matches(follower.pattern, name)) follower.hear(name, message);
    }
    return position;
  }

  forget(name, count) {
    this.topic(name).messages.splice(0, count);
  }

  /** Why a subscription is refused: as it was told to, or for a position that its epoch has not reached. */
  refusal(pattern, after) {
    const isAhead = ([name, position]) => {
      const [epoch, offset] = position.split("-");
      return this.topics.has(name) && this.topic(name).epoch === epoch && Number(offset) > this.topic(name).last;
    };
    const positions = typeof after === "string" ? { [pattern]: after } : after;
    return this.refused.get(pattern) ?? (Object.entries(positions ?? {}).some(isAhead) ? "bad_position" : undefined);
  }

  /** An older journal put back: the topic's last messages are not there any more, and their offsets are given again. */
  goBack(name, count) {
    this.topic(name).last -= count;
    this.topic(name).messages.splice(-count);
  }

  /** Where a subscription begins, by the rule of protocol.md. */
  begin(pattern, after, since) {
    const replay = [];
    let gap = false;
    const names = pattern.includes("*") || pattern.includes(">") ? Array.from(this.topics.keys()) : [pattern];
    for (const name of names.filter((name) => matches(pattern, name) && !this.withoutHistory.has(name))) {
      const { epoch, last, messages } = this.topic(name);
      const position = typeof after === "string" ? after : after?.[name];
      const [oldEpoch, offset] = position?.split("-") ?? [];
      const isKnown = oldEpoch === epoch && Number(offset) >= last - messages.length;
      if (position && !isKnown) gap = true;
      const isMissed = (message) => position ? !isKnown || message.offset > Number(offset) : since !== undefined && message.time >= since;
      replay.push(...messages.filter(isMissed).map((message) => [name, message]));
    }
    const hasPosition = pattern === names[0] && !this.withoutHistory.has(pattern);
    const position = hasPosition ? `${this.topic(pattern).epoch}-${this.topic(pattern).last}` : undefined;
    return { replay, begun: { position, replayed: replay.length, gap, time: this.clock.time } };
  }

  /** Breaks every connection. */
  cut(code = 1006, reason = "") {
    for (const socket of Array.from(this.sockets)) socket.end(code, reason);
    for (const stream of Array.from(this.streams)) stream.fail();
  }

  async poll(url, signal) {
    await setImmediate();
    if (signal?.aborted) throw new Error("aborted");
    this.asked.push(url.pathname + url.search);
    if (this.blocked.has("polling")) throw new TypeError("fetch failed");
    if (url.pathname.endsWith("/latest")) return answer(404, { code: "no_message", message: "no_message!" });
    const { pattern, after, since } = parse(url);
    const refusal = this.refusal(pattern, after) ?? (this.withoutHistory.has(pattern) ? "no_history" : undefined);
    if (refusal) return answer(refusal === "busy" ? 503 : 400, { code: refusal, message: `${refusal}!` });
    if (url.searchParams.has("wait")) this.opened.push(["polling", this.clock.time]);
    let { replay, begun } = this.begin(pattern, after, since);
    const isFirst = after === undefined && since === undefined;
    if (replay.length === 0 && !begun.gap && url.searchParams.has("wait") && !isFirst) {
      await this.news(pattern, parseInt(url.searchParams.get("wait"), 10), signal);
      ({ replay, begun } = this.begin(pattern, after, since));
    }
    if (this.blocked.has("polling")) throw new TypeError("fetch failed");
    const isPattern = begun.position === undefined;
    const messages = replay.map(([topic, { data, ...message }]) => ({ ...message, ...(isPattern && { topic }), ...encoded(data) }));
    return answer(200, { ...begun, replayed: undefined, messages });
  }

  news(pattern, wait, signal) {
    return new Promise((resolve, reject) => {
      const follower = { pattern, hear: () => done(resolve) };
      const stream = { fail: () => done(() => reject(new TypeError("broken"))) };
      const abort = () => done(() => reject(new Error("aborted")));
      const done = (end) => {
        this.followers.delete(follower);
        this.streams.delete(stream);
        signal?.removeEventListener("abort", abort);
        this.clock.clearTimeout(timer);
        end();
      };
      const timer = this.clock.setTimeout(() => done(resolve), wait);
      this.followers.add(follower);
      this.streams.add(stream);
      signal?.addEventListener("abort", abort);
    });
  }
}

class FakeSocket {
  followers = new Map();

  constructor(node, url, protocol) {
    this.node = node;
    this.url = url;
    this.protocol = protocol;
    node.sockets.add(this);
    if (node.silent.has("websocket")) return;
    setImmediate().then(() => {
      if (node.blocked.has("websocket")) return this.end(1006, "");
      if (!node.sockets.has(this)) return;
      node.opened.push(["websocket", node.clock.time]);
      this.onopen?.();
    });
  }

  // What the node does meanwhile comes first, as on a real line.
  send(data) {
    queueMicrotask(() => this.node.sockets.has(this) && this.take(data));
  }

  take(data) {
    const [head, bytes] = typeof data === "string" ? [data] : cutHead(data);
    const { id, op, topic, ...fields } = JSON.parse(head);
    this.node.asked.push({ op, topic, ...fields });
    const code = this.node.refusal(topic, fields.after);
    if (code) return this.say({ event: "error", id, code, message: `${code}!` });
    if (op === "subscribe") {
      const { replay, begun } = this.node.begin(topic, fields.after, fields.since);
      this.say({ event: "ok", id, ...begun });
      this.follow(topic, replay);
    } else if (op === "unsubscribe") {
      this.node.followers.delete(this.followers.get(topic));
      this.followers.delete(topic);
      this.say({ event: "ok", id });
    } else if (op === "publish") {
      const position = this.node.publish(topic, bytes ?? fields.data);
      if (this.node.answersPublish) this.say({ event: "ok", id, position });
    } else if (!this.node.silent.has("ping")) {
      this.say({ event: "pong", id });
    }
  }

  /** Who has to catch up gets live messages behind that; others of the connection get theirs at once. */
  follow(pattern, replay) {
    const follower = this.followers.get(pattern) ?? { pattern, behind: [] };
    follower.hear = (name, message) => {
      if (follower.behind.length > 0) follower.behind.push([name, message]);
      else this.hear(name, message, pattern);
    };
    const isKnown = ([name, { offset }]) => replay.some(([other, message]) => other === name && offset === message.offset);
    follower.behind = [...follower.behind.filter((one) => !isKnown(one)), ...replay];
    this.followers.set(pattern, follower);
    this.node.followers.add(follower);
    this.catchUp();
  }

  /** One subscription after the other, a page at a time. */
  catchUp() {
    this.node.clock.clearTimeout(this.catchingUp);
    const { pageMax } = this.node;
    for (const { pattern, behind } of this.followers.values()) {
      for (const [name, message] of behind.splice(0, pageMax)) this.hear(name, message, pattern);
      if (behind.length > 0) return (this.catchingUp = this.node.clock.setTimeout(() => this.catchUp(), 1));
    }
  }

  hear(topic, { position, data }, subscribed) {
    const pattern = subscribed === topic ? undefined : subscribed;
    const head = { event: "message", pattern, topic, position };
    if (typeof data === "string") return this.say({ ...head, data });
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), data]);
    this.deliver(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }

  say(event) {
    this.deliver(JSON.stringify(event));
  }

  // Not before `send` has returned, and not after the connection has ended.
  deliver(data) {
    queueMicrotask(() => this.node.sockets.has(this) && this.onmessage?.({ data }));
  }

  end(code, reason) {
    this.close();
    this.onclose?.({ code, reason });
  }

  close() {
    this.node.clock.clearTimeout(this.catchingUp);
    this.node.sockets.delete(this);
    for (const follower of this.followers.values()) this.node.followers.delete(follower);
  }
}

class FakeStream {
  listeners = {};

  constructor(node, url) {
    this.node = node;
    node.asked.push(new URL(url).pathname + new URL(url).search);
    node.streams.add(this);
    const { pattern, after, since } = parse(new URL(url));
    setImmediate().then(() => {
      if (!node.streams.has(this) || node.silent.has("sse")) return;
      if (node.blocked.has("sse") || node.refusal(pattern, after)) return this.fail();
      node.opened.push(["sse", node.clock.time]);
      const { replay, begun } = node.begin(pattern, after, since);
      this.emit("subscribed", JSON.stringify({ topic: pattern, ...begun }), "");
      this.follower = { pattern, hear: (name, message) => this.hear(pattern, name, message) };
      node.followers.add(this.follower);
      for (const [name, message] of replay) this.hear(pattern, name, message);
    });
  }

  hear(pattern, topic, { position = "", data, time }) {
    const id = pattern === topic ? position : `${topic}:${position}:${time}`;
    if (typeof data === "string") this.emit("message", data, id);
    else this.emit("binary", Buffer.from(data).toString("base64"), id);
  }

  addEventListener(kind, listener) {
    this.listeners[kind] = listener;
  }

  emit(kind, data, lastEventId) {
    this.listeners[kind]?.({ data, lastEventId });
  }

  fail() {
    this.close();
    this.emit("error");
  }

  close() {
    this.node.streams.delete(this);
    this.node.followers.delete(this.follower);
  }
}

function parse(url) {
  const pattern = decodeURIComponent(url.pathname.match(/\/topics\/(.*)$/)[1]);
  const given = url.searchParams.getAll("after");
  const entries = given.map((text) => [text.slice(0, text.lastIndexOf(":")), text.slice(text.lastIndexOf(":") + 1)]);
  const after = given.length === 0 ? undefined : given[0].includes(":") ? Object.fromEntries(entries) : given[0];
  const since = url.searchParams.get("since");
  return { pattern, after, since: since === null ? undefined : Number(since) };
}

function encoded(data) {
  return typeof data === "string" ? { data } : { data64: Buffer.from(data).toString("base64") };
}

function answer(status, body) {
  return { ok: status < 300, status, json: async () => JSON.parse(JSON.stringify(body)) };
}

function cutHead(data) {
  const bytes = Buffer.from(data);
  const end = bytes.indexOf(10);
  return [bytes.subarray(0, end).toString(), bytes.subarray(end + 1)];
}

function matches(pattern, topic) {
  const source = pattern.split(".").map((token) => token === "*" ? "[^.]+" : token === ">" ? ".+" : token.replace(/\W/g, "\\$&"));
  return new RegExp(`^${source.join("\\.")}$`).test(topic);
}

// Types of ringwire.js, the browser's client.
//
//   import { connect } from "/ringwire.js";
//
//   const client = connect("https://node.example", { onState: ({ state, transport }) => console.log(state, transport) });
//   const news = client.subscribe("news.>", {
//     onMessage: (data, { topic, position }) => console.log(topic, data),   // string, or Uint8Array if it was binary
//     onGap: ({ topic, reason }) => console.log(topic, "missed something:", reason),
//   });
//   const { position } = await client.publish("news.world", "hello", { durable: true });
//   news.unsubscribe();
//   client.close();

/** `EPOCH-OFFSET`, such as `1f3a-17`: everything up to this message. */
export type Position = `${string}-${string}`;
export type Transport = "websocket" | "sse" | "polling";
/** A text message, or a binary one. */
export type Data = string | Uint8Array;

export interface StateEvent {
  /** `connecting` also while it waits to come back; `closed` is final. */
  state: "connecting" | "open" | "closed";
  transport: Transport;
  /** Why the last connection ended or was not made. */
  reason?: string;
  /** Milliseconds until the next attempt. */
  retryIn?: number;
}

export interface Options {
  /** In order of preference; default all. */
  transports?: Transport[];
  /** Milliseconds until a transport that does not answer has failed; default 5,000. */
  openTimeout?: number;
  /** Milliseconds before the first attempt to come back, doubled with each further one; default 500. Half of it is random. */
  backoffMin?: number;
  /** The most that it grows to; default 30,000. */
  backoffMax?: number;
  /** Milliseconds open after which it starts at `backoffMin` again; default 10,000. */
  stableAfter?: number;
  /** Milliseconds before the second attempt with better transports while a lower one goes on, doubled with each; default 30,000. */
  probeMin?: number;
  /** The most that they grow to; default 600,000. Half of it is random. */
  probeMax?: number;
  /** Milliseconds between pings; a line on which nothing came in between is dead. Default 25,000. */
  pingInterval?: number;
  /** Publications that may wait for a connection; default 1,000. */
  waitingMax?: number;
  onState?(event: StateEvent): void;
  WebSocket?: typeof WebSocket;
  EventSource?: typeof EventSource;
  fetch?(url: string, options: RequestInit): Promise<Response>;
  setTimeout?(action: () => void, delay: number): any;
  clearTimeout?(timer: any): void;
  now?(): number;
  random?(): number;
}

export interface Gap {
  /** The topic; the pattern, where the node does not say which of its topics. */
  topic: string;
  /**
   * `too_old`: the history does not reach back far enough, or the node's numbering is behind what was heard, and the
   * subscription begins with the next message. `lost`: dropped because this client was slow, told when it has caught
   * up, so that some of what came behind the gap was heard before. `no_history`: came
   * back to a topic that cannot be resumed. `too_many_topics`: the pattern matches more topics than one request can resume.
   */
  reason: "too_old" | "lost" | "no_history" | "too_many_topics";
  /** Messages lost, where that is known. */
  count?: number;
}

export interface Handlers {
  /** Where to begin: a position, or positions by topic for a pattern. Default: the next message. */
  after?: Position | Record<string, Position>;
  /** Milliseconds since 1970: topics without a position begin with what the history has from then on. */
  since?: number;
  onMessage?(data: Data, from: { topic: string; position?: Position }): void;
  /** Messages are missing: before the next one, or, if they were `lost`, before one of the last. */
  onGap?(gap: Gap): void;
  /** The node refused it; it has ended. */
  onError?(error: RingwireError): void;
}

export interface Subscription {
  /** The name or pattern. */
  readonly topic: string;
  /** The last position of each topic heard of. */
  readonly positions: ReadonlyMap<string, Position>;
  unsubscribe(): void;
}

export interface Client {
  readonly state: StateEvent["state"];
  readonly transport: Transport;
  subscribe(topic: string, handlers?: Handlers): Subscription;
  /**
   * Resolves when the node has put the message in the topic's order; with `durable` when it is on disk. Without a connection it
   * waits for one. Rejects with the node's refusal; with `unknown` if the connection ended before the answer, so that it may
   * or may not have been published; with `transport` where a lower
   * transport is open and the WebSocket fails beside it. Until that is known it waits.
   */
  publish(topic: string, data: string | ArrayBuffer | ArrayBufferView, options?: { durable?: boolean }): Promise<{ position?: Position }>;
  close(): void;
}

export class RingwireError extends Error {
  /** A code of the protocol, or `unknown`, `transport`, `waiting`, `network` or `closed`. */
  readonly code: string;
  constructor(code: string, message: string);
}

/** Connects to a node: its URL (http, https, ws or wss), by default the page's own. */
export function connect(url?: string | URL, options?: Options): Client;

// Uses every part of ringwire.d.ts as an application would; types.test.mjs compiles it, nobody runs it.

import { connect, RingwireError, type Client, type Position, type Subscription } from "../../src/edge/web/ringwire.js";

const client: Client = connect("https://node.example", {
  transports: ["websocket", "polling"],
  backoffMax: 10_000,
  onState: ({ state, transport, retryIn }) => console.log(state, transport, retryIn?.toFixed()),
});
const after: Record<string, Position> = { "a.b": "1f-2" };
const subscription: Subscription = client.subscribe("a.*", {
  after,
  onMessage(data, { topic, position }) {
    console.log(typeof data === "string" ? data.length : data.byteLength, topic, position ?? "");
  },
  onGap: ({ reason, count }) => console.log(reason === "lost" && count),
  onError: (error) => console.log(error instanceof RingwireError, error.code, error.message),
});
client.publish("a", new Float32Array(2), { durable: true }).then(({ position }) => console.log(position));
console.log(subscription.positions.get("a.b"));
subscription.unsubscribe();
client.close();

// @ts-expect-error: no transport
connect("/", { transports: ["pigeon"] });
// @ts-expect-error: no payload
client.publish("a", { any: 1 });
// @ts-expect-error: no position
client.subscribe("a", { after: 17 });

// Holds engine/docs/protocol.md and its JSON Schema together: every example fits its part of the schema, and what the
// page forbids does not. Needs ajv; the other tests here need nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Ajv from "ajv/dist/2020.js";

const docs = new URL("../../docs/", import.meta.url);
const schema = JSON.parse(readFileSync(new URL("ringwire.v1.schema.json", docs), "utf8"));
const page = readFileSync(new URL("protocol.md", docs), "utf8");
const ajv = new Ajv({ strict: true, strictRequired: false });
ajv.addSchema(schema, "v1");

const fits = (part, value) => ajv.getSchema(`v1#/$defs/${part}`)(value);

// The blocks ```json PART; of a binary message the first line is the head.
const examples = Array.from(page.matchAll(/^```json ([\w-]+)\n(.*?)^```$/gms), ([, kind, text]) => {
  const part = kind.replaceAll("-", "_");
  return { part, value: JSON.parse(part.endsWith("_binary") ? text.split("\n")[0] : text) };
});

test("every example fits its part", () => {
  for (const { part, value } of examples) assert.ok(fits(part, value), `${part}: ${JSON.stringify(value)}`);
});

test("every part of the schema that stands alone has an example", () => {
  const shown = new Set(examples.flatMap(({ part, value }) => [part, value.op, value.event]));
  const alone = Object.entries(schema.$defs).filter(([, { type, oneOf }]) => type === "object" || oneOf).map(([name]) => name);
  assert.ok(alone.length > 10);
  assert.deepEqual(alone.filter((name) => !shown.has(name)), []);
});

test("the page lists the schema's codes", () => {
  const listed = Array.from(page.matchAll(/^\| `(\w+)` \| (?:–|\d{3}) \|/gm), ([, code]) => code);
  assert.deepEqual(listed, schema.$defs.code.enum);
});

test("what the page forbids does not fit", () => {
  for (const [part, value] of [
    ["client", {}],
    ["client", { op: "subscribe" }],
    ["client", { op: "subscribe", topic: "a..b" }],
    ["client", { op: "subscribe", topic: "a", after: "1F-3" }],
    ["client", { op: "subscribe", topic: "a", after: "01-3" }],
    ["client", { op: "subscribe", topic: "a.>", after: { "a.*": "1-3" } }],
    ["client", { op: "subscribe", topic: "a", afer: "1-3" }],
    ["client", { op: "subscribe", topic: "a", id: null }],
    ["client", { op: "subscribe", topic: ">.a" }],
    ["client", { op: "publish", topic: "a.*", data: "" }],
    ["client", { op: "publish", topic: "a" }],
    ["client", { op: "publish", topic: "a", data: "", data64: "" }],
    ["client", { op: "publish", topic: "a", data: { any: 1 } }],
    ["client", { op: "publish", topic: "a", data64: "iVBORw" }],
    ["client_binary", { op: "publish", topic: "a", data: "" }],
    ["client", { op: "ping", id: 2 ** 53 }],
    ["client", { op: "shout" }],
    ["server", { event: "ok" }],
    ["server", { event: "ok", id: 1, gap: true }],
    ["server", { event: "error", code: "other", message: "" }],
    ["server_binary", { event: "message", topic: "a", data: "" }],
    ["poll", { messages: [{ position: "1-1", time: 1 }], gap: false, time: 1 }],
  ]) assert.ok(!fits(part, value), `${part}: ${JSON.stringify(value)}`);
});

test("a server may say more than the page", () => {
  assert.ok(fits("server", { event: "pong", later: 1 }));
});

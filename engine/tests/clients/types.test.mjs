// The types of ringwire.js, by the TypeScript compiler. Needs typescript.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

test("an application compiles against them, and a wrong one does not", () => {
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable"];
  const { status, stdout } = spawnSync(process.execPath, [here("node_modules/typescript/bin/tsc"), ...options, here("types.ts")], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("they name what the script exports", () => {
  const named = (path) => Array.from(readFileSync(here(`../../src/edge/web/${path}`), "utf8").matchAll(/^export (?:class|function) (\w+)/gm), ([, name]) => name);
  assert.deepEqual(named("ringwire.d.ts").sort(), named("ringwire.js").sort());
});

// Drives the built-in pages of a running node with Chromium, as a person would, and some raw requests beside it.
//
//   RINGWIRE_URL=http://127.0.0.1:9001 RINGWIRE_PROGRAM=target/debug/ringwire node run.mjs [only tests whose name contains this]
//
// Some tests start nodes of their own with RINGWIRE_PROGRAM. CHROMIUM names the browser (/usr/bin/chromium otherwise). Screenshots go to target/browser/ of the repository.
// Prints TAP lines and at the end `N passed, N failed`; exits 1 if a test failed or if none ran.

import { mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { chat } from "./chat.mjs";
import { consolePage } from "./console.mjs";
import { echo } from "./echo.mjs";
import { flipbook } from "./flipbook.mjs";
import { Visit, runAll } from "./harness.mjs";
import { http } from "./http.mjs";
import { overview } from "./overview.mjs";
import { ticker } from "./ticker.mjs";
import { topics } from "./topics.mjs";

const url = process.env.RINGWIRE_URL;
if (!url) {
  console.error("RINGWIRE_URL is not set: start `ringwire serve` and give its address, for example http://127.0.0.1:9001");
  process.exit(2);
}
const shots = fileURLToPath(new URL("../../../target/browser/", import.meta.url));
await rm(shots, { recursive: true, force: true }); // pictures of an earlier failure would mislead
await mkdir(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const tests = [...http, ...overview, ...echo, ...chat, ...topics, ...ticker, ...flipbook, ...consolePage].filter((test) => test.name.includes(process.argv[2] ?? ""));
  process.exitCode = await runAll(tests, () => new Visit(browser, url.replace(/\/$/, ""), shots));
} finally {
  await browser.close();
}

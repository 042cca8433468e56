// The little that a test needs: a visit (one browser context, watched for errors), a time limit, and TAP lines.

import assert from "node:assert/strict";
import { Node } from "./node.mjs";

const TEST_MS_MAX = 60_000;
const WAIT_MS_MAX = 15_000;

/** Runs the tests one after another; returns the exit code. `visit` makes a fresh visit for each. */
export async function runAll(tests, visit) {
  let failed = 0;
  console.log(`TAP version 13\n1..${tests.length}`);
  for (const [index, test] of tests.entries()) {
    const started = performance.now();
    const error = await runOne(test, visit());
    const took = `${Math.round(performance.now() - started)} ms`;
    console.log(`${error ? "not ok" : "ok"} ${index + 1} - ${test.name} # ${took}`);
    if (!error) continue;
    failed += 1;
    console.log(String(error.stack ?? error).replace(/^/gm, "#   "));
  }
  console.log(`\n${tests.length - failed} passed, ${failed} failed`);
  return failed || !tests.length ? 1 : 0;
}

async function runOne(test, visit) {
  let timer;
  const msMax = test.msMax ?? TEST_MS_MAX;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${msMax} ms`)), msMax);
  });
  try {
    await Promise.race([test.run(visit), late]);
    assert.deepEqual(visit.unforgiven(), [], "the browser complained");
    return null;
  } catch (error) {
    await visit.photograph(`failed-${test.name.replace(/\W+/g, "-").slice(0, 60)}`).catch(() => {});
    return error;
  } finally {
    clearTimeout(timer);
    await visit.close();
  }
}

/** One browser context. Console errors, exceptions, failed requests and dialogs are complaints, and fail the test. */
export class Visit {
  constructor(browser, url, shots) {
    Object.assign(this, { browser, url, shots, complaints: [], forgiven: [], contexts: [], nodes: [] });
  }

  /** The address of a WebSocket path. */
  ws(path) {
    return this.url.replace(/^http/, "ws") + path;
  }

  /** Complaints that a test brings about itself. */
  forgive(pattern) {
    this.forgiven.push(pattern);
  }

  unforgiven() {
    return this.complaints.filter((complaint) => !this.forgiven.some((pattern) => pattern.test(complaint)));
  }

  /** A node of the test's own, which ends after its pages. */
  async node(...options) {
    const node = new Node(...options);
    this.nodes.push(node);
    return node.start();
  }

  async context(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1180, height: 860 }, ...options });
    context.setDefaultTimeout(WAIT_MS_MAX);
    context.on("page", (page) => this.#watch(page));
    this.contexts.push(context);
    return context;
  }

  /** Opens a page of the node, or one of another node by its whole address, in `context` or in one of its own. */
  async open(path, context) {
    const page = await (context ?? await this.context()).newPage();
    const response = await page.goto(new URL(path, this.url).href);
    assert.equal(response.status(), 200, path);
    return page;
  }

  /** A picture of `page`, or of the last page that was opened. */
  async photograph(name, page) {
    const shown = page ?? this.contexts.at(-1)?.pages().at(-1);
    await shown?.screenshot({ path: `${this.shots}${name}.png`, fullPage: true });
  }

  async close() {
    await Promise.all(this.contexts.map((context) => context.close()));
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  #watch(page) {
    const complain = (what) => this.complaints.push(`${new URL(page.url()).pathname}: ${what}`);
    page.on("console", (message) => message.type() === "error" && complain(message.text()));
    page.on("pageerror", (error) => complain(String(error)));
    page.on("requestfailed", (request) => complain(`${request.url()} ${request.failure()?.errorText}`));
    page.on("response", (response) => response.status() >= 400 && complain(`${response.url()} ${response.status()}`));
    page.on("dialog", (dialog) => { complain(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  }
}

/** Waits until the text of `selector` matches, and says what it was instead if it never does. */
export async function expectText(page, selector, pattern) {
  const matches = ([css, source, flags]) => new RegExp(source, flags).test(document.querySelector(css)?.textContent ?? "");
  try {
    await page.waitForFunction(matches, [selector, pattern.source, pattern.flags]);
  } catch {
    assert.fail(`${selector} should match ${pattern}, but is: ${await page.textContent(selector).catch(() => "not there")}`);
  }
}

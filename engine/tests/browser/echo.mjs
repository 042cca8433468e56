// The echo page, and the echo path through sockets of the browser's own.

import assert from "node:assert/strict";
import { expectText } from "./harness.mjs";

const UNICODE = "Grüße, κόσμε, 世界, \u{1F30D}, e\u0301, \u0000, \u{10FFFF} and <b>no markup</b>";

export const echo = [
  {
    name: "text comes back, Unicode too, in order",
    async run(visit) {
      const page = await openEcho(visit);
      for (const text of ["hello", UNICODE, ""]) {
        await page.fill("#text", text);
        // The page itself may not show NUL as it is, so what was typed is read back first.
        const typed = await page.inputValue("#text");
        const before = await rows(page, "back", "text");
        await page.click("#send-text");
        await expectRows(page, "back", "text", before + 1);
        await expectText(page, "#text-verdict", /the same byte for byte/);
        assert.equal(await page.textContent("#reply"), typed);
      }
      assert.equal(await page.locator("#reply b").count(), 0);
    },
  },
  {
    name: "Enter sends, with Shift it breaks the line",
    async run(visit) {
      const page = await openEcho(visit);
      await page.fill("#text", "first");
      await page.press("#text", "Shift+Enter");
      await page.type("#text", "second");
      assert.equal(await rows(page, "sent", "text"), 0);
      await page.press("#text", "Enter");
      await expectRows(page, "back", "text", 1);
      assert.equal(await page.textContent("#reply"), "first\nsecond");
      assert.equal(await page.inputValue("#text"), "first\nsecond", "what was sent stays, to be sent again");
    },
  },
  {
    name: "a drawing goes out as a binary image and comes back with the same pixels",
    async run(visit) {
      const page = await openEcho(visit);
      const blank = await pixels(page, "#mirror");
      await scribble(page);
      await page.click("#send-drawing");
      await expectText(page, "#drawing-verdict", /the same byte for byte/);
      assert.equal(await rows(page, "sent", "binary"), 1);
      assert.equal(await rows(page, "back", "binary"), 1);
      const [drawn, returned] = [await pixels(page, "#pad"), await pixels(page, "#mirror")];
      assert.equal(returned, drawn, "pixels differ");
      assert.notEqual(drawn, blank, "nothing was drawn");
      await visit.photograph("echo-drawing", page);
    },
  },
  {
    name: "a finger draws as well",
    async run(visit) {
      const context = await visit.context({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
      const page = await openEcho(visit, context);
      const blank = await pixels(page, "#pad");
      await page.locator("#pad").scrollIntoViewIfNeeded();
      const box = await page.locator("#pad").boundingBox();
      await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
      const dotted = await pixels(page, "#pad");
      assert.notEqual(dotted, blank, "a tap leaves a dot");
      const scrolled = await page.evaluate(() => scrollY);
      await swipe(page, box);
      assert.notEqual(await pixels(page, "#pad"), dotted, "a swipe leaves a line");
      assert.equal(await page.evaluate(() => scrollY), scrolled, "the swipe scrolled the page");
      await page.click("#send-drawing");
      await expectText(page, "#drawing-verdict", /the same byte for byte/);
    },
  },
  {
    name: "big messages come back whole, and bufferedAmount is shown",
    async run(visit) {
      const page = await openEcho(visit);
      await page.click("#send-big-text");
      await page.click("#send-big-binary");
      await page.click("#send-empty");
      await expectRows(page, "back", "text", 1);
      await expectRows(page, "back", "binary", 2);
      await expectText(page, "#text-verdict", /^0 B .*the same byte for byte/);
      assert.equal(await page.locator("#log .bad-text").count(), 0, await page.textContent("#log"));
      await expectText(page, "#buffered-peak", /MiB/);
      await expectText(page, "#buffered", /^0 B$/);
    },
  },
  {
    name: "1 MiB of text and an empty binary message right behind it come back in order",
    async run(visit) {
      const page = await visit.open("/");
      const result = await page.evaluate(async (url) => {
        const text = "0123456789abcdef".repeat(65_536);
        const socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
        const got = [];
        const answers = new Promise((resolve, reject) => {
          socket.onmessage = ({ data }) => {
            got.push(typeof data === "string" ? (data === text ? "the text" : `text of ${data.length}: ${data.slice(0, 40)}`) : `binary of ${data.byteLength}`);
            if (got.length === 3) resolve();
          };
          socket.onclose = (event) => reject(new Error(`closed with ${event.code} after ${got}`));
          setTimeout(() => reject(new Error(`after 15 s only: ${got}`)), 15_000);
        });
        socket.send(text);
        socket.send(new ArrayBuffer(0));
        socket.send("still there?");
        await answers;
        const closed = new Promise((resolve) => { socket.onclose = resolve; });
        socket.close();
        return { got, clean: (await closed).wasClean };
      }, visit.ws("/ws"));
      assert.deepEqual(result, { got: ["the text", "binary of 0", "text of 12: still there?"], clean: true });
    },
  },
  {
    name: "a close code and reason come back, cleanly, and the page connects again",
    async run(visit) {
      const page = await openEcho(visit);
      await page.fill("#close-code", "3000");
      await page.fill("#close-reason", "bis später");
      await page.click("#close");
      await expectText(page, "#closed-clean", /^(true|false)$/);
      assert.equal(await page.textContent("#closed-clean"), "true");
      assert.equal(await page.textContent("#closed-code"), "3000");
      assert.equal(await page.textContent("#closed-reason"), "bis später");
      assert.equal(await page.textContent("#state"), "CLOSED");
      await visit.photograph("echo-closed", page);
      await page.click("#connect");
      await expectText(page, "#state", /^OPEN$/);
      await page.click("#send-text");
      await expectText(page, "#text-verdict", /the same byte for byte/);
    },
  },
  {
    name: "a close code that a page may not use is refused with the reason why",
    async run(visit) {
      const page = await openEcho(visit);
      for (const [code, reason] of [["1006", ""], ["2999", ""], ["3000", "ü".repeat(62)]]) {
        await page.fill("#close-code", code);
        await page.fill("#close-reason", reason);
        await page.click("#close");
        await expectText(page, "#close-error", reason ? /this one has 124/ : /1000 or with 3000/);
      }
      assert.equal(await page.textContent("#state"), "OPEN");
    },
  },
  {
    name: "a lost connection is said to be lost, and comes back by itself",
    async run(visit) {
      const context = await visit.context();
      const cut = await cutter(context, "/ws");
      const page = await openEcho(visit, context);
      await cut();
      await expectText(page, "#closed-title", /The node closed|was lost/);
      await expectText(page, "#state", /^OPEN$/);
      await page.click("#send-text");
      await expectText(page, "#text-verdict", /the same byte for byte/);
    },
  },
];

async function openEcho(visit, context) {
  const page = await visit.open("/demo/echo", context);
  await expectText(page, "#state", /^OPEN$/);
  return page;
}

/** Stands between the page and the node; what it returns ends both sides of the newest connection. */
export async function cutter(context, path) {
  let newest;
  await context.routeWebSocket(new RegExp(`${path}$`), (route) => {
    newest = [route.connectToServer(), route];
  });
  return () => Promise.all(newest.map((side) => side.close({ code: 3012, reason: "cut by the test" })));
}

function rows(page, direction, kind) {
  return page.locator(`#log li[data-direction="${direction}"][data-kind="${kind}"]`).count();
}

async function expectRows(page, direction, kind, wanted) {
  const css = `#log li[data-direction="${direction}"][data-kind="${kind}"]`;
  await page.waitForFunction(([selector, count]) => document.querySelectorAll(selector).length >= count, [css, wanted])
    .catch(async () => assert.fail(`${wanted} × ${kind} ${direction} expected; the log: ${await page.innerText("#log")}`));
}

async function scribble(page) {
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const box = await page.locator("#pad").boundingBox();
  for (const [ink, phase] of [["--ink", 0], ["--out", 2], ["--back", 4]]) {
    await page.click(`[data-ink="${ink}"]`);
    for (let step = 0; step <= 40; step += 1) {
      const x = box.x + box.width * (0.08 + 0.84 * step / 40);
      const y = box.y + box.height * (0.5 + 0.36 * Math.sin(step / 5 + phase));
      await page.mouse.move(x, y);
      if (step === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

async function swipe(page, box) {
  const fingers = await page.context().newCDPSession(page);
  const at = (x, y) => [{ x: box.x + box.width * x, y: box.y + box.height * y }];
  await fingers.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(0.2, 0.8) });
  for (const y of [0.7, 0.6, 0.4, 0.2]) {
    await fingers.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at(0.5, y) });
  }
  await fingers.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}

/** A digest of every pixel of a canvas. */
function pixels(page, selector) {
  return page.$eval(selector, async (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
}

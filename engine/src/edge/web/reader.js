// A worker that reads slowly: it listens for a moment, then sleeps, and while it sleeps its socket is not read. Sleep is a
// synchronous request that the node answers late, so that it costs no computing time.

import { connect } from "/ringwire.js";
import { Board } from "/assets/board.js";

/** Where nobody publishes anything: a poll there ends when its time is over. */
const SILENT = "/topics/demo.ticker.nothing";
const LISTEN_MS = 200;
const SLEEP_MS_MAX = 8_000;

const board = new Board();
let sleepMs = 4_000;
let isOpen = false;
let silentSince = null; // the position to wait behind

connect("/", {
  onState({ state }) { isOpen = state === "open"; },
}).subscribe("demo.ticker.*", { since: 0, onMessage: (data, from) => board.hear(data, from) });

onmessage = ({ data }) => { sleepMs = Math.min(data.sleepMs, SLEEP_MS_MAX); };
setTimeout(listened, LISTEN_MS);

function listened() {
  postMessage({ seen: board.seen() });
  if (isOpen && sleepMs > 0 && board.received > 0) sleep(sleepMs);
  setTimeout(listened, LISTEN_MS);
}

function sleep(ms) {
  try {
    silentSince ??= poll("").position;
    // After a restart the position is of another epoch: the answer comes at once, with one to go on with.
    silentSince = poll(`?after=${silentSince}&wait=${ms}ms`).position;
    postMessage({ sleepless: null });
  } catch (error) {
    // No node, or no history to wait behind: it stays awake, and the page says so.
    silentSince = null;
    postMessage({ sleepless: String(error.message ?? error) });
  }
}

function poll(query) {
  const request = new XMLHttpRequest();
  request.open("GET", SILENT + query, false);
  request.send();
  if (request.status !== 200) throw new Error(`no sleep: status ${request.status}`);
  return JSON.parse(request.responseText);
}

// The node's clock, as a page knows it. A question goes out and comes back with the node's time; that time was somewhere between,
// so it is taken for the middle, and the error is at most half the round trip. Of the last minute the fastest round trip counts: it left
// the least room for error. Older ones go, because clocks drift.

const KEPT_MS = 60_000;

export class NodeClock {
  #trips = []; // { at, rtt, ahead }
  #isOld = true; // whether they are of before

  /** A question that went out and came back at such times of `performance.now()`, with the node's time in milliseconds. */
  hear(sentAt, receivedAt, nodeMs) {
    const trip = { at: receivedAt, rtt: receivedAt - sentAt, ahead: nodeMs - (sentAt + receivedAt) / 2 };
    this.#trips = this.#isOld ? [] : this.#trips.filter(({ at }) => at > receivedAt - KEPT_MS);
    this.#isOld = false;
    this.#trips.push(trip);
  }

  /** Another node, or the same one after a while: what was known goes with the next answer. Until then it is nearer than this machine's clock. */
  forget() {
    this.#isOld = true;
  }

  /** Whether the node that is there now has told. */
  get isKnown() { return !this.#isOld; }
  /** The fastest round trip; null before the first. */
  get rtt() { return this.#best?.rtt ?? null; }

  /** The node's time at a moment of `performance.now()`; by this machine's clock until the node has told. */
  at(moment) {
    return moment + (this.#best?.ahead ?? performance.timeOrigin);
  }

  get #best() {
    return this.#trips.reduce((best, trip) => (best && best.rtt <= trip.rtt ? best : trip), null);
  }
}

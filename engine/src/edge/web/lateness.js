// How late one panel of the flipbook is. A frame is late from its publication until the panel shows it, or a newer one in its place:
// so frames that a poll never sees count too, for as long as nothing told of them. Times are the node's, in milliseconds.
//
// That is not how old the picture is: with one frame in 33 ms, a picture is 16 ms old on average though it came at once.

export const WINDOW_MS = 10_000;
/** Rates of the first moments would jump. */
const RATE_MS_MIN = 1_000;
/** Of one arrival; whoever was away for longer than the window has nothing to say about it. */
const SKIPPED_MAX = 600;

export class Lateness {
  #last = null; // the frame that is shown, with when it came
  #frames = []; // { at, late, shownAt, isShown }, in the order of their numbers
  #traffic = []; // { now, bytes, requests }
  #since = null; // when it began to listen

  /** Begins anew: what is missing while nobody listens was not missed. */
  restart(now) {
    this.#last = null;
    this.#frames = [];
    this.#traffic = [];
    this.#since = now;
  }

  /** A frame came. False if it is the one that is shown already. */
  hear({ frame, at, fps }, now) {
    const last = this.#last;
    if (frame === last?.frame) return false;
    // A lower number is that of a node which was started again.
    const skipped = last && frame > last.frame ? Math.min(frame - last.frame - 1, SKIPPED_MAX) : 0;
    for (let index = 1; index <= skipped; index += 1) {
      // They were published at even distances, as far as can be told from here.
      this.#add(last.at + (at - last.at) * index / (skipped + 1), now, false);
    }
    const late = this.#add(at, now, true);
    this.#last = { frame, at, fps, late };
    this.#forget(now);
    return true;
  }

  /** Bytes that came and went, and requests that were made. */
  count(now, bytes, requests) {
    this.#traffic.push({ now, bytes, requests });
  }

  /** Of the frame that is waited for, if it should be here by now; otherwise of the last one. Null before the first. */
  current(now) {
    if (!this.#last) return null;
    const overdue = now - (this.#last.at + 1000 / this.#last.fps);
    return Math.max(overdue, this.#last.late);
  }

  /** Of the window: null where nothing is known. */
  figures(now) {
    this.#forget(now);
    const sorted = this.#frames.map(({ late }) => late).sort((a, b) => a - b);
    const shown = this.#frames.filter(({ isShown }) => isShown).length;
    const seconds = Math.max(RATE_MS_MIN, Math.min(WINDOW_MS, now - (this.#since ?? now))) / 1000;
    const sum = (name) => this.#traffic.reduce((all, one) => all + one[name], 0);
    return {
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      shown: shown / seconds,
      missed: this.#frames.length ? 1 - shown / this.#frames.length : null,
      bytes: sum("bytes") / seconds,
      requests: sum("requests") / seconds,
      bytesEach: shown ? sum("bytes") / shown : null,
    };
  }

  /** The window's frames, oldest first: `{ at, late }`. */
  get points() {
    return this.#frames;
  }

  #add(at, now, isShown) {
    // The clocks are compared to within a round trip, so it may come out just below nothing.
    const late = Math.max(0, now - at);
    this.#frames.push({ at, late, shownAt: now, isShown });
    return late;
  }

  #forget(now) {
    drop(this.#frames, ({ shownAt }) => shownAt < now - WINDOW_MS);
    drop(this.#traffic, (one) => one.now < now - WINDOW_MS);
  }
}

function drop(list, isOld) {
  const kept = list.findIndex((one) => !isOld(one));
  list.splice(0, kept < 0 ? list.length : kept);
}

/** The smallest value that so many are not above; null of nothing. */
function quantile(sorted, share) {
  return sorted.length ? sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] : null;
}

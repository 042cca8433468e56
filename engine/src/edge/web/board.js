// Prices as a reader of the ticker knows them: the latest of each symbol, and what was skipped on the way, which the offsets tell.

/** By so much the numbering jumps when a node with a journal was killed: nobody skipped that. */
const JUMP = 2 ** 32;

export class Board {
  quotes = new Map(); // symbol → the latest
  received = 0;
  skipped = 0;
  #heard = new Map(); // topic → the position of its last message

  hear(data, { topic, position }) {
    this.#count(topic, position);
    const quote = quoteOf(data);
    if (!quote) return;
    const symbol = topic.slice(topic.lastIndexOf(".") + 1);
    this.quotes.set(symbol, { symbol, ...quote });
    this.received += 1;
  }

  /** What is no price is passed over, and was not skipped all the same. */
  #count(topic, position) {
    const [epoch, offset] = (position ?? "").split("-");
    const before = this.#heard.get(topic);
    if (before?.epoch === epoch) this.skipped += between(before.offset, Number(offset));
    if (position) this.#heard.set(topic, { epoch, offset: Number(offset) });
  }

  /** All of it, to be sent from a worker to its page. */
  seen() {
    return { quotes: Array.from(this.quotes.values()), received: this.received, skipped: this.skipped };
  }
}

/** How many messages are between two offsets. Who was ahead of the journal comes out below none, just under another jump. */
function between(before, offset) {
  const count = (offset - before - 1) % JUMP;
  return count > 0 && count < JUMP / 2 ? count : 0;
}

/** A price with what is drawn of it; null for all else, because an operator's rule may let others publish here. */
function quoteOf(data) {
  const { price, open, at, bids, asks } = parsed(data) ?? {};
  const isPriced = [price, open].every((value) => Number.isFinite(value) && value > 0);
  return isPriced && Number.isFinite(at) && isSide(bids) && isSide(asks) ? { price, open, at, bids, asks } : null;
}

/** Of an order book: prices with sizes. */
function isSide(levels) {
  return Array.isArray(levels) && levels.every((level) => Array.isArray(level) && Number.isFinite(level[1]));
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

// Prices as a reader of the ticker knows them: the latest of each symbol, and what was skipped on the way, which the offsets tell.

export class Board {
  quotes = new Map(); // symbol → the latest
  received = 0;
  skipped = 0;

  hear(data, { topic, position }) {
    const symbol = topic.slice(topic.lastIndexOf(".") + 1);
    const quote = JSON.parse(data);
    const [epoch, offset] = (position ?? "").split("-");
    const before = this.quotes.get(symbol);
    if (position && before?.epoch === epoch) this.skipped += Number(offset) - before.offset - 1;
    this.quotes.set(symbol, { symbol, ...quote, epoch, offset: Number(offset) });
    this.received += 1;
  }

  /** All of it, to be sent from a worker to its page. */
  seen() {
    return { quotes: Array.from(this.quotes.values()), received: this.received, skipped: this.skipped };
  }
}

// Prometheus' text format as the node writes it, and what follows from two scrapes: rates, and percentiles of a histogram.

/** Samples by name: `{ labels, value }` each. */
export function parse(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const [, name, labels, value] = line.match(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/i) ?? [];
    if (name === undefined) continue; // a comment, or the end
    const pairs = Array.from((labels ?? "").matchAll(/(\w+)="([^"]*)"/g), ([, key, text]) => [key, text]);
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return samples;
}

/** What the node counted at one moment. */
export class Scrape {
  constructor(text, at) {
    this.at = at;
    this.samples = parse(text);
  }

  /** Over all shards, or of one; null where there is no such metric. */
  sum(name, wanted) {
    return total(this.#of(name, wanted));
  }

  /** The shards, in order, and whether each answers. */
  shards() {
    return (this.samples.get("ringwire_shard_up") ?? []).map(({ labels, value }) => ({ shard: labels.shard, isUp: value === 1 }));
  }

  /** Of a counter, per second since an earlier scrape, over the shards that are in both; null when none is. */
  rate(name, before, wanted) {
    const grown = total(this.#growth(name, before, wanted));
    const passed = (this.at - before?.at) / 1000;
    return grown === null || !(passed > 0) ? null : grown / passed;
  }

  /** Percentiles, in the histogram's own unit, of what came since an earlier scrape; null when nothing did. */
  percentiles(name, before, wanted) {
    const buckets = this.#buckets(name, before);
    const total = buckets.at(-1)?.count ?? 0;
    if (!(total > 0)) return null;
    return wanted.map((share) => within(buckets, share * total));
  }

  /** Upper bounds and how many more were at most that, over the shards that are in both scrapes. */
  #buckets(name, before) {
    const counts = new Map();
    for (const { labels, value } of this.#growth(`${name}_bucket`, before)) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return Array.from(counts, ([bound, count]) => ({ bound, count })).sort((a, b) => a.bound - b.bound);
  }

  /**
   * What each counter grew by. One that the earlier scrape lacks would bring all that it ever counted, so it is left out; and so is
   * a shard of which one fell, because the node was restarted in between.
   */
  #growth(name, before, wanted) {
    const then = new Map(before?.samples.get(name)?.map(({ labels, value }) => [series(labels), value]));
    const grown = this.#of(name, wanted)
      .filter(({ labels }) => then.has(series(labels)))
      .map(({ labels, value }) => ({ labels, value: value - then.get(series(labels)) }));
    const restarted = new Set(grown.filter(({ value }) => value < 0).map(({ labels }) => labels.shard));
    return grown.filter(({ labels }) => !restarted.has(labels.shard));
  }

  /** Samples with these labels. */
  #of(name, wanted = {}) {
    return (this.samples.get(name) ?? []).filter(({ labels }) => Object.entries(wanted).every(([key, text]) => labels[key] === text));
  }
}

function total(samples) {
  return samples.length ? samples.reduce((all, { value }) => all + value, 0) : null;
}

function series(labels) {
  return JSON.stringify(labels);
}

/** Where the rank falls, as if a bucket's values were spread evenly; beyond the last bound, that bound. */
function within(buckets, rank) {
  const index = buckets.findIndex(({ count }) => count >= rank);
  const low = index > 0 ? buckets[index - 1] : { bound: 0, count: 0 };
  const { bound, count } = buckets[index];
  return bound === Infinity ? low.bound : low.bound + (bound - low.bound) * ((rank - low.count) / (count - low.count || 1));
}

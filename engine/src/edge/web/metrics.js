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
  sum(name, wanted = {}) {
    const found = this.samples.get(name)?.filter(({ labels }) => Object.entries(wanted).every(([key, text]) => labels[key] === text));
    return found?.length ? found.reduce((all, { value }) => all + value, 0) : null;
  }

  /** The shards, in order, and whether each answers. */
  shards() {
    return (this.samples.get("ringwire_shard_up") ?? []).map(({ labels, value }) => ({ shard: labels.shard, isUp: value === 1 }));
  }

  /** Of a counter, per second since an earlier scrape. A counter that fell is one of a node that was restarted. */
  rate(name, before, wanted) {
    const [now, then] = [this.sum(name, wanted), before?.sum(name, wanted) ?? null];
    const passed = (this.at - before?.at) / 1000;
    return now === null || then === null || now < then || !(passed > 0) ? null : (now - then) / passed;
  }

  /** Percentiles, in the histogram's own unit, of what came since an earlier scrape; null when nothing did. */
  percentiles(name, before, wanted) {
    const buckets = this.#buckets(name, before);
    const total = buckets.at(-1)?.count ?? 0;
    if (!(total > 0)) return null;
    return wanted.map((share) => within(buckets, share * total));
  }

  /** Upper bounds and how many were at most that, over all shards. */
  #buckets(name, before) {
    const counts = new Map();
    for (const [scrape, sign] of [[this, 1], [before, -1]]) {
      for (const { labels, value } of scrape?.samples.get(`${name}_bucket`) ?? []) {
        const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
        counts.set(bound, (counts.get(bound) ?? 0) + sign * value);
      }
    }
    return Array.from(counts, ([bound, count]) => ({ bound, count })).sort((a, b) => a.bound - b.bound);
  }
}

/** Where the rank falls, as if a bucket's values were spread evenly; beyond the last bound, that bound. */
function within(buckets, rank) {
  const index = buckets.findIndex(({ count }) => count >= rank);
  const low = index > 0 ? buckets[index - 1] : { bound: 0, count: 0 };
  const { bound, count } = buckets[index];
  return bound === Infinity ? low.bound : low.bound + (bound - low.bound) * ((rank - low.count) / (count - low.count || 1));
}

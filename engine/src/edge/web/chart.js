// A chart that moves: the last minute of a few series, the newest at the right edge. What is under the pointer is told below it.

import { make } from "/assets/site.js";

const WINDOW_MS = 60_000;
const LATE_MS = 2_300; // the right edge is this long ago, so that the next sample is there before the edge is
const GRID = 3;
const LINE_PX = 1.75;

export class Chart {
  samples = []; // { at, values }, null for what is not known
  pointer = null; // where it is, in CSS pixels from the left

  /** In `element`, with series of `{ label, colour }` (a name of the palette). `format` writes a value, in thousands or 1,024s. */
  constructor(element, series, format, thousand = 1000) {
    Object.assign(this, { series, format, thousand });
    this.canvas = element.appendChild(make("canvas", "chart"));
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", element.dataset.label ?? "chart");
    const legend = element.appendChild(make("dl", "legend"));
    this.readings = series.map(({ label, colour }) => {
      const entry = legend.appendChild(make("div", `of-${colour}`));
      entry.append(make("dt", "", label));
      return entry.appendChild(make("dd", "num", "–"));
    });
    this.empty = element.appendChild(make("p", "none", "no data yet"));
    this.canvas.addEventListener("pointermove", ({ offsetX }) => { this.pointer = offsetX; });
    this.canvas.addEventListener("pointerleave", () => { this.pointer = null; });
  }

  push(at, values) {
    this.samples.push({ at, values });
    while (this.samples[0].at < at - WINDOW_MS - 2 * LATE_MS) this.samples.shift();
  }

  /** Draws what there is at `now`, in colours of the palette. */
  draw(now, colours) {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const most = nice(Math.max(0, ...this.samples.flatMap(({ values }) => values.filter((value) => value !== null))), this.thousand);
    this.empty.hidden = this.samples.some(({ values }) => values.some((value) => value !== null));
    const place = {
      x: (at) => width - ((now - LATE_MS - at) / WINDOW_MS) * width,
      y: (value) => height - 6 - (value / most) * (height - 26),
    };
    const steps = Array.from({ length: GRID + 1 }, (_, step) => most * step / GRID);
    this.#grid(context, place, steps, width, colours);
    this.series.forEach((one, index) => this.#line(context, place, index, colours[one.colour]));
    if (this.empty.hidden) this.#label(context, place, steps.slice(1), colours);
    this.#read(context, place, height, colours);
  }

  #grid(context, { y }, steps, width, colours) {
    Object.assign(context, { strokeStyle: colours.line, lineWidth: 1 });
    for (const value of steps) {
      const at = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(0, at);
      context.lineTo(width, at);
      context.stroke();
    }
  }

  /** Above the lines, and readable on them. */
  #label(context, { y }, steps, colours) {
    Object.assign(context, { strokeStyle: colours.surface, fillStyle: colours.muted, lineWidth: 4, lineJoin: "round", font: "11px system-ui, sans-serif" });
    for (const value of steps) {
      const place = [this.format(value), 2, Math.round(y(value)) - 4];
      context.strokeText(...place);
      context.fillText(...place);
    }
  }

  #line(context, { x, y }, index, colour) {
    context.beginPath();
    let isDown = false;
    for (const { at, values } of this.samples) {
      const value = values[index];
      if (value === null) isDown = false;
      else if (isDown) context.lineTo(x(at), y(value));
      else context.moveTo(x(at), y(value));
      isDown = value !== null;
    }
    Object.assign(context, { strokeStyle: colour, lineWidth: LINE_PX, lineJoin: "round", lineCap: "round" });
    context.stroke();
    if (this.series.length > 1 || !this.samples.length) return;
    // One line alone has a ground.
    context.lineTo(x(this.samples.at(-1).at), y(0));
    context.lineTo(x(this.samples[0].at), y(0));
    Object.assign(context, { fillStyle: colour, globalAlpha: 0.1 });
    context.fill();
    context.globalAlpha = 1;
  }

  /** Under the pointer, or the newest. */
  #read(context, { x }, height, colours) {
    const distance = ({ at }) => Math.abs(x(at) - this.pointer);
    const read = this.pointer === null
      ? this.samples.at(-1)
      : this.samples.reduce((best, sample) => (best && distance(best) <= distance(sample) ? best : sample), null);
    this.readings.forEach((reading, index) => {
      const value = read?.values[index] ?? null;
      const text = value === null ? "–" : this.format(value);
      if (reading.textContent !== text) reading.textContent = text;
    });
    if (this.pointer === null || !read) return;
    context.beginPath();
    context.moveTo(x(read.at), 0);
    context.lineTo(x(read.at), height);
    Object.assign(context, { strokeStyle: colours.muted, lineWidth: 1 });
    context.stroke();
  }
}

/** The next of 1.5, 3, 6, 9 and their tens, so that a third of it is a round number. */
function nice(value, thousand) {
  if (!(value > 0)) return GRID;
  const unit = thousand ** Math.floor(Math.log(value) / Math.log(thousand));
  const ten = 10 ** Math.floor(Math.log10(value / unit));
  return [1.5, 3, 6, 9, 12, 15].map((step) => step * ten * unit).find((most) => most >= value * 1.02);
}

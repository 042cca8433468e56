// A panel of the flipbook: a feed, how late it is, and the picture of what it has brought.

import { Lateness, WINDOW_MS } from "/assets/lateness.js";
import { make } from "/assets/site.js";

const STATES = { connecting: [0, "connecting"], open: [1, "live"], lost: [3, "no connection"], paused: [2, "paused"] };
/** Of the lines, at least: nothing is as flat as a line without a scale. */
const SCALE_MS_MIN = 20;
/** A line that reaches so far needs no label of the scale, and would cross it. */
const LABEL_BELOW = 0.6;

export class Panel {
  lateness = new Lateness();
  shown = null; // the frame that the picture is of
  isPaused = false;
  isRunning = false;
  #isStale = true; // whether the picture is

  /** In the element with this id. `clock` tells the node's time, `onFrame` hears of every frame, `onPause` when somebody paused it or went on. */
  constructor(id, Feed, { clock, onFrame, onPause }) {
    this.id = id;
    this.clock = clock;
    this.name = document.querySelector(`#${id} h2`).textContent;
    this.parts = Object.fromEntries(Array.from(document.querySelectorAll(`#${id} [data-of]`), (part) => [part.dataset.of, part]));
    [this.page, this.spark] = document.querySelectorAll(`#${id} canvas`);
    // What a connection that was let go of still says is of no interest.
    const whileRunning = (act) => (...said) => this.isRunning && act(...said);
    this.feed = new Feed({
      state: whileRunning((word) => this.#state(word)),
      traffic: whileRunning((bytes, requests) => this.lateness.count(this.#now(), bytes, requests)),
      frame: whileRunning((text, receivedAt) => this.#frame(text, receivedAt, onFrame)),
    });
    this.parts.pause.addEventListener("click", () => {
      this.pause(!this.isPaused);
      onPause();
    });
  }

  /** Listens, unless it is paused. */
  start() {
    if (this.isRunning || this.isPaused) return;
    this.isRunning = true;
    this.restart();
    this.feed.start();
  }

  /** Lets go of its connection; the picture stays. */
  stop() {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.feed.stop();
    this.#state("paused");
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.parts.pause.textContent = isPaused ? "Play" : "Pause";
    this.parts.pause.setAttribute("aria-label", `${isPaused ? "Play" : "Pause"} ${this.name}`);
    if (isPaused) this.stop();
    else this.start();
    if (isPaused) this.#state("paused");
  }

  /** Forgets its figures, as when something was set otherwise. */
  restart() {
    this.lateness.restart(this.#now());
  }

  /** Whether there is a picture to draw that was not drawn. */
  get isStale() { return this.#isStale && this.shown !== null; }

  /** It will be drawn again: the book or the colours changed. */
  invalidate() {
    this.#isStale = true;
  }

  /** Draws the picture with `draw(context, frame)`. What goes wrong with it is told to the console: other panels are drawn all the same. */
  draw(draw) {
    this.#isStale = false;
    try {
      draw(fitted(this.page), this.shown);
    } catch (error) {
      reportError(error);
    }
  }

  /** Shows the figures. They stay as they are while it is paused. */
  tell() {
    if (!this.isRunning) return null;
    const now = this.#now();
    const figures = this.lateness.figures(now);
    const current = this.lateness.current(now);
    const { parts } = this;
    show(parts.p50, figures.p50, ms);
    show(parts.p99, figures.p99, ms);
    show(parts.now, current, ms);
    show(parts.shown, figures.shown, rate);
    show(parts.missed, figures.missed, (value) => `${Math.round(100 * value)} %`);
    show(parts.bytes, figures.bytes, bytes);
    show(parts.each, figures.bytesEach, bytes);
    show(parts.requests, figures.requests, rate);
    return figures;
  }

  /** What a scale must reach for this panel's line. */
  get peak() {
    return this.lateness.points.reduce((most, { late }) => Math.max(most, late), 0);
  }

  /** Draws how late frames were, over when they were published. What is still missing is a gap at the right edge. */
  drawLine(peak, colours) {
    const now = this.#now();
    const context = fitted(this.spark);
    const { width, height } = this.spark;
    const pixel = width / this.spark.clientWidth || 1;
    context.clearRect(0, 0, width, height);
    const most = Math.max(peak, SCALE_MS_MIN);
    const x = (at) => width - (now - at) / WINDOW_MS * width;
    const y = (late) => height - 1.5 * pixel - late / most * (height - 3 * pixel);
    context.fillStyle = colours.line;
    context.fillRect(0, height - pixel, width, pixel);
    const { points } = this.lateness;
    if (!points.length) return;
    Object.assign(context, { fillStyle: colours.muted, font: `${10 * pixel}px ${colours.mono}`, textBaseline: "top" });
    if (this.peak < most * LABEL_BELOW) context.fillText(`↑ ${ms(most)}`, 0, 0);
    context.beginPath();
    for (const { at, late } of points) context.lineTo(x(at), y(late));
    const colour = getComputedStyle(this.spark).color;
    Object.assign(context, { strokeStyle: colour, lineWidth: 1.5 * pixel, lineJoin: "round" });
    context.stroke();
    context.lineTo(x(points.at(-1).at), height);
    context.lineTo(x(points[0].at), height);
    Object.assign(context, { fillStyle: colour, globalAlpha: 0.14 });
    context.fill();
    context.globalAlpha = 1;
  }

  #now() {
    return this.clock.at(performance.now());
  }

  #frame(text, receivedAt, onFrame) {
    const frame = frameOf(text);
    if (!frame || !this.lateness.hear(frame, this.clock.at(receivedAt))) return;
    this.shown = frame;
    this.#isStale = true;
    this.parts.veil.hidden = true;
    onFrame(frame);
  }

  #state(word) {
    const [state, text] = STATES[word];
    Object.assign(this.parts.state, { textContent: text });
    this.parts.state.dataset.state = state;
    // A picture that does not move says why.
    this.parts.veil.textContent = text;
    this.parts.veil.hidden = word === "open" || (word === "connecting" && this.shown !== null);
    this.page.classList.toggle("dim", word === "lost" || word === "paused");
  }
}

/** A frame that may be shown; null for all else, because an operator's rule may let others publish here. */
function frameOf(text) {
  try {
    const { frame, at, fps, book } = JSON.parse(text);
    const isFrame = [frame, book].every(Number.isInteger) && [frame, at, fps, book].every((value) => Number.isFinite(value) && value >= 0) && fps > 0;
    return isFrame ? { frame, at, fps, book } : null;
  } catch {
    return null;
  }
}

/** A canvas with as many pixels as it has on the screen; its context. */
export function fitted(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
  if (width && (canvas.width !== width || canvas.height !== height)) Object.assign(canvas, { width, height });
  return canvas.getContext("2d");
}

/** The number beside the text too, for whoever reads it by program. */
function show(element, value, format) {
  const text = value === null ? "–" : format(value);
  if (element.textContent !== text) {
    const [number, unit] = text.split(" ");
    element.replaceChildren(number, ...(unit ? [make("small", "", ` ${unit}`)] : []));
  }
  element.dataset.value = value ?? "";
}

/** Milliseconds in three digits. */
export function ms(value) {
  if (value >= 999.5) return `${(value / 1000).toFixed(value < 9_950 ? 1 : 0)} s`;
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ms`;
}

function rate(value) {
  return value === 0 ? "0" : value.toFixed(value < 9.95 ? 1 : 0);
}

export function bytes(value) {
  return value < 1000 ? `${Math.round(value)} B` : `${(value / 1000).toFixed(value < 99_500 ? 1 : 0)} kB`;
}

// Two canvases: one to draw on, one that shows what came back. Both are opaque, so that a PNG carries each pixel
// exactly: with transparency a browser may round colours on the way through an image.

import { clock } from "/assets/site.js";

const PEN_WIDTH = 7;

export class Drawing {
  constructor(pad, mirror, inks) {
    this.pad = pad;
    this.mirror = mirror;
    this.inkName = "--ink";
    this.blank = true;
    this.pen = pad.getContext("2d", { alpha: false });
    this.copy = mirror.getContext("2d", { alpha: false });
    this.clear();
    pad.addEventListener("pointerdown", (event) => this.#begin(event));
    pad.addEventListener("pointermove", (event) => this.#move(event));
    inks.addEventListener("click", (event) => this.#choose(inks, event.target.closest("[data-ink]")));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.blank && this.clear());
  }

  clear() {
    for (const context of [this.pen, this.copy]) {
      context.fillStyle = colour("--paper");
      context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    }
    this.blank = true;
  }

  toBlob() {
    return new Promise((resolve) => this.pad.toBlob(resolve, "image/png"));
  }

  /** Draws an encoded image on the second canvas; rejects if it is none. */
  async show(data) {
    const image = await createImageBitmap(new Blob([data], { type: "image/png" }));
    this.copy.drawImage(image, 0, 0);
    image.close();
  }

  /** A drawing for those who cannot or do not want to draw: the ring and its wire. */
  sample() {
    this.clear();
    this.#curve("--back", "M480 92A176 176 0 0 0 345 382C417 466 600 484 860 484");
    this.#curve("--out", "M100 484C360 484 543 466 615 382A176 176 0 0 0 480 92");
    this.pen.fillStyle = colour("--ink");
    this.pen.textAlign = "center";
    this.pen.font = "600 84px system-ui, sans-serif";
    this.pen.fillText(clock(new Date()), 480, 295);
    this.blank = false;
  }

  #curve(ink, path) {
    this.#style(ink, 16);
    this.pen.stroke(new Path2D(path));
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.pad.setPointerCapture(event.pointerId);
    this.last = this.#at(event);
    this.#dot(this.last);
  }

  #move(event) {
    if (!this.pad.hasPointerCapture(event.pointerId)) return;
    const points = event.getCoalescedEvents?.() ?? [];
    for (const point of points.length ? points : [event]) this.#line(this.#at(point));
  }

  // A tap leaves a dot: a line of no length would leave nothing, round caps or not.
  #dot({ x, y }) {
    this.pen.fillStyle = colour(this.inkName);
    this.pen.beginPath();
    this.pen.arc(x, y, PEN_WIDTH / 2, 0, 2 * Math.PI);
    this.pen.fill();
    this.blank = false;
  }

  #line(to) {
    this.#style(this.inkName, PEN_WIDTH);
    this.pen.beginPath();
    this.pen.moveTo(this.last.x, this.last.y);
    this.pen.lineTo(to.x, to.y);
    this.pen.stroke();
    this.last = to;
  }

  #style(ink, width) {
    this.pen.strokeStyle = colour(ink);
    this.pen.lineWidth = width;
    this.pen.lineCap = "round";
    this.pen.lineJoin = "round";
  }

  #at(event) {
    const box = this.pad.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) * this.pad.width / box.width,
      y: (event.clientY - box.top) * this.pad.height / box.height,
    };
  }

  #choose(inks, button) {
    if (!button) return;
    this.inkName = button.dataset.ink;
    for (const other of inks.children) other.setAttribute("aria-pressed", String(other === button));
  }
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A flipbook that somebody draws: pages of strokes, each the ink and then x and y of its points on 800 by 600, with the bounds that the
// node has. What a pen does in between is thinned out, so that there is room for many pages.

export const WIDTH = 800;
export const HEIGHT = 600;
export const PAGES_MAX = 24;
export const POINTS_MAX = 6_000;
const STROKES_PER_PAGE_MAX = 64;
const POINTS_PER_STROKE_MAX = 400;
/** Between two points of a stroke. */
const DISTANCE_MIN = 5;
const PEN_WIDTH = 9;

export class Sketch {
  pages = [[]];
  at = 0; // the page that is drawn on
  ink = 0;

  get page() { return this.pages[this.at]; }
  get pointCount() { return this.pages.flat().reduce((all, stroke) => all + (stroke.length - 1) / 2, 0); }
  get isEmpty() { return this.pages.every((page) => page.length === 0); }
  get hasRoom() { return this.pages.length < PAGES_MAX; }

  /** Puts the pen down; false if there is no room. */
  begin(x, y) {
    if (this.page.length >= STROKES_PER_PAGE_MAX || this.pointCount >= POINTS_MAX) return false;
    this.page.push([this.ink, ...place(x, y)]);
    return true;
  }

  /** Moves it. A stroke that is full ends, and one that goes on from there begins. */
  move(x, y) {
    const stroke = this.page.at(-1);
    const [toX, toY] = place(x, y);
    const [fromX, fromY] = stroke.slice(-2);
    if (Math.hypot(toX - fromX, toY - fromY) < DISTANCE_MIN) return true;
    if ((stroke.length - 1) / 2 >= POINTS_PER_STROKE_MAX) return this.begin(fromX, fromY) && this.move(x, y);
    if (this.pointCount >= POINTS_MAX) return false;
    stroke.push(toX, toY);
    return true;
  }

  undo() { this.page.pop(); }
  clear() { this.page.length = 0; }

  /** Adds a page behind this one, empty or with the same strokes; false if there is no room. */
  add(isCopy) {
    const strokes = isCopy ? this.page.map((stroke) => [...stroke]) : [];
    const points = strokes.reduce((all, stroke) => all + (stroke.length - 1) / 2, 0);
    if (!this.hasRoom || this.pointCount + points > POINTS_MAX) return false;
    this.at += 1;
    this.pages.splice(this.at, 0, strokes);
    return true;
  }

  remove() {
    this.pages.splice(this.at, 1);
    if (!this.pages.length) this.pages.push([]);
    this.at = Math.min(this.at, this.pages.length - 1);
  }

  /** A ball that is glad to bounce, for those who cannot or do not want to draw. */
  sample() {
    this.pages = Array.from({ length: 16 }, (_, page) => ball(page / 16));
    this.at = 0;
  }
}

/** Draws strokes on 800 by 600; `inks` are colours. */
export function drawStrokes(context, strokes, inks) {
  for (const [ink, ...points] of strokes) {
    Object.assign(context, { strokeStyle: inks[ink], lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(points[0], points[1]);
    // A tap leaves a dot: a line of no length would leave nothing, round caps or not.
    if (points.length === 2) context.lineTo(points[0] + 0.1, points[1]);
    for (let index = 2; index < points.length; index += 2) context.lineTo(points[index], points[index + 1]);
    context.stroke();
  }
}

function place(x, y) {
  return [Math.round(Math.min(WIDTH, Math.max(0, x))), Math.round(Math.min(HEIGHT, Math.max(0, y)))];
}

/** A page of it: it falls, is pressed flat, and goes up again, while it wanders from left to right. */
function ball(share) {
  const height = Math.abs(Math.cos(2 * Math.PI * share));
  const flat = height < 0.25 ? 1 - height / 0.25 : 0;
  const [x, radiusX, radiusY] = [140 + 520 * share, 78 + 30 * flat, 78 - 30 * flat];
  const y = 500 - radiusY - 300 * height;
  const round = (from, to, count, rx, ry, dy = 0) => Array.from({ length: count + 1 }, (_, index) => {
    const angle = from + (to - from) * index / count;
    return place(x + rx * Math.cos(angle), y + dy + ry * Math.sin(angle));
  }).flat();
  return [
    [0, ...place(40, 506), ...place(760, 506)],
    [1, ...round(0, 2 * Math.PI, 28, radiusX, radiusY)],
    [2, ...round(0.4, Math.PI - 0.4, 8, radiusX * 0.55, radiusY * 0.5)],
    [0, ...place(x - radiusX * 0.3, y - radiusY * 0.25)],
    [0, ...place(x + radiusX * 0.3, y - radiusY * 0.25)],
  ];
}

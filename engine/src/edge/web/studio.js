// Where a visitor draws: a pad with the page before shining through, a strip of pages, and what can be done with them.

import { fitted } from "/assets/panel.js";
import { $, make } from "/assets/site.js";
import { HEIGHT, PAGES_MAX, POINTS_MAX, Sketch, WIDTH, drawStrokes } from "/assets/sketch.js";

const ONION_ALPHA = 0.22;

export class Studio {
  sketch = new Sketch();
  #isDrawing = false;
  #playing = null; // since when

  /** `inks()` and `fps()` tell the colours and the rate of now. */
  constructor({ inks, fps }) {
    Object.assign(this, { inks, fps });
    this.#listenToPen();
    const acts = {
      undo: () => this.sketch.undo(),
      clear: () => this.sketch.clear(),
      add: () => this.sketch.add(false),
      copy: () => this.sketch.add(true),
      remove: () => this.sketch.remove(),
      sample: () => this.sketch.sample(),
    };
    for (const [id, act] of Object.entries(acts)) {
      $(id).addEventListener("click", () => {
        act();
        this.refresh();
      });
    }
    $("try").addEventListener("click", () => this.#play(this.#playing === null));
    $("inks").addEventListener("click", ({ target }) => this.#choose(target.closest("[data-ink]")));
  }

  /** Draws the pad and the strip anew. */
  refresh() {
    if ($("studio").hidden) return;
    this.#drawPad();
    this.#drawStrip();
    const { sketch } = this;
    $("room").textContent = `Page ${sketch.at + 1} of ${sketch.pages.length}, at most ${PAGES_MAX}. `
      + `${sketch.pointCount.toLocaleString("en")} of ${POINTS_MAX.toLocaleString("en")} points.`;
    $("add").disabled = $("copy").disabled = !sketch.hasRoom;
    $("undo").disabled = $("clear").disabled = sketch.page.length === 0;
    $("show").disabled = sketch.isEmpty;
  }

  /** Called with each frame of the screen. */
  frame(now) {
    if (this.#playing === null || $("studio").hidden) return;
    const page = Math.floor((now - this.#playing) / 1000 * this.fps()) % this.sketch.pages.length;
    this.#drawPage($("pad"), this.sketch.pages[page]);
  }

  #play(isOn) {
    this.#playing = isOn ? performance.now() : null;
    $("try").setAttribute("aria-pressed", isOn);
    $("try").textContent = isOn ? "Stop" : "Play it here";
    if (!isOn) this.#drawPad();
  }

  #listenToPen() {
    const pad = $("pad");
    pad.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#play(false);
      pad.setPointerCapture(event.pointerId);
      this.#isDrawing = this.sketch.begin(...this.#at(event));
      this.#drawPad();
    });
    pad.addEventListener("pointermove", (event) => {
      if (!this.#isDrawing || !pad.hasPointerCapture(event.pointerId)) return;
      const points = event.getCoalescedEvents?.() ?? [];
      for (const point of points.length ? points : [event]) this.#isDrawing &&= this.sketch.move(...this.#at(point));
      this.#drawPad();
    });
    pad.addEventListener("lostpointercapture", () => {
      this.#isDrawing = false;
      this.refresh();
    });
  }

  #at({ clientX, clientY }) {
    const box = $("pad").getBoundingClientRect();
    return [(clientX - box.left) / box.width * WIDTH, (clientY - box.top) / box.height * HEIGHT];
  }

  #choose(button) {
    if (!button) return;
    this.sketch.ink = Number(button.dataset.ink);
    for (const other of $("inks").children) other.setAttribute("aria-pressed", other === button);
  }

  #drawPad() {
    const { pages, at } = this.sketch;
    this.#drawPage($("pad"), pages[at], pages[at - 1]);
  }

  #drawPage(canvas, strokes, onion = []) {
    const context = fitted(canvas);
    context.setTransform(canvas.width / WIDTH, 0, 0, canvas.height / HEIGHT, 0, 0);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    context.globalAlpha = ONION_ALPHA;
    drawStrokes(context, onion, this.inks());
    context.globalAlpha = 1;
    drawStrokes(context, strokes, this.inks());
  }

  #drawStrip() {
    const { pages, at } = this.sketch;
    const strip = $("strip");
    while (strip.children.length > pages.length) strip.lastElementChild.remove();
    while (strip.children.length < pages.length) strip.append(this.#thumb(strip.children.length));
    pages.forEach((strokes, index) => {
      const thumb = strip.children[index];
      thumb.setAttribute("aria-pressed", index === at);
      this.#drawPage(thumb.firstElementChild, strokes);
    });
  }

  #thumb(index) {
    const thumb = make("button", "thumb");
    thumb.type = "button";
    thumb.setAttribute("aria-label", `Page ${index + 1}`);
    thumb.append(make("canvas"));
    thumb.addEventListener("click", () => {
      this.#play(false);
      this.sketch.at = index;
      this.refresh();
    });
    return thumb;
  }
}

// The flipbook that is built in: a horse that gallops, and jumps the fence once in a round. Everything follows from the number of the page.

export const PAGES = 96;
export const WIDTH = 800;
export const HEIGHT = 600;

const STRIDE = 16; // pages
const JUMP = { begin: 38, end: 58 };
const STEP = 26; // the ground's, in a page
const GROUND = 492;

/** Draws a page, 0 to PAGES − 1, on 800 by 600, in colours of the palette. */
export function drawHorse(context, page, colours) {
  const jump = jumpAt(page);
  const phase = 2 * Math.PI * page / STRIDE;
  landscape(context, page, colours);
  context.save();
  context.translate(386, 318 - 128 * jump.height + 9 * Math.sin(phase + 0.6) * (1 - jump.height));
  shadow(context, jump.height, colours);
  context.rotate(-0.34 * jump.slope + 0.055 * Math.sin(phase - 0.5) * (1 - jump.height));
  for (const leg of LEGS.filter(({ isFar }) => isFar)) drawLeg(context, leg, phase, jump, colours.edge);
  tail(context, phase, colours);
  body(context, colours);
  mane(context, phase, colours);
  for (const leg of LEGS.filter(({ isFar }) => !isFar)) drawLeg(context, leg, phase, jump, colours.ink);
  context.restore();
}

/** `height` is 0 on the ground and 1 at the top; `slope` is 1 on the way up and −1 on the way down. */
function jumpAt(page) {
  const share = (page - JUMP.begin) / (JUMP.end - JUMP.begin);
  if (share < 0 || share > 1) return { height: 0, slope: 0, share: 0 };
  return { height: Math.sin(Math.PI * share), slope: Math.cos(Math.PI * share) * Math.sin(Math.PI * share) ** 0.5, share };
}

function landscape(context, page, { line, muted, out, "out-tint": sun }) {
  context.fillStyle = sun;
  disc(context, 650, 130, 58);
  // Hills go by slowly, and are where they were when the book begins again.
  context.beginPath();
  for (let x = 0; x <= WIDTH; x += 8) {
    const far = x / WIDTH * 2 * Math.PI + 2 * Math.PI * page / PAGES;
    context.lineTo(x, 372 - 44 * Math.sin(far) - 18 * Math.sin(2 * far + 1));
  }
  stroke(context, line, 5);
  context.beginPath();
  context.moveTo(0, GROUND);
  context.lineTo(WIDTH, GROUND);
  stroke(context, muted, 4);
  // A round of the ground is a whole number of tufts, so that nothing jumps at its end.
  const round = PAGES * STEP;
  for (let tuft = 0; tuft < 16; tuft += 1) {
    const x = (((tuft * round / 16 + 37 * (tuft % 3) - page * STEP) % round) + round) % round - 60;
    if (x > WIDTH + 60) continue;
    context.beginPath();
    for (const lean of [-9, 0, 10]) {
      context.moveTo(x, GROUND + 22 + 14 * (tuft % 3));
      context.lineTo(x + lean, GROUND + 8 + 14 * (tuft % 3));
    }
    stroke(context, line, 4);
  }
  fence(context, 400 + ((JUMP.begin + JUMP.end) / 2 - page) * STEP, out);
}

function fence(context, x, out) {
  if (x < -80 || x > WIDTH + 80) return;
  context.beginPath();
  for (const side of [-30, 30]) {
    context.moveTo(x + side, GROUND);
    context.lineTo(x + side, GROUND - 116);
  }
  for (const height of [34, 66, 98]) {
    context.moveTo(x - 44, GROUND - height);
    context.lineTo(x + 44, GROUND - height - 4);
  }
  stroke(context, out, 10);
}

function shadow(context, height, { line }) {
  context.save();
  context.translate(0, GROUND + 12 - 318 + 128 * height);
  context.scale(1 - 0.35 * height, 0.09);
  context.fillStyle = line;
  disc(context, 0, 0, 150);
  context.restore();
}

/** From shoulder or hip; `late` is the share of a stride by which it follows the first. Angles are from straight down, forwards. */
const LEGS = [
  { x: 74, y: 22, isHind: false, isFar: true, late: 0.10 },
  { x: -78, y: 14, isHind: true, isFar: true, late: 0.52 },
  { x: 66, y: 26, isHind: false, isFar: false, late: 0 },
  { x: -72, y: 18, isHind: true, isFar: false, late: 0.42 },
];
const UPPER = 74;
const LOWER = 80;

function drawLeg(context, { x, y, isHind, isFar, late }, phase, { height }, colour) {
  const [upper, lower] = isHind ? hindLeg(phase - 2 * Math.PI * late, height) : foreLeg(phase - 2 * Math.PI * late, height, isFar);
  const knee = { x: x + UPPER * Math.sin(upper), y: y + UPPER * Math.cos(upper) };
  const hoof = { x: knee.x + LOWER * Math.sin(lower), y: knee.y + LOWER * Math.cos(lower) };
  limb(context, { x, y }, knee, isHind ? 31 : 24, 9, colour);
  limb(context, knee, hoof, 9, 5.5, colour);
  limb(context, hoof, { x: hoof.x + 11 * Math.sin(lower + 0.9), y: hoof.y + 9 * Math.cos(lower + 0.9) }, 7, 8, colour);
}

function foreLeg(phase, height, isFar) {
  const upper = 0.12 + 0.82 * Math.sin(phase);
  const bend = 1.55 * Math.max(0, Math.cos(phase)) ** 1.4;
  // Over the fence both are tucked under the chest.
  return [mix(upper, isFar ? 1.05 : 1.25, height), mix(upper - bend, -0.95, height)];
}

function hindLeg(phase, height) {
  const upper = -0.12 + 0.72 * Math.sin(phase);
  const bend = 0.28 + 0.75 * Math.max(0, Math.cos(phase));
  return [mix(upper - 0.25 * bend, -0.95, height), mix(upper + bend - 0.35, -0.75, height)];
}

function body(context, { ink, paper }) {
  context.fillStyle = ink;
  fill(context, "M-112 -14C-122 16 -108 46 -84 50C-40 46 16 66 62 52C102 42 112 6 96 -26C62 -50 22 -34 -22 -36C-56 -48 -98 -50 -112 -14Z");
  fill(context, "M38 -34C74 -52 98 -92 112 -132L152 -116C142 -84 128 -34 100 14Z"); // neck
  fill(context, "M108 -134C122 -150 144 -146 158 -128L196 -92C206 -80 196 -64 180 -68C162 -72 150 -84 140 -96C128 -100 114 -112 108 -134Z"); // head
  fill(context, "M116 -138L114 -166L136 -142Z"); // ear
  context.fillStyle = paper;
  disc(context, 150, -118, 4);
}

function mane(context, phase, { out }) {
  for (let lock = 0; lock < 8; lock += 1) {
    const share = lock / 7;
    const [x, y] = [mix(116, 52, share), mix(-140, -42, share)];
    const lift = 12 * Math.sin(phase + lock * 0.5);
    context.beginPath();
    context.moveTo(x, y);
    context.quadraticCurveTo(x - 26, y - 16 - lift, x - 50 - 6 * (lock % 3), y - 2 - lift);
    stroke(context, out, 9);
  }
}

function tail(context, phase, { out }) {
  for (let lock = 0; lock < 5; lock += 1) {
    const wave = 16 * Math.sin(phase - 0.35 * lock);
    context.beginPath();
    context.moveTo(-108, -20);
    context.bezierCurveTo(-142, -52 + 5 * lock, -172, -26 + wave + 6 * lock, -214 + 8 * lock, -6 + wave + 11 * lock);
    stroke(context, out, 10);
  }
}

/** A limb that gets thinner: half widths at both ends. */
function limb(context, from, to, before, behind, colour) {
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  context.fillStyle = colour;
  context.beginPath();
  context.arc(from.x, from.y, before, angle + Math.PI / 2, angle - Math.PI / 2);
  context.arc(to.x, to.y, behind, angle - Math.PI / 2, angle + Math.PI / 2);
  context.fill();
}

function stroke(context, strokeStyle, lineWidth) {
  Object.assign(context, { strokeStyle, lineWidth, lineCap: "round", lineJoin: "round" });
  context.stroke();
}

function disc(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function fill(context, path) {
  context.fill(new Path2D(path));
}

function mix(from, to, share) {
  return from + (to - from) * share;
}

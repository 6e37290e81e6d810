// From a drawing or a picture to 28×28 pixels as MNIST has them: the ink's box scaled, aspect kept and antialiased,
// into 20×20, and placed with its centre of mass in the middle. As src/tongtou/images/mnist_form.py; the board is
// white ink 0 … 1 on nothing, so paper need not be found first.

import { rint } from "./sums";

export const FIELD = 28;
export const BOX = 20;
export const BOARD = 280; // the board's own coordinates, 0 … 280 both ways: x to the right, y downwards
const THIN = 1.4; // pixels of the box; strokes of MNIST are 2.5 wide, 1 % of the digits have less than this
const MADE_AS_THICK = 2.0;
const FINE_ENOUGH = 40;

export interface Plane {
  width: number;
  height: number;
  ink: Float32Array; // 0 … 1, row by row
}

export interface Stroke {
  points: [number, number][]; // x, y in board coordinates; one point is a dot
  width: number; // of the pen
  erases?: boolean;
}

export type Box = [left: number, top: number, right: number, bottom: number]; // the last two one past it

/** Every station on the way, for the animation. */
export interface Digit {
  pixels: Uint8Array; // (784,)
  board: Plane; // the ink as drawn
  box: Box; // of the ink, in pixels of the board
  scaled: Plane; // the box with its longer side 20
  mass: [number, number]; // row and column of the centre of mass within `scaled`
  place: [number, number]; // row and column in 28×28 where `scaled` begins
  inverted: boolean; // the picture's ink was light on dark
}

/** A drawing as ink on the board, one stroke after the other. */
export function board(strokes: Stroke[], size = BOARD): Plane {
  const plane = { width: size, height: size, ink: new Float32Array(size * size) };
  for (const stroke of strokes) addStroke(plane, stroke);
  return plane;
}

/** Draws into a plane of the board; while a visitor draws, only the newest points need be added. */
export function addStroke(plane: Plane, stroke: Stroke): void {
  const { points, width, erases } = stroke;
  const scale = plane.width / BOARD;
  const at = points.map(([x, y]) => [x * scale - 0.5, y * scale - 0.5]); // pixel 0 has its middle at 0.5
  const radius = (width * scale) / 2;
  for (let k = 0; k < Math.max(1, at.length - 1); ++k) {
    if (!at.length) return;
    const [x0, y0] = at[k];
    const [x1, y1] = at[Math.min(k + 1, at.length - 1)];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const squared = dx * dx + dy * dy;
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius - 1));
    const right = Math.min(plane.width - 1, Math.ceil(Math.max(x0, x1) + radius + 1));
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius - 1));
    const bottom = Math.min(plane.height - 1, Math.ceil(Math.max(y0, y1) + radius + 1));
    for (let y = top; y <= bottom; ++y)
      for (let x = left; x <= right; ++x) {
        const [px, py] = [x - x0, y - y0];
        const t = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const [ex, ey] = [px - t * dx, py - t * dy];
        const covered = radius + 0.5 - Math.sqrt(ex * ex + ey * ey);
        if (covered <= 0) continue;
        const i = y * plane.width + x;
        const ink = Math.min(1, covered);
        plane.ink[i] = erases ? Math.min(plane.ink[i], 1 - ink) : Math.max(plane.ink[i], ink);
      }
  }
}

/** A drawing as a digit; null when there is no ink. */
export function fromStrokes(strokes: Stroke[]): Digit | null {
  return fromPlane(board(strokes));
}

/** Ink on nothing as a digit; null when there is none. */
export function fromPlane(plane: Plane, inverted = false): Digit | null {
  const box = findBox(plane);
  if (!box) return null;
  const thick = thickened(plane, box);
  const scaled = scaleToBox(thick, thick === plane ? box : findBox(thick)!);
  return { board: plane, box, scaled, inverted, ...centred(scaled) };
}

/** The box of the ink: in a large plane where half the ink is reached, in one of MNIST's size any ink. */
export function findBox({ width, height, ink }: Plane): Box | null {
  let most = 0;
  for (let i = 0; i < ink.length && most < 1; ++i) if (ink[i] > most) most = ink[i];
  if (!(most > 0)) return null;
  const threshold = most * (Math.max(width, height) >= FINE_ENOUGH ? 0.5 : 0.01);
  let [first, last] = [0, ink.length - 1];
  while (ink[first] <= threshold) ++first;
  while (ink[last] <= threshold) --last;
  const [top, bottom] = [Math.floor(first / width), Math.floor(last / width) + 1];
  let [left, right] = [width, 0];
  for (let y = top; y < bottom; ++y) {
    let x = 0;
    while (x < left && ink[y * width + x] <= threshold) ++x;
    left = x;
    x = width;
    while (x > right && ink[y * width + x - 1] <= threshold) --x;
    right = x;
  }
  return [left, top, right, bottom];
}

/** The mean width of strokes in pixels: twice the area over the outline (of lines in all directions, 4/π steps).
 * All ink above one half lies within the box. */
export function strokeWidth({ width, ink }: Plane, [left, top, right, bottom]: Box): number {
  let [area, steps] = [0, 0];
  for (let y = top; y < bottom; ++y) {
    let before = false;
    for (let x = left, i = y * width + left; x < right; ++x, ++i) {
      const here = ink[i] > 0.5;
      if (here) ++area;
      if (here !== before) ++steps;
      if (here !== (y > top && ink[i - width] > 0.5)) ++steps;
      if (here && y === bottom - 1) ++steps;
      before = here;
    }
    if (before) ++steps;
  }
  return (2 * area) / Math.max((steps * Math.PI) / 4, 1);
}

/** Strokes of a pen too thin for 20 pixels, widened until they are visible there. */
function thickened(plane: Plane, box: Box): Plane {
  const pixel = Math.max(box[2] - box[0], box[3] - box[1]) / BOX;
  if (pixel * BOX < FINE_ENOUGH) return plane;
  const width = strokeWidth(plane, box) / pixel;
  if (width >= THIN) return plane;
  const radius = rint(((MADE_AS_THICK - width) / 2) * pixel);
  return spread(padded(plane, box, radius), radius);
}

/** The box with its blurred edge, and paper around it. */
function padded({ width, height, ink }: Plane, box: Box, by: number): Plane {
  const [left, top] = [Math.max(0, box[0] - 2), Math.max(0, box[1] - 2)];
  const [right, bottom] = [Math.min(width, box[2] + 2), Math.min(height, box[3] + 2)];
  const wide = right - left + 2 * by;
  const out = new Float32Array(wide * (bottom - top + 2 * by));
  for (let y = top; y < bottom; ++y)
    out.set(ink.subarray(y * width + left, y * width + right), (y - top + by) * wide + by);
  return { width: wide, height: bottom - top + 2 * by, ink: out };
}

/** The largest value within `radius` rows and columns. */
function spread(plane: Plane, radius: number): Plane {
  // Doubling the reach in each step needs log2(radius) steps.
  const { width, height } = plane;
  let ink = plane.ink;
  for (const step of [1, width])
    for (let reach = 0; reach < radius;) {
      const by = Math.min(Math.max(1, reach), radius - reach);
      const from = ink;
      ink = from.slice();
      for (let i = 0; i < ink.length; ++i) {
        const k = step === 1 ? i % width : Math.floor(i / width);
        const n = step === 1 ? width : height;
        if (k >= by && from[i - by * step] > ink[i]) ink[i] = from[i - by * step];
        if (k + by < n && from[i + by * step] > ink[i]) ink[i] = from[i + by * step];
      }
      reach += by;
    }
  return { ...plane, ink };
}

export function scaleToBox(plane: Plane, box = findBox(plane)!): Plane {
  const [w, h] = [box[2] - box[0], box[3] - box[1]];
  const scale = BOX / Math.max(w, h);
  return resized(plane, Math.max(1, rint(w * scale)), Math.max(1, rint(h * scale)), box);
}

/** Another size, antialiased: downwards the mean of the pixels whose middles a new one covers, upwards between them. */
export function resized(plane: Plane, width: number, height: number, box?: Box): Plane {
  const [left, top, right, bottom] = box ?? [0, 0, plane.width, plane.height];
  const shrinks = width <= right - left && height <= bottom - top;
  const across = weights(plane.width, left, right, width, shrinks);
  const down = weights(plane.height, top, bottom, height, shrinks);
  const middle = new Float32Array(plane.height * width);
  const [lowest] = down[height - 1];
  for (let y = down[0][0]; y < lowest + down[height - 1][1].length; ++y)
    for (let x = 0; x < width; ++x) {
      const [first, w] = across[x];
      let sum = 0;
      for (let k = 0, i = y * plane.width + first; k < w.length; ++k, ++i)
        sum += w[k] * plane.ink[i];
      middle[y * width + x] = sum;
    }
  const ink = new Float32Array(width * height);
  down.forEach(([first, w], y) => {
    for (let x = 0; x < width; ++x) {
      let sum = 0;
      for (let k = 0; k < w.length; ++k) sum += w[k] * middle[(first + k) * width + x];
      ink[y * width + x] = sum;
    }
  });
  return { width, height, ink };
}

/** For each new pixel of one axis the first old one it takes, and the weights: Pillow's BOX and BILINEAR. */
function weights(
  n: number,
  from: number,
  to: number,
  size: number,
  isBox: boolean,
): [number, number[]][] {
  const scale = (to - from) / size;
  const stretch = Math.max(scale, 1);
  const support = (isBox ? 0.5 : 1) * stretch;
  return Array.from({ length: size }, (_, x) => {
    const middle = from + (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - support + 0.5));
    const last = Math.min(n, Math.trunc(middle + support + 0.5));
    const w = Array.from({ length: last - first }, (_, k) => {
      const t = (k + first - middle + 0.5) / stretch;
      if (isBox) return t > -0.5 && t <= 0.5 ? 1 : 0;
      return Math.max(0, 1 - Math.abs(t));
    });
    const sum = w.reduce((s, one) => s + one, 0);
    return [first, sum ? w.map((one) => one / sum) : w];
  });
}

/** Into 28×28, the centre of mass on pixel 14 (measured on MNIST), moved by whole pixels so that edges stay sharp. */
export function centred(small: Plane): Pick<Digit, "pixels" | "mass" | "place"> {
  const { width, height, ink } = small;
  let [mass, rows, columns] = [0, 0, 0];
  for (let y = 0; y < height; ++y)
    for (let x = 0; x < width; ++x) {
      const u = ink[y * width + x];
      mass += u;
      rows += u * y;
      columns += u * x;
    }
  const [row, column] = [rows / mass, columns / mass];
  const top = Math.min(Math.max(rint(FIELD / 2 - row), 0), FIELD - height);
  const left = Math.min(Math.max(rint(FIELD / 2 - column), 0), FIELD - width);
  const pixels = new Uint8Array(FIELD * FIELD);
  for (let y = 0; y < height; ++y)
    for (let x = 0; x < width; ++x)
      pixels[(top + y) * FIELD + left + x] = rint(
        255 * Math.min(1, Math.max(0, ink[y * width + x])),
      );
  return { pixels, mass: [row, column], place: [top, left] };
}

export { fromPicture } from "./picture";

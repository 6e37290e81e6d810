// What a person would look at to tell digits apart, measured on 28×28 pixels. For rules written by hand (row 22 of
// PRODUCT.md): none of it is learnt.
import { thin } from "./penOrder";

const SIDE = 28;
const INK = 128;

export const FEATURES = [
  "ink",
  "height",
  "width",
  "holes",
  "holeHigh",
  "ends",
  "top",
  "middle",
  "bottom",
  "down",
  "upper",
  "left",
] as const;
export type Feature = (typeof FEATURES)[number];

/** Smallest and largest value a rule can ask for, and the step of its slider. */
export const RANGES: Record<Feature, [number, number, number]> = {
  ink: [0, 300, 5],
  height: [0, 28, 1],
  width: [0, 28, 1],
  holes: [0, 3, 1],
  holeHigh: [0, 1, 0.05],
  ends: [0, 6, 1],
  top: [0, 4, 1],
  middle: [0, 4, 1],
  bottom: [0, 4, 1],
  down: [0, 5, 1],
  upper: [0, 1, 0.05],
  left: [0, 1, 0.05],
};

export type Test = { kind: "feature"; feature: Feature } | { kind: "pixel"; at: number };

/** If the test is at least (or at most) this, the answer is `answer`; the first rule that fits decides. */
export interface Rule {
  test: Test;
  atLeast: boolean;
  than: number;
  answer: number;
}

interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number; // inclusive
}

/** A feature of one digit, pixels (784,) from `from` on. */
export function measure(feature: Feature, pixels: Uint8Array, from = 0): number {
  const on = (r: number, c: number): boolean => pixels[from + r * SIDE + c] >= INK;
  const box = boxOf(on);
  if (!box) return 0;
  const high = box.bottom - box.top + 1;
  const wide = box.right - box.left + 1;
  const row = (share: number): number =>
    runs(SIDE, (c) => on(box.top + Math.min(high - 1, Math.floor(share * high)), c));
  switch (feature) {
    case "ink":
      return count(on, box);
    case "height":
      return high;
    case "width":
      return wide;
    case "holes":
      return holes(on).length;
    case "holeHigh": {
      const found = holes(on);
      if (!found.length) return 0;
      const largest = found.reduce((a, b) => (b.size > a.size ? b : a));
      return Math.min(1, Math.max(0, 1 - (largest.row - box.top) / Math.max(1, high - 1)));
    }
    case "ends":
      return ends(pixels, from);
    case "top":
      return row(0.25);
    case "middle":
      return row(0.5);
    case "bottom":
      return row(0.75);
    case "down":
      return runs(SIDE, (r) => on(r, box.left + Math.floor(wide / 2)));
    case "upper":
      return count(on, { ...box, bottom: box.top + Math.ceil(high / 2) - 1 }) / count(on, box);
    case "left":
      return count(on, { ...box, right: box.left + Math.ceil(wide / 2) - 1 }) / count(on, box);
  }
}

type On = (r: number, c: number) => boolean;

function boxOf(on: On): Box | null {
  const box = { top: SIDE, bottom: -1, left: SIDE, right: -1 };
  for (let r = 0; r < SIDE; r++)
    for (let c = 0; c < SIDE; c++)
      if (on(r, c)) {
        box.top = Math.min(box.top, r);
        box.bottom = Math.max(box.bottom, r);
        box.left = Math.min(box.left, c);
        box.right = Math.max(box.right, c);
      }
  return box.bottom < 0 ? null : box;
}

function count(on: On, { top, bottom, left, right }: Box): number {
  let n = 0;
  for (let r = top; r <= bottom; r++) for (let c = left; c <= right; c++) if (on(r, c)) n++;
  return n;
}

/** How many separate pieces of ink a straight cut meets. */
function runs(n: number, inked: (k: number) => boolean): number {
  let found = 0;
  for (let k = 0; k < n; k++) if (inked(k) && !(k > 0 && inked(k - 1))) found++;
  return found;
}

/** Regions of paper (side by side, not over corners) that the ink encloses; single pixels are no loops. */
function holes(on: On): { size: number; row: number }[] {
  const seen = new Uint8Array(SIDE * SIDE);
  const found: { size: number; row: number }[] = [];
  for (let start = 0; start < SIDE * SIDE; start++) {
    if (seen[start] || on(Math.floor(start / SIDE), start % SIDE)) continue;
    let [size, rows, open] = [0, 0, false];
    const todo = [start];
    seen[start] = 1;
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const [r, c] = [Math.floor(at / SIDE), at % SIDE];
      size++;
      rows += r;
      if (r === 0 || c === 0 || r === SIDE - 1 || c === SIDE - 1) open = true;
      for (const [nr, nc] of [
        [r - 1, c],
        [r + 1, c],
        [r, c - 1],
        [r, c + 1],
      ]) {
        const next = nr * SIDE + nc;
        if (nr < 0 || nc < 0 || nr >= SIDE || nc >= SIDE || seen[next] || on(nr, nc)) continue;
        seen[next] = 1;
        todo.push(next);
      }
    }
    if (!open && size > 1) found.push({ size, row: rows / size });
  }
  return found;
}

/** Ends of strokes: points of the thinned line with one neighbour. */
function ends(pixels: Uint8Array, from: number): number {
  const mask = new Uint8Array(SIDE * SIDE);
  for (let r = 1; r < SIDE - 1; r++)
    for (let c = 1; c < SIDE - 1; c++)
      mask[r * SIDE + c] = pixels[from + r * SIDE + c] >= INK ? 1 : 0;
  const line = thin(mask);
  let found = 0;
  for (let i = SIDE + 1; i < SIDE * (SIDE - 1) - 1; i++) {
    if (!line[i]) continue;
    let near = 0;
    for (const d of [-SIDE - 1, -SIDE, -SIDE + 1, -1, 1, SIDE - 1, SIDE, SIDE + 1])
      near += line[i + d];
    if (near === 1) found++;
  }
  return found;
}

/** What a rule's test is for each of n digits. */
export type Column = Float32Array;

/** The answers of a list of rules: the first that fits, else `otherwise`. columns[k] belongs to rules[k]. */
export function answersOf(
  rules: Rule[],
  columns: Column[],
  otherwise: number,
  n: number,
): Uint8Array {
  const answers = new Uint8Array(n).fill(otherwise);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < rules.length; k++) {
      const { atLeast, than, answer } = rules[k];
      const value = columns[k][i];
      if (atLeast ? value >= than - 1e-6 : value <= than + 1e-6) {
        answers[i] = answer;
        break;
      }
    }
  return answers;
}

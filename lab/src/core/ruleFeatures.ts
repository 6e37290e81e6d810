// What rules can ask of a picture: holes, ends of strokes, crossings, where the ink lies.

const SIDE = 28;
const N = SIDE * SIDE;
const INK = 127; // what is darker counts as ink

/** A picture looked at once; every feature is read from it. */
export interface Look {
  ink: Uint8Array; // 0 or 1
  pixels: Uint8Array;
  top: number;
  bottom: number; // one past it
  left: number;
  right: number;
}

export type Part = "top" | "bottom" | "left" | "right" | "middle" | "whole";
export const PARTS: Part[] = ["top", "bottom", "left", "right", "middle", "whole"];

/** What can be asked of a picture. Every value is a number; shares are percent. */
export interface Feature {
  name: FeatureName;
  /** none · a line 0 … 27 · a part of the picture */
  takes: "nothing" | "line" | "part";
  least: number;
  most: number;
}
export type FeatureName =
  "holes" | "ink" | "width" | "height" | "row" | "column" | "balance" | "symmetry" | "ends";

export const FEATURES: Feature[] = [
  { name: "holes", takes: "nothing", least: 0, most: 4 }, // patches of paper enclosed by ink
  { name: "ends", takes: "nothing", least: 0, most: 8 }, // ends of strokes
  { name: "row", takes: "line", least: 0, most: 6 }, // strokes crossed along a row
  { name: "column", takes: "line", least: 0, most: 6 },
  { name: "ink", takes: "part", least: 0, most: 100 }, // share of the ink that lies in a part of the ink's box
  { name: "width", takes: "nothing", least: 0, most: 28 }, // of the ink's box, in pixels
  { name: "height", takes: "nothing", least: 0, most: 28 },
  { name: "balance", takes: "nothing", least: 0, most: 100 }, // width as percent of height
  { name: "symmetry", takes: "nothing", least: 0, most: 100 }, // share of ink that has ink opposite, left to right
];
export const FEATURE = new Map(FEATURES.map((one) => [one.name, one]));

/** Looks at a picture (784 pixels) once. */
export function look(pixels: Uint8Array): Look {
  const ink = pixels.map((u) => (u > INK ? 1 : 0));
  let [top, bottom, left, right] = [SIDE, 0, SIDE, 0];
  ink.forEach((one, i) => {
    if (!one) return;
    const [r, c] = [Math.floor(i / SIDE), i % SIDE];
    [top, bottom] = [Math.min(top, r), Math.max(bottom, r + 1)];
    [left, right] = [Math.min(left, c), Math.max(right, c + 1)];
  });
  if (bottom === 0) [top, left] = [0, 0];
  return { ink, pixels, top, bottom, left, right };
}

/** One feature of one picture (784 pixels). */
export function feature(name: FeatureName, of: number | Part | null, pixels: Uint8Array): number {
  return measure(name, of, look(pixels));
}

/** One feature of a picture that was looked at. */
export function measure(name: FeatureName, of: number | Part | null, at: Look): number {
  const { ink, top, bottom, left, right } = at;
  const [width, height] = [right - left, bottom - top];
  switch (name) {
    case "holes":
      return holes(ink);
    case "ends":
      return ends(ink);
    case "row":
      return crossings(ink, (of as number) * SIDE, 1);
    case "column":
      return crossings(ink, of as number, SIDE);
    case "width":
      return width;
    case "height":
      return height;
    case "balance":
      return height ? (100 * width) / height : 0;
    case "symmetry":
      return symmetry(at);
    case "ink":
      return share(at, of as Part);
  }
}

function crossings(ink: Uint8Array, start: number, step: number): number {
  let [n, before] = [0, 0];
  for (let k = 0; k < SIDE; ++k) {
    const here = ink[start + k * step];
    if (here && !before) ++n;
    before = here;
  }
  return n;
}

/** Patches of paper from which no way, up, down, left or right, leads out of the picture; of two pixels at least. */
function holes(ink: Uint8Array): number {
  const seen = ink.slice();
  const todo: number[] = [];
  const fill = (start: number): number => {
    let size = 0;
    seen[start] = 1;
    todo.push(start);
    while (todo.length) {
      const i = todo.pop()!;
      ++size;
      const c = i % SIDE;
      if (c > 0 && !seen[i - 1]) ((seen[i - 1] = 1), todo.push(i - 1));
      if (c < SIDE - 1 && !seen[i + 1]) ((seen[i + 1] = 1), todo.push(i + 1));
      if (i >= SIDE && !seen[i - SIDE]) ((seen[i - SIDE] = 1), todo.push(i - SIDE));
      if (i < N - SIDE && !seen[i + SIDE]) ((seen[i + SIDE] = 1), todo.push(i + SIDE));
    }
    return size;
  };
  for (let k = 0; k < SIDE; ++k)
    for (const i of [k, N - SIDE + k, k * SIDE, k * SIDE + SIDE - 1]) if (!seen[i]) fill(i);
  let n = 0;
  for (let i = 0; i < N; ++i) if (!seen[i] && fill(i) > 1) ++n;
  return n;
}

/** Ends of strokes: the ink is thinned to lines (Zhang and Suen 1984); an end has one neighbour. */
function ends(ink: Uint8Array): number {
  const [thin, left] = thinned(ink);
  let n = 0;
  for (const i of left) if (COUNT[neighbours(thin, i)] === 1) ++n;
  return n;
}

const WIDE = SIDE + 2; // with a border, so that every pixel has eight neighbours
const AROUND = [-WIDE, 1 - WIDE, 1, 1 + WIDE, WIDE, WIDE - 1, -1, -WIDE - 1]; // clockwise from above

/** The eight neighbours as bits, the one above in bit 0. */
function neighbours(ink: Uint8Array, i: number): number {
  let code = 0;
  for (let k = 0; k < 8; ++k) code |= ink[i + AROUND[k]] << k;
  return code;
}

const bits = (code: number): number[] => Array.from({ length: 8 }, (_, k) => (code >> k) & 1);
const CODES = Array.from({ length: 256 }, (_, code) => code);
const COUNT = Uint8Array.from(CODES, (code) => bits(code).reduce((sum, one) => sum + one, 0));
/** Whether a pixel with these neighbours goes in the first or the second pass of a round. */
const GOES = [false, true].map((second) =>
  Uint8Array.from(CODES, (code) => {
    const p = bits(code);
    const rises = p.filter((one, k) => !one && p[(k + 1) % 8]).length;
    const [up, right, down, left] = [p[0], p[2], p[4], p[6]];
    const open = second
      ? !(up && right && left) && !(up && down && left)
      : !(up && right && down) && !(right && down && left);
    return COUNT[code] >= 2 && COUNT[code] <= 6 && rises === 1 && open ? 1 : 0;
  }),
);

/** The thinned ink, with its border, and where it is. */
function thinned(ink: Uint8Array): [Uint8Array, number[]] {
  const out = new Uint8Array(WIDE * WIDE);
  let there: number[] = [];
  for (let i = 0; i < N; ++i)
    if (ink[i]) {
      const at = (Math.floor(i / SIDE) + 1) * WIDE + (i % SIDE) + 1;
      out[at] = 1;
      there.push(at);
    }
  for (let before = -1; before !== there.length;) {
    before = there.length;
    for (const goes of GOES) {
      const gone = there.filter((i) => goes[neighbours(out, i)]);
      for (const i of gone) out[i] = 0;
      if (gone.length) there = there.filter((i) => out[i]);
    }
  }
  return [out, there];
}

function symmetry({ ink, left, right }: Look): number {
  let [both, n] = [0, 0];
  for (let i = 0; i < N; ++i)
    if (ink[i]) {
      ++n;
      const opposite = i - (i % SIDE) + (left + right - 1 - (i % SIDE));
      both += ink[opposite];
    }
  return n ? (100 * both) / n : 0;
}

/** Percent of the ink in a half of its box; middle: the middle third of the rows; whole: of all the picture's pixels. */
function share({ pixels, top, bottom, left, right }: Look, part: Part): number {
  let [inside, all] = [0, 0];
  const third = (bottom - top) / 3;
  for (let i = 0; i < N; ++i) {
    const u = pixels[i];
    if (!u) continue;
    all += u;
    const [r, c] = [Math.floor(i / SIDE) + 0.5, (i % SIDE) + 0.5];
    if (
      part === "top" ? r < (top + bottom) / 2 : part === "bottom" ? r > (top + bottom) / 2 : false
    )
      inside += u;
    if (
      part === "left" ? c < (left + right) / 2 : part === "right" ? c > (left + right) / 2 : false
    )
      inside += u;
    if (part === "middle" && r > top + third && r < bottom - third) inside += u;
  }
  if (part === "whole") return (100 * all) / (255 * N);
  return all ? (100 * inside) / all : 0;
}

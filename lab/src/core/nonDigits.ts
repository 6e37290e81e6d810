// Pictures that are no digits, drawn by code: what an honest network should refuse. The kinds are those of
// src/tongtou/honesty/strangers.py; the random numbers are the page's own.

import { BOX, centred, FIELD, fromPlane, fromStrokes, type Plane, scaleToBox } from "./digit";
import { PAGE, uniform } from "./philox";
import { rint } from "./sums";

export type NonDigit =
  "noise" | "noise_in_box" | "blank" | "grey" | "blobs" | "letters" | "pairs" | "upside_down";
export const NON_DIGITS: NonDigit[] = [
  "noise",
  "noise_in_box",
  "blank",
  "grey",
  "blobs",
  "letters",
  "pairs",
  "upside_down",
];

const N = FIELD * FIELD;
const EDGE = (FIELD - BOX) / 2;

/** Random numbers of one kind, one after the other. */
function drawer(seed: number, kind: NonDigit): (low?: number, high?: number) => number {
  const purpose = PAGE + NON_DIGITS.indexOf(kind);
  let [block, at] = [0, 0];
  let numbers: Float64Array = new Float64Array(0);
  return (low = 0, high = 1) => {
    if (at === numbers.length) [numbers, at] = [uniform(seed, purpose, 1024, 0, block++), 0];
    return low + (high - low) * numbers[at++];
  };
}

/** n pictures of a kind, (n × 784). Pairs and upside_down are made from digits (m × 784 pixels and their labels). */
export function nonDigits(
  kind: NonDigit,
  n: number,
  seed = 0,
  digits?: { pixels: Uint8Array; labels: Uint8Array },
): Uint8Array {
  const draw = drawer(seed, kind);
  const out = new Uint8Array(n * N);
  for (let k = 0; k < n; ++k) out.set(MAKE[kind](draw, k, digits), k * N);
  return out;
}

type Draw = (low?: number, high?: number) => number;
type Digits = { pixels: Uint8Array; labels: Uint8Array };
const byte = (draw: Draw): number => Math.floor(draw(0, 256));
const given = (digits?: Digits): Digits => {
  if (!digits?.labels.length) throw new RangeError("this kind is made from digits; give some");
  return digits;
};
const pictureOf = ({ pixels }: Digits, i: number): Uint8Array =>
  pixels.subarray(i * N, (i + 1) * N);

const MAKE: Record<NonDigit, (draw: Draw, k: number, digits?: Digits) => Uint8Array> = {
  noise: (draw) => Uint8Array.from({ length: N }, () => byte(draw)),
  noise_in_box: (draw) =>
    Uint8Array.from({ length: N }, (_, i) => {
      const [r, c] = [Math.floor(i / FIELD), i % FIELD];
      const inside = r >= EDGE && r < FIELD - EDGE && c >= EDGE && c < FIELD - EDGE;
      return inside ? byte(draw) : 0;
    }),
  blank: () => new Uint8Array(N),
  grey: (draw) => new Uint8Array(N).fill(byte(draw)),
  blobs: (draw) => {
    const ink = new Float64Array(N);
    for (let blob = 1 + Math.floor(draw(0, 4)); blob > 0; --blob) {
      const [y, x, tall, wide] = [draw(7, 21), draw(7, 21), draw(1.5, 5), draw(1.5, 5)];
      ink.forEach((one, i) => {
        const [dy, dx] = [(Math.floor(i / FIELD) - y) / tall, ((i % FIELD) - x) / wide];
        ink[i] = one + Math.exp(-(dy * dy + dx * dx) / 2);
      });
    }
    return Uint8Array.from(ink, (one) => rint(255 * Math.min(1, one)));
  },
  letters: (draw, k) => letter(LETTERS[k % LETTERS.length], draw),
  pairs: (draw, _, digits) => {
    const from = given(digits);
    const pick = (): Plane => narrow(pictureOf(from, Math.floor(draw(0, from.labels.length))));
    return beside(pick(), pick());
  },
  upside_down: (draw, _, digits) => {
    const from = given(digits);
    // 0, 1, 6, 8, 9 and, nearly, 2 and 5 are digits upside down too.
    const rows = [...from.labels.keys()].filter((i) => [3, 4, 7].includes(from.labels[i]));
    if (!rows.length) throw new RangeError("among the digits there must be a 3, 4 or 7");
    return pictureOf(from, rows[Math.floor(draw(0, rows.length))])
      .slice()
      .reverse();
  },
};

/** The columns between the first and the last with ink. */
function narrow(pixels: Uint8Array): Plane {
  const has = (c: number): boolean =>
    Array.from({ length: FIELD }, (_, r) => pixels[r * FIELD + c]).some((u) => u);
  const columns = Array.from({ length: FIELD }, (_, c) => c).filter(has);
  const first = columns[0] ?? 0;
  const width = columns.length ? columns[columns.length - 1] - first + 1 : 1;
  const ink = Float32Array.from(
    { length: width * FIELD },
    (_, i) => pixels[Math.floor(i / width) * FIELD + first + (i % width)] / 255,
  );
  return { width, height: FIELD, ink };
}

function beside(a: Plane, b: Plane): Uint8Array {
  const width = a.width + 2 + b.width;
  const ink = new Float32Array(width * FIELD);
  for (let r = 0; r < FIELD; ++r) {
    ink.set(a.ink.subarray(r * a.width, (r + 1) * a.width), r * width);
    ink.set(b.ink.subarray(r * b.width, (r + 1) * b.width), r * width + a.width + 2);
  }
  const both = { width, height: FIELD, ink };
  return ink.some((u) => u > 0) ? centred(scaleToBox(both)).pixels : new Uint8Array(N);
}

// Strokes on a square of side 1, y downwards; letters that no digit looks like.
type Path = [number, number][];
// prettier-ignore
const ARC: Path = [[0, 0], [0.7, 0], [0.95, 0.12], [0.95, 0.38], [0.7, 0.5], [0, 0.5]];
// prettier-ignore
const PATHS: Record<string, Path[]> = {
  A: [[[0, 1], [0.5, 0], [1, 1]], [[0.2, 0.65], [0.8, 0.65]]],
  E: [[[1, 0], [0, 0], [0, 1], [1, 1]], [[0, 0.5], [0.8, 0.5]]],
  F: [[[1, 0], [0, 0], [0, 1]], [[0, 0.5], [0.75, 0.5]]],
  H: [[[0, 0], [0, 1]], [[1, 0], [1, 1]], [[0, 0.5], [1, 0.5]]],
  K: [[[0, 0], [0, 1]], [[1, 0], [0, 0.55]], [[0.25, 0.4], [1, 1]]],
  M: [[[0, 1], [0.1, 0], [0.5, 0.6], [0.9, 0], [1, 1]]],
  N: [[[0, 1], [0, 0], [1, 1], [1, 0]]],
  P: [[[0, 1], [0, 0]], ARC],
  R: [[[0, 1], [0, 0]], ARC, [[0.4, 0.5], [1, 1]]],
  T: [[[0, 0], [1, 0]], [[0.5, 0], [0.5, 1]]],
  U: [[[0, 0], [0, 0.7], [0.2, 0.95], [0.5, 1], [0.8, 0.95], [1, 0.7], [1, 0]]],
  W: [[[0, 0], [0.25, 1], [0.5, 0.3], [0.75, 1], [1, 0]]],
  X: [[[0, 0], [1, 1]], [[1, 0], [0, 1]]],
  Y: [[[0, 0], [0.5, 0.5], [1, 0]], [[0.5, 0.5], [0.5, 1]]],
  h: [[[0, 0], [0, 1]], [[0, 0.6], [0.4, 0.42], [0.8, 0.5], [0.9, 0.7], [0.9, 1]]],
  m: [[[0, 0.4], [0, 1]], [[0, 0.5], [0.25, 0.4], [0.5, 0.5], [0.5, 1]], [[0.5, 0.5], [0.75, 0.4], [1, 0.5], [1, 1]]],
  n: [[[0, 0], [0, 1]], [[0, 0.3], [0.4, 0], [0.8, 0.1], [1, 0.4], [1, 1]]],
};
export const LETTERS = Object.keys(PATHS);

/** A letter written with a pen, a little different each time. */
function letter(name: string, draw: Draw): Uint8Array {
  const slant = draw(-0.2, 0.2);
  const [wide, tall, width] = [draw(90, 150), draw(130, 200), draw(18, 30)];
  const strokes = PATHS[name].map((path) => ({
    width,
    points: path.map(([x, y]): [number, number] => [
      140 + (x - 0.5 + slant * (0.5 - y) + draw(-0.03, 0.03)) * wide,
      140 + (y - 0.5 + draw(-0.03, 0.03)) * tall,
    ]),
  }));
  return fromStrokes(strokes)!.pixels;
}

/** A letter by name for the board: strokes in its coordinates. */
export function letterStrokes(
  name: string,
  width = 24,
): { points: [number, number][]; width: number }[] {
  return PATHS[name].map((path) => ({
    width,
    points: path.map(([x, y]): [number, number] => [140 + (x - 0.5) * 130, 140 + (y - 0.5) * 180]),
  }));
}

/** Pixels put on the board as ink and made a digit of again: what `centred` does to an off-centre picture. */
export function recentred(pixels: Uint8Array): Uint8Array {
  const ink = Float32Array.from(pixels, (u) => u / 255);
  return fromPlane({ width: FIELD, height: FIELD, ink })?.pixels ?? new Uint8Array(N);
}

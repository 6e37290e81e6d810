// One straight stroke of a round pen on 28×28 pixels, and the family of strokes that the search goes through.
//   cover(p) = min(1, max(0, width/2 + 1/2 - distance(p, segment)))
//   drawn: x' = max(x, cover)        erased: x' = min(x, 255 - cover)
// Points are (row, column); (0, 0) is the middle of the first pixel. As src/tongtou/explanation/pen.py.

import { rint } from "./sums";

export const SIDE = 28;
export const PEN_WIDTH = 2.2;
export const SPACING = 2;
export const LENGTHS = [0, 3, 6, 9, 12];
export const N_DIRECTIONS = 8;

export type Point = [number, number];

/** How much of each pixel a stroke covers, 0 … 255. */
export function cover(from: Point, to: Point, width = PEN_WIDTH, side = SIDE): Uint8Array {
  const out = new Uint8Array(side * side);
  const [dr, dc] = [to[0] - from[0], to[1] - from[1]];
  const squared = dr * dr + dc * dc;
  for (let r = 0; r < side; ++r)
    for (let c = 0; c < side; ++c) {
      const [pr, pc] = [r - from[0], c - from[1]];
      const t = squared ? Math.min(1, Math.max(0, (pr * dr + pc * dc) / squared)) : 0;
      const distance = Math.hypot(pr - t * dr, pc - t * dc);
      out[r * side + c] = rint(255 * Math.min(1, Math.max(0, width / 2 + 0.5 - distance)));
    }
  return out;
}

export function drawn(pixels: Uint8Array, ink: Uint8Array, erases: boolean): Uint8Array {
  return pixels.map((u, i) => (erases ? Math.min(u, 255 - ink[i]) : Math.max(u, ink[i])));
}

/** A part 0 … 1 of a stroke, for playing it. */
export function strokeAt(from: Point, to: Point, part: number): { from: Point; to: Point } {
  const end: Point = [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
  return { from, to: end };
}

export interface Template {
  /** (55, 55): entry (27 + i, 27 + j) is the cover of the pixel i rows below and j columns right of the middle. */
  cover: Uint8Array;
  half: Point; // from the middle to the end
  middles: Point[];
}

let kept: Template[] | undefined;

/** For each length and direction the cover around a middle, and the middles that keep it within the picture. */
export function templates(): Template[] {
  if (kept) return kept;
  const wide = 2 * SIDE - 1;
  const found: Template[] = [];
  for (const length of LENGTHS)
    for (let k = 0; k < (length ? N_DIRECTIONS : 1); ++k) {
      const angle = (Math.PI * k) / N_DIRECTIONS;
      const along: Point = [Math.sin(angle), Math.cos(angle)];
      const reach = length / 2;
      const ink = new Uint8Array(wide * wide);
      for (let i = 1 - SIDE; i < SIDE; ++i)
        for (let j = 1 - SIDE; j < SIDE; ++j) {
          const t = Math.min(reach, Math.max(-reach, i * along[0] + j * along[1]));
          const distance = Math.hypot(i - t * along[0], j - t * along[1]);
          const covered = Math.min(1, Math.max(0, PEN_WIDTH / 2 + 0.5 - distance));
          ink[(SIDE - 1 + i) * wide + SIDE - 1 + j] = rint(255 * covered);
        }
      const half: Point = [reach * along[0], reach * along[1]];
      const [rows, columns] = half.map(places);
      const middles = rows.flatMap((r) => columns.map((c): Point => [r, c]));
      if (middles.length) found.push({ cover: ink, half, middles });
    }
  return (kept = found);
}

function places(half: number): number[] {
  const reach = Math.abs(half) - 1e-9;
  const found = [];
  for (let at = SPACING / 2; at < SIDE; at += SPACING)
    if (at >= reach && at <= SIDE - 1 - reach) found.push(at);
  return found;
}

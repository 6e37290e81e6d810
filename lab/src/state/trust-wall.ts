// All parameters of a network as a wall of knobs: where each hangs, and which hangs at a place. No DOM, no Svelte.
import type { Model } from "../engine/protocol";

/** One knob: weight (layer, j, i), or the bias of (layer, j) where i is null. */
export interface Knob {
  layer: number; // 1 … L
  j: number;
  i: number | null;
}

/** The knobs of one neuron hang together: its weights row by row, its bias behind them. */
export interface Block {
  layer: number;
  j: number;
  x: number; // in knobs, from the left and the top
  y: number;
  columns: number;
  nIn: number;
}

export interface Wall {
  blocks: Block[];
  /** Of the whole, in knobs. */
  width: number;
  height: number;
}

const GAP = 2;
const SPACE = 6; // between layers
const LONGEST = 32; // knobs in a row of a block that is no picture

export const rowsOf = ({ columns, nIn }: Block): number => Math.ceil((nIn + 1) / columns);

/** Weights on a picture stand as that picture, in a square of blocks; those of later layers hang to the right of them. */
export function wallOf(model: Model): Wall {
  const blocks: Block[] = [];
  let [left, width, height, y] = [0, 0, 0, 0];
  model.layers.forEach(({ nIn, nOut }, k) => {
    const side = Math.round(Math.sqrt(nIn));
    const isPicture = k === 0 && side * side === nIn && side > 8;
    const columns = isPicture ? side : Math.min(LONGEST, nIn + 1);
    const across = isPicture ? Math.ceil(Math.sqrt(nOut)) : 1;
    const gap = isPicture || nOut > 32 ? GAP : GAP + 1;
    const tall = Math.ceil((nIn + 1) / columns) + gap;
    for (let j = 0; j < nOut; j++) {
      const [row, column] = [Math.floor(j / across), j % across];
      const x = left + column * (columns + GAP);
      blocks.push({ layer: k + 1, j, x, y: y + row * tall, columns, nIn });
    }
    const bottom = y + Math.ceil(nOut / across) * tall - gap;
    width = Math.max(width, left + Math.min(across, nOut) * (columns + GAP) - GAP);
    height = Math.max(height, bottom);
    if (k) y = bottom + SPACE;
    else left = width + SPACE;
  });
  return { blocks, width, height };
}

export const blockOf = (wall: Wall, { layer, j }: { layer: number; j: number }): Block | null =>
  wall.blocks.find((one) => one.layer === layer && one.j === j) ?? null;

/** Where a knob hangs. */
export function placeOf(wall: Wall, knob: Knob): [number, number] | null {
  const block = blockOf(wall, knob);
  if (!block) return null;
  const at = knob.i ?? block.nIn;
  return [block.x + (at % block.columns), block.y + Math.floor(at / block.columns)];
}

/** The knob at a place, or the nearest within `reach`. */
export function knobAt(wall: Wall, x: number, y: number, reach = GAP): Knob | null {
  let best: { knob: Knob; far: number } | null = null;
  for (const block of wall.blocks) {
    const rows = rowsOf(block);
    const c = Math.min(block.columns - 1, Math.max(0, Math.floor(x - block.x)));
    const r = Math.min(rows - 1, Math.max(0, Math.floor(y - block.y)));
    const at = Math.min(block.nIn, r * block.columns + c);
    const away = Math.hypot(
      x - (block.x + (at % block.columns) + 0.5),
      y - (block.y + Math.floor(at / block.columns) + 0.5),
    );
    if (!best || away < best.far) {
      const i = at === block.nIn ? null : at;
      best = { knob: { layer: block.layer, j: block.j, i }, far: away };
    }
  }
  return best && best.far <= reach ? best.knob : null;
}

export function valueAt(model: Model, { layer, j, i }: Knob): number {
  const { W, b, nIn } = model.layers[layer - 1];
  return i === null ? b[j] : W[j * nIn + i];
}

/** The number of a knob, 0 … n − 1, as they follow in the file: W and b of layer 1, then of layer 2, … */
export function numberOf(model: Model, { layer, j, i }: Knob): number {
  let before = 0;
  for (let k = 0; k < layer - 1; k++) before += (model.layers[k].nIn + 1) * model.layers[k].nOut;
  const { nIn, nOut } = model.layers[layer - 1];
  return before + (i === null ? nIn * nOut + j : j * nIn + i);
}

export const nKnobs = (model: Model): number =>
  model.layers.reduce((sum, { nIn, nOut }) => sum + (nIn + 1) * nOut, 0);

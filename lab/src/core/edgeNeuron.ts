// An edge neuron made by hand: plus on the edge, minus above and below; and one without the minus, which anything
// bright fools. The weights of src/tongtou/explanation/handmade.py.
//   w = +1 on the edge, less on as wide a strip to either side so that all weights sum to 0
//   b = -½ · number of pixels on the edge: fires (z ≥ 0) from half a perfect edge on

const SIDE = 28;

export interface Edge {
  row: number; // its middle
  column: number;
  angle: number; // degrees from a row's direction, clockwise as the picture is seen
  length: number; // pixels
  width: number;
}
export const EDGE: Edge = { row: 6, column: 13.5, angle: 0, length: 8, width: 3 };

export interface HandMade {
  w: Float64Array; // (784,)
  b: number;
}

export function edgeNeuron(surround = true, edge: Edge = EDGE): HandMade {
  const a = (edge.angle * Math.PI) / 180;
  const w = new Float64Array(SIDE * SIDE);
  const flanks: number[] = [];
  let nEdge = 0;
  for (let i = 0; i < SIDE; ++i)
    for (let j = 0; j < SIDE; ++j) {
      const across = Math.abs(Math.cos(a) * (i - edge.row) - Math.sin(a) * (j - edge.column));
      const along = Math.abs(Math.sin(a) * (i - edge.row) + Math.cos(a) * (j - edge.column));
      if (along > edge.length / 2) continue;
      if (across <= edge.width / 2) {
        w[i * SIDE + j] = 1;
        ++nEdge;
      } else if (across <= 1.5 * edge.width) flanks.push(i * SIDE + j);
    }
  if (surround) for (const at of flanks) w[at] = -nEdge / flanks.length;
  return { w, b: -nEdge / 2 };
}

/** The bias that lets a neuron painted by a visitor fire from half of the most it can get. */
export function biasFor(w: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < w.length; ++i) most += Math.max(0, w[i]);
  return -most / 2;
}

export const weightedSum = ({ w, b }: HandMade, pixels: ArrayLike<number>): number => {
  let z = b;
  for (let i = 0; i < w.length; ++i) if (pixels[i]) z += (w[i] * pixels[i]) / 255;
  return z;
};
export const fires = (neuron: HandMade, pixels: ArrayLike<number>): boolean =>
  weightedSum(neuron, pixels) >= 0;

/** What fits it best: white where its weights are positive. */
export const perfectEdge = ({ w }: HandMade): Uint8Array =>
  Uint8Array.from(w, (one) => (one > 0 ? 255 : 0));

/** A bright disc over everything the neuron looks at. */
export function blobOver({ w }: HandMade): Uint8Array {
  let [top, bottom, left, right] = [SIDE, -1, SIDE, -1];
  w.forEach((one, i) => {
    if (!one) return;
    const [r, c] = [Math.floor(i / SIDE), i % SIDE];
    [top, bottom] = [Math.min(top, r), Math.max(bottom, r)];
    [left, right] = [Math.min(left, c), Math.max(right, c)];
  });
  const [row, column] = [(top + bottom) / 2, (left + right) / 2];
  const apart = (i: number): number => Math.hypot(Math.floor(i / SIDE) - row, (i % SIDE) - column);
  let radius = 0;
  w.forEach((one, i) => {
    if (one) radius = Math.max(radius, apart(i));
  });
  return Uint8Array.from(w, (_, i) => (apart(i) <= radius + 1e-9 ? 255 : 0));
}

/** Shares of digits (n × 784) on which it fires, of all and of each class. */
export function firesOn(
  neuron: HandMade,
  pixels: Uint8Array,
  labels: Uint8Array,
): { all: number; byClass: number[] } {
  const [n, hits] = [Array<number>(10).fill(0), Array<number>(10).fill(0)];
  const N = SIDE * SIDE;
  labels.forEach((label, k) => {
    ++n[label];
    if (fires(neuron, pixels.subarray(k * N, (k + 1) * N))) ++hits[label];
  });
  const sum = (values: number[]): number => values.reduce((s, one) => s + one, 0);
  return { all: sum(hits) / sum(n), byClass: hits.map((one, c) => one / n[c]) };
}

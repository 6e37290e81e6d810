// The neuron built by hand: weights of +1, −1 and 0 on 28×28, a bias, and the pictures it is shown.
import { fsum } from "../core/sums";
import { lab } from "./lab.svelte";

export const SHOWN = ["edge", "blob", "digit"] as const;
export type ShownName = (typeof SHOWN)[number];

// As tongtou.explanation.edge_neuron has it: three rows of +1 around row 6, −½ on three rows above and below.
const TOP = 5;
const TALL = 3;
const FROM = 10;
const LONG = 8;
const AGAINST = -0.5;
export const BRUSHES = [1, AGAINST, 0];
const BIAS = (-TALL * LONG) / 2; // fires from half a perfect edge on

/** A bar of ink, rows × columns. */
function bar(top: number, rows: number, left: number, columns: number): Uint8Array {
  const pixels = new Uint8Array(784);
  for (let r = top; r < top + rows; r++) pixels.fill(255, r * 28 + left, r * 28 + left + columns);
  return pixels;
}

/** A round bright blob. */
function disc(row: number, column: number, radius: number): Uint8Array {
  return Uint8Array.from({ length: 784 }, (_, i) =>
    Math.hypot(Math.floor(i / 28) - row, (i % 28) - column) <= radius ? 255 : 0,
  );
}

function edgeWeights(surround: boolean): Float32Array {
  const weights = new Float32Array(784);
  for (let r = TOP - TALL; r < TOP + 2 * TALL; r++) {
    const onEdge = r >= TOP && r < TOP + TALL;
    if (onEdge || surround) weights.fill(onEdge ? 1 : AGAINST, r * 28 + FROM, r * 28 + FROM + LONG);
  }
  return weights;
}

/** What the weights make of a picture: positive + negative + bias = z. */
export function sumsOf(
  weights: Float32Array,
  bias: number,
  pixels: Uint8Array,
): { positive: number; negative: number; z: number } {
  const terms = Array.from(weights, (w, i) => (w * pixels[i]) / 255);
  const positive = fsum(terms.filter((v) => v > 0));
  const negative = fsum(terms.filter((v) => v < 0));
  return { positive, negative, z: positive + negative + bias };
}

class Edge {
  weights = $state.raw<Float32Array>(edgeWeights(true));
  bias = $state(BIAS);
  brush = $state(1);
  shown = $state<ShownName>("edge");
  pictures = $state.raw<Record<ShownName, Uint8Array>>({
    edge: bar(TOP, TALL, FROM, LONG),
    blob: disc(8, 13.5, 7),
    digit: new Uint8Array(784),
  });
  /** The share of the first digits that make it fire; null until they are there. */
  share = $derived.by(() => {
    const pixels = this.#digits;
    if (!pixels) return null;
    const n = pixels.length / 784;
    let fires = 0;
    const used = Array.from(this.weights.keys()).filter((i) => this.weights[i]);
    for (let k = 0; k < n; k++) {
      let z = this.bias * 255;
      for (const i of used) z += this.weights[i] * pixels[k * 784 + i];
      if (z >= 0) fires++;
    }
    return fires / n;
  });
  #digits = $state.raw<Uint8Array | null>(null);
  #next = 0;

  get input(): Uint8Array {
    return this.pictures[this.shown];
  }

  async load(): Promise<void> {
    if (this.#digits) return;
    try {
      const { pixels } = await lab.engine.digits(
        "test",
        Array.from({ length: 1000 }, (_, i) => i),
      );
      this.#digits = pixels;
      this.another();
    } catch (error) {
      console.error(error);
    }
  }

  another(): void {
    const pixels = this.#digits;
    if (!pixels) return;
    const at = this.#next++ % 1000;
    this.pictures = { ...this.pictures, digit: pixels.slice(at * 784, at * 784 + 784) };
  }

  paint(row: number, column: number): void {
    const weights = this.weights.slice();
    weights[row * 28 + column] = this.brush;
    this.weights = weights;
  }

  preset(surround: boolean): void {
    this.weights = edgeWeights(surround);
    this.bias = BIAS;
  }

  clear(): void {
    this.weights = new Float32Array(784);
  }
}

export const edge = new Edge();

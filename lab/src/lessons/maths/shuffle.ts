// The same pixels in another order, and the network that knows that order.
import { order, PAGE } from "../../core/philox";
import type { Model } from "../../engine/protocol";

/** Place k of the shuffled picture takes pixel places[k]. */
export const places = (seed: number, n = 784): Uint32Array => order(seed, 0, n, PAGE + 300);

/** Every picture of (n, 784) in the other order. */
export function shuffled(pixels: Uint8Array, by: ArrayLike<number>): Uint8Array {
  const [n, N] = [pixels.length / by.length, by.length];
  const out = new Uint8Array(pixels.length);
  for (let e = 0; e < n; ++e) for (let k = 0; k < N; ++k) out[e * N + k] = pixels[e * N + by[k]];
  return out;
}

/** The model whose first layer finds every pixel where it went: W'[j, k] = W[j, places[k]]. */
export function rewired(model: Model, by: ArrayLike<number>): Model {
  const [first, ...others] = model.layers;
  const W = new Float32Array(first.W.length);
  for (let j = 0; j < first.nOut; ++j)
    for (let k = 0; k < first.nIn; ++k) W[j * first.nIn + k] = first.W[j * first.nIn + by[k]];
  return { ...model, layers: [{ ...first, W }, ...others] };
}

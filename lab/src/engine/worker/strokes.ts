// One stroke of a pen, drawn or erased, that turns the answer and changes the picture least: 8,288 candidates, each put
// to the kernel. The same family and the same choice as src/tongtou/explanation/strokes.py.

import { argmax } from "../../core/sums";
import { PEN_WIDTH, SIDE, templates } from "../../core/pen";
import type { Model, StrokeFound } from "../protocol";
import type { Kernel } from "./kernel";

const N = SIDE * SIDE;
const WIDE = 2 * SIDE - 1;

export function searchStroke(
  kernel: Kernel,
  model: Model,
  pixels: Uint8Array,
  to: number | null,
): StrokeFound | null {
  return kernel.within(() => {
    const family = templates();
    const nTried = 2 * family.reduce((n, t) => n + t.middles.length, 0);
    const { spec, parameters } = kernel.network(model);
    const nOut = spec.layers[spec.layers.length - 1].nOut;
    const own = kernel.put(pixels);
    const was = argmax(kernel.evaluate(spec, kernel.x.pixels(own, 1, N, 0), parameters, 1));
    const at = kernel.take(nTried * N);
    const costs = candidates(kernel.bytes(at, nTried * N), pixels);
    const data = kernel.x.pixels(at, nTried, N, 0);
    const outputs = kernel.evaluate(spec, data, parameters, nTried);
    let [best, nTurning] = [-1, 0];
    for (let k = 0; k < nTried; ++k) {
      const answer = argmax(outputs.subarray(k * nOut, (k + 1) * nOut));
      if (to === null ? answer === was : answer !== to) continue;
      ++nTurning;
      if (best < 0 || costs[k] < costs[best]) best = k;
    }
    if (best < 0) return null;
    const found = outputs.slice(best * nOut, (best + 1) * nOut);
    let first = 0;
    for (const { half, middles } of family) {
      const count = middles.length;
      if (best < first + 2 * count) {
        const [row, column] = middles[(best - first) % count];
        const isFirst = best < first + count;
        return {
          pixels: kernel.bytes(at + best * N, N).slice(),
          from: [row - half[0], column - half[1]],
          to: [row + half[0], column + half[1]],
          erases: isFirst !== inkIsLight(pixels),
          width: PEN_WIDTH,
          l2: Math.sqrt(costs[best]) / 255,
          answer: argmax(found),
          outputs: found,
          nTurning,
          nTried,
        };
      }
      first += 2 * count;
    }
    return null;
  });
}

/** Ink is light where at least half of the picture is dark. */
function inkIsLight(pixels: Uint8Array): boolean {
  const sorted = pixels.slice().sort();
  return (sorted[N / 2 - 1] + sorted[N / 2]) / 2 <= 127.5;
}

/** Fills in every candidate, template by template: ink added, then ink taken away; returns the squared changes. */
function candidates(out: Uint8Array, pixels: Uint8Array): Float64Array {
  const costs = new Float64Array(out.length / N);
  const light = inkIsLight(pixels);
  let k = 0;
  for (const { cover, half, middles } of templates()) {
    const reach = half.map((h) => Math.ceil(Math.abs(h) + PEN_WIDTH / 2 + 0.5)); // beyond it covers nothing
    for (const adds of [light, !light])
      for (const [row, column] of middles) {
        let cost = 0;
        out.set(pixels, k * N);
        const [left, right] = [
          Math.max(0, column - reach[1]),
          Math.min(SIDE, column + reach[1] + 1),
        ];
        for (let r = Math.max(0, row - reach[0]); r < Math.min(SIDE, row + reach[0] + 1); ++r) {
          const shift = (SIDE - 1 + r - row) * WIDE + SIDE - 1 - column;
          for (let c = left; c < right; ++c) {
            const u = pixels[r * SIDE + c];
            const ink = cover[shift + c];
            const v = adds ? (u > ink ? u : ink) : u < 255 - ink ? u : 255 - ink;
            out[k * N + r * SIDE + c] = v;
            cost += (v - u) * (v - u);
          }
        }
        costs[k++] = cost;
      }
  }
  return costs;
}

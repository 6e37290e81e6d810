// What neurons do over many digits: which are dead, which are saturated, how much gradient comes through.

import type { Model } from "../engine/protocol";
import { forward, slope } from "./forward";

export interface Activity {
  layer: number;
  j: number;
  mean: number; // of the activation
  spread: number; // its standard deviation
  low: number;
  high: number;
  slope: number; // mean of f'(z): how much of a gradient comes through
  isDead: boolean; // the gradient never comes through: ReLU below 0 on every digit
  isSaturated: boolean; // the gradient hardly ever comes through: a sigmoid at its ends
}

const SATURATED = 0.02; // of a sigmoid's slope, at most 0.25

/** Hidden neurons over n digits (n × 784 pixels). */
export function activity(model: Model, pixels: Uint8Array): Activity[][] {
  const nIn = model.layers[0].nIn;
  const n = pixels.length / nIn;
  const passes = Array.from({ length: n }, (_, e) =>
    forward(model, pixels.subarray(e * nIn, (e + 1) * nIn)),
  );
  return model.layers.slice(0, -1).map(({ nOut, activation, parameter }, k) =>
    Array.from({ length: nOut }, (_, j) => {
      const a = passes.map((pass) => pass.a[k + 1][j]);
      const slopes = passes.map((pass) =>
        slope(activation, pass.z[k + 1][j], pass.a[k + 1][j], parameter),
      );
      const mean = a.reduce((sum, one) => sum + one, 0) / n;
      const come = slopes.reduce((sum, one) => sum + one, 0) / n;
      return {
        layer: k + 1,
        j,
        mean,
        spread: Math.sqrt(a.reduce((sum, one) => sum + (one - mean) ** 2, 0) / n),
        low: Math.min(...a),
        high: Math.max(...a),
        slope: come,
        isDead: slopes.every((one) => one === 0),
        isSaturated: (activation === "sigmoid" || activation === "tanh") && come < SATURATED,
      };
    }),
  );
}

/** |dC/dtheta| of each layer from W, b, W, b, … : the vanishing gradient, seen. */
export function layerNorms(gradient: ArrayLike<number>[]): number[] {
  const norms: number[] = [];
  for (let k = 0; k < gradient.length; k += 2) {
    let sum = 0;
    for (const part of [gradient[k], gradient[k + 1]])
      for (let i = 0; i < part.length; ++i) sum += part[i] * part[i];
    norms.push(Math.sqrt(sum));
  }
  return norms;
}

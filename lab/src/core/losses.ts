// Losses of one example: C_i(a, y), and how it changes with the activations. As docs/notation.md.

import type { ActivationName, LossName } from "../engine/protocol";

/** The targets of a class: 1 at the label, 0 elsewhere. */
export const target = (label: number, nOut: number): Float64Array =>
  Float64Array.from({ length: nOut }, (_, j) => (j === label ? 1 : 0));

/** A float32 softmax has nothing below it: so unsure an answer counts with a loss of 87, not of infinity. */
const LEAST = 1e-38;

export function lossOf(
  name: LossName,
  a: ArrayLike<number>,
  y: ArrayLike<number>,
  parameter = 1,
): number {
  const n = a.length;
  let sum = 0;
  for (let j = 0; j < n; ++j) {
    const apart = a[j] - y[j];
    switch (name) {
      case "cross_entropy":
        if (y[j]) sum -= y[j] * Math.log(Math.max(a[j], LEAST));
        break;
      case "binary_cross_entropy":
        if (y[j]) sum -= y[j] * Math.log(Math.max(a[j], LEAST));
        if (y[j] < 1) sum -= (1 - y[j]) * Math.log(Math.max(1 - a[j], LEAST));
        break;
      case "poisson":
        sum += (y[j] ? y[j] * Math.log(y[j] / Math.max(a[j], LEAST)) : 0) - (y[j] - a[j]);
        break;
      case "huber": {
        const q = Math.min(Math.abs(apart), parameter);
        sum += (q * (Math.abs(apart) - q / 2)) / n;
        break;
      }
      default:
        sum += apart * apart * (name === "mse" ? 1 / n : name === "half_sse" ? 0.5 : 1);
    }
  }
  return sum;
}

/** dC_i/da. */
export function lossSlope(
  name: LossName,
  a: ArrayLike<number>,
  y: ArrayLike<number>,
  parameter = 1,
): Float64Array {
  const n = a.length;
  return Float64Array.from(a, (one, j) => {
    const apart = one - y[j];
    switch (name) {
      case "cross_entropy":
        return -y[j] / one;
      case "binary_cross_entropy":
        return (1 - y[j]) / (1 - one) - y[j] / one;
      case "poisson":
        return 1 - y[j] / one;
      case "huber":
        return Math.min(Math.max(apart, -parameter), parameter) / n;
      case "half_sse":
        return apart;
      case "mse":
        return (2 * apart) / n;
      case "sse":
        return 2 * apart;
    }
  });
}

/** Whether loss and output are taken together, which stays finite where each alone would not: dC_i/dz = a - y. */
export const areJoint = (loss: LossName, output: ActivationName): boolean =>
  (loss === "cross_entropy" && output === "softmax") ||
  (loss === "binary_cross_entropy" && output === "sigmoid") ||
  (loss === "poisson" && output === "exp");

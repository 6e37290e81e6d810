// What a network answers to a set of digits: accuracy, confusion, confidences.

import { argmax } from "../../core/sums";
import { copyOf } from "../../core/forward";
import { lossOf } from "../../core/losses";
import type { Evaluation, EvaluationOptions, LossName, Model } from "../protocol";

/** A model with neurons switched off and parameters changed. */
export function altered(model: Model, { zeroed = [], changed = [] }: EvaluationOptions): Model {
  if (!zeroed.length && !changed.length) return model;
  const copy = copyOf(model);
  for (const { layer, j, i, value } of changed) {
    const { W, b, nIn } = copy.layers[layer - 1];
    if (i === null) b[j] = value;
    else W[j * nIn + i] = value;
  }
  for (const [layer, j] of zeroed) {
    const next = copy.layers[layer];
    if (!next) throw new RangeError("only inputs and hidden neurons can be switched off");
    for (let k = 0; k < next.nOut; ++k) next.W[k * next.nIn + j] = 0;
  }
  return copy;
}

/** Pictures moved by whole pixels; what leaves the field is lost. */
export function shifted(pixels: Uint8Array, down: number, right: number, side = 28): Uint8Array {
  const out = new Uint8Array(pixels.length);
  const n = pixels.length / (side * side);
  const [c0, c1] = [Math.max(0, right), Math.min(side, side + right)];
  if (c1 <= c0) return out;
  for (let k = 0; k < n; ++k)
    for (let r = Math.max(0, down); r < Math.min(side, side + down); ++r) {
      const from = k * side * side + (r - down) * side - right;
      out.set(pixels.subarray(from + c0, from + c1), k * side * side + r * side + c0);
    }
  return out;
}

/** The mean loss of n examples, outputs (n, n_out). */
export function meanLoss(
  outputs: Float32Array,
  labels: Uint8Array,
  n: number,
  loss: LossName,
  lossParameter: number,
): number {
  const nOut = outputs.length / n;
  const y = new Float64Array(nOut);
  let total = 0;
  for (let k = 0; k < n; ++k) {
    y[labels[k]] = 1;
    const a = outputs.subarray(k * nOut, (k + 1) * nOut);
    total += lossOf(loss, a, y, lossParameter);
    y[labels[k]] = 0;
  }
  return total / n;
}

export function summary(
  outputs: Float32Array,
  labels: Uint8Array,
  nOut: number,
  loss: LossName,
  lossParameter: number,
): Evaluation {
  const n = labels.length;
  const confusion = Array.from({ length: nOut }, () => Array<number>(nOut).fill(0));
  const answers = new Uint8Array(n);
  const confidences = new Float32Array(n);
  let right = 0;
  for (let k = 0; k < n; ++k) {
    const answer = argmax(outputs.subarray(k * nOut, (k + 1) * nOut));
    answers[k] = answer;
    confidences[k] = outputs[k * nOut + answer];
    if (labels[k] < nOut) ++confusion[labels[k]][answer];
    if (answer === labels[k]) ++right;
  }
  const perClass = confusion.map((row, c) => row[c] / row.reduce((s, one) => s + one, 0));
  return {
    n,
    accuracy: right / n,
    loss: meanLoss(outputs, labels, n, loss, lossParameter),
    perClass,
    confusion,
    answers,
    confidences,
    outputs,
    labels,
  };
}

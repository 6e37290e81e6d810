// How often it is right when it says so, and the errors worth looking at.

import { calibrated } from "./gates";
import { argmax } from "./sums";

export interface Bin {
  low: number;
  high: number;
  n: number;
  confidence: number | null; // mean of those in it
  accuracy: number | null;
}

export interface Reliability {
  bins: Bin[];
  ece: number; // sum over bins of share · |accuracy - confidence|
  confidence: number;
  accuracy: number;
  n: number;
}

export function reliability(
  confidences: ArrayLike<number>,
  isRight: ArrayLike<boolean>,
  nBins = 10,
): Reliability {
  const n = confidences.length;
  const sums = Array.from({ length: nBins }, () => ({ n: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < n; ++i) {
    const bin = sums[Math.min(nBins - 1, Math.max(0, Math.ceil(confidences[i] * nBins) - 1))];
    ++bin.n;
    bin.confidence += confidences[i];
    if (isRight[i]) ++bin.right;
  }
  const total = (of: "confidence" | "right"): number => sums.reduce((sum, bin) => sum + bin[of], 0);
  return {
    bins: sums.map((bin, k) => ({
      low: k / nBins,
      high: (k + 1) / nBins,
      n: bin.n,
      confidence: bin.n ? bin.confidence / bin.n : null,
      accuracy: bin.n ? bin.right / bin.n : null,
    })),
    ece: sums.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0) / n,
    confidence: total("confidence") / n,
    accuracy: total("right") / n,
    n,
  };
}

/** Confidences as softmax(z / temperature) of weighted sums (n, n_out): calibrated where the temperature was learnt. */
export function confidencesOf(z: Float32Array, nOut: number, temperature: number): Float64Array {
  return Float64Array.from({ length: z.length / nOut }, (_, i) => {
    const p = calibrated(z.subarray(i * nOut, (i + 1) * nOut), temperature);
    return p[argmax(p)];
  });
}

export interface Mistake {
  index: number;
  label: number;
  answer: number;
  confidence: number;
}

/** Digits answered wrongly, the most confident first. */
export function mistakes(
  of: { answers: Uint8Array; labels: Uint8Array; confidences: Float32Array },
  first = 0,
): Mistake[] {
  const found: Mistake[] = [];
  of.answers.forEach((answer, k) => {
    if (answer !== of.labels[k])
      found.push({ index: first + k, label: of.labels[k], answer, confidence: of.confidences[k] });
  });
  return found.sort((a, b) => b.confidence - a.confidence || a.index - b.index);
}

// How weights start: uniform on (-r, r), biases 0. The same bits as src/tongtou/initializers.py for the same seed.
// The number for W[j, i] is draw i * n_out + j of the stream (seed, INITIAL_WEIGHTS, epoch 0, step = layer).

import type { ActivationName, InitializerName, Layer, Model, Settings } from "../engine/protocol";
import { INITIAL_WEIGHTS, uniform } from "./philox";

const RECTIFIES = ["relu", "leaky_relu", "gelu"];

export function radius(
  rule: InitializerName,
  nIn: number,
  nOut: number,
  f: ActivationName,
): number {
  switch (rule) {
    case "lesson":
      return 1;
    case "zeros":
      return 0;
    case "glorot":
      return Math.sqrt(6 / (nIn + nOut));
    case "he":
      return Math.sqrt(6 / nIn);
    case "lecun":
      return Math.sqrt(3 / nIn);
    case "auto":
      if (RECTIFIES.includes(f)) return radius("he", nIn, nOut, f);
      return radius(f === "linear" || f === "exp" ? "lecun" : "glorot", nIn, nOut, f);
  }
}

export function initialLayer(
  rule: InitializerName,
  nIn: number,
  nOut: number,
  activation: ActivationName,
  seed: number,
  layer: number,
): Layer {
  const r = radius(rule, nIn, nOut, activation);
  const W = new Float32Array(nIn * nOut);
  if (r) {
    const u = uniform(seed, INITIAL_WEIGHTS, nIn * nOut, 0, layer);
    for (let i = 0; i < nIn; ++i)
      for (let j = 0; j < nOut; ++j) W[j * nIn + i] = r * (2 * u[i * nOut + j] - 1);
  }
  const parameter = activation === "leaky_relu" ? 0.01 : 0;
  return { nIn, nOut, activation, parameter, W, b: new Float32Array(nOut) };
}

/** A network before its first step. */
export function initialModel(
  settings: Pick<Settings, "sizes" | "activation" | "output" | "loss" | "initializer" | "seed">,
): Model {
  const { sizes, seed, initializer } = settings;
  const layers = sizes.slice(1).map((nOut, k) => {
    const f = k === sizes.length - 2 ? settings.output : settings.activation;
    return initialLayer(initializer, sizes[k], nOut, f, seed, k + 1);
  });
  return {
    layers,
    loss: settings.loss,
    lossParameter: settings.loss === "huber" ? 1 : 0,
    classes: Array.from({ length: sizes[sizes.length - 1] }, (_, k) => `${k}`),
    gates: null,
    description: "",
  };
}

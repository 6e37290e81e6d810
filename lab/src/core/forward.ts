// One example through a network, every number kept. Float64 throughout, from the float32 parameters:
//   z[l] = W[l] a[l-1] + b[l]        a[l] = f(z[l])        l = 1 … L;  a[0] = x = pixels / 255
// The kernel computes in float32; the two differ by its rounding, below 1e-4 in z for the lesson's network.

import type { ActivationName, Layer, Model } from "../engine/protocol";

export interface Pass {
  /** z[0] is empty. */
  z: Float64Array[];
  /** a[0] is the input as the network sees it. */
  a: Float64Array[];
}

/** Pixels 0 … 255 count as 0 … 1; other numbers as they are. */
export function input(
  x: Uint8Array | Uint8ClampedArray | Float32Array | Float64Array,
): Float64Array {
  const is8Bit = x instanceof Uint8Array || x instanceof Uint8ClampedArray;
  const scale = is8Bit ? 255 : 1;
  const a = new Float64Array(x.length);
  for (let i = 0; i < a.length; ++i) a[i] = x[i] / scale;
  return a;
}

export function forward(
  model: Model,
  x: Uint8Array | Uint8ClampedArray | Float32Array | Float64Array,
): Pass {
  const pass: Pass = { z: [new Float64Array(0)], a: [input(x)] };
  for (const layer of model.layers) {
    const z = weightedSums(layer, pass.a[pass.a.length - 1]);
    pass.z.push(z);
    pass.a.push(activate(layer.activation, z, layer.parameter));
  }
  return pass;
}

export function weightedSums(layer: Layer, a: ArrayLike<number>): Float64Array {
  const { nIn, nOut, W, b } = layer;
  const z = new Float64Array(nOut);
  for (let j = 0; j < nOut; ++j) {
    let sum = b[j];
    for (let i = 0, at = j * nIn; i < nIn; ++i) if (a[i]) sum += W[at + i] * a[i];
    z[j] = sum;
  }
  return z;
}

/** The outputs of a pass. */
export const outputs = (pass: Pass): Float64Array => pass.a[pass.a.length - 1];

/** f(z) of a whole layer; softmax needs all of it. */
export function activate(name: ActivationName, z: ArrayLike<number>, parameter = 0): Float64Array {
  if (name === "softmax") {
    let top = -Infinity;
    for (let j = 0; j < z.length; ++j) top = Math.max(top, z[j]);
    const p = Float64Array.from(z, (one) => Math.exp(one - top));
    const sum = p.reduce((s, one) => s + one, 0);
    return p.map((one) => one / sum);
  }
  return Float64Array.from(z, (one) => f(name, one, parameter));
}

/** f(z) of one neuron; not for softmax. */
export function f(name: ActivationName, z: number, parameter = 0): number {
  switch (name) {
    case "step":
      return z < 0 ? 0 : 1;
    case "sigmoid":
      return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
    case "tanh":
      return Math.tanh(z);
    case "relu":
      return Math.max(z, 0);
    case "leaky_relu":
      return z > 0 ? z : parameter * z;
    case "gelu":
      return (z * erfc(-z / Math.SQRT2)) / 2;
    case "exp":
      return Math.exp(Math.min(Math.max(z, -690), 690));
    case "softmax":
      throw new Error("softmax is no function of one neuron; use activate");
    case "linear":
      return z;
  }
}

/** da/dz of one neuron, from z and a = f(z); at a kink as docs/notation.md says. Not for softmax. */
export function slope(name: ActivationName, z: number, a: number, parameter = 0): number {
  switch (name) {
    case "step":
      return 0;
    case "sigmoid":
      return a * (1 - a);
    case "tanh":
      return 1 - a * a;
    case "relu":
      return z > 0 ? 1 : 0;
    case "leaky_relu":
      return z > 0 ? 1 : parameter;
    case "gelu":
      return erfc(-z / Math.SQRT2) / 2 + (z * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
    case "exp":
      return a;
    case "softmax":
      throw new Error("softmax is no function of one neuron; use backprop");
    case "linear":
      return 1;
  }
}

/** 1 - erf(x): a series near 0, a continued fraction (Lentz) beyond. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 80 && Math.abs(term) > 1e-18 * Math.abs(sum); ++n) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  if (x > 27) return 0;
  let fraction = 0;
  for (let n = 60; n >= 1; --n) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / ((x + fraction) * Math.sqrt(Math.PI));
}

/** A copy of a model that can be changed without touching the first. */
export function copyOf(model: Model): Model {
  const layers = model.layers.map((l) => ({ ...l, W: l.W.slice(), b: l.b.slice() }));
  return { ...model, layers };
}

/** A model with the same form and other parameters: W, b, W, b, … as progress brings them. */
export function withParameters(model: Model, parameters: Float32Array[]): Model {
  const layers = model.layers.map((l, k) => ({
    ...l,
    W: parameters[2 * k],
    b: parameters[2 * k + 1],
  }));
  return { ...model, layers };
}

// One neuron's equation: z = bias + sum of w·a, its terms sorted, what excites and what inhibits.

import type { Model } from "../engine/protocol";
import { type NeuronFigures, neuronFigures } from "./figures";
import type { Pass } from "./forward";
import { bySize, fsum } from "./sums";

export interface Term {
  i: number;
  w: number;
  a: number;
  wa: number;
}

export interface Neuron {
  layer: number; // 1 … L
  j: number;
  z: number;
  a: number;
  bias: number;
  terms: Term[]; // all of them, largest |w·a| first, equal ones by i
  positive: number; // sum of the terms above 0
  negative: number; // sum of the terms below 0: z = bias + positive + negative
  nLive: number; // how many are not 0
}

export function neuron(model: Model, pass: Pass, layer: number, j: number): Neuron {
  const { nIn, W, b } = model.layers[layer - 1];
  const a = pass.a[layer - 1];
  const products = new Float64Array(nIn);
  for (let i = 0; i < nIn; ++i) products[i] = W[j * nIn + i] * a[i];
  const terms = bySize(products).map((i) => ({ i, w: W[j * nIn + i], a: a[i], wa: products[i] }));
  return {
    layer,
    j,
    z: pass.z[layer][j],
    a: pass.a[layer][j],
    bias: b[j],
    terms,
    positive: fsum(products.filter((x) => x > 0)),
    negative: fsum(products.filter((x) => x < 0)),
    nLive: products.reduce((n, x) => n + (x ? 1 : 0), 0),
  };
}

/** The weighted inputs of a neuron in their order, (n_in,): the picture "product". */
export function products(model: Model, pass: Pass, layer: number, j: number): Float64Array {
  const { nIn, W } = model.layers[layer - 1];
  return pass.a[layer - 1].map((a, i) => W[j * nIn + i] * a);
}

/** What is shown of the equation: bias + terms + "the other n" = z, exactly as shown. */
export function figures(
  model: Model,
  pass: Pass,
  of: Neuron,
  nTerms = 5,
  digits = 4,
): NeuronFigures {
  const { activation, parameter } = model.layers[of.layer - 1];
  const all = of.terms.length;
  if (all === nTerms + 1 && nTerms) nTerms += 1; // one more line says more than "the other term"
  let nShown = Math.min(nTerms, all);
  if (nShown < all) nShown = Math.min(nShown, of.nLive); // products of 0 need no lines
  let shift: number | null = null;
  if (activation === "softmax") {
    const z = pass.z[of.layer];
    const top = Math.max(...z);
    shift = top + Math.log(z.reduce((sum, one) => sum + Math.exp(one - top), 0));
  }
  return neuronFigures(
    of.bias,
    of.terms.slice(0, nShown),
    all - nShown,
    all - Math.max(of.nLive, nShown),
    of.z,
    of.a,
    activation,
    parameter,
    shift,
    digits,
  );
}

// Why this and not that: the difference of two weighted sums, split exactly. The rope of the first screen.
//   z_p - z_q = (b_p - b_q) + sum_k v_k a_k        v_k = W[L][p, k] - W[L][q, k],  a = a[L-1]
// A block v_k a_k opens into the neurons and inputs before it by secant slopes, against a reference x0 (blank paper):
//   d[0] = x - x0        d[l] = s[l] (W[l] d[l-1])        s[l] = (f(z) - f(z0)) / (z - z0)
//   block = rest + sum of what it opens into
// As src/tongtou/explanation/{why,blocks,opening}.py.

import type { Model } from "../engine/protocol";
import { decimalsFor, type Figure, minus, negative, plus, rounded, valueOf } from "./figures";
import { f, forward, input, type Pass, slope } from "./forward";
import { argmax, bySize, fsum } from "./sums";

export interface Block {
  layer: number; // 0: an input
  j: number;
  value: number; // what it gives to the difference
  rest: number; // the part that is there on the reference too; 0 but in the last hidden layer
  pull: number; // by how much the difference changes with this activation
}

export interface Pulls {
  net: number;
  pullFor: number; // sum of what speaks for p, 0 or more
  pullAgainst: number; // for q, 0 or less
  gross: number; // all sizes
  cancellation: number; // gross / |net|
}

export interface Why extends Pulls {
  p: number;
  q: number;
  z: [number, number];
  biases: [number, number];
  bias: number; // b_p - b_q
  blocks: Block[]; // of layer L-1, largest first
  terms: Float64Array; // the blocks in the order of their neurons, the bias behind them
  opening: Opening;
}

export interface Opening {
  weights: Float32Array[]; // of layer l = 1 … L-1; [0] empty
  sizes: number[];
  slopes: Float64Array[];
  moved: Float64Array[]; // d[l]
  rest: Float64Array[]; // a[l] - d[l]
}

export function pulls(values: ArrayLike<number>): Pulls {
  const all = Array.from(values);
  const net = fsum(all);
  const pullFor = fsum(all.filter((t) => t > 0));
  const pullAgainst = fsum(all.filter((t) => t < 0));
  const gross = fsum(all.map(Math.abs));
  const cancellation = net ? gross / Math.abs(net) : gross ? Infinity : 1;
  return { net, pullFor, pullAgainst, gross, cancellation };
}

/** Hidden layers as linear maps of what sets the example apart from the reference. */
export function opening(model: Model, pass: Pass, x0: Float64Array): Opening {
  const hidden = model.layers.slice(0, -1);
  const x = pass.a[0];
  const found: Opening = {
    weights: [new Float32Array(0), ...hidden.map((l) => l.W)],
    sizes: [x.length, ...hidden.map((l) => l.nOut)],
    slopes: [new Float64Array(0)],
    moved: [x.map((one, i) => one - x0[i])],
    rest: [x0],
  };
  const reference = forward(model, x0);
  hidden.forEach((layer, k) => {
    const l = k + 1;
    const [z, z0, a] = [pass.z[l], reference.z[l], pass.a[l]];
    const slopes = z.map((one, j) => {
      const apart = one - z0[j];
      // Closer than this, the quotient would hold more rounding than slope.
      const near = Math.abs(apart) <= 2 ** -26 * Math.max(Math.abs(one), Math.abs(z0[j]));
      const { activation, parameter } = layer;
      return near
        ? slope(activation, one, a[j], parameter)
        : (f(activation, one, parameter) - f(activation, z0[j], parameter)) / apart;
    });
    const before = found.moved[k];
    const moved = slopes.map((s, j) => {
      let sum = 0;
      for (let i = 0, at = j * layer.nIn; i < layer.nIn; ++i) sum += layer.W[at + i] * before[i];
      return s * sum;
    });
    found.slopes.push(slopes);
    found.moved.push(moved);
    found.rest.push(a.map((one, j) => one - moved[j]));
  });
  return found;
}

/** Why the weighted sum of output p is above that of q; by default the two highest. */
export function why(
  model: Model,
  pass: Pass,
  p?: number,
  q?: number,
  reference?: Uint8Array | Float64Array,
): Why {
  const last = model.layers[model.layers.length - 1];
  if (last.nOut < 2) throw new RangeError("one output stands above no other");
  const z = pass.z[pass.z.length - 1];
  const a = pass.a[pass.a.length - 2];
  const [first, second] = leading(z, p, q);
  const v = new Float64Array(last.nIn);
  for (let k = 0; k < last.nIn; ++k)
    v[k] = last.W[first * last.nIn + k] - last.W[second * last.nIn + k];
  const x0 = reference ? input(reference) : new Float64Array(pass.a[0].length);
  const opened = opening(model, pass, x0);
  const layer = model.layers.length - 1;
  const biases: [number, number] = [last.b[first], last.b[second]];
  const bias = biases[0] - biases[1];
  const values = v.map((one, k) => one * a[k]);
  const blocks = bySize(values).map((k) => ({
    layer,
    j: k,
    value: values[k],
    rest: layer ? v[k] * opened.rest[layer][k] : 0,
    pull: v[k],
  }));
  const terms = Float64Array.of(...values, bias);
  return {
    p: first,
    q: second,
    z: [z[first], z[second]],
    biases,
    bias,
    blocks,
    terms,
    opening: opened,
    ...pulls(terms),
  };
}

/** Two outputs: what is not given is the highest of the others, the first of equals. */
export function leading(z: ArrayLike<number>, p?: number, q?: number): [number, number] {
  if (p !== undefined && p === q)
    throw new RangeError(`expected two different outputs; got ${p} twice`);
  const without = (k: number | undefined): number =>
    argmax(Array.from(z, (one, j) => (j === k ? -Infinity : one)));
  const first = p ?? without(q);
  return [first, q ?? without(first)];
}

/** The blocks of the layer before, largest first: value = rest + their sum. An input has none. */
export function open(of: Why, block: Block): Block[] {
  const { layer, j, pull } = block;
  if (layer === 0) return [];
  const { weights, slopes, moved, sizes } = of.opening;
  const nIn = sizes[layer - 1];
  const factor = pull * slopes[layer][j];
  const pullOf = Float64Array.from({ length: nIn }, (_, i) => factor * weights[layer][j * nIn + i]);
  const values = pullOf.map((one, i) => one * moved[layer - 1][i]);
  return bySize(values).map((i) => ({
    layer: layer - 1,
    j: i,
    value: values[i],
    rest: 0,
    pull: pullOf[i],
  }));
}

/** The share of each input, (n_0,): of one block, or of the whole difference.
 * block: value = rest + their sum; all: net = onReference + their sum. */
export function toInputs(of: Why, block?: Block): Float64Array {
  const { weights, slopes, moved, sizes } = of.opening;
  let layer = block ? block.layer : sizes.length - 1;
  let pull: Float64Array = new Float64Array(sizes[layer]);
  if (block) pull[block.j] = block.pull;
  else for (const one of of.blocks) pull[one.j] = one.pull;
  for (; layer > 0; --layer) {
    const next = new Float64Array(sizes[layer - 1]);
    for (let j = 0; j < sizes[layer]; ++j) {
      const factor = pull[j] * slopes[layer][j];
      if (factor)
        for (let i = 0, at = j * next.length; i < next.length; ++i)
          next[i] += factor * weights[layer][at + i];
    }
    pull = next;
  }
  return pull.map((one, i) => one * moved[0][i]);
}

/** The difference that is there on the reference too: the bias and every block's rest. */
export function onReference(of: Why): number {
  return fsum([of.bias, ...of.blocks.map((b) => b.rest)]);
}

export interface WhyFigures {
  zP: Figure;
  zQ: Figure;
  net: Figure;
  /** k is the neuron, or null for the bias; their sum and `others` is net, as shown. */
  terms: { k: number | null; value: Figure }[];
  nOthers: number;
  others: Figure;
  /** pullFor + pullAgainst = net, as shown. */
  pullFor: Figure;
  pullAgainst: Figure;
  gross: Figure;
}

/** Figures that add up: net = zP - zQ = sum of terms + others, exactly as shown.
 * With nTerms = 17 on the lesson's network every block and the bias is shown and `others` is what rounding left. */
export function whyFigures(of: Why, nTerms = 5, digits = 4): WhyFigures {
  const n = of.terms.length;
  const nZero = of.terms.reduce((count, t) => count + (t === 0 ? 1 : 0), 0);
  if (n === nTerms + 1 && nTerms) nTerms += 1;
  if (nTerms < n) nTerms = Math.min(nTerms, n - nZero);
  const chosen = bySize(of.terms).slice(0, nTerms);
  const [zp, zq] = of.z;
  const decimals = decimalsFor([zp, zq, ...chosen.map((k) => of.terms[k])], zp - zq, digits);
  const [zP, zQ] = [rounded(zp, decimals), rounded(zq, decimals)];
  const net = minus(zP, zQ);
  const terms = chosen.map((k) => ({
    k: k === n - 1 ? null : k,
    value: rounded(of.terms[k], decimals),
  }));
  const others = terms.reduce((rest, t) => minus(rest, t.value), net);
  // Where everything pulls against, net is all of it: no pull for is to come from rounding.
  const pullAgainst = of.pullFor ? rounded(of.pullAgainst, decimals) : net;
  return {
    zP,
    zQ,
    net,
    terms,
    nOthers: Math.max(n - chosen.length, 0),
    others,
    pullFor: minus(net, pullAgainst),
    pullAgainst,
    gross: plus(minus(net, pullAgainst), negative(pullAgainst)),
  };
}

/** Every term of the rope with its share of what rounding left, for a row of blocks whose figures must add up:
 * the largest takes it. */
export function ropeFigures(of: Why, digits = 4): { k: number | null; value: Figure }[] {
  const said = whyFigures(of, of.terms.length, digits);
  const terms = said.terms.map((t) => ({ ...t }));
  if (terms.length && valueOf(said.others)) terms[0].value = plus(terms[0].value, said.others);
  return terms;
}

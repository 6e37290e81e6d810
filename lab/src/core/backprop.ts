// Backpropagation as a walk: every quantity of one step of gradient descent, kept to be looked at. Float64 throughout.
//   C = (1/n) sum C_i             delta[L] = (1/n) dC_i/dz[L]
//   dC/da[l] = delta[l+1] W[l+1]  delta[l] = dC/da[l] through f          l = L-1 … 1
//   dC/dW[l] = delta[l]ᵀ a[l-1]   dC/db[l] = sum over examples of delta[l]
//   theta - eta dC/dtheta:        C falls by eta |dC/dtheta|² to first order
// As src/tongtou/explanation/{chain,rule}.py.

import type { ActivationName, Model } from "../engine/protocol";
import { activate, forward, input, type Pass, slope } from "./forward";
import { areJoint, lossOf, lossSlope, target } from "./losses";
import { bySize } from "./sums";

export interface Walk {
  model: Model;
  n: number; // examples
  eta: number;
  labels: number[];
  y: Float64Array[]; // targets of each example
  passes: Pass[]; // z and a of each example
  losses: number[]; // C_i
  loss: number; // C
  delta: Float64Array[][]; // [l][example], 1/n is in them; [0] empty
  dW: Float64Array[]; // [l], like W; [0] empty
  db: Float64Array[];
  gradientNorm: number;
  layerNorms: number[]; // |dC/dtheta| of each layer; [0] is 0
  predictedLoss: number; // C - eta |dC/dtheta|²
}

/** One step of gradient descent on some digits (n × 784 pixels). */
export function walk(model: Model, pixels: Uint8Array, labels: ArrayLike<number>, eta = 1): Walk {
  const { layers, loss } = model;
  const L = layers.length;
  const n = labels.length;
  const nIn = layers[0].nIn;
  const nOut = layers[L - 1].nOut;
  const passes = Array.from({ length: n }, (_, e) =>
    forward(model, pixels.subarray(e * nIn, (e + 1) * nIn)),
  );
  const y = Array.from(labels, (label) => target(label, nOut));
  const losses = passes.map((p, e) => lossOf(loss, p.a[L], y[e], model.lossParameter));
  const delta: Float64Array[][] = Array.from({ length: L + 1 }, () => []);
  passes.forEach((pass, e) => {
    delta[L].push(outputDelta(model, pass, y[e]).map((one) => one / n));
    for (let l = L - 1; l > 0; --l) {
      const { activation, parameter } = layers[l - 1];
      const arriving = back(layers[l], delta[l + 1][e]);
      delta[l].push(through(activation, parameter, pass.z[l], pass.a[l], arriving));
    }
  });
  const dW = [new Float64Array(0)];
  const db = [new Float64Array(0)];
  layers.forEach((layer, k) => {
    const W = new Float64Array(layer.W.length);
    const b = new Float64Array(layer.nOut);
    passes.forEach((pass, e) => {
      const [d, a] = [delta[k + 1][e], pass.a[k]];
      for (let j = 0; j < layer.nOut; ++j) {
        b[j] += d[j];
        if (d[j]) for (let i = 0, at = j * layer.nIn; i < layer.nIn; ++i) W[at + i] += d[j] * a[i];
      }
    });
    dW.push(W);
    db.push(b);
  });
  const square = (values: Float64Array): number => values.reduce((sum, g) => sum + g * g, 0);
  const squares = dW.map((W, l) => square(W) + square(db[l]));
  const all = squares.reduce((sum, one) => sum + one, 0);
  const mean = losses.reduce((sum, one) => sum + one, 0) / n;
  return {
    model,
    n,
    eta,
    labels: Array.from(labels),
    y,
    passes,
    losses,
    loss: mean,
    delta,
    dW,
    db,
    gradientNorm: Math.sqrt(all),
    layerNorms: squares.map(Math.sqrt),
    predictedLoss: mean - eta * all,
  };
}

/** dC_i/dz of the last layer. */
function outputDelta(model: Model, pass: Pass, y: Float64Array): Float64Array {
  const { activation, parameter } = model.layers[model.layers.length - 1];
  const [z, a] = [pass.z[pass.z.length - 1], pass.a[pass.a.length - 1]];
  if (areJoint(model.loss, activation)) return a.map((one, j) => one - y[j]);
  return through(activation, parameter, z, a, lossSlope(model.loss, a, y, model.lossParameter));
}

/** dC/da of the layer before: delta W. */
function back(
  layer: { W: ArrayLike<number>; nIn: number; nOut: number },
  delta: Float64Array,
): Float64Array {
  const out = new Float64Array(layer.nIn);
  for (let j = 0; j < layer.nOut; ++j)
    for (let i = 0, at = j * layer.nIn; i < layer.nIn; ++i) out[i] += delta[j] * layer.W[at + i];
  return out;
}

/** From dC/da to dC/dz. */
function through(
  name: ActivationName,
  parameter: number,
  z: Float64Array,
  a: Float64Array,
  g: Float64Array,
): Float64Array {
  if (name === "softmax") {
    const mean = g.reduce((sum, one, k) => sum + one * a[k], 0);
    return a.map((one, j) => one * (g[j] - mean));
  }
  return g.map((one, j) => one * slope(name, z[j], a[j], parameter));
}

/** The network after the update, in float32 as it would be kept. */
export function updated(of: Walk, eta = of.eta): Model {
  const layers = of.model.layers.map((layer, k) => ({
    ...layer,
    W: layer.W.map((w, i) => w - eta * of.dW[k + 1][i]),
    b: layer.b.map((b, j) => b - eta * of.db[k + 1][j]),
  }));
  return { ...of.model, layers };
}

/** The mean loss of the walk's examples under another model. */
export function lossUnder(of: Walk, model: { layers: Wide[] }): number {
  const { loss, lossParameter } = of.model;
  const each = of.passes.map((pass, e) => {
    const found = wideForward(model.layers, pass.a[0]);
    return lossOf(loss, found.a[found.a.length - 1], of.y[e], lossParameter);
  });
  return each.reduce((sum, one) => sum + one, 0) / of.n;
}

export const foundLoss = (of: Walk, eta = of.eta): number => lossUnder(of, updated(of, eta));

/** A layer whose parameters may be float64. */
interface Wide {
  nIn: number;
  nOut: number;
  activation: ActivationName;
  parameter: number;
  W: ArrayLike<number>;
  b: ArrayLike<number>;
}

function wideForward(layers: Wide[], x: Float64Array): { z: Float64Array[]; a: Float64Array[] } {
  const found = { z: [new Float64Array(0)], a: [input(x)] };
  for (const { W, b, nIn, nOut, activation, parameter } of layers) {
    const a = found.a[found.a.length - 1];
    const z = Float64Array.from({ length: nOut }, (_, j) => {
      let sum = b[j];
      for (let i = 0, at = j * nIn; i < nIn; ++i) if (a[i]) sum += W[at + i] * a[i];
      return sum;
    });
    found.z.push(z);
    found.a.push(activate(activation, z, parameter));
  }
  return found;
}

// ---------------------------------------------------------------- one parameter

export interface BackTerm {
  k: number; // of the next layer
  w: number; // W_kj[l+1]
  delta: number; // delta_k[l+1]
  product: number;
}

/** Why a parameter has the gradient it has.
 *   dC/dW_ji[l] = sum over examples of delta_j[l] a_i[l-1]        dC/db_j[l]: a = 1
 *   delta_j[l]  = f'(z_j[l]) sum_k W_kj[l+1] delta_k[l+1]         l < L
 */
export interface Chain {
  layer: number;
  j: number;
  i: number | null; // null: the bias
  value: number;
  a: number[]; // of each example
  delta: number[];
  pushes: number[]; // delta a: what each example adds to the gradient
  gradient: number;
  // of one example:
  example: number;
  slope: number | null; // f'(z_j); null where loss and output are taken together, or of softmax
  arriving: number; // dC/da_j[l], or dC/dz_j[L] where there is no slope
  terms: BackTerm[]; // its summands, largest first; none in the last layer
  // proof and step:
  difference: { h: number; below: number; above: number; slope: number | null }; // null: a kink lies between
  stepped: number; // value - eta gradient
  predictedLoss: number; // if this parameter alone moved, were the loss straight
  foundLoss: number; // if this parameter alone moves
}

export function chain(of: Walk, layer: number, j: number, i: number | null, example = 0): Chain {
  const { layers, loss } = of.model;
  const own = layers[layer - 1];
  const L = layers.length;
  if (!own || !(j >= 0 && j < own.nOut) || (i !== null && !(i >= 0 && i < own.nIn)))
    throw new RangeError(`there is no parameter [${layer}] ${j}, ${i}`);
  const value = i === null ? own.b[j] : own.W[j * own.nIn + i];
  const a = of.passes.map((pass) => (i === null ? 1 : pass.a[layer - 1][i]));
  const delta = of.delta[layer].map((d) => d[j]);
  const pushes = delta.map((d, e) => d * a[e]);
  const gradient = i === null ? of.db[layer][j] : of.dW[layer][j * own.nIn + i];
  const pass = of.passes[example];
  const isOutput = layer === L;
  const isJoint = isOutput && (areJoint(loss, own.activation) || own.activation === "softmax");
  let arriving = delta[example];
  const terms: BackTerm[] = [];
  if (!isOutput) {
    const next = layers[layer];
    const products = Float64Array.from(
      { length: next.nOut },
      (_, k) => next.W[k * next.nIn + j] * of.delta[layer + 1][example][k],
    );
    for (const k of bySize(products))
      terms.push({
        k,
        w: next.W[k * next.nIn + j],
        delta: of.delta[layer + 1][example][k],
        product: products[k],
      });
    arriving = products.reduce((sum, one) => sum + one, 0);
  } else if (!isJoint)
    arriving = lossSlope(loss, pass.a[L], of.y[example], of.model.lossParameter)[j] / of.n;
  const stepped = value - of.eta * gradient;
  return {
    layer,
    j,
    i,
    value,
    a,
    delta,
    pushes,
    gradient,
    example,
    slope: isJoint
      ? null
      : slope(own.activation, pass.z[layer][j], pass.a[layer][j], own.parameter),
    arriving,
    terms,
    difference: difference(of, layer, j, i, value),
    stepped,
    predictedLoss: of.loss - of.eta * gradient * gradient,
    foundLoss: lossWith(of, layer, j, i, stepped).loss,
  };
}

const STEP = 2 ** -17;
const KINKED: ActivationName[] = ["relu", "leaky_relu", "step"];

/** The proof: central differences of the loss. At a kink there is no derivative. */
function difference(
  of: Walk,
  layer: number,
  j: number,
  i: number | null,
  value: number,
): Chain["difference"] {
  let found: Chain["difference"] = { h: STEP, below: 0, above: 0, slope: null };
  for (const h of [STEP, STEP / 16, STEP / 256]) {
    const [low, high] = [
      lossWith(of, layer, j, i, value - h),
      lossWith(of, layer, j, i, value + h),
    ];
    const isSmooth = low.sides === high.sides;
    const rise = (high.loss - low.loss) / (value + h - (value - h));
    found = { h, below: low.loss, above: high.loss, slope: isSmooth ? rise : null };
    if (isSmooth) return found;
  }
  return found;
}

/** The loss with another value of one parameter, and on which side of its kink every neuron is. */
function lossWith(
  of: Walk,
  layer: number,
  j: number,
  i: number | null,
  value: number,
): { loss: number; sides: string } {
  const layers: Wide[] = of.model.layers.map((one, k) => {
    if (k !== layer - 1) return one;
    const [W, b] = [Float64Array.from(one.W), Float64Array.from(one.b)];
    if (i === null) b[j] = value;
    else W[j * one.nIn + i] = value;
    return { ...one, W, b };
  });
  const sides: string[] = [];
  const each = of.passes.map((pass, e) => {
    const found = wideForward(layers, pass.a[0]);
    layers.forEach(({ activation }, k) => {
      if (KINKED.includes(activation))
        sides.push(Array.from(found.z[k + 1], (z) => (z > 0 ? 1 : 0)).join(""));
    });
    return lossOf(of.model.loss, found.a[found.a.length - 1], of.y[e], of.model.lossParameter);
  });
  return { loss: each.reduce((sum, one) => sum + one, 0) / of.n, sides: sides.join() };
}

/** What each example wants of the outputs: the way down, of its own loss. */
export function wishes(of: Walk): Float64Array[] {
  const L = of.model.layers.length;
  const { activation } = of.model.layers[L - 1];
  if (areJoint(of.model.loss, activation) || activation === "softmax")
    return of.delta[L].map((d) => d.map((one) => -of.n * one));
  return of.passes.map((pass, e) =>
    lossSlope(of.model.loss, pass.a[L], of.y[e], of.model.lossParameter).map((one) => -one),
  );
}

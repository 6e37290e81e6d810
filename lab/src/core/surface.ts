// The real loss on a plane through all parameters: model + x u + y v. Directions are random, each neuron's share scaled
// to the length of its own weights, so that a step means as much to every neuron (Li and others 2018); or they lead from
// one model to two others. The engine computes the losses (request `surface`).

import type { Model } from "../engine/protocol";
import { normal, PAGE } from "./philox";

/** W, b, W, b, … */
export type Direction = Float32Array[];

export function randomDirection(model: Model, seed: number, which = 0): Direction {
  return model.layers.flatMap(({ W, b, nIn, nOut }, l) => {
    const drawn = normal(seed, PAGE + 100 + which, nOut * (nIn + 1), 0, l);
    const [dW, db] = [new Float32Array(W.length), new Float32Array(nOut)];
    for (let j = 0; j < nOut; ++j) {
      let [own, theirs] = [b[j] * b[j], 0];
      for (let i = 0; i < nIn; ++i) own += W[j * nIn + i] ** 2;
      for (let i = 0; i <= nIn; ++i) theirs += drawn[j * (nIn + 1) + i] ** 2;
      const scale = Math.sqrt(own / theirs);
      for (let i = 0; i < nIn; ++i) dW[j * nIn + i] = scale * drawn[j * (nIn + 1) + i];
      db[j] = scale * drawn[j * (nIn + 1) + nIn];
    }
    return [dW, db];
  });
}

export const parametersOf = (model: Model): Direction => model.layers.flatMap((l) => [l.W, l.b]);

/** From one model to another. */
export function towards(from: Model, to: Model): Direction {
  const there = parametersOf(to);
  return parametersOf(from).map((part, k) => part.map((one, i) => there[k][i] - one));
}

export function dot(u: Direction, v: Direction): number {
  let sum = 0;
  u.forEach((part, k) => part.forEach((one, i) => (sum += one * v[k][i])));
  return sum;
}

/** v without what it has of u, at its own length. */
export function orthogonal(u: Direction, v: Direction): Direction {
  const share = dot(u, v) / dot(u, u);
  const rest = v.map((part, k) => part.map((one, i) => one - share * u[k][i]));
  const scale = Math.sqrt(dot(v, v) / dot(rest, rest));
  return rest.map((part) => part.map((one) => scale * one));
}

/** The model at a place of the plane. */
export function at(model: Model, u: Direction, v: Direction, x: number, y: number): Model {
  const moved = (part: Float32Array, k: number): Float32Array =>
    part.map((one, i) => one + x * u[k][i] + y * v[k][i]);
  const layers = model.layers.map((l, k) => ({
    ...l,
    W: moved(l.W, 2 * k),
    b: moved(l.b, 2 * k + 1),
  }));
  return { ...model, layers };
}

/** Where another model lies, as far as the plane can show it: [x, y], and how far off the plane it is. */
export function placeOf(
  model: Model,
  u: Direction,
  v: Direction,
  other: Model,
): { x: number; y: number; off: number } {
  const way = towards(model, other);
  const [uu, vv, uv, wu, wv] = [dot(u, u), dot(v, v), dot(u, v), dot(way, u), dot(way, v)];
  const det = uu * vv - uv * uv;
  const [x, y] = [(wu * vv - wv * uv) / det, (wv * uu - wu * uv) / det];
  const rest = way.map((part, k) => part.map((one, i) => one - x * u[k][i] - y * v[k][i]));
  return { x, y, off: Math.sqrt(dot(rest, rest)) };
}

/** Evenly spread numbers from low to high. */
export const spread = (low: number, high: number, n: number): number[] =>
  Array.from({ length: n }, (_, k) => low + ((high - low) * k) / Math.max(1, n - 1));

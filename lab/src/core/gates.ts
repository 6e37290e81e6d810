// Three verdicts: the answer · 拿不准 "4 or 9" · 没见过 "no digit I know". As src/tongtou/honesty; the numbers come with the
// model file. Novelty is looked at first: far from what was learnt, no confidence means anything.
//   D in (input, z1):  c = components (v - mean),  within = sum (c_k / scale_k)^2,  residual = |v - mean|^2 - sum c_k^2
//   outputs: log odds of the two likeliest classes together against all others
//   score = u_(1) - log sum_{j>1} exp(u_(j)), u = z / rank temperature: answered above the threshold of the risk

import type { Model } from "../engine/protocol";
import type { Pass } from "./forward";

export interface Density {
  mean: Float32Array; // (d,)
  components: Float32Array; // (k, d), orthonormal rows
  scale: Float32Array; // (k,)
  within: [number, number];
  residual: [number, number] | null;
}

export interface Gates {
  temperature: number; // of the confidences shown
  rankTemperature: number; // of the scores that thresholds are held against
  input: Density;
  z1: Density;
  pair: number | null;
  curve: { score: Float32Array; answered: Float32Array; wrong: Float32Array }; // score falling
  nHeld: number;
  refused: number; // share of held-out digits that novelty refuses
}

export type Check = "input" | "z1" | "outputs";

export interface Verdict {
  verdict: "answered" | "ambiguous" | "novel";
  answer: number | null;
  likeliest: number;
  next: number;
  probabilities: Float64Array; // calibrated: softmax of z / temperature
  score: number;
  threshold: number | null; // null: the risk cannot be promised, so nothing is answered
  novelty: Record<Check, number>; // how many times each check is exceeded; above 1 is novel
  check: Check; // the worst of them
}

/** What an honest network says; null where the model has no gates. */
export function verdict(model: Model, pass: Pass, risk = 0.01): Verdict | null {
  const { gates } = model;
  if (!gates) return null;
  const last = pass.z[pass.z.length - 1];
  const z = last.length === 1 ? Float64Array.of(0, last[0]) : last;
  const order = Array.from(z, (_, j) => j).sort((i, j) => z[j] - z[i] || i - j);
  const [first, second] = order;
  const u = z.map((one) => one / gates.rankTemperature);
  const others = (from: number): number => logSumExp(order.slice(from).map((j) => u[j]));
  const score = u[first] - others(1);
  const pair = logSumExp([u[first], u[second]]) - others(2);
  const novelty = {
    input: excess(gates.input, pass.a[0]),
    z1: excess(gates.z1, pass.z[1]),
    outputs: gates.pair === null ? 0 : Math.exp(Math.min(gates.pair - pair, 700)),
  };
  const checks: Check[] = ["input", "z1", "outputs"];
  const check = checks.reduce((worst, one) => (novelty[one] > novelty[worst] ? one : worst));
  const limit = threshold(gates, risk);
  const isNovel = novelty[check] > 1;
  const isSure = limit !== null && Math.fround(score) > limit; // limits are float32
  return {
    verdict: isNovel ? "novel" : isSure ? "answered" : "ambiguous",
    answer: !isNovel && isSure ? first : null,
    likeliest: first,
    next: second,
    probabilities: calibrated(z, gates.temperature),
    score,
    threshold: limit,
    novelty,
    check,
  };
}

/** softmax(z / temperature). */
export function calibrated(z: ArrayLike<number>, temperature: number): Float64Array {
  const scaled = Float64Array.from(z, (one) => one / temperature);
  const all = logSumExp(scaled);
  return scaled.map((one) => Math.exp(one - all));
}

function logSumExp(values: ArrayLike<number>): number {
  const all = Array.from(values);
  const top = Math.max(...all);
  if (top === -Infinity) return top;
  return top + Math.log(all.reduce((sum, one) => sum + Math.exp(one - top), 0));
}

/** How many times a distance is beyond its bound. */
export function excess(density: Density, v: ArrayLike<number>): number {
  const { mean, components, scale, within, residual } = density;
  const d = mean.length;
  const apart = new Float64Array(d); // plain loops: ten thousand digits go through here at once
  for (let i = 0; i < d; ++i) apart[i] = v[i] - mean[i];
  let [inside, along, variance] = [0, 0, 0];
  for (let k = 0; k < scale.length; ++k) {
    let c = 0;
    for (let i = 0; i < d; ++i) c += components[k * d + i] * apart[i];
    inside += (c / scale[k]) ** 2;
    along += c * c;
    variance += scale[k] * scale[k];
  }
  const beyond = (distance: number, [low, high]: [number, number]): number =>
    Math.max(distance / Math.max(high, 1e-30), low / Math.max(distance, 1e-30));
  const first = beyond(inside, within);
  if (!residual) return first;
  let whole = 0;
  for (let i = 0; i < d; ++i) whole += apart[i] * apart[i];
  const left = whole - along;
  return Math.max(first, beyond(left < 1e-6 * variance ? 0 : left, residual));
}

const LEVEL = 0.95;
const START_WITH = 2; // wrong ones that the first list may hold
const found = new WeakMap<Gates, Map<number, number | null>>();

/** The score from which on is answered, so that at most `risk` of the answers are wrong, at 95 %; null: none can. */
export function threshold(gates: Gates, risk: number): number | null {
  const known = found.get(gates) ?? new Map<number, number | null>();
  found.set(gates, known);
  if (!known.has(risk)) known.set(risk, thresholdOf(gates, risk));
  return known.get(risk)!;
}

function thresholdOf({ curve }: Gates, risk: number): number | null {
  const start = enough(risk);
  let [limit, before]: [number | null, number] = [null, -1];
  for (let row = 0; row < curve.score.length; ++row) {
    const [n, k] = [curve.answered[row], curve.wrong[row]];
    if (n < start || n === before) continue;
    if (atMost(k, n, risk) > 1 - LEVEL) break;
    limit = curve.score[row];
    before = n;
  }
  return limit;
}

/** The least number of examples of which two wrong ones would pass the test. */
export function enough(risk: number): number {
  let [low, high] = [START_WITH + 1, Math.ceil(10 / risk) + 10];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (atMost(START_WITH, middle, risk) <= 1 - LEVEL) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** P(K <= k) of n, each with probability p. */
export function atMost(k: number, n: number, p: number): number {
  if (k >= n || p <= 0) return 1;
  if (p >= 1) return 0;
  const logs = [n * Math.log1p(-p)];
  const odds = Math.log(p) - Math.log1p(-p);
  for (let j = 1; j <= k; ++j) logs.push(logs[j - 1] + Math.log((n - j + 1) / j) + odds);
  return Math.min(1, Math.exp(logSumExp(logs)));
}

// ---------------------------------------------------------------- in a model file

type Read = (name: string, shape: number[]) => Float32Array;

/** The gates of a description, their tensors read by `read`; null where there are none. */
export function gatesOf(told: unknown, sizes: number[], read: Read): Gates | null {
  if (typeof told !== "object" || told === null) return null;
  const about = told as Record<string, unknown>;
  const density = (name: "input" | "z1", d: number): Density => {
    const one = about[name] as {
      components: number;
      within: [number, number];
      residual: [number, number] | null;
    };
    const k = one.components;
    return {
      mean: read(`gates.${name}.mean`, [d]),
      components: read(`gates.${name}.components`, [k, d]),
      scale: read(`gates.${name}.scale`, [k]),
      within: one.within,
      residual: one.residual,
    };
  };
  const rows = about.rows as number;
  const curve = (name: string): Float32Array => read(`gates.curve.${name}`, [rows]);
  return {
    temperature: about.temperature as number,
    rankTemperature: (about.rank_temperature as number | undefined) ?? 1,
    input: density("input", sizes[0]),
    z1: density("z1", sizes[1]),
    pair: about.pair as number | null,
    curve: { score: curve("score"), answered: curve("answered"), wrong: curve("wrong") },
    nHeld: about.n_held as number,
    refused: about.refused as number,
  };
}

/** The tensors of gates by name, with their shapes. */
export function gateTensors(gates: Gates): [string, Float32Array, number[]][] {
  const of = (name: "input" | "z1"): [string, Float32Array, number[]][] => {
    const { mean, components, scale } = gates[name];
    return [
      [`gates.${name}.mean`, mean, [mean.length]],
      [`gates.${name}.components`, components, [scale.length, mean.length]],
      [`gates.${name}.scale`, scale, [scale.length]],
    ];
  };
  const { curve } = gates;
  return [
    ...of("input"),
    ...of("z1"),
    ...(["score", "answered", "wrong"] as const).map((name): [string, Float32Array, number[]] => [
      `gates.curve.${name}`,
      curve[name],
      [curve[name].length],
    ]),
  ];
}

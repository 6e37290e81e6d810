// Small descents for lessons, each one step at a time: one neuron's S(w), a figure that walks to its target, a curve
// made of added units. Float64, no library, the arithmetic of docs/notation.md.

import { f, slope } from "./forward";
import type { ActivationName } from "../engine/protocol";
import { PAGE, uniform } from "./philox";

// ---------------------------------------------------------------- one neuron, one weight

export interface Sample {
  x: number;
  y: number;
}

/** S(w) = sum over samples of (a - y)², a = f(w x + b). */
export function lossAt(
  w: number,
  b: number,
  samples: Sample[],
  activation: ActivationName = "sigmoid",
): number {
  return samples.reduce((sum, { x, y }) => sum + (f(activation, w * x + b) - y) ** 2, 0);
}

/** S'(w) and S'(b), by the chain rule: 2 (a - y) f'(z) x, and without the x. */
export function slopesAt(
  w: number,
  b: number,
  samples: Sample[],
  activation: ActivationName = "sigmoid",
): { dw: number; db: number } {
  let [dw, db] = [0, 0];
  for (const { x, y } of samples) {
    const z = w * x + b;
    const a = f(activation, z);
    const delta = 2 * (a - y) * slope(activation, z, a);
    dw += delta * x;
    db += delta;
  }
  return { dw, db };
}

export interface DescentStep {
  step: number;
  w: number;
  loss: number;
  slope: number;
}
export type Ending = "gradient" | "loss" | "limit" | "diverged";

/** Δw = -η S'(w) until the gradient is small, the loss flat, or the limit reached. */
export function descend(
  start: number,
  eta: number,
  loss: (w: number) => number,
  gradient: (w: number) => number,
  { limit = 200, smallGradient = 1e-4, flatLoss = 1e-9 } = {},
): { steps: DescentStep[]; ending: Ending } {
  const steps: DescentStep[] = [{ step: 0, w: start, loss: loss(start), slope: gradient(start) }];
  for (let step = 1; step <= limit; ++step) {
    const last = steps[steps.length - 1];
    if (Math.abs(last.slope) < smallGradient) return { steps, ending: "gradient" };
    const w = last.w - eta * last.slope;
    const now = loss(w);
    if (!Number.isFinite(now)) return { steps, ending: "diverged" };
    steps.push({ step, w, loss: now, slope: gradient(w) });
    if (Math.abs(now - last.loss) < flatLoss) return { steps, ending: "loss" };
  }
  return { steps, ending: "limit" };
}

// ---------------------------------------------------------------- a figure walks to its target

export interface Obstacle {
  x: number;
  y: number;
  radius: number;
}
export interface Field {
  target: [number, number];
  obstacles: Obstacle[];
  push: number; // how strongly obstacles push away
}

/** Height of the ground: distance to the target, and a hill on each obstacle.
 *   E = |p - target| + push · sum exp(-|p - o|² / (2 radius²)) */
export function height({ target, obstacles, push }: Field, x: number, y: number): number {
  let sum = Math.hypot(x - target[0], y - target[1]);
  for (const o of obstacles)
    sum += push * o.radius * Math.exp(-((x - o.x) ** 2 + (y - o.y) ** 2) / (2 * o.radius ** 2));
  return sum;
}

export function downhill(
  { target, obstacles, push }: Field,
  x: number,
  y: number,
): [number, number] {
  const [dx, dy] = [x - target[0], y - target[1]];
  const far = Math.hypot(dx, dy) || 1;
  let [gx, gy] = [dx / far, dy / far];
  for (const o of obstacles) {
    const [ox, oy] = [x - o.x, y - o.y];
    const hill = (push / o.radius) * Math.exp(-(ox * ox + oy * oy) / (2 * o.radius ** 2));
    gx -= hill * ox;
    gy -= hill * oy;
  }
  return [-gx, -gy];
}

export interface WalkResult {
  path: [number, number][];
  /** arrived · a local minimum: the slope is 0 and the target is elsewhere · to and fro over it · still under way */
  ending: "arrived" | "stuck" | "jumps" | "limit";
}

export function walkTo(
  field: Field,
  start: [number, number],
  eta: number,
  limit = 400,
): WalkResult {
  const path: [number, number][] = [start];
  const near = Math.max(0.02, eta / 2);
  for (let step = 0; step < limit; ++step) {
    const [x, y] = path[path.length - 1];
    if (Math.hypot(x - field.target[0], y - field.target[1]) <= near)
      return { path, ending: "arrived" };
    const [gx, gy] = downhill(field, x, y);
    if (Math.hypot(gx, gy) < 1e-3) return { path, ending: "stuck" };
    path.push([x + eta * gx, y + eta * gy]);
    if (step > 40) {
      // Within a step's length of where it was long ago: it goes to and fro on one spot.
      const [px, py] = path[path.length - 30];
      const [qx, qy] = path[path.length - 31];
      const [nx, ny] = path[path.length - 1];
      const back = Math.min(Math.hypot(nx - px, ny - py), Math.hypot(nx - qx, ny - qy));
      if (back < eta * 0.05) return { path, ending: eta > 0.2 ? "jumps" : "stuck" };
    }
  }
  return { path, ending: "limit" };
}

// ---------------------------------------------------------------- any curve from added units

/** y = c + sum_k v_k f(w_k x + b_k): one hidden layer, trained by Adam on all samples at once. */
export class CurveFit {
  readonly n: number;
  loss = Infinity;
  steps = 0;
  private readonly theta: Float64Array; // w, b, v of each unit, then c
  private readonly m: Float64Array;
  private readonly v: Float64Array;

  constructor(
    private readonly samples: Sample[],
    nUnits: number,
    private readonly activation: ActivationName = "tanh",
    seed = 0,
  ) {
    this.n = nUnits;
    this.theta = new Float64Array(3 * nUnits + 1);
    this.m = new Float64Array(this.theta.length);
    this.v = new Float64Array(this.theta.length);
    const u = uniform(seed, PAGE + 200, 3 * nUnits + 1);
    const xs = samples.map((s) => s.x);
    const [low, high] = [Math.min(...xs), Math.max(...xs)];
    const steep = (2.5 * Math.max(2, nUnits)) / Math.max(1e-9, high - low);
    for (let k = 0; k < nUnits; ++k) {
      // Bends spread over the range, so that every unit has a place of its own to begin with.
      const at = low + ((k + 0.25 + 0.5 * u[3 * k]) / nUnits) * (high - low);
      const w = (0.5 + u[3 * k + 1]) * steep * (u[3 * k + 2] < 0.5 ? -1 : 1);
      this.theta[3 * k] = w;
      this.theta[3 * k + 1] = -w * at;
      this.theta[3 * k + 2] = 0;
    }
    this.theta[3 * nUnits] = samples.reduce((sum, s) => sum + s.y, 0) / samples.length;
    this.loss = this.gradient(new Float64Array(this.theta.length));
  }

  at(x: number): number {
    let y = this.theta[3 * this.n];
    for (let k = 0; k < this.n; ++k) y += this.unit(k, x);
    return y;
  }

  /** What unit k adds at x. */
  unit(k: number, x: number): number {
    const [w, b, v] = this.theta.subarray(3 * k, 3 * k + 3);
    return v * f(this.activation, w * x + b);
  }

  /** Steps of Adam over all samples; returns the mean squared error after them. */
  train(steps: number, eta = 0.03): number {
    const g = new Float64Array(this.theta.length);
    for (let s = 0; s < steps; ++s) {
      this.gradient(g);
      const t = ++this.steps;
      const [c1, c2] = [1 - 0.9 ** t, 1 - 0.999 ** t];
      for (let i = 0; i < g.length; ++i) {
        this.m[i] = 0.9 * this.m[i] + 0.1 * g[i];
        this.v[i] = 0.999 * this.v[i] + 0.001 * g[i] * g[i];
        this.theta[i] -= ((eta / c1) * this.m[i]) / (Math.sqrt(this.v[i] / c2) + 1e-8);
      }
    }
    return (this.loss = this.gradient(g));
  }

  private gradient(g: Float64Array): number {
    g.fill(0);
    let total = 0;
    const N = this.samples.length;
    for (const { x, y } of this.samples) {
      const apart = this.at(x) - y;
      total += (apart * apart) / N;
      const delta = (2 * apart) / N;
      for (let k = 0; k < this.n; ++k) {
        const [w, b, v] = this.theta.subarray(3 * k, 3 * k + 3);
        const z = w * x + b;
        const a = f(this.activation, z);
        const through = delta * v * slope(this.activation, z, a);
        g[3 * k] += through * x;
        g[3 * k + 1] += through;
        g[3 * k + 2] += delta * a;
      }
      g[3 * this.n] += delta;
    }
    return total;
  }
}

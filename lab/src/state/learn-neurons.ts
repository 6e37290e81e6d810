// Which hidden neurons no gradient comes through. As tongtou.explanation.health: at rest where |f'(z)| < 0.04 max |f'|;
// dead: at rest for every example and max a − min a ≤ 0.02; saturated: sigmoid or tanh at rest for 95 % of them, not dead.
import { forward, slope } from "../core/forward";
import type { ActivationName, Model } from "../engine/protocol";

export interface NeuronState {
  layer: number; // 1 … L − 1
  j: number;
  n: number; // examples looked at
  low: number; // of the activation
  high: number;
  mean: number;
  /** The share of the examples for which a gradient comes through. */
  awake: number;
  dead: boolean;
  saturated: boolean;
}

const AT_REST = 0.04;
const SAME = 0.02;
const NEARLY_ALWAYS = 0.95;
const STEEPEST: Partial<Record<ActivationName, number>> = { sigmoid: 0.25 };

/** Hidden neurons over n × 784 pixels. */
export function neuronStates(model: Model, pixels: Uint8Array): NeuronState[][] {
  const nIn = model.layers[0].nIn;
  const n = pixels.length / nIn;
  const states = model.layers.slice(0, -1).map(({ nOut }, k) =>
    Array.from({ length: nOut }, (_, j): NeuronState => ({
      layer: k + 1,
      j,
      n,
      low: Infinity,
      high: -Infinity,
      mean: 0,
      awake: 0,
      dead: false,
      saturated: false,
    })),
  );
  for (let e = 0; e < n; e++) {
    const pass = forward(model, pixels.subarray(e * nIn, (e + 1) * nIn));
    states.forEach((layer, k) => {
      const { activation, parameter } = model.layers[k];
      const least = AT_REST * (STEEPEST[activation] ?? 1);
      for (const one of layer) {
        const [z, a] = [pass.z[k + 1][one.j], pass.a[k + 1][one.j]];
        one.low = Math.min(one.low, a);
        one.high = Math.max(one.high, a);
        one.mean += a / n;
        if (Math.abs(slope(activation, z, a, parameter)) >= least) one.awake += 1 / n;
      }
    });
  }
  states.forEach((layer, k) => {
    const { activation } = model.layers[k];
    const bends = activation === "sigmoid" || activation === "tanh";
    for (const one of layer) {
      one.dead = one.awake === 0 && one.high - one.low <= SAME;
      one.saturated = bends && !one.dead && 1 - one.awake >= NEARLY_ALWAYS;
    }
  });
  return states;
}

/** Root mean square. */
export function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum / values.length);
}

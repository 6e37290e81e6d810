// Plain findings about a run that is under way, each with what would help. Thresholds as docs/explain.md, "Health".
import { USUAL_RATE } from "../core/settings";
import type { Change, LossName, Settings } from "../engine/protocol";
import type { NeuronState } from "./learn-neurons";

export type HintCode = "diverged" | "lost" | "rateTooLarge" | "rateTooSmall" | "dead" | "saturated";

export interface Hint {
  code: HintCode;
  values: Record<string, number>;
  /** A change that holds from here on … */
  change: Change | null;
  /** … or settings for a new start. */
  anew: Partial<Settings> | null;
}

export interface Seen {
  settings: Settings;
  step: number;
  diverged: boolean;
  loss: number; // lately, mean of an example; NaN: not known
  /** the least it ever was lately, and after how many steps */
  best: number;
  bestStep: number;
  /** of the batches tried lately, how many a plain step made worse */
  worse: number;
  tried: number;
  /** size of a step over size of the weights, largest of the layers; NaN: not known */
  updateRatio: number;
  neurons: NeuronState[][];
}

const FEW = 0.2; // dead: a warning from a fifth of a hidden layer on
const QUARTER = 0.25;
const SMALL_STEP = 1e-3;
const MUCH = 1.5;

/** The mean loss of the best answer that never looks: ten classes equally frequent. */
export function constantLoss(loss: LossName): number {
  switch (loss) {
    case "cross_entropy":
      return Math.log(10);
    case "binary_cross_entropy":
      return -(Math.log(0.1) + 9 * Math.log(0.9));
    case "mse":
      return 0.09;
    case "half_sse":
      return 0.45;
    default:
      return 0.9;
  }
}

/** The most pressing finding first. */
export function hints(seen: Seen): Hint[] {
  const { settings, neurons } = seen;
  const rate = settings.learningRate;
  const found: Hint[] = [];
  const usual = USUAL_RATE[settings.optimizer];
  const to = (times: number): number => Number((rate * times).toPrecision(3));
  const anew = Math.min(to(0.1), usual);
  if (seen.diverged) {
    const better = to(0.1);
    return [
      {
        code: "diverged",
        values: { rate, better },
        change: { learningRate: better },
        anew: null,
      },
    ];
  }
  const unexplained = seen.loss / constantLoss(settings.loss);
  if (seen.tried >= 8 && seen.worse / seen.tried >= QUARTER && unexplained >= 0.05)
    found.push({
      code: "rateTooLarge",
      values: { worse: seen.worse, tried: seen.tried, rate, better: to(0.1) },
      change: { learningRate: to(0.1) },
      anew: null,
    });
  if (seen.step > seen.bestStep && seen.loss > MUCH * seen.best && unexplained >= 0.5)
    found.unshift({
      code: "lost",
      values: { loss: seen.loss, best: seen.best, step: seen.bestStep, rate, better: to(0.1) },
      change: { learningRate: to(0.1) },
      anew: null,
    });
  for (const layer of neurons) {
    const n = layer.length;
    const dead = layer.filter((one) => one.dead).length;
    const saturated = layer.filter((one) => one.saturated).length;
    const at = layer[0]?.layer ?? 1;
    if (dead / n >= FEW)
      found.push({
        code: "dead",
        values: { n: dead, of: n, layer: at, better: anew },
        change: null,
        anew: { learningRate: anew },
      });
    if (saturated / n >= QUARTER)
      found.push({
        code: "saturated",
        values: { n: saturated, of: n, layer: at, better: to(0.3) },
        change: { learningRate: to(0.3), l2: Math.max(settings.l2, 1e-4) },
        anew: null,
      });
  }
  // A network that is worn out learns slowly too; there a larger rate would not help.
  if (
    !found.length &&
    rate < usual &&
    seen.step >= 300 &&
    seen.updateRatio < SMALL_STEP &&
    unexplained >= 0.6
  )
    found.push({
      code: "rateTooSmall",
      values: { ratio: seen.updateRatio, rate, better: Math.min(to(10), usual) },
      change: { learningRate: Math.min(to(10), usual) },
      anew: null,
    });
  return found;
}

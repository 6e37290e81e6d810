// Optimisers and regularisation as the kernel takes them. As src/tongtou/optimizers/*.py, whose defaults these are.

import { BEST_AUGMENTATION } from "../../core/settings";
import type { Settings } from "../protocol";
import type { Kernel } from "./kernel";

const NESTEROV = 1;
const BETA1 = 0.9;
const BETA2 = 0.999;
const RHO = 0.99;
const EPSILON = 1e-8;
const WEIGHT_DECAY = 0.01;

/** 0 plain, 1 momentum, 3 rmsprop, 4 adam: what is remembered is the same within a kind. */
export function kindOf({ optimizer, momentum }: Settings): 0 | 1 | 3 | 4 {
  if (optimizer === "momentum" || optimizer === "nesterov") return momentum ? 1 : 0;
  return optimizer === "sgd" ? 0 : optimizer === "rmsprop" ? 3 : 4;
}

/** The address of the rule, 0 for plain gradient descent. */
export function ruleOf(kernel: Kernel, settings: Settings): number {
  const { optimizer, momentum, l1, l2 } = settings;
  const kind = kindOf(settings);
  if (!kind && !l1 && !l2) return 0;
  const flags = kind === 1 && optimizer === "nesterov" ? NESTEROV : 0;
  const beta1 = kind === 1 ? momentum : kind === 4 ? BETA1 : 0;
  const beta2 = kind === 4 ? BETA2 : kind === 3 ? RHO : 0;
  const epsilon = kind >= 3 ? EPSILON : 0;
  return kernel.x.rule(kind, flags, beta1, beta2, epsilon, 0, 0, 0, l1, l2);
}

/** The address of what is done to examples, 0 for nothing. */
export function disturbanceOf(kernel: Kernel, settings: Settings): number {
  const { dropout, augmentation, sizes } = settings;
  if (!dropout && !augmentation) return 0;
  const nHidden = sizes.length - 2;
  const share = Math.round(65536 * dropout);
  const drop = kernel.put(Uint32Array.from([0, ...Array<number>(nHidden).fill(share)]));
  const { shift, rotation, scale, shear } = BEST_AUGMENTATION;
  const angle = (degrees: number): number => degrees * augmentation * (Math.PI / 180);
  const side = augmentation ? 28 : 0;
  return kernel.x.disturbance(
    drop,
    nHidden + 1,
    0,
    0,
    0,
    shift * augmentation,
    angle(rotation),
    scale * augmentation,
    angle(shear),
    side,
    side,
    side ? 1 : 0,
  );
}

/** x^n by squaring: exact operations only, so every browser finds the same bits, which Math.pow does not promise. */
export function power(x: number, n: number): number {
  let result = 1;
  for (let square = x; n > 0; n = Math.floor(n / 2), square *= square)
    if (n % 2 === 1) result *= square;
  return result;
}

/** Learning rate, 1 - beta1^t, 1 - beta2^t and decay of n steps; t counts from 1 at the optimiser's start. */
export function ratesOf(settings: Settings, sinceStart: number, n: number): Float64Array {
  const { learningRate: eta, optimizer } = settings;
  const rates = new Float64Array(4 * n);
  const isAdam = kindOf(settings) === 4;
  const keep = optimizer === "adamw" ? 1 - eta * WEIGHT_DECAY : 1;
  for (let k = 0; k < n; ++k) {
    const t = sinceStart + k + 1;
    rates[4 * k] = eta;
    rates[4 * k + 1] = isAdam ? 1 - power(BETA1, t) : 1;
    rates[4 * k + 2] = isAdam ? 1 - power(BETA2, t) : 1;
    rates[4 * k + 3] = keep;
  }
  return rates;
}

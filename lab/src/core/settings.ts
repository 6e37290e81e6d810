// Settings to begin with, and what the others mean to the kernel.

import type { Settings } from "../engine/protocol";

/** The network as taught: sigmoid throughout, squared error, plain steps. The recipe `lesson`. */
export const LESSON: Settings = {
  sizes: [784, 16, 16, 10],
  activation: "sigmoid",
  output: "sigmoid",
  loss: "sse",
  initializer: "auto",
  seed: 0,
  optimizer: "sgd",
  learningRate: 1.5,
  momentum: 0.9,
  batchSize: 32,
  l1: 0,
  l2: 0,
  dropout: 0,
  augmentation: 0,
  nExamples: 60000,
};

/** The same network with one switch turned: ReLU, softmax, cross-entropy. */
export const MODERN: Settings = {
  ...LESSON,
  activation: "relu",
  output: "softmax",
  loss: "cross_entropy",
  optimizer: "adam",
  learningRate: 0.002,
};

/** What augmentation 1 does, as the recipe `best`: pixels, degrees, part of 1, degrees. */
export const BEST_AUGMENTATION = { shift: 2, rotation: 12, scale: 0.12, shear: 10 };

/** A learning rate to begin with when another optimiser is chosen. */
export const USUAL_RATE: Record<Settings["optimizer"], number> = {
  sgd: 1.5,
  momentum: 0.3,
  nesterov: 0.3,
  rmsprop: 0.001,
  adam: 0.002,
  adamw: 0.002,
};

const KNOWN =
  "step linear sigmoid tanh relu leaky_relu gelu softmax exp sse mse cross_entropy half_sse huber poisson binary_cross_entropy lesson auto glorot he lecun zeros".split(
    " ",
  );

/** Why settings cannot be used, or null. */
export function refused(settings: Settings): string | null {
  const { sizes, batchSize, nExamples, learningRate, momentum, dropout, augmentation } = settings;
  const whole = (n: number, least: number, most: number): boolean =>
    Number.isInteger(n) && n >= least && n <= most;
  const names = [settings.activation, settings.output, settings.loss, settings.initializer];
  if (!(settings.optimizer in USUAL_RATE) || !names.every((name) => KNOWN.includes(name)))
    return "names that are known";
  if (sizes.length < 2 || sizes.length > 12) return "1 to 11 layers";
  if (sizes[0] !== 784 || sizes[sizes.length - 1] !== 10) return "784 inputs and 10 outputs";
  if (!sizes.slice(1).every((n) => whole(n, 1, 1024))) return "1 to 1024 neurons a layer";
  if (settings.loss === "cross_entropy" && settings.output !== "softmax")
    return "cross_entropy goes with softmax";
  if (settings.output === "softmax" && settings.loss === "binary_cross_entropy")
    return "softmax goes with cross_entropy, sse or mse";
  if (settings.activation === "softmax") return "a hidden layer without softmax";
  if (!(learningRate > 0 && learningRate <= 1000)) return "a learning rate above 0, at most 1000";
  if (!(momentum >= 0 && momentum < 1)) return "a momentum from 0 to below 1";
  if (!whole(batchSize, 1, 60000)) return "a batch size of 1 to 60000";
  if (!whole(nExamples, 1, 60000)) return "1 to 60000 examples";
  if (!(settings.l1 >= 0 && settings.l1 <= 1 && settings.l2 >= 0 && settings.l2 <= 1))
    return "l1 and l2 from 0 to 1";
  if (!(dropout >= 0 && dropout <= 0.95)) return "a dropout share from 0 to 0.95";
  if (!(augmentation >= 0 && augmentation <= 1)) return "augmentation from 0 to 1";
  if (!Number.isSafeInteger(settings.seed) || settings.seed < 0) return "a seed 0 … 2^53 - 1";
  return null;
}

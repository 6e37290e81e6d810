// What may be changed while a run goes on, how far, and in which words.
import { num } from "./words";
import type { Change, OptimizerName } from "../../engine/protocol";
import { t, type Key } from "../../i18n/index.svelte";
import type { ChangedPart } from "../../state/learn-timeline";

export const OPTIMIZERS: OptimizerName[] = [
  "sgd",
  "momentum",
  "nesterov",
  "rmsprop",
  "adam",
  "adamw",
];
export const RATES = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1,
  1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100,
];
export const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 60000];
export const AMOUNTS = [10, 30, 100, 300, 1000, 2000, 5000, 10000, 20000, 60000];
export const MOMENTA = [0, 0.5, 0.8, 0.9, 0.95, 0.99];
export const PENALTIES = [0, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
export const DROPOUTS = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
export const AUGMENTATIONS = [0, 0.25, 0.5, 0.75, 1];

export type Dial = Exclude<keyof Change, "optimizer">;
export const DIALS: { name: Dial; stops: readonly number[] }[] = [
  { name: "learningRate", stops: RATES },
  { name: "batchSize", stops: BATCHES },
  { name: "momentum", stops: MOMENTA },
  { name: "l1", stops: PENALTIES },
  { name: "l2", stops: PENALTIES },
  { name: "dropout", stops: DROPOUTS },
  { name: "augmentation", stops: AUGMENTATIONS },
  { name: "nExamples", stops: AMOUNTS },
];

/** The stop a value stands at, or the nearest. */
export function stopOf(stops: readonly number[], value: number): number {
  let best = 0;
  stops.forEach((stop, k) => {
    if (Math.abs(stop - value) < Math.abs(stops[best] - value)) best = k;
  });
  return best;
}

export const nameOf = (name: keyof Change): string => t(`learn.set.${name}` as Key);

export function valueSaid(name: keyof Change, value: number | string): string {
  if (typeof value === "string") return t(`learn.optimizer.${value}` as Key);
  if (name === "batchSize" || name === "nExamples") return value.toLocaleString("en");
  if (name === "dropout" || name === "augmentation") return `${Math.round(100 * value)} %`;
  return num(value);
}

export const changeSaid = ({ name, from, to }: ChangedPart): string =>
  t("learn.set.changed", {
    name: nameOf(name),
    from: valueSaid(name, from),
    to: valueSaid(name, to),
  });

// What the page and the worker say to each other. Every request has one answer; events come unasked.
// Numbers: pixels are uint8 (784,), 0 black … 255 white ink; W is (n_out, n_in) row by row; float32 as in the kernel.
// Layers are numbered as in docs/notation.md: layer 0 is the input, layers 1 … L have parameters.

import type { Gates } from "../core/gates";
import type { Rule, RuleResult } from "../core/rules";

export type ActivationName =
  "step" | "linear" | "sigmoid" | "tanh" | "relu" | "leaky_relu" | "gelu" | "softmax" | "exp";
export type LossName =
  "sse" | "mse" | "cross_entropy" | "half_sse" | "huber" | "poisson" | "binary_cross_entropy";
export type OptimizerName = "sgd" | "momentum" | "nesterov" | "rmsprop" | "adam" | "adamw";
export type InitializerName = "lesson" | "auto" | "glorot" | "he" | "lecun" | "zeros";

export interface Layer {
  nIn: number;
  nOut: number;
  activation: ActivationName;
  /** The slope of leaky_relu; 0 for every other. */
  parameter: number;
  W: Float32Array;
  b: Float32Array;
}

/** A network as plain numbers. A model file is read into this by core/safetensors.ts, on either side. */
export interface Model {
  layers: Layer[];
  loss: LossName;
  lossParameter: number;
  classes: string[];
  /** The gates of honesty when the file has them; see core/gates.ts. */
  gates: Gates | null;
  /** The description of the file it came from, JSON as it stood there; "" for a network made here. */
  description: string;
  /** Of what it answers, at most this share may be wrong: what the page asks of its gates. */
  risk?: number;
}

/** Everything about a run that the visitor may change. While it runs: all below `seed`. */
export interface Settings {
  sizes: number[];
  activation: ActivationName;
  output: ActivationName;
  loss: LossName;
  initializer: InitializerName;
  seed: number; // 0 … 2^53 - 1
  optimizer: OptimizerName;
  learningRate: number;
  momentum: number; // of momentum and nesterov; the others do not use it
  batchSize: number;
  l1: number;
  l2: number;
  dropout: number; // the share of each hidden layer that is left out, 0 … below 1
  augmentation: number; // 0 none … 1 as the recipe best
  nExamples: number; // the first n of the training digits
}

/** What may change while a run goes on. */
export type Change = Partial<
  Omit<Settings, "sizes" | "activation" | "output" | "loss" | "initializer" | "seed">
>;

export interface RecordedChange {
  step: number; // it holds from this step on
  change: Change;
}

export type RunName = "main" | "twin";
export type SetName = "train" | "test";

/** Images a frame, or everything the machine can do. */
export type Pace = number | "full";

/** One frame of training, at most one a screen refresh. */
export interface Progress {
  run: RunName;
  step: number; // made so far: the parameters are those before step number `step`
  end: number; // the furthest step this run has reached
  epoch: number; // a fraction
  examplesSeen: number;
  loss: number; // mean over the examples since the last frame; NaN when there were none
  accuracy: number;
  examplesPerSecond: number;
  parameters: Float32Array[]; // W, b, W, b, …
  example: number | null; // the training digit shown at a pace of single images
  withinBatch: number; // how many examples of the step under way have been shown
  running: boolean;
  diverged: boolean; // the loss of the next step is not finite: a smaller learning rate helps
}

export interface Loading {
  set: SetName;
  loaded: number; // digits there now
  total: number;
  bytes: number;
  allBytes: number; // 0 where unknown
}

/** What to look at: a network, or a run as it stands. */
export type Subject = Model | RunName;

export interface Parameter {
  layer: number; // 1 … L
  j: number;
  i: number | null; // null: the bias
  value: number;
}

export interface EvaluationOptions {
  first?: number; // default 0
  n?: number; // default all that are loaded
  shift?: [number, number]; // pixels down, pixels right; what leaves is lost
  zeroed?: [number, number][]; // hidden neurons [layer, j] whose activation counts as 0
  changed?: Parameter[];
}

export interface Evaluation {
  n: number;
  accuracy: number;
  loss: number;
  perClass: number[]; // accuracy of the digits of each class; NaN where there are none
  confusion: number[][]; // [true][answered]
  answers: Uint8Array;
  confidences: Float32Array; // the largest output
  outputs: Float32Array; // (n, n_out)
  labels: Uint8Array;
}

export interface StrokeFound {
  pixels: Uint8Array; // after the stroke
  from: [number, number]; // row, column; (0, 0) is the middle of the first pixel
  to: [number, number];
  erases: boolean;
  width: number; // of the pen, in pixels
  l2: number; // in units of black 0 … white 1
  answer: number;
  outputs: Float32Array;
  nTurning: number;
  nTried: number;
}

/** Loss and accuracy of a run from its start, in bins of equally many steps. */
export interface Curve {
  stepsPerPoint: number;
  loss: Float64Array; // mean of an example
  accuracy: Float64Array;
  changes: RecordedChange[];
}

/** A run as a file holds it: settings, seed and changes say everything, the rest is found again. */
export interface RunFile {
  format: 1;
  settings: Settings;
  changes: RecordedChange[];
  step: number;
  end: number;
}

export interface RunState {
  run: RunName;
  step: number;
  end: number;
  settings: Settings; // as they hold at this step
  changes: RecordedChange[];
  model: Model;
}

/** The batch a step is about to learn from, as the network will see it. */
export interface Batch {
  rows: Uint32Array; // training digits
  labels: Uint8Array;
  pixels: Uint8Array; // (n, 784)
}

/** Requests: name → [what is sent, what is answered]. */
export interface Requests {
  open: [{ base: string; kernel?: string }, { train: number; test: number; fingerprint: string }];
  load: [{ set: SetName; n?: number }, { loaded: number; total: number }];
  /** Brings all digits into the browser's cache, without unpacking them: how many files it holds then. */
  keep: [Record<string, never>, { files: number }];
  digit: [{ set: SetName; index: number }, { pixels: Uint8Array; label: number }];
  digits: [{ set: SetName; indices: number[] }, { pixels: Uint8Array; labels: Uint8Array }];
  labels: [{ set: SetName }, { labels: Uint8Array }];
  evaluate: [{ subject: Subject; set: SetName; options?: EvaluationOptions }, Evaluation];
  outputs: [{ subject: Subject; pixels: Uint8Array }, { outputs: Float32Array; z: Float32Array }];
  gradient: [
    { subject: Subject; set: SetName; rows: number[] },
    { loss: number; gradient: Float32Array[] },
  ];
  stroke: [{ model: Model; pixels: Uint8Array; to: number | null }, StrokeFound | null];
  /** The mean loss over the first n digits at every place (x, y) of a plane; row y, column x. */
  surface: [
    {
      model: Model;
      u: Float32Array[];
      v: Float32Array[];
      xs: number[];
      ys: number[];
      set: SetName;
      n: number;
    },
    { losses: Float32Array },
  ];
  /** How rules (core/rules.ts) do on the first n digits of a set. */
  rules: [{ rules: Rule[]; set: SetName; n: number }, RuleResult];
  start: [{ run: RunName; settings: Settings; model?: Model }, RunState];
  twin: [{ change: Change }, RunState];
  drop: [{ run: RunName }, null];
  run: [{ run: RunName; pace: Pace }, null];
  pause: [{ run: RunName }, RunState];
  advance: [{ run: RunName; by: "example" | "batch" | "epoch" | number }, RunState];
  change: [{ run: RunName; change: Change }, RunState];
  seek: [{ run: RunName; step: number }, RunState];
  state: [{ run: RunName }, RunState];
  curve: [{ run: RunName }, Curve];
  batch: [{ run: RunName }, Batch];
  save: [{ run: RunName }, { model: Uint8Array; file: RunFile }];
  restore: [{ run: RunName; file: RunFile }, RunState];
}

export type RequestName = keyof Requests;
export type RequestOf<K extends RequestName> = Requests[K][0];
export type AnswerOf<K extends RequestName> = Requests[K][1];

/** Page → worker. */
export type ToWorker =
  | { [K in RequestName]: { id: number; name: K; data: RequestOf<K> } }[RequestName]
  | { seen: RunName }; // the page has shown the last progress and can take another

/** Worker → page. */
export type FromWorker =
  | { id: number; answer: unknown }
  | { id: number; error: EngineFault }
  | { progress: Progress }
  | { loading: Loading };

/** A code that the catalogues have words for, and the details for a developer's eye. */
export interface EngineFault {
  code: "offline" | "data" | "memory" | "settings" | "model" | "range" | "none" | "internal";
  detail: string;
}

// One run as the page sees it: where it stands, what it learnt, what was measured.
import { withParameters } from "../core/forward";
import { initialModel } from "../core/initial";
import { LESSON } from "../core/settings";
import type {
  Curve,
  Evaluation,
  Model,
  Progress,
  RecordedChange,
  RunName,
  RunState,
  Settings,
} from "../engine/protocol";
import { lab } from "./lab.svelte";
import { timeline, windows } from "./learn-timeline";

const NOTHING: Curve = {
  stepsPerPoint: 1,
  loss: new Float64Array(0),
  accuracy: new Float64Array(0),
  changes: [],
};

/** Accuracy and loss on 10,000 digits that are never learnt from. */
export interface Measured {
  step: number;
  accuracy: number;
  loss: number;
}

export class Side {
  readonly name: RunName;
  /** What it began with. */
  start = $state.raw<Settings>(LESSON);
  /** What holds at this step. */
  settings = $state.raw<Settings>(LESSON);
  changes = $state.raw<RecordedChange[]>([]);
  model = $state.raw<Model>(initialModel(LESSON));
  /** The network before its first step. */
  origin = $state.raw<Model>(initialModel(LESSON));
  step = $state(0);
  end = $state(0);
  diverged = $state(false);
  withinBatch = $state(0);
  speed = $state(0);
  curve = $state.raw<Curve>(NOTHING);
  measured = $state.raw<Measured[]>([]);
  evaluation = $state.raw<Evaluation | null>(null);

  time = $derived(timeline(this.start, this.changes));
  images = $derived(this.time.imagesAt(this.step));
  windows = $derived(windows(this.curve, this.time));
  /** What was measured last at or before this step. */
  now = $derived.by(() => {
    let found: Measured | null = null;
    for (const one of this.measured) if (one.step <= this.step) found = one;
    return found;
  });

  #lastMeasured = -1;
  #measuring = false;
  #speeds: number[] = [];

  constructor(name: RunName) {
    this.name = name;
  }

  begin(state: RunState): void {
    this.start = state.settings;
    this.origin = state.model;
    this.take(state);
    this.curve = NOTHING;
    this.measured = [];
    this.evaluation = null;
    this.diverged = false;
    this.#lastMeasured = -1;
    this.#speeds = [];
    this.speed = 0;
  }

  take(state: RunState): void {
    this.step = state.step;
    this.end = state.end;
    this.settings = state.settings;
    this.changes = state.changes;
    this.model = state.model;
    this.#forget();
  }

  progress(p: Progress): void {
    // While a batch fills nothing has been learnt: the picture need not be painted again.
    if (p.step !== this.step) this.model = withParameters(this.model, p.parameters);
    this.step = p.step;
    this.end = p.end;
    this.diverged = p.diverged;
    this.withinBatch = p.withinBatch;
    if (p.running && p.examplesPerSecond > 0) {
      this.#speeds.push(p.examplesPerSecond);
      if (this.#speeds.length > 30) this.#speeds.shift();
      this.speed = this.#speeds.reduce((sum, one) => sum + one, 0) / this.#speeds.length;
    }
  }

  restartSpeed(): void {
    this.#speeds = [];
    this.speed = 0;
  }

  /** What was measured behind the end belongs to a future that was replaced. */
  #forget(): void {
    if (this.measured.some((one) => one.step > this.end))
      this.measured = this.measured.filter((one) => one.step <= this.end);
  }

  async refreshCurve(): Promise<void> {
    const curve = await lab.engine.curve(this.name);
    this.curve = curve;
    this.changes = curve.changes;
  }

  /** How it does on the digits it never learns from, at this very step. */
  async measure(): Promise<void> {
    if (this.#measuring || this.#lastMeasured === this.step) return;
    this.#measuring = true;
    const { step, model } = this;
    try {
      const found = await lab.engine.evaluate(model, "test");
      this.#lastMeasured = step;
      if (this.end < step) return;
      this.evaluation = found;
      const others = this.measured.filter((one) => one.step !== step);
      others.push({ step, accuracy: found.accuracy, loss: found.loss });
      this.measured = others.sort((a, b) => a.step - b.step);
    } finally {
      this.#measuring = false;
    }
  }
}

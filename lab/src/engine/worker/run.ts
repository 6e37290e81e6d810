// A training run that can be stopped, changed, and taken to any step again, bit for bit.
//
// What is to come depends only on the state: parameters, what the optimiser remembers, and the counters. Snapshots of it
// are kept now and then; to reach a step the nearest one before is restored and the steps between are made again, with
// the recorded changes at their places. A change of the batch size or of the amount of data begins a new stretch: epochs
// are counted anew from there, with another shuffle.

import { initialModel } from "../../core/initial";
import { keyOf, SHUFFLE } from "../../core/philox";
import { refused } from "../../core/settings";
import type { Change, Model, RecordedChange, Settings } from "../protocol";
import { CurveBins } from "./curve";
import { fromRows, type Kernel, type Spec, toRows } from "./kernel";
import { disturbanceOf, kindOf, ratesOf, ruleOf } from "./rule";

const MOST_STEPS = 1024; // of one call
const TAPE_BYTES = 48e6;

/** Where a stretch of one batch size and one amount of data began. */
interface Stretch {
  step: number;
  epochs: number; // begun before it
  examples: number; // seen before it
  epochPart: number; // epochs before it, as a fraction for the eye
}

interface State {
  step: number;
  settings: Settings;
  stretch: Stretch;
  optimizerStep: number; // where the optimiser's memory began
  nChanges: number; // of the recorded changes, how many hold
  parameters: Float32Array; // the kernel's rows
  slots: Float32Array[];
}

/** Sums over the steps of an advance. */
export interface Tally {
  steps: number;
  examples: number;
  loss: number;
  hits: number;
}

export class SettingsError extends Error {}

export class Run {
  readonly changes: RecordedChange[] = [];
  readonly start: Settings;
  readonly first: Model | null; // what it began with, where that was no random start
  end = 0;
  diverged = false;
  curve = new CurveBins();
  private readonly tape: State[] = [];
  private interval = 64;
  private state: State;
  // In the kernel's memory, only between settle() and lift():
  private spec!: Spec;
  private parameters = 0;
  private address = 0;
  private room = 0;
  private settled = false;

  constructor(
    private readonly kernel: Kernel,
    private readonly data: () => number, // the training digits' address
    settings: Settings,
    first: Model | null = null,
  ) {
    check(settings);
    this.start = { ...settings, sizes: [...settings.sizes] };
    this.first = first;
    const model = first ?? initialModel(settings);
    const spec = kernel.within(() => kernel.spec(model.layers, model.loss, model.lossParameter));
    this.state = {
      step: 0,
      settings: this.start,
      stretch: { step: 0, epochs: 0, examples: 0, epochPart: 0 },
      optimizerStep: 0,
      nChanges: 0,
      parameters: toRows(spec, model),
      slots: [],
    };
  }

  get step(): number {
    return this.state.step;
  }
  get settings(): Settings {
    return this.state.settings;
  }
  private get stepsPerEpoch(): number {
    const { nExamples, batchSize } = this.settings;
    return Math.ceil(nExamples / Math.min(batchSize, nExamples));
  }
  get epoch(): number {
    const { stretch, step } = this.state;
    return stretch.epochPart + (step - stretch.step) / this.stepsPerEpoch;
  }
  get examplesSeen(): number {
    const { stretch, step, settings } = this.state;
    const [whole, part] = divmod(step - stretch.step, this.stepsPerEpoch);
    return (
      stretch.examples +
      whole * settings.nExamples +
      Math.min(part * settings.batchSize, settings.nExamples)
    );
  }
  /** Steps to the end of the epoch under way; never 0. */
  get toEpochEnd(): number {
    const { stretch, step } = this.state;
    return this.stepsPerEpoch - ((step - stretch.step) % this.stepsPerEpoch);
  }

  // ---------------------------------------------------------------- in and out of the kernel's memory

  /** Takes its place in the kernel's memory; what was taken after the digits is released by the owner first. */
  settle(): void {
    const { settings, stretch, slots } = this.state;
    const model = this.first ?? initialForm(settings);
    const k = this.kernel;
    this.spec = k.spec(model.layers, model.loss, model.lossParameter);
    this.parameters = k.put(this.state.parameters);
    const rule = ruleOf(k, settings);
    const disturbance = disturbanceOf(k, settings);
    const [low, high] = keyOf(settings.seed);
    const { nExamples, batchSize } = settings;
    this.address = k.x.run(
      this.spec.address,
      this.data(),
      this.parameters,
      0,
      nExamples,
      batchSize,
      low,
      high,
      1,
      rule,
      disturbance,
    );
    if (!this.address) throw new Error("no room for a run");
    k.x.offsets(this.address, stretch.epochs, stretch.step);
    slots.forEach((values, i) => this.slot(i)?.set(values));
    this.room = k.take(MOST_STEPS * (4 * 8 + 4 * 8 + 4));
    this.settled = true;
    if (!this.tape.length) this.keep();
  }

  /** Copies everything out, before the memory is released. */
  lift(): void {
    if (!this.settled) return;
    this.state.parameters = this.rows().slice();
    this.state.slots = this.slots();
    this.settled = false;
  }

  private rows(): Float32Array {
    if (!this.settled) return this.state.parameters;
    return this.kernel.floats(this.parameters, this.spec.nNumbers);
  }
  private slot(which: number): Float32Array | null {
    const at = this.kernel.x.slot(this.address, which) >>> 0;
    return at ? this.kernel.floats(at, this.spec.nNumbers) : null;
  }
  private slots(): Float32Array[] {
    return [0, 1].flatMap((which) => this.slot(which)?.slice() ?? []);
  }

  /** W, b, W, b, … as they are now, copies. */
  copyParameters(): Float32Array[] {
    return fromRows(this.spec, this.rows());
  }
  /** What evaluate takes. */
  inKernel(): { spec: Spec; parameters: number } {
    return { spec: this.spec, parameters: this.parameters };
  }
  model(): Model {
    const form = this.first ?? initialForm(this.settings);
    const parameters = this.copyParameters();
    const layers = form.layers.map((l, k) => ({
      ...l,
      W: parameters[2 * k],
      b: parameters[2 * k + 1],
    }));
    return { ...form, layers, gates: null, description: "" };
  }

  // ---------------------------------------------------------------- steps

  /** Makes n steps, fewer when the loss is not finite any more. `rebuild`: the owner settles all runs anew. */
  advance(n: number, rebuild: () => void): Tally {
    const tally: Tally = { steps: 0, examples: 0, loss: 0, hits: 0 };
    this.applyRecorded(rebuild);
    while (tally.steps < n && !this.diverged) {
      const { step, nChanges } = this.state;
      const change = this.changes[nChanges];
      const toSnapshot = this.interval - (step % this.interval);
      const toChange = change ? change.step - step : Infinity;
      const slice = Math.min(n - tally.steps, MOST_STEPS, toSnapshot, toChange);
      this.slice(slice, tally);
      if (this.diverged) break;
      this.applyRecorded(rebuild);
      if (this.step % this.interval === 0) this.keep();
    }
    return tally;
  }

  private slice(n: number, tally: Tally): void {
    const { state, kernel: k } = this;
    const [rates, numbers, hits] = [
      this.room,
      this.room + MOST_STEPS * 32,
      this.room + MOST_STEPS * 64,
    ];
    const { settings, stretch } = state;
    k.doubles(rates, 4 * n).set(ratesOf(settings, state.step - state.optimizerStep, n));
    const begin = state.step - stretch.step;
    const done = k.x.advance(this.address, begin, n, rates, numbers, hits);
    const losses = k.doubles(numbers, n);
    const right = k.counts(hits, n);
    const perEpoch = this.stepsPerEpoch;
    const batch = Math.min(settings.batchSize, settings.nExamples);
    const rest = settings.nExamples - (perEpoch - 1) * batch; // of the last batch of an epoch
    for (let i = 0; i < done; ++i) {
      const size = (begin + i) % perEpoch === perEpoch - 1 ? rest : batch;
      tally.loss += losses[i];
      tally.hits += right[i];
      tally.examples += size;
      if (state.step + i >= this.end) this.curve.add(state.step + i, losses[i], right[i], size);
    }
    tally.steps += done;
    state.step += done;
    this.end = Math.max(this.end, state.step);
    if (done < n) this.diverged = true;
  }

  /** Changes recorded for this step that do not hold yet. */
  private applyRecorded(rebuild: () => void): void {
    let found = false;
    while (this.changes[this.state.nChanges]?.step === this.step) {
      this.apply(this.changes[this.state.nChanges].change);
      ++this.state.nChanges;
      found = true;
    }
    if (found) rebuild();
  }

  private apply(change: Change): void {
    this.lift();
    const { state } = this;
    const before = state.settings;
    const after = { ...before, ...change };
    if (kindOf(after) !== kindOf(before)) {
      state.slots = [];
      state.optimizerStep = state.step;
    }
    if (after.batchSize !== before.batchSize || after.nExamples !== before.nExamples) {
      const epochs =
        state.stretch.epochs + Math.ceil((state.step - state.stretch.step) / this.stepsPerEpoch);
      state.stretch = {
        step: state.step,
        epochs,
        examples: this.examplesSeen,
        epochPart: this.epoch,
      };
    }
    state.settings = after;
  }

  /** Whether changes are recorded for steps that are still to come. */
  get hasMoreRecorded(): boolean {
    return this.changes.length > this.state.nChanges;
  }

  /** Changes that will hold when their steps come, in a run that has not begun. */
  foretell(changes: RecordedChange[]): void {
    this.changes.push(...changes);
  }

  /** From here on; what was recorded behind this step is forgotten. */
  change(change: Change, rebuild: () => void): void {
    const unknown = Object.keys(change).find((key) => !CHANGEABLE.includes(key));
    if (unknown) throw new SettingsError(`${unknown} cannot change while a run goes on`);
    check({ ...this.settings, ...change });
    const { step } = this;
    this.forgetAfter(step);
    const last = this.changes[this.changes.length - 1];
    if (last?.step === step && isSmooth(last.change) && isSmooth(change))
      Object.assign(last.change, change);
    else {
      this.changes.push({ step, change: { ...change } });
      ++this.state.nChanges;
    }
    this.apply(change);
    this.diverged = false;
    rebuild();
    this.keep();
  }

  private forgetAfter(step: number): void {
    this.changes.length = this.state.nChanges;
    const kept = this.tape.filter((state) => state.step < step);
    this.tape.splice(0, this.tape.length, ...kept);
    if (step < this.end) this.curve.cut(step);
    this.end = step;
  }

  // ---------------------------------------------------------------- the tape

  private keep(): void {
    if (this.tape.some((state) => state.step === this.step)) return;
    const { state } = this;
    this.tape.push({
      ...state,
      parameters: this.rows().slice(),
      slots: this.settled ? this.slots() : state.slots,
    });
    this.tape.sort((a, b) => a.step - b.step);
    const bytes = 4 * this.spec.nNumbers * (1 + state.slots.length + 2);
    const most = Math.max(16, Math.min(192, Math.floor(TAPE_BYTES / bytes)));
    if (this.tape.length > most) {
      this.interval *= 2;
      const kept = this.tape.filter((one) => one.step % this.interval === 0);
      this.tape.splice(0, this.tape.length, ...kept);
      if (this.tape[0]?.step !== 0) throw new Error("the tape lost its beginning");
    }
  }

  /** Back to the nearest state kept at or before a step; advance makes the rest. */
  rewind(step: number, rebuild: () => void): void {
    if (step < 0 || step > this.end) throw new RangeError(`steps 0 … ${this.end}; not ${step}`);
    if (step >= this.step) {
      const between = this.tape.some((one) => one.step > this.step && one.step <= step);
      if (!between) return;
    }
    let found = this.tape[0];
    for (const one of this.tape) if (one.step <= step) found = one;
    this.lift();
    this.state = { ...found };
    this.diverged = false;
    rebuild();
    this.applyRecorded(rebuild);
  }

  /** The rows (training digits) of the step under way, in their order. */
  batchRows(): Uint32Array {
    const { settings, stretch, step } = this.state;
    const { nExamples, batchSize } = settings;
    const [epoch, part] = divmod(step - stretch.step, this.stepsPerEpoch);
    const [low, high] = keyOf(settings.seed);
    return this.kernel.within(() => {
      const at = this.kernel.take(4 * nExamples);
      this.kernel.x.order(low, high, SHUFFLE, epoch + stretch.epochs, nExamples, at);
      const begin = part * batchSize;
      return this.kernel.counts(at, nExamples).slice(begin, begin + batchSize);
    });
  }
}

function check(settings: Settings): void {
  const why = refused(settings);
  if (why) throw new SettingsError(why);
}

/** Whether a change leaves the optimiser's memory and the stretch alone, so that the last of several at one step says all. */
const isSmooth = (change: Change): boolean =>
  Object.keys(change).every((key) => SMOOTH.includes(key));
const CHANGEABLE =
  "optimizer learningRate momentum batchSize l1 l2 dropout augmentation nExamples".split(" ");
const SMOOTH = ["learningRate", "l1", "l2", "dropout", "augmentation"];

const forms = new Map<string, Model>();

/** The form of a random start; its parameters are not looked at. */
function initialForm(settings: Settings): Model {
  const { sizes, activation, output, loss } = settings;
  const key = JSON.stringify([sizes, activation, output, loss]);
  const found = forms.get(key) ?? initialModel({ ...settings, initializer: "zeros" });
  forms.set(key, found);
  return found;
}

const divmod = (a: number, b: number): [number, number] => [Math.floor(a / b), a % b];

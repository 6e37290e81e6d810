// Keeps a run going at the pace the visitor chose, in slices short enough that every request is heard in time.

import type { Change, Pace, RunName } from "../protocol";
import type { Post } from "./host";
import type { Run, Tally } from "./run";

const FRAME = 1000 / 60; // ms
const SLICE = 8; // ms of computing between two looks at the messages

interface Surroundings {
  post: Post;
  rebuild: () => void;
  loaded: () => number; // training digits that are there
  nRunning: () => number;
}

export class Runner {
  isRunning = false;
  private pace: Pace = "full";
  private goal = Infinity; // a step where it stands still
  private reached: (() => void)[] = [];
  private token = 0; // of the loop that is at work; an older one finds another number and ends
  private due = 0; // images that a slow pace owes
  private lastTick = 0;
  private within = 0; // examples of the step under way that have been shown
  private example: number | null = null; // the last one shown
  private rows: { step: number; rows: Uint32Array } | null = null;
  private stepsPerMs = 1;
  // since the last frame the page has seen:
  private tally: Tally = { steps: 0, examples: 0, loss: 0, hits: 0 };
  private tallySince = 0;
  private waiting = false; // for the page to show the last one

  constructor(
    readonly name: RunName,
    readonly current: Run,
    public wanted: number, // examples; taken in as they arrive
    private readonly around: Surroundings,
  ) {}

  // ---------------------------------------------------------------- what the page asks for

  go(pace: Pace): void {
    const isCount = typeof pace === "number" && pace > 0;
    if (pace !== "full" && !isCount) throw new RangeError("a pace is images a frame, or full");
    this.pace = pace;
    if (this.isRunning) return;
    this.goal = Infinity;
    this.loop();
  }

  /** Stands still when the slice under way is done. */
  async stop(): Promise<void> {
    this.halt();
    await Promise.resolve();
  }

  /** When nothing moves: a goal was reached, or a run is paused where it is. */
  async settled(): Promise<void> {
    if (this.isRunning && this.goal < Infinity)
      await new Promise<void>((resolve) => this.reached.push(resolve));
  }

  async advance(by: "example" | "batch" | "epoch" | number): Promise<void> {
    this.halt();
    const { current } = this;
    this.takeInNew();
    if (by === "example") {
      this.show(1);
      this.report(true);
      return;
    }
    const steps = by === "batch" ? 1 : by === "epoch" ? current.toEpochEnd : by;
    if (!(Number.isInteger(steps) && steps > 0)) throw new RangeError("expected a number of steps");
    await this.reach(current.step + steps);
  }

  /** Trains at full speed up to a step. */
  async reach(step: number): Promise<void> {
    this.halt();
    if (step <= this.current.step) return;
    this.pace = "full";
    this.goal = step;
    const done = new Promise<void>((resolve) => this.reached.push(resolve));
    this.loop();
    await done;
  }

  async seek(step: number): Promise<void> {
    this.halt();
    this.within = 0;
    this.current.rewind(step, this.around.rebuild);
    await this.reach(step);
    this.report(true);
  }

  change(change: Change): void {
    this.current.change(change, this.around.rebuild);
    this.within = 0;
    this.rows = null;
  }

  seen(): void {
    this.waiting = false;
  }

  // ---------------------------------------------------------------- the loop

  private halt(): void {
    ++this.token;
    this.isRunning = false;
    this.goal = Infinity;
    for (const resolve of this.reached.splice(0)) resolve();
  }

  private loop(): void {
    const token = ++this.token;
    this.isRunning = true;
    this.lastTick = this.tallySince = performance.now();
    this.due = 0;
    const turn = (): void => {
      if (token !== this.token) return;
      this.takeInNew();
      if (this.pace === "full") this.full();
      else this.slow(this.pace);
      const done = this.current.diverged || this.current.step >= this.goal;
      if (done) this.halt();
      this.report(done);
      if (done) return;
      if (this.pace === "full") soon(turn);
      else setTimeout(turn, FRAME - 1);
    };
    soon(turn);
  }

  private full(): void {
    const { current, around } = this;
    this.within = 0;
    this.example = null;
    const budget = SLICE / Math.max(1, around.nRunning());
    const wanted = Math.min(
      this.goal - current.step,
      Math.max(1, Math.floor(this.stepsPerMs * budget)),
    );
    const before = performance.now();
    const made = current.advance(wanted, around.rebuild);
    const took = Math.max(performance.now() - before, 0.01);
    // The clock only chooses how often messages are looked at; it changes no bit of the run.
    if (made.steps) this.stepsPerMs = 0.7 * this.stepsPerMs + (0.3 * made.steps) / took;
    this.add(made);
  }

  private slow(pace: number): void {
    const now = performance.now();
    this.due += pace * Math.min((now - this.lastTick) / FRAME, 3);
    this.lastTick = now;
    const images = Math.floor(this.due);
    this.due -= images;
    this.show(images);
  }

  /** Shows so many examples; where they complete a batch, the step is made. */
  private show(images: number): void {
    const { current, around } = this;
    const until = performance.now() + SLICE;
    while (images > 0 && !current.diverged && current.step < this.goal) {
      const size = this.batch().length;
      const shown = Math.min(images, size - this.within);
      this.within += shown;
      this.example = this.batch()[this.within - 1];
      images -= shown;
      if (this.within < size) return;
      this.within = 0;
      this.add(current.advance(1, around.rebuild));
      if (performance.now() > until) this.due = images = 0; // faster than the machine
    }
  }

  private batch(): Uint32Array {
    const { current } = this;
    if (this.rows?.step !== current.step)
      this.rows = { step: current.step, rows: current.batchRows() };
    return this.rows.rows;
  }

  /** Digits that have arrived since the run began. */
  private takeInNew(): void {
    const { current, around } = this;
    const there = Math.min(this.wanted, around.loaded());
    const isAtEnd = current.step === current.end && !current.hasMoreRecorded;
    if (isAtEnd && there > current.settings.nExamples && !current.diverged)
      this.change({ nExamples: there });
  }

  private add(made: Tally): void {
    this.tally.steps += made.steps;
    this.tally.examples += made.examples;
    this.tally.loss += made.loss;
    this.tally.hits += made.hits;
  }

  private report(always: boolean): void {
    if (this.waiting && !always) return;
    const now = performance.now();
    if (!always && now - this.tallySince < FRAME - 1) return;
    const { current, tally } = this;
    const parameters = current.copyParameters();
    this.waiting = true;
    const seconds = (now - this.tallySince) / 1000;
    this.around.post(
      {
        progress: {
          run: this.name,
          step: current.step,
          end: current.end,
          epoch: current.epoch,
          examplesSeen: current.examplesSeen,
          loss: tally.examples ? tally.loss / tally.examples : NaN,
          accuracy: tally.examples ? tally.hits / tally.examples : NaN,
          examplesPerSecond: seconds > 0 ? tally.examples / seconds : 0,
          parameters,
          example: this.example,
          withinBatch: this.within,
          running: this.isRunning,
          diverged: current.diverged,
        },
      },
      parameters.map((one) => one.buffer),
    );
    this.tally = { steps: 0, examples: 0, loss: 0, hits: 0 };
    this.tallySince = now;
  }
}

/** The next turn, behind the messages that are waiting; timers would wait 4 ms. Node empties a channel of a thousand
 * messages before it looks at anything else, and has a word of its own for this. */
const { setImmediate } = globalThis as { setImmediate?: (turn: () => void) => void };
const channel = setImmediate || typeof MessageChannel === "undefined" ? null : new MessageChannel();
const turns: (() => void)[] = [];
if (channel) channel.port1.onmessage = () => turns.shift()?.();
function soon(turn: () => void): void {
  if (setImmediate) setImmediate(turn);
  else if (channel) {
    turns.push(turn);
    channel.port2.postMessage(null);
  } else setTimeout(turn, 0);
}

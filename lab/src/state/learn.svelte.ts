// Depth 2: a run before the visitor's eyes, a second one beside it, and what is found out about them.
import { foundLoss, walk } from "../core/backprop";
import { forward, type Pass } from "../core/forward";
import { initialModel } from "../core/initial";
import { LESSON, refused } from "../core/settings";
import { EngineError } from "../engine/client";
import type {
  Change,
  EngineFault,
  Model,
  Pace,
  Progress,
  RunName,
  Settings,
} from "../engine/protocol";
import { lab } from "./lab.svelte";
import { see } from "./see.svelte";
import { pack, unpack } from "./learn-file";
import { hints, type Hint, type HintCode } from "./learn-hints";
import { faster, paceAfter, slower } from "./learn-pace";
import { neuronStates, rms, type NeuronState } from "./learn-neurons";
import { Side } from "./learn-side.svelte";
import { halfLearnt, reached } from "./learn-timeline";

const MEASURE_MS = 350; // between two measurements on unseen digits
const LOOK_MS = 900; // between two looks at health
const N_LOOKED = 32;
export const N_NEURONS = 60;
const PATIENCE_MS = 1500;
export const GUESSES = [1000, 5000, 25000, 100000] as const;
export const GOAL = 0.9;

export interface Example {
  row: number;
  pixels: Uint8Array;
  label: number;
}

class Learn {
  main = new Side("main");
  twin = $state.raw<Side | null>(null);
  started = $state(false);
  /** The network came from a file; it did not start from random weights. */
  given = $state(false);
  fault = $state<EngineFault["code"] | null>(null);
  loading = $state.raw<{ loaded: number; total: number } | null>(null);

  pace = $state<number>(1);
  /** It speeds up by itself until the visitor takes the pace in hand. */
  byItself = $state(true);
  full = $state(false);
  /** It goes on until it is paused; not while an epoch or a way to a step is being computed. */
  running = $state(false);
  /** An epoch or a seek is being computed. */
  busy = $state(false);

  example = $state.raw<Example | null>(null);
  pass: Pass | null = $derived(this.example ? forward(this.main.model, this.example.pixels) : null);

  twinPass: Pass | null = $derived(
    this.example && this.twin ? forward(this.twin.model, this.example.pixels) : null,
  );

  guess = $state<number | null>(null);
  /** Which of two runs the visitor thinks will be ahead. */
  twinGuess = $state<RunName | null>(null);
  /** After how many images nine of ten were right; null: not yet. */
  goal = $derived(reached(this.main.curve, this.main.time, GOAL));
  half = $derived(halfLearnt(this.main.curve, this.main.time));

  hints = $state.raw<Hint[]>([]);
  neurons = $state.raw<NeuronState[][]>([]);
  /** Hints that the visitor has put away. */
  quiet = $state.raw<HintCode[]>([]);

  #ramp = 0;
  #rampFrom = 1;
  #timers: number[] = [];
  #unhear: (() => void)[] = [];
  #wantedRow: number | null = null;
  #fetching = false;
  #tried: boolean[] = [];
  #sample: { pixels: Uint8Array; labels: Uint8Array } | null = null;
  #seeking: number | null = null;
  #seekUnderWay = false;

  // ---------------------------------------------------------------- begin and end

  /** The view is there: begin a run where there is none, and listen. */
  async enter(): Promise<void> {
    const { engine } = lab;
    this.#unhear.push(
      engine.onProgress((p) => this.#hear(p)),
      engine.onLoading((l) => {
        if (l.set === "train")
          this.loading = l.loaded < l.total ? { loaded: l.loaded, total: l.total } : null;
      }),
    );
    this.#timers.push(
      window.setInterval(() => this.#watch(), MEASURE_MS),
      window.setInterval(() => void this.#look(), LOOK_MS),
    );
    if (this.started) return;
    const wanted = { ...LESSON, ...lab.settings };
    await this.anew(refused(wanted) ? LESSON : wanted);
  }

  leave(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    for (const stop of this.#unhear.splice(0)) stop();
    if (this.running) void this.pause();
  }

  /** A new run from random weights. */
  async anew(settings: Settings, model?: Model): Promise<void> {
    await this.#guarded(async () => {
      const { engine } = lab;
      this.running = false;
      await this.dropTwin();
      if (!model) this.main.model = initialModel(settings);
      await soonThere(engine.load("train", settings.nExamples));
      const state = await engine.start(settings, "main", model);
      this.started = true;
      this.given = model !== undefined;
      this.main.begin(state);
      this.#fresh();
      lab.settings = different(settings);
      lab.remember();
      await this.#firstOfBatch();
      void engine
        .load("train", settings.nExamples)
        .then(() => (this.loading = null))
        .catch((error: unknown) => this.#fail(error));
      await this.main.measure();
    });
  }

  #fresh(): void {
    this.full = false;
    this.pace = 1;
    this.byItself = true;
    this.hints = [];
    this.neurons = [];
    this.quiet = [];
    this.guess = null;
    this.#tried = [];
  }

  // ---------------------------------------------------------------- run

  async run(): Promise<void> {
    this.#ramp = performance.now();
    this.#rampFrom = this.pace;
    this.main.restartSpeed();
    this.twin?.restartSpeed();
    await this.#setPace();
  }

  async #setPace(): Promise<void> {
    const pace: Pace = this.full ? "full" : this.pace;
    await this.#guarded(async () => {
      this.running = true;
      await lab.engine.run(pace);
      if (this.twin) await lab.engine.run(pace, "twin");
    });
  }

  async setPace(pace: number): Promise<void> {
    this.byItself = false;
    this.full = false;
    this.pace = pace;
    if (this.running) await this.#setPace();
  }
  quicken = (): Promise<void> => this.setPace(faster(this.pace));
  slow = (): Promise<void> => this.setPace(slower(this.pace));

  async fullSpeed(): Promise<void> {
    this.full = true;
    await this.run();
  }

  async pause(): Promise<void> {
    this.running = false;
    await this.#guarded(async () => {
      this.main.take(await lab.engine.pause());
      if (this.twin) this.twin.take(await lab.engine.pause("twin"));
      await this.#settled();
    });
  }

  async advance(by: "example" | "batch" | "epoch"): Promise<void> {
    await this.#guarded(async () => {
      this.busy = by === "epoch";
      const { engine } = lab;
      if (this.running) await this.pause();
      const both = [engine.advance(by)];
      if (this.twin) both.push(engine.advance(by, "twin"));
      const [main, twin] = await Promise.all(both);
      this.main.take(main);
      if (twin) this.twin?.take(twin);
      if (by !== "example") {
        this.main.withinBatch = 0;
        await this.#firstOfBatch();
      }
      await this.#settled();
    });
    this.busy = false;
  }

  /** To any step, exactly. Calls while one is under way: only the last counts. */
  async seek(step: number): Promise<void> {
    this.#seeking = Math.max(0, Math.min(this.main.end, Math.round(step)));
    if (this.#seekUnderWay) return;
    this.#seekUnderWay = true;
    this.running = false;
    while (this.#seeking !== null) {
      const to: number = this.#seeking;
      this.#seeking = null;
      await this.#guarded(async () => {
        this.main.take(await lab.engine.seek(to));
        this.main.withinBatch = 0;
        this.main.diverged = false;
        const { twin } = this;
        if (twin) twin.take(await lab.engine.seek(Math.min(to, twin.end), "twin"));
      });
    }
    this.#seekUnderWay = false;
    await this.#guarded(async () => {
      await this.#firstOfBatch();
      await this.#settled();
    });
  }

  async change(change: Change, side: Side = this.main): Promise<void> {
    await this.#guarded(async () => {
      const going = this.running;
      side.take(await lab.engine.change(change, side.name));
      side.diverged = false;
      this.#tried = [];
      this.hints = [];
      await side.refreshCurve();
      if (going) await this.#setPace();
      else await side.measure();
    });
  }

  // ---------------------------------------------------------------- the second run

  async beside(change: Change): Promise<void> {
    await this.#guarded(async () => {
      if (this.running) await this.pause();
      this.busy = true;
      const twin = new Side("twin");
      twin.begin(await lab.engine.twin(change));
      if (this.main.step) twin.take(await lab.engine.advance(this.main.step, "twin"));
      this.twin = twin;
      await twin.refreshCurve();
      await twin.measure();
    });
    this.busy = false;
  }

  async dropTwin(): Promise<void> {
    this.twinGuess = null;
    if (!this.twin) return;
    this.twin = null;
    await lab.engine.drop("twin");
  }

  // ---------------------------------------------------------------- files

  async save(): Promise<Uint8Array> {
    if (this.running) await this.pause();
    const { model, file } = await lab.engine.save();
    const twin = this.twin ? (await lab.engine.save("twin")).file : null;
    return pack(model, file, twin, lab.drawing);
  }

  /** Throws FileFormatError where the file is no model. */
  async restore(bytes: ArrayBuffer): Promise<void> {
    const kept = unpack(bytes);
    if (!kept.run) {
      const { layers, loss } = kept.model;
      const settings: Settings = {
        ...LESSON,
        sizes: [layers[0].nIn, ...layers.map((l) => l.nOut)],
        activation: layers[0].activation,
        output: layers[layers.length - 1].activation,
        loss,
        learningRate: loss === "cross_entropy" ? 0.1 : LESSON.learningRate,
      };
      await this.anew(settings, kept.model);
      return;
    }
    const { run, twin } = kept;
    await this.#guarded(async () => {
      this.running = false;
      this.busy = true;
      await this.dropTwin();
      const state = await lab.engine.restore(run);
      this.main.begin({ ...state, settings: run.settings, model: initialModel(run.settings) });
      this.main.take(state);
      this.given = false;
      this.#fresh();
      if (twin) {
        const side = new Side("twin");
        const second = await lab.engine.restore(twin, "twin");
        side.begin({ ...second, settings: twin.settings, model: initialModel(twin.settings) });
        side.take(second);
        await side.refreshCurve();
        await side.measure();
        this.twin = side;
      }
      if (kept.drawing) await see.begin(kept.drawing);
      lab.settings = different(run.settings);
      lab.remember();
      await this.#firstOfBatch();
      await this.#settled();
    });
    this.busy = false;
  }

  // ---------------------------------------------------------------- examples

  /** Any training digit. */
  async showExample(row: number): Promise<void> {
    await this.#guarded(async () => {
      const { pixels, label } = await lab.engine.digit("train", row);
      this.example = { row, pixels, label };
    });
  }

  async #firstOfBatch(): Promise<void> {
    const { rows, pixels, labels } = await lab.engine.batch();
    this.example = { row: rows[0], pixels: pixels.slice(0, 784), label: labels[0] };
  }

  #hear(p: Progress): void {
    if (p.run === "twin") {
      this.twin?.progress(p);
      return;
    }
    const before = this.main.settings;
    this.main.progress(p);
    this.main.settings = this.main.time.settingsAt(p.step);
    if (p.step > 0 && before.nExamples !== this.main.settings.nExamples) this.#tried = [];
    if (p.example !== null && p.example !== this.example?.row) {
      this.#wantedRow = p.example;
      void this.#fetchRow();
    }
    if (p.diverged) {
      this.running = false;
      void this.#look();
    }
  }

  /** One request at a time; what came between is passed over. */
  async #fetchRow(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    while (this.#wantedRow !== null) {
      const row: number = this.#wantedRow;
      this.#wantedRow = null;
      try {
        const { pixels, label } = await lab.engine.digit("train", row);
        this.example = { row, pixels, label };
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#fetching = false;
  }

  // ---------------------------------------------------------------- measuring

  /** Now and then while it runs: the curve, unseen digits, the pace. */
  #watch(): void {
    if (!this.running) return;
    if (!this.full && this.byItself) {
      const pace = paceAfter(performance.now() - this.#ramp, this.#rampFrom);
      if (pace !== this.pace) {
        this.pace = pace;
        void this.#setPace();
      }
    }
    for (const side of this.twin ? [this.main, this.twin] : [this.main])
      void Promise.all([side.refreshCurve(), side.measure()]).catch((e: unknown) => this.#fail(e));
  }

  async #settled(): Promise<void> {
    const { twin } = this;
    await this.main.refreshCurve();
    await this.main.measure();
    if (twin) {
      await twin.refreshCurve();
      await twin.measure();
    }
    await this.#look();
  }

  /** Health: a batch tried, the neurons looked at. In slices that a frame can bear. */
  async #look(): Promise<void> {
    const { main } = this;
    if (!this.started || main.step === 0 || document.hidden) return;
    try {
      this.#sample ??= await lab.engine.digits(
        "train",
        Array.from({ length: 8 * N_LOOKED }, (_, i) => i),
      );
      const size = main.model.layers.reduce((sum, l) => sum + l.W.length, 0);
      const n = Math.max(4, Math.min(N_LOOKED, Math.floor(4e5 / size)));
      const at = (this.#tried.length % 8) * N_LOOKED;
      const pixels = this.#sample.pixels.subarray(at * 784, (at + n) * 784);
      const labels = this.#sample.labels.subarray(at, at + n);
      const { settings, model } = main;
      const plain = settings.optimizer === "sgd" || settings.optimizer === "momentum";
      let updateRatio = NaN;
      if (plain && !main.diverged) {
        const step =
          settings.learningRate / (settings.optimizer === "sgd" ? 1 : 1 - settings.momentum);
        const tried = walk(model, pixels, labels, settings.learningRate);
        this.#tried.push(foundLoss(tried) > tried.loss);
        if (this.#tried.length > 8) this.#tried.shift();
        updateRatio = Math.max(
          ...model.layers.map((l, k) => (step * rms(tried.dW[k + 1])) / (rms(l.W) || 1)),
        );
      }
      const all = Math.max(4, Math.min(N_NEURONS, Math.floor(8e5 / size)));
      this.neurons = neuronStates(model, this.#sample.pixels.subarray(0, all * 784));
      const { loss, steps } = main.windows;
      const lately = loss.slice(-3);
      const best = loss.reduce((least, one, k) => (one < loss[least] ? k : least), 0);
      this.hints = hints({
        settings,
        step: main.step,
        diverged: main.diverged,
        loss: lately.reduce((sum, one) => sum + one, 0) / (lately.length || NaN),
        best: loss[best] ?? NaN,
        bestStep: steps[best] ?? 0,
        worse: this.#tried.filter(Boolean).length,
        tried: this.#tried.length,
        updateRatio,
        neurons: this.neurons,
      }).filter((one) => !this.quiet.includes(one.code));
    } catch (error) {
      this.#fail(error);
    }
  }

  async apply(hint: Hint): Promise<void> {
    const going = this.running;
    if (hint.code === "diverged" || hint.code === "lost") {
      // Back to where it did best: from there a smaller step leads on.
      const { steps, loss } = this.main.windows;
      const best = loss.reduce((least, one, k) => (one < loss[least] ? k : least), 0);
      await this.seek(best > 0 ? steps[best - 1] : 0);
    }
    if (hint.anew) await this.anew({ ...this.main.start, ...hint.anew });
    else if (hint.change) await this.change(hint.change);
    if (going || hint.code === "diverged") await this.run();
  }

  // ---------------------------------------------------------------- what can go wrong

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      this.fault = null;
      await work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    console.error(error);
    this.fault = error instanceof EngineError ? error.code : "internal";
  }
}

/** Usually all digits are there at once; where they are not, the run begins with the first ones. */
async function soonThere(loading: Promise<unknown>): Promise<void> {
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  await Promise.race([loading.catch(() => undefined), patience]);
}

/** What the address keeps: what differs from the lesson. */
export function different(settings: Settings): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(settings).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(LESSON[name as keyof Settings]),
    ),
  ) as Partial<Settings>;
}

export const learn = new Learn();

// What the worker does, without the worker: requests in, answers and events out.

import { judge, keep, type Measured, measureSome, missing } from "../../core/rules";
import { writeModel } from "../../core/safetensors";
import { at } from "../../core/surface";
import type {
  AnswerOf,
  EngineFault,
  FromWorker,
  Model,
  RequestName,
  RequestOf,
  RunName,
  RunState,
  SetName,
  Subject,
  ToWorker,
} from "../protocol";
import { DataError, Digits, type Fetch, OfflineError } from "./digits";
import { altered, meanLoss, shifted, summary } from "./evaluation";
import { fromRows, Kernel, OutOfMemory, type Spec } from "./kernel";
import { Runner } from "./runner";
import { Run, SettingsError } from "./run";
import { searchStroke } from "./strokes";

const N = 784;
export type Post = (message: FromWorker, transfer?: Transferable[]) => void;
type Handlers = { [K in RequestName]: (data: RequestOf<K>) => Promise<AnswerOf<K>> | AnswerOf<K> };

export class Host {
  private kernel!: Kernel;
  private module!: WebAssembly.Module;
  private digits!: Digits;
  private aside: Kernel | null = null; // a memory of its own for what is large and passes
  private readonly runners = new Map<RunName, Runner>();
  private readonly measured = new Map<string, Measured>();
  private opened: Promise<unknown> | null = null;
  private runsBegin = 0; // in the kernel's memory, behind the digits

  constructor(
    private readonly post: Post,
    private readonly fetch: Fetch,
    private readonly compile: () => Promise<WebAssembly.Module>,
  ) {}

  async receive(message: ToWorker): Promise<void> {
    if ("seen" in message) {
      this.runners.get(message.seen)?.seen();
      return;
    }
    const { id, name, data } = message;
    try {
      const handle = this.handlers[name] as (data: unknown) => Promise<unknown>;
      if (name === "open") this.opened = handle(data);
      await this.opened; // what was asked before the kernel stood waits for it
      const answer = name === "open" ? await this.opened : await handle(data);
      this.post({ id, answer });
    } catch (error) {
      this.post({ id, error: fault(error) });
    }
  }

  private readonly handlers: Handlers = {
    open: async ({ base }) => {
      this.module = await this.compile();
      this.kernel = new Kernel(this.module);
      this.digits = new Digits(
        this.kernel,
        base,
        this.fetch,
        (loading) => this.post({ loading }),
        (work) => this.atTheEnd(work),
      );
      await this.digits.open();
      this.runsBegin = this.kernel.x.mark();
      return {
        train: this.digits.total("train"),
        test: this.digits.total("test"),
        fingerprint: this.digits.fingerprint,
      };
    },
    load: async ({ set, n }) => {
      await this.digits.load(set, n);
      return { loaded: this.digits.loaded(set), total: this.digits.total(set) };
    },
    keep: async () => ({ files: await this.digits.keep() }),
    digit: async ({ set, index }) => {
      await this.digits.has(set, index);
      const pixels = this.digits.images(set).slice(index * N, (index + 1) * N);
      return { pixels, label: this.digits.labels(set)[index] };
    },
    digits: async ({ set, indices }) => {
      for (const index of indices) await this.digits.has(set, index);
      const pixels = new Uint8Array(indices.length * N);
      const images = this.digits.images(set);
      indices.forEach((i, k) => pixels.set(images.subarray(i * N, (i + 1) * N), k * N));
      return { pixels, labels: Uint8Array.from(indices, (i) => this.digits.labels(set)[i]) };
    },
    labels: async ({ set }) => {
      await this.digits.load(set);
      return { labels: this.digits.labels(set).slice() };
    },

    evaluate: async ({ subject, set, options = {} }) => {
      const first = options.first ?? 0;
      const most = this.digits.total(set) - first;
      const n = Math.min(options.n ?? most, most);
      if (!(first >= 0 && n > 0)) throw new RangeError("expected digits that are there");
      await this.digits.load(set, first + n);
      const model = this.modelOf(subject);
      const [down, right] = options.shift ?? [0, 0];
      const labels = this.digits.labels(set).slice(first, first + n);
      const nOut = model.layers[model.layers.length - 1].nOut;
      const outputs = this.kernel.within(() => {
        const changes = options.zeroed?.length || options.changed?.length;
        const { spec, parameters } =
          typeof subject === "string" && !changes
            ? this.runner(subject).current.inKernel()
            : this.kernel.network(altered(model, options));
        if (!down && !right) {
          const chosen = first
            ? this.kernel.put(Uint32Array.from({ length: n }, (_, k) => first + k))
            : 0;
          return this.kernel.evaluate(spec, this.digits.address(set), parameters, n, chosen);
        }
        const own = this.digits.images(set).subarray(first * N, (first + n) * N);
        return this.evaluatePixels(this.kernel, spec, parameters, shifted(own, down, right));
      });
      return summary(outputs, labels, nOut, model.loss, model.lossParameter);
    },
    outputs: ({ subject, pixels }) => {
      const n = pixels.length / N;
      if (!(Number.isInteger(n) && n > 0)) throw new RangeError("expected (n, 784) pixels");
      return this.kernel.within(() => {
        const { spec, parameters } = this.kernel.network(this.modelOf(subject));
        const data = this.kernel.x.pixels(this.kernel.put(pixels), n, N, 0);
        return {
          outputs: this.kernel.evaluate(spec, data, parameters, n),
          z: this.kernel.evaluate(spec, data, parameters, n, 0, true),
        };
      });
    },
    gradient: async ({ subject, set, rows }) => {
      for (const row of rows) await this.digits.has(set, row);
      await this.digits.load(set, Math.max(...rows) + 1);
      const { kernel } = this;
      return kernel.within(() => {
        const { spec, parameters } = kernel.network(this.modelOf(subject));
        const chosen = kernel.put(Uint32Array.from(rows));
        const out = kernel.take(4 * spec.nNumbers);
        const data = this.digits.address(set);
        const loss = kernel.x.gradient(spec.address, data, parameters, chosen, rows.length, out);
        return { loss, gradient: fromRows(spec, kernel.floats(out, spec.nNumbers).slice()) };
      });
    },
    stroke: ({ model, pixels, to }) => {
      // Its 20 MB stay out of the memory that runs live in.
      this.aside ??= new Kernel(this.module);
      return searchStroke(this.aside, model, pixels, to);
    },

    surface: async ({ model, u, v, xs, ys, set, n }) => {
      await this.digits.load(set, n);
      const losses = new Float32Array(xs.length * ys.length);
      for (const [row, y] of ys.entries()) {
        xs.forEach((x, column) => {
          losses[row * xs.length + column] = this.lossOf(at(model, u, v, x, y), set, n);
        });
        await breath();
      }
      return { losses };
    },
    rules: async ({ rules, set, n }) => {
      await this.digits.load(set, n);
      const key = `${set} ${n}`;
      const measured = this.measured.get(key) ?? (new Map() as Measured);
      this.measured.set(key, measured);
      const pixels = this.digits.images(set).subarray(0, n * N);
      const asked = missing(rules, n, measured);
      const columns = asked.map(() => new Float32Array(n));
      for (let first = 0; asked.length && first < n; first += PART) {
        measureSome(asked, columns, pixels, first, Math.min(n, first + PART));
        await breath();
      }
      keep(asked, columns, measured);
      return judge(rules, pixels, this.digits.labels(set).subarray(0, n), measured);
    },

    start: async ({ run, settings, model }) => {
      const wanted = settings.nExamples;
      await this.digits.load("train", 1);
      const there = Math.min(wanted, this.digits.loaded("train"));
      return this.begin(run, { ...settings, nExamples: there }, wanted, model);
    },
    twin: async ({ change }) => {
      const main = this.runner("main");
      const settings = { ...main.current.start, ...change };
      const wanted = change.nExamples ?? main.wanted;
      settings.nExamples = Math.min(settings.nExamples, this.digits.loaded("train"));
      const state = this.begin("twin", settings, wanted, main.current.first ?? undefined);
      if (change.nExamples !== undefined) return state;
      // Digits that reached the first run on its way reach the second at the same steps.
      const arrivals = main.current.changes.filter((one) => one.change.nExamples !== undefined);
      const told = arrivals.map(({ step, change: { nExamples } }) => ({
        step,
        change: { nExamples },
      }));
      this.runner("twin").current.foretell(told);
      return this.state("twin");
    },
    drop: ({ run }) => {
      this.runners.get(run)?.stop();
      this.runners.delete(run);
      this.rebuild();
      return null;
    },
    run: ({ run, pace }) => {
      this.runner(run).go(pace);
      return null;
    },
    pause: async ({ run }) => {
      await this.runner(run).stop();
      return this.state(run);
    },
    advance: async ({ run, by }) => {
      await this.runner(run).advance(by);
      return this.state(run);
    },
    change: async ({ run, change }) => {
      const runner = this.runner(run);
      await runner.settled();
      const all = { ...change };
      if (change.nExamples !== undefined) {
        runner.wanted = change.nExamples;
        all.nExamples = Math.min(change.nExamples, this.digits.loaded("train"));
        void this.digits.load("train", change.nExamples).catch(() => undefined);
      }
      runner.change(all);
      return this.state(run);
    },
    seek: async ({ run, step }) => {
      await this.runner(run).seek(step);
      return this.state(run);
    },
    state: ({ run }) => this.state(run),
    curve: ({ run }) => {
      const { curve, changes } = this.runner(run).current;
      return { ...curve.points(), changes: structuredClone(changes) };
    },
    batch: ({ run }) => {
      const rows = this.runner(run).current.batchRows();
      const pixels = new Uint8Array(rows.length * N);
      const images = this.digits.images("train");
      rows.forEach((row, k) => pixels.set(images.subarray(row * N, (row + 1) * N), k * N));
      return {
        rows,
        labels: Uint8Array.from(rows, (row) => this.digits.labels("train")[row]),
        pixels,
      };
    },
    save: async ({ run }) => {
      const runner = this.runner(run);
      await runner.settled();
      const { current } = runner;
      const { seed, initializer } = current.start;
      const recipe = { lab: { ...current.settings }, steps: current.step };
      return {
        model: writeModel(current.model(), { seed, initializer, recipe }),
        file: {
          format: 1,
          settings: current.start,
          changes: structuredClone(current.changes),
          step: current.step,
          end: current.end,
        },
      };
    },
    restore: async ({ run, file }) => {
      const { settings, changes, step, end } = file;
      const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
      if (
        file.format !== 1 ||
        !isCount(step) ||
        !isCount(end) ||
        step > end ||
        !Array.isArray(changes) ||
        !changes.every((one, k) => isCount(one.step) && one.step >= (changes[k - 1]?.step ?? 0)) ||
        !changes.every((one) => typeof one.change === "object" && one.change !== null)
      )
        throw new SettingsError("a run as `save` gives it, of format 1");
      const amounts = [settings, ...changes.map((one) => one.change)].map((s) => s.nExamples ?? 1);
      await this.digits.load("train", Math.max(...amounts));
      this.begin(run, settings, 0); // no more digits than those recorded
      const runner = this.runner(run);
      for (const one of changes.filter((change) => change.step <= end)) {
        await runner.reach(one.step);
        runner.change(one.change);
      }
      runner.current.foretell(changes.filter((change) => change.step > end));
      await runner.reach(end);
      runner.wanted = runner.current.settings.nExamples;
      await runner.seek(step);
      return this.state(run);
    },
  };

  // ---------------------------------------------------------------- runs

  private begin(name: RunName, settings: Run["start"], wanted: number, model?: Model): RunState {
    void this.runners.get(name)?.stop();
    const run = new Run(this.kernel, () => this.digits.address("train"), settings, model ?? null);
    const runner = new Runner(name, run, wanted, {
      post: this.post,
      rebuild: () => this.rebuild(),
      loaded: () => this.digits.loaded("train"),
      nRunning: () => [...this.runners.values()].filter((one) => one.isRunning).length,
    });
    this.runners.set(name, runner);
    this.rebuild();
    if (wanted > this.digits.loaded("train"))
      void this.digits.load("train", wanted).catch(() => undefined);
    return this.state(name);
  }

  /** All runs take their places behind the digits anew. */
  private rebuild(): void {
    for (const { current } of this.runners.values()) current.lift();
    this.kernel.x.release(this.runsBegin);
    for (const { current } of this.runners.values()) current.settle();
  }

  private atTheEnd(work: () => void): void {
    for (const { current } of this.runners.values()) current.lift();
    if (this.runsBegin) this.kernel.x.release(this.runsBegin);
    work();
    this.runsBegin = this.kernel.x.mark();
    for (const { current } of this.runners.values()) current.settle();
  }

  private runner(name: RunName): Runner {
    const found = this.runners.get(name);
    if (!found) throw new NothingThere(`there is no run ${name}; start one first`);
    return found;
  }

  private state(name: RunName): RunState {
    const { current } = this.runner(name);
    return {
      run: name,
      step: current.step,
      end: current.end,
      settings: structuredClone(current.settings),
      changes: structuredClone(current.changes),
      model: current.model(),
    };
  }

  private lossOf(model: Model, set: SetName, n: number): number {
    return this.kernel.within(() => {
      const { spec, parameters } = this.kernel.network(model);
      const outputs = this.kernel.evaluate(spec, this.digits.address(set), parameters, n);
      return meanLoss(outputs, this.digits.labels(set), n, model.loss, model.lossParameter);
    });
  }

  private modelOf(subject: Subject): Model {
    const model = typeof subject === "string" ? this.runner(subject).current.model() : subject;
    if (model.layers[0].nIn !== N) throw new RangeError("expected a network of 784 inputs");
    return model;
  }

  private evaluatePixels(
    k: Kernel,
    spec: Spec,
    parameters: number,
    pixels: Uint8Array,
  ): Float32Array {
    const n = pixels.length / N;
    return k.evaluate(spec, k.x.pixels(k.put(pixels), n, N, 0), parameters, n);
  }
}

/** Between the parts of something long the messages that came are heard. */
const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const PART = 500; // digits

class NothingThere extends Error {}

function fault(error: unknown): EngineFault {
  const detail = error instanceof Error ? error.message : String(error);
  const kinds: [new (...args: never[]) => Error, EngineFault["code"]][] = [
    [OfflineError, "offline"],
    [DataError, "data"],
    [OutOfMemory, "memory"],
    [SettingsError, "settings"],
    [NothingThere, "none"],
    [RangeError, "range"],
  ];
  const code = kinds.find(([kind]) => error instanceof kind)?.[1] ?? "internal";
  return { code, detail };
}

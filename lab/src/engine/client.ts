// The page's side of the worker: a promise for each request, events for what comes unasked.

import type {
  AnswerOf,
  Change,
  EngineFault,
  Evaluation,
  EvaluationOptions,
  FromWorker,
  Loading,
  Model,
  Pace,
  Progress,
  RequestName,
  RequestOf,
  RunFile,
  RunName,
  RunState,
  SetName,
  Settings,
  StrokeFound,
  Subject,
  ToWorker,
} from "./protocol";

/** What the engine could not do; `code` has words in the catalogues. */
export class EngineError extends Error {
  readonly code: EngineFault["code"];
  constructor(fault: EngineFault) {
    super(fault.detail);
    this.code = fault.code;
  }
}

/** What a Worker is here; tests give a channel instead. */
export interface Port {
  postMessage(message: ToWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror?: ((event: ErrorEvent) => void) | null;
  terminate?(): void;
}

type Waiting = { resolve: (value: never) => void; reject: (reason: Error) => void };

export class Engine {
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();
  private readonly progressed = new Set<(progress: Progress) => void>();
  private readonly loads = new Set<(loading: Loading) => void>();
  /** Resolves when the worker stands and knows which digits there are. */
  readonly ready: Promise<AnswerOf<"open">>;

  constructor(
    private readonly port: Port = worker(),
    base = document.baseURI,
  ) {
    port.onmessage = ({ data }) => this.receive(data);
    port.onerror = (event) => this.fail({ code: "internal", detail: event.message ?? "worker" });
    this.ready = this.ask("open", { base });
    this.ready.catch(() => undefined); // whoever awaits `ready` hears of it
  }

  /** Any request of the protocol. */
  ask<K extends RequestName>(
    name: K,
    data: RequestOf<K>,
    transfer: Transferable[] = [],
  ): Promise<AnswerOf<K>> {
    const id = this.nextId++;
    return new Promise<AnswerOf<K>>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      this.port.postMessage({ id, name, data } as ToWorker, transfer);
    });
  }

  /** Called at most once a screen refresh while a run goes on; returns how to stop listening. */
  onProgress(hear: (progress: Progress) => void): () => void {
    this.progressed.add(hear);
    return () => this.progressed.delete(hear);
  }

  onLoading(hear: (loading: Loading) => void): () => void {
    this.loads.add(hear);
    return () => this.loads.delete(hear);
  }

  // ---------------------------------------------------------------- digits

  /** Loads the first n digits of a set, or all; resolves when they are there. */
  load(set: SetName, n?: number): Promise<AnswerOf<"load">> {
    return this.ask("load", { set, n });
  }
  /** Brings all digits into the browser's cache for when there is no net; nothing where there is no such cache. */
  keep(): Promise<AnswerOf<"keep">> {
    return this.ask("keep", {});
  }
  /** One digit; its slice is fetched first where it is not there yet. */
  digit(set: SetName, index: number): Promise<{ pixels: Uint8Array; label: number }> {
    return this.ask("digit", { set, index });
  }
  digits(set: SetName, indices: number[]): Promise<AnswerOf<"digits">> {
    return this.ask("digits", { set, indices });
  }

  // ---------------------------------------------------------------- looking at a network

  /** By the kernel; a set of 10,000 takes about 10 ms. A copy of the model is sent. */
  evaluate(subject: Subject, set: SetName, options?: EvaluationOptions): Promise<Evaluation> {
    return this.ask("evaluate", { subject, set, options });
  }
  /** The kernel's outputs and last weighted sums for pictures (n, 784) that belong to no set. */
  outputs(subject: Subject, pixels: Uint8Array): Promise<AnswerOf<"outputs">> {
    return this.ask("outputs", { subject, pixels });
  }
  /** The gradient of the mean loss over digits of a set: W, b, W, b, … */
  gradient(subject: Subject, set: SetName, rows: number[]): Promise<AnswerOf<"gradient">> {
    return this.ask("gradient", { subject, set, rows });
  }
  /** The stroke that turns the answer (to `to`, or to any other) and changes least; null where none does. */
  stroke(model: Model, pixels: Uint8Array, to: number | null = null): Promise<StrokeFound | null> {
    return this.ask("stroke", { model, pixels, to });
  }

  /** The loss on a plane through all parameters (core/surface.ts): 31 × 31 places over 1,000 digits take about a second. */
  surface(data: RequestOf<"surface">): Promise<AnswerOf<"surface">> {
    return this.ask("surface", data);
  }
  /** How rules do on the first n digits of a set: core/rules.ts. */
  rules(
    rules: RequestOf<"rules">["rules"],
    set: SetName = "test",
    n = 10000,
  ): Promise<AnswerOf<"rules">> {
    return this.ask("rules", { rules, set, n });
  }

  // ---------------------------------------------------------------- runs

  /** A new run at step 0, standing still. With `model` it goes on from that instead of random weights. */
  start(settings: Settings, run: RunName = "main", model?: Model): Promise<RunState> {
    return this.ask("start", { run, settings, model });
  }
  /** A second run from the same start as "main" with other settings, standing at step 0. */
  twin(change: Change): Promise<RunState> {
    return this.ask("twin", { change });
  }
  drop(run: RunName): Promise<null> {
    return this.ask("drop", { run });
  }
  /** Goes on at a pace: images a frame, or "full". Call again to change the pace. */
  run(pace: Pace, run: RunName = "main"): Promise<null> {
    return this.ask("run", { run, pace });
  }
  pause(run: RunName = "main"): Promise<RunState> {
    return this.ask("pause", { run });
  }
  /** One example, one batch, one epoch, or so many steps; then it stands still. */
  advance(by: "example" | "batch" | "epoch" | number, run: RunName = "main"): Promise<RunState> {
    return this.ask("advance", { run, by });
  }
  /** From the present step on; what was recorded behind it is forgotten. */
  change(change: Change, run: RunName = "main"): Promise<RunState> {
    return this.ask("change", { run, change });
  }
  /** To any step that has been reached, bit for bit. The run stands still there. */
  seek(step: number, run: RunName = "main"): Promise<RunState> {
    return this.ask("seek", { run, step });
  }
  state(run: RunName = "main"): Promise<RunState> {
    return this.ask("state", { run });
  }
  curve(run: RunName = "main"): Promise<AnswerOf<"curve">> {
    return this.ask("curve", { run });
  }
  /** The examples the next step will learn from. */
  batch(run: RunName = "main"): Promise<AnswerOf<"batch">> {
    return this.ask("batch", { run });
  }
  /** The model as a file Python reads, and the run as one `restore` takes. */
  save(run: RunName = "main"): Promise<AnswerOf<"save">> {
    return this.ask("save", { run });
  }
  restore(file: RunFile, run: RunName = "main"): Promise<RunState> {
    return this.ask("restore", { run, file });
  }

  close(): void {
    this.port.terminate?.();
    this.fail({ code: "internal", detail: "the engine was closed" });
  }

  // ---------------------------------------------------------------- messages

  private receive(message: FromWorker): void {
    if ("progress" in message) {
      const { progress } = message;
      for (const hear of this.progressed) hear(progress);
      // Only when the page has come round to painting may the next one come.
      const seen = (): void => this.port.postMessage({ seen: progress.run });
      if (typeof requestAnimationFrame === "function" && !document.hidden)
        requestAnimationFrame(seen);
      else setTimeout(seen, 16);
    } else if ("loading" in message) {
      for (const hear of this.loads) hear(message.loading);
    } else {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if ("error" in message) waiting?.reject(new EngineError(message.error));
      else waiting?.resolve(message.answer as never);
    }
  }

  private fail(fault: EngineFault): void {
    for (const { reject } of this.waiting.values()) reject(new EngineError(fault));
    this.waiting.clear();
  }
}

function worker(): Port {
  return new Worker(new URL("./worker/main.ts", import.meta.url), { type: "module" }) as Port;
}

// Depth 3: when to believe it. What the rooms share: the 10,000 test digits, what each network says to them, and guesses.
import { tick } from "svelte";
import { confidencesOf, reliability, type Reliability } from "../core/reliability";
import { nonDigits, type NonDigit } from "../core/nonDigits";
import type { Evaluation, EvaluationOptions, Loading, Model } from "../engine/protocol";
import { lab } from "./lab.svelte";
import { judgedOf, said, type Judged, type Said } from "./trust-verdicts";

export const QUESTIONS = ["sure", "risk", "letters", "shift", "knob"] as const;
export type Question = (typeof QUESTIONS)[number];

/** The plain network as it is, the same with its gates, and the honest one. */
export type Who = "plain" | "gated" | "honest";

export interface Told {
  reliability: Reliability;
  confidences: ArrayLike<number>;
  answers: Uint8Array;
  labels: Uint8Array;
}

export const N_SHOWN = 24;
const N_SET = 200;
/** Digits that pairs and upside-down ones are made from. */
const N_MATERIAL = 600;
/** So long the page may be kept from painting. */
const SLICE_MS = 20;

// A message comes back at once; a timer would be held for milliseconds.
const pause = (): Promise<void> =>
  new Promise((go) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      go();
    };
    port2.postMessage(null);
  });

class Trust {
  /** The test digits, once they are all there. */
  digits = $state.raw<{ pixels: Uint8Array; labels: Uint8Array } | null>(null);
  loading = $state.raw<Loading | null>(null);
  failed = $state(false);
  /** What the visitor guessed, by question; null until it is said. */
  guesses = $state<Partial<Record<Question, number>>>({});
  revealed = $state<Partial<Record<Question, boolean>>>({});
  who = $state<Who>("plain");
  /** Closes what is opened within a room; null where nothing is. */
  inner: (() => void) | null = null;

  #loads: Promise<{ pixels: Uint8Array; labels: Uint8Array }> | null = null;
  #kept = new WeakMap<Model, Map<string, Promise<unknown>>>();
  #sets = new Map<NonDigit, Promise<Uint8Array>>();

  /** The network opened with the page where it reads ten digits, else the plain one. */
  get plain(): Model | null {
    const { given } = lab.models;
    const fits = lab.shown === "given" && given?.classes.length === 10;
    return (fits ? given : lab.models.plain) ?? null;
  }
  get isGiven(): boolean {
    return this.plain !== null && this.plain === lab.models.given;
  }
  get honest(): Model | null {
    return lab.models.honest?.gates ? lab.models.honest : null;
  }
  model(who: Who): Model | null {
    return who === "honest" ? this.honest : this.plain;
  }
  /** Those there are. */
  get all(): Who[] {
    const all: Who[] = ["plain"];
    if (this.plain?.gates) all.push("gated");
    if (this.honest) all.push("honest");
    return all;
  }

  load(): Promise<{ pixels: Uint8Array; labels: Uint8Array }> {
    this.#loads ??= this.#load();
    return this.#loads;
  }
  async #load(): Promise<{ pixels: Uint8Array; labels: Uint8Array }> {
    const stop = lab.engine.onLoading((loading) => {
      if (loading.set === "test") this.loading = loading;
    });
    try {
      this.failed = false;
      const { total } = await lab.engine.load("test");
      const rows = Array.from({ length: total }, (_, i) => i);
      this.digits = await lab.engine.digits("test", rows);
      return this.digits;
    } catch (error) {
      this.failed = true;
      this.#loads = null;
      throw error;
    } finally {
      stop();
    }
  }

  /** Found once a network, then kept. */
  #once<T>(model: Model, name: string, find: () => Promise<T>): Promise<T> {
    let known = this.#kept.get(model);
    if (!known) this.#kept.set(model, (known = new Map()));
    const there = known.get(name) as Promise<T> | undefined;
    if (there) return there;
    const found = find();
    known.set(name, found);
    found.catch(() => known.delete(name));
    return found;
  }

  /** The kernel on all test digits; kept by what was altered where that is worth it. */
  async evaluate(model: Model, options: EvaluationOptions = {}): Promise<Evaluation> {
    await this.load();
    return lab.engine.evaluate(model, "test", options);
  }
  asItIs(model: Model): Promise<Evaluation> {
    return this.#once(model, "whole", () => this.evaluate(model));
  }
  shifted(model: Model, down: number, right: number): Promise<number> {
    return this.#once(model, `${down},${right}`, async () => {
      return (await this.evaluate(model, { shift: [down, right] })).accuracy;
    });
  }

  /** Confidence against truth: its own outputs without gates, calibrated with them. */
  told(who: Who): Promise<Told> | null {
    const model = this.model(who);
    if (!model) return null;
    return this.#once(model, `told ${who}`, async () => {
      const { answers, labels, confidences } = await this.asItIs(model);
      let told: ArrayLike<number> = confidences;
      if (who !== "plain" && model.gates) {
        const { pixels } = await this.load();
        const { z } = await lab.engine.outputs(model, pixels);
        told = confidencesOf(z, model.classes.length, model.gates.temperature);
      }
      const isRight = Array.from(answers, (answer, i) => answer === labels[i]);
      return { reliability: reliability(told, isRight), confidences: told, answers, labels };
    });
  }

  /** What the gates say to every test digit; a slice at a time, so that the page stays awake. */
  judged(model: Model, heard: (share: number) => void): Promise<Judged> {
    return this.#once(model, "judged", async () => {
      const { pixels, labels } = await this.load();
      return judgedOf(await this.#say(model, pixels, true, heard), labels);
    });
  }

  async #say(
    model: Model,
    pixels: Uint8Array,
    gated: boolean,
    heard?: (share: number) => void,
  ): Promise<Said[]> {
    const n = pixels.length / 784;
    const all: Said[] = [];
    while (all.length < n) {
      const until = performance.now() + SLICE_MS;
      while (all.length < n && performance.now() < until) {
        const k = all.length;
        all.push(said(model, pixels.subarray(k * 784, (k + 1) * 784), gated));
      }
      heard?.(all.length / n);
      await pause();
    }
    return all;
  }

  /** Pictures of a kind that is no digit, drawn by code. */
  set(kind: NonDigit): Promise<Uint8Array> {
    let found = this.#sets.get(kind);
    if (!found) {
      found = this.#make(kind);
      this.#sets.set(kind, found);
      found.catch(() => this.#sets.delete(kind));
    }
    return found;
  }
  async #make(kind: NonDigit): Promise<Uint8Array> {
    if (kind !== "pairs" && kind !== "upside_down") return nonDigits(kind, N_SET);
    const rows = Array.from({ length: N_MATERIAL }, (_, i) => i);
    return nonDigits(kind, N_SET, 0, await lab.engine.digits("test", rows));
  }
  async saidTo(kind: NonDigit, who: Who): Promise<Said[]> {
    const model = this.model(who);
    if (!model) return [];
    const pixels = await this.set(kind);
    return this.#once(model, `${kind} ${who}`, () => this.#say(model, pixels, who !== "plain"));
  }

  /** Shows what is so, and takes the keyboard along: what was pressed is gone. */
  reveal(question: Question): void {
    this.revealed = { ...this.revealed, [question]: true };
    void tick().then(() => document.getElementById("trust-found")?.focus({ preventScroll: true }));
  }
}

export const trust = new Trust();

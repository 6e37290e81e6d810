// Rules against learning: the visitor's rules, and how many of 10,000 digits they get right.
import { answersOf, measure, type Column, type Rule, type Test } from "../components/see/features";
import { lab } from "./lab.svelte";

const N = 10000;
const SLICE_MS = 12; // the page stays awake while columns are measured

class Rules {
  rules = $state<Rule[]>([
    { test: { kind: "feature", feature: "holes" }, atLeast: true, than: 2, answer: 8 },
  ]);
  otherwise = $state(1);
  pixels = $state.raw<Uint8Array | null>(null);
  labels = $state.raw<Uint8Array | null>(null);
  answers = $state.raw<Uint8Array | null>(null);
  /** How many the network gets right, by digit and in all. */
  learnt = $state.raw<{ right: number; perClass: number[] } | null>(null);
  busy = $state(false);
  failed = $state(false);
  #columns = new Map<string, Column>();
  #turn = 0;

  async load(): Promise<void> {
    try {
      if (!this.pixels) {
        await lab.engine.load("test");
        const { pixels, labels } = await lab.engine.digits(
          "test",
          Array.from({ length: N }, (_, i) => i),
        );
        this.pixels = pixels;
        this.labels = labels;
      }
      await this.judge();
      const { model } = lab;
      if (model) {
        const { accuracy, perClass } = await lab.engine.evaluate(model, "test");
        this.learnt = { right: Math.round(accuracy * N), perClass };
      }
    } catch (error) {
      console.error(error);
      this.failed = true;
    }
  }

  /** What a test is for all digits, measured once. */
  async #column(test: Test): Promise<Column> {
    const key = test.kind === "pixel" ? `p${test.at}` : test.feature;
    const known = this.#columns.get(key);
    if (known) return known;
    const pixels = this.pixels as Uint8Array;
    const column = new Float32Array(N);
    let until = performance.now() + SLICE_MS;
    for (let i = 0; i < N; i++) {
      column[i] =
        test.kind === "pixel"
          ? pixels[i * 784 + test.at] / 255
          : measure(test.feature, pixels, i * 784);
      if (performance.now() > until) {
        await new Promise((next) => setTimeout(next));
        until = performance.now() + SLICE_MS;
      }
    }
    this.#columns.set(key, column);
    return column;
  }

  /** Puts the rules to all digits; a newer call overtakes an older one. */
  async judge(): Promise<void> {
    if (!this.pixels) return;
    const turn = ++this.#turn;
    this.busy = true;
    const rules = $state.snapshot(this.rules) as Rule[];
    const otherwise = this.otherwise;
    const columns: Column[] = [];
    for (const { test } of rules) columns.push(await this.#column(test));
    if (turn !== this.#turn) return;
    this.answers = answersOf(rules, columns, otherwise, N);
    this.busy = false;
  }
}

export const rules = new Rules();

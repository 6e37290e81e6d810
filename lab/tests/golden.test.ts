// Python and the page: same seed, same network, same digit, same numbers. tests/test_lab_golden.py wrote them.
import { describe, expect, test } from "vitest";
import { toDigitOf } from "./drawings";
import { forward } from "../src/core/forward";
import { shown } from "../src/core/figures";
import { initialLayer, initialModel } from "../src/core/initial";
import { cover, drawn, templates } from "../src/core/pen";
import { normal, order, uniform, words } from "../src/core/philox";
import { BEST_AUGMENTATION, LESSON } from "../src/core/settings";
import { figures, neuron } from "../src/core/terms";
import { onReference, open, toInputs, why, whyFigures } from "../src/core/why";
import type { InitializerName, Model, Settings } from "../src/engine/protocol";
import { summary } from "../src/engine/worker/evaluation";
import { fromRows, type Kernel } from "../src/engine/worker/kernel";
import { Run } from "../src/engine/worker/run";
import { searchStroke } from "../src/engine/worker/strokes";
import {
  digest,
  digestOf,
  digit,
  golden,
  images,
  labels,
  newKernel,
  putTraining,
} from "./material";

interface GoldenRun {
  sizes: number[];
  form: Pick<Settings, "activation" | "output" | "loss" | "initializer">;
  optimizer: { name: string; learning_rate: number; momentum?: number; nesterov?: boolean };
  regularization: { l1?: number; l2?: number; dropout?: number };
  augmentation: number;
  losses: number[];
  accuracy: number[];
  parameters: string;
}

function settingsOf(run: GoldenRun): Settings {
  const { name, learning_rate, momentum, nesterov } = run.optimizer;
  return {
    ...LESSON,
    ...run.form,
    sizes: run.sizes,
    seed: golden.seed,
    optimizer: (momentum ? (nesterov ? "nesterov" : "momentum") : name) as Settings["optimizer"],
    learningRate: learning_rate,
    momentum: momentum ?? 0,
    batchSize: golden.batch,
    nExamples: golden.n,
    l1: run.regularization.l1 ?? 0,
    l2: run.regularization.l2 ?? 0,
    dropout: run.regularization.dropout ?? 0,
    augmentation: run.augmentation,
  };
}

/** A run alone in a kernel's memory. */
function settled(kernel: Kernel, data: number, settings: Settings, first?: Model) {
  const run = new Run(kernel, () => data, settings, first);
  const mark = kernel.x.mark();
  const rebuild = (): void => {
    run.lift();
    kernel.x.release(mark);
    run.settle();
  };
  run.settle();
  return { run, rebuild };
}

describe("random numbers", () => {
  test("have the bits of Python's", () => {
    expect([...words(2 ** 40 + 3, 5, 7, 2, 9)]).toEqual(golden.random.words);
    expect([...uniform(3, 1, 5, 0, 1)]).toEqual(golden.random.uniform);
    expect([...order(7, 3, 12)]).toEqual(golden.random.order);
    normal(3, 1, 5, 0, 1).forEach((g, i) => expect(g).toBeCloseTo(golden.random.normal[i], 13));
  });
  test("make the same initial weights", () => {
    for (const rule of Object.keys(golden.initial) as InitializerName[]) {
      const { W, b } = initialLayer(rule, 784, 16, "relu", 11, 2);
      expect(digest([W, b]), rule).toBe(golden.initial[rule]);
    }
  });
});

describe("same seed, same training curve", () => {
  test.each(Object.keys(golden.runs))("%s", (name) => {
    const wanted = golden.runs[name] as GoldenRun;
    const kernel = newKernel();
    const { run, rebuild } = settled(kernel, putTraining(kernel, golden.n), settingsOf(wanted));
    for (let epoch = 0; epoch < golden.epochs; ++epoch) {
      const made = run.advance(Math.ceil(golden.n / golden.batch), rebuild);
      expect(made.examples).toBe(golden.n);
      // The parameters agree to the last bit; the losses to the order in which Python adds them up.
      expect(made.loss / made.examples / wanted.losses[epoch]).toBeCloseTo(1, 12);
      expect(made.hits / made.examples).toBeCloseTo(wanted.accuracy[epoch], 12);
    }
    expect(digestOf(run.model())).toBe(wanted.parameters);
    expect(BEST_AUGMENTATION.rotation).toBe(12);
  });
});

describe("the same explanations", () => {
  const kernel = newKernel();
  const data = putTraining(kernel, 3000);
  const model = ((): Model => {
    const mark = kernel.x.mark();
    const one = settled(kernel, data, settingsOf(golden.runs.lesson));
    one.run.advance(golden.epochs * Math.ceil(golden.n / golden.batch), one.rebuild);
    const first = one.run.model();
    kernel.x.release(mark);
    const more = { ...LESSON, seed: 1, nExamples: 3000 };
    const two = settled(kernel, data, more, first);
    two.run.advance(4 * Math.ceil(3000 / 32), two.rebuild);
    return two.run.model();
  })();
  const wanted = golden.explained;

  test("of the same network", () => {
    expect(digestOf(model)).toBe(wanted.parameters);
  });

  test("accuracy on test digits", () => {
    const n = 2000;
    const aside = newKernel();
    const X = aside.put(images("test").subarray(0, n * 784));
    const set = aside.x.pixels(X, n, 784, 0);
    const { spec, parameters } = aside.network(model);
    const outputs = aside.evaluate(spec, set, parameters, n);
    const found = summary(outputs, labels("test").slice(0, n), 10, "sse", 0);
    expect(found.accuracy).toBe(wanted.accuracy);
    expect(found.confusion.flat().reduce((a, b) => a + b)).toBe(n);
  });

  test("the gradient", () => {
    const aside = newKernel();
    const set = putTraining(aside, 40);
    const { spec, parameters } = aside.network(model);
    const chosen = aside.put(Uint32Array.from(wanted.rows));
    const out = aside.take(4 * spec.nNumbers);
    const n = wanted.rows.length;
    const loss = aside.x.gradient(spec.address, set, parameters, chosen, n, out);
    expect(loss).toBeCloseTo(wanted.loss, 6);
    const found = fromRows(spec, aside.floats(out, spec.nNumbers).slice());
    found.forEach((g, k) => {
      const sum = g.reduce((s, one) => s + Math.abs(one), 0);
      expect(sum / wanted.gradient_sums[k]).toBeCloseTo(1, 5);
    });
    const nIn = [784, 16, 16];
    nIn.forEach((n, k) => expect(found[2 * k][n + 5]).toBeCloseTo(wanted.gradient_sample[k], 7));
  });

  test.each(Object.keys(wanted.digits))("of test digit %s", (key) => {
    const said = wanted.digits[key];
    const pixels = digit("test", Number(key));
    const pass = forward(model, pixels);
    // The kernel has float32, the page float64: they differ by the kernel's rounding.
    const near = (found: ArrayLike<number>, there: number[], apart: number): void =>
      there.forEach((one, i) => expect(Math.abs(found[i] - one)).toBeLessThan(apart));
    for (const layer of [1, 2, 3]) {
      near(pass.z[layer], said.z[layer - 1], 2e-5);
      near(pass.a[layer], said.a[layer - 1], 5e-6);
    }
    const w = why(model, pass);
    expect([w.p, w.q]).toEqual([said.answer, said.over]);
    near(
      [w.net, w.bias, w.pullFor, w.pullAgainst],
      [said.net, said.bias, said.pull_for, said.pull_against],
      2e-5,
    );
    expect(w.blocks.map((b) => b.j)).toEqual(said.blocks.map((b: number[]) => b[0]));
    near(
      w.blocks.map((b) => b.value),
      said.blocks.map((b: number[]) => b[1]),
      1e-5,
    );
    near(
      w.blocks.map((b) => b.rest),
      said.blocks.map((b: number[]) => b[2]),
      1e-5,
    );
    near(
      open(w, w.blocks[0]).map((b) => b.value),
      said.opened.map((b: number[]) => b[1]),
      1e-5,
    );
    near(toInputs(w), said.inputs, 1e-5);
    expect(Math.abs(onReference(w) - said.on_reference)).toBeLessThan(2e-5);
    const inputs = toInputs(w).reduce((s, one) => s + one, 0);
    expect(onReference(w) + inputs).toBeCloseTo(w.net, 9);
  });

  test("figures follow the rules of Python, given its numbers", () => {
    for (const said of Object.values(wanted.digits) as typeof wanted.digits) {
      const pass = forward(model, digit("test", 0));
      said.z.forEach((z: number[], k: number) => (pass.z[k + 1] = Float64Array.from(z)));
      said.a.forEach((a: number[], k: number) => (pass.a[k + 1] = Float64Array.from(a)));
      const key = Object.keys(wanted.digits).find((one) => wanted.digits[one] === said)!;
      pass.a[0] = Float64Array.from(digit("test", Number(key)), (u) => u / 255);
      for (const one of said.neurons) {
        const f = figures(model, pass, neuron(model, pass, one.layer, one.j));
        expect({
          bias: shown(f.bias),
          terms: f.terms.map((t) => [shown(t.w), shown(t.a), shown(t.product)]),
          n_others: f.nOthers,
          n_zero: f.nZero,
          others: shown(f.others),
          z: shown(f.z),
          a: shown(f.a),
          equals: f.equals,
        }).toEqual(one.figures);
      }
      const f = whyFigures(why(model, pass));
      expect({
        z_p: shown(f.zP),
        z_q: shown(f.zQ),
        net: shown(f.net),
        terms: f.terms.map((t) => shown(t.value)),
        others: shown(f.others),
      }).toEqual(said.why);
    }
  });

  test.each(Object.keys(wanted.digits))("the stroke that turns digit %s", (key) => {
    const said = wanted.digits[key].stroke;
    const pixels = digit("test", Number(key));
    const found = searchStroke(newKernel(), model, pixels, null)!;
    expect(found.nTried).toBe(said.n_tried);
    // Native and wasm round alike here, so the same strokes turn it.
    expect(found.nTurning).toBe(said.n_turning);
    expect(found.answer).toBe(said.answer);
    expect(found.erases).toBe(!said.drawn);
    found.from.forEach((v, k) => expect(v).toBeCloseTo(said.start[k], 9));
    found.to.forEach((v, k) => expect(v).toBeCloseTo(said.end[k], 9));
    expect(found.l2).toBeCloseTo(said.l2, 9);
    expect(digest([found.pixels])).toBe(said.picture);
    expect(drawn(pixels, cover(found.from, found.to), found.erases)).toEqual(found.pixels);
  });
});

test("of strokes that change a picture equally the first is taken, as in Python", () => {
  const said = golden.tie;
  const W = new Float32Array(2 * 784); // class 0 wins from two pixels of ink on
  for (let i = 0; i < 784; ++i) if (i < 24 * 28 && i % 28 < 24) W[i] = 1;
  const layer = {
    nIn: 784,
    nOut: 2,
    activation: "softmax",
    parameter: 0,
    W,
    b: Float32Array.of(-2, 0),
  };
  const model = { ...initialModel(LESSON), layers: [layer], loss: "cross_entropy" } as Model;
  const found = searchStroke(newKernel(), model, new Uint8Array(784), null)!;
  expect([found.from, found.to, found.nTurning, !found.erases]).toEqual([
    said.start,
    said.end,
    said.n_turning,
    said.drawn,
  ]);
});

describe("the pen", () => {
  test("covers as Python's", () => {
    expect(2 * templates().reduce((n, t) => n + t.middles.length, 0)).toBe(golden.n_strokes);
    for (const one of golden.covers) {
      const found = cover(one.start, one.end);
      const apart = Math.max(...found.map((u, i) => Math.abs(u - one.cover[i])));
      expect(apart).toBeLessThanOrEqual(1); // a half may round either way
    }
  });
});

describe("drawings", () => {
  test.each([0, 1, 2, 3, 4])("drawing %i becomes the digit Python makes of it", (k) => {
    const said = golden.drawings[k];
    const found = toDigitOf(said)!;
    expect(found.box).toEqual(said.box);
    expect([found.scaled.height, found.scaled.width]).toEqual(said.scaled);
    const apart = found.pixels.map((u, i) => Math.abs(u - said.pixels[i]));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    // tt.images.to_digit looks for paper and strokes first; what it finds is the same drawing, a little sharper.
    const mean = said.to_digit.reduce(
      (sum: number, u: number, i: number) => sum + Math.abs(u - found.pixels[i]) / 784,
      0,
    );
    expect(mean).toBeLessThan(4);
  });
});

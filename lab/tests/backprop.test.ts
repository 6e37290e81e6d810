import { describe, expect, test } from "vitest";
import { activity, layerNorms } from "../src/core/activity";
import { chain, foundLoss, lossUnder, updated, walk, wishes } from "../src/core/backprop";
import { initialModel } from "../src/core/initial";
import { LESSON, MODERN } from "../src/core/settings";
import type { Model, Settings } from "../src/engine/protocol";
import { fromRows } from "../src/engine/worker/kernel";
import { digit, images, labels, newKernel, putTraining } from "./material";

const FORMS: Record<string, Settings> = {
  lesson: { ...LESSON, initializer: "auto", seed: 4 },
  modern: { ...MODERN, seed: 4 },
  "tanh and mse": {
    ...LESSON,
    sizes: [784, 9, 10],
    activation: "tanh",
    output: "linear",
    loss: "mse",
    seed: 4,
  },
  "gelu, softmax and sse": {
    ...LESSON,
    sizes: [784, 8, 10],
    activation: "gelu",
    output: "softmax",
    seed: 4,
  },
  "leaky and huber": {
    ...LESSON,
    sizes: [784, 8, 7, 10],
    activation: "leaky_relu",
    output: "linear",
    loss: "huber",
    seed: 4,
  },
  "yes or no each": { ...LESSON, sizes: [784, 8, 10], loss: "binary_cross_entropy", seed: 4 },
};
const pixels = images("train").slice(0, 6 * 784);
const classes = labels("train").slice(0, 6);

describe.each(Object.keys(FORMS))("%s", (name) => {
  const model = initialModel(FORMS[name]);
  const of = walk(model, pixels, classes, 1e-3);

  test("every kind of parameter agrees with its finite difference", () => {
    const L = model.layers.length;
    const live = pixels.findIndex((u, i) => i < 784 && u > 100);
    const some: [number, number, number | null][] = [
      [1, 3, live],
      [1, 0, null],
      [L, 9, 2],
      [L, 4, null],
      ...(L > 2 ? ([[2, 5, 1]] as [number, number, number][]) : []),
    ];
    for (const [layer, j, i] of some) {
      const c = chain(of, layer, j, i, 1);
      expect(c.difference.slope).not.toBeNull();
      expect(Math.abs(c.gradient - c.difference.slope!)).toBeLessThan(1e-8);
      expect(c.pushes.reduce((a, b) => a + b, 0)).toBeCloseTo(c.gradient, 12);
      // delta of the example is what arrives through the slope
      if (c.slope !== null) expect(c.arriving * c.slope).toBeCloseTo(c.delta[1], 14);
      const sum = c.terms.reduce((s, t) => s + t.product, 0);
      if (layer < L) expect(sum).toBeCloseTo(c.arriving, 14);
      for (let k = 1; k < c.terms.length; ++k)
        expect(Math.abs(c.terms[k].product)).toBeLessThanOrEqual(Math.abs(c.terms[k - 1].product));
    }
  });

  test("is the kernel's gradient", () => {
    const kernel = newKernel();
    const data = putTraining(kernel, 6);
    const { spec, parameters } = kernel.network(model);
    const rows = kernel.put(Uint32Array.from([0, 1, 2, 3, 4, 5]));
    const out = kernel.take(4 * spec.nNumbers);
    const loss = kernel.x.gradient(spec.address, data, parameters, rows, 6, out);
    const found = fromRows(spec, kernel.floats(out, spec.nNumbers).slice());
    expect(loss).toBeCloseTo(of.loss, 4);
    const mine = of.dW.slice(1).flatMap((W, k) => [W, of.db[k + 1]]);
    mine.forEach((g, k) => {
      const largest = Math.max(...g.map(Math.abs));
      g.forEach((one, i) =>
        expect(Math.abs(one - found[k][i])).toBeLessThan(1e-5 * largest + 1e-8),
      );
    });
    layerNorms(found).forEach((norm, k) => expect(norm / of.layerNorms[k + 1]).toBeCloseTo(1, 4));
  });

  test("the loss falls by what was predicted, to first order", () => {
    const eta = 1e-3;
    const fall = of.loss - foundLoss(of, eta);
    const predicted = eta * of.gradientNorm ** 2;
    expect(fall / predicted).toBeGreaterThan(0.7);
    expect(fall / predicted).toBeLessThan(1.3);
    expect(lossUnder(of, model)).toBeCloseTo(of.loss, 12);
    expect(updated(of, 0).layers[0].W).toEqual(model.layers[0].W);
  });
});

test("a ReLU at its kink has no derivative, and that is said", () => {
  const model = initialModel({ ...MODERN, sizes: [784, 4, 10], seed: 1 });
  model.layers[0].W.fill(0, 0, 784); // neuron 0 has z = 0 on every digit
  const of = walk(model, digit("train", 0), [5]);
  expect(chain(of, 1, 0, null).difference.slope).toBeNull();
});

test("wishes point to the right class", () => {
  const of = walk(initialModel(FORMS.lesson), pixels, classes);
  wishes(of).forEach((w, e) => w.forEach((one, j) => expect(one > 0).toBe(j === classes[e])));
});

test("dead and saturated neurons are found", () => {
  const relu: Model = initialModel({ ...MODERN, seed: 2 });
  relu.layers[0].b[3] = -1000;
  const seen = activity(relu, pixels);
  expect(seen[0][3].isDead).toBe(true);
  expect(seen[0].filter((one) => one.isDead).length).toBeLessThan(8);
  const sigmoid = initialModel({ ...LESSON, initializer: "lesson", seed: 2 });
  const healthy = activity(initialModel({ ...LESSON, seed: 2 }), pixels);
  const saturated = activity(sigmoid, pixels)[0].filter((one) => one.isSaturated).length;
  expect(saturated).toBeGreaterThan(healthy[0].filter((one) => one.isSaturated).length);
});

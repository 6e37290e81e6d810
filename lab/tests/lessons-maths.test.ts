// What the lessons compute, against independent evidence.
import { describe, expect, it } from "vitest";
import { blobOver, edgeNeuron, fires } from "../src/core/edgeNeuron";
import { forward } from "../src/core/forward";
import { initialModel } from "../src/core/initial";
import { parse } from "../src/core/rules";
import { LESSON } from "../src/core/settings";
import { LESSONS } from "../src/lessons";
import { CORNERS, cornersRight, mostCorners, sum2 } from "../src/lessons/maths/corners";
import { gradients } from "../src/lessons/maths/depthGradients";
import {
  amplitudes,
  centred,
  lookalike,
  spectrum,
  support,
} from "../src/lessons/maths/randomPhase";
import { READY, textOf } from "../src/lessons/maths/readyRules";
import { places, rewired, shuffled } from "../src/lessons/maths/shuffle";
import { images, labels } from "./material";

describe("shuffling", () => {
  const by = places(7);
  it("is a reordering that is not the same order", () => {
    expect([...by].sort((a, b) => a - b)).toEqual(Array.from({ length: 784 }, (_, i) => i));
    expect(by.filter((to, k) => to === k).length).toBeLessThan(20);
  });
  it("leaves the rewired network's answers as they were, and the others not", () => {
    const model = initialModel(LESSON);
    const picture = images("test").slice(0, 784);
    const before = forward(model, picture).a[3];
    const mixed = shuffled(picture, by);
    const after = forward(rewired(model, by), mixed).a[3];
    after.forEach((a, j) => expect(a).toBeCloseTo(before[j], 12));
    expect(
      Math.max(...forward(model, mixed).a[3].map((a, j) => Math.abs(a - before[j]))),
    ).toBeGreaterThan(0.001);
  });
});

describe("a neuron with two inputs", () => {
  it("can do and and or, and three corners of exclusive or", () => {
    expect([mostCorners("and", 6), mostCorners("or", 6), mostCorners("xor", 6)]).toEqual([4, 4, 3]);
    expect(cornersRight({ w1: 8, w2: 8, b: -10, activation: "step" }, "and")).toBe(CORNERS.length);
  });
  it("stays silent where lesson 2 says so", () => {
    const { options } = LESSONS[1].steps[1];
    const { w1, w2, b, x1, x2 } = options as Record<string, number>;
    expect(sum2({ w1, w2, b, activation: "step" }, x1, x2)).toBeCloseTo(-0.4, 12);
    expect(LESSONS[1].steps[0].guess?.answer).toBe(1);
  });
});

it("a blob fools the edge neuron without negatives and no other: the answer of lesson 4", () => {
  const [bare, whole] = [edgeNeuron(false), edgeNeuron(true)];
  expect(fires(bare, blobOver(whole))).toBe(true);
  expect(fires(whole, blobOver(whole))).toBe(false);
  expect(LESSONS[3].steps[0].guess?.answer).toBe(0);
});

it("ready rules are all understood, and every digit has one", () => {
  const { rules, faults } = parse(textOf(READY.map(() => true)));
  expect(faults).toEqual([]);
  expect(new Set(rules.map(({ digit }) => digit)).size).toBe(10);
  expect(parse(textOf(READY.map((_, k) => k === 0))).rules).toHaveLength(1);
});

describe("chance as smooth as weights", () => {
  const within = support(images("train").subarray(0, 300 * 784));
  const w = Float64Array.from(
    { length: 784 },
    (_, i) => Math.sin((i % 28) / 3) * Math.exp(-(((Math.floor(i / 28) - 14) / 5) ** 2)),
  );
  it("has a right transform: a constant is all in one place, and Parseval holds", () => {
    const { re, im } = spectrum(new Float64Array(784).fill(2));
    expect(re[0]).toBeCloseTo(1568, 9);
    expect(Math.max(...re.slice(1).map(Math.abs), ...im.map(Math.abs))).toBeLessThan(1e-9);
    const total = amplitudes(w).reduce((sum, a) => sum + a * a, 0);
    expect(total / 784).toBeCloseTo(
      w.reduce((sum, v) => sum + v * v, 0),
      9,
    );
  });
  it("keeps the spectrum and the place, and nothing of the form", () => {
    const real = centred(w, within);
    const chance = lookalike(w, within, 3);
    const [wanted, got] = [amplitudes(real), amplitudes(chance)];
    const size = Math.sqrt(wanted.reduce((sum, a) => sum + a * a, 0));
    const apart = Math.sqrt(wanted.reduce((sum, a, k) => sum + (a - got[k]) ** 2, 0));
    expect(apart / size).toBeLessThan(0.25);
    chance.forEach((v, i) => !within[i] && expect(v).toBe(0));
    const dot = (a: Float64Array, b: Float64Array): number =>
      a.reduce((sum, v, i) => sum + v * b[i], 0);
    const r = dot(real, chance) / Math.sqrt(dot(real, real) * dot(chance, chance));
    expect(Math.abs(r)).toBeLessThan(0.4);
    expect([...lookalike(w, within, 3)]).toEqual([...chance]);
  });
});

it("sigmoid gradients vanish towards the first layers, ReLU's do not", () => {
  const [x, y] = [images("train").subarray(0, 8 * 784), labels("train").subarray(0, 8)];
  const [sigmoid, relu] = [gradients("sigmoid", 7, x, y), gradients("relu", 7, x, y)];
  expect(sigmoid).toHaveLength(8);
  for (let l = 1; l < 8; ++l) expect(sigmoid[l]).toBeGreaterThan(sigmoid[l - 1]);
  expect(sigmoid[7] / sigmoid[1]).toBeGreaterThan(1000);
  expect(relu[7] / relu[1]).toBeLessThan(20);
});

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { addStroke, board, fromPicture, fromStrokes, type Stroke } from "../src/core/digit";
import {
  biasFor,
  blobOver,
  edgeNeuron,
  fires,
  firesOn,
  perfectEdge,
  weightedSum,
} from "../src/core/edgeNeuron";
import {
  decimalsFor,
  fixed,
  minus,
  plus,
  rounded,
  shown,
  significant,
  valueOf,
} from "../src/core/figures";
import { erfc, f, forward, slope } from "../src/core/forward";
import { atMost, enough, verdict } from "../src/core/gates";
import { initialModel } from "../src/core/initial";
import { nonDigits, NON_DIGITS } from "../src/core/nonDigits";
import { mistakes, reliability } from "../src/core/reliability";
import { FileFormatError, readModel, writeModel } from "../src/core/safetensors";
import { LESSON, MODERN } from "../src/core/settings";
import { argmax, fsum, rint } from "../src/core/sums";
import { at, dot, orthogonal, placeOf, randomDirection, spread } from "../src/core/surface";
import { CurveFit, descend, downhill, height, lossAt, slopesAt, walkTo } from "../src/core/walkers";
import { ropeFigures, why, whyFigures } from "../src/core/why";
import type { ActivationName } from "../src/engine/protocol";
import { digestOf, digit, golden, images, labels } from "./material";

describe("sums and figures", () => {
  test("fsum is correctly rounded, whatever the order", () => {
    expect(fsum([1e16, 1, -1e16])).toBe(1);
    expect(fsum([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toBe(1);
    expect(fsum([1e308, 1e292, -1e308])).toBe(1e292);
    expect(fsum([])).toBe(0);
  });
  test("halves go to the even number", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5].map((x) => rint(x) + 0)).toEqual([0, 2, 2, 0, -2]);
    expect(shown(rounded(0.125, 2))).toBe("0.12");
    expect(shown(rounded(2.345, 2))).toBe("2.35"); // the double lies above the half
  });
  test("figures have a real minus, never −0, and add up", () => {
    expect(shown(rounded(-0.001, 2))).toBe("0.00");
    expect(shown(rounded(-12.5, 1), "+")).toBe("−12.5");
    expect(shown(rounded(3, 2), "+")).toBe("+3.00");
    expect(shown(significant(0.0123456, 3))).toBe("0.0123");
    expect(shown(significant(0.5, 3))).toBe("0.5");
    expect(shown(significant(1234567, 3))).toBe("1230000");
    expect([decimalsFor([12.5, 0.3], 0.004), decimalsFor([12.5, 0.3], 3)]).toEqual([4, 2]);
    const sum = plus(rounded(1.23, 2), rounded(-0.4, 1));
    expect([valueOf(sum), valueOf(minus(sum, sum))]).toEqual([0.83, 0]);
    expect(fixed(NaN, 2)).toBe("–");
  });
});

describe("functions", () => {
  const names: ActivationName[] = [
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "gelu",
    "exp",
  ];
  test.each(names)("the slope of %s is its finite difference", (name) => {
    for (const z of [-3.1, -0.4, 0.7, 2.9]) {
      const h = 1e-6;
      const found = (f(name, z + h, 0.01) - f(name, z - h, 0.01)) / (2 * h);
      expect(slope(name, z, f(name, z, 0.01), 0.01) - found).toBeCloseTo(0, 7);
    }
  });
  test("erfc is right to 13 digits", () => {
    const known: [number, number][] = [
      [0.5, 0.4795001221869535],
      [1, 0.15729920705028513],
      [2.4, 0.0006885138966450785],
      [3, 2.209049699858544e-5],
      [-1, 1.8427007929497148],
    ];
    for (const [x, y] of known) expect(erfc(x) / y).toBeCloseTo(1, 12);
  });
});

describe("model files", () => {
  const bytes = new Uint8Array(Buffer.from(golden.file.base64, "base64"));
  test("of Python are read", () => {
    const model = readModel(bytes);
    expect(model.layers.map((l) => [l.nIn, l.nOut, l.activation])).toEqual([
      [4, 3, "leaky_relu"],
      [3, 2, "softmax"],
    ]);
    expect(model.classes).toEqual(["no", "yes"]);
    expect(model.layers.flatMap((l) => [[...l.W], [...l.b]])).toEqual(golden.file.parameters);
    expect(model.description).toContain(`"seed":${2n ** 63n + 5n}`); // more than a number holds
  });
  test("that were read keep their description", () => {
    const again = readModel(writeModel(readModel(bytes)));
    expect(again).toEqual(readModel(bytes));
  });
  test("with gates keep them", () => {
    const gated = readModel(new Uint8Array(Buffer.from(golden.gates.base64, "base64")));
    expect(gated.gates).not.toBeNull();
    expect(readModel(writeModel(gated))).toEqual(gated);
  });
  test("of the page are those that Python was shown", () => {
    // tests/test_lab_golden.py reads page.json; after a change of the format write it anew: WRITE_GOLDEN=1
    const model = initialModel({ ...MODERN, sizes: [784, 2, 10], seed: 6 });
    model.layers = model.layers.slice(1); // 2-10 is enough to read
    const written = {
      base64: Buffer.from(writeModel(model, { seed: 6, initializer: "auto" })).toString("base64"),
      sizes: [2, 10],
      activations: ["softmax"],
      seed: 6,
      parameters: model.layers.flatMap((l) => [[...l.W], [...l.b]]),
    };
    const path = new URL("golden/page.json", import.meta.url);
    if (process.env.WRITE_GOLDEN) writeFileSync(path, JSON.stringify(written) + "\n");
    expect(JSON.stringify(written) + "\n").toBe(readFileSync(path, "utf8"));
    expect(digestOf(readModel(Buffer.from(written.base64, "base64")))).toBe(digestOf(model));
  });
  test.each([
    ["an empty file", (): Uint8Array => new Uint8Array(3)],
    ["a header beyond the end", (b: Uint8Array): Uint8Array => ((b[4] = 9), b)],
    ["a cut file", (b: Uint8Array): Uint8Array => b.slice(0, -4)],
    ["what is no JSON", (b: Uint8Array): Uint8Array => ((b[9] = 0), b)],
    ["a parameter that is not finite", (b: Uint8Array): Uint8Array => (b.fill(255, -4), b)],
  ])("%s is refused", (_, damage) => {
    expect(() => readModel(damage(bytes.slice()))).toThrow(FileFormatError);
  });
});

describe("gates", () => {
  test("give the verdicts of Python", () => {
    const { base64, rows, verdicts } = golden.gates;
    const model = readModel(new Uint8Array(Buffer.from(base64, "base64")));
    const kinds = new Set<string>();
    rows.forEach((row: number[], k: number) => {
      const said = verdicts[k];
      const found = verdict(model, forward(model, Float32Array.from(row)), golden.gates.risk)!;
      expect(found.verdict).toBe(said.verdict);
      expect([found.likeliest, found.next, found.answer]).toEqual([
        said.likeliest,
        said.next,
        said.answer,
      ]);
      expect(found.check).toBe(said.check);
      expect(found.probabilities[found.likeliest]).toBeCloseTo(said.confidence, 4);
      expect(found.novelty[found.check] / said.novelty).toBeCloseTo(1, 4);
      expect(found.score).toBeCloseTo(said.score, 3);
      kinds.add(found.verdict);
    });
    expect(kinds.size).toBe(3);
  });
  test("a binomial tail", () => {
    expect(atMost(1, 2, 0.5)).toBeCloseTo(0.75, 14);
    expect(atMost(0, 299, 0.01)).toBeCloseTo(0.99 ** 299, 14);
    expect(enough(0.01)).toBe(628); // P(Bin(628, 0.01) <= 2) <= 0.05 < P(Bin(627, 0.01) <= 2)
    expect(atMost(2, 628, 0.01)).toBeLessThanOrEqual(0.05);
    expect(atMost(2, 627, 0.01)).toBeGreaterThan(0.05);
  });
});

describe("why", () => {
  test("blocks of the rope add up as shown", () => {
    const model = initialModel({ ...LESSON, seed: 9 });
    for (const i of [0, 1, 2, 3]) {
      const of = why(model, forward(model, digit("test", i)));
      const terms = ropeFigures(of);
      const sum = terms.reduce((s, t) => plus(s, t.value), rounded(0, 0));
      expect(valueOf(minus(sum, whyFigures(of, of.terms.length).net))).toBe(0);
      expect(terms).toHaveLength(17);
    }
  });
});

describe("drawing", () => {
  const seven: Stroke = {
    points: [
      [80, 60],
      [190, 60],
      [120, 230],
    ],
    width: 24,
  };
  test("is in the middle, in a box of 20, wherever it was drawn", () => {
    const moved = {
      ...seven,
      points: seven.points.map(([x, y]): [number, number] => [x + 31, y - 17]),
    };
    const a = fromStrokes([seven])!;
    expect(fromStrokes([moved])!.pixels).toEqual(a.pixels);
    expect(Math.max(a.scaled.width, a.scaled.height)).toBe(20);
    let [mass, row] = [0, 0];
    a.pixels.forEach((u, i) => ((mass += u), (row += u * Math.floor(i / 28))));
    expect(Math.abs(row / mass - 14)).toBeLessThan(0.6);
  });
  test("can be added to, erased, and empty", () => {
    const plane = board([{ ...seven, points: seven.points.slice(0, 2) }]);
    addStroke(plane, { ...seven, points: seven.points.slice(1) });
    expect(plane.ink).toEqual(board([seven]).ink);
    const erased = [seven, { ...seven, width: 60, erases: true }];
    expect(fromStrokes(erased)).toBeNull();
    expect(fromStrokes([])).toBeNull();
    expect(fromStrokes([{ points: [[140, 140]], width: 30 }])).not.toBeNull();
  });
  test.each([
    ["dark on light", 255, 0],
    ["light on dark", 20, 230],
    ["grey on grey", 190, 90],
  ])("a picture, %s, becomes the digit of its strokes", (_, paper, ink) => {
    const plane = board([seven]);
    const data = new Uint8ClampedArray(280 * 280 * 4);
    plane.ink.forEach((u, i) => {
      const light = paper + u * (ink - paper) + ((i * 37) % 5) - 2; // a little noise
      data.set([light, light, light, 255], 4 * i);
    });
    const found = fromPicture(data, 280, 280)!;
    expect(found.inverted).toBe(ink > paper);
    const wanted = fromStrokes([seven])!.pixels;
    const apart = found.pixels.reduce((sum, u, i) => sum + Math.abs(u - wanted[i]), 0) / 784;
    expect(apart).toBeLessThan(4);
    expect(fromPicture(new Uint8ClampedArray(40 * 40 * 4).fill(paper), 40, 40)).toBeNull();
  });
});

describe("non-digits", () => {
  const from = { pixels: images("test").slice(0, 50 * 784), labels: labels("test").slice(0, 50) };
  test.each(NON_DIGITS)("%s repeat with their seed", (kind) => {
    const one = nonDigits(kind, 4, 3, from);
    expect(one).toHaveLength(4 * 784);
    expect(nonDigits(kind, 4, 3, from)).toEqual(one);
    if (kind !== "blank") {
      expect(one.some((u) => u > 0)).toBe(true);
      expect(nonDigits(kind, 4, 4, from)).not.toEqual(one);
    }
  });
});

describe("the edge neuron", () => {
  test("is Python's", () => {
    for (const surround of [true, false]) {
      const { w, b } = edgeNeuron(surround);
      const said = golden.edge[surround ? 0 : 1];
      expect(b).toBe(said.b);
      w.forEach((one, i) => expect(one).toBeCloseTo(said.w[i], 6));
    }
    expect([...blobOver(edgeNeuron())]).toEqual(golden.edge[2]);
  });
  test("without the minus is fooled by a blob", () => {
    const [careful, naive] = [edgeNeuron(true), edgeNeuron(false)];
    expect([fires(careful, perfectEdge(careful)), fires(naive, perfectEdge(naive))]).toEqual([
      true,
      true,
    ]);
    const blob = blobOver(careful);
    expect([fires(careful, blob), fires(naive, blob)]).toEqual([false, true]);
    expect(biasFor(naive.w)).toBe(naive.b);
    expect(weightedSum(naive, perfectEdge(naive))).toBe(-naive.b);
    const seen = firesOn(
      naive,
      images("test").subarray(0, 784 * 500),
      labels("test").subarray(0, 500),
    );
    expect(seen.all).toBeGreaterThan(0);
    expect(seen.byClass).toHaveLength(10);
  });
});

test("reliability counts what is there", () => {
  const of = reliability([0.95, 0.85, 0.95, 0.3], [true, false, true, false]);
  expect(of.bins[9]).toEqual({ low: 0.9, high: 1, n: 2, confidence: 0.95, accuracy: 1 });
  expect(of.bins[8].accuracy).toBe(0);
  expect(of.bins[0].accuracy).toBeNull();
  expect(of.ece).toBeCloseTo((0.1 + 0.85 + 0.3) / 4, 12);
  const worst = mistakes({
    answers: Uint8Array.of(1, 2, 3),
    labels: Uint8Array.of(1, 7, 5),
    confidences: Float32Array.of(1, 0.5, 0.75),
  });
  expect(worst.map((one) => [one.index, one.label, one.answer])).toEqual([
    [2, 5, 3],
    [1, 7, 2],
  ]);
});

describe("the plane through all parameters", () => {
  const model = initialModel({ ...LESSON, seed: 1 });
  const u = randomDirection(model, 5, 0);
  const v = orthogonal(u, randomDirection(model, 5, 1));
  test("has directions at right angles, as long for each neuron as its own weights", () => {
    expect(dot(u, v) / dot(u, u)).toBeCloseTo(0, 6);
    const norm = (W: Float32Array): number => Math.hypot(...W.subarray(0, 784));
    expect(norm(u[0]) / norm(model.layers[0].W)).toBeCloseTo(1, 1);
  });
  test("finds places again", () => {
    const place = placeOf(model, u, v, at(model, u, v, 0.3, -0.7));
    expect(place.x).toBeCloseTo(0.3, 5);
    expect(place.y).toBeCloseTo(-0.7, 5);
    expect(place.off).toBeLessThan(1e-4);
    expect(spread(-1, 1, 5)).toEqual([-1, -0.5, 0, 0.5, 1]);
  });
});

describe("walkers", () => {
  const samples = [
    { x: 1, y: 1 },
    { x: -2, y: 0.2 },
  ];
  test("slopes are finite differences", () => {
    const h = 1e-6;
    const { dw, db } = slopesAt(0.3, -0.1, samples);
    expect(dw).toBeCloseTo(
      (lossAt(0.3 + h, -0.1, samples) - lossAt(0.3 - h, -0.1, samples)) / (2 * h),
      7,
    );
    expect(db).toBeCloseTo(
      (lossAt(0.3, -0.1 + h, samples) - lossAt(0.3, -0.1 - h, samples)) / (2 * h),
      7,
    );
    const field = {
      target: [3, 1] as [number, number],
      obstacles: [{ x: 1, y: 1, radius: 0.5 }],
      push: 2,
    };
    const [gx, gy] = downhill(field, 0.4, 0.7);
    expect(-gx).toBeCloseTo(
      (height(field, 0.4 + h, 0.7) - height(field, 0.4 - h, 0.7)) / (2 * h),
      6,
    );
    expect(-gy).toBeCloseTo(
      (height(field, 0.4, 0.7 + h) - height(field, 0.4, 0.7 - h)) / (2 * h),
      6,
    );
  });
  test("a timid, a right and a heavy hand", () => {
    const loss = (w: number): number => (w - 2) ** 2;
    const gradient = (w: number): number => 2 * (w - 2);
    expect(descend(0, 0.3, loss, gradient).ending).toBe("gradient");
    expect(descend(0, 0.001, loss, gradient).ending).toBe("limit");
    expect(descend(0, 0.45, loss, gradient, { smallGradient: 0 }).ending).toBe("loss");
    expect(descend(0, 1.5, loss, gradient, { limit: 5000 }).ending).toBe("diverged");
  });
  test("the figure arrives, and behind a wall it is stuck", () => {
    const open = { target: [4, 0] as [number, number], obstacles: [], push: 0 };
    expect(walkTo(open, [0, 0], 0.1).ending).toBe("arrived");
    const wall = { ...open, obstacles: [{ x: 2, y: 0, radius: 0.6 }], push: 3 };
    expect(walkTo(wall, [0, 0], 0.05).ending).toBe("stuck");
    expect(walkTo(wall, [0, 0.9], 0.05).ending).toBe("arrived");
  });
  test("more units, a closer curve", () => {
    const curve = Array.from({ length: 60 }, (_, k) => {
      const x = -3 + k / 10;
      return { x, y: Math.sin(2 * x) + 0.3 * x };
    });
    const losses = [1, 3, 10].map((n) => new CurveFit(curve, n, "tanh", 1).train(800));
    expect(losses[1]).toBeLessThan(losses[0]);
    expect(losses[2]).toBeLessThan(0.01);
    const fit = new CurveFit(curve, 4, "relu");
    fit.train(50);
    const sum = [0, 1, 2, 3].reduce((s, k) => s + fit.unit(k, 0.5), 0);
    const constant = fit.at(0.5) - sum;
    expect(fit.at(-1) - [0, 1, 2, 3].reduce((s, k) => s + fit.unit(k, -1), 0)).toBeCloseTo(
      constant,
      12,
    );
  });
});

test("argmax takes the first of equals", () => expect(argmax([1, 3, 3])).toBe(1));

// What Learn says of a run: steps, images and epochs; when half was learnt; findings; figures that add up; the file.
import { describe, expect, test } from "vitest";
import { addUp } from "../src/components/learn/addup";
import { num, said, tex } from "../src/components/learn/words";
import { minus, plus, shown, valueOf, type Figure } from "../src/core/figures";
import { initialModel } from "../src/core/initial";
import { readModel, writeModel } from "../src/core/safetensors";
import { LESSON, MODERN } from "../src/core/settings";
import { Engine, type Port } from "../src/engine/client";
import type { Curve, FromWorker, Model, RunFile } from "../src/engine/protocol";
import { Host } from "../src/engine/worker/host";
import { pack, unpack } from "../src/state/learn-file";
import { constantLoss, hints, type Seen } from "../src/state/learn-hints";
import { neuronStates } from "../src/state/learn-neurons";
import { DWELL, faster, paceAfter, PACES, slower } from "../src/state/learn-pace";
import { changesSaid, halfLearnt, reached, timeline, windows } from "../src/state/learn-timeline";
import { digit, kernelModule, server } from "./material";

Object.assign(globalThis, { document: { hidden: true, baseURI: "http://page/" } });

function engine(): Engine {
  const port: Port = {
    postMessage: (message) => void host.receive(structuredClone(message)),
    onmessage: null,
  };
  const post = (message: FromWorker): void => {
    const copy = structuredClone(message);
    setTimeout(() => port.onmessage?.({ data: copy } as MessageEvent<FromWorker>), 0);
  };
  const host = new Host(post, server(400, 300, 100), async () => kernelModule());
  return new Engine(port, "http://page/");
}

describe("the timeline", () => {
  test("counts images and epochs as the engine does, through changes of batch and data", async () => {
    const made = engine();
    await made.load("train");
    const begun = await made.start({ ...LESSON, nExamples: 390, batchSize: 20 });
    const seen: [number, number, number][] = [];
    made.onProgress((p) => seen.push([p.step, p.examplesSeen, p.epoch]));
    await made.advance(27);
    await made.change({ batchSize: 7 });
    await made.advance(30);
    await made.change({ nExamples: 50, learningRate: 1 });
    await made.advance(11);
    const state = await made.advance("epoch");
    await new Promise((resolve) => setTimeout(resolve, 30));
    const time = timeline(begun.settings, state.changes);
    expect(seen.length).toBeGreaterThan(3);
    for (const [step, images, epoch] of seen) {
      expect(time.imagesAt(step), `step ${step}`).toBe(images);
      expect(time.epochAt(step)).toBeCloseTo(epoch, 9);
    }
    expect(time.settingsAt(26).batchSize).toBe(20);
    expect(time.settingsAt(27).batchSize).toBe(7);
    for (const step of [0, 5, 19, 20, 27, 40, 57, 60, state.step]) {
      const back = time.stepAt(time.imagesAt(step));
      expect(back, `back to ${step}`).toBe(step);
    }
    const said = changesSaid(begun.settings, state.changes);
    expect(said.map((one) => one.step)).toEqual([27, 57]);
    expect(said[0].parts).toEqual([{ name: "batchSize", from: 20, to: 7 }]);
    expect(said[1].parts.map((one) => one.name).sort()).toEqual(["learningRate", "nExamples"]);
    const twice = changesSaid(LESSON, [
      { step: 4, change: { nExamples: 100 } },
      { step: 4, change: { nExamples: 200, l2: 0 } },
    ]);
    expect(twice).toEqual([{ step: 4, parts: [{ name: "nExamples", from: 60000, to: 200 }] }]);
    made.close();
  });

  /** Accuracy that rises in a straight line from 0.1 to 0.9 over the first 400 of 1,000 steps of 32 images. */
  const curve: Curve = {
    stepsPerPoint: 1,
    loss: new Float64Array(1000).fill(0.5),
    accuracy: Float64Array.from({ length: 1000 }, (_, k) => Math.min(0.9, 0.1 + (0.8 * k) / 400)),
    changes: [],
  };
  const time = timeline(LESSON, []);

  test("finds when half was learnt", () => {
    const found = halfLearnt(curve, time);
    expect(found?.now).toBeCloseTo(0.9, 6);
    expect(found?.from).toBeLessThan(0.12);
    // half way is 0.5, at step 200; a mean over 500 images lags by 250
    expect(found?.images).toBeGreaterThan(200 * 32);
    expect(found?.images).toBeLessThan(200 * 32 + 600);
    expect(halfLearnt({ ...curve, accuracy: curve.accuracy.slice(0, 100) }, time)).toBeNull();
    const flat = { ...curve, accuracy: new Float64Array(1000).fill(0.1) };
    expect(halfLearnt(flat, time)).toBeNull();
  });

  test("finds when a goal was reached, and never before enough images were counted", () => {
    expect(reached(curve, time, 0.95)).toBeNull();
    const first = reached({ ...curve, accuracy: new Float64Array(1000).fill(1) }, time, 0.9, 1000);
    expect(first?.images).toBe(32 * 32);
    const at = reached(curve, time, 0.5)?.images ?? 0;
    expect(at).toBeGreaterThan(200 * 32);
    expect(at).toBeLessThan(200 * 32 + 1100);
  });

  test("draws windows whose means are those of the curve", () => {
    const few = windows(curve, time, 10);
    expect(few.images).toHaveLength(10);
    expect(few.images[9]).toBe(32000);
    expect(few.accuracy[0]).toBeCloseTo(0.1 + (0.8 * 49.5) / 400, 9);
  });
});

test("the pace doubles by itself and stops at the fastest", () => {
  expect(paceAfter(0)).toBe(1);
  expect(paceAfter(DWELL)).toBe(2);
  expect(paceAfter(3.5 * DWELL, 2)).toBe(16);
  expect(paceAfter(1e9)).toBe(PACES[PACES.length - 1]);
  expect([faster(1), faster(512), slower(8), slower(1)]).toEqual([2, 512, 4, 1]);
});

describe("findings", () => {
  const fine: Seen = {
    settings: LESSON,
    step: 5000,
    diverged: false,
    loss: 0.15,
    best: 0.15,
    bestStep: 5000,
    worse: 0,
    tried: 8,
    updateRatio: 0.004,
    neurons: [],
  };
  const codes = (seen: Partial<Seen>): string[] =>
    hints({ ...fine, ...seen }).map((one) => one.code);

  test("are none where all is well", () => {
    expect(codes({})).toEqual([]);
    expect(codes({ worse: 1 })).toEqual([]);
    expect(codes({ updateRatio: NaN, loss: NaN })).toEqual([]);
  });

  test("name a rate that is too large, too small, or has run away", () => {
    const [found] = hints({ ...fine, worse: 4 });
    expect(found.code).toBe("rateTooLarge");
    expect(found.change?.learningRate).toBeCloseTo(0.15, 12);
    expect(codes({ worse: 8, loss: 0.01 })).toEqual([]); // hardly anything is left to learn
    const settings = { ...LESSON, learningRate: 0.001 };
    const slow = hints({ ...fine, settings, updateRatio: 2e-5, loss: 0.88, best: 0.88 });
    expect(slow.map((one) => one.code)).toEqual(["rateTooSmall"]);
    expect(slow[0].change?.learningRate).toBe(0.01);
    expect(codes({ updateRatio: 2e-5, loss: 0.88, best: 0.88 })).toEqual([]); // the usual rate
    const lost = hints({ ...fine, loss: 0.9, best: 0.2, bestStep: 3000, worse: 4 });
    expect(lost.map((one) => one.code)).toEqual(["lost", "rateTooLarge"]);
    expect(codes({ diverged: true, worse: 8, loss: 5 })).toEqual(["diverged"]);
  });

  test("tell the loss of not looking", () => {
    expect(constantLoss("cross_entropy")).toBeCloseTo(2.302585, 6);
    expect(constantLoss("sse")).toBeCloseTo(0.9 ** 2 + 9 * 0.1 ** 2, 12);
    expect(constantLoss("mse")).toBeCloseTo(constantLoss("sse") / 10, 12);
  });

  test("see neurons that are dead or saturated, and only those", () => {
    const pixels = new Uint8Array(20 * 784);
    for (let k = 0; k < 20; k++) pixels.set(digit("test", k), k * 784);
    const model = initialModel({ ...MODERN, seed: 2 });
    const before = neuronStates(model, pixels);
    expect(before.flat().every((one) => !one.saturated)).toBe(true);
    expect(before[0].filter((one) => one.dead)).toHaveLength(0);
    model.layers[0].b[3] = -1000; // never on
    const dead = neuronStates(model, pixels)[0].filter((one) => one.dead);
    expect(dead.map((one) => one.j)).toEqual([3]);
    const bent = initialModel({ ...LESSON, seed: 2 });
    expect(
      neuronStates(bent, pixels)
        .flat()
        .some((one) => one.saturated || one.dead),
    ).toBe(false);
    const { layers } = bent;
    layers[0] = { ...layers[0], W: layers[0].W.map((w, i) => (i < 784 ? 40000 * w : w)) };
    const found = neuronStates(bent, pixels)[0];
    expect(found[0].saturated || found[0].dead).toBe(true);
    expect(found[1].saturated || found[1].dead).toBe(false);
    const some = hints({
      ...fine,
      neurons: [found.map((one, j) => ({ ...one, saturated: j < 4 }))],
    });
    expect(some.map((one) => one.code)).toEqual(["saturated"]);
  });
});

describe("figures", () => {
  test("add up as they are shown", () => {
    const values = [0.333333, 0.333333, 0.333334, 1e-7, 0.12345678];
    const total = values.reduce((sum, v) => sum + v, 0);
    const { values: parts, total: sum } = addUp(values, total);
    const added = parts.reduce((a: Figure, b) => plus(a, b), { units: 0n, decimals: 0 });
    expect(minus(added, sum).units).toBe(0n);
    expect(valueOf(sum)).toBeCloseTo(total, 3);
    parts.forEach((one, k) => expect(valueOf(one)).toBeCloseTo(values[k], 2));
  });

  test("are short, with a real minus and powers of ten", () => {
    expect(num(-0.0123456)).toBe("−0.0123");
    expect(num(0)).toBe("0");
    expect(num(1.5)).toBe("1.5");
    expect(num(0.000012345)).toBe("1.23·10⁻⁵");
    expect(num(-2.5e8)).toBe("−2.5·10⁸");
    expect(said({ units: -229n, decimals: 10 })).toBe("−2.29·10⁻⁸");
    expect(said({ units: 120n, decimals: 6 }, "+")).toBe("+0.000120");
    expect(tex({ units: 100n, decimals: 12 })).toBe("1.00\\cdot 10^{-10}");
    expect(tex(0.000012345)).toBe("1.23\\cdot 10^{-5}");
    expect(shown({ units: -5n, decimals: 1 })).toBe("−0.5");
  });
});

describe("the file", () => {
  const run: RunFile = {
    format: 1,
    settings: LESSON,
    changes: [{ step: 3, change: { learningRate: 1 } }],
    step: 5,
    end: 9,
  };

  test("holds model, run, twin and drawing; other models come without a run", () => {
    const model: Model = initialModel({ ...LESSON, seed: 4 });
    const bytes = writeModel(model, { seed: 4, recipe: { lab: {}, steps: 5 } });
    const kept = unpack(pack(bytes, run, { ...run, step: 2 }, "t115"));
    expect(kept.run).toEqual(run);
    expect(kept.twin?.step).toBe(2);
    expect(kept.drawing).toBe("t115");
    expect([...kept.model.layers[1].W]).toEqual([...model.layers[1].W]);
    expect(readModel(bytes).layers).toHaveLength(3);
    expect(unpack(bytes).run).toBeNull();
    expect(() => unpack(new Uint8Array([1, 2, 3]))).toThrow("safetensors");
  });
});

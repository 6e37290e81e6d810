// The whole engine without a browser: client, protocol, host, kernel. Two channels stand for the worker.
import { describe, expect, test } from "vitest";
import { layerNorms } from "../src/core/activity";
import { walk } from "../src/core/backprop";
import { judge, parse } from "../src/core/rules";
import { LESSON, MODERN } from "../src/core/settings";
import { argmax } from "../src/core/sums";
import { at, orthogonal, randomDirection } from "../src/core/surface";
import { readModel } from "../src/core/safetensors";
import { Engine, EngineError, type Port } from "../src/engine/client";
import type { Change, FromWorker, Progress, RunFile, Settings } from "../src/engine/protocol";
import { shifted } from "../src/engine/worker/evaluation";
import { Host } from "../src/engine/worker/host";
import { digestOf, digit, images, kernelModule, labels, server } from "./material";

function engineWith(
  nTrain = 400,
  nTest = 300,
  slice = 100,
  fetch = server(nTrain, nTest, slice),
): Engine {
  const port: Port = {
    postMessage: (message) => void host.receive(structuredClone(message)),
    onmessage: null,
  };
  const post = (message: FromWorker): void => {
    const copy = structuredClone(message);
    setTimeout(() => port.onmessage?.({ data: copy } as MessageEvent<FromWorker>), 0);
  };
  const host = new Host(post, fetch, async () => kernelModule());
  return new Engine(port, "http://page/");
}

Object.assign(globalThis, { document: { hidden: true, baseURI: "http://page/" } });

const SMALL: Settings = { ...LESSON, seed: 3, nExamples: 400, batchSize: 20 };

describe("digits", () => {
  test("come slice by slice, and only those asked for", async () => {
    const asked: string[] = [];
    const inner = server(400, 300, 100);
    const engine = engineWith(400, 300, 100, (url) => {
      asked.push(url);
      return inner(url);
    });
    expect(await engine.ready).toEqual({ train: 400, test: 300, fingerprint: "test" });
    const seen: number[] = [];
    engine.onLoading((l) => seen.push(l.loaded));
    const one = await engine.digit("test", 215);
    expect(one.pixels).toEqual(digit("test", 215));
    expect(one.label).toBe(labels("test")[215]);
    expect(asked.filter((url) => url.includes("test-"))).toHaveLength(2);
    expect(await engine.load("train", 150)).toEqual({ loaded: 200, total: 400 });
    expect(seen).toContain(200);
    await expect(engine.digit("test", 300)).rejects.toMatchObject({ code: "range" });
  });

  test("that cannot be had say so", async () => {
    const gone = engineWith(10, 10, 10, async () => Promise.reject(new TypeError("failed")));
    await expect(gone.ready).rejects.toMatchObject({ code: "offline" });
    const inner = server(400, 300, 100);
    const broken = engineWith(400, 300, 100, async (url) =>
      url.endsWith("x.gz") ? new Response(new Uint8Array([0x1f, 0x8b, 1])) : inner(url),
    );
    await broken.ready;
    const error = await broken.digit("train", 3).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe("data");
  });
});

describe("evaluation", () => {
  test("counts, shifts, switches off and changes", async () => {
    const engine = engineWith();
    const begun = await engine.start(MODERN_SMALL);
    await engine.advance(300);
    const { model } = await engine.state();
    const plain = await engine.evaluate(model, "test");
    expect(plain.n).toBe(300);
    expect(plain.accuracy).toBeGreaterThan(0.5);
    expect(await engine.evaluate("main", "test")).toEqual(plain);
    const right = plain.confusion.reduce((sum, row, c) => sum + row[c], 0);
    expect(right / 300).toBeCloseTo(plain.accuracy, 12);
    const part = await engine.evaluate(model, "test", { first: 100, n: 50 });
    expect([...part.answers]).toEqual([...plain.answers.slice(100, 150)]);
    const moved = await engine.evaluate(model, "test", { shift: [6, 0] });
    expect(moved.accuracy).toBeLessThan(plain.accuracy);
    const off = await engine.evaluate(model, "test", { zeroed: [[2, 4]] });
    const W = model.layers[2].W;
    const changed = Array.from({ length: 10 }, (_, j) => ({ layer: 3, j, i: 4, value: 0 }));
    expect(await engine.evaluate("main", "test", { changed })).toEqual(off);
    expect(W.some((w, k) => k % 16 === 4 && w !== 0)).toBe(true);
    const { outputs, z } = await engine.outputs(model, digit("test", 5));
    outputs.forEach((a, j) => expect(a).toBeCloseTo(plain.outputs[50 + j], 6));
    const sum = z.reduce((s, one) => s + Math.exp(one), 0);
    z.forEach((one, j) => expect(Math.exp(one) / sum).toBeCloseTo(outputs[j], 5));
    expect(begun.step).toBe(0);
  });

  test("a shift loses what leaves the field", () => {
    const pixels = new Uint8Array(784);
    pixels[0] = 7;
    pixels[5 * 28 + 6] = 9;
    const down = shifted(pixels, 2, -3);
    expect(down[7 * 28 + 3]).toBe(9);
    expect(down.reduce((a, b) => a + b)).toBe(9);
  });
});

const MODERN_SMALL: Settings = { ...MODERN, ...{ nExamples: 400, batchSize: 20, seed: 5 } };

describe("a run", () => {
  const CHANGES: [number, Change][] = [
    [30, { learningRate: 0.0005 }],
    [70, { optimizer: "momentum", learningRate: 0.02 }],
    [75, { batchSize: 33 }],
    [90, { optimizer: "adamw", learningRate: 0.003, dropout: 0.2 }],
    [90, { l1: 1e-5 }],
    [95, { l2: 1e-4, augmentation: 0.5 }],
  ];

  test("goes to any step again, bit for bit, through its changes", { timeout: 30000 }, async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start(MODERN_SMALL);
    const there = new Map<number, string>();
    const remember = async (): Promise<void> => {
      const { step, model } = await engine.state();
      there.set(step, digestOf(model));
    };
    let step = 0;
    for (const [at, change] of CHANGES) {
      while (step < at) {
        await engine.advance(Math.min(7, at - step));
        step = (await engine.state()).step;
        if (step < at) await remember();
      }
      await engine.change(change);
      await remember();
    }
    await engine.advance(200);
    await remember();
    const { end } = await engine.state();
    expect(end).toBe(295);
    for (const at of [295, 77, 84, 14, 91, 90, 35, 0, 295].filter(
      (one) => there.has(one) || one === 0,
    )) {
      const state = await engine.seek(at);
      expect(state.step).toBe(at);
      if (there.has(at)) expect(digestOf(state.model), `step ${at}`).toBe(there.get(at));
    }
    expect((await engine.state()).settings).toMatchObject({
      optimizer: "adamw",
      l1: 1e-5,
      batchSize: 33,
    });

    const saved = await engine.save();
    const again = engineWith();
    const restored = await again.restore(saved.file);
    expect(digestOf(restored.model)).toBe(there.get(295));
    expect(restored.changes).toEqual(saved.file.changes);
    const file = readModel(saved.model);
    expect(digestOf(file)).toBe(there.get(295));
    const curve = await engine.curve();
    expect(curve.loss).toHaveLength(295);
    expect([...curve.loss]).toEqual([...(await again.curve()).loss]);
  });

  test("comes back from its file where the amount of data changed", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start({ ...SMALL, nExamples: 100 });
    for (const nExamples of [400, 50]) {
      await engine.advance(5);
      await engine.change({ nExamples });
    }
    const { model, changes } = await engine.advance(5);
    expect(changes.map(({ step }) => step)).toEqual([5, 10]);
    const { file } = await engine.save();
    const again = engineWith();
    const restored = await again.restore(file);
    expect(digestOf(restored.model)).toBe(digestOf(model));
    expect(restored.changes).toEqual(changes);
    expect(digestOf((await again.seek(7)).model)).toBe(digestOf((await engine.seek(7)).model));
    expect(digestOf((await again.advance(20)).model)).toBe(
      digestOf((await engine.advance(20)).model),
    );
    const all = await again.state();
    expect([all.settings.nExamples, all.changes]).toEqual([50, changes]); // nothing was taken in beside

    // With another model's file in hand: the digits are there already, all of them.
    const third = engineWith();
    await third.load("train");
    await third.start(SMALL);
    expect(digestOf((await third.restore(file)).model)).toBe(digestOf(model));
  });

  test("keeps what is still to come when it is saved on its way", async () => {
    const engine = engineWith();
    await engine.ready;
    await engine.start(SMALL);
    await engine.advance(6);
    await engine.load("train");
    await engine.advance(10);
    await engine.twin({ learningRate: 0.5 });
    await engine.advance(3, "twin");
    const { file } = await engine.save("twin");
    expect(file.changes).toEqual([{ step: 6, change: { nExamples: 400 } }]);
    const again = engineWith();
    const restored = await again.restore(file);
    expect([restored.step, restored.end, restored.changes]).toEqual([3, 3, file.changes]);
    expect(digestOf((await again.advance(9)).model)).toBe(
      digestOf((await engine.advance(9, "twin")).model),
    );
  });

  test("refuses a file whose changes are out of order", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start(SMALL);
    await engine.advance(9);
    const { file } = await engine.save();
    const one = { step: 4, change: { learningRate: 1 } };
    for (const changes of [[one, { ...one, step: 3 }], [{ ...one, step: -1 }], [{ step: 2 }]])
      await expect(engine.restore({ ...file, changes } as RunFile)).rejects.toMatchObject({
        code: "settings",
      });
  });

  test("remembers that an optimiser was changed and changed back at one step", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start({ ...MODERN_SMALL, optimizer: "momentum", learningRate: 0.02 });
    await engine.advance(25);
    await engine.change({ optimizer: "adam", learningRate: 0.002 });
    await engine.change({ optimizer: "momentum", learningRate: 0.02 });
    const there = digestOf((await engine.advance(20)).model);
    await engine.seek(10);
    expect(digestOf((await engine.seek(45)).model)).toBe(there);
    const { file } = await engine.save();
    expect(digestOf((await engineWith().restore(file)).model)).toBe(there);
    const plain = engineWith();
    await plain.load("train");
    await plain.start({ ...MODERN_SMALL, optimizer: "momentum", learningRate: 0.02 });
    expect(digestOf((await plain.advance(45)).model)).not.toBe(there); // its velocity was never lost
  });

  test("begins a new optimiser with its own first step", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start({ ...MODERN_SMALL, optimizer: "sgd", learningRate: 0.05 });
    const before = await engine.advance(30);
    await engine.change({ optimizer: "adam", learningRate: 0.002 });
    const after = await engine.advance(1);
    // Corrected for its start, Adam's first step is eta for every parameter with a gradient.
    const steps = after.model.layers[2].W.map((w, i) => Math.abs(w - before.model.layers[2].W[i]));
    expect(Math.max(...steps) / 0.002).toBeCloseTo(1, 2);
  });

  test("waits for a page that is slow", async () => {
    let n = 0;
    const post = (message: FromWorker): void => {
      if ("progress" in message) ++n;
    };
    const host = new Host(post, server(400, 300, 100), async () => kernelModule());
    await host.receive({ id: 1, name: "open", data: { base: "http://page/" } });
    await host.receive({ id: 2, name: "start", data: { run: "main", settings: SMALL } });
    await host.receive({ id: 3, name: "run", data: { run: "main", pace: "full" } });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(n).toBe(1); // and no other before it was seen
    await host.receive({ seen: "main" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(n).toBe(2);
    await host.receive({ id: 4, name: "pause", data: { run: "main" } });
  });

  test("forgets the future that a change in the past replaces", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start(SMALL);
    await engine.advance(100);
    await engine.seek(40);
    const state = await engine.change({ learningRate: 0.5 });
    expect([state.step, state.end]).toEqual([40, 40]);
    expect(state.changes).toEqual([{ step: 40, change: { learningRate: 0.5 } }]);
    expect((await engine.curve()).loss).toHaveLength(40);
    const after = await engine.advance(30);
    const other = engineWith();
    await other.load("train");
    await other.start(SMALL);
    await other.advance(40);
    await other.change({ learningRate: 0.5 });
    expect(digestOf((await other.advance(30)).model)).toBe(digestOf(after.model));
  });

  test("has a twin from the same start", async () => {
    const engine = engineWith();
    await engine.load("train");
    const main = await engine.start(SMALL);
    const twin = await engine.twin({ learningRate: 0.1 });
    expect(digestOf(twin.model)).toBe(digestOf(main.model));
    await Promise.all([engine.advance(20), engine.advance(20, "twin")]);
    const [a, b] = [await engine.state(), await engine.state("twin")];
    expect(digestOf(a.model)).not.toBe(digestOf(b.model));
    const alone = engineWith();
    await alone.load("train");
    await alone.start(SMALL);
    expect(digestOf((await alone.advance(20)).model)).toBe(digestOf(a.model));
    await engine.drop("twin");
    await expect(engine.state("twin")).rejects.toMatchObject({ code: "none" });
  });

  test("trains on the first slice at once and takes in the rest as it arrives", async () => {
    const engine = engineWith();
    await engine.ready;
    const begun = await engine.start(SMALL);
    expect(begun.settings.nExamples).toBe(100);
    await engine.advance(2);
    await engine.load("train");
    const state = await engine.advance(3);
    expect(state.settings.nExamples).toBe(400);
    // How many slices come between two steps is the machine's affair: each makes the amount larger.
    const amounts = state.changes.map(({ change }) => change.nExamples ?? 0);
    expect(amounts.at(-1)).toBe(400);
    expect(amounts).toEqual([...new Set(amounts)].sort((a, b) => a - b));
    expect(state.changes.every(({ step }) => step <= 2)).toBe(true);
  });

  test("hands the arrivals of digits on to its twin", async () => {
    const engine = engineWith();
    await engine.ready;
    await engine.start(SMALL);
    await engine.advance(2);
    await engine.load("train");
    const main = await engine.advance(30);
    await engine.twin({});
    const twin = await engine.advance(32, "twin");
    expect(digestOf(twin.model)).toBe(digestOf(main.model));
    expect(twin.changes).toEqual(main.changes);
    const saved = await engine.save();
    const again = await engineWith().restore(saved.file);
    expect(digestOf(again.model)).toBe(digestOf(main.model));
  });

  test("shows single images at a slow pace, and makes the step when the batch is complete", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start({ ...SMALL, batchSize: 4 });
    const { rows } = await engine.batch();
    const shownNow: Progress[] = [];
    engine.onProgress((p) => shownNow.push(p));
    for (let k = 0; k < 3; ++k) await engine.advance("example");
    expect((await engine.state()).step).toBe(0);
    await engine.advance("example");
    expect((await engine.state()).step).toBe(1);
    expect(shownNow.slice(0, 3).map((p) => [p.example, p.withinBatch])).toEqual(
      [0, 1, 2].map((k) => [rows[k], k + 1]),
    );
    await engine.run(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const paused = await engine.pause();
    expect(paused.step).toBeGreaterThanOrEqual(2);
    expect(paused.step).toBeLessThan(12);
    const last = shownNow[shownNow.length - 1];
    expect(last.example).not.toBeNull();
  });

  test("at full speed reports no more often than the page looks", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start(SMALL);
    let n = 0;
    engine.onProgress(() => ++n);
    await engine.run("full");
    await new Promise((resolve) => setTimeout(resolve, 400));
    const { step } = await engine.pause();
    expect(step).toBeGreaterThan(100);
    expect(n).toBeLessThan(30);
    expect(n).toBeGreaterThan(2);
  });

  test("that diverges stands still and says so", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start({
      ...MODERN_SMALL,
      optimizer: "sgd",
      learningRate: 900,
      output: "linear",
      loss: "sse",
    });
    const seen: Progress[] = [];
    engine.onProgress((p) => seen.push(p));
    const state = await engine.advance(200);
    expect(state.step).toBeLessThan(200);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen[seen.length - 1].diverged).toBe(true);
    expect(state.model.layers[0].W.every(Number.isFinite)).toBe(true);
  });

  test("refuses settings that mean nothing", async () => {
    const engine = engineWith();
    await engine.ready;
    const wrong: Change[] = [
      { batchSize: 0 },
      { learningRate: -1 },
      { dropout: 1 },
      { momentum: 1 },
    ];
    await engine.start(SMALL);
    for (const change of wrong)
      await expect(engine.change(change)).rejects.toMatchObject({ code: "settings" });
    await expect(engine.start({ ...SMALL, loss: "cross_entropy" })).rejects.toMatchObject({
      code: "settings",
    });
    for (const change of [{ sizes: [784, 10] }, { optimizer: "magic" }] as unknown as Change[])
      await expect(engine.change(change)).rejects.toMatchObject({ code: "settings" });
    await expect(engine.seek(5)).rejects.toMatchObject({ code: "range" });
  });
});

describe("other questions", () => {
  test("the loss on a plane is the loss of the models on it", async () => {
    const engine = engineWith();
    await engine.load("train");
    const { model } = await engine.start(SMALL);
    const u = randomDirection(model, 1, 0);
    const v = orthogonal(u, randomDirection(model, 1, 1));
    const [xs, ys] = [
      [-0.5, 0],
      [0, 0.25, 1],
    ];
    const { losses } = await engine.surface({ model, u, v, xs, ys, set: "test", n: 150 });
    expect(losses).toHaveLength(6);
    const own = await engine.evaluate(model, "test", { n: 150 });
    expect(losses[1]).toBeCloseTo(own.loss, 6);
    const there = await engine.evaluate(at(model, u, v, -0.5, 1), "test", { n: 150 });
    expect(losses[4]).toBeCloseTo(there.loss, 6);
  });

  test("rules are judged as in the page", async () => {
    const engine = engineWith();
    const { rules } = parse("holes = 2 -> 8\nends = 2 and balance < 50 -> 1\nrow(20) = 1 -> 7");
    const found = await engine.rules(rules, "test", 300);
    const X = images("test").subarray(0, 300 * 784);
    expect(found).toEqual(judge(rules, X, labels("test").subarray(0, 300)));
    expect(await engine.rules(rules, "test", 300)).toEqual(found);
  });

  test("a gradient of digits of a set", async () => {
    const engine = engineWith();
    const { model } = await engine.start(SMALL);
    const rows = [3, 150, 7];
    const { loss, gradient } = await engine.gradient(model, "train", rows);
    const { pixels, labels: y } = await engine.digits("train", rows);
    const of = walk(model, pixels, y);
    expect(loss).toBeCloseTo(of.loss, 5);
    layerNorms(gradient).forEach((norm, k) => expect(norm).toBeCloseTo(of.layerNorms[k + 1], 5));
  });

  test("the stroke", async () => {
    const engine = engineWith();
    await engine.load("train");
    await engine.start(SMALL);
    const { model } = await engine.advance(200);
    const { pixels } = await engine.digit("test", 7);
    const was = argmax((await engine.outputs(model, pixels)).outputs);
    const found = await engine.stroke(model, pixels);
    expect(found).not.toBeNull();
    expect(found!.answer).not.toBe(was);
    expect(argmax((await engine.outputs(model, found!.pixels)).outputs)).toBe(found!.answer);
    for (const one of ["evaluate", "outputs"] as const)
      await expect(
        engine.ask(one, {
          subject: { ...model, layers: model.layers.slice(1) },
          set: "test",
          pixels,
        } as never),
      ).rejects.toMatchObject({ code: "range" });
  });
});

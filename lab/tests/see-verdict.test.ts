import { describe, expect, it } from "vitest";
import { layoutOf, strongestEdges } from "../src/components/common/layout";
import { placeOf } from "../src/components/see/marks";
import { forward } from "../src/core/forward";
import type { Layer, Model } from "../src/engine/protocol";
import { judge } from "../src/state/verdict";

function layer(nIn: number, nOut: number, W: number[], b: number[] = []): Layer {
  return {
    nIn,
    nOut,
    activation: "sigmoid",
    parameter: 0,
    W: Float32Array.from({ length: nIn * nOut }, (_, i) => W[i % W.length]),
    b: Float32Array.from({ length: nOut }, (_, i) => b[i] ?? 0),
  };
}

function network(layers: Layer[]): Model {
  const classes = Array.from({ length: layers[layers.length - 1].nOut }, (_, k) => `${k}`);
  return { layers, loss: "sse", lossParameter: 0, classes, gates: null, description: "" };
}

describe("the verdict without gates", () => {
  const ink = new Uint8Array(784).fill(9);
  const answers = (b: number[]): unknown => {
    const model = network([layer(784, 10, [0], b)]);
    return judge(model, forward(model, ink), ink);
  };

  it("is sure where one output stands clear of the next", () => {
    expect(answers([-5, -5, -5, -5, 0.2, -5, -5, -5, -5, 3])).toEqual({ kind: "sure", answer: 9 });
  });

  it("can’t tell where two outputs are within 0.1, the smaller digit named first", () => {
    expect(answers([-5, -5, -5, -5, 0.2, -5, -5, -5, -5, 0.3])).toEqual({
      kind: "unsure",
      answers: [4, 9],
    });
  });

  it("says nothing of an empty board", () => {
    const model = network([layer(784, 10, [0])]);
    const empty = new Uint8Array(784);
    expect(judge(model, forward(model, empty), empty)).toEqual({ kind: "empty" });
  });
});

describe("the picture of the network", () => {
  it("has a place within the frame for every neuron, whatever the form", () => {
    for (const sizes of [
      [784, 16, 16, 10],
      [784, 10],
      [784, 30, 10],
      [784, 100, 60, 20, 10],
      [2, 1],
      [2, 8, 8, 1],
    ]) {
      const model = network(sizes.slice(1).map((n, k) => layer(sizes[k], n, [0.1])));
      const { parts, of } = layoutOf(model, 480, 560);
      expect(parts.length).toBe(sizes.slice(1).reduce((a, b) => a + b, 0));
      for (const part of parts) {
        expect(part.x, sizes.join()).toBeGreaterThanOrEqual(-1);
        expect(part.x + part.width, sizes.join()).toBeLessThanOrEqual(481);
        expect(part.y, sizes.join()).toBeGreaterThanOrEqual(-1);
        expect(part.y + part.height, sizes.join()).toBeLessThanOrEqual(561);
        expect(of(part.layer, part.j)).toBe(part);
      }
    }
  });

  it("keeps tiles of the first layer apart", () => {
    const model = network([layer(784, 16, [0]), layer(16, 16, [0]), layer(16, 10, [0])]);
    const tiles = layoutOf(model, 480, 560).parts.filter((p) => p.kind === "tile");
    expect(tiles.length).toBe(16);
    for (const a of tiles)
      for (const b of tiles)
        if (a !== b)
          expect(Math.abs(a.x - b.x) >= a.width || Math.abs(a.y - b.y) >= a.width).toBe(true);
  });

  it("shows the strongest edges and those of one neuron alone", () => {
    const model = network([layer(4, 3, [0.5]), layer(3, 2, [1, -2, 3, -4, 5, -6])]);
    const a = [[1, 1, 1, 1], [1, 0.5, 0.1], [0.5, 0.5]]; // prettier-ignore
    const two = strongestEdges(model, a, 2);
    // w·a: 1, −1, 0.3 into output 0; −4, 2.5, −0.6 into output 1; the strongest last
    expect(two.map((e) => [e.i, e.j, Number(e.value.toFixed(6))])).toEqual([
      [1, 1, 2.5],
      [0, 1, -4],
    ]);
    const own = strongestEdges(model, a, 9, { layer: 1, j: 2 });
    expect(own.map((e) => [e.i, e.j])).toEqual([
      [2, 0],
      [2, 1],
    ]);
  });

  it("finds the same edges as sorting all of them, of equal ones the first", () => {
    let seed = 1; // coarse numbers, so that many are equal
    const coarse = (): number => ((seed = (seed * 16807) % 2147483647) % 41) / 10 - 2;
    const draw = (n: number): number[] => Array.from({ length: n }, coarse);
    const model = network([layer(3, 30, draw(90)), layer(30, 20, draw(600)), layer(20, 7, draw(140))]); // prettier-ignore
    const a = [draw(3), draw(30), draw(20), draw(7)];
    for (const of of [null, { layer: 1, j: 4 }, { layer: 2, j: 11 }, { layer: 3, j: 0 }]) {
      const all: { layer: number; i: number; j: number; value: number }[] = [];
      for (const layer of [2, 3]) {
        const { nIn, nOut, W } = model.layers[layer - 1];
        for (let j = 0; j < nOut; j++)
          for (let i = 0; i < nIn; i++)
            if (!of || (of.layer === layer && of.j === j) || (of.layer === layer - 1 && of.j === i))
              all.push({ layer, i, j, value: W[j * nIn + i] * a[layer - 1][i] });
      }
      all.sort((p, q) => Math.abs(q.value) - Math.abs(p.value));
      for (const n of [0, 1, 2, 7, 40, 200, 2000])
        expect(strongestEdges(model, a, n, of), `${n}`).toEqual(all.slice(0, n).reverse());
    }
  });
});

describe("the word beside a found stroke", () => {
  const stroke = { from: [10, 10], to: [10, 14], width: 2.2, erases: true, answer: 4, l2: 1, nTried: 1, nTurning: 1 }; // prettier-ignore
  const at = (pixels: Uint8Array, from: [number, number] = [10, 10]): [number, number] =>
    placeOf({ ...stroke, from, to: [from[0], from[1] + 4], pixels } as never, 280, 20, 80, 24);

  it("stands above it, or where it hides less ink", () => {
    const blank = new Uint8Array(784);
    expect(at(blank)[1] + 24).toBeLessThan(20 + 10 * 10);
    const above = blank.map((_, i) => (i < 8 * 28 ? 255 : 0));
    expect(at(above)[1]).toBeGreaterThan(20 + 11 * 10);
  });

  it("stays on the board, and off the stroke, at the edges too", () => {
    for (const from of [
      [0, 0],
      [0, 23],
      [27, 0],
      [27, 23],
      [14, 12],
    ] as [number, number][]) {
      // prettier-ignore
      const [x, y] = at(new Uint8Array(784), from);
      expect(x).toBeGreaterThanOrEqual(4);
      expect(x + 80).toBeLessThanOrEqual(276);
      expect(y).toBeGreaterThanOrEqual(24);
      expect(y + 24).toBeLessThanOrEqual(296);
      const [middle, tall] = [20 + (from[0] + 0.5) * 10, 11];
      const beside = x + 80 < from[1] * 10 - 5 || x > (from[1] + 5) * 10 + 5;
      expect(beside || y > middle + tall || y + 24 < middle - tall, from.join()).toBe(true);
    }
  });
});

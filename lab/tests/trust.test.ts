import { describe, expect, it } from "vitest";
import { NON_DIGITS, nonDigits } from "../src/core/nonDigits";
import { confidencesOf, reliability } from "../src/core/reliability";
import { shifted } from "../src/engine/worker/evaluation";
import type { Layer, Model } from "../src/engine/protocol";
import {
  binOf,
  counted,
  differing,
  interval,
  judgedOf,
  keptAt,
  moved,
  said,
  sample,
  type Said,
} from "../src/state/trust-verdicts";
import {
  knobAt,
  nKnobs,
  numberOf,
  placeOf,
  rowsOf,
  valueAt,
  wallOf,
  type Knob,
} from "../src/state/trust-wall";
import { digit, images, labels } from "./material";

function layer(nIn: number, nOut: number, b: number[] = []): Layer {
  return {
    nIn,
    nOut,
    activation: "sigmoid",
    parameter: 0,
    W: Float32Array.from({ length: nIn * nOut }, (_, k) => Math.sin(k)),
    b: Float32Array.from({ length: nOut }, (_, k) => b[k] ?? Math.cos(k)),
  };
}
function network(sizes: number[]): Model {
  const layers = sizes.slice(1).map((n, k) => layer(sizes[k], n));
  const classes = Array.from({ length: sizes[sizes.length - 1] }, (_, k) => `${k}`);
  return { layers, loss: "sse", lossParameter: 0, classes, gates: null, description: "" };
}
/** Gates that find nothing novel but pictures brighter than half, with a curve of two rows. */
function gated(model: Model): Model {
  const n = model.layers[0].nIn;
  const open = { within: [0, 1e30] as [number, number], residual: null };
  const density = (
    d: number,
  ): { mean: Float32Array; components: Float32Array; scale: Float32Array } => ({
    mean: new Float32Array(d),
    components: new Float32Array(d).fill(1 / Math.sqrt(d)),
    scale: Float32Array.of(1),
  });
  return {
    ...model,
    gates: {
      temperature: 1,
      rankTemperature: 1,
      input: { ...density(n), within: [0, n / 4], residual: null },
      z1: { ...density(model.layers[0].nOut), ...open },
      pair: null,
      curve: {
        score: Float32Array.of(2, 0),
        answered: Float32Array.of(1000, 2000),
        wrong: Float32Array.of(2, 60),
      },
      nHeld: 2000,
      refused: 0,
    },
  };
}

describe("what is said", () => {
  const model = network([784, 4, 10]);

  it("without gates is always an answer, the largest output its confidence", () => {
    for (const pixels of [new Uint8Array(784), digit("test", 0), nonDigits("noise", 1)]) {
      const one = said(model, pixels, false);
      expect(one.kind).toBe("answered");
      expect(one.confidence).toBeGreaterThan(0);
      expect(one.next).not.toBe(one.likeliest);
    }
  });

  it("with gates is one of three", () => {
    const honest = gated(model);
    expect(said(honest, new Uint8Array(784).fill(255), true).kind).toBe("novel");
    expect(said(honest, digit("test", 0), true).kind).not.toBe("novel");
    // the same network asked without its gates
    expect(said(honest, new Uint8Array(784).fill(255), false).kind).toBe("answered");
  });

  it("is counted by kind", () => {
    const kinds = ["answered", "novel", "novel"] as const;
    expect(counted(kinds.map((kind) => ({ kind })))).toEqual({
      answered: 1,
      ambiguous: 0,
      novel: 2,
    });
  });
});

describe("the risk dial", () => {
  const model = gated(network([784, 4, 10]));
  const one = (kind: Said["kind"], likeliest: number, score: number): Said => ({
    kind,
    likeliest,
    next: 9,
    confidence: 0.5,
    gates: { score, threshold: 0, novelty: { input: 0, z1: 0, outputs: 0 }, check: "input" },
  });
  const all = [
    one("ambiguous", 1, 1),
    one("answered", 2, 3),
    one("novel", 3, 9),
    one("answered", 4, 5),
    one("ambiguous", 5, -1),
  ];
  const judged = judgedOf(all, [1, 2, 3, 0, 0]);

  it("orders by how sure it is, what is unlike anything learnt last", () => {
    expect([...judged.order]).toEqual([3, 1, 0, 4, 2]);
    expect([...judged.isRight]).toEqual([1, 1, 1, 0, 0]);
  });

  it("answers more where more may be wrong, and nothing where nothing can be promised", () => {
    const strict = keptAt(model, judged, 0.01);
    expect(strict).toEqual({
      threshold: 2,
      answered: 2,
      wrong: 1,
      ambiguous: 2,
      novel: 1,
      avoided: 1,
    });
    const loose = keptAt(model, judged, 0.05);
    expect(loose.threshold).toBe(0);
    expect(loose.answered).toBe(3);
    const never = keptAt(model, judged, 0.0001);
    expect(never).toMatchObject({ threshold: null, answered: 0, wrong: 0, ambiguous: 4, novel: 1 });
  });

  it("counts every digit once", () => {
    for (const risk of [0.0001, 0.01, 0.05]) {
      const { answered, ambiguous, novel } = keptAt(model, judged, risk);
      expect(answered + ambiguous + novel).toBe(5);
    }
  });
});

describe("the interval of a share", () => {
  // Newcombe (1998), table I, method 3, and Wilson (1927) by hand for n = 10
  it.each([
    [0, 10, 0, 0.27753],
    [5, 10, 0.23659, 0.76341],
    [10, 10, 0.72247, 1],
    [81, 263, 0.25525, 0.36622],
  ])("%i of %i: %f to %f", (k, n, from, to) => {
    const found = interval(k, n);
    expect(found[0]).toBeCloseTo(from, 4);
    expect(found[1]).toBeCloseTo(to, 4);
  });
  it("of nothing is everything", () => expect(interval(0, 0)).toEqual([0, 1]));
});

describe("groups by confidence", () => {
  it("are the ones of the reliability curve", () => {
    const confidences = [0, 0.05, 0.1, 0.1000001, 0.35, 0.899, 0.9, 1];
    const { bins } = reliability(
      confidences,
      confidences.map(() => true),
    );
    const counts = new Array(10).fill(0);
    for (const one of confidences) counts[binOf(one, 10)]++;
    expect(counts).toEqual(bins.map(({ n }) => n));
  });

  it("come from calibrated sums that a temperature makes humbler", () => {
    const z = Float32Array.of(2, 0, 0, 5, 0, 0);
    const [cold, warm] = [1, 2].map((T) => confidencesOf(z, 3, T));
    expect(warm[0]).toBeLessThan(cold[0]);
    expect(warm[1]).toBeLessThan(cold[1]);
  });

  it("are sampled with wrong and right ones in their shares", () => {
    const wrong = Array.from({ length: 25 }, (_, k) => 4 * k);
    const right = Array.from({ length: 75 }, (_, k) => 1000 + k);
    const some = sample([wrong, right], 12);
    expect(some).toHaveLength(12);
    expect(some.filter((i) => i < 1000)).toHaveLength(3);
    expect(new Set(some).size).toBe(12);
    expect(sample([[3], [1, 2]], 12)).toEqual([1, 2, 3]);
  });
});

describe("a moved picture", () => {
  it("is moved as the engine moves a set", () => {
    const pixels = digit("test", 3);
    for (const [down, right] of [
      [0, 2],
      [-3, 0],
      [8, -8],
    ])
      expect(moved(pixels, down, right)).toEqual(shifted(pixels, down, right));
  });
  it("differs in as many places as are counted", () => {
    expect(differing([1, 2, 3], [1, 0, 0])).toBe(2);
  });
});

describe("what is no digit", () => {
  it("is made again alike from the same seed, for every kind shown", () => {
    const some = {
      pixels: images("test").subarray(0, 784 * 300),
      labels: labels("test").subarray(0, 300),
    };
    for (const kind of NON_DIGITS) {
      const made = nonDigits(kind, 3, 0, some);
      expect(made).toHaveLength(3 * 784);
      expect(made).toEqual(nonDigits(kind, 3, 0, some));
    }
  });
});

describe("the wall", () => {
  for (const sizes of [
    [784, 16, 16, 10],
    [784, 10],
    [784, 30, 10],
    [784, 60, 40, 10],
    [6, 4, 3],
  ])
    it(`has one place for every knob of ${sizes.join("-")}, and finds it there`, () => {
      const model = network(sizes);
      const wall = wallOf(model);
      const taken = new Set<number>();
      const seen = new Uint8Array(nKnobs(model));
      let strays = 0;
      for (const { layer, j, nIn } of wall.blocks)
        for (let at = 0; at <= nIn; at++) {
          const knob: Knob = { layer, j, i: at === nIn ? null : at };
          const [x, y] = placeOf(wall, knob)!;
          if (x < 0 || y < 0 || x >= wall.width || y >= wall.height) strays++;
          taken.add(y * wall.width + x);
          seen[numberOf(model, knob)]++;
          if (at % 97 === 0 || at === nIn) expect(knobAt(wall, x + 0.5, y + 0.5)).toEqual(knob);
        }
      expect(strays).toBe(0);
      expect(taken.size).toBe(nKnobs(model));
      expect(seen.every((n) => n === 1)).toBe(true);
    });

  it("of the lesson's network has 13,002 knobs", () => {
    expect(nKnobs(network([784, 16, 16, 10]))).toBe(13002);
  });

  it("reads the value that hangs there", () => {
    const model = network([784, 16, 10]);
    expect(valueAt(model, { layer: 2, j: 3, i: 5 })).toBe(model.layers[1].W[3 * 16 + 5]);
    expect(valueAt(model, { layer: 1, j: 7, i: null })).toBe(model.layers[0].b[7]);
  });

  it("has nothing far from every knob", () => {
    const wall = wallOf(network([784, 16, 16, 10]));
    expect(knobAt(wall, -50, -50)).toBeNull();
    expect(rowsOf(wall.blocks[0])).toBe(29);
  });
});

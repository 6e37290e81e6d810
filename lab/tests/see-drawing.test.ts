import { describe, expect, it } from "vitest";
import { board, fromPlane, type Stroke } from "../src/core/digit";
import { decodeDrawing, encodeDrawing, ERASER, PEN, snap, type Drawing } from "../src/state/drawing"; // prettier-ignore
import stored from "../drawings/digits.json";

const strokes = [
  { points: [0, 0, 0.5, 0.25, 1, 1], erases: false },
  { points: [0.1, 0.9].map(snap), erases: true },
];

describe("a drawing in the address", () => {
  it("comes back: nothing, a stored digit, pixels, each with strokes", () => {
    const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i % 5 ? 0 : (i * 37) % 256));
    for (const base of [
      { kind: "blank" },
      { kind: "digit", set: "test", index: 185 },
      { kind: "digit", set: "train", index: 59999 },
      { kind: "pixels", pixels },
    ] as Drawing["base"][])
      for (const with_ of [[], strokes]) {
        const text = encodeDrawing({ base, strokes: with_ });
        expect(text).toMatch(/^[A-Za-z0-9_.~-]*$/); // nothing that an address would have to escape
        expect(decodeDrawing(text)).toEqual({ base, strokes: with_ });
      }
  });

  it("is the same text when written again", () => {
    const text = encodeDrawing({ base: { kind: "blank" }, strokes });
    const again = decodeDrawing(text);
    expect(again && encodeDrawing(again)).toBe(text);
  });

  it("refuses what is no drawing instead of guessing", () => {
    for (const text of [
      "x",
      "t10000",
      "n60000",
      "t1.q00",
      ".dAA",
      ".dA!AA",
      "pAA",
      "p~MQ~MQ",
      ".d",
    ])
      expect(decodeDrawing(text), text).toBeNull();
  });

  it("stays short enough for an address however long one draws", () => {
    const long = {
      points: Array.from({ length: 20000 }, (_, i) => (i % 100) / 100),
      erases: false,
    };
    const text = encodeDrawing({ base: { kind: "blank" }, strokes: [strokes[0], long] });
    expect(text.length).toBeLessThan(9000);
    expect(decodeDrawing(text)?.strokes.length).toBe(1);
  });
});

describe("the eraser", () => {
  it("along a stroke leaves nothing of it, not even its rim", () => {
    const drawings = stored as unknown as { strokes: [number, number][][] }[];
    for (const { strokes } of drawings.filter((_, k) => k % 5 === 0)) {
      const with_ = (width: number, erases: boolean): Stroke[] =>
        strokes.map((points) => ({ points, width, erases }));
      const plane = board([...with_(PEN, false), ...with_(ERASER, true)]);
      expect(plane.ink.some((ink) => ink > 0)).toBe(false);
      expect(fromPlane(plane)).toBeNull();
      expect(fromPlane(board([...with_(PEN, false), ...with_(PEN, true)]))).not.toBeNull();
    }
  });

  it("takes away what a little of an unsteady hand misses", () => {
    const down: Stroke = { points: [[140, 40], [140, 240]], width: PEN }; // prettier-ignore
    const beside: Stroke = { points: [[145, 38], [136, 242]], width: ERASER, erases: true }; // prettier-ignore
    expect(fromPlane(board([down, beside]))).toBeNull();
  });
});

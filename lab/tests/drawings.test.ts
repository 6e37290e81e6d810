// The stored drawings were fixed before any prediction was seen: a change of them is a change of the proof.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fromStrokes } from "../src/core/digit";
import { decodeDrawing, encodeDrawing } from "../src/state/drawing";

interface Stored {
  digit?: number;
  what?: string;
  strokes: [number, number][][];
}
const read = (name: string): Buffer =>
  readFileSync(new URL(`../drawings/${name}.json`, import.meta.url));
const digits: Stored[] = JSON.parse(read("digits").toString());
const others: Stored[] = JSON.parse(read("others").toString());
const hash = (name: string): string => createHash("sha256").update(read(name)).digest("hex");

describe("the stored drawings", () => {
  it("are the ones that were fixed", () => {
    expect([hash("digits"), hash("others")]).toEqual([
      "abc217c507ec38ba7028ee6a68b86eb48826cf95a175d526be442b5d8881c6d2",
      "25a5bf7a6b5348c5851448e10308e06ad0f71eab91ad61c4712e44db79874aa7",
    ]);
  });

  it("are twelve of each digit and fifty different other things", () => {
    for (let digit = 0; digit < 10; digit++)
      expect(digits.filter((one) => one.digit === digit)).toHaveLength(12);
    expect(new Set(others.map(({ what }) => what)).size).toBe(50);
    const all = [...digits, ...others].map(({ strokes }) => JSON.stringify(strokes));
    expect(new Set(all).size).toBe(all.length);
  });

  it("lie on the board, and become 28 × 28 as MNIST has it", () => {
    for (const { strokes } of [...digits, ...others]) {
      for (const [x, y] of strokes.flat()) {
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(Math.max(x, y)).toBeLessThanOrEqual(280);
      }
      const { pixels } = fromStrokes(strokes.map((points) => ({ points, width: 25 })))!;
      const rows = Array.from({ length: 28 }, (_, r) => pixels.subarray(28 * r, 28 * r + 28));
      const mass = pixels.reduce((sum, u) => sum + u, 0);
      expect(mass).toBeGreaterThan(255 * 20);
      const row = rows.reduce((sum, one, r) => sum + r * one.reduce((a, u) => a + u, 0), 0) / mass;
      expect(Math.abs(row - 13.5)).toBeLessThan(1.01);
      const inked = rows.flatMap((one, r) => (one.some((u) => u > 0) ? [r] : []));
      expect(inked[inked.length - 1] - inked[0]).toBeLessThan(20);
    }
  });

  it("are what a link says again, to a hundredth of a pixel", () => {
    for (const { strokes } of digits) {
      const drawing = {
        base: { kind: "blank" } as const,
        strokes: strokes.map((points) => ({
          points: points.flat().map((at) => at / 280),
          erases: false,
        })),
      };
      const again = decodeDrawing(encodeDrawing(drawing))!;
      for (const [k, { points }] of again.strokes.entries())
        for (const [i, at] of points.entries())
          expect(Math.abs(at - drawing.strokes[k].points[i]) * 28).toBeLessThan(0.01);
    }
  });
});

import { describe, expect, it } from "vitest";
import { answersOf, measure, RANGES, type Rule } from "../src/components/see/features";
import { penOrder, thin } from "../src/components/see/penOrder";
import { homeOf, stationOf, stationOfPixels, stageAt } from "../src/components/see/journey";
import { fromStrokes } from "../src/core/digit";

/** A picture from rows of text, placed with its first row at 4 and its first column at 8; # is ink. */
function picture(rows: string[]): Uint8Array {
  const pixels = new Uint8Array(784);
  rows.forEach((row, r) =>
    [...row].forEach((sign, c) => {
      if (sign === "#") pixels[(r + 4) * 28 + c + 8] = 255;
    }),
  );
  return pixels;
}

const wide = (rows: string[]): string[] =>
  rows.flatMap((row) => {
    const line = [...row].map((sign) => sign.repeat(3)).join("");
    return [line, line, line];
  });

const EIGHT = picture(wide(["####", "#..#", "####", "#..#", "####"]));
const SEVEN = picture(wide(["####", "...#", "...#", "...#"]));
const NINE = picture(wide(["####", "#..#", "####", "...#", "...#"]));

describe("features for rules", () => {
  it("counts loops and where they sit", () => {
    expect([EIGHT, SEVEN, NINE].map((p) => measure("holes", p))).toEqual([2, 0, 1]);
    expect(measure("holeHigh", NINE)).toBeCloseTo(1 - 4 / 14, 6);
    expect(measure("holeHigh", SEVEN)).toBe(0);
  });

  it("counts strokes that a cut meets", () => {
    expect([EIGHT, SEVEN].map((p) => measure("top", p))).toEqual([2, 1]);
    expect([EIGHT, SEVEN].map((p) => measure("down", p))).toEqual([3, 1]);
  });

  it("measures size and shares", () => {
    expect(measure("height", NINE)).toBe(15);
    expect(measure("width", NINE)).toBe(12);
    expect(measure("ink", SEVEN)).toBe(9 * 7);
    expect(measure("left", SEVEN)).toBeCloseTo(2 / 7, 6);
    expect(measure("upper", picture(["#", "#", "#", "."]))).toBeCloseTo(2 / 3, 6);
  });

  it("finds ends of strokes", () => {
    expect(measure("ends", SEVEN)).toBe(2);
    expect(measure("ends", EIGHT)).toBe(0);
  });

  it("is 0 for an empty picture, whatever is asked", () => {
    for (const feature of Object.keys(RANGES) as (keyof typeof RANGES)[])
      expect(measure(feature, new Uint8Array(784)), feature).toBe(0);
  });

  it("reads a digit among many", () => {
    const many = new Uint8Array(3 * 784);
    many.set(EIGHT, 784);
    expect(measure("holes", many, 784)).toBe(2);
  });
});

describe("rules", () => {
  it("let the first that fits decide, and the last word when none does", () => {
    const rule = (atLeast: boolean, than: number, answer: number): Rule => ({
      test: { kind: "pixel", at: 0 },
      atLeast,
      than,
      answer,
    });
    const column = Float32Array.of(0, 1, 2, 3);
    const answers = answersOf(
      [rule(true, 3, 8), rule(false, 1, 4), rule(true, 0, 7)],
      [column, column, column],
      5,
      4,
    );
    expect([...answers]).toEqual([4, 4, 7, 8]);
    expect([...answersOf([rule(true, 9, 8)], [column], 5, 4)]).toEqual([5, 5, 5, 5]);
  });
});

describe("the order of a pen", () => {
  it("thins to lines one pixel wide", () => {
    const line = thin(Uint8Array.from(SEVEN, (u) => (u ? 1 : 0)));
    const n = line.reduce((sum, v) => sum + v, 0);
    expect(n).toBeGreaterThan(10);
    expect(n).toBeLessThan(30);
  });

  it("writes all of the ink once, from one end of the stroke to the other", () => {
    const { when, way } = penOrder(SEVEN);
    SEVEN.forEach((u, i) => expect(when[i] <= 1).toBe(u > 0));
    expect(new Set(way).size).toBe(way.length);
    for (let k = 1; k < way.length; k++) {
      const far = Math.max(
        Math.abs(Math.floor(way[k] / 28) - Math.floor(way[k - 1] / 28)),
        Math.abs((way[k] % 28) - (way[k - 1] % 28)),
      );
      expect(far).toBe(1);
    }
  });

  it("has an order for a single dot and for faint ink", () => {
    const faint = new Uint8Array(784);
    faint[400] = 40;
    expect(penOrder(faint).when[400]).toBeLessThanOrEqual(1);
    expect(penOrder(new Uint8Array(784)).way).toEqual([]);
  });
});

describe("the way to the column", () => {
  it("ends with the centre of mass in the middle", () => {
    const digit = fromStrokes([
      { points: [[60, 40], [120, 60], [90, 200]], width: 25 }, // prettier-ignore
    ]);
    if (!digit) throw new Error("no ink");
    const { box, place, mass, placedMass } = stationOf(digit);
    expect(Math.max(place[2], place[3])).toBeCloseTo(20 / 28, 6);
    expect(placedMass[0]).toBeGreaterThan(13.9 / 28);
    expect(placedMass[0]).toBeLessThan(15.1 / 28);
    // the mass is at the same place of the box before and after
    expect((mass[0] - box[0]) / box[2]).toBeCloseTo((placedMass[0] - place[0]) / place[2], 6);
  });

  it("leads back to where the ink was drawn", () => {
    const digit = fromStrokes([{ points: [[20, 30], [60, 90]], width: 25 }]); // prettier-ignore
    if (!digit) throw new Error("no ink");
    const station = stationOf(digit);
    expect(homeOf(station, 0)).toEqual([0, 0, 1, 1]);
    const [x, y, w, h] = homeOf(station, 1);
    // the middle of the placed box comes to lie on the middle of the drawn one
    const { box, place } = station;
    expect(x + (place[0] + place[2] / 2) * w).toBeCloseTo(box[0] + box[2] / 2, 6);
    expect(y + (place[1] + place[3] / 2) * h).toBeCloseTo(box[1] + box[3] / 2, 6);
  });

  it("of stored pixels moves nothing", () => {
    const station = stationOfPixels(NINE);
    expect(station?.box).toEqual(station?.place);
    expect(station?.box).toEqual([8 / 28, 4 / 28, 12 / 28, 15 / 28]);
    expect(stationOfPixels(new Uint8Array(784))).toBeNull();
  });

  it("passes every stage in order", () => {
    const seen = Array.from({ length: 101 }, (_, k) => stageAt(k / 100));
    expect([...new Set(seen)]).toEqual(["box", "mass", "move", "grid", "column"]);
  });
});

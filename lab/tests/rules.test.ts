import { describe, expect, test } from "vitest";
import { feature, FEATURES, judge, parse, print, trace } from "../src/core/rules";
import { images, labels } from "./material";

/** A picture from a drawing in letters: # is ink. */
function picture(rows: string[]): Uint8Array {
  const out = new Uint8Array(784);
  rows.forEach((row, r) =>
    [...row].forEach((c, k) => (out[(r + 5) * 28 + k + 8] = c === "#" ? 255 : 0)),
  );
  return out;
}
const EIGHT = picture([
  ".####.",
  "##..##",
  "#....#",
  "##..##",
  ".####.",
  "##..##",
  "#....#",
  "##..##",
  ".####.",
]);
const ONE = picture(["#", "#", "#", "#", "#", "#", "#", "#"]);
const SIX = picture([
  "##....",
  "#.....",
  "#.....",
  "#.....",
  "######",
  "#....#",
  "#....#",
  "######",
]);

describe("features", () => {
  test("of drawings that a pencil can check", () => {
    expect([EIGHT, ONE, SIX].map((p) => feature("holes", null, p))).toEqual([2, 0, 1]);
    expect([ONE, SIX].map((p) => feature("ends", null, p))).toEqual([2, 1]);
    expect(feature("row", 7, EIGHT)).toBe(2);
    expect(feature("row", 5, EIGHT)).toBe(1);
    expect(feature("column", 11, EIGHT)).toBe(3);
    expect([feature("width", null, SIX), feature("height", null, SIX)]).toEqual([6, 8]);
    expect(feature("balance", null, SIX)).toBe(75);
    expect(feature("symmetry", null, EIGHT)).toBe(100);
    expect(feature("symmetry", null, SIX)).toBeLessThan(100);
    expect(feature("ink", "bottom", SIX)).toBeCloseTo((100 * 16) / 21, 9);
    expect(feature("ink", "left", EIGHT)).toBe(50);
    expect(feature("ink", "whole", ONE)).toBeCloseTo(800 / 784, 9);
    const blank = new Uint8Array(784);
    for (const { name, takes } of FEATURES) {
      const of = takes === "line" ? 3 : takes === "part" ? "top" : null;
      expect(feature(name, of, blank)).toBe(0);
    }
  });
});

describe("the language", () => {
  test("is read, said back, and read again", () => {
    const text =
      "holes = 2 -> 8\nholes = 1 and ink(bottom) > 55.5 -> 6  # a round belly\n\nRow(14) ≥ 3 → 3\nalways -> 1";
    const { rules, faults } = parse(text);
    expect(faults).toEqual([]);
    expect(print(rules)).toBe(
      "holes = 2 -> 8\nholes = 1 and ink(bottom) > 55.5 -> 6\nrow(14) >= 3 -> 3\nalways -> 1",
    );
    expect(parse(print(rules)).rules.map(({ all, digit }) => ({ all, digit }))).toEqual(
      rules.map(({ all, digit }) => ({ all, digit })),
    );
  });
  test.each([
    ["holes = 2", "arrow"],
    ["holes = 2 -> 12", "digit"],
    ["holes ~ 2 -> 1", "condition"],
    ["whiskers = 2 -> 1", "feature"],
    ["row = 2 -> 1", "argument"],
    ["row(28) = 2 -> 1", "argument"],
    ["ink(soul) > 2 -> 1", "argument"],
    ["holes(3) > 2 -> 1", "argument"],
    ["constructor = 1 -> 1", "feature"],
  ])("%s is wrong, and the other lines still count", (line, code) => {
    const { rules, faults } = parse(`${line}\nalways -> 4`);
    expect(faults.map((one) => [one.line, one.code])).toEqual([[0, code]]);
    expect(rules).toHaveLength(1);
  });
});

describe("judging", () => {
  const { rules } = parse("holes = 2 -> 8\nholes = 1 and ink(bottom) > 60 -> 6\nbalance < 45 -> 1");
  test("the first rule that fits answers", () => {
    const pixels = new Uint8Array(3 * 784);
    [EIGHT, ONE, SIX].forEach((p, k) => pixels.set(p, k * 784));
    const found = judge(rules, pixels, Uint8Array.of(8, 7, 6));
    expect([found.right, found.wrong, found.silent]).toEqual([2, 1, 0]);
    expect([...found.answers]).toEqual([8, 1, 6]);
    expect(found.perRule).toEqual([
      { fits: 1, right: 1 },
      { fits: 1, right: 1 },
      { fits: 1, right: 0 },
    ]);
    expect(trace(rules, SIX)).toMatchObject({ answer: 6, which: 1 });
    expect(trace([], SIX).answer).toBe(-1);
    const both = parse(
      "holes = 1 and ends = 0 -> 0\nholes = 1 and ends = 1 -> 6\nalways -> 9",
    ).rules;
    expect([...judge(both, pixels, Uint8Array.of(8, 7, 6)).answers]).toEqual([9, 9, 6]);
  });
  test("on real digits rules get some right, far from all", () => {
    const n = 1000;
    const measured = new Map<string, Float32Array>();
    const [X, y] = [images("test").subarray(0, n * 784), labels("test").subarray(0, n)];
    const found = judge(rules, X, y, measured);
    expect(found.right + found.wrong + found.silent).toBe(n);
    expect(found.perClass[8].right / found.perClass[8].n).toBeGreaterThan(0.5);
    expect(found.right).toBeLessThan(n / 2);
    expect(judge(rules, X, y, measured)).toEqual(found);
    expect(measured.size).toBe(3);
  });
});

// Rules against learning: recognising digits by if-statements that a visitor writes.
//
//   holes = 2 -> 8                              one rule a line: conditions, an arrow, a digit
//   holes = 1 and ink(bottom) > 55 -> 6         all conditions must hold; the first rule that fits answers
//   width < 45 and row(14) = 1 -> 1             # begins a remark
//
// A small language of numbers and comparisons: nothing in it can run, and every text gives rules or says where it is wrong.

import {
  type Feature,
  FEATURE,
  type FeatureName,
  look,
  measure,
  type Part,
  PARTS,
} from "./ruleFeatures";
import { argmax } from "./sums";

export { feature, FEATURES, type Feature, type FeatureName } from "./ruleFeatures";

const SIDE = 28;
const N = SIDE * SIDE;

export type Comparator = "<" | "<=" | "=" | ">=" | ">" | "!=";
export interface Condition {
  feature: FeatureName;
  of: number | Part | null;
  is: Comparator;
  value: number;
}
export interface Rule {
  all: Condition[];
  digit: number;
  line: number; // of the text, from 0
}
export interface RuleFault {
  line: number;
  code: "arrow" | "digit" | "condition" | "feature" | "argument";
  text: string; // what was not understood
}

export const MOST_RULES = 60;
const CONDITION =
  /^([a-z]+)\s*(?:\(\s*([a-z]+|\d+)\s*\))?\s*(<=|>=|!=|<|>|=|≤|≥|≠)\s*(\d+(?:\.\d+)?)$/;
const SAME: Record<string, Comparator> = { "≤": "<=", "≥": ">=", "≠": "!=" };

/** Reads rules; what is wrong is said line by line, and the other lines still count. */
export function parse(text: string): { rules: Rule[]; faults: RuleFault[] } {
  const rules: Rule[] = [];
  const faults: RuleFault[] = [];
  text.split("\n").forEach((raw, line) => {
    const plain = raw.replace(/#.*/, "").trim().toLowerCase();
    if (!plain || rules.length >= MOST_RULES) return;
    const found = parseLine(plain, line);
    if ("code" in found) faults.push(found);
    else rules.push(found);
  });
  return { rules, faults };
}

function parseLine(plain: string, line: number): Rule | RuleFault {
  const sides = plain.split(/->|→/);
  if (sides.length !== 2) return { line, code: "arrow", text: plain };
  if (!/^\d$/.test(sides[1].trim())) return { line, code: "digit", text: sides[1].trim() };
  const all: Condition[] = [];
  const left = sides[0].trim();
  for (const one of left && left !== "always" ? left.split(/\s+and\s+|\s*&\s*|,/) : []) {
    const parts = CONDITION.exec(one.trim());
    if (!parts) return { line, code: "condition", text: one.trim() };
    const feature = FEATURE.get(parts[1] as FeatureName);
    if (!feature) return { line, code: "feature", text: parts[1] };
    const of = argument(feature, parts[2]);
    if (of === undefined) return { line, code: "argument", text: one.trim() };
    const is = SAME[parts[3]] ?? (parts[3] as Comparator);
    all.push({ feature: feature.name, of, is, value: Number(parts[4]) });
  }
  return { all, digit: Number(sides[1]), line };
}

function argument({ takes }: Feature, given: string | undefined): number | Part | null | undefined {
  if (takes === "nothing") return given === undefined ? null : undefined;
  if (takes === "part") return PARTS.includes(given as Part) ? (given as Part) : undefined;
  const n = Number(given);
  return given !== undefined && Number.isInteger(n) && n >= 0 && n < SIDE ? n : undefined;
}

export function print(rules: Rule[]): string {
  return rules
    .map(({ all, digit }) => {
      const said = all.map(
        ({ feature, of, is, value }) => `${feature}${of === null ? "" : `(${of})`} ${is} ${value}`,
      );
      return `${said.join(" and ") || "always"} -> ${digit}`;
    })
    .join("\n");
}

// ---------------------------------------------------------------- judging

const HOLDS: Record<Comparator, (a: number, b: number) => boolean> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  "=": (a, b) => a === b,
  ">=": (a, b) => a >= b,
  ">": (a, b) => a > b,
  "!=": (a, b) => a !== b,
};

export interface RuleResult {
  n: number;
  right: number;
  wrong: number;
  silent: number; // no rule fitted
  perRule: { fits: number; right: number }[]; // of the digits that reached the rule
  perClass: { n: number; right: number; silent: number }[];
  answers: Int8Array; // -1 where no rule fitted
}

/** Features that were measured, kept for the next time the rules change: one column for each feature asked. */
export type Measured = Map<string, Float32Array>;

/** How rules do on digits (n × 784); the first rule whose conditions all hold answers. */
export function judge(
  rules: Rule[],
  pixels: Uint8Array,
  labels: Uint8Array,
  measured: Measured = new Map(),
): RuleResult {
  const n = labels.length;
  const asked = missing(rules, n, measured);
  const fresh = asked.map(() => new Float32Array(n));
  measureSome(asked, fresh, pixels, 0, asked.length ? n : 0);
  keep(asked, fresh, measured);
  const columns = rules.map(({ all }) => all.map((one) => measured.get(keyOf(one))!));
  const result: RuleResult = {
    n,
    right: 0,
    wrong: 0,
    silent: 0,
    perRule: rules.map(() => ({ fits: 0, right: 0 })),
    perClass: Array.from({ length: 10 }, () => ({ n: 0, right: 0, silent: 0 })),
    answers: new Int8Array(n).fill(-1),
  };
  for (let k = 0; k < n; ++k) {
    const own = result.perClass[labels[k]];
    ++own.n;
    const which = rules.findIndex(({ all }, r) =>
      all.every(({ is, value }, c) => HOLDS[is](columns[r][c][k], value)),
    );
    if (which < 0) {
      ++result.silent;
      ++own.silent;
      continue;
    }
    result.answers[k] = rules[which].digit;
    ++result.perRule[which].fits;
    if (rules[which].digit === labels[k]) {
      ++result.right;
      ++own.right;
      ++result.perRule[which].right;
    } else ++result.wrong;
  }
  return result;
}

const keyOf = ({ feature: name, of }: Condition): string => `${name}(${of})`;

/** The conditions whose features have not been measured yet, one for each feature. */
export function missing(rules: Rule[], n: number, measured: Measured): Condition[] {
  const found = new Map<string, Condition>();
  for (const { all } of rules)
    for (const one of all) if (measured.get(keyOf(one))?.length !== n) found.set(keyOf(one), one);
  return [...found.values()];
}

/** Measures digits first … last - 1 into columns, one for each condition; in parts, so that a page need not wait. */
export function measureSome(
  asked: Condition[],
  columns: Float32Array[],
  pixels: Uint8Array,
  first: number,
  last: number,
): void {
  for (let k = first; k < last; ++k) {
    const at = look(pixels.subarray(k * N, (k + 1) * N));
    asked.forEach((one, c) => (columns[c][k] = measure(one.feature, one.of, at)));
  }
}

/** Keeps measured columns. */
export function keep(asked: Condition[], columns: Float32Array[], measured: Measured): void {
  asked.forEach((one, c) => measured.set(keyOf(one), columns[c]));
}

/** What one digit is to the rules: each condition with its value, and who answers. */
export function trace(
  rules: Rule[],
  pixels: Uint8Array,
): { answer: number; which: number; values: number[][] } {
  const at = look(pixels);
  const values = rules.map(({ all }) => all.map((one) => measure(one.feature, one.of, at)));
  const which = rules.findIndex(({ all }, r) =>
    all.every(({ is, value }, c) => HOLDS[is](values[r][c], value)),
  );
  return { answer: which < 0 ? -1 : rules[which].digit, which, values };
}

/** The class most digits of a column with this value have: a hint for a rule that begins. */
export function commonest(labels: Uint8Array, holds: (k: number) => boolean): number {
  const counts = new Float64Array(10);
  labels.forEach((label, k) => {
    if (holds(k)) ++counts[label];
  });
  return argmax(counts);
}

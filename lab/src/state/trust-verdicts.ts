// What a network says to a picture, with and without its gates, and how often that is right. No DOM, no Svelte.
import { forward } from "../core/forward";
import { type Check, threshold, verdict } from "../core/gates";
import type { Model } from "../engine/protocol";
import { RISK } from "./verdict";

export type Kind = "answered" | "ambiguous" | "novel";

/** One verdict. Without gates a network always answers, and its largest output is its confidence. */
export interface Said {
  kind: Kind;
  likeliest: number;
  next: number;
  confidence: number;
  gates: {
    score: number;
    threshold: number | null;
    novelty: Record<Check, number>;
    check: Check;
  } | null;
}

export function said(
  model: Model,
  pixels: Uint8Array,
  gated: boolean,
  risk = model.risk ?? RISK,
): Said {
  const pass = forward(model, pixels);
  const found = gated ? verdict(model, pass, risk) : null;
  if (found) {
    const { score, threshold, novelty, check, likeliest, next } = found;
    const confidence = found.probabilities[likeliest];
    const gates = { score, threshold, novelty, check };
    return { kind: found.verdict, likeliest, next, confidence, gates };
  }
  const a = pass.a[pass.a.length - 1];
  const order = Array.from(a.keys()).sort((i, j) => a[j] - a[i] || i - j);
  return {
    kind: "answered",
    likeliest: order[0],
    next: order[1],
    confidence: a[order[0]],
    gates: null,
  };
}

export type Shares = Record<Kind, number>;

/** Counts of the three verdicts. */
export function counted(all: { kind: Kind }[]): Shares {
  const counts: Shares = { answered: 0, ambiguous: 0, novel: 0 };
  for (const { kind } of all) counts[kind]++;
  return counts;
}

/** What the gates find in many digits, so that another risk needs no second look. */
export interface Judged {
  n: number;
  likeliest: Uint8Array;
  isRight: Uint8Array; // 0 or 1
  isNovel: Uint8Array;
  score: Float64Array;
  /** Rows from the surest to the least sure; those unlike anything learnt last. */
  order: Uint32Array;
}

export function judgedOf(all: Said[], labels: ArrayLike<number>): Judged {
  const n = all.length;
  const isNovel = Uint8Array.from(all, ({ kind }) => Number(kind === "novel"));
  const score = Float64Array.from(all, ({ gates }) => gates?.score ?? 0);
  const order = Uint32Array.from(all.keys()).sort(
    (i, j) => isNovel[i] - isNovel[j] || score[j] - score[i] || i - j,
  );
  const isRight = Uint8Array.from(all, ({ likeliest }, i) => Number(likeliest === labels[i]));
  return {
    n,
    likeliest: Uint8Array.from(all, (one) => one.likeliest),
    isRight,
    isNovel,
    score,
    order,
  };
}

export interface Kept {
  /** null: so small a risk cannot be promised, nothing is answered. */
  threshold: number | null;
  answered: number; // the first so many of the order
  wrong: number;
  ambiguous: number;
  novel: number;
  /** Of the ambiguous and novel: those whose likeliest answer would have been wrong. */
  avoided: number;
}

/** What is answered where at most `risk` of the answers may be wrong, and how that turned out. */
export function keptAt(model: Model, judged: Judged, risk: number): Kept {
  const limit = model.gates ? threshold(model.gates, risk) : null;
  const kept: Kept = {
    threshold: limit,
    answered: 0,
    wrong: 0,
    ambiguous: 0,
    novel: 0,
    avoided: 0,
  };
  for (let i = 0; i < judged.n; i++) {
    const answers = !judged.isNovel[i] && limit !== null && Math.fround(judged.score[i]) > limit;
    if (answers) {
      kept.answered++;
      kept.wrong += 1 - judged.isRight[i];
    } else {
      kept[judged.isNovel[i] ? "novel" : "ambiguous"]++;
      kept.avoided += 1 - judged.isRight[i];
    }
  }
  return kept;
}

const Z95 = 1.959963984540054;

/** Where the true share lies, at 95 %, when k of n were right (Wilson 1927). */
export function interval(k: number, n: number, z = Z95): [number, number] {
  if (!n) return [0, 1];
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [k === 0 ? 0 : middle - half, k === n ? 1 : middle + half];
}

/** How many of the answers differ. */
export function differing(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let n = 0;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) n++;
  return n;
}

/** A picture moved by whole pixels, as the engine moves a set: what leaves the field is lost. */
export function moved(pixels: Uint8Array, down: number, right: number): Uint8Array {
  const out = new Uint8Array(784);
  for (let r = 0; r < 28; r++)
    for (let c = 0; c < 28; c++) {
      const [y, x] = [r - down, c - right];
      if (y >= 0 && y < 28 && x >= 0 && x < 28) out[r * 28 + c] = pixels[y * 28 + x];
    }
  return out;
}

/** The group of a confidence among n equally wide ones, as core/reliability.ts groups them: (k/n, (k+1)/n]. */
export const binOf = (confidence: number, n: number): number =>
  Math.min(n - 1, Math.max(0, Math.ceil(confidence * n) - 1));

/** At most n of several lists, evenly taken from each, each with the share it has of all; in rising order. */
export function sample(lists: number[][], n: number): number[] {
  const all = lists.reduce((sum, list) => sum + list.length, 0);
  if (all <= n) return lists.flat().sort((a, b) => a - b);
  const takes = lists.map((list) => Math.round((n * list.length) / all));
  // what rounding left goes to the longest
  const longest = lists.reduce((best, list, k) => (list.length > lists[best].length ? k : best), 0);
  takes[longest] += n - takes.reduce((sum, one) => sum + one, 0);
  return lists
    .flatMap((list, k) =>
      Array.from(
        { length: takes[k] },
        (_, at) => list[Math.floor(((at + 0.5) / takes[k]) * list.length)],
      ),
    )
    .sort((a, b) => a - b);
}

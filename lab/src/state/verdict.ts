// One of three: "it is a 9" · "4 or 9, I can't tell" · "this is not like the digits I learnt". Or nothing drawn yet.
import type { Pass } from "../core/forward";
import { verdict } from "../core/gates";
import { leading } from "../core/why";
import type { Model } from "../engine/protocol";

export type Verdict =
  | { kind: "sure"; answer: number }
  | { kind: "unsure"; answers: [number, number] }
  | { kind: "unfamiliar" }
  | { kind: "empty" };

/** Of what it answers, at most this share may be wrong, where a model asks for nothing else. */
export const RISK = 0.02;
/** Without gates: two outputs this close are no answer. */
export const WAVERS = 0.1;

export function judge(model: Model, pass: Pass, pixels: Uint8Array): Verdict {
  if (pixels.every((u) => u === 0)) return { kind: "empty" };
  const both = (i: number, j: number): [number, number] => (i < j ? [i, j] : [j, i]);
  const gated = verdict(model, pass, model.risk ?? RISK);
  if (gated) {
    if (gated.verdict === "novel") return { kind: "unfamiliar" };
    if (gated.answer !== null) return { kind: "sure", answer: gated.answer };
    return { kind: "unsure", answers: both(gated.likeliest, gated.next) };
  }
  const [best, second] = leading(pass.z[model.layers.length]);
  const a = pass.a[model.layers.length];
  if (a[best] - a[second] < WAVERS) return { kind: "unsure", answers: both(best, second) };
  return { kind: "sure", answer: best };
}

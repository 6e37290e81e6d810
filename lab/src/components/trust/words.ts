// Numbers as the visitor's language writes them.
import { fixed, minus, rounded, shown } from "../../core/figures";
import { language } from "../../i18n/index.svelte";

export const number = (n: number): string => n.toLocaleString(language() === "zh" ? "zh-CN" : "en");
export const percent = (share: number, decimals = 0): string =>
  `${fixed(100 * share, decimals)}\u00a0%`;
/** A share in whole per cent, but never 0 or 100 where it is not exactly that. */
export function share(part: number, whole: number): string {
  const exact = (100 * part) / whole;
  const near = exact < 1 || exact > 99;
  return `${fixed(exact, near && exact % 1 ? 1 : 0)}\u00a0%`;
}

/** From, to and their difference, as a reader with a pencil finds it from the two shown. */
export function change(from: number, to: number, decimals: number, unit = ""): [string, string] {
  const [a, b] = [rounded(from, decimals), rounded(to, decimals)];
  const by = minus(b, a);
  return [`${shown(a, "")}${unit} → ${shown(b, "")}${unit}`, by.units ? shown(by, "+") : "0"];
}

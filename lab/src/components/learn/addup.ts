// Values and their sum, in figures that add up as they are shown.
import { decimalsFor, minus, plus, rounded, type Figure } from "../../core/figures";

/** The largest takes what rounding left over. */
export function addUp(
  values: ArrayLike<number>,
  total: number,
  digits = 4,
): { values: Figure[]; total: Figure } {
  const all = Array.from(values);
  const decimals = decimalsFor(all, total, digits);
  const shown = all.map((v) => rounded(v, decimals));
  const sum = rounded(total, decimals);
  if (!all.length) return { values: shown, total: sum };
  let rest = sum;
  for (const one of shown) rest = minus(rest, one);
  let largest = 0;
  all.forEach((v, k) => {
    if (Math.abs(v) > Math.abs(all[largest])) largest = k;
  });
  shown[largest] = plus(shown[largest], rest);
  return { values: shown, total: sum };
}

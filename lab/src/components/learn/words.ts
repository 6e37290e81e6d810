// Numbers as the visitor reads them.
import { decimalsFor, fixed, shown, significant, type Figure } from "../../core/figures";

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

const raise = (n: number): string => String(n).replace(/\d/g, (digit) => RAISED[Number(digit)]);

/** 60,000 */
export const count = (n: number): string => Math.round(n).toLocaleString("en");
/** 92.3 % of 0.923 */
export const percent = (share: number, decimals = 1): string =>
  Number.isFinite(share) ? `${fixed(100 * share, decimals)} %` : "–";

/** Three digits, or what is asked for; very small and very large ones with a power of ten. */
export function num(value: number, digits = 3, sign: "" | "+" = ""): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) return shown(significant(value, digits), sign);
  const power = Math.floor(Math.log10(size));
  const mantissa = shown(significant(value / 10 ** power, digits), sign);
  return `${mantissa}·10${power < 0 ? "⁻" : ""}${raise(Math.abs(power))}`;
}

/** A figure in all its digits; a very small one with a power of ten. */
export function said(value: Figure, sign: "" | "+" = ""): string {
  const digits = String(value.units < 0n ? -value.units : value.units);
  const power = digits.length - 1 - value.decimals;
  if (value.units === 0n || power >= -4) return shown(value, sign);
  const mantissa = shown({ units: value.units, decimals: digits.length - 1 }, sign);
  return `${mantissa}·10⁻${raise(-power)}`;
}

/** The same for a formula. */
export function tex(value: number | Figure, digits = 3): string {
  const text = typeof value === "number" ? num(value, digits) : said(value);
  return text
    .replace("−", "-")
    .replace(/e(-?\d+)$/, "\\cdot 10^{$1}")
    .replace(/·10(⁻?)([⁰¹²³⁴-⁹]+)/, (_, minus: string, raised: string) => {
      const power = [...raised].map((d) => RAISED.indexOf(d)).join("");
      return `\\cdot 10^{${minus ? "-" : ""}${power}}`;
    });
}
/** In brackets where it is negative. */
export function bracketed(value: number | Figure, digits = 3): string {
  const text = tex(value, digits);
  return text.startsWith("-") ? `(${text})` : text;
}

/** An equation over several lines, the signs of equality below each other. */
export const lines = (first: string, ...more: string[]): string =>
  `\\begin{aligned} ${first.replace("=", "&=")} ${more.map((one) => `\\\\ &= ${one}`).join(" ")} \\end{aligned}`;

/** The decimals that give a value three digits. */
export const places = (value: number): number => Math.min(18, decimalsFor([value], 0, 3));

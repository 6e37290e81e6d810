// Figures as they are shown: they add up as a reader with a pencil finds them.
// The rules are those of src/tongtou/explanation/formulas.py:
//   - a product shown is the rounded product of the two factors as they are shown;
//   - "the other n terms" is what is missing from the figures shown to the sum shown;
//   - the activation shown is what the function makes of the weighted sum as it is shown.
// A figure is a whole number of units of 10^-decimals, so nothing is rounded twice.

import type { ActivationName } from "../engine/protocol";
import { f } from "./forward";

export const MINUS = "−";

export interface Figure {
  units: bigint;
  decimals: number;
}

const ten = (n: number): bigint => 10n ** BigInt(n);
const size = (n: bigint): bigint => (n < 0n ? -n : n);

/** The exact value of a double as a fraction of two whole numbers. */
function fraction(value: number): [bigint, bigint] {
  if (!Number.isFinite(value))
    throw new RangeError(`only finite numbers can be shown, not ${value}`);
  let power = 0;
  while (!Number.isInteger(value)) {
    value *= 2;
    ++power;
  }
  return [BigInt(value), 1n << BigInt(power)];
}

/** a / b to the nearest whole number, halves to the even one; b > 0. */
function divided(a: bigint, b: bigint): bigint {
  const sign = a < 0n ? -1n : 1n;
  const whole = size(a) / b;
  const rest = 2n * (size(a) % b);
  const up = rest > b || (rest === b && whole % 2n === 1n) ? 1n : 0n;
  return sign * (whole + up);
}

/** A value with so many decimals (below 0: tens, hundreds), halves to even. */
export function rounded(value: number, decimals: number): Figure {
  const [top, bottom] = fraction(value);
  if (decimals >= 0) return { units: divided(top * ten(decimals), bottom), decimals };
  return { units: divided(top, bottom * ten(-decimals)) * ten(-decimals), decimals: 0 };
}

/** A value with so many significant digits, none of them needlessly 0 at the end. */
export function significant(value: number, digits: number): Figure {
  if (value === 0) return { units: 0n, decimals: 0 };
  const found = rounded(value, digits - 1 - order(value));
  const [top, bottom] = fraction(value);
  if (found.units * bottom !== top * ten(found.decimals)) return found;
  let { units, decimals } = found;
  while (decimals > 0 && units % 10n === 0n) {
    units /= 10n;
    --decimals;
  }
  return { units, decimals };
}

/** The power of ten of the first digit. */
export function order(value: number): number {
  return Number(value.toExponential(20).split("e")[1]);
}

/** How many decimals give the largest value `digits` digits, and z two at the least. */
export function decimalsFor(values: Iterable<number>, z: number, digits = 4): number {
  let largest = Math.abs(z);
  for (const one of values) largest = Math.max(largest, Math.abs(one));
  if (largest === 0) return 2;
  let wanted = digits - 1 - order(largest);
  // A small sum of large terms: where it cancels, its own digits come late.
  if (z) wanted = Math.max(wanted, Math.min(1 - order(z), wanted + 8));
  return Math.max(wanted, 0);
}

export function plus(a: Figure, b: Figure): Figure {
  const decimals = Math.max(a.decimals, b.decimals);
  return {
    units: a.units * ten(decimals - a.decimals) + b.units * ten(decimals - b.decimals),
    decimals,
  };
}

export const negative = (a: Figure): Figure => ({ units: -a.units, decimals: a.decimals });
export const minus = (a: Figure, b: Figure): Figure => plus(a, negative(b));
export const absolute = (a: Figure): Figure => ({ units: size(a.units), decimals: a.decimals });
export const isZero = (a: Figure): boolean => a.units === 0n;
export const equal = (a: Figure, b: Figure): boolean => isZero(minus(a, b));

export function times(a: Figure, b: Figure, decimals: number): Figure {
  const units = a.units * b.units;
  const had = a.decimals + b.decimals;
  if (had <= decimals) return { units: units * ten(decimals - had), decimals };
  return { units: divided(units, ten(had - decimals)), decimals };
}

/** The number a figure stands for, to the last bit of a double. */
export function valueOf(a: Figure): number {
  return Number(`${a.units}e-${a.decimals}`);
}

/** A figure for the eye: a real minus sign; `sign` is put before what is not negative. */
export function shown(a: Figure, sign: "" | "+" = ""): string {
  const digits = size(a.units)
    .toString()
    .padStart(a.decimals + 1, "0");
  const cut = digits.length - a.decimals;
  let plain = a.decimals ? `${digits.slice(0, cut)}.${digits.slice(cut)}` : digits;
  if (plain.length > 14) {
    const bare = size(a.units).toString();
    const power = bare.length - 1 - a.decimals;
    plain = `${bare[0]}${bare.length > 1 ? "." + bare.slice(1) : ""}e${power}`;
  }
  return (a.units < 0n ? MINUS : sign) + plain;
}

/** A value straight to text, with so many decimals. */
export const fixed = (value: number, decimals: number, sign: "" | "+" = ""): string =>
  Number.isFinite(value) ? shown(rounded(value, decimals), sign) : "–";

export interface ShownTerm {
  i: number;
  w: Figure;
  a: Figure;
  product: Figure;
}

/** A product with its factors in as few digits as give the right rounded product. */
export function shownProduct(i: number, w: number, a: number, decimals: number): ShownTerm {
  const target = rounded(w * a, decimals);
  for (let digits = 4; ; ++digits) {
    const [shownW, shownA] = [significant(w, digits), significant(a, digits)];
    const product = times(shownW, shownA, decimals);
    if (product.units === target.units || digits === 9) return { i, w: shownW, a: shownA, product };
  }
}

/** The figures of one neuron's equation: bias + sum of products + others = z, exactly. */
export interface NeuronFigures {
  decimals: number;
  bias: Figure;
  terms: ShownTerm[];
  nOthers: number; // terms that are not shown
  nZero: number; // of these, how many are 0
  others: Figure; // what they come to; where there are none, what rounding left over
  z: Figure;
  a: Figure;
  equals: "=" | "≈"; // ≈ where the figures shown are too coarse to find a by them
  shift: Figure | null; // of softmax: log sum exp(z), so that a = exp(z - shift)
}

export function neuronFigures(
  bias: number,
  terms: { i: number; w: number; a: number }[],
  nOthers: number,
  nZero: number,
  z: number,
  a: number,
  activation: ActivationName,
  parameter: number,
  shift: number | null,
  digits = 4,
): NeuronFigures {
  const decimals = decimalsFor([bias, ...terms.map((t) => t.w * t.a)], z, digits);
  const shownTerms = terms.map((t) => shownProduct(t.i, t.w, t.a, decimals));
  const [shownBias, shownZ] = [rounded(bias, decimals), rounded(z, decimals)];
  let others = minus(shownZ, shownBias);
  for (const one of shownTerms) others = minus(others, one.product);
  const shownShift = shift === null ? null : rounded(shift, decimals);
  const pencil = shownShift
    ? Math.exp(Math.min(valueOf(minus(shownZ, shownShift)), 700))
    : f(activation, valueOf(shownZ), parameter);
  let shownA = significant(a, 2);
  let equals: "=" | "≈" = "≈";
  for (let n = 4; n > 0; --n)
    if (Number.isFinite(pencil) && equal(significant(pencil, n), significant(a, n))) {
      shownA = significant(a, n);
      equals = "=";
      break;
    }
  return {
    decimals,
    bias: shownBias,
    terms: shownTerms,
    nOthers,
    nZero,
    others,
    z: shownZ,
    a: shownA,
    equals,
    shift: shownShift,
  };
}

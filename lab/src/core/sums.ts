// Sums and roundings that do not depend on an order or a habit: as Python's math.fsum and round.

/** The correctly rounded sum (Shewchuk 1997): the order of the terms does not matter. */
export function fsum(values: Iterable<number>): number {
  const partials: number[] = [];
  for (let x of values) {
    let n = 0;
    for (let y of partials) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low) partials[n++] = low;
      x = high;
    }
    partials.length = n;
    partials.push(x);
  }
  let n = partials.length;
  if (!n) return 0;
  let high = partials[--n];
  let low = 0;
  while (n > 0) {
    const x = high;
    const y = partials[--n];
    high = x + y;
    low = y - (high - x);
    if (low) break;
  }
  // Half a unit in the last place: what lies below it decides which way to round.
  if (n > 0 && low < 0 === partials[n - 1] < 0 && partials[n - 1] !== 0) {
    const twice = low * 2;
    const up = high + twice;
    if (twice === up - high) high = up;
  }
  return high;
}

/** The nearest whole number, halves to the even one, as Python's round and NumPy's rint. */
export function rint(x: number): number {
  const down = Math.floor(x);
  const part = x - down;
  if (part < 0.5) return down;
  if (part > 0.5) return down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** Numbers 0 … n-1 by falling size of `values`, equal ones by number. */
export function bySize(values: ArrayLike<number>): number[] {
  const order = Array.from({ length: values.length }, (_, i) => i);
  return order.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b);
}

/** The first of the largest. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; ++i) if (values[i] > values[best]) best = i;
  return best;
}

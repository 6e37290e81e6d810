// Counter-based random numbers: Philox4x32-10, the same words as src/tongtou/randomness.py and kernel/philox.h.
// Four words come from a counter (item block, step, epoch, purpose) and a key (the seed); nothing is remembered.

export const INITIAL_WEIGHTS = 1;
export const SHUFFLE = 2;
/** Purposes of the page alone begin here, far from those of Python. */
export const PAGE = 1000;

/** The upper half of a 64-bit product of two 32-bit numbers. */
function high(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16);
  const other = a0 * b1 + (middle % 0x10000);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) >>> 0;
}

export function philox4x32(
  counter: [number, number, number, number],
  key: [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; ++round) {
    const [h0, l0] = [high(0xd2511f53, c0), Math.imul(0xd2511f53, c0) >>> 0];
    const [h1, l1] = [high(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2) >>> 0];
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The two halves of a seed 0 … 2^53 - 1. */
export function keyOf(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is 0 … 2^53 - 1, not ${seed}`);
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/** The first n words of a stream. */
export function words(seed: number, purpose: number, n: number, epoch = 0, step = 0): Uint32Array {
  const key = keyOf(seed);
  const out = new Uint32Array(Math.ceil(n / 4) * 4);
  for (let block = 0; block < out.length / 4; ++block)
    out.set(philox4x32([block, step, epoch, purpose], key), 4 * block);
  return out.subarray(0, n);
}

/** n numbers uniform on [0, 1), of 24 bits each. */
export function uniform(
  seed: number,
  purpose: number,
  n: number,
  epoch = 0,
  step = 0,
): Float64Array {
  return Float64Array.from(words(seed, purpose, n, epoch, step), (word) => (word >>> 8) * 2 ** -24);
}

/** n standard normal numbers by Box and Muller; as initializers.py, up to the last place of log and cosine. */
export function normal(
  seed: number,
  purpose: number,
  n: number,
  epoch = 0,
  step = 0,
): Float64Array {
  const u = uniform(seed, purpose, n + (n % 2), epoch, step);
  for (let m = 0; m < u.length; m += 2) {
    const radius = Math.sqrt(-2 * Math.log1p(-u[m]));
    const angle = 2 * Math.PI * u[m + 1];
    [u[m], u[m + 1]] = [radius * Math.cos(angle), radius * Math.sin(angle)];
  }
  return u.subarray(0, n);
}

/** A random order of 0 … n-1 by Fisher and Yates. */
export function order(seed: number, epoch: number, n: number, purpose = SHUFFLE): Uint32Array {
  const perm = Uint32Array.from({ length: n }, (_, i) => i);
  const word = words(seed, purpose, n, epoch);
  for (let i = n - 1; i > 0; --i) {
    const j = Math.floor((word[i] * (i + 1)) / 2 ** 32);
    [perm[i], perm[j]] = [perm[j], perm[i]];
  }
  return perm;
}

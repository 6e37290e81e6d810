// Pictures as smooth as a given one, but without its form: the same amplitudes in the spectrum, other phases, and nothing
// outside the pixels that matter. As docs/explain.md, "Do hidden neurons find edges?": white noise is given the amplitudes
// and cut to the support, again and again (Gerchberg and Saxton 1972; Theiler and others 1992).
import { normal, PAGE } from "../../core/philox";

const N = 28;
const COS = Float64Array.from({ length: N }, (_, k) => Math.cos((2 * Math.PI * k) / N));
const SIN = Float64Array.from({ length: N }, (_, k) => Math.sin((2 * Math.PI * k) / N));

export interface Spectrum {
  re: Float64Array;
  im: Float64Array;
}

/** Along rows, then along columns: sign -1 there, +1 back (not divided by N²). */
function transform({ re, im }: Spectrum, sign: 1 | -1): Spectrum {
  let [fromRe, fromIm] = [re, im];
  for (const [step, line] of [
    [1, N],
    [N, 1],
  ]) {
    const [toRe, toIm] = [new Float64Array(N * N), new Float64Array(N * N)];
    for (let r = 0; r < N; ++r)
      for (let k = 0; k < N; ++k) {
        let [a, b] = [0, 0];
        for (let t = 0; t < N; ++t) {
          const at = r * line + t * step;
          const [c, s] = [COS[(k * t) % N], sign * SIN[(k * t) % N]];
          a += fromRe[at] * c - fromIm[at] * s;
          b += fromRe[at] * s + fromIm[at] * c;
        }
        toRe[r * line + k * step] = a;
        toIm[r * line + k * step] = b;
      }
    [fromRe, fromIm] = [toRe, toIm];
  }
  return { re: fromRe, im: fromIm };
}

export const spectrum = (picture: ArrayLike<number>): Spectrum =>
  transform({ re: Float64Array.from(picture), im: new Float64Array(N * N) }, -1);
export const amplitudes = (picture: ArrayLike<number>): Float64Array => {
  const { re, im } = spectrum(picture);
  return re.map((a, k) => Math.hypot(a, im[k]));
};

/** The pixels whose standard deviation over the digits is at least a tenth of the largest. */
export function support(pixels: Uint8Array): Uint8Array {
  const [n, sum, square] = [pixels.length / 784, new Float64Array(784), new Float64Array(784)];
  for (let at = 0; at < pixels.length; ++at) {
    sum[at % 784] += pixels[at];
    square[at % 784] += pixels[at] ** 2;
  }
  const spread = square.map((s, i) => Math.sqrt(Math.max(0, s / n - (sum[i] / n) ** 2)));
  const most = Math.max(...spread);
  return Uint8Array.from(spread, (s) => (s >= most / 10 ? 1 : 0));
}

/** The weights within the support, their mean taken away. */
export function centred(w: ArrayLike<number>, within: Uint8Array): Float64Array {
  let [total, n] = [0, 0];
  within.forEach((one, i) => {
    if (one) [total, n] = [total + w[i], n + 1];
  });
  return Float64Array.from(within, (one, i) => (one ? w[i] - total / n : 0));
}

/** A picture that is as smooth as the weights w and lies where they lie; its form is chance. */
export function lookalike(
  w: ArrayLike<number>,
  within: Uint8Array,
  seed: number,
  rounds = 21,
): Float64Array {
  const wanted = amplitudes(centred(w, within));
  let picture = Float64Array.from(normal(seed, PAGE + 310, N * N));
  for (let round = 0; round < rounds; ++round) {
    const { re, im } = spectrum(picture);
    for (let k = 0; k < N * N; ++k) {
      const scale = wanted[k] / (Math.hypot(re[k], im[k]) || 1);
      re[k] *= scale;
      im[k] *= scale;
    }
    const back = transform({ re, im }, 1).re;
    picture = centred(
      back.map((v) => v / (N * N)),
      within,
    ) as Float64Array<ArrayBuffer>;
  }
  return picture;
}

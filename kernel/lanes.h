// Sixteen lanes of float or double, made of vectors of the machine's own width.
//
// Everything arithmetic in the kernel is written on `Lanes<T>`: one group of 16 neighbouring neurons.
// The same lines compile to one AVX-512 register, two AVX ones or four SSE / WebAssembly ones
// (twice as many for double). A sum over lanes is always taken in the same order, so a machine
// repeats its own bits; `fma` is one rounding where the machine has it and two where it has not,
// which is the only difference between instruction sets.
//
// This file will not: call libm, allocate, branch on data, or touch the floating-point control register.
//
// Error bounds in units in the last place, held by tests/test_kernel_functions.py: exp 2, expm1 3, log 2, tanh 4,
// for float and double; the tail of gelu relative 3e-6 (float), 1e-13 (double) for |z| < 5.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#ifndef KERNEL_ISA
#error "compile with -DKERNEL_ISA=<namespace of this instruction set>"
#endif

#if defined(__clang__) || __GNUC__ >= 12
#define KERNEL_SHUFFLES 1  // has __builtin_shufflevector
#else
#define KERNEL_SHUFFLES 0
#endif

#define INLINE inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

namespace tongtou::KERNEL_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

constexpr int kLanes = 16;

template <class T> struct Vector;
template <> struct Vector<float> {
  typedef float Type __attribute__((vector_size(kVectorBytes)));
  typedef int32_t Int __attribute__((vector_size(kVectorBytes)));
  typedef float Loose __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef int32_t Scalar;
};
template <> struct Vector<double> {
  typedef double Type __attribute__((vector_size(kVectorBytes)));
  typedef int64_t Int __attribute__((vector_size(kVectorBytes)));
  typedef double Loose __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef int64_t Scalar;
};

// N lanes: one vector, or two halves. Halves rather than an array: compilers keep them in registers.
template <class T, int N, bool whole = (N * sizeof(T) == kVectorBytes)> struct Pack {
  Pack<T, N / 2> lo, hi;
};
template <class T, int N> struct Pack<T, N, true> {
  typename Vector<T>::Type v;
};
template <class T> using Lanes = Pack<T, kLanes>;

template <class T, int N> constexpr bool kWhole = (N * sizeof(T) == kVectorBytes);

// ---------------------------------------------------------------- memory

template <class T, int N = kLanes> INLINE Pack<T, N> load(const T* p) {  // p on a lane boundary: 16 lanes aligned
  if constexpr (kWhole<T, N>) return {*(const typename Vector<T>::Type*)p};
  else return {load<T, N / 2>(p), load<T, N / 2>(p + N / 2)};
}
template <class T, int N = kLanes> INLINE Pack<T, N> load_loose(const T* p) {  // p anywhere
  if constexpr (kWhole<T, N>) return {*(const typename Vector<T>::Loose*)p};
  else return {load_loose<T, N / 2>(p), load_loose<T, N / 2>(p + N / 2)};
}
template <class T, int N> INLINE void store(T* p, const Pack<T, N>& a) {
  if constexpr (kWhole<T, N>) *(typename Vector<T>::Type*)p = a.v;
  else { store(p, a.lo); store(p + N / 2, a.hi); }
}
template <class T, int N = kLanes> INLINE Pack<T, N> all(T s) {  // s - 0 and not s + 0: keeps the sign of -0, so it folds
  if constexpr (kWhole<T, N>) return {s - typename Vector<T>::Type{}};
  else { Pack<T, N / 2> half = all<T, N / 2>(s); return {half, half}; }
}
template <class T, int N = kLanes> INLINE Pack<T, N> iota(T first = 0) {
  if constexpr (kWhole<T, N>) {
    typename Vector<T>::Type v{};
    UNROLL for (int i = 0; i < N; ++i) v[i] = first + i;
    return {v};
  } else return {iota<T, N / 2>(first), iota<T, N / 2>(first + N / 2)};
}

// A matrix of groups of 16 columns. In panels a group's rows lie one behind the other (row_step 16).
template <class T> struct Grid {
  T* at;
  size_t row_step, group_step;
  INLINE T* row(size_t r, size_t group) const { return at + r * row_step + group * group_step; }
  INLINE Grid below(size_t r) const { return {row(r, 0), row_step, group_step}; }
};

// ---------------------------------------------------------------- arithmetic

#if defined(__AVX512F__)
// the compiler makes two instructions of a comparison and a choice
INLINE __m512 larger(__m512 a, __m512 b) { return _mm512_maskz_max_ps(0xffff, a, b); }
INLINE __m512d larger(__m512d a, __m512d b) { return _mm512_maskz_max_pd(0xff, a, b); }
INLINE __m512 smaller(__m512 a, __m512 b) { return _mm512_maskz_min_ps(0xffff, a, b); }
INLINE __m512d smaller(__m512d a, __m512d b) { return _mm512_maskz_min_pd(0xff, a, b); }
#endif

#define ELEMENTWISE(name, expression)                                                            \
  template <class T, int N> INLINE Pack<T, N> name(const Pack<T, N>& a, const Pack<T, N>& b) {   \
    if constexpr (kWhole<T, N>) return {expression};                                             \
    else return {name(a.lo, b.lo), name(a.hi, b.hi)};                                            \
  }
ELEMENTWISE(operator+, a.v + b.v)
ELEMENTWISE(operator-, a.v - b.v)
ELEMENTWISE(operator*, a.v * b.v)
ELEMENTWISE(operator/, a.v / b.v)
// a > b ? a : b, which is what the machine's own instruction computes, NaN and all: put the suspect second.
#if defined(__AVX512F__)
ELEMENTWISE(max, larger(a.v, b.v))
ELEMENTWISE(min, smaller(a.v, b.v))
#else
ELEMENTWISE(max, a.v > b.v ? a.v : b.v)
ELEMENTWISE(min, a.v < b.v ? a.v : b.v)
#endif
#undef ELEMENTWISE

template <class T, int N> INLINE Pack<T, N> fma(const Pack<T, N>& a, const Pack<T, N>& b, const Pack<T, N>& c) {
  if constexpr (!kWhole<T, N>) return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)};
#if defined(__AVX512F__)
  else if constexpr (sizeof(T) == 4) return {(typename Vector<T>::Type)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v)};
  else return {(typename Vector<T>::Type)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v)};
#elif defined(__AVX2__)
  else if constexpr (sizeof(T) == 4) return {(typename Vector<T>::Type)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v)};
  else return {(typename Vector<T>::Type)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v)};
#else
  else return {a.v * b.v + c.v};
#endif
}

// condition ? x : y, lane by lane. A NaN makes both comparisons false.
#define CHOICE(name, comparison)                                                                 \
  template <class T, int N>                                                                      \
  INLINE Pack<T, N> name(const Pack<T, N>& a, const Pack<T, N>& b, const Pack<T, N>& x, const Pack<T, N>& y) { \
    if constexpr (kWhole<T, N>) return {(a.v comparison b.v) ? x.v : y.v};                       \
    else return {name(a.lo, b.lo, x.lo, y.lo), name(a.hi, b.hi, x.hi, y.hi)};                    \
  }
CHOICE(if_less, <)
CHOICE(if_equal, ==)
#undef CHOICE

template <class T, int N> INLINE Pack<T, N> abs(const Pack<T, N>& a) {
  if constexpr (kWhole<T, N>) {
    typedef typename Vector<T>::Int I;
    typedef typename Vector<T>::Scalar S;
    return {(typename Vector<T>::Type)((I)a.v & ((S)(((uint64_t)1 << (8 * sizeof(T) - 1)) - 1) - I{}))};
  } else return {abs(a.lo), abs(a.hi)};
}
#if defined(__AVX512F__)
// The machine's own root holds up the divider, which Adam's quotient waits for. This one, by Newton's iteration, ends in
// the same bits: a guess good to 2^-14 (2^-13 would do) leaves an error that the last step, one rounding, takes away.
// Tested on every mantissa, from guesses at either end of that bound.
INLINE __m512 root(__m512 a) {
  constexpr int special = 0x9f;  // NaN, 0, infinite: is its own root
  const __mmask16 usual = (__mmask16)~_mm512_fpclass_ps_mask(a, special);
  const __m512 half = _mm512_set1_ps(0.5f), guess = _mm512_maskz_rsqrt14_ps(0xffff, a);
  __m512 r = _mm512_mask_mul_ps(a, usual, a, guess), h = guess * half;  // r: the root, h: half its inverse
  const __m512 error = _mm512_fnmadd_ps(r, h, half);
  r = _mm512_mask3_fmadd_ps(r, error, r, usual);
  h = _mm512_fmadd_ps(h, error, h);
  return _mm512_mask3_fmadd_ps(_mm512_fnmadd_ps(r, r, a), h, r, usual);
}
#endif
template <class T, int N> INLINE Pack<T, N> sqrt(const Pack<T, N>& a) {  // rounded as IEEE asks
  if constexpr (!kWhole<T, N>) return {sqrt(a.lo), sqrt(a.hi)};
#if defined(__AVX512F__)
  else if constexpr (sizeof(T) == 4) return {root(a.v)};
  else return {_mm512_maskz_sqrt_pd(0xff, a.v)};
#elif defined(__AVX2__)
  else if constexpr (sizeof(T) == 4) return {_mm256_sqrt_ps(a.v)};
  else return {_mm256_sqrt_pd(a.v)};
#elif defined(__SSE2__)
  else if constexpr (sizeof(T) == 4) return {_mm_sqrt_ps(a.v)};
  else return {_mm_sqrt_pd(a.v)};
#elif defined(__wasm_simd128__)
  else if constexpr (sizeof(T) == 4) return {(typename Vector<T>::Type)wasm_f32x4_sqrt((v128_t)a.v)};
  else return {(typename Vector<T>::Type)wasm_f64x2_sqrt((v128_t)a.v)};
#else
  else {
    Pack<T, N> r = a;
    UNROLL for (int i = 0; i < N; ++i) r.v[i] = sizeof(T) == 4 ? (T)__builtin_sqrtf((float)a.v[i]) : (T)__builtin_sqrt((double)a.v[i]);
    return r;
  }
#endif
}
// Magnitudes below `floor` become 0, so that no product of what remains is a denormal: those cost
// a hundred times a normal one. NaN stays.
template <class T, int N> INLINE Pack<T, N> flush(const Pack<T, N>& a, T floor) {
  return if_less(abs(a), all<T, N>(floor), all<T, N>(0), a);
}

// ---------------------------------------------------------------- across lanes: halves, then halves again

template <size_t... I> struct Indices {};  // 0, 1, … N - 1, as the standard library's index_sequence
template <size_t N, size_t... I> struct Count : Count<N - 1, N - 1, I...> {};
template <size_t... I> struct Count<0, I...> { typedef Indices<I...> Type; };

template <class T, int N> struct Within {  // a vector of N numbers inside a register, N * sizeof(T) <= kVectorBytes
  typedef T Type __attribute__((vector_size(N * sizeof(T))));
};
// The lower and the upper half of a vector of N numbers.
template <class T, int N, size_t... I>
INLINE void halve(const typename Within<T, N>::Type& v, typename Within<T, N / 2>::Type& lo, typename Within<T, N / 2>::Type& hi,
                  Indices<I...>) {
#if KERNEL_SHUFFLES
  lo = __builtin_shufflevector(v, v, I...);
  hi = __builtin_shufflevector(v, v, (I + N / 2)...);
#else
  __builtin_memcpy(&lo, &v, sizeof(lo));
  __builtin_memcpy(&hi, (const char*)&v + sizeof(lo), sizeof(hi));
#endif
}
template <class T, int N> INLINE T sum_within(const typename Within<T, N>::Type& v) {
  if constexpr (N == 2) return v[0] + v[1];
  else {
    typename Within<T, N / 2>::Type lo, hi;
    halve<T, N>(v, lo, hi, typename Count<N / 2>::Type());
    return sum_within<T, N / 2>(lo + hi);
  }
}
template <class T, int N> INLINE T maximum_within(const typename Within<T, N>::Type& v) {
  if constexpr (N == 2) return v[0] > v[1] ? v[0] : v[1];
  else {
    typename Within<T, N / 2>::Type lo, hi;
    halve<T, N>(v, lo, hi, typename Count<N / 2>::Type());
    return maximum_within<T, N / 2>(lo > hi ? lo : hi);
  }
}
template <class T, int N> INLINE T sum(const Pack<T, N>& a) {
  if constexpr (kWhole<T, N>) return sum_within<T, N>(a.v);
  else return sum(a.lo + a.hi);
}
template <class T, int N> INLINE T maximum(const Pack<T, N>& a) {
  if constexpr (kWhole<T, N>) return maximum_within<T, N>(a.v);
  else return maximum(max(a.lo, a.hi));
}

// ---------------------------------------------------------------- exp and its family

template <class T> struct Limits;
template <> struct Limits<float> {
  static constexpr float exp_low = -87.0f, exp_high = 88.0f;             // results stay normal
  static constexpr float reach = 80.0f;                                  // of sigmoid and softmax: e^-80 is normal, e^-80 / 100 too
  static constexpr float magic = 12582912.0f;                            // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
  static constexpr float tiny_activation = 0x1p-40f, tiny_delta = 0x1p-80f, tiny_error = 0x1p-60f;
};
template <> struct Limits<double> {
  static constexpr double exp_low = -708.0, exp_high = 709.0;
  static constexpr double reach = 690.0;
  static constexpr double magic = 6755399441055744.0;                    // 1.5 * 2^52
  static constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
  static constexpr int mantissa = 52, bias = 1023, terms = 13;
  static constexpr double tiny_activation = 0x1p-400, tiny_delta = 0x1p-500, tiny_error = 0x1p-500;
};

constexpr double kInverseFactorial[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                        1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};

// 2^k from the sum t = k + magic, whose low bits hold k.
template <class T, int N> INLINE Pack<T, N> power_of_two(const Pack<T, N>& t) {
  if constexpr (kWhole<T, N>) {
    typedef typename Vector<T>::Int I;
    typedef typename Vector<T>::Scalar S;
    return {(typename Vector<T>::Type)(((I)t.v + (S)Limits<T>::bias) << (S)Limits<T>::mantissa)};
  } else return {power_of_two(t.lo), power_of_two(t.hi)};
}

// x = k ln 2 + r with |r| <= ln 2 / 2;  e^x = 2^k + 2^k (e^r - 1).  Returns e^r - 1 by its series; scale = 2^k.
// x must lie between exp_low and exp_high.
template <class T, int N> INLINE Pack<T, N> reduced_expm1(const Pack<T, N>& x, Pack<T, N>& scale) {
  typedef Limits<T> L;
  const Pack<T, N> t = fma(x, all<T, N>((T)1.44269504088896340736), all<T, N>(L::magic));
  const Pack<T, N> k = t - all<T, N>(L::magic);
  const Pack<T, N> r = fma(k, all<T, N>(-L::ln2_low), fma(k, all<T, N>(-L::ln2_high), x));
  Pack<T, N> q = all<T, N>((T)kInverseFactorial[L::terms]);
  UNROLL for (int i = L::terms - 1; i >= 2; --i) q = fma(q, r, all<T, N>((T)kInverseFactorial[i]));
  scale = power_of_two(t);
  return fma(q * r, r, r);
}
template <class T, int N> INLINE Pack<T, N> within(const Pack<T, N>& x, T low, T high) {
  return max(all<T, N>(low), min(all<T, N>(high), x));
}
template <class T, int N> INLINE Pack<T, N> exp_in_range(const Pack<T, N>& x) {
  Pack<T, N> scale, p = reduced_expm1(x, scale);
  return fma(p, scale, scale);
}
template <class T, int N> INLINE Pack<T, N> exp(const Pack<T, N>& x) {
  return exp_in_range(within(x, Limits<T>::exp_low, Limits<T>::exp_high));
}
template <class T, int N> INLINE Pack<T, N> expm1(const Pack<T, N>& x) {
  Pack<T, N> scale, p = reduced_expm1(within(x, Limits<T>::exp_low, Limits<T>::exp_high), scale);
  return fma(p, scale, scale - all<T, N>(1));
}

// ln x for normal positive x: x = 2^k m with m near 1, ln m = 2 atanh((m-1)/(m+1)) by its odd series.
template <class T, int N> INLINE Pack<T, N> log(const Pack<T, N>& x) {
  if constexpr (kWhole<T, N>) {
    typedef typename Vector<T>::Int I;
    typedef typename Vector<T>::Scalar S;
    typedef typename Vector<T>::Type V;
    const V root_half = (T)0.70710678118654752440 - V{};
    const I offset = (I)x.v - (I)root_half;                       // k in the exponent field, m in [sqrt 1/2, sqrt 2)
    const I k = offset >> (S)Limits<T>::mantissa;
    const V m = (V)((I)x.v - (k << (S)Limits<T>::mantissa));
    const V kf = __builtin_convertvector(k, V);
    const Pack<T, N> s = Pack<T, N>{m - 1} / Pack<T, N>{m + 1}, w = s * s;
    constexpr int last = sizeof(T) == 4 ? 11 : 23;
    Pack<T, N> q = all<T, N>((T)(1.0 / last));
    UNROLL for (int i = last - 2; i >= 3; i -= 2) q = fma(q, w, all<T, N>((T)(1.0 / i)));
    const Pack<T, N> log_m = fma(s * w * q, all<T, N>(2), s + s);
    return fma(Pack<T, N>{kf}, all<T, N>(Limits<T>::ln2_high), fma(Pack<T, N>{kf}, all<T, N>(Limits<T>::ln2_low), log_m));
  } else return {log(x.lo), log(x.hi)};
}

}  // namespace tongtou::KERNEL_ISA

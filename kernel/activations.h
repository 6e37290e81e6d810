// Activations: a = f(z) beside delta = g * f'(z), where g = dC/da. One family, forward beside backward.
//
//   linear      z                              1
//   step        z >= 0 ? 1 : 0                 0
//   sigmoid     1 / (1 + e^-z)                 a (1 - a)
//   tanh        tanh z                         1 - a^2
//   relu        max(z, 0)                      z > 0 ? 1 : 0            (0 at the kink)
//   leaky_relu  z > 0 ? z : slope z            z > 0 ? 1 : slope
//   gelu        z Phi(z)                       Phi(z) + z phi(z)
//   exp         e^z, z within -80 … 80 (690)   a
// softmax belongs to whole rows and lives in losses.h.
//
// Tails: a sigmoid or gelu below 2^-40 (float; 2^-400 double) becomes 0, a delta below 2^-80 (2^-500) becomes 0.
// Products of what remains are normal numbers, but for the rarest. See docs/decisions.md.
#pragma once

#include "lanes.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

template <class T, int N> INLINE Pack<T, N> sigmoid(const Pack<T, N>& z) {
  const Pack<T, N> one = all<T, N>(1);
  return one / (one + exp_in_range(within(all<T, N>(0) - z, -Limits<T>::reach, Limits<T>::reach)));
}

template <class T, int N> INLINE Pack<T, N> with_sign_of(const Pack<T, N>& z, const Pack<T, N>& magnitude) {
  return if_less(z, all<T, N>(0), all<T, N>(0) - magnitude, magnitude);
}

// With t = expm1(-2|z|):  tanh |z| = -t / (t + 2), no cancellation near 0.
template <class T, int N> INLINE Pack<T, N> tanh(const Pack<T, N>& z) {
  const Pack<T, N> t = expm1(abs(z) * all<T, N>(-2));
  return with_sign_of(z, (all<T, N>(0) - t) / (t + all<T, N>(2)));
}

// erfc(x) = t e^(-x^2) P(2t - 1), t = 2 / (2 + x), x >= 0. P: Chebyshev fit of our own, degree 12 or 24, as a power series.
constexpr double kErfc12[] = {0.51079135276122358, 0.34358033297009636, 0.13973603266188657, 0.018221384245757107,
                              -0.01075511615275464, -0.0032418548953675042, 0.0015440476830892506, 0.00042702015076224992,
                              -0.00032810014798514153, -3.2951539270185326e-5, 6.7687806897345185e-5, -1.327395517676192e-6,
                              -8.5088699003191261e-6};
constexpr double kErfc24[] = {0.51079135262101153, 0.34358034220690671, 0.13973604627801475, 0.018221115753294919,
                              -0.010755330944036531, -0.0032395925295271532, 0.0015453060141013287, 0.00041864797106605077,
                              -0.00033153657669014612, -1.7185254170406898e-5, 7.2234188295048068e-5, -1.707663814507957e-5,
                              -1.084298532996441e-5, 8.0671062112202289e-6, -5.7764236115114268e-7, -1.835078540898153e-6,
                              1.0305699215291105e-6, 1.5720540066794158e-8, -3.262460935296672e-7, 1.4971435260223121e-7,
                              3.6000845292079934e-8, -5.1456294343577354e-8, 6.5204346144015396e-9, 6.5973673029002745e-9,
                              -1.9111737286078939e-9};

// Phi(z), and e^(-z^2/2) on the way. Beyond |z| = 12 (38 for double) the tail is below what counts.
template <class T, int N> INLINE Pack<T, N> normal_cdf(Pack<T, N> z, Pack<T, N>& gauss) {
  constexpr int degree = sizeof(T) == 4 ? 12 : 24;
  const double* c = sizeof(T) == 4 ? kErfc12 : kErfc24;
  const T reach = sizeof(T) == 4 ? 12 : 37;
  z = within(z, -reach, reach);
  const Pack<T, N> x = abs(z) * all<T, N>((T)0.70710678118654752440), two = all<T, N>(2);
  const Pack<T, N> t = two / (two + x), u = fma(t, two, all<T, N>(-1));
  Pack<T, N> p = all<T, N>((T)c[degree]);
  UNROLL for (int i = degree - 1; i >= 0; --i) p = fma(p, u, all<T, N>((T)c[i]));
  gauss = exp(x * x * all<T, N>(-1));
  const Pack<T, N> tail = t * gauss * p * all<T, N>((T)0.5);  // Phi(-|z|)
  return if_less(z, all<T, N>(0), tail, all<T, N>(1) - tail);
}

template <class T, int N> INLINE Pack<T, N> activate(int32_t kind, T slope, const Pack<T, N>& z) {
  const Pack<T, N> zero = all<T, N>(0), one = all<T, N>(1);
  Pack<T, N> gauss;
  switch (kind) {
    case kStep: return if_less(z, zero, zero, if_equal(z, z, one, z));
    case kSigmoid: return flush(sigmoid(z), Limits<T>::tiny_activation);
    case kTanh: return tanh(z);
    case kRelu: return max(zero, z);
    case kLeakyRelu: return if_less(zero, z, z, z * all<T, N>(slope));
    case kGelu: return flush(z * normal_cdf(z, gauss), Limits<T>::tiny_activation);
    case kExp: return flush(exp_in_range(within(z, -Limits<T>::reach, Limits<T>::reach)), Limits<T>::tiny_activation);
    default: return z;
  }
}

template <class T, int N>
INLINE Pack<T, N> activation_delta(int32_t kind, T slope, const Pack<T, N>& z, const Pack<T, N>& a, const Pack<T, N>& g) {
  const T tiny = Limits<T>::tiny_delta;
  const Pack<T, N> zero = all<T, N>(0), one = all<T, N>(1);
  Pack<T, N> gauss;
  switch (kind) {
    case kStep: return zero;
    case kSigmoid: return flush(g * (a * (one - a)), tiny);
    case kTanh: return flush(g * ((one - a) * (one + a)), tiny);
    case kRelu: return flush(if_less(zero, a, g, zero), tiny);
    case kLeakyRelu: return flush(if_less(zero, a, g, g * all<T, N>(slope)), tiny);
    case kGelu: {
      const Pack<T, N> phi = normal_cdf(z, gauss);
      return flush(g * flush(fma(z * all<T, N>((T)0.39894228040143267794), gauss, phi), Limits<T>::tiny_activation), tiny);
    }
    case kExp: return flush(g * a, tiny);
    default: return flush(g, tiny);
  }
}

// Only gelu needs z again on the way back; all others find f' from a, so z and a may share one array.
INLINE bool needs_z(int32_t kind) { return kind == kGelu; }

#define EACH_ELEMENTWISE(kind, run)             \
  switch (kind) {                               \
    case kStep: run(kStep); break;              \
    case kSigmoid: run(kSigmoid); break;        \
    case kTanh: run(kTanh); break;              \
    case kRelu: run(kRelu); break;              \
    case kLeakyRelu: run(kLeakyRelu); break;    \
    case kGelu: run(kGelu); break;              \
    case kExp: run(kExp); break;                \
    default: run(kLinear); break;               \
  }

// a = f(z) for `count` numbers, a multiple of 16.
template <class T> inline void activate_rows(int32_t kind, double slope, const T* z, T* a, size_t count) {
#define RUN(which)                                        \
  for (size_t i = 0; i < count; i += kLanes)              \
    store(a + i, activate<T>(which, (T)slope, load(z + i)));
  EACH_ELEMENTWISE(kind, RUN)
#undef RUN
}

// g becomes delta.
template <class T> inline void delta_rows(int32_t kind, double slope, const T* z, const T* a, T* g, size_t count) {
#define RUN(which)                                        \
  for (size_t i = 0; i < count; i += kLanes)              \
    store(g + i, activation_delta<T>(which, (T)slope, load(z + i), load(a + i), load(g + i)));
  EACH_ELEMENTWISE(kind, RUN)
#undef RUN
}

}  // namespace tongtou::KERNEL_ISA

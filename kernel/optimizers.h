// How a gradient becomes a step. One family, one line of arithmetic each; g is the mean gradient of the batch, already
// clipped, plus l2 w.
//
//   plain      w -= eta g
//   momentum   v = mu v + g                    w -= eta v      nesterov: w -= eta (g + mu v)
//   velocity   v = mu v - eta g                w += v          nesterov: w += mu v - eta g
//   rmsprop    s = rho s + (1 - rho) g^2       r = g / (sqrt(s) + eps)   [inside: g / sqrt(s + eps)]
//              w -= eta r                      with momentum: v = mu v + r, w -= eta v
//   adam       m = b1 m + (1 - b1) g           v = b2 v + (1 - b2) g^2
//              w -= eta / c1  m / (sqrt(v / c2) + eps)         c1 = 1 - b1^t, c2 = 1 - b2^t
//              [inside: sqrt(v / c2 + eps);  uncorrected: w -= eta sqrt(c2) / c1  m / (sqrt(v) + eps)]
// Before: w *= keep (decoupled decay). After: w = sign(w) max(|w| - eta l1, 0). Both, like l2, of weights only.
// State below tiny_state becomes 0, so that no product of what remains is a denormal.
#pragma once

#include "lanes.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

template <class T> struct Step {  // the rule with the numbers of one step, in the network's own type
  int32_t kind;
  bool nesterov, inside, uncorrected, heavy;
  T eta, beta1, beta2, rest1, rest2, epsilon, momentum, keep, shrink, l1, l2, half_l2;
  T rate, inverse_c2, inverse_root_c2;  // adam's
  bool penalised;

  Step(const Rule& rule, const Rates& rates, double weight_sum) {
    kind = rule.kind;
    nesterov = rule.flags & kNesterov;
    inside = rule.flags & kEpsilonInside;
    uncorrected = rule.flags & kEpsilonUncorrected;
    heavy = rule.momentum != 0;
    const double l2_now = rule.l2_over_batch ? rule.l2 / weight_sum : rule.l2;
    eta = (T)rates.eta;
    beta1 = (T)rule.beta1;
    beta2 = (T)rule.beta2;
    rest1 = (T)(1 - rule.beta1);
    rest2 = (T)(1 - rule.beta2);
    epsilon = (T)rule.epsilon;
    momentum = (T)rule.momentum;
    keep = (T)rates.keep;
    shrink = (T)(rates.eta * rule.l1);
    l1 = (T)rule.l1;
    l2 = (T)l2_now;
    half_l2 = (T)(l2_now / 2);
    rate = (T)(uncorrected ? rates.eta * __builtin_sqrt(rates.c2) / rates.c1 : rates.eta / rates.c1);
    inverse_c2 = (T)(1 / rates.c2);
    inverse_root_c2 = (T)(1 / __builtin_sqrt(rates.c2));
    penalised = rule.l1 != 0 || rule.l2 != 0;
  }
};

// Below it a state counts as 0: its square root is far below any epsilon.
template <class T> constexpr T kTinyState = sizeof(T) == 4 ? (T)0x1p-100 : (T)0x1p-500;

// The step of 16 numbers; first and second are the rule's state.
template <class T, int kKind>
INLINE Lanes<T> stepped(const Step<T>& step, const Lanes<T>& w, const Lanes<T>& g, T* first, T* second) {
  const auto kept = [](T* at, const Lanes<T>& x) { const Lanes<T> y = flush(x, kTinyState<T>); store(at, y); return y; };
  const Lanes<T> back = all<T>(-step.eta);
  if constexpr (kKind == kPlain) return fma(back, g, w);
  else if constexpr (kKind == kMomentum) {
    const Lanes<T> v = kept(first, fma(all<T>(step.beta1), load(first), g));
    return fma(back, step.nesterov ? fma(all<T>(step.beta1), v, g) : v, w);
  } else if constexpr (kKind == kVelocity) {
    const Lanes<T> own = back * g, v = kept(first, fma(all<T>(step.beta1), load(first), own));
    return w + (step.nesterov ? fma(all<T>(step.beta1), v, own) : v);
  } else if constexpr (kKind == kRmsprop) {
    const Lanes<T> s = kept(first, fma(all<T>(step.beta2), load(first), all<T>(step.rest2) * g * g));
    const Lanes<T> epsilon = all<T>(step.epsilon);
    Lanes<T> r = g / (step.inside ? sqrt(s + epsilon) : sqrt(s) + epsilon);
    if (step.heavy) r = kept(second, fma(all<T>(step.momentum), load(second), r));
    return fma(back, r, w);
  } else {
    const Lanes<T> m = kept(first, fma(all<T>(step.beta1), load(first), all<T>(step.rest1) * g));
    const Lanes<T> v = kept(second, fma(all<T>(step.beta2), load(second), all<T>(step.rest2) * g * g));
    const Lanes<T> epsilon = all<T>(step.epsilon);
    const Lanes<T> root = step.uncorrected ? sqrt(v) + epsilon
                          : step.inside    ? sqrt(fma(v, all<T>(step.inverse_c2), epsilon))
                                           : fma(sqrt(v), all<T>(step.inverse_root_c2), epsilon);
    return fma(all<T>(-step.rate), m / root, w);
  }
}

// `n` groups of 16 numbers that lie one behind the other: weights (penalised, decayed) or biases. The gradient is
// multiplied by `factor`, and afterwards 0 where that was asked for. penalties: one number for each group, or null.
template <class T, int kKind>
inline void step_groups(const Step<T>& step, T* w, T* g, T* first, T* second, size_t n, bool weights, T factor, bool to_zero,
                        double* penalties) {
  const bool decays = weights && step.keep != 1, penalised = weights && step.penalised;
  for (size_t k = 0; k < n; ++k, w += kLanes, g += kLanes) {
    Lanes<T> own = load(w), slope = load(g) * all<T>(factor);
    if (to_zero) store(g, all<T>(0));
    if (penalised) {
      if (penalties) penalties[k] = (double)sum(fma(all<T>(step.half_l2) * own, own, all<T>(step.l1) * abs(own)));
      slope = fma(all<T>(step.l2), own, slope);
    }
    if (decays) own = own * all<T>(step.keep);
    Lanes<T> moved = stepped<T, kKind>(step, own, slope, first + k * kLanes, second + k * kLanes);
    if (penalised && step.shrink > 0) {
      const Lanes<T> zero = all<T>(0), size = max(zero, abs(moved) - all<T>(step.shrink));
      moved = if_less(moved, zero, zero - size, size);
    }
    store(w, moved);
  }
}
template <class T>
inline void step_groups(const Step<T>& step, T* w, T* g, T* first, T* second, size_t n, bool weights, T factor, bool to_zero,
                        double* penalties) {
  switch (step.kind) {
    case kMomentum: return step_groups<T, kMomentum>(step, w, g, first, second, n, weights, factor, to_zero, penalties);
    case kVelocity: return step_groups<T, kVelocity>(step, w, g, first, second, n, weights, factor, to_zero, penalties);
    case kRmsprop: return step_groups<T, kRmsprop>(step, w, g, first, second, n, weights, factor, to_zero, penalties);
    case kAdam: return step_groups<T, kAdam>(step, w, g, first, second, n, weights, factor, to_zero, penalties);
    default: return step_groups<T, kPlain>(step, w, g, first, second, n, weights, factor, to_zero, penalties);
  }
}

// g = (g + other) factor, for n groups of 16 numbers; other = 0 where that was asked for.
template <class T> inline void add_halves(T* g, T* other, size_t n, T factor, bool to_zero) {
  for (size_t i = 0; i < n * kLanes; i += kLanes) {
    store(g + i, (load(g + i) + load(other + i)) * all<T>(factor));
    if (to_zero) store(other + i, all<T>(0));
  }
}

// Clips each number of a gradient to -limit … limit (limit 0: not). Notes the sum of squares of each group before that
// and after, where there is room for it.
template <class T> inline void tidy_groups(T* g, size_t n, T limit, double* squares, double* clipped) {
  for (size_t k = 0; k < n; ++k, g += kLanes) {
    const Lanes<T> x = load(g);
    if (squares) squares[k] = (double)sum(x * x);
    if (limit > 0) {
      const Lanes<T> y = max(all<T>(-limit), min(all<T>(limit), x));
      if (clipped) clipped[k] = (double)sum(y * y);
      store(g, y);
    }
  }
}

}  // namespace tongtou::KERNEL_ISA

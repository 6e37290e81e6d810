// Losses of the output layer, forward beside backward, for a block of at most 16 samples.
//
//   sse            C_i = sum_j (a_j - y_j)^2             dC_i/da_j = 2 (a_j - y_j)
//   half_sse       C_i = 1/2 sum_j (a_j - y_j)^2         dC_i/da_j = a_j - y_j
//   mse            C_i = mean_j (a_j - y_j)^2            dC_i/da_j = 2 (a_j - y_j) / n_out
//   huber          C_i = mean_j h(a_j - y_j)             dC_i/da_j = e within -delta … delta, / n_out
//                  h(e) = 1/2 e^2 where |e| <= delta, delta (|e| - 1/2 delta) beyond
//   poisson        C_i = sum_j (a_j - y_j + y_j ln(y_j / a_j))      dC_i/da_j = 1 - y_j / a_j
//   cross_entropy  C_i = - sum_j y_j ln a_j, a = softmax(z), sum y = 1:   delta_j = a_j - y_j
//   binary_cross_entropy   C_i = sum_j max(z_j, 0) - z_j y_j + ln(1 + e^-|z_j|), a = sigmoid(z):   delta_j = a_j - y_j
//   softmax below another loss:  delta_j = a_j (g_j - sum_k g_k a_k)
// Losses are not yet divided by the batch: the update does that once. Both are multiplied by the example's weight.
// Padding lanes of delta are exactly 0. The lane sums of the loss are kept per 16 samples, so the total does
// not depend on how samples were dealt to threads.
//
// The rows of a block: 16 numbers of each sample, the next 16 `step` numbers further on.
#pragma once

#include "activations.h"
#include "matmul.h"

namespace tongtou::KERNEL_ISA {

template <class T> struct Targets {  // the answers of one block
  const int32_t* labels;             // by row, or null
  const T* dense;                    // (n, n_out), by row, when labels is null
  const T* weights;                  // by row, or null
  int32_t n_out;
  T smoothing, offset;               // y becomes (1 - smoothing) y + offset

  // y of `row` for the lanes that start at neuron j; lanes past n_out are of no consequence.
  INLINE Lanes<T> lanes(uint64_t row, int32_t j) const {
    Lanes<T> y;
    if (labels) y = if_equal(iota<T, kLanes>((T)j), all<T>((T)labels[row]), all<T>(1), all<T>(0));
    else {
      T given[kLanes];
      for (int i = 0; i < kLanes; ++i) given[i] = j + i < n_out ? dense[row * n_out + j + i] : (T)0;
      y = load_loose(given);
    }
    if (smoothing > 0) y = fma(y, all<T>(1 - smoothing), all<T>(offset));
    return y;
  }
  INLINE T weight(uint64_t row) const { return weights ? weights[row] : (T)1; }
};

template <class T> INLINE Lanes<T> keep_real(const Lanes<T>& x, int32_t j, int32_t n_out, T otherwise) {
  return if_less(iota<T, kLanes>((T)j), all<T>((T)n_out), x, all<T>(otherwise));
}

// The functions below take kFixed = 16 where a row is one group of lanes, so that its loop disappears, else 0.
struct Across {  // a row: how many numbers, padding included, and how far its groups of 16 lie apart
  int32_t stride;
  size_t step;
};
template <int kFixed> INLINE int32_t width(const Across& row) { return kFixed ? kFixed : row.stride; }
template <int kFixed> INLINE size_t place(const Across& row, int32_t j) {
  return kFixed ? (size_t)j : (size_t)(j / kLanes) * row.step + (size_t)(j % kLanes);
}

// Largest value of a row among the neurons other than `label` (pass -1 to leave none out).
template <class T, int kFixed> INLINE T largest_other(const T* row, const Across& across, int32_t n_out, int32_t label) {
  Lanes<T> best = all<T>((T)-__builtin_inf());
  for (int32_t j = 0; j < width<kFixed>(across); j += kLanes) {
    const Lanes<T> x = keep_real(load(row + place<kFixed>(across, j)), j, n_out, (T)-__builtin_inf());
    best = max(best, if_equal(iota<T, kLanes>((T)j), all<T>((T)label), all<T>((T)-__builtin_inf()), x));
  }
  return maximum(best);
}

// e = softmax(z) of one row, from its largest z; returns the sum of exponentials, whose logarithm completes the loss.
template <class T, int kFixed> INLINE T softmax_row(const T* z, T* e, const Across& across, int32_t n_out, T largest) {
  Lanes<T> total = all<T>(0);
  for (int32_t j = 0; j < width<kFixed>(across); j += kLanes) {
    const size_t at = place<kFixed>(across, j);
    const Lanes<T> x = keep_real(exp_in_range(max(all<T>(-Limits<T>::reach), load(z + at) - all<T>(largest))), j, n_out, (T)0);
    store(e + at, x);
    total = total + x;
  }
  const T s = sum(total);
  const Lanes<T> inverse = all<T>((T)1 / s);
  for (int32_t j = 0; j < width<kFixed>(across); j += kLanes) {
    T* p = e + place<kFixed>(across, j);
    store(p, load(p) * inverse);
  }
  return s;
}

template <class T> inline void softmax_rows(T* rows, size_t n, const Across& across, int32_t n_out) {
  for (size_t s = 0; s < n; ++s) {
    T* row = rows + s * kLanes;
    softmax_row<T, 0>(row, row, across, n_out, largest_other<T, 0>(row, across, n_out, -1));
  }
}

// Cross-entropy of softmax: D becomes delta. Adds to `loss` (16 numbers), returns the hits.
template <class T, int kFixed>
INLINE uint32_t cross_entropy_block(const T* Z, T* D, size_t n, const Across& across, const Targets<T>& y, const uint32_t* rows, T* loss) {
  T sums[kLanes], shortfall[kLanes];
  uint32_t hits = 0;
  UNROLL for (int i = 0; i < kLanes; ++i) { sums[i] = 1; shortfall[i] = 0; }
  for (size_t s = 0; s < n; ++s) {
    const T* z = Z + s * kLanes;
    T* d = D + s * kLanes;
    const uint64_t r = rows[s];
    const int32_t label = y.labels ? y.labels[r] : -1;
    T largest = largest_other<T, kFixed>(z, across, y.n_out, label);
    if (y.labels) {
      const T own = z[place<kFixed>(across, label)];
      hits += own > largest;
      largest = own > largest ? own : largest;
      shortfall[s] = largest - own;
    }
    if (!y.labels || y.smoothing > 0) {
      Lanes<T> short_of = all<T>(0);
      for (int32_t j = 0; j < width<kFixed>(across); j += kLanes)
        short_of = fma(y.lanes(r, j), all<T>(largest) - keep_real(load(z + place<kFixed>(across, j)), j, y.n_out, largest), short_of);
      shortfall[s] = sum(short_of);
    }
    sums[s] = softmax_row<T, kFixed>(z, d, across, y.n_out, largest);
    for (int32_t j = 0; j < width<kFixed>(across); j += kLanes) {
      T* p = d + place<kFixed>(across, j);
      Lanes<T> delta = load(p) - y.lanes(r, j);
      if (y.smoothing > 0) delta = keep_real(delta, j, y.n_out, (T)0);
      store(p, flush(y.weights ? delta * all<T>(y.weights[r]) : delta, Limits<T>::tiny_delta));
    }
  }
  Lanes<T> each = log(load_loose(sums)) + load_loose(shortfall);
  if (y.weights) {
    T w[kLanes];
    for (size_t s = 0; s < kLanes; ++s) w[s] = s < n ? y.weights[rows[s]] : (T)0;
    each = each * load_loose(w);
  }
  store(loss, load(loss) + each);
  return hits;
}

constexpr size_t kSeveral = 4;  // samples from which on it pays to turn them into lanes and back

// The same for at most 16 classes given by number: samples stand side by side in the lanes and take their neurons one
// after the other, so that no sum, maximum or exponential is spent on one sample alone.
template <class T>
inline uint32_t cross_entropy_side_by_side(const T* Z, T* D, size_t n, const Targets<T>& y, const uint32_t* rows, T* loss) {
  alignas(64) T z[kLanes * kLanes], labels[kLanes], weights[kLanes];  // z: neuron by neuron
  for (size_t s = 0; s < kLanes; ++s) {
    labels[s] = s < n ? (T)y.labels[rows[s]] : (T)-1;
    weights[s] = s < n ? y.weight(rows[s]) : (T)0;
  }
  UNROLL for (size_t s = 0; s < kLanes; s += 4) turn_four(Z + s * kLanes, kLanes, (size_t)y.n_out, z + s, kLanes);  // past n too
  const Lanes<T> lowest = all<T>((T)-__builtin_inf()), label = load(labels);
  Lanes<T> own = lowest, other = lowest, total = all<T>(0);
  for (int32_t j = 0; j < y.n_out; ++j) {
    const Lanes<T> x = load(z + j * kLanes), number = all<T>((T)j);
    own = if_equal(label, number, x, own);
    other = max(other, if_equal(label, number, lowest, x));
  }
  const Lanes<T> largest = max(other, own);
  for (int32_t j = 0; j < y.n_out; ++j) {
    const Lanes<T> e = exp_in_range(max(all<T>(-Limits<T>::reach), load(z + j * kLanes) - largest));
    store(z + j * kLanes, e);
    total = total + e;
  }
  const Lanes<T> inverse = all<T>(1) / total;
  for (int32_t j = 0; j < y.n_out; ++j) {
    const Lanes<T> p = load(z + j * kLanes) * inverse, delta = if_equal(label, all<T>((T)j), p - all<T>(1), p);
    store(z + j * kLanes, flush(delta * load(weights), Limits<T>::tiny_delta));
  }
  for (int32_t j = y.n_out; j < kLanes; ++j) store(z + j * kLanes, all<T>(0));
  UNROLL for (size_t j = 0; j < kLanes; j += 4) turn_four(z + j * kLanes, kLanes, n, D + j, kLanes);
  alignas(64) T ahead[kLanes], each[kLanes];
  store(ahead, own - other);
  store(each, (log(total) + (largest - own)) * load(weights));
  uint32_t hits = 0;
  for (size_t s = 0; s < n; ++s) {
    hits += ahead[s] > 0;
    loss[s] += each[s];
  }
  return hits;
}

// What the losses that are sums over outputs have of one group of lanes: the loss, and its gradient g by a (by z for
// the binary cross-entropy).
template <class T> struct Term {
  Lanes<T> loss, g;
};
template <class T, int kLoss>
INLINE Term<T> loss_term(const Lanes<T>& x, const Lanes<T>& y, int32_t j, int32_t n_out, T share, T parameter) {
  if constexpr (kLoss == kSse) {  // and those that differ by a factor, `share`
    const Lanes<T> e = flush(keep_real(x - y, j, n_out, (T)0), Limits<T>::tiny_error);
    return {e * all<T>(share) * e, e * all<T>(2 * share)};
  } else if constexpr (kLoss == kHuber) {
    const Lanes<T> e = flush(keep_real(x - y, j, n_out, (T)0), Limits<T>::tiny_error);
    const Lanes<T> inner = max(all<T>(-parameter), min(all<T>(parameter), e));  // a NaN stays
    // 1/2 inner^2 + delta (|e| - |inner|): one line for both branches
    const Lanes<T> h = fma(inner * all<T>((T)0.5), inner, all<T>(parameter) * (abs(e) - abs(inner)));
    return {h * all<T>(share), inner * all<T>(share)};
  } else if constexpr (kLoss == kPoisson) {
    const Lanes<T> zero = all<T>(0), tiny = all<T>(Limits<T>::tiny_activation);
    const Lanes<T> a = max(tiny, x), there = max(tiny, y);
    const Lanes<T> surprise = if_less(zero, y, y * (log(there) - log(a)), zero);
    return {keep_real((a - y) + surprise, j, n_out, (T)0), keep_real(all<T>(1) - y / a, j, n_out, (T)0)};
  } else {  // kBinaryCrossEntropy, x = z
    const Lanes<T> zero = all<T>(0), one = all<T>(1);
    const Lanes<T> z = keep_real(x, j, n_out, (T)0);
    const Lanes<T> tail = log(one + exp_in_range(max(all<T>(-Limits<T>::reach), zero - abs(z))));
    const Lanes<T> each = (max(zero, z) - z * y) + tail;
    return {keep_real(each, j, n_out, (T)0), flush(keep_real(sigmoid(z) - y, j, n_out, (T)0), Limits<T>::tiny_delta)};
  }
}

// A loss that is a sum over outputs: D becomes g. Adds to `loss` (16 numbers), returns the hits.
template <class T, int kLoss, int kFixed>
INLINE uint32_t summed_block(const T* X, T* D, size_t n, const Across& across, const Targets<T>& y, const uint32_t* rows,
                             T share, T parameter, T* loss) {
  Lanes<T> total = load(loss);
  uint32_t hits = 0;
  for (size_t s = 0; s < n; ++s) {
    const T* x = X + s * kLanes;
    const uint64_t r = rows[s];
    if (y.labels) hits += x[place<kFixed>(across, y.labels[r])] > largest_other<T, kFixed>(x, across, y.n_out, y.labels[r]);
    for (int32_t j = 0; j < width<kFixed>(across); j += kLanes) {
      const size_t at = place<kFixed>(across, j);
      if (kLoss == kSse && !y.weights) {
        const Lanes<T> e = flush(keep_real(load(x + at) - y.lanes(r, j), j, y.n_out, (T)0), Limits<T>::tiny_error);
        total = fma(e * all<T>(share), e, total);
        store(D + s * kLanes + at, e * all<T>(2 * share));
        continue;
      }
      const Term<T> term = loss_term<T, kLoss>(load(x + at), y.lanes(r, j), j, y.n_out, share, parameter);
      const Lanes<T> w = all<T>(y.weight(r));
      total = fma(term.loss, w, total);
      store(D + s * kLanes + at, term.g * w);
    }
  }
  store(loss, total);
  return hits;
}

// The block of the loss that the network has: D becomes dC/da, or delta itself where the loss looks at z.
INLINE bool looks_at_z(int32_t loss) { return loss == kCrossEntropy || loss == kBinaryCrossEntropy; }
template <class T, int kFixed>
inline uint32_t loss_block(int32_t kind, T parameter, const T* X, T* D, size_t n, const Across& across, const Targets<T>& y,
                           const uint32_t* rows, T* loss) {
  const T mean = (T)1 / (T)y.n_out;
  switch (kind) {
    case kCrossEntropy:
      if (kFixed && n >= kSeveral && y.labels && !(y.smoothing > 0)) return cross_entropy_side_by_side(X, D, n, y, rows, loss);
      return cross_entropy_block<T, kFixed>(X, D, n, across, y, rows, loss);
    case kBinaryCrossEntropy: return summed_block<T, kBinaryCrossEntropy, kFixed>(X, D, n, across, y, rows, 1, 0, loss);
    case kHuber: return summed_block<T, kHuber, kFixed>(X, D, n, across, y, rows, mean, parameter, loss);
    case kPoisson: return summed_block<T, kPoisson, kFixed>(X, D, n, across, y, rows, 1, 0, loss);
    default: {
      const T share = kind == kMse ? mean : kind == kHalfSse ? (T)0.5 : (T)1;
      return summed_block<T, kSse, kFixed>(X, D, n, across, y, rows, share, 0, loss);
    }
  }
}

// delta = a (g - sum g a), row by row.
template <class T> inline void softmax_delta_rows(const T* a, T* g, size_t n, const Across& across) {
  for (size_t s = 0; s < n; ++s) {
    const T* own = a + s * kLanes;
    T* out = g + s * kLanes;
    Lanes<T> dot = all<T>(0);
    for (int32_t j = 0; j < across.stride; j += kLanes) {
      const size_t at = place<0>(across, j);
      dot = fma(load(out + at), load(own + at), dot);
    }
    const Lanes<T> mean = all<T>(sum(dot));
    for (int32_t j = 0; j < across.stride; j += kLanes) {
      const size_t at = place<0>(across, j);
      const Lanes<T> share = flush(load(own + at), Limits<T>::tiny_activation);
      store(out + at, flush(share * (load(out + at) - mean), Limits<T>::tiny_delta));
    }
  }
}

}  // namespace tongtou::KERNEL_ISA

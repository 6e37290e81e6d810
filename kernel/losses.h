// Losses of the output layer, forward beside backward, for a block of samples.
//
//   sse            C_i = sum_j (a_j - y_j)^2             dC_i/da_j = 2 (a_j - y_j)
//   mse            C_i = mean_j (a_j - y_j)^2            dC_i/da_j = 2 (a_j - y_j) / n_out
//   cross_entropy  C_i = - sum_j y_j ln a_j, a = softmax(z), sum y = 1:   delta_j = a_j - y_j
//   softmax below another loss:  delta_j = a_j (g_j - sum_k g_k a_k)
// Losses are not yet divided by the batch: the update does that once.
// Padding lanes of delta are exactly 0. The lane sums of the loss are kept per 16 samples, so the total does
// not depend on how samples were dealt to threads.
#pragma once

#include "activations.h"

namespace tongtou::KERNEL_ISA {

template <class T> struct Targets {  // the answers of one block
  const int32_t* labels;             // by row, or null
  const T* dense;                    // (n, n_out), by row, when labels is null
  int32_t n_out;

  // y of `row` for the lanes that start at neuron j; lanes past n_out are 0.
  INLINE Lanes<T> lanes(uint64_t row, int32_t j) const {
    const Lanes<T> index = iota<T, kLanes>((T)j), zero = all<T>(0);
    if (labels) return if_equal(index, all<T>((T)labels[row]), all<T>(1), zero);
    T y[kLanes];
    for (int i = 0; i < kLanes; ++i) y[i] = j + i < n_out ? dense[row * n_out + j + i] : (T)0;
    return load_loose(y);
  }
};

template <class T> INLINE Lanes<T> keep_real(const Lanes<T>& x, int32_t j, int32_t n_out, T otherwise) {
  return if_less(iota<T, kLanes>((T)j), all<T>((T)n_out), x, all<T>(otherwise));
}

// The functions below take kFixed = 16 where a row is one group of lanes, so that its loop disappears, else 0.

// Largest value of a row among the neurons other than `label` (pass -1 to leave none out).
template <class T, int kFixed> INLINE T largest_other(const T* row, int32_t stride_, int32_t n_out, int32_t label) {
  const int32_t stride = kFixed ? kFixed : stride_;
  Lanes<T> best = all<T>((T)-__builtin_inf());
  for (int32_t j = 0; j < stride; j += kLanes) {
    const Lanes<T> x = keep_real(load(row + j), j, n_out, (T)-__builtin_inf());
    best = max(best, if_equal(iota<T, kLanes>((T)j), all<T>((T)label), all<T>((T)-__builtin_inf()), x));
  }
  return maximum(best);
}

// e = softmax(z) of one row, from its largest z; returns the sum of exponentials, whose logarithm completes the loss.
template <class T, int kFixed> INLINE T softmax_row(const T* z, T* e, int32_t stride_, int32_t n_out, T largest) {
  const int32_t stride = kFixed ? kFixed : stride_;
  Lanes<T> total = all<T>(0);
  for (int32_t j = 0; j < stride; j += kLanes) {
    const Lanes<T> x = keep_real(exp_in_range(max(all<T>(-Limits<T>::reach), load(z + j) - all<T>(largest))), j, n_out, (T)0);
    store(e + j, x);
    total = total + x;
  }
  const T s = sum(total);
  const Lanes<T> inverse = all<T>((T)1 / s);
  for (int32_t j = 0; j < stride; j += kLanes) store(e + j, load(e + j) * inverse);
  return s;
}

template <class T> inline void softmax_rows(T* rows, size_t n, int32_t stride, int32_t n_out) {
  for (size_t s = 0; s < n; ++s) {
    T* row = rows + s * stride;
    softmax_row<T, 0>(row, row, stride, n_out, largest_other<T, 0>(row, stride, n_out, -1));
  }
}

// Cross-entropy of softmax for up to 16 samples: D becomes delta. Adds to `loss` (16 numbers), returns the hits.
template <class T, int kFixed>
INLINE uint32_t cross_entropy_block(const T* Z, T* D, size_t n, int32_t stride_, const Targets<T>& y, const uint32_t* rows, T* loss) {
  const int32_t stride = kFixed ? kFixed : stride_;
  T sums[kLanes], shortfall[kLanes];
  uint32_t hits = 0;
  UNROLL for (int i = 0; i < kLanes; ++i) { sums[i] = 1; shortfall[i] = 0; }
  for (size_t s = 0; s < n; ++s) {
    const T* z = Z + s * stride;
    T* d = D + s * stride;
    const uint64_t r = rows[s];
    const int32_t label = y.labels ? y.labels[r] : -1;
    T largest = largest_other<T, kFixed>(z, stride, y.n_out, label);
    if (y.labels) {
      const T own = z[label];
      hits += own > largest;
      largest = own > largest ? own : largest;
      shortfall[s] = largest - own;
    } else {
      Lanes<T> short_of = all<T>(0);
      for (int32_t j = 0; j < stride; j += kLanes)
        short_of = fma(y.lanes(r, j), all<T>(largest) - keep_real(load(z + j), j, y.n_out, largest), short_of);
      shortfall[s] = sum(short_of);
    }
    sums[s] = softmax_row<T, kFixed>(z, d, stride, y.n_out, largest);
    for (int32_t j = 0; j < stride; j += kLanes) store(d + j, flush(load(d + j) - y.lanes(r, j), Limits<T>::tiny_delta));
  }
  store(loss, load(loss) + (log(load_loose(sums)) + load_loose(shortfall)));
  return hits;
}

// Squared errors for up to 16 samples: D becomes dC/da. Adds to `loss` (16 numbers), returns the hits.
template <class T, int kFixed>
INLINE uint32_t squared_block(const T* A, T* D, size_t n, int32_t stride_, const Targets<T>& y, const uint32_t* rows, T share, T* loss) {
  const int32_t stride = kFixed ? kFixed : stride_;
  Lanes<T> total = load(loss);
  uint32_t hits = 0;
  for (size_t s = 0; s < n; ++s) {
    const T* a = A + s * stride;
    const uint64_t r = rows[s];
    if (y.labels) hits += a[y.labels[r]] > largest_other<T, kFixed>(a, stride, y.n_out, y.labels[r]);
    for (int32_t j = 0; j < stride; j += kLanes) {
      const Lanes<T> e = flush(keep_real(load(a + j) - y.lanes(r, j), j, y.n_out, (T)0), Limits<T>::tiny_error);
      total = fma(e * all<T>(share), e, total);
      store(D + s * stride + j, e * all<T>(2 * share));
    }
  }
  store(loss, total);
  return hits;
}

// delta = a (g - sum g a), row by row.
template <class T> inline void softmax_delta_rows(const T* a, T* g, size_t n, int32_t stride) {
  for (size_t s = 0; s < n; ++s) {
    Lanes<T> dot = all<T>(0);
    for (int32_t j = 0; j < stride; j += kLanes) dot = fma(load(g + s * stride + j), load(a + s * stride + j), dot);
    const Lanes<T> mean = all<T>(sum(dot));
    for (int32_t j = 0; j < stride; j += kLanes) {
      T* p = g + s * stride + j;
      const Lanes<T> share = flush(load(a + s * stride + j), Limits<T>::tiny_activation);
      store(p, flush(share * (load(p) - mean), Limits<T>::tiny_delta));
    }
  }
}

}  // namespace tongtou::KERNEL_ISA

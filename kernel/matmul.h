// One matrix product of our own, for every later layer and the dense first one.
//
//   C[r, :] = init + sum_k A(r, k) B[k, :]        forward, and delta of the layer before
//   C[r, :] = C[r, :] + scale sum_k A(r, k) B[k, :]   update
// A(r, k) = A[r * row_step + k * k_step]: the same loop reads A as it lies or transposed.
// Rows of B and C are padded to 16 lanes. Each element is summed in the order of k, whatever the tile,
// so bits depend neither on the number of rows nor on threads; but for lone_product.
#pragma once

#include "lanes.h"

namespace tongtou::KERNEL_ISA {

template <class T> struct Product {
  T* C; size_t c_step;                        // (rows, columns)
  const T* A; size_t row_step, k_step;        // (rows, K)
  const T* B; size_t b_step;                  // (K, columns)
  size_t K;
  const T* init;                              // (columns,), or null for 0; only when not adding
  T scale;
  bool add;                                   // C += scale * product
};

template <class T> constexpr int kTileRows = kVectorBytes / (2 * sizeof(T));                    // 8, 4, 2 for float
template <class T> constexpr int kTileGroups = kVectorBytes == 64 && sizeof(T) == 4 ? 2 : 1;

template <class T, int R, int G> INLINE void product_tile(const Product<T>& p, size_t r, size_t column) {
  Lanes<T> total[R][G];
  UNROLL for (int g = 0; g < G; ++g) {
    const Lanes<T> start = p.init ? load(p.init + column + g * kLanes) : all<T>(0);
    UNROLL for (int i = 0; i < R; ++i) total[i][g] = start;
  }
  const T* a = p.A + r * p.row_step;
  const T* b = p.B + column;
  for (size_t k = 0; k < p.K; ++k, a += p.k_step, b += p.b_step) {
    Lanes<T> row[G];
    UNROLL for (int g = 0; g < G; ++g) row[g] = load(b + g * kLanes);
    UNROLL for (int i = 0; i < R; ++i) {
      const Lanes<T> x = all<T>(a[i * p.row_step]);
      UNROLL for (int g = 0; g < G; ++g) total[i][g] = fma(x, row[g], total[i][g]);
    }
  }
  UNROLL for (int i = 0; i < R; ++i) UNROLL for (int g = 0; g < G; ++g) {
    T* c = p.C + (r + i) * p.c_step + column + g * kLanes;
    store(c, p.add ? fma(all<T>(p.scale), total[i][g], load(c)) : total[i][g]);
  }
}

template <class T, int G> INLINE void product_columns(const Product<T>& p, size_t first, size_t last, size_t column) {
  size_t r = first;
  constexpr int R = kTileRows<T>;
  for (; r + R <= last; r += R) product_tile<T, R, G>(p, r, column);
  if constexpr (R > 4) if (r + 4 <= last) { product_tile<T, 4, G>(p, r, column); r += 4; }
  if constexpr (R > 2) if (r + 2 <= last) { product_tile<T, 2, G>(p, r, column); r += 2; }
  if constexpr (R > 1) if (r < last) product_tile<T, 1, G>(p, r, column);
}

// Rows first … last - 1 of C, all `columns` (a multiple of 16).
template <class T> inline void product(const Product<T>& p, size_t first, size_t last, size_t columns) {
  constexpr int G = kTileGroups<T>;
  size_t column = 0;
  if constexpr (G > 1)
    for (; column + G * kLanes <= columns; column += G * kLanes) product_columns<T, G>(p, first, last, column);
  for (; column < columns; column += kLanes) product_columns<T, 1>(p, first, last, column);
}

// Row r of C, not adding, when it is the only one: four partial sums in place of one long chain of additions.
// A batch of one takes its sums in this order throughout.
template <class T> inline void lone_product(const Product<T>& p, size_t r, size_t columns) {
  const T* a = p.A + r * p.row_step;
  for (size_t j = 0; j < columns; j += kLanes) {
    Lanes<T> part[4] = {p.init ? load(p.init + j) : all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
    const T* b = p.B + j;
    size_t k = 0;
    for (; k + 4 <= p.K; k += 4)
      UNROLL for (size_t q = 0; q < 4; ++q) part[q] = fma(all<T>(a[(k + q) * p.k_step]), load(b + (k + q) * p.b_step), part[q]);
    for (; k < p.K; ++k) part[0] = fma(all<T>(a[k * p.k_step]), load(b + k * p.b_step), part[0]);
    store(p.C + r * p.c_step + j, (part[0] + part[1]) + (part[2] + part[3]));
  }
}

// Rows first … last - 1 of W (n_in rows of `stride`) become columns of its copy (n_out rows of `copy_stride`),
// which lets the backward pass run over neurons with no sum across lanes.
template <class T>
inline void transpose(const T* W, size_t stride, size_t n_out, T* copy, size_t copy_stride, size_t first, size_t last) {
  size_t i = first;
#if KERNEL_SHUFFLES
  if constexpr (sizeof(T) == 4) {
    typedef float Four __attribute__((vector_size(16)));
    typedef float Loose __attribute__((vector_size(16), aligned(4), may_alias));
    for (; i + 4 <= last; i += 4) {
      for (size_t j = 0; j < n_out; j += 4) {
        const T* w = W + i * stride + j;
        const Four a = *(const Loose*)w, b = *(const Loose*)(w + stride), c = *(const Loose*)(w + 2 * stride), d = *(const Loose*)(w + 3 * stride);
        const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const Four AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        T* t = copy + j * copy_stride + i;
        *(Loose*)t = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        if (j + 1 < n_out) *(Loose*)(t + copy_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        if (j + 2 < n_out) *(Loose*)(t + 2 * copy_stride) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
        if (j + 3 < n_out) *(Loose*)(t + 3 * copy_stride) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
      }
    }
  }
#endif
  for (; i < last; ++i)
    for (size_t j = 0; j < n_out; ++j) copy[j * copy_stride + i] = W[i * stride + j];
}

}  // namespace tongtou::KERNEL_ISA

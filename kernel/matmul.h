// One matrix product of our own, for every later layer and the dense first one.
//
//   C[r, :] = start + sum_k A(r, k) B[k, :]           forward, and delta of the layer before
//   C[r, :] = scale sum_k A(r, k) B[k, :]             a gradient
//   C[r, :] = C[r, :] + scale sum_k A(r, k) B[k, :]   plain gradient descent
// B and C are grids of groups of 16 columns; A is read number by number, as it lies or turned.
// Each element is summed in the order of k, whatever the tile, so bits depend neither on the number of rows nor on
// threads; but for lone_product.
#pragma once

#include "lanes.h"

namespace tongtou::KERNEL_ISA {

// Number (r, k) of the left factor: rows in blocks of 16, and k in blocks of 16.
template <class T> struct Left {
  const T* at;
  size_t row_step, row_block, k_step, k_block;
  INLINE const T* row(size_t r) const { return at + r / kLanes * row_block + r % kLanes * row_step; }
};
template <class T> INLINE Left<T> as_it_lies(const Grid<T>& m) { return {m.at, m.row_step, kLanes * m.row_step, 1, m.group_step}; }
template <class T> INLINE Left<T> turned(const Grid<T>& m) { return {m.at, 1, m.group_step, m.row_step, kLanes * m.row_step}; }

enum Ending { kPut, kPutScaled, kAddScaled };

template <class T> struct Product {
  Grid<T> C;        // (rows, columns)
  Left<T> A;        // (rows, K)
  Grid<T> B;        // (K, columns)
  size_t K;
  Grid<T> start;    // (1, columns), or at == null for 0
  T scale;
  Ending ending;
};

template <class T> constexpr int kTileRows = kVectorBytes / (2 * sizeof(T));                    // 8, 4, 2 for float
template <class T> constexpr int kTileGroups = kVectorBytes == 64 && sizeof(T) == 4 ? 2 : 1;

template <class T, int R, int G>
INLINE void add_products(Lanes<T> (&total)[R][G], const T* a, size_t row_step, size_t k_step, const T* (&b)[G], size_t b_step, size_t n) {
  _Pragma("GCC unroll 4") for (size_t k = 0; k < n; ++k, a += k_step) {
    Lanes<T> row[G];
    UNROLL for (int g = 0; g < G; ++g) { row[g] = load(b[g]); b[g] += b_step; }
    UNROLL for (int i = 0; i < R; ++i) {
      const Lanes<T> x = all<T>(a[i * row_step]);
      UNROLL for (int g = 0; g < G; ++g) total[i][g] = fma(x, row[g], total[i][g]);
    }
  }
}

// Over k = first_k … last_k - 1; from the second such piece on a tile goes on where it was put down.
template <class T, int R, int G> INLINE void product_tile(const Product<T>& p, size_t r, size_t group, size_t first_k, size_t last_k) {
  Lanes<T> total[R][G];
  const T* b[G];
  UNROLL for (int g = 0; g < G; ++g) {
    const Lanes<T> start = p.start.at && !first_k ? load(p.start.row(0, group + g)) : all<T>(0);
    UNROLL for (int i = 0; i < R; ++i) total[i][g] = first_k ? load(p.C.row(r + i, group + g)) : start;
    b[g] = p.B.row(first_k, group + g);
  }
  const T* a = p.A.row(r) + first_k / kLanes * p.A.k_block;
  const size_t n = last_k - first_k;
  if (p.A.k_block == kLanes * p.A.k_step || n <= (size_t)kLanes) add_products<T, R, G>(total, a, p.A.row_step, p.A.k_step, b, p.B.row_step, n);
  else
    for (size_t k = 0; k < n; k += kLanes, a += p.A.k_block)
      add_products<T, R, G>(total, a, p.A.row_step, p.A.k_step, b, p.B.row_step, n - k < (size_t)kLanes ? n - k : (size_t)kLanes);
  UNROLL for (int i = 0; i < R; ++i) UNROLL for (int g = 0; g < G; ++g) {
    T* c = p.C.row(r + i, group + g);
    if (p.ending == kPut) store(c, total[i][g]);
    else store(c, p.ending == kAddScaled ? fma(all<T>(p.scale), total[i][g], load(c)) : total[i][g] * all<T>(p.scale));
  }
}

// A long product is taken in pieces of k, so that the part of B that all rows go through stays in the first-level cache.
constexpr size_t kPiece = 192;

template <class T, int G> INLINE void product_columns(const Product<T>& p, size_t first, size_t last, size_t group) {
  constexpr int R = kTileRows<T>;
  const size_t piece = p.ending == kPut && p.K > 2 * kPiece ? kPiece : p.K;
  size_t k = 0, end;
  do {  // once where K is 0
    end = p.K - k < piece ? p.K : k + piece;
    size_t r = first;
    for (; r + R <= last; r += R) product_tile<T, R, G>(p, r, group, k, end);
    if constexpr (R > 4) if (r + 4 <= last) { product_tile<T, 4, G>(p, r, group, k, end); r += 4; }
    if constexpr (R > 2) if (r + 2 <= last) { product_tile<T, 2, G>(p, r, group, k, end); r += 2; }
    if constexpr (R > 1) if (r < last) product_tile<T, 1, G>(p, r, group, k, end);
    k = end;
  } while (k < p.K);
}

// Rows first … last - 1 of C, all groups. `first` is a multiple of 16: no tile crosses a block of A's rows.
template <class T> inline void product(const Product<T>& p, size_t first, size_t last, size_t n_groups) {
  constexpr int G = kTileGroups<T>;
  size_t group = 0;
  if constexpr (G > 1)
    for (; group + G <= n_groups; group += G) product_columns<T, G>(p, first, last, group);
  for (; group < n_groups; ++group) product_columns<T, 1>(p, first, last, group);
}

// Row r of C, ending kPut, when it is the only one: four partial sums in place of one long chain of additions.
// A batch of one takes its sums in this order throughout.
template <class T> inline void lone_product(const Product<T>& p, size_t r, size_t n_groups) {
  for (size_t group = 0; group < n_groups; ++group) {
    Lanes<T> part[4] = {p.start.at ? load(p.start.row(0, group)) : all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
    const T *a = p.A.row(r), *b = p.B.row(0, group);
    const size_t step = p.B.row_step;
    for (size_t at = 0; at < p.K; at += kLanes, a += p.A.k_block) {
      const size_t n = p.K - at < (size_t)kLanes ? p.K - at : (size_t)kLanes;
      size_t k = 0;
      for (; k + 4 <= n; k += 4, b += 4 * step)
        UNROLL for (size_t q = 0; q < 4; ++q) part[q] = fma(all<T>(a[(k + q) * p.A.k_step]), load(b + q * step), part[q]);
      for (; k < n; ++k, b += step) part[0] = fma(all<T>(a[k * p.A.k_step]), load(b), part[0]);
    }
    store(p.C.row(r, group), (part[0] + part[1]) + (part[2] + part[3]));
  }
}

// Rows first … last - 1 of C += scale a(r) d, where there is but one k: what is added is alike whichever factor is scaled.
template <class T>
inline void add_outer(const Grid<T>& C, const Left<T>& a, const Grid<T>& d, T scale, size_t first, size_t last, size_t n_groups) {
  for (size_t group = 0; group < n_groups; ++group) {
    const Lanes<T> scaled = load(d.row(0, group)) * all<T>(scale);
    for (size_t block = first; block < last; block += kLanes) {
      const T* x = a.row(block);
      T* c = C.row(block, group);
      for (size_t r = block; r < last && r < block + kLanes; ++r, x += a.row_step, c += C.row_step) store(c, fma(all<T>(*x), scaled, load(c)));
    }
  }
}

// Four rows of n numbers, w_step apart, become four columns of n rows, v_step apart.
template <class T> INLINE void turn_four(const T* w, size_t w_step, size_t n, T* v, size_t v_step) {
#if KERNEL_SHUFFLES
  if constexpr (sizeof(T) == 4) {
    typedef float Four __attribute__((vector_size(16)));
    typedef float Loose __attribute__((vector_size(16), aligned(4), may_alias));
    for (size_t j = 0; j < n; j += 4, w += 4, v += 4 * v_step) {
      const Four a = *(const Loose*)w, b = *(const Loose*)(w + w_step), c = *(const Loose*)(w + 2 * w_step), d = *(const Loose*)(w + 3 * w_step);
      const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const Four AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      *(Loose*)v = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
      if (j + 1 < n) *(Loose*)(v + v_step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
      if (j + 2 < n) *(Loose*)(v + 2 * v_step) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
      if (j + 3 < n) *(Loose*)(v + 3 * v_step) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
    }
    return;
  }
#endif
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; j < n; ++j) v[j * v_step + i] = w[i * w_step + j];
}

// Rows first … last - 1 of W (n_in rows of n_out numbers) become columns of its turned copy V, which lets the backward
// pass run over neurons with no sum across lanes. Both lie in panels; `first` is a multiple of 16.
template <class T>
inline void transpose(const Grid<T>& W, size_t n_out, const Grid<T>& V, size_t first, size_t last) {
  for (size_t j0 = 0; j0 < n_out; j0 += kLanes) {
    const size_t n = n_out - j0 < (size_t)kLanes ? n_out - j0 : (size_t)kLanes;
    size_t i = first;
    for (; i + 4 <= last; i += 4) turn_four(W.row(i, j0 / kLanes), W.row_step, n, V.row(j0, i / kLanes) + i % kLanes, V.row_step);
    for (; i < last; ++i)
      for (size_t j = 0; j < n; ++j) V.row(j0 + j, i / kLanes)[i % kLanes] = W.row(i, j0 / kLanes)[j];
  }
}

}  // namespace tongtou::KERNEL_ISA

// The first layer where most inputs are 0: of packed uint8 pictures (19 % of MNIST is not 0) and of sparse rows only
// what is not 0 is visited, for one group of 16 neurons at a time.
//
//   z[j]     = b[j] + scale * sum over pixels p with u[p] > 0 of  u[p] W[p, j]      forward
//   W[p, j] += u[p] d[j]     for the same pixels, d = factor * scale * delta        update
// The dense form is a matrix product (matmul.h) over a panel gathered from the rows of a batch.
#pragma once

#include "lanes.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

// Entries of a packed example come in groups of 16: one loop with one way out for the machine to guess wrong.
constexpr uint32_t kGroup = 16;

// Numbers and values of a group lie side by side, so that an example is read from front to back.
struct Group {
  uint16_t index[kGroup];
  uint8_t value[kGroup];
};
static_assert(sizeof(Group) == kGroupBytes);

// ---------------------------------------------------------------- packing

// A bit for each of 16 bytes that is not zero.
INLINE uint32_t nonzero_bits_of_16(const uint8_t* p) {
#if defined(__SSE2__)
  const __m128i v = _mm_loadu_si128((const __m128i*)p);
  return 0xffff & ~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128()));
#else
  uint32_t bits = 0;
  UNROLL for (int half = 0; half < 2; ++half) {
    uint64_t eight;
    __builtin_memcpy(&eight, p + 8 * half, 8);
    eight |= eight >> 4;  // each byte's bits into its lowest; what spills into the byte below is masked out
    eight = (eight & 0x0f0f0f0f0f0f0f0fu) | (eight & 0x0f0f0f0f0f0f0f0fu) >> 2;
    eight = (eight | eight >> 1) & 0x0101010101010101u;
    bits |= (uint32_t)((eight * 0x0102040810204080u) >> 56) << (8 * half);  // and eight of those side by side
  }
  return bits;
#endif
}
// A bit for each of 64 bytes that is not zero.
INLINE uint64_t nonzero_bits(const uint8_t* p) {
#if defined(__AVX512BW__)
  const __m512i v = _mm512_loadu_si512(p);
  return _mm512_test_epi8_mask(v, v);
#else
  uint64_t bits = 0;
  UNROLL for (int part = 0; part < 4; ++part) bits |= (uint64_t)nonzero_bits_of_16(p + 16 * part) << (16 * part);
  return bits;
#endif
}
INLINE uint64_t nonzero_bits_of_few(const uint8_t* p, uint32_t n) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < n; ++i) bits |= (uint64_t)(p[i] != 0) << i;
  return bits;
}

inline uint32_t count_nonzero(const uint8_t* x, uint32_t n_in) {
  uint32_t n = 0, p = 0;
  for (; p + 64 <= n_in; p += 64) n += (uint32_t)__builtin_popcountll(nonzero_bits(x + p));
  for (; p + 16 <= n_in; p += 16) n += (uint32_t)__builtin_popcount(nonzero_bits_of_16(x + p));
  return n + (uint32_t)__builtin_popcountll(nonzero_bits_of_few(x + p, n_in - p));
}

#if defined(__AVX512BW__)
constexpr uint32_t kWidest = 2048;  // inputs that the stack has room for

// Moves the pixels that are not zero together, 16 at a time: no branch on pixels, which a machine guesses wrong a
// dozen times in each digit. Returns how many there are; number and value have room for 15 more than n_in.
INLINE uint32_t squeeze(const uint8_t* x, uint32_t n_in, uint16_t* number, uint8_t* value) {
  const __m512i sixteen = _mm512_set1_epi32(16);
  __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  uint32_t n = 0;
  for (uint32_t p = 0; p < n_in; p += 16, numbers = _mm512_add_epi32(numbers, sixteen)) {
    const __mmask16 real = (__mmask16)(n_in - p < 16 ? (1u << (n_in - p)) - 1 : 0xffff);
    const __m512i wide = _mm512_maskz_cvtepu8_epi32(0xffff, _mm_maskz_loadu_epi8(real, x + p));
    const __mmask16 ink = _mm512_test_epi32_mask(wide, wide);
    _mm256_storeu_si256((__m256i*)(number + n), _mm512_maskz_cvtepi32_epi16(0xffff, _mm512_maskz_compress_epi32(ink, numbers)));
    _mm_storeu_si128((__m128i*)(value + n), _mm512_maskz_cvtepi32_epi8(0xffff, _mm512_maskz_compress_epi32(ink, wide)));
    n += (uint32_t)__builtin_popcount(ink);
  }
  return n;
}
#endif

// Pixel numbers rise. The last group is filled up with pixels of value 0 that come next: other pixels rather than
// one again and again, whose row would have to be written before it is read.
inline void pack_row(const uint8_t* x, uint32_t n_in, uint32_t n_groups, Group* groups) {
  uint32_t n = 0, last = 0;
#if defined(__AVX512BW__)
  if (n_in <= kWidest) {
    uint16_t number[kWidest + 2 * kGroup];
    uint8_t value[kWidest + 2 * kGroup];
    n = squeeze(x, n_in, number, value);
    for (uint32_t g = 0; g < n_groups; ++g) {
      __builtin_memcpy(groups[g].index, number + g * kGroup, sizeof(groups[g].index));
      __builtin_memcpy(groups[g].value, value + g * kGroup, sizeof(groups[g].value));
    }
    last = n ? number[n - 1] : 0;
  } else
#endif
  for (uint32_t p = 0; p < n_in; p += 64) {
    uint64_t bits = p + 64 <= n_in ? nonzero_bits(x + p) : nonzero_bits_of_few(x + p, n_in - p);
    for (; bits; bits &= bits - 1, ++n) {
      last = p + (uint32_t)__builtin_ctzll(bits);
      groups[n / kGroup].index[n % kGroup] = (uint16_t)last;
      groups[n / kGroup].value[n % kGroup] = x[last];
    }
  }
  for (; n < kGroup * n_groups; ++n) {
    last = last + 1 < n_in ? last + 1 : last;
    groups[n / kGroup].index[n % kGroup] = (uint16_t)last;
    groups[n / kGroup].value[n % kGroup] = 0;
  }
}

// ---------------------------------------------------------------- reading

struct Pixels {
  const Group* groups;
  uint32_t n_groups;

  INLINE uint32_t index(uint32_t i) const { return groups[i / kGroup].index[i % kGroup]; }
  INLINE uint8_t value(uint32_t i) const { return groups[i / kGroup].value[i % kGroup]; }
  // The first entry whose pixel is not before `bound`.
  inline uint32_t first_from(uint32_t bound) const {
    uint32_t low = 0, high = n_groups * kGroup;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (index(middle) < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  }
};
INLINE const Group* groups_at(const Data& data, PackedRow r) { return (const Group*)data.bytes + r.first_group; }
INLINE Pixels pixels_of(const Data& data, uint64_t row) {
  const PackedRow r = data.rows[row];
  return {groups_at(data, r), r.n_groups};
}

// Examples come in shuffled order, so the hardware cannot guess the next one. Its first line is touched well ahead,
// which brings the address translation of its page, and its label; ten lines, most digits whole, a little
// ahead. A fixed number of lines costs less than asking how many there are.
constexpr size_t kFar = 12, kNear = 4;
constexpr size_t kLater = kFar + 8;  // when the table of rows itself is touched
INLINE void prefetch_pixels(const Data& data, uint32_t later, uint32_t far, uint32_t near) {
  __builtin_prefetch(data.rows + later);
  __builtin_prefetch(groups_at(data, data.rows[far]));
  if (data.labels) __builtin_prefetch(data.labels + far);
  const uint8_t* p = (const uint8_t*)groups_at(data, data.rows[near]);
  UNROLL for (int line = 0; line < 10; ++line) __builtin_prefetch(p + 64 * line);
}

// 16 bytes as numbers, in memory: to multiply by one of them is then a load that the multiplication makes itself.
// Kept in a register each would first be moved to all lanes, by the unit that multiplies.
template <class T> INLINE void convert(const uint8_t* u, T* x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const __m512i wide = _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i*)u));
    _mm512_store_ps((void*)x, _mm512_maskz_cvtepi32_ps(0xffff, wide));
    __asm__("" : "+m"(*(T(*)[kGroup])x));
    return;
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    _mm256_store_ps((float*)x, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)u))));
    _mm256_store_ps((float*)x + 8, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(u + 8)))));
    __asm__("" : "+m"(*(T(*)[kGroup])x));
    return;
  }
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    const __m128i zero = _mm_setzero_si128(), v = _mm_loadu_si128((const __m128i*)u);
    const __m128i low = _mm_unpacklo_epi8(v, zero), high = _mm_unpackhi_epi8(v, zero);
    _mm_store_ps((float*)x, _mm_cvtepi32_ps(_mm_unpacklo_epi16(low, zero)));
    _mm_store_ps((float*)x + 4, _mm_cvtepi32_ps(_mm_unpackhi_epi16(low, zero)));
    _mm_store_ps((float*)x + 8, _mm_cvtepi32_ps(_mm_unpacklo_epi16(high, zero)));
    _mm_store_ps((float*)x + 12, _mm_cvtepi32_ps(_mm_unpackhi_epi16(high, zero)));
    return;
  }
#endif
  UNROLL for (int k = 0; k < kLanes; ++k) x[k] = (T)(int32_t)u[k];
}

INLINE uint64_t four_indices(const uint16_t* index) {
  uint64_t four;
  __builtin_memcpy(&four, index, 8);
  return four;
}

// ---------------------------------------------------------------- forward and update

// row_step is a compile-time 16 where it can be (kFixed), so that a row's address is a shift.
template <class T, int kFixed>
INLINE void packed_forward(const T* W, size_t row_step, const T* bias, T scale, const Pixels& pixels, T* z) {
  const size_t step = kFixed ? kFixed : row_step;
  alignas(64) T x[kGroup];
  Lanes<T> part[4] = {all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
  for (const Group *group = pixels.groups, *end = group + pixels.n_groups; group < end; ++group) {
    convert(group->value, x);
    UNROLL for (uint32_t q = 0; q < kGroup; q += 4) {
      const uint64_t four = four_indices(group->index + q);
      part[0] = fma(all<T>(x[q]), load(W + (four & 0xffff) * step), part[0]);
      part[1] = fma(all<T>(x[q + 1]), load(W + (four >> 16 & 0xffff) * step), part[1]);
      part[2] = fma(all<T>(x[q + 2]), load(W + (four >> 32 & 0xffff) * step), part[2]);
      part[3] = fma(all<T>(x[q + 3]), load(W + (four >> 48) * step), part[3]);
    }
  }
  store(z, fma((part[0] + part[1]) + (part[2] + part[3]), all<T>(scale), load(bias)));
}

template <class T> INLINE void add_row(T* row, T x, const Lanes<T>& d) { store(row, fma(all<T>(x), d, load(row))); }

// The entries of one group from `first` on and before `last`; the others go to a row of their own in `spare`.
// Where a thread's share ends within a group depends on the example: a loop over it would be guessed wrong each time.
template <class T> INLINE void add_part(T* w, const Group& group, uint32_t first, uint32_t last, const Lanes<T>& d, T* spare) {
  alignas(64) T x[kGroup];
  convert(group.value, x);
  UNROLL for (uint32_t q = 0; q < kGroup; ++q)
    add_row(q >= first && q < last ? w + (size_t)group.index[q] * kLanes : spare + q * kLanes, x[q], d);
}

// Entries first … last - 1 of the example; W lies in panels.
template <class T>
INLINE void packed_update(T* W, const T* delta, T factor, const Pixels& pixels, uint32_t first, uint32_t last, T* spare) {
  alignas(64) T x[kGroup];
  const Lanes<T> d = load(delta) * all<T>(factor);
  const Group *group = pixels.groups + first / kGroup, *end = pixels.groups + last / kGroup;
  if (first % kGroup) {
    add_part(W, *group, first % kGroup, group == end ? last % kGroup : kGroup, d, spare);
    if (group++ == end) return;
  }
  for (; group < end; ++group) {
    convert(group->value, x);
    UNROLL for (uint32_t q = 0; q < kGroup; q += 4) {
      const uint64_t four = four_indices(group->index + q);
      add_row(W + (four & 0xffff) * kLanes, x[q], d);
      add_row(W + (four >> 16 & 0xffff) * kLanes, x[q + 1], d);
      add_row(W + (four >> 32 & 0xffff) * kLanes, x[q + 2], d);
      add_row(W + (four >> 48) * kLanes, x[q + 3], d);
    }
  }
  if (last % kGroup) add_part(W, *end, 0, last % kGroup, d, spare);
}

// ---------------------------------------------------------------- sparse rows

template <class T> struct Entries {  // those of one row that are not 0
  const uint32_t* column;
  const T* value;
  size_t n;

  inline size_t first_from(uint32_t bound) const {
    size_t low = 0, high = n;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (column[middle] < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  }
};
template <class T> INLINE Entries<T> entries_of(const Data& data, uint64_t row) {
  const uint64_t start = data.starts[row];
  return {data.columns + start, (const T*)data.values + start, (size_t)(data.starts[row + 1] - start)};
}

template <class T> INLINE void sparse_forward(const T* W, size_t row_step, const T* bias, const Entries<T>& x, T* z) {
  Lanes<T> part[4] = {load(bias), all<T>(0), all<T>(0), all<T>(0)};
  size_t k = 0;
  for (; k + 4 <= x.n; k += 4)
    UNROLL for (int q = 0; q < 4; ++q) part[q] = fma(all<T>(x.value[k + q]), load(W + x.column[k + q] * row_step), part[q]);
  for (; k < x.n; ++k) part[0] = fma(all<T>(x.value[k]), load(W + x.column[k] * row_step), part[0]);
  store(z, (part[0] + part[1]) + (part[2] + part[3]));
}
template <class T> INLINE void sparse_update(T* W, const T* delta, T factor, const Entries<T>& x, size_t first, size_t last) {
  const Lanes<T> d = load(delta) * all<T>(factor);
  for (size_t k = first; k < last; ++k) add_row(W + (size_t)x.column[k] * kLanes, x.value[k], d);
}

}  // namespace tongtou::KERNEL_ISA

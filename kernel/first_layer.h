// The packed form of the first layer: only the non-zero pixels of uint8 pictures (19 % of MNIST) are visited.
//
//   z[j]     = b[j] + scale * sum over pixels p with u[p] > 0 of  u[p] W[p, j]      forward
//   W[p, j] += u[p] d[j]     for the same pixels, d = factor * scale * delta        update
// A row of W (the weights that leave one pixel) is one group of 16 lanes, or several.
// The dense form is a matrix product (matmul.h) over a panel gathered from the rows of a batch.
#pragma once

#include "lanes.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

// Entries of a packed example come in groups of 16: one loop with one way out for the machine to guess wrong.
constexpr uint32_t kGroup = 16;

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
  return n + (uint32_t)__builtin_popcountll(nonzero_bits_of_few(x + p, n_in - p));
}

// Bytes that a packed example takes, a multiple of 16.
INLINE uint64_t packed_bytes(uint32_t n_groups) { return (uint64_t)n_groups * 3 * kGroup; }

// Writes pixel numbers, rising, then values. The last group is filled up with pixels of value 0 that come next:
// other pixels rather than one again and again, whose row would have to be written before it is read.
// Up to 32 bytes past the end may be written, which the next example, packed after this one, overwrites.
inline void pack_row(const uint8_t* x, uint32_t n_in, uint32_t n_groups, uint8_t* out) {
  uint16_t* index = (uint16_t*)out;
  uint8_t* value = out + (size_t)n_groups * 2 * kGroup;
  uint32_t n = 0, p = 0;
#if defined(__AVX512BW__)
  // without a branch on the pixels, which a machine guesses wrong a dozen times in each digit; first all
  // numbers, then all values, since a store of 16 numbers may run into the values
  const __m512i sixteen = _mm512_set1_epi32(16);
  __m512i number = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (; p + 16 <= n_in; p += 16, number = _mm512_add_epi32(number, sixteen)) {
    const uint32_t bits = nonzero_bits_of_16(x + p);
    _mm256_storeu_si256((__m256i*)(index + n), _mm512_maskz_cvtepi32_epi16(0xffff, _mm512_maskz_compress_epi32((__mmask16)bits, number)));
    n += (uint32_t)__builtin_popcount(bits);
  }
  for (p = n = 0; p + 16 <= n_in; p += 16) {
    const uint32_t bits = nonzero_bits_of_16(x + p);
    const __m512i wide = _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i*)(x + p)));
    _mm_storeu_si128((__m128i*)(value + n), _mm512_maskz_cvtepi32_epi8(0xffff, _mm512_maskz_compress_epi32((__mmask16)bits, wide)));
    n += (uint32_t)__builtin_popcount(bits);
  }
#endif
  for (; p < n_in; p += 64) {
    uint64_t bits = p + 64 <= n_in ? nonzero_bits(x + p) : nonzero_bits_of_few(x + p, n_in - p);
    for (; bits; bits &= bits - 1) {
      const uint32_t pixel = p + (uint32_t)__builtin_ctzll(bits);
      index[n] = (uint16_t)pixel;
      value[n++] = x[pixel];
    }
  }
  uint32_t last = n ? index[n - 1] : 0;
  for (; n < kGroup * n_groups; ++n) {
    last = last + 1 < n_in ? last + 1 : last;
    index[n] = (uint16_t)last;
    value[n] = 0;
  }
}

// ---------------------------------------------------------------- reading

struct Pixels {
  const uint16_t* index;
  const uint8_t* value;
  uint32_t n;  // a multiple of kGroup
};
INLINE Pixels pixels_of(const Data& data, uint64_t row) {
  const PackedRow r = data.rows[row];
  const uint8_t* p = data.bytes + 16 * (uint64_t)r.offset16;
  return {(const uint16_t*)p, p + (size_t)r.n_groups * 2 * kGroup, kGroup * r.n_groups};
}

// Examples come in shuffled order, so the hardware cannot guess the next one. 512 bytes hold all of most
// digits, and a fixed number of lines costs less than asking how many there are.
INLINE void prefetch_pixels(const Data& data, uint64_t row) {
  const uint8_t* p = data.bytes + 16 * (uint64_t)data.rows[row].offset16;
  UNROLL for (int line = 0; line < 8; ++line) __builtin_prefetch(p + 64 * line, 0, 2);
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
#endif
  UNROLL for (int k = 0; k < kLanes; ++k) x[k] = (T)(int32_t)u[k];
}

INLINE uint64_t four_indices(const uint16_t* index) {
  uint64_t four;
  __builtin_memcpy(&four, index, 8);
  return four;
}

// ---------------------------------------------------------------- forward and update

// stride is a compile-time 16 where it can be (kFixed), so that a row's address is a shift.
template <class T, int kFixed>
INLINE void packed_forward(const T* W, size_t stride_, const T* bias, T scale, const Pixels& pixels, T* z) {
  const size_t stride = kFixed ? kFixed : stride_;
  alignas(64) T x[kGroup];
  for (size_t column = 0; column < stride; column += kLanes) {
    Lanes<T> part[4] = {all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
    const T* w = W + column;
    for (uint32_t i = 0; i < pixels.n; i += kGroup) {
      convert(pixels.value + i, x);
      UNROLL for (uint32_t q = 0; q < kGroup; q += 4) {
        const uint64_t four = four_indices(pixels.index + i + q);
        part[0] = fma(all<T>(x[q]), load(w + (four & 0xffff) * stride), part[0]);
        part[1] = fma(all<T>(x[q + 1]), load(w + (four >> 16 & 0xffff) * stride), part[1]);
        part[2] = fma(all<T>(x[q + 2]), load(w + (four >> 32 & 0xffff) * stride), part[2]);
        part[3] = fma(all<T>(x[q + 3]), load(w + (four >> 48) * stride), part[3]);
      }
    }
    store(z + column, fma((part[0] + part[1]) + (part[2] + part[3]), all<T>(scale), load(bias + column)));
  }
}

template <class T> INLINE void add_row(T* row, T x, const Lanes<T>& d) { store(row, fma(all<T>(x), d, load(row))); }

// Entries first … last - 1 of the example.
template <class T, int kFixed>
INLINE void packed_update(T* W, size_t stride_, const T* delta, T factor, const Pixels& pixels, uint32_t first, uint32_t last) {
  const size_t stride = kFixed ? kFixed : stride_;
  alignas(64) T x[kGroup];
  for (size_t column = 0; column < stride; column += kLanes) {
    const Lanes<T> d = load(delta + column) * all<T>(factor);
    T* w = W + column;
    uint32_t i = first;
    for (; i + kGroup <= last; i += kGroup) {
      convert(pixels.value + i, x);
      UNROLL for (uint32_t q = 0; q < kGroup; q += 4) {
        const uint64_t four = four_indices(pixels.index + i + q);
        add_row(w + (four & 0xffff) * stride, x[q], d);
        add_row(w + (four >> 16 & 0xffff) * stride, x[q + 1], d);
        add_row(w + (four >> 32 & 0xffff) * stride, x[q + 2], d);
        add_row(w + (four >> 48) * stride, x[q + 3], d);
      }
    }
    for (; i < last; ++i) add_row(w + pixels.index[i] * stride, (T)(int32_t)pixels.value[i], d);
  }
}

}  // namespace tongtou::KERNEL_ISA

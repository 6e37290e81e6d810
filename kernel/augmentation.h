// Affine augmentation of uint8 pictures: shifted, turned, scaled, sheared about the centre, bilinear, 0 outside.
//
//   u_k: number 8 r + k of the stream (seed, augmentation, epoch), r the example's row, k = 0 … 4
//   angle = (2 u0 - 1) rotation    s = 1 + (2 u1 - 1) scale    t = tan((2 u2 - 1) shear)    d = ((2 u3 - 1), (2 u4 - 1)) shift
//   output (x, y) takes its value at   q = R(-angle) (x - cx - dx, y - cy - dy) / s,   (q.x - t q.y + cx, q.y + cy)
// Coordinates are kept in fixed point with 16 bits after the point and steps of 1/256 between pixels.
// tongtou/augmentation.py has the same in float64, which is this one's oracle.
#pragma once

#include "lanes.h"
#include "philox.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

struct Turn {
  double sine, cosine;
};
// By the series, |x| <= pi: 14 terms leave an error below 1e-13.
inline Turn turn_of(double x) {
  double sine = 0, cosine = 0, term = 1;
  for (int n = 0; n < 28; ++n) {
    switch (n % 4) {
      case 0: cosine += term; break;
      case 1: sine += term; break;
      case 2: cosine -= term; break;
      default: sine -= term;
    }
    term *= x / (n + 1);
  }
  return {sine, cosine};
}

struct Affine {  // source = (xx x + xy y + x0, yx x + yy y + y0) of output (x, y)
  double xx, xy, x0, yx, yy, y0;
};
inline Affine random_affine(const Disturbance& change, uint64_t seed, uint32_t epoch, uint32_t row) {
  double u[8];
  for (uint32_t half = 0; half < 2; ++half) {
    const Words words = draw(seed, kAugmentation, epoch, 0, 2 * row + half);
    for (int k = 0; k < 4; ++k) u[4 * half + k] = 2 * ((words.w[k] >> 8) * 0x1p-24) - 1;
  }
  const Turn turn = turn_of(u[0] * change.rotation), lean = turn_of(u[2] * change.shear);
  const double s = 1 / (1 + u[1] * change.scale), t = lean.sine / lean.cosine;
  const double c = turn.cosine * s, n = turn.sine * s;  // R(-angle) = (c n; -n c)
  const double cx = (change.width - 1) / 2.0, cy = (change.height - 1) / 2.0;
  const double px = -cx - u[3] * change.shift, py = -cy - u[4] * change.shift;
  Affine a;
  a.yx = -n;
  a.yy = c;
  a.xx = c + t * n;
  a.xy = n - t * c;
  a.x0 = a.xx * px + a.xy * py + cx;
  a.y0 = a.yx * px + a.yy * py + cy;
  return a;
}

constexpr int kPointBits = 16;
INLINE int32_t fixed(double x) {  // rounded down; limited so that a row of steps cannot overflow
  const double scaled = x * (1 << kPointBits), limit = 0x1p29;
  const double inside = scaled > limit ? limit : scaled < -limit ? -limit : scaled;
  const int32_t whole = (int32_t)inside;
  return whole - (whole > inside);
}

// Where the ink of a picture lies, in its bordered form: outputs that look elsewhere are 0 without looking.
struct Ink {
  int32_t left, top, width, height;  // of the places (ix, iy) whose square of four pixels holds any
};

#if defined(__AVX2__)
// Eight outputs of one row; coordinates as in `transform`. Pixels left and right are fetched as one pair.
INLINE void transform_eight(const uint8_t* bordered, int32_t line, const Ink& ink, int32_t sx, int32_t sy, int32_t step_x, int32_t step_y,
                            uint8_t* out) {
  const __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), byte = _mm256_set1_epi32(255);
  const __m256i x = _mm256_add_epi32(_mm256_set1_epi32(sx), _mm256_mullo_epi32(count, _mm256_set1_epi32(step_x)));
  const __m256i y = _mm256_add_epi32(_mm256_set1_epi32(sy), _mm256_mullo_epi32(count, _mm256_set1_epi32(step_y)));
  const __m256i ix = _mm256_srai_epi32(x, kPointBits), iy = _mm256_srai_epi32(y, kPointBits);
  const __m256i before = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(ink.left), ix), _mm256_cmpgt_epi32(_mm256_set1_epi32(ink.top), iy));
  const __m256i behind = _mm256_or_si256(_mm256_cmpgt_epi32(ix, _mm256_set1_epi32(ink.left + ink.width - 1)),
                                         _mm256_cmpgt_epi32(iy, _mm256_set1_epi32(ink.top + ink.height - 1)));
  const __m256i there = _mm256_andnot_si256(_mm256_or_si256(before, behind), _mm256_set1_epi32(-1));
  if (_mm256_testz_si256(there, there)) {
    _mm_storel_epi64((__m128i*)out, _mm_setzero_si128());
    return;
  }
  const __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(iy, _mm256_set1_epi32(line)), ix), zero = _mm256_setzero_si256();
  const __m256i above = _mm256_mask_i32gather_epi32(zero, (const int*)bordered, at, there, 1);
  const __m256i below = _mm256_mask_i32gather_epi32(zero, (const int*)(bordered + line), at, there, 1);
  const __m256i fx = _mm256_and_si256(_mm256_srai_epi32(x, 8), byte), fy = _mm256_and_si256(_mm256_srai_epi32(y, 8), byte);
  const auto mixed = [&](__m256i pair) {
    const __m256i left = _mm256_and_si256(pair, byte), right = _mm256_and_si256(_mm256_srli_epi32(pair, 8), byte);
    return _mm256_add_epi32(_mm256_slli_epi32(left, 8), _mm256_mullo_epi32(_mm256_sub_epi32(right, left), fx));
  };
  const __m256i top = mixed(above), low = mixed(below);
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(top, 8), _mm256_mullo_epi32(_mm256_sub_epi32(low, top), fy));
  const __m256i whole = _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(32768)), 16);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64((__m128i*)out, _mm_packus_epi16(words, words));
}
#endif

// bordered: (height + 2, width + 2, channels) with a border of zeros, and 8 bytes behind that may be read.
// out: (height, width, channels), and 8 bytes behind that may be written.
inline void transform(const Affine& a, const Disturbance& change, const uint8_t* bordered, [[maybe_unused]] const Ink& ink, uint8_t* out) {
  const int32_t w = change.width, h = change.height, n = change.channels, line = (w + 2) * n;
  const int32_t step_x = fixed(a.xx), step_y = fixed(a.yx);
  for (int32_t y = 0; y < h; ++y, out += w * n) {
    // half a step of 1/256 is added: what is cut off below it rounds to the nearest
    int32_t sx = fixed(a.xy * y + a.x0) + 128 + (1 << kPointBits), sy = fixed(a.yy * y + a.y0) + 128 + (1 << kPointBits);
#if defined(__AVX2__)
    if (n == 1) {
      for (int32_t x = 0; x < w; x += 8) transform_eight(bordered, line, ink, sx + x * step_x, sy + x * step_y, step_x, step_y, out + x);
      continue;
    }
#endif
    for (int32_t x = 0; x < w; ++x, sx += step_x, sy += step_y) {
      const uint32_t ix = (uint32_t)(sx >> kPointBits), iy = (uint32_t)(sy >> kPointBits);
      uint8_t* own = out + x * n;
      if (ix > (uint32_t)w || iy > (uint32_t)h) {
        for (int32_t c = 0; c < n; ++c) own[c] = 0;
        continue;
      }
      const int32_t fx = sx >> 8 & 255, fy = sy >> 8 & 255;
      const uint8_t* p = bordered + iy * line + ix * n;
      for (int32_t c = 0; c < n; ++c) {
        const int32_t top = p[c] * (256 - fx) + p[c + n] * fx, below = p[c + line] * (256 - fx) + p[c + line + n] * fx;
        own[c] = (uint8_t)((top * (256 - fy) + below * fy + 32768) >> 16);
      }
    }
  }
}

}  // namespace tongtou::KERNEL_ISA

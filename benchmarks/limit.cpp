// The machine's limit: what no training of 784 inputs into 16 neurons on packed pixels can go below.
//
// An epoch of the first layer's two sparse loops and nothing else:
//   forward    for every non-zero pixel: load its row of W, multiply by the pixel, add
//   backward   for every non-zero pixel: load its row of W, add delta times the pixel, store
// on uint8 pixels, samples in shuffled order, the next ones prefetched. No biases, no activations, no
// other layers. Each loop runs at a little over one load-bound cycle a pixel while all lies in the
// first cache; shuffling, and a W as large as that cache, cost the rest.
//
// A sample lies at bytes + 8 * offset8: n_quads * 4 byte offsets of W's rows (uint16: 64 * pixel
// number), behind them as many pixel values (uint8). Filled up to whole quads with value 0.

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

typedef float Vector __attribute__((vector_size(kVectorBytes)));
constexpr int kRowBytes = 64;  // 16 neurons
constexpr int kVectors = kRowBytes / kVectorBytes;
constexpr int kMaxPixels = 784 + 16;
// A sample's first line is touched well ahead, which brings its page's address translation; all its
// lines a little ahead. One distance for both was 6 % slower.
constexpr int kFar = 8, kNear = 2;

struct Row {
  Vector v[kVectors];
};
struct Sample {
  uint32_t offset8, n_quads;
};

// Sixteen values at a time; up to 15 floats past n are written. Intrinsics because GCC 12 turns
// __builtin_convertvector into sixteen scalar conversions.
INLINE void to_floats(const uint8_t* values, int n, float* x) {
  for (int k = 0; k < n; k += 16) {
#if defined(__AVX512F__)
    const __m128i u = _mm_loadu_si128((const __m128i*)(values + k));
    _mm512_store_ps(x + k, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(u)));
#elif defined(__AVX2__)
    const __m128i low = _mm_loadl_epi64((const __m128i*)(values + k));
    const __m128i high = _mm_loadl_epi64((const __m128i*)(values + k + 8));
    _mm256_store_ps(x + k, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low)));
    _mm256_store_ps(x + k + 8, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(high)));
#else
    for (int i = 0; i < 16; i++) x[k + i] = values[k + i];
#endif
  }
}

INLINE Row forward(const uint8_t* sample, int n, const char* W, float* x) {
  const uint16_t* offset = (const uint16_t*)sample;
  to_floats(sample + 2 * n, n, x);
  Row sum[4] = {};  // one sum would wait for each addition to end
  for (int k = 0; k < n; k += 4) {
#pragma GCC unroll 4
    for (int a = 0; a < 4; a++) {
      const Row* row = (const Row*)(W + offset[k + a]);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; i++) sum[a].v[i] += row->v[i] * x[k + a];
    }
  }
  for (int i = 0; i < kVectors; i++) sum[0].v[i] += sum[1].v[i] + (sum[2].v[i] + sum[3].v[i]);
  return sum[0];
}

INLINE void backward(const uint8_t* sample, int n, char* W, float* x, const Row& delta) {
  const uint16_t* offset = (const uint16_t*)sample;
  to_floats(sample + 2 * n, n, x);
  for (int k = 0; k < n; k += 4) {
#pragma GCC unroll 4
    for (int a = 0; a < 4; a++) {
      Row* row = (Row*)(W + offset[k + a]);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; i++) row->v[i] += delta.v[i] * x[k + a];
    }
  }
}

INLINE void prefetch(const uint8_t* from, int n_bytes) {
  const uint8_t* line = (const uint8_t*)((uintptr_t)from & ~uintptr_t{63});
  for (; line < from + n_bytes; line += 64) __builtin_prefetch(line);
}

}  // namespace

// W: 784 rows; Z: `batch` rows of scratch; both 64-byte aligned. 16 readable bytes stand behind the
// last sample. The update is minus a billionth of Z: too small to change what is computed, and it
// makes every product count, so that no compiler can leave one out.
extern "C" void limit_epoch(char* W, const Sample* samples, const uint8_t* bytes,
                            const uint32_t* order, int64_t n, int64_t batch, Row* Z) {
  alignas(64) float x[kMaxPixels];
  for (int64_t first = 0; first < n; first += batch) {
    const int64_t end = first + batch < n ? first + batch : n;
    for (int64_t s = first; s < end; s++) {
      if (s + kFar < n) __builtin_prefetch(bytes + 8ull * samples[order[s + kFar]].offset8);
      if (s + kNear < n) {
        const Sample next = samples[order[s + kNear]];
        prefetch(bytes + 8ull * next.offset8, 12 * (int)next.n_quads);
      }
      const Sample t = samples[order[s]];
      Z[s - first] = forward(bytes + 8ull * t.offset8, 4 * (int)t.n_quads, W, x);
    }
    for (int64_t s = first; s < end; s++) {
      const Sample t = samples[order[s]];
      Row delta = Z[s - first];
      for (int i = 0; i < kVectors; i++) delta.v[i] *= -1e-9f;
      backward(bytes + 8ull * t.offset8, 4 * (int)t.n_quads, W, x, delta);
    }
  }
}

// What is done to a batch before its forward pass: examples altered, inputs and neurons dropped, noise added.
// Every random number is a function of (seed, purpose, layer or epoch, step, place): see philox.h and
// tongtou/engines/disturbance.py, which draws the same ones.
#pragma once

#include "augmentation.h"
#include "room.h"

namespace tongtou::KERNEL_ISA {

struct Draws {  // what the random numbers of a step are counted by
  uint64_t seed;
  uint32_t epoch, step;
};

// Sixteen 16-bit numbers for 16 neighbouring neurons of layer `layer` (0: the input): group `group` of sample `s`.
INLINE void sixteen(const Draws& draws, uint32_t layer, size_t s, size_t group, size_t n_groups, uint16_t* out) {
  const uint32_t block = (uint32_t)(2 * (s * n_groups + group));
  for (uint32_t half = 0; half < 2; ++half) {
    const Words words = draw(draws.seed, kDropout, layer, draws.step, block + half);
    for (int k = 0; k < 4; ++k) {
      out[8 * half + 2 * k] = (uint16_t)words.w[k];
      out[8 * half + 2 * k + 1] = (uint16_t)(words.w[k] >> 16);
    }
  }
}

// What the kept ones are multiplied by, so that the expected sum stays.
INLINE double raised(uint32_t dropped) { return 65536.0 / (65536.0 - dropped); }

// P = A M for one layer, M = 0 where dropped; panels of `rows` samples.
template <class T>
inline void drop_neurons(const Draws& draws, uint32_t layer, uint32_t dropped, size_t first, size_t last, size_t rows, size_t n_groups,
                         const T* A, T* M, T* P) {
  const T kept = (T)raised(dropped);
  for (size_t g = 0; g < n_groups; ++g)
    for (size_t s = first; s < last; ++s) {
      const size_t at = (g * rows + s) * kLanes;
      uint16_t h[kLanes];
      sixteen(draws, layer, s, g, n_groups, h);
      for (int j = 0; j < kLanes; ++j) M[at + j] = h[j] >= dropped ? kept : (T)0;
      store(P + at, load(A + at) * load(M + at));
    }
}

// Copies a picture into the middle of a frame of zeros.
inline void put_in_border(const Disturbance& change, const uint8_t* picture, uint8_t* bordered) {
  const size_t n = (size_t)change.channels, line = (size_t)change.width * n, wide = line + 2 * n;
  __builtin_memset(bordered, 0, wide);
  uint8_t* to = bordered + wide;
  for (int32_t y = 0; y < change.height; ++y, to += wide, picture += line) {
    __builtin_memset(to, 0, n);
    __builtin_memcpy(to + n, picture, line);
    __builtin_memset(to + n + line, 0, n);
  }
  __builtin_memset(to, 0, wide + 8);
}
// The rows of a picture that hold ink; sides are not looked at, for that would cost more than it saves.
inline Ink ink_of(const Disturbance& change, const Pixels& given) {
  uint32_t last = given.n_groups * kGroup;
  while (last > 0 && !given.value(last - 1)) --last;
  if (last == 0) return {0, 0, 0, 0};
  const uint32_t line = (uint32_t)(change.width * change.channels);
  const int32_t top = (int32_t)(given.index(0) / line), bottom = (int32_t)(given.index(last - 1) / line);
  return {0, top, change.width + 1, bottom - top + 2};  // a square of four begins one row above its first pixel
}

// A picture made anew from its packed pixels; returns how many groups it has. scratch: Room::scratch_bytes.
inline uint32_t make_row(const Spec& spec, const Disturbance& change, const Draws& draws, const Pixels& given, uint32_t row, size_t s,
                         uint8_t* scratch, Group* made) {
  const uint32_t n_in = (uint32_t)spec.layers[0].n_in;
  uint8_t* picture = scratch;
  __builtin_memset(picture, 0, n_in);
  for (uint32_t i = given.n_groups * kGroup; i-- > 0;) picture[given.index(i)] = given.value(i);  // backwards: what fills up comes first
  if (change.height) {
    uint8_t* bordered = scratch + round_up(n_in, 64) + 64;
    put_in_border(change, picture, bordered);
    transform(random_affine(change, draws.seed, draws.epoch, row), change, bordered, ink_of(change, given), picture);
  }
  if (change.drop[0] && !(change.noise > 0)) {
    const size_t n_groups = (n_in + kLanes - 1) / kLanes;
    for (size_t g = 0; g < n_groups; ++g) {
      const uint32_t here = n_in - g * kLanes < (size_t)kLanes ? (uint32_t)(n_in - g * kLanes) : (uint32_t)kLanes;
      if (!nonzero_bits_of_few(picture + g * kLanes, here)) continue;
      uint16_t h[kLanes];
      sixteen(draws, 0, s, g, n_groups, h);
      for (uint32_t j = 0; j < here; ++j)
        if (h[j] < change.drop[0]) picture[g * kLanes + j] = 0;
    }
  }
  const uint32_t n_groups = (count_nonzero(picture, n_in) + kGroup - 1) / kGroup;
  pack_row(picture, n_in, n_groups, made);
  return n_groups;
}

// A row of numbers with noise added, then inputs dropped.
template <class T> inline void disturb_row(const Disturbance& change, const Draws& draws, size_t s, T* x, size_t n_in) {
  if (change.noise > 0) {
    // The sum of four uniform numbers, made to have mean 0 and variance 1.
    Words words{};
    for (size_t i = 0; i < n_in; ++i) {
      const size_t number = s * n_in + i;
      if (i == 0 || number % 2 == 0) words = draw(draws.seed, kNoise, 0, draws.step, (uint32_t)(number / 2));
      const uint32_t a = words.w[number % 2 * 2], b = words.w[number % 2 * 2 + 1];
      const double sum = (double)((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16)) + 2;
      x[i] = x[i] + (T)(change.noise * ((sum * 0x1p-16 - 2) * 1.7320508075688772));
    }
  }
  if (!change.drop[0]) return;
  const T kept = (T)raised(change.drop[0]);
  const size_t n_groups = (n_in + kLanes - 1) / kLanes;
  uint16_t h[kLanes];
  for (size_t i = 0; i < n_in; ++i) {
    if (i % kLanes == 0) sixteen(draws, 0, s, i / kLanes, n_groups, h);
    x[i] = h[i % kLanes] >= change.drop[0] ? x[i] * kept : (T)0;
  }
}

}  // namespace tongtou::KERNEL_ISA

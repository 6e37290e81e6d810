// Where everything of one step lies in the caller's workspace, and the barrier its threads meet at.
#pragma once

#include "activations.h"
#include "first_layer.h"
#include "spec.h"

namespace tongtou::KERNEL_ISA {

constexpr size_t kSmallBytes = 256 << 10;  // parameters up to this size stay in the second-level cache
constexpr size_t kManySamples = 128;       // in a batch: two threads then exchange the gradients of a half each

INLINE size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

struct Sync {  // a barrier of the caller's threads; each word on its own cache line
  alignas(64) uint32_t arrived;
  alignas(64) uint32_t turn;
};
inline void wait_for_all(Sync* sync, uint32_t n_threads, Relax relax) {
  if (n_threads == 1) return;
  const uint32_t turn = __atomic_load_n(&sync->turn, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&sync->arrived, 1, __ATOMIC_ACQ_REL) == n_threads) {
    __atomic_store_n(&sync->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&sync->turn, turn + 1, __ATOMIC_RELEASE);
    return;
  }
  for (uint32_t spins = 0; __atomic_load_n(&sync->turn, __ATOMIC_ACQUIRE) == turn; ++spins) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    if (relax && spins % 256 == 255) relax();
  }
}

// What a call needs beside the activations.
struct Needs {
  bool panel;      // dense rows gathered, or made of packed ones
  bool made;       // packed rows made anew for each step: augmented, or with inputs dropped (after noise in the panel)
  bool masks;      // dropout between layers
  bool gradient;   // in full, because the rule is not plain gradient descent
  bool halves;     // of the batch: their gradients are summed apart, each by a thread, and then added
  bool squares;    // of the gradient, by group
  bool clipped;    // and once more, clipped
  bool penalties;  // of the weights, by group

  // n: of a batch
  Needs(const Spec& spec, size_t n, int32_t form, const Rule* rule, const Disturbance* change) {
    const bool noisy = change && change->noise > 0;
    panel = form == kDense || noisy;
    made = change && form == kPacked && ((change->drop[0] && !noisy) || change->height);
    masks = false;
    if (change)
      for (int32_t l = 1; l < spec.n_layers; ++l) masks |= change->drop[l] != 0;
    penalties = rule && (rule->l1 != 0 || rule->l2 != 0);
    squares = rule && (rule->measure || rule->clip_norm > 0);
    clipped = rule && rule->clip_norm > 0 && rule->clip_value > 0;
    halves = rule && n >= kManySamples && spec.n_numbers * sizeof(float) <= kSmallBytes;
    gradient = rule && (halves || rule->kind != kPlain || penalties || squares || rule->clip_value > 0);
  }
};

template <class T> struct Room {
  Sync* sync;
  size_t rows;                                     // samples there is room for, a multiple of 16
  T* losses;                                       // 16 numbers for every 16 samples
  uint32_t* hits;                                  // one for every 16 samples
  T* panel;                                        // (n, n_in of layer 1)
  Group* made;                                     // (n, groups_a_row)
  uint32_t* made_groups;                           // (n,)
  uint8_t* scratch;                                // scratch_bytes for every 16 samples; a thread uses the first of its own
  T *gradient, *second_half;                       // like the parameters
  double *squares, *clipped, *penalties;           // one for every 16 parameters
  // Panels of `rows` samples: weighted sums, activations, what the next layer gets of them, their masks, deltas.
  T *Z[kMaxLayers], *A[kMaxLayers], *P[kMaxLayers], *M[kMaxLayers], *D[kMaxLayers];
  T* V[kMaxLayers];                                // turned weights, panels of n_out rows

  static size_t groups_a_row(const Spec& spec) { return ((size_t)spec.layers[0].n_in + kGroup - 1) / kGroup; }
  // A picture with a border of one pixel, the same picture altered, and what loads may read past either.
  static size_t scratch_bytes(const Spec& spec) { return round_up(16 * (size_t)spec.layers[0].n_in + 1024, 64); }

  // With memory == null only the size is found.
  size_t lay_out(const Spec& spec, const Needs& needs, size_t n, uint8_t* memory) {
    size_t at = 0;
    rows = round_up(n, kLanes);
    auto take = [&](size_t bytes) { uint8_t* p = memory + at; at = round_up(at + bytes, 64); return p; };
    const size_t n_in = spec.layers[0].n_in;
    sync = (Sync*)take(sizeof(Sync));
    losses = (T*)take(rows * sizeof(T));
    hits = (uint32_t*)take(rows / kLanes * sizeof(uint32_t));
    for (int32_t l = 0; l < spec.n_layers; ++l) {
      const LayerSpec& layer = spec.layers[l];
      const size_t bytes = rows * layer.stride * sizeof(T);
      const bool masked = needs.masks && l + 1 < spec.n_layers;
      A[l] = (T*)take(bytes);
      D[l] = (T*)take(bytes);
      Z[l] = needs_z(layer.activation) ? (T*)take(bytes) : A[l];
      P[l] = masked ? (T*)take(bytes) : A[l];
      M[l] = masked ? (T*)take(bytes) : nullptr;
      V[l] = l > 0 ? (T*)take((size_t)layer.n_out * spec.layers[l - 1].stride * sizeof(T)) : nullptr;
    }
    panel = needs.panel ? (T*)take(n * n_in * sizeof(T)) : nullptr;
    made = needs.made ? (Group*)take(n * groups_a_row(spec) * sizeof(Group)) : nullptr;
    made_groups = needs.made ? (uint32_t*)take(n * sizeof(uint32_t)) : nullptr;
    scratch = needs.made || needs.panel ? take(rows / kLanes * scratch_bytes(spec)) : nullptr;
    const size_t n_groups = spec.n_numbers / kLanes;
    gradient = needs.gradient ? (T*)take(spec.n_numbers * sizeof(T)) : nullptr;
    second_half = needs.halves ? (T*)take(spec.n_numbers * sizeof(T)) : nullptr;
    squares = needs.squares ? (double*)take(n_groups * sizeof(double)) : nullptr;
    clipped = needs.clipped ? (double*)take(n_groups * sizeof(double)) : nullptr;
    penalties = needs.penalties ? (double*)take(n_groups * sizeof(double)) : nullptr;
    return at;
  }
};

}  // namespace tongtou::KERNEL_ISA

// The training call: forward, backward and update of plain gradient descent, step after step.
//
// A step has two phases with a barrier after each. In the first, threads share the samples: each needs all
// weights and writes only its own rows. In the second, threads share the weights: each sums over all samples,
// in their order, for its own pixels and rows. So no sum depends on the number of threads.
// Of a small network every thread keeps a copy and makes all updates in it: cores exchange deltas then, not weights.
//
//   n   samples of the step       l = 1 … L layers       A[l] (n, stride_l)   D[l] = delta[l] (n, stride_l)
//   W[l] rows: (n_in + 1, stride_l), the bias last       V[l]: W[l] turned round, (n_out, stride_{l-1}), l >= 2
#pragma once

#include "first_layer.h"
#include "losses.h"
#include "matmul.h"
#include "philox.h"

namespace tongtou::KERNEL_ISA {

constexpr size_t kWarm = 1024;              // examples whose pixels the second-level cache keeps from one phase to the next
constexpr size_t kPrivateBytes = 256 << 10;  // parameters up to this size are cheaper to update twice than to exchange
constexpr size_t kBlock = 32;  // samples that go through all layers together: they stay in the first-level cache

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

// Where everything of one step lies in the caller's workspace.
template <class T> struct Room {
  Sync* sync;
  T* losses;                                       // 16 numbers for every 16 samples
  uint32_t* hits;                                  // one for every 16 samples
  T* panel;                                        // (n, n_in of layer 1), the dense form's gathered rows
  T *Z[kMaxLayers], *A[kMaxLayers], *D[kMaxLayers], *V[kMaxLayers];

  // With memory == null only the size is found.
  size_t lay_out(const Spec& spec, size_t n, uint8_t* memory) {
    size_t at = 0;
    const size_t rows = round_up(n, kLanes);
    auto take = [&](size_t bytes) { uint8_t* p = memory + at; at = round_up(at + bytes, 64); return p; };
    sync = (Sync*)take(sizeof(Sync));
    losses = (T*)take(rows * sizeof(T));
    hits = (uint32_t*)take(rows / kLanes * sizeof(uint32_t));
    for (int32_t l = 0; l < spec.n_layers; ++l) {
      const LayerSpec& layer = spec.layers[l];
      A[l] = (T*)take(rows * layer.stride * sizeof(T));
      D[l] = (T*)take(rows * layer.stride * sizeof(T));
      Z[l] = needs_z(layer.activation) ? (T*)take(rows * layer.stride * sizeof(T)) : A[l];
      V[l] = l > 0 ? (T*)take((size_t)layer.n_out * spec.layers[l - 1].stride * sizeof(T)) : nullptr;
    }
    panel = (T*)take(n * spec.layers[0].n_in * sizeof(T));
    return at;
  }
};

template <class T> struct Pass {
  const Spec& spec;
  const Data& data;
  Room<T> room;
  T* parameters;

  T* W(int32_t l) const { return parameters + spec.layers[l].offset; }
  T* bias(int32_t l) const { return W(l) + (size_t)spec.layers[l].n_in * spec.layers[l].stride; }
  Targets<T> targets() const { return {data.labels, (const T*)data.targets, spec.layers[spec.n_layers - 1].n_out}; }

  // Works on a copy of the parameters from now on, with turned weights of its own.
  void take_copy(uint8_t* memory) {
    __builtin_memcpy(memory, parameters, spec.n_numbers * sizeof(T));
    parameters = (T*)memory;
    memory += round_up(spec.n_numbers * sizeof(T), 64);
    for (int32_t l = 1; l < spec.n_layers; ++l) {
      room.V[l] = (T*)memory;
      memory += round_up((size_t)spec.layers[l].n_out * spec.layers[l - 1].stride * sizeof(T), 64);
    }
  }

  void turn_weights(int32_t l, size_t first, size_t last) const {
    const LayerSpec& layer = spec.layers[l];
    transpose(W(l), layer.stride, layer.n_out, room.V[l], spec.layers[l - 1].stride, first, last);
  }

  // ---------------------------------------------------------------- phase one: samples first … last - 1 of the step

  // `end`: row numbers before rows[end] may be read, to fetch examples ahead of their turn
  void first_layer(const uint32_t* rows, size_t first, size_t last, size_t end) const {
    const LayerSpec& layer = spec.layers[0];
    if (data.form == kPacked) {
      for (size_t s = first; s < last; ++s) {
        if (s + kLater < end) prefetch_pixels(data, rows[s + kLater], rows[s + kFar], rows[s + kNear]);
        const Pixels pixels = pixels_of(data, rows[s]);
        T* z = room.Z[0] + s * layer.stride;
        if (layer.stride == kLanes) packed_forward<T, kLanes>(W(0), kLanes, bias(0), (T)spec.input_scale, pixels, z);
        else packed_forward<T, 0>(W(0), layer.stride, bias(0), (T)spec.input_scale, pixels, z);
      }
    } else {
      const size_t n_in = layer.n_in;
      for (size_t s = first; s < last; ++s)
        __builtin_memcpy(room.panel + s * n_in, (const T*)data.dense + rows[s] * n_in, n_in * sizeof(T));
      product<T>({room.Z[0], (size_t)layer.stride, room.panel, n_in, 1, W(0), (size_t)layer.stride, n_in, bias(0), 0, false},
                 first, last, layer.stride);
    }
  }

  // A of all layers; of the last one only Z when its activation is left to the loss or to the caller.
  void forward(const uint32_t* rows, size_t first, size_t last, size_t end, bool alone, bool leave_last) const {
    for (int32_t l = 0; l < spec.n_layers; ++l) {
      const LayerSpec& layer = spec.layers[l];
      if (l == 0) first_layer(rows, first, last, end);
      else {
        const size_t before = spec.layers[l - 1].stride;
        const Product<T> z{room.Z[l], (size_t)layer.stride, room.A[l - 1], before, 1, W(l), (size_t)layer.stride, (size_t)layer.n_in, bias(l), 0, false};
        if (alone) lone_product(z, first, layer.stride);
        else product(z, first, last, layer.stride);
      }
      if (leave_last && l == spec.n_layers - 1) return;
      const size_t from = first * layer.stride, count = (last - first) * layer.stride;
      if (layer.activation == kSoftmax) {
        if (room.A[l] != room.Z[l]) __builtin_memcpy(room.A[l] + from, room.Z[l] + from, count * sizeof(T));
        softmax_rows(room.A[l] + from, last - first, layer.stride, layer.n_out);
      } else activate_rows(layer.activation, layer.parameter, room.Z[l] + from, room.A[l] + from, count);
    }
  }

  // delta of the last layer, losses and hits, for at most 32 samples from a multiple of 16 on
  void output_delta(const uint32_t* rows, size_t first, size_t last) const {
    const int32_t L = spec.n_layers - 1;
    const LayerSpec& layer = spec.layers[L];
    const size_t stride = layer.stride;
    for (size_t s = first; s < last; s += kLanes) {
      const size_t n = last - s < kLanes ? last - s : kLanes;
      T* loss = room.losses + s;
      store(loss, all<T>(0));
      T *D = room.D[L] + s * stride, *A = room.A[L] + s * stride;
      const bool one_group = layer.stride == kLanes;
      if (spec.loss == kCrossEntropy) {
        const T* Z = room.Z[L] + s * stride;
        room.hits[s / kLanes] = one_group ? cross_entropy_block<T, kLanes>(Z, D, n, layer.stride, targets(), rows + s, loss)
                                          : cross_entropy_block<T, 0>(Z, D, n, layer.stride, targets(), rows + s, loss);
        continue;
      }
      const T share = spec.loss == kMse ? (T)1 / layer.n_out : (T)1;
      room.hits[s / kLanes] = one_group ? squared_block<T, kLanes>(A, D, n, layer.stride, targets(), rows + s, share, loss)
                                        : squared_block<T, 0>(A, D, n, layer.stride, targets(), rows + s, share, loss);
      if (layer.activation == kSoftmax) softmax_delta_rows(A, D, n, layer.stride);
      else delta_rows(layer.activation, layer.parameter, room.Z[L] + s * stride, A, D, n * stride);
    }
  }

  // delta[l-1] = (delta[l] W[l]) f'(z[l-1])
  void hidden_deltas(size_t first, size_t last, bool alone) const {
    for (int32_t l = spec.n_layers - 1; l > 0; --l) {
      const LayerSpec &layer = spec.layers[l], &before = spec.layers[l - 1];
      const size_t stride = before.stride, from = first * stride;
      const Product<T> g{room.D[l - 1], stride, room.D[l], (size_t)layer.stride, 1, room.V[l], stride, (size_t)layer.n_out, nullptr, 0, false};
      if (alone) lone_product(g, first, stride);
      else product(g, first, last, stride);
      delta_rows(before.activation, before.parameter, room.Z[l - 1] + from, room.A[l - 1] + from, room.D[l - 1] + from, (last - first) * stride);
    }
  }

  void samples(const uint32_t* rows, size_t first, size_t last, size_t rows_end, bool alone) const {
    for (size_t s = first; s < last; s += kBlock) {
      const size_t end = last - s < kBlock ? last : s + kBlock;
      forward(rows, s, end, rows_end, alone, spec.loss == kCrossEntropy);
      output_delta(rows, s, end);
      hidden_deltas(s, end, alone);
    }
  }

  // ---------------------------------------------------------------- phase two: target += factor * sum over samples

  void add_bias(T* target, const T* D, size_t stride, size_t n, T factor) const {
    for (size_t j = 0; j < stride; j += kLanes) {
      Lanes<T> part[4] = {all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
      size_t s = 0;
      for (; s + 4 <= n; s += 4)
        UNROLL for (int q = 0; q < 4; ++q) part[q] = part[q] + load(D + (s + q) * stride + j);
      for (; s < n; ++s) part[0] = part[0] + load(D + s * stride + j);
      store(target + j, fma((part[0] + part[1]) + (part[2] + part[3]), all<T>(factor), load(target + j)));
    }
  }

  // The share of `thread` in the first layer. splits: see spec.h; null for a single thread.
  // cold: this core's caches do not hold the examples, so they are fetched ahead once more; after them come those of
  // the next step, from its number `own` on, where this thread begins.
  void add_first_layer(T* target, const uint32_t* rows, size_t n, T factor, uint32_t thread, uint32_t n_threads,
                       const uint32_t* splits, bool cold, size_t own, size_t rows_end) const {
    const LayerSpec& layer = spec.layers[0];
    const size_t stride = layer.stride;
    T* W0 = target + layer.offset;
    if (data.form == kPacked) {
      alignas(64) T spare[kGroup * kLanes] = {};
      for (size_t s = 0; s < n; ++s) {
        if (cold && s + kLater + own < rows_end) {
          const auto ahead = [&](size_t k) { return rows[s + k < n ? s + k : s + k + own]; };
          prefetch_pixels(data, ahead(kLater), ahead(kFar), ahead(kNear));
          if (s + kFar < n) __builtin_prefetch(room.D[0] + (s + kFar) * stride);
        }
        const uint64_t r = rows[s];
        const Pixels pixels = pixels_of(data, r);
        const uint32_t* split = splits + r * (n_threads - 1);
        const uint32_t first = thread == 0 ? 0 : split[thread - 1];
        const uint32_t last = thread + 1 == n_threads ? pixels.n_groups * kGroup : split[thread];
        const T* d = room.D[0] + s * stride;
        const T f = factor * (T)spec.input_scale;
        if (stride == kLanes) packed_update<T, kLanes>(W0, kLanes, d, f, pixels, first, last, spare);
        else packed_update<T, 0>(W0, stride, d, f, pixels, first, last, spare);
      }
    } else {
      const size_t n_in = layer.n_in;
      product<T>({W0, stride, room.panel, 1, n_in, room.D[0], stride, n, nullptr, factor, true},
                 n_in * thread / n_threads, n_in * (thread + 1) / n_threads, stride);
    }
    if (thread == 0) add_bias(W0 + (size_t)layer.n_in * stride, room.D[0], stride, n, factor);
  }

  // Rows of layer l >= 1, and of its turned copy when `target` is the parameters themselves.
  void add_layer(int32_t l, T* target, size_t n, T factor, uint32_t thread, uint32_t n_threads) const {
    const LayerSpec &layer = spec.layers[l], &before = spec.layers[l - 1];
    const size_t stride = layer.stride, n_in = layer.n_in;
    const size_t first = n_in * thread / n_threads, last = n_in * (thread + 1) / n_threads;
    T* Wl = target + layer.offset;
    product<T>({Wl, stride, room.A[l - 1], 1, (size_t)before.stride, room.D[l], stride, n, nullptr, factor, true}, first, last, stride);
    if (thread == 0) add_bias(Wl + n_in * stride, room.D[l], stride, n, factor);
    if (target != parameters) return;
    if (n == 1 && n_threads == 1) {  // the same product the other way round: the same bits, and no transposition
      product<T>({room.V[l], (size_t)before.stride, room.D[l], 1, stride, room.A[l - 1], (size_t)before.stride, 1, nullptr, factor, true},
                 0, layer.n_out, before.stride);
      for (int32_t j = 0; j < layer.n_out && (int32_t)n_in < before.stride; ++j)  // a(0) of padding lanes need not be 0
        for (int32_t i = (int32_t)n_in; i < before.stride; ++i) room.V[l][(size_t)j * before.stride + i] = 0;
    } else turn_weights(l, first, last);
  }

  double loss_sum(size_t n) const {
    Lanes<T> total = all<T>(0);
    for (size_t s = 0; s < n; s += kLanes) total = total + load(room.losses + s);
    return (double)sum(total);
  }
};

// ---------------------------------------------------------------- the calls

template <class T> inline size_t workspace_bytes(const Spec& spec, size_t n) {
  Room<T> room;
  return room.lay_out(spec, n, nullptr);
}

// What a copy of all parameters and turned weights takes, for each thread but the first; 0 for a network so large
// that threads had better share one.
template <class T> inline size_t private_bytes(const Spec& spec) {
  size_t bytes = round_up(spec.n_numbers * sizeof(T), 64);
  for (int32_t l = 1; l < spec.n_layers; ++l)
    bytes += round_up((size_t)spec.layers[l].n_out * spec.layers[l - 1].stride * sizeof(T), 64);
  return bytes <= kPrivateBytes ? bytes : 0;
}

// The share of one thread; every thread of the call runs it with the same Advance.
template <class T> inline void advance(Advance& call, uint32_t thread) {
  const Spec& spec = *call.spec;
  Pass<T> pass{spec, *call.data, {}, (T*)call.parameters};
  pass.room.lay_out(spec, call.batch_size, (uint8_t*)call.workspace);
  Sync* sync = pass.room.sync;
  const uint32_t T_ = (uint32_t)call.n_threads;
  const uint64_t steps_per_epoch = (call.n_chosen + call.batch_size - 1) / call.batch_size;
  if (call.copies && thread > 0) pass.take_copy((uint8_t*)call.copies + (thread - 1) * private_bytes<T>(spec));
  if (call.copies || thread == 0)
    for (int32_t l = 1; l < spec.n_layers; ++l) {
      const size_t bytes = (size_t)spec.layers[l].n_out * spec.layers[l - 1].stride * sizeof(T);
      __builtin_memset(pass.room.V[l], 0, bytes);
      pass.turn_weights(l, 0, spec.layers[l].n_in);
    }
  for (uint64_t i = 0; i < call.n_steps; ++i) {
    const uint64_t step = call.first_step + i, epoch = step / steps_per_epoch;
    const uint64_t begin = (step - epoch * steps_per_epoch) * call.batch_size;
    const size_t n = (size_t)(call.n_chosen - begin < call.batch_size ? call.n_chosen - begin : call.batch_size);
    if (thread == 0 && *call.order_epoch != epoch + 1) {
      for (uint64_t k = 0; k < call.n_chosen; ++k) call.order[k] = call.chosen ? call.chosen[k] : (uint32_t)k;
      if (call.shuffle) shuffle(call.order, call.n_chosen, call.seed, kShuffle, (uint32_t)epoch);
      *call.order_epoch = epoch + 1;
    }
    if (i == 0 || begin == 0) wait_for_all(sync, T_, call.relax);  // a new order, and the turned copies
    const uint32_t* rows = call.order + begin;
    const size_t share = round_up((n + T_ - 1) / T_, kLanes);
    const size_t first = thread * share < n ? thread * share : n, last = first + share < n ? first + share : n;
    pass.samples(rows, first, last, (size_t)(call.n_chosen - begin), n == 1);
    wait_for_all(sync, T_, call.relax);
    const double loss = pass.loss_sum(n);  // every thread finds the same sum, and so agrees on stopping
    if (thread == 0) {
      uint32_t hits = 0;
      for (size_t s = 0; s < n; s += kLanes) hits += pass.room.hits[s / kLanes];
      call.step_loss[i] = loss;
      call.step_correct[i] = hits;
    }
    if (!(loss - loss == 0)) {
      if (thread == 0) call.diverged = 1;
      return;
    }
    const T factor = (T)(-call.eta[i] / (double)n);
    const uint32_t part = call.copies ? 0 : thread, n_parts = call.copies ? 1 : T_;
    for (int32_t l = spec.n_layers - 1; l > 0; --l) pass.add_layer(l, pass.parameters, n, factor, part, n_parts);
    pass.add_first_layer(pass.parameters, rows, n, factor, part, n_parts, call.splits, T_ > 1 || n > kWarm, first, (size_t)(call.n_chosen - begin));
    if (thread == 0) call.n_done = i + 1;
    wait_for_all(sync, T_, call.relax);
  }
}

template <class T> inline void evaluate(const Evaluate& call) {
  uint32_t rows[kBlock];
  const Spec& spec = *call.spec;
  Pass<T> pass{spec, *call.data, {}, (T*)call.parameters};
  pass.room.lay_out(spec, kBlock, (uint8_t*)call.workspace);
  const int32_t L = spec.n_layers - 1, n_out = spec.layers[L].n_out, stride = spec.layers[L].stride;
  for (uint64_t done = 0; done < call.n; done += kBlock) {
    const size_t n = (size_t)(call.n - done < kBlock ? call.n - done : kBlock);
    for (size_t s = 0; s < n; ++s) rows[s] = call.chosen ? call.chosen[done + s] : (uint32_t)(done + s);
    pass.forward(rows, 0, n, n, false, call.before_activation != 0);
    const T* from = call.before_activation ? pass.room.Z[L] : pass.room.A[L];
    for (size_t s = 0; s < n; ++s)
      __builtin_memcpy((T*)call.outputs + (done + s) * n_out, from + s * stride, n_out * sizeof(T));
  }
}

template <class T> inline double gradient(const Gradient& call) {
  const Spec& spec = *call.spec;
  Pass<T> pass{spec, *call.data, {}, (T*)call.parameters};
  const size_t n = call.n_chosen;
  pass.room.lay_out(spec, n, (uint8_t*)call.workspace);
  T* target = (T*)call.gradient;
  for (uint64_t i = 0; i < spec.n_numbers; ++i) target[i] = 0;
  for (int32_t l = 1; l < spec.n_layers; ++l) pass.turn_weights(l, 0, spec.layers[l].n_in);
  pass.samples(call.chosen, 0, n, n, n == 1);
  const T factor = (T)(1.0 / (double)n);
  for (int32_t l = spec.n_layers - 1; l > 0; --l) pass.add_layer(l, target, n, factor, 0, 1);
  pass.add_first_layer(target, call.chosen, n, factor, 0, 1, nullptr, n > kWarm, 0, n);
  return pass.loss_sum(n) / (double)n;
}

}  // namespace tongtou::KERNEL_ISA

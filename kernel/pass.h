// Phase one of a step: samples forward, loss, deltas back.
//
//   n   samples of the step       l = 1 … L layers       A[l], D[l] = delta[l]: panels of (n, 16)
//   W[l]: panels of (n_in + 1, 16), the bias last        V[l]: W[l] turned, panels of (n_out, 16), l >= 2
#pragma once

#include "inputs.h"
#include "losses.h"
#include "matmul.h"

namespace tongtou::KERNEL_ISA {

constexpr size_t kBlock = 32;              // samples that go through all layers of a small network together: their
constexpr size_t kWideBlock = 256;         // activations stay in the first-level cache; a wide one reads weights less often

template <class T> struct Pass {
  const Spec& spec;
  const Data& data;
  const Disturbance* change;  // null: nothing is
  Draws draws;
  Room<T> room;
  T* parameters;
  bool panels;             // how the parameters lie
  bool first_done = false;  // Z[0] of the step is there already

  size_t n_groups(int32_t l) const { return (size_t)spec.layers[l].stride / kLanes; }
  Grid<T> in_panels(T* at, int32_t l) const { return {at + spec.layers[l].offset, kLanes, ((size_t)spec.layers[l].n_in + 1) * kLanes}; }
  Grid<T> W(int32_t l) const {
    if (panels) return in_panels(parameters, l);
    return {parameters + spec.layers[l].offset, (size_t)spec.layers[l].stride, kLanes};
  }
  Grid<T> bias(int32_t l) const {
    Grid<T> b = W(l);
    b.at += (size_t)spec.layers[l].n_in * b.row_step;
    return b;
  }
  Grid<T> V(int32_t l) const { return {room.V[l], kLanes, (size_t)spec.layers[l].n_out * kLanes}; }
  Grid<T> samples_of(T* at) const { return {at, kLanes, room.rows * kLanes}; }
  Across across(int32_t l) const { return {spec.layers[l].stride, room.rows * kLanes}; }
  Grid<T> panel() const { return {room.panel, (size_t)spec.layers[0].n_in, kLanes}; }
  Targets<T> targets() const {
    return {data.labels, (const T*)data.targets, (const T*)data.weights, spec.layers[spec.n_layers - 1].n_out,
            change ? (T)change->smoothing : (T)0, change ? (T)change->offset : (T)0};
  }
  bool is_dense() const { return room.panel != nullptr; }

  // The pixels of sample s of the step, which is row `row`.
  Pixels pixels(size_t s, uint64_t row) const {
    if (room.made) return {room.made + s * Room<T>::groups_a_row(spec), room.made_groups[s]};
    return pixels_of(data, row);
  }
  T pixel_scale() const {
    const bool dropped = room.made && !is_dense() && change->drop[0];
    return (T)(dropped ? spec.input_scale * raised(change->drop[0]) : spec.input_scale);
  }

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

  void turn_weights(int32_t l, size_t first, size_t last) const { transpose(W(l), (size_t)spec.layers[l].n_out, V(l), first, last); }

  // Examples first … last - 1 as this step sees them, where they are not taken as they are.
  // `end`: row numbers before rows[end] may be read, to fetch examples ahead of their turn.
  void make_inputs(const uint32_t* rows, size_t first, size_t last, size_t end) const {
    const size_t n_in = spec.layers[0].n_in;
    uint8_t* scratch = room.scratch + first / kLanes * Room<T>::scratch_bytes(spec);
    if (room.made)
      for (size_t s = first; s < last; ++s) {
        if (s + kLater < end) prefetch_pixels(data, rows[s + kLater], rows[s + kFar], rows[s + kNear]);
        room.made_groups[s] = make_row(spec, *change, draws, pixels_of(data, rows[s]), rows[s], s, scratch,
                                       room.made + s * Room<T>::groups_a_row(spec));
      }
    if (!is_dense()) return;
    for (size_t s = first; s < last; ++s) {
      T* x = room.panel + s * n_in;
      if (data.form == kDense) __builtin_memcpy(x, (const T*)data.dense + rows[s] * n_in, n_in * sizeof(T));
      else {
        __builtin_memset(x, 0, n_in * sizeof(T));
        if (data.form == kPacked) {
          const Pixels given = pixels(s, rows[s]);
          for (uint32_t i = 0; i < given.n_groups * kGroup; ++i)
            if (given.value(i)) x[given.index(i)] = (T)given.value(i) * pixel_scale();
        } else {
          const Entries<T> given = entries_of<T>(data, rows[s]);
          for (size_t i = 0; i < given.n; ++i) x[given.column[i]] = given.value[i];
        }
      }
      if (change) disturb_row(*change, draws, s, x, n_in);
    }
  }

  // Z[0] of samples first … last - 1, where the first layer is not a product, for some groups of neurons; `end` as above.
  void visit_inputs(const uint32_t* rows, size_t first, size_t last, size_t end, size_t first_group, size_t last_group) const {
    const Grid<T> w = W(0), b = bias(0), z = samples_of(room.Z[0]);
    const T scale = pixel_scale();
    for (size_t g = first_group; g < last_group; ++g)
      for (size_t s = first; s < last; ++s) {
        T* out = z.row(s, g);
        if (data.form == kSparse) {
          sparse_forward(w.row(0, g), w.row_step, b.row(0, g), entries_of<T>(data, rows[s]), out);
          continue;
        }
        if (g == first_group && !room.made && s + kLater < end) prefetch_pixels(data, rows[s + kLater], rows[s + kFar], rows[s + kNear]);
        const Pixels ink = pixels(s, rows[s]);
        if (w.row_step == kLanes) packed_forward<T, kLanes>(w.row(0, g), kLanes, b.row(0, g), scale, ink, out);
        else packed_forward<T, 0>(w.row(0, g), w.row_step, b.row(0, g), scale, ink, out);
      }
  }

  void first_layer(const uint32_t* rows, size_t first, size_t last, size_t end) const {
    if (room.made || is_dense()) make_inputs(rows, first, last, end);
    if (!is_dense()) return visit_inputs(rows, first, last, end, 0, n_groups(0));
    product<T>({samples_of(room.Z[0]), as_it_lies(panel()), W(0), (size_t)spec.layers[0].n_in, bias(0), 1, kPut}, first, last, n_groups(0));
  }

  // A of all layers; of the last one only Z when its activation is left to the loss or to the caller.
  void forward(const uint32_t* rows, size_t first, size_t last, size_t end, bool alone, bool leave_last) const {
    for (int32_t l = 0; l < spec.n_layers; ++l) {
      const LayerSpec& layer = spec.layers[l];
      if (l == 0) {
        if (!first_done) first_layer(rows, first, last, end);
      } else {
        const Product<T> z{samples_of(room.Z[l]), as_it_lies(samples_of(room.P[l - 1])), W(l), (size_t)layer.n_in, bias(l), 1, kPut};
        if (alone) lone_product(z, first, n_groups(l));
        else product(z, first, last, n_groups(l));
      }
      if (leave_last && l == spec.n_layers - 1) return;
      if (layer.activation == kSoftmax) {
        for (size_t g = 0; room.A[l] != room.Z[l] && g < n_groups(l); ++g)
          __builtin_memcpy(samples_of(room.A[l]).row(first, g), samples_of(room.Z[l]).row(first, g), (last - first) * kLanes * sizeof(T));
        softmax_rows(samples_of(room.A[l]).row(first, 0), last - first, across(l), layer.n_out);
      } else
        for (size_t g = 0; g < n_groups(l); ++g) {
          const size_t from = (g * room.rows + first) * kLanes;
          activate_rows(layer.activation, layer.parameter, room.Z[l] + from, room.A[l] + from, (last - first) * kLanes);
        }
      if (room.M[l] && l + 1 < spec.n_layers) {
        if (change->drop[l + 1])
          drop_neurons(draws, (uint32_t)l + 1, change->drop[l + 1], first, last, room.rows, n_groups(l), room.A[l], room.M[l], room.P[l]);
        else
          for (size_t g = 0; g < n_groups(l); ++g)
            __builtin_memcpy(samples_of(room.P[l]).row(first, g), samples_of(room.A[l]).row(first, g), (last - first) * kLanes * sizeof(T));
      }
    }
  }

  // delta of the last layer, losses and hits, for samples from a multiple of 16 on
  void output_delta(const uint32_t* rows, size_t first, size_t last) const {
    const int32_t L = spec.n_layers - 1;
    const LayerSpec& layer = spec.layers[L];
    const T parameter = (T)spec.loss_parameter;
    for (size_t s = first; s < last; s += kLanes) {
      const size_t n = last - s < kLanes ? last - s : kLanes;
      T* loss = room.losses + s;
      store(loss, all<T>(0));
      T *A = room.A[L] + s * kLanes, *Z = room.Z[L] + s * kLanes, *D = room.D[L] + s * kLanes;
      const T* X = looks_at_z(spec.loss) ? Z : A;
      uint32_t* hits = room.hits + s / kLanes;
      if (layer.stride == kLanes) *hits = loss_block<T, kLanes>(spec.loss, parameter, X, D, n, across(L), targets(), rows + s, loss);
      else *hits = loss_block<T, 0>(spec.loss, parameter, X, D, n, across(L), targets(), rows + s, loss);
      if (looks_at_z(spec.loss)) continue;
      if (layer.activation == kSoftmax) softmax_delta_rows(A, D, n, across(L));
      else
        for (size_t g = 0; g < n_groups(L); ++g) {
          const size_t at = g * room.rows * kLanes;
          delta_rows(layer.activation, layer.parameter, Z + at, A + at, D + at, n * kLanes);
        }
    }
  }

  // delta[l-1] = (delta[l] W[l]) f'(z[l-1])
  void hidden_deltas(size_t first, size_t last, bool alone) const {
    for (int32_t l = spec.n_layers - 1; l > 0; --l) {
      const LayerSpec &layer = spec.layers[l], &before = spec.layers[l - 1];
      const Product<T> g{samples_of(room.D[l - 1]), as_it_lies(samples_of(room.D[l])), V(l), (size_t)layer.n_out, {nullptr, 0, 0}, 1, kPut};
      if (alone) lone_product(g, first, n_groups(l - 1));
      else product(g, first, last, n_groups(l - 1));
      for (size_t group = 0; group < n_groups(l - 1); ++group) {
        const size_t from = (group * room.rows + first) * kLanes, count = (last - first) * kLanes;
        T* D = room.D[l - 1] + from;
        if (room.M[l - 1] && change->drop[l])
          for (size_t i = 0; i < count; i += kLanes) store(D + i, load(D + i) * load(room.M[l - 1] + from + i));
        delta_rows(before.activation, before.parameter, room.Z[l - 1] + from, room.A[l - 1] + from, D, count);
      }
    }
  }

  void samples(const uint32_t* rows, size_t first, size_t last, size_t rows_end, bool alone) const {
    const size_t block = spec.n_numbers * sizeof(T) <= kSmallBytes ? kBlock : kWideBlock;
    for (size_t s = first; s < last; s += block) {
      const size_t end = last - s < block ? last : s + block;
      forward(rows, s, end, rows_end, alone, looks_at_z(spec.loss));
      output_delta(rows, s, end);
      hidden_deltas(s, end, alone);
    }
  }

  double loss_sum(size_t n) const {
    Lanes<T> total = all<T>(0);
    for (size_t s = 0; s < n; s += kLanes) total = total + load(room.losses + s);
    return (double)sum(total);
  }
  // Sum of the weights of the step's examples, in their order.
  double weight_sum(const uint32_t* rows, size_t n) const {
    if (!data.weights) return (double)n;
    double total = 0;
    for (size_t s = 0; s < n; ++s) total += (double)((const T*)data.weights)[rows[s]];
    return total;
  }
};

}  // namespace tongtou::KERNEL_ISA

// Phase two of a step: gradients summed over the samples, and the step they lead to. Each thread has weights of its own
// and sums over all samples in their order.
//
// Plain gradient descent adds -eta / n times each sample's part to the weights as it goes. Every other rule first needs
// the whole gradient of a number: it is summed into room.gradient, piece by piece, and each piece is stepped while it
// lies in the cache, unless the norm of the whole has to be known before.
#pragma once

#include "optimizers.h"
#include "pass.h"

namespace tongtou::KERNEL_ISA {

constexpr size_t kWarm = 1024;     // examples whose pixels the second-level cache keeps from one phase to the next
constexpr size_t kPieceRows = 64;  // rows of weights whose gradient is summed, then stepped

struct Share {  // of a thread: whole groups of the first layer where there are enough, else a range of its inputs
  uint32_t thread, n_threads;
  const uint32_t* bounds;
  const uint32_t* splits;

  bool by_groups(size_t n_groups) const {
    return n_threads == 1 || n_groups % n_threads == 0 || n_groups >= 4 * n_threads || !bounds;
  }
  size_t part(size_t n_parts, uint32_t number) const { return n_threads == 1 ? n_parts * number : n_parts * number / n_threads; }
};

template <class T> struct Update {
  const Pass<T>& pass;
  const uint32_t* rows;
  size_t from, n;  // samples from … n - 1 are summed over
  Share share;
  // For examples to be fetched ahead once more, where this core's caches do not hold them; after them come those of the
  // next step, from its number `own` on, where this thread begins.
  bool cold;
  size_t own, rows_end;

  const Spec& spec() const { return pass.spec; }
  const Room<T>& room() const { return pass.room; }
  bool by_groups() const { return share.by_groups(pass.n_groups(0)); }
  size_t part_of(size_t n_parts, uint32_t thread) const { return share.part(n_parts, thread); }
  // Rows of layer l that are this thread's, from a multiple of 16 to one, or to the last.
  void own_rows(int32_t l, size_t& first, size_t& last) const {
    const size_t n_in = spec().layers[l].n_in, blocks = (n_in + kLanes - 1) / kLanes;
    first = part_of(blocks, share.thread) * kLanes;
    last = part_of(blocks, share.thread + 1) * kLanes;
    if (last > n_in) last = n_in;
  }

  // target += factor * sum over samples of delta, for one group of neurons
  void add_bias(T* target, const T* D, T factor) const {
    Lanes<T> part[4] = {all<T>(0), all<T>(0), all<T>(0), all<T>(0)};
    size_t s = from;
    for (; s + 4 <= n; s += 4)
      UNROLL for (int q = 0; q < 4; ++q) part[q] = part[q] + load(D + (s + q) * kLanes);
    for (; s < n; ++s) part[0] = part[0] + load(D + s * kLanes);
    store(target, fma((part[0] + part[1]) + (part[2] + part[3]), all<T>(factor), load(target)));
  }

  // Group `g` of the first layer, where it is not a product: w += factor * sum of x d, for the inputs of this thread.
  void scatter(T* w, size_t g, T factor, bool whole) const {
    const Data& data = pass.data;
    const T* D = room().D[0] + g * room().rows * kLanes;
    if (data.form == kSparse) {
      for (size_t s = from; s < n; ++s) {
        const Entries<T> x = entries_of<T>(data, rows[s]);
        const size_t first = whole ? 0 : x.first_from(share.bounds[share.thread]);
        const size_t last = whole ? x.n : x.first_from(share.bounds[share.thread + 1]);
        sparse_update(w, D + s * kLanes, factor, x, first, last);
      }
      return;
    }
    alignas(64) T spare[kGroup * kLanes] = {};
    const T f = factor * pass.pixel_scale();
    const bool made = room().made != nullptr;
    for (size_t s = from; s < n; ++s) {
      if (cold && !made && s + kLater + own < rows_end) {
        const auto ahead = [&](size_t k) { return rows[s + k < n ? s + k : s + k + own]; };
        prefetch_pixels(data, ahead(kLater), ahead(kFar), ahead(kNear));
        if (s + kFar < n) __builtin_prefetch(D + (s + kFar) * kLanes);
      }
      const uint64_t r = rows[s];
      const Pixels pixels = pass.pixels(s, r);
      uint32_t first = 0, last = pixels.n_groups * kGroup;
      if (!whole && made) {
        first = pixels.first_from(share.bounds[share.thread]);
        last = pixels.first_from(share.bounds[share.thread + 1]);
      } else if (!whole) {
        const uint32_t* split = share.splits + r * (share.n_threads - 1);
        if (share.thread > 0) first = split[share.thread - 1];
        if (share.thread + 1 < share.n_threads) last = split[share.thread];
      }
      packed_update(w, D + s * kLanes, f, pixels, first, last, spare);
    }
  }

  // Visits this thread's pieces of all layers, last layer first: piece(l, group from, to, row from, to, biases too).
  // by_rows: the first layer is shared by its rows like the others.
  template <class F> void each_piece(F piece, bool by_rows = false) const {
    for (int32_t l = spec().n_layers - 1; l >= 0; --l) {
      const size_t n_groups = pass.n_groups(l), n_in = spec().layers[l].n_in;
      if (l == 0 && !pass.is_dense() && !by_rows) {
        if (by_groups())
          for (size_t g = part_of(n_groups, share.thread); g < part_of(n_groups, share.thread + 1); ++g) piece(l, g, g + 1, (size_t)0, n_in, true);
        else
          for (size_t g = 0; g < n_groups; ++g)
            piece(l, g, g + 1, (size_t)share.bounds[share.thread], (size_t)share.bounds[share.thread + 1], share.thread == 0);
        continue;
      }
      size_t first, last;
      own_rows(l, first, last);
      if (share.thread == 0 && first == last) piece(l, (size_t)0, n_groups, first, last, true);
      for (size_t r = first; r < last; r += kPieceRows)
        piece(l, (size_t)0, n_groups, r, last - r < kPieceRows ? last : r + kPieceRows, share.thread == 0 && r == first);
    }
  }

  // ---------------------------------------------------------------- target += or = factor * gradient

  // Where the first layer is not a product the target is added to: left at 0 by the step before, it holds the sum.
  void sum_piece(T* target, int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases, T factor, bool add) const {
    const Grid<T> w = pass.in_panels(target, l);
    const size_t n_in = spec().layers[l].n_in;
    T* D = room().D[l];
    if (l == 0 && !pass.is_dense()) scatter(w.row(0, g0), g0, factor, by_groups());
    else if (last > first) {
      const Grid<T> x = (l == 0 ? pass.panel() : pass.samples_of(room().P[l - 1])).below(from), d = pass.samples_of(D).below(from);
      if (add && n - from == 1) add_outer(w, turned(x), d, factor, first, last, g1);
      else product<T>({w, turned(x), d, n - from, {nullptr, 0, 0}, factor, add ? kAddScaled : kPutScaled}, first, last, g1);
    }
    if (!biases) return;
    for (size_t g = g0; g < g1; ++g) {
      if (!add) store(w.row(n_in, g), all<T>(0));
      add_bias(w.row(n_in, g), D + g * room().rows * kLanes, factor);
    }
  }

  void turn_piece(int32_t l, size_t first, size_t last) const {
    if (l > 0 && last > first) pass.turn_weights(l, first, last);
  }

  // Plain gradient descent: factor = -eta / n. With turned == false V is left to the caller.
  void descend(T factor) const {
    const bool alone = n == 1 && share.n_threads == 1;
    each_piece([&](int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases) {
      sum_piece(pass.parameters, l, g0, g1, first, last, biases, factor, true);
      if (!alone) turn_piece(l, first, last);
    });
    if (alone)
      for (int32_t l = 1; l < spec().n_layers; ++l) turn_alone(l, factor);
  }

  // The same numbers the other way round: no transposition.
  void turn_alone(int32_t l, T factor) const {
    const Grid<T> v = pass.V(l), x = pass.samples_of(room().P[l - 1]), d = pass.samples_of(room().D[l]);
    const int32_t n_in = spec().layers[l].n_in, n_out = spec().layers[l].n_out;
    for (size_t g = 0; g < pass.n_groups(l - 1); ++g) {
      const Lanes<T> a = keep_real(load(x.row(0, g)), (int32_t)g * kLanes, n_in, (T)0);  // of padding it need not be 0
      for (size_t j = 0; j < (size_t)n_out; ++j) add_row(v.row(j, g), d.row(0, j / kLanes)[j % kLanes] * factor, a);
    }
  }

  void gradient_into(T* target, T factor) const {
    each_piece([&](int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases) {
      sum_piece(target, l, g0, g1, first, last, biases, factor, false);
    });
  }

  // ---------------------------------------------------------------- every other rule

  // Runs f(first group, n, weights?) over the groups of 16 numbers of a piece that lie one behind the other; the number of
  // a group is its place among all parameters.
  template <class F> void each_run(int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases, F f) const {
    const Grid<T> w = pass.in_panels((T*)nullptr, l);
    const size_t n_in = spec().layers[l].n_in;
    for (size_t g = g0; g < g1; ++g) {
      const auto number = [&](size_t r) { return (spec().layers[l].offset + r * w.row_step + g * w.group_step) / kLanes; };
      if (last > first) f(number(first), last - first, true);
      if (biases) f(number(n_in), (size_t)1, false);
    }
  }

  void step_piece(const Step<T>& step, T* const slots[2], T* G, int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases,
                  T factor) const {
    each_run(l, g0, g1, first, last, biases, [&](size_t group, size_t count, bool weights) {
      const size_t at = group * kLanes;
      step_groups(step, pass.parameters + at, G + at, slots[0] + at, slots[1] + at, count, weights, factor, l == 0 && !pass.is_dense(),
                  room().penalties && weights ? room().penalties + group : nullptr);
    });
    turn_piece(l, first, last);
  }

  // The gradients of the two halves of the batch, unscaled: who has the samples of a half has most of what they need. They
  // are the same two sums whatever the number of threads: an odd number of these cut each half's in as many parts.
  void sum_halves() const {
    const uint32_t parts = share.n_threads % 2 ? share.n_threads : share.n_threads / 2;
    const size_t middle = round_up((n + 1) / 2, kLanes) < n ? round_up((n + 1) / 2, kLanes) : n;
    for (uint32_t k = 2 * parts * share.thread / share.n_threads; k < 2 * parts * (share.thread + 1) / share.n_threads; ++k) {
      const bool second = k >= parts;
      const size_t end = second ? n : middle;
      const Update half{pass, rows, second ? middle : 0, end, {k % parts, parts, nullptr, nullptr}, end > kWarm, 0, end};
      half.each_piece([&](int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases) {
        half.sum_piece(second ? room().second_half : room().gradient, l, g0, g1, first, last, biases, (T)1, false);
      });
    }
  }

  // wait: meets the other threads.
  template <class Wait> void follow(const Rule& rule, const Step<T>& step, T* const slots[2], double weight_sum, Wait wait) const {
    const bool by_norm = rule.clip_norm > 0, halves = room().second_half != nullptr;
    const T mean = (T)(1 / weight_sum);
    size_t home = 0;
    int32_t layer = -1;
    each_piece([&](int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases) {
      T* G = room().gradient;
      if (!by_norm && !halves) {  // all pieces of a layer have the place of the first, which so stays in the cache
        const size_t place = (size_t)(pass.in_panels(G, l).row(first, g0) - G);
        if (l != layer) home = place;
        layer = l;
        G -= place - home;
      }
      if (!halves) sum_piece(G, l, g0, g1, first, last, biases, mean, false);
      each_run(l, g0, g1, first, last, biases, [&](size_t group, size_t count, bool) {
        T* g = G + group * kLanes;
        if (halves) add_halves(g, room().second_half + group * kLanes, count, mean, l == 0 && !pass.is_dense());
        if (room().squares || rule.clip_value > 0)
          tidy_groups(g, count, (T)rule.clip_value, room().squares ? room().squares + group : nullptr,
                      room().clipped ? room().clipped + group : nullptr);
      });
      if (!by_norm) step_piece(step, slots, G, l, g0, g1, first, last, biases, (T)1);
    }, halves);
    if (!by_norm) return;
    wait();
    const double norm = norm_of(room().clipped ? room().clipped : room().squares);
    const T factor = (T)(norm > rule.clip_norm ? rule.clip_norm / norm : 1.0);
    each_piece([&](int32_t l, size_t g0, size_t g1, size_t first, size_t last, bool biases) {
      step_piece(step, slots, room().gradient, l, g0, g1, first, last, biases, factor);
    }, halves);
  }

  double norm_of(const double* squares) const { return __builtin_sqrt(total_of(squares)); }
  double total_of(const double* parts) const {  // in one order, whoever made the parts
    double part[4] = {0, 0, 0, 0};
    const size_t count = spec().n_numbers / kLanes;
    size_t k = 0;
    for (; k + 4 <= count; k += 4)
      UNROLL for (int q = 0; q < 4; ++q) part[q] += parts[k + q];
    for (; k < count; ++k) part[0] += parts[k];
    return (part[0] + part[1]) + (part[2] + part[3]);
  }
};

}  // namespace tongtou::KERNEL_ISA

// The calls: training, evaluation, gradient.
//
// A step of training has two phases with a barrier after each. In the first, threads share the samples: each needs all
// weights and writes only its own rows. In the second, threads share the weights: each sums over all samples, in their
// order, for its own. So no sum depends on the number of threads. Where the first layer has groups of neurons enough for
// every thread to own some, their weights, most of all, never leave its core: it takes its groups forward for all samples
// and updates them. Where plain gradient descent trains a small network
// every thread keeps a copy and makes all updates in it: cores exchange deltas then, not weights. In large batches of a
// small network the gradient is the sum of those of two halves, whatever the number of threads: two then exchange these.
#pragma once

#include "update.h"

namespace tongtou::KERNEL_ISA {

// `form` and what is null or not in the call decide what is needed.
template <class T>
inline size_t workspace_bytes(const Spec& spec, size_t n, int32_t form, const Rule* rule, const Disturbance* change) {
  Room<T> room;
  return room.lay_out(spec, Needs(spec, n, form, rule, change), n, nullptr);
}

// What a copy of all parameters and turned weights takes, for each thread but the first; 0 for a network so large, or
// a rule so costly, that threads had better share one.
template <class T> inline size_t private_bytes(const Spec& spec, const Rule& rule) {
  if (Needs(spec, 0, kPacked, &rule, nullptr).gradient) return 0;
  size_t bytes = round_up(spec.n_numbers * sizeof(T), 64);
  for (int32_t l = 1; l < spec.n_layers; ++l)
    bytes += round_up((size_t)spec.layers[l].n_out * spec.layers[l - 1].stride * sizeof(T), 64);
  return bytes <= kSmallBytes ? bytes : 0;
}

// The share of one thread; every thread of the call runs it with the same Advance.
template <class T> inline void advance(Advance& call, uint32_t thread) {
  const Spec& spec = *call.spec;
  const Disturbance& change = *call.disturbance;
  const Needs needs(spec, call.batch_size, call.data->form, call.rule, &change);
  Pass<T> pass{spec, *call.data, &change, {call.seed, 0, 0}, {}, (T*)call.parameters, true, false};
  pass.room.lay_out(spec, needs, call.batch_size, (uint8_t*)call.workspace);
  Sync* sync = pass.room.sync;
  T* const slots[2] = {(T*)call.slots[0], (T*)call.slots[1]};
  const uint32_t n_threads = (uint32_t)call.n_threads;
  const auto wait = [&] { wait_for_all(sync, n_threads, call.relax); };
  const uint64_t steps_per_epoch = (call.n_chosen + call.batch_size - 1) / call.batch_size;
  const bool own_copy = call.copies && !needs.halves;
  if (own_copy && thread > 0) pass.take_copy((uint8_t*)call.copies + (thread - 1) * private_bytes<T>(spec, *call.rule));
  if (own_copy || thread == 0)
    for (int32_t l = 1; l < spec.n_layers; ++l) {
      __builtin_memset(pass.room.V[l], 0, (size_t)spec.layers[l].n_out * spec.layers[l - 1].stride * sizeof(T));
      pass.turn_weights(l, 0, spec.layers[l].n_in);
    }
  for (uint64_t i = 0; i < call.n_steps; ++i) {
    const uint64_t step = call.first_step + i, epoch = step / steps_per_epoch;
    const uint64_t begin = (step - epoch * steps_per_epoch) * call.batch_size;
    const size_t n = (size_t)(call.n_chosen - begin < call.batch_size ? call.n_chosen - begin : call.batch_size);
    const uint32_t epoch_number = (uint32_t)(epoch + call.epoch_offset);
    if (thread == 0 && *call.order_epoch != epoch + 1) {
      for (uint64_t k = 0; k < call.n_chosen; ++k) call.order[k] = call.chosen ? call.chosen[k] : (uint32_t)k;
      if (call.shuffle) shuffle(call.order, call.n_chosen, call.seed, kShuffle, epoch_number);
      *call.order_epoch = epoch + 1;
    }
    if (i == 0 || begin == 0) wait();  // a new order, and the turned copies
    const uint32_t* rows = call.order + begin;
    const size_t share = round_up((n + n_threads - 1) / n_threads, kLanes);
    const size_t first = thread * share < n ? thread * share : n, last = first + share < n ? first + share : n;
    const size_t rows_end = (size_t)(call.n_chosen - begin);
    pass.draws.epoch = epoch_number;
    pass.draws.step = (uint32_t)(step + call.step_offset);
    const Share part = own_copy ? Share{0, 1, nullptr, nullptr} : Share{thread, n_threads, call.bounds, call.splits};
    const size_t n_groups = pass.n_groups(0);
    pass.first_done = part.n_threads > 1 && !needs.halves && !pass.is_dense() && part.by_groups(n_groups);
    if (pass.first_done) {
      if (pass.room.made) {
        pass.make_inputs(rows, first, last, rows_end);
        wait();
      }
      pass.visit_inputs(rows, 0, n, rows_end, part.part(n_groups, thread), part.part(n_groups, thread + 1));
      wait();
    }
    pass.samples(rows, first, last, rows_end, n == 1);
    const Update<T> update{pass, rows, 0, n, part, n_threads > 1 || n > kWarm, first, rows_end};
    if (needs.halves) {
      if (n_threads > 2) wait();  // two have what they need
      update.sum_halves();
    }
    wait();
    const double loss = pass.loss_sum(n), weight = pass.weight_sum(rows, n);  // alike for every thread: they agree on stopping
    if (thread == 0) {
      uint32_t hits = 0;
      for (size_t s = 0; s < n; s += kLanes) hits += pass.room.hits[s / kLanes];
      call.step_loss[i] = loss;
      call.step_correct[i] = weight > 0 ? hits : 0;
      call.step_weight[i] = weight;
      call.step_penalty[i] = call.step_norm[i] = 0;
    }
    if (!(loss - loss == 0)) {
      if (thread == 0) call.diverged = 1;
      if (thread == 0 && needs.halves) {  // sums that no step will leave at 0
        __builtin_memset(pass.room.gradient, 0, spec.n_numbers * sizeof(T));
        __builtin_memset(pass.room.second_half, 0, spec.n_numbers * sizeof(T));
      }
      return;
    }
    if (weight > 0) {
      if (!needs.gradient) update.descend((T)(-call.rates[i].eta / weight));
      else update.follow(*call.rule, Step<T>(*call.rule, call.rates[i], weight), slots, weight, wait);
      if (thread == 0) call.n_done = i + 1;
      wait();
      if (thread == 0 && pass.room.squares) call.step_norm[i] = update.norm_of(pass.room.squares);
      if (thread == 0 && pass.room.penalties) call.step_penalty[i] = update.total_of(pass.room.penalties);
    } else {
      if (thread == 0) call.n_done = i + 1;
      wait();
    }
  }
}

template <class T> inline void evaluate(const Evaluate& call) {
  uint32_t rows[kBlock];
  const Spec& spec = *call.spec;
  Pass<T> pass{spec, *call.data, nullptr, {}, {}, (T*)call.parameters, call.panels != 0, false};
  pass.room.lay_out(spec, Needs(spec, 0, call.data->form, nullptr, nullptr), kBlock, (uint8_t*)call.workspace);
  const int32_t L = spec.n_layers - 1, n_out = spec.layers[L].n_out;
  for (uint64_t done = 0; done < call.n; done += kBlock) {
    const size_t n = (size_t)(call.n - done < kBlock ? call.n - done : kBlock);
    for (size_t s = 0; s < n; ++s) rows[s] = call.chosen ? call.chosen[done + s] : (uint32_t)(done + s);
    pass.forward(rows, 0, n, n, false, call.before_activation != 0);
    const Grid<T> from = pass.samples_of(call.before_activation ? pass.room.Z[L] : pass.room.A[L]);
    for (size_t s = 0; s < n; ++s)
      for (int32_t j = 0; j < n_out; j += kLanes) {
        const size_t here = n_out - j < kLanes ? n_out - j : kLanes;
        __builtin_memcpy((T*)call.outputs + (done + s) * n_out + j, from.row(s, j / kLanes), here * sizeof(T));
      }
  }
}

template <class T> inline double gradient(const Gradient& call) {
  const Spec& spec = *call.spec;
  Pass<T> pass{spec, *call.data, nullptr, {}, {}, (T*)call.parameters, true, false};
  const size_t n = call.n_chosen;
  pass.room.lay_out(spec, Needs(spec, 0, call.data->form, nullptr, nullptr), n, (uint8_t*)call.workspace);
  T* target = (T*)call.gradient;
  for (uint64_t i = 0; i < spec.n_numbers; ++i) target[i] = 0;
  for (int32_t l = 1; l < spec.n_layers; ++l) pass.turn_weights(l, 0, spec.layers[l].n_in);
  pass.samples(call.chosen, 0, n, n, n == 1);
  const double weight = pass.weight_sum(call.chosen, n);
  if (!(weight > 0)) return 0;
  const Update<T> update{pass, call.chosen, 0, n, {0, 1, nullptr, nullptr}, n > kWarm, 0, n};
  update.gradient_into(target, (T)(1.0 / weight));
  return pass.loss_sum(n) / weight;
}

// Parameters from the host's rows into panels, or back.
template <class T> inline void arrange(const Spec& spec, const T* from, T* to, bool to_panels) {
  for (int32_t l = 0; l < spec.n_layers; ++l) {
    const LayerSpec& layer = spec.layers[l];
    const size_t n_rows = (size_t)layer.n_in + 1, n_groups = (size_t)layer.stride / kLanes;
    for (size_t g = 0; g < n_groups; ++g)
      for (size_t r = 0; r < n_rows; ++r) {
        const size_t row = layer.offset + r * layer.stride + g * kLanes, panel = layer.offset + (g * n_rows + r) * kLanes;
        store(to + (to_panels ? panel : row), load(from + (to_panels ? row : panel)));
      }
  }
}

}  // namespace tongtou::KERNEL_ISA

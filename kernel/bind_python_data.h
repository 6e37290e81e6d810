// What the binding keeps between calls: memory, the network's description, the examples.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "kernel.h"

namespace nb = nanobind;
using namespace tongtou;

typedef nb::ndarray<nb::c_contig, nb::device::cpu> Array;
typedef nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu> ReadArray;
typedef nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> RowNumbers;

extern const Kernel* kernel;  // the one in use

// ---------------------------------------------------------------- memory

struct Free {
  void operator()(void* p) const { std::free(p); }
};
typedef std::unique_ptr<uint8_t, Free> Memory;

// 64-byte aligned. Large pieces ask for large pages: examples are visited in shuffled order,
// and with 4 KiB pages most visits would also miss the table of pages.
inline Memory aligned_bytes(size_t bytes) {
  constexpr size_t large = size_t(1) << 21;
  const size_t alignment = bytes >= large ? large : 64;
  const size_t rounded = (bytes + alignment) / alignment * alignment;
  uint8_t* p = static_cast<uint8_t*>(std::aligned_alloc(alignment, rounded));
  if (!p) throw std::bad_alloc();
  if (bytes >= large) madvise(p, rounded, MADV_HUGEPAGE);
  return Memory(p);
}
inline Memory aligned_zeros(size_t bytes) {
  Memory memory = aligned_bytes(bytes);
  std::memset(memory.get(), 0, bytes);
  return memory;
}

inline nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> aligned_array(size_t bytes) {
  uint8_t* p = aligned_zeros(bytes).release();
  return {p, {bytes}, nb::capsule(p, [](void* q) noexcept { std::free(q); })};
}

inline Number number_of(nb::dlpack::dtype type) {
  if (type == nb::dtype<float>()) return kFloat;
  if (type == nb::dtype<double>()) return kDouble;
  throw nb::type_error("parameters must be float32 or float64");
}

// ---------------------------------------------------------------- the network

struct Plan {  // a Spec and the array type of its parameters
  Spec spec{};
  Number number;

  Plan(const std::vector<int32_t>& sizes, const std::vector<int32_t>& activations, const std::vector<double>& parameters,
       int32_t loss, double loss_parameter, double input_scale, bool is_double) {
    const size_t n = activations.size();
    if (n < 1 || n > (size_t)kMaxLayers || sizes.size() != n + 1 || parameters.size() != n)
      throw nb::value_error("1 to 64 layers, one size more than activations");
    number = is_double ? kDouble : kFloat;
    spec.n_layers = (int32_t)n;
    spec.loss = loss;
    spec.loss_parameter = loss_parameter;
    spec.input_scale = input_scale;
    for (size_t l = 0; l < n; ++l) {
      if (sizes[l] < 1 || sizes[l + 1] < 1) throw nb::value_error("sizes are at least 1");
      const int32_t stride = (sizes[l + 1] + 15) / 16 * 16;
      spec.layers[l] = {sizes[l], sizes[l + 1], stride, activations[l], parameters[l], spec.n_numbers};
      spec.n_numbers += (uint64_t)(sizes[l] + 1) * stride;
    }
  }
  int32_t n_in() const { return spec.layers[0].n_in; }
  int32_t n_out() const { return spec.layers[spec.n_layers - 1].n_out; }
  size_t number_bytes() const { return number == kFloat ? 4 : 8; }
  size_t parameter_bytes() const { return spec.n_numbers * number_bytes(); }
  // Whether the kernel's panels are another order than the host's rows.
  bool is_wide() const {
    for (int32_t l = 0; l < spec.n_layers; ++l)
      if (spec.layers[l].stride > 16) return true;
    return false;
  }
  void to_panels(const void* rows, void* panels) const { kernel->arrange(&spec, number, rows, panels, 1); }
  void to_rows(const void* panels, void* rows) const { kernel->arrange(&spec, number, panels, rows, 0); }

  void* parameters(const Array& array) const {
    if (number_of(array.dtype()) != number || array.size() != spec.n_numbers || (uintptr_t)array.data() % 64)
      throw nb::value_error("these parameters do not belong to this plan");
    return array.data();
  }
};

// ---------------------------------------------------------------- data

// Rows first[0] … first[1] - 1, first[1] … of packed examples: each core that this process may use has a part, where
// there are enough of them.
inline std::vector<size_t> parts_of(size_t n) {
  cpu_set_t usable;
  const bool known = sched_getaffinity(0, sizeof(usable), &usable) == 0;
  const size_t cores = known ? (size_t)CPU_COUNT(&usable) : 1, most = n / 8192 + 1, parts = cores < most ? cores : most;
  std::vector<size_t> first;
  for (size_t k = 0; k <= parts; ++k) first.push_back(n * k / parts);
  return first;
}
template <class F> void each_part(const std::vector<size_t>& first, F work) {  // work(part), each in a thread
  std::vector<std::thread> threads;
  for (size_t k = 1; k + 1 < first.size(); ++k) threads.emplace_back(work, k);
  work(0);
  for (std::thread& thread : threads) thread.join();
}

struct Examples {  // X with, for training, y and weights
  Data data{};
  std::vector<PackedRow> rows;
  Memory bytes;
  size_t n_bytes = 0;
  std::vector<int32_t> labels;
  Memory targets, weights;
  nb::object kept;  // dense or sparse arrays, which stay the caller's

  Examples(const Plan& plan, nb::object X, nb::object y, nb::object w) {
    if (nb::isinstance<nb::tuple>(X)) take_sparse(plan, nb::cast<nb::tuple>(X));
    else take_rows(plan, X);
    if (!y.is_none()) take_answers(plan, nb::cast<ReadArray>(y));
    if (!w.is_none()) {
      const ReadArray given = nb::cast<ReadArray>(w);
      if (given.ndim() != 1 || given.shape(0) != data.n || number_of(given.dtype()) != plan.number)
        throw nb::value_error("weights must have shape (n,) and the network's dtype");
      weights = copy_of(given);
      data.weights = weights.get();
    }
  }
  size_t nbytes() const { return n_bytes + rows.size() * sizeof(PackedRow); }

 private:
  static Memory copy_of(const ReadArray& array) {
    Memory memory = aligned_bytes(array.nbytes());
    std::memcpy(memory.get(), array.data(), array.nbytes());
    return memory;
  }
  void take_rows(const Plan& plan, nb::object object) {
    const ReadArray X = nb::cast<ReadArray>(object);
    if (X.ndim() != 2 || (int64_t)X.shape(1) != plan.n_in() || X.shape(0) >= UINT32_MAX)
      throw nb::value_error("X must have shape (n, n_in)");
    data.n = X.shape(0);
    if (X.dtype() != nb::dtype<uint8_t>() || plan.n_in() > kMaxPackedInputs) {
      if (number_of(X.dtype()) != plan.number) throw nb::value_error("dense X must have the network's dtype");
      data.form = kDense;
      data.dense = X.data();
      kept = object;
      return;
    }
    data.form = kPacked;
    rows.resize(data.n);
    const uint8_t* pixels = static_cast<const uint8_t*>(X.data());
    nb::gil_scoped_release free_python;
    const std::vector<size_t> first = parts_of(data.n);
    std::vector<size_t> sizes(first.size());
    const uint32_t n_in = (uint32_t)plan.n_in();
    each_part(first, [&](size_t k) {
      sizes[k] = kernel->plan_packing(pixels + first[k] * n_in, first[k + 1] - first[k], n_in, rows.data() + first[k]);
    });
    for (size_t k = 0; k + 1 < first.size(); n_bytes += sizes[k++])  // parts lie one behind the other
      for (size_t i = first[k]; i < first[k + 1]; ++i) rows[i].first_group += (uint32_t)(n_bytes / kGroupBytes);
    bytes = aligned_bytes(n_bytes + 512);
    each_part(first, [&](size_t k) {
      kernel->pack(pixels + first[k] * n_in, first[k + 1] - first[k], n_in, rows.data() + first[k], bytes.get());
    });
    data.rows = rows.data();
    data.bytes = bytes.get();
  }
  // (starts (n + 1,) uint64, columns uint32, values of the network's dtype): CSR
  void take_sparse(const Plan& plan, nb::tuple parts) {
    if (parts.size() != 3) throw nb::value_error("sparse X is (starts, columns, values)");
    const ReadArray starts = nb::cast<ReadArray>(parts[0]), columns = nb::cast<ReadArray>(parts[1]), values = nb::cast<ReadArray>(parts[2]);
    if (starts.dtype() != nb::dtype<uint64_t>() || columns.dtype() != nb::dtype<uint32_t>() || number_of(values.dtype()) != plan.number ||
        starts.ndim() != 1 || columns.ndim() != 1 || values.ndim() != 1 || starts.shape(0) < 1 || columns.shape(0) != values.shape(0))
      throw nb::value_error("sparse X is (starts uint64, columns uint32, values of the network's dtype)");
    const uint64_t* start = static_cast<const uint64_t*>(starts.data());
    const uint32_t* column = static_cast<const uint32_t*>(columns.data());
    const size_t n = starts.shape(0) - 1;
    if (n >= UINT32_MAX || start[0] != 0 || start[n] != columns.shape(0)) throw nb::value_error("starts must run from 0 to the number of entries");
    for (size_t i = 0; i < n; ++i) {
      if (start[i] > start[i + 1]) throw nb::value_error("starts must rise");
      for (uint64_t k = start[i]; k < start[i + 1]; ++k)
        if (column[k] >= (uint32_t)plan.n_in() || (k > start[i] && column[k] <= column[k - 1])) throw nb::value_error("columns must rise within a row");
    }
    data.n = n;
    data.form = kSparse;
    data.starts = start;
    data.columns = column;
    data.values = values.data();
    kept = parts;
  }
  void take_answers(const Plan& plan, const ReadArray& y) {
    if (y.ndim() < 1 || y.shape(0) != data.n) throw nb::value_error("y must have one row for each of X");
    if (y.ndim() == 1 && y.dtype() == nb::dtype<int32_t>()) {
      const int32_t* given = static_cast<const int32_t*>(y.data());
      labels.assign(given, given + data.n);
      for (int32_t label : labels)
        if (label < 0 || label >= plan.n_out()) throw nb::value_error("a label lies outside 0 … n_out - 1");
      data.labels = labels.data();
      return;
    }
    if (y.ndim() != 2 || (int64_t)y.shape(1) != plan.n_out() || number_of(y.dtype()) != plan.number)
      throw nb::value_error("dense y must have shape (n, n_out) and the network's dtype");
    targets = copy_of(y);
    data.targets = targets.get();
  }
};

inline void check_rows(const Examples& examples, const uint32_t* rows, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (rows[i] >= examples.data.n) throw nb::value_error("a row number lies past the examples");
}

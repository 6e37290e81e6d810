// CPython's side of the kernel: conversion, checks and threads, no arithmetic.
// What a caller of tongtou may get wrong is checked in Python with words; here only what would read past memory.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernel.h"
#include "philox.h"

namespace nb = nanobind;
using namespace nb::literals;
using namespace tongtou;

namespace {

typedef nb::ndarray<nb::c_contig, nb::device::cpu> Array;
typedef nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu> ReadArray;
typedef nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> RowNumbers;

// ---------------------------------------------------------------- which kernel

std::vector<const Kernel*> supported() {
  std::vector<const Kernel*> kernels;
#if defined(__x86_64__)
  kernels.push_back(tongtou_kernel_sse2());
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    kernels.push_back(tongtou_kernel_avx2());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    kernels.push_back(tongtou_kernel_avx512());
#else
  kernels.push_back(tongtou_kernel_portable());
#endif
  return kernels;
}
const Kernel* kernel = supported().back();

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const Kernel* k : supported()) names.push_back(k->name);
  return names;
}
void use_kernel(const std::string& name) {
  for (const Kernel* k : supported())
    if (name == k->name) {
      kernel = k;
      return;
    }
  throw nb::value_error(("this machine has no kernel called " + name).c_str());
}

// ---------------------------------------------------------------- memory

struct Free {
  void operator()(void* p) const { std::free(p); }
};
typedef std::unique_ptr<uint8_t, Free> Memory;

// 64-byte aligned. Large pieces ask for large pages: examples are visited in shuffled order,
// and with 4 KiB pages most visits would also miss the table of pages.
Memory aligned_bytes(size_t bytes) {
  constexpr size_t large = size_t(1) << 21;
  const size_t alignment = bytes >= large ? large : 64;
  const size_t rounded = (bytes + alignment) / alignment * alignment;
  uint8_t* p = static_cast<uint8_t*>(std::aligned_alloc(alignment, rounded));
  if (!p) throw std::bad_alloc();
  if (bytes >= large) madvise(p, rounded, MADV_HUGEPAGE);
  return Memory(p);
}
Memory aligned_zeros(size_t bytes) {
  Memory memory = aligned_bytes(bytes);
  std::memset(memory.get(), 0, bytes);
  return memory;
}

nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> aligned_array(size_t bytes) {
  uint8_t* p = aligned_zeros(bytes).release();
  return {p, {bytes}, nb::capsule(p, [](void* q) noexcept { std::free(q); })};
}

Number number_of(nb::dlpack::dtype type) {
  if (type == nb::dtype<float>()) return kFloat;
  if (type == nb::dtype<double>()) return kDouble;
  throw nb::type_error("parameters must be float32 or float64");
}

// ---------------------------------------------------------------- the network

struct Plan {  // a Spec and the array type of its parameters
  Spec spec{};
  Number number;

  Plan(const std::vector<int32_t>& sizes, const std::vector<int32_t>& activations, const std::vector<double>& parameters,
       int32_t loss, double input_scale, bool is_double) {
    const size_t n = activations.size();
    if (n < 1 || n > (size_t)kMaxLayers || sizes.size() != n + 1 || parameters.size() != n)
      throw nb::value_error("1 to 64 layers, one size more than activations");
    number = is_double ? kDouble : kFloat;
    spec.n_layers = (int32_t)n;
    spec.loss = loss;
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

  void* parameters(const Array& array) const {
    if (number_of(array.dtype()) != number || array.size() != spec.n_numbers || (uintptr_t)array.data() % 64)
      throw nb::value_error("these parameters do not belong to this plan");
    return array.data();
  }
};

// ---------------------------------------------------------------- data

struct Examples {  // X with, for training, y
  Data data{};
  std::vector<PackedRow> rows;
  Memory bytes;
  size_t n_bytes = 0;
  std::vector<int32_t> labels;
  Memory targets;
  nb::object kept;  // the dense array, which stays the caller's

  Examples(const Plan& plan, nb::object X_object, nb::object y_object) {
    const ReadArray X = nb::cast<ReadArray>(X_object);
    if (X.ndim() != 2 || (int64_t)X.shape(1) != plan.n_in() || X.shape(0) >= UINT32_MAX)
      throw nb::value_error("X must have shape (n, n_in)");
    data.n = X.shape(0);
    if (X.dtype() == nb::dtype<uint8_t>() && plan.n_in() <= kMaxPackedInputs) {
      data.form = kPacked;
      rows.resize(data.n);
      const uint8_t* pixels = static_cast<const uint8_t*>(X.data());
      {
        nb::gil_scoped_release free_python;
        n_bytes = kernel->plan_packing(pixels, data.n, (uint32_t)plan.n_in(), rows.data());
        bytes = aligned_bytes(n_bytes + 512);
        kernel->pack(pixels, data.n, (uint32_t)plan.n_in(), rows.data(), bytes.get());
      }
      data.rows = rows.data();
      data.bytes = bytes.get();
    } else {
      if (number_of(X.dtype()) != plan.number) throw nb::value_error("dense X must have the network's dtype");
      data.form = kDense;
      data.dense = X.data();
      kept = X_object;
    }
    if (y_object.is_none()) return;
    const ReadArray y = nb::cast<ReadArray>(y_object);
    if (y.ndim() < 1 || y.shape(0) != data.n) throw nb::value_error("y must have one row for each of X");
    if (y.ndim() == 1 && y.dtype() == nb::dtype<int32_t>()) {
      const int32_t* given = static_cast<const int32_t*>(y.data());
      labels.assign(given, given + data.n);
      for (int32_t label : labels)
        if (label < 0 || label >= plan.n_out()) throw nb::value_error("a label lies outside 0 … n_out - 1");
      data.labels = labels.data();
    } else {
      if (y.ndim() != 2 || (int64_t)y.shape(1) != plan.n_out() || number_of(y.dtype()) != plan.number)
        throw nb::value_error("dense y must have shape (n, n_out) and the network's dtype");
      targets = aligned_bytes(y.nbytes());
      std::memcpy(targets.get(), y.data(), y.nbytes());
      data.targets = targets.get();
    }
  }
  size_t nbytes() const { return n_bytes + rows.size() * sizeof(PackedRow); }
};

void check_rows(const Examples& examples, const uint32_t* rows, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (rows[i] >= examples.data.n) throw nb::value_error("a row number lies past the examples");
}

// ---------------------------------------------------------------- training

struct Session {
  std::shared_ptr<Plan> plan;
  std::shared_ptr<Examples> examples;
  nb::object parameters_kept;
  void* parameters;
  std::vector<uint32_t> chosen, order;
  uint64_t batch_size, seed;
  bool shuffled;
  uint64_t order_epoch = 0;
  Memory workspace;
  int32_t prepared_for = 1;  // threads that `copies` or `splits` were made for
  Memory copies;
  std::vector<uint32_t> splits;

  Session(std::shared_ptr<Plan> plan_, nb::object parameters_object, std::shared_ptr<Examples> examples_, RowNumbers rows,
          uint64_t batch_size_, uint64_t seed_, bool shuffled_)
      : plan(plan_), examples(examples_), parameters_kept(parameters_object),
        parameters(plan_->parameters(nb::cast<Array>(parameters_object))), chosen(rows.data(), rows.data() + rows.size()),
        order(rows.size()), batch_size(batch_size_), seed(seed_), shuffled(shuffled_) {
    if (!examples->data.labels && !examples->data.targets) throw nb::value_error("training needs y");
    if (chosen.empty() || batch_size < 1) throw nb::value_error("training needs rows and a batch of at least 1");
    check_rows(*examples, chosen.data(), chosen.size());
    if (batch_size > chosen.size()) batch_size = chosen.size();
    workspace = aligned_zeros(kernel->workspace_bytes(&plan->spec, plan->number, batch_size));
  }

  void prepare_for(int32_t n_threads) {
    const size_t bytes = kernel->private_bytes(&plan->spec, plan->number);
    if (bytes) copies = aligned_bytes(bytes * (n_threads - 1));
    else if (examples->data.form == kPacked) {
      std::vector<uint32_t> bounds(n_threads + 1);
      splits.resize(examples->data.n * (n_threads - 1));
      kernel->split(&examples->data, (uint32_t)plan->n_in(), (uint32_t)n_threads, bounds.data(), splits.data());
    }
    prepared_for = n_threads;
  }

  // -> steps done, whether the next step's loss was not finite, loss sums by step, hits by step
  nb::tuple advance(uint64_t first_step, nb::ndarray<const double, nb::ndim<1>, nb::c_contig> eta, int32_t n_threads) {
    if (n_threads < 1 || n_threads > kMaxThreads) throw nb::value_error("1 to 64 threads");
    const size_t n_steps = eta.size();
    auto loss = std::make_unique<double[]>(n_steps);
    auto correct = std::make_unique<uint32_t[]>(n_steps);
    Advance call{};
    call.spec = &plan->spec;
    call.data = &examples->data;
    call.parameters = parameters;
    call.workspace = workspace.get();
    call.chosen = chosen.data();
    call.n_chosen = chosen.size();
    call.order = order.data();
    call.order_epoch = &order_epoch;
    call.seed = seed;
    call.shuffle = shuffled;
    call.n_threads = n_threads;
    call.batch_size = batch_size;
    call.first_step = first_step;
    call.n_steps = n_steps;
    call.eta = eta.data();
    call.relax = [] { sched_yield(); };
    call.step_loss = loss.get();
    call.step_correct = correct.get();
    {
      nb::gil_scoped_release free_python;
      if (n_threads > 1 && prepared_for != n_threads) prepare_for(n_threads);
      if (n_threads > 1) call.copies = copies.get();
      call.splits = splits.data();
      std::vector<std::thread> threads;
      for (int32_t t = 1; t < n_threads; ++t) threads.emplace_back([&, t] { kernel->advance(&call, plan->number, (uint32_t)t); });
      kernel->advance(&call, plan->number, 0);
      for (std::thread& t : threads) t.join();
    }
    double* loss_data = loss.release();
    uint32_t* correct_data = correct.release();
    nb::capsule loss_owner(loss_data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
    nb::capsule correct_owner(correct_data, [](void* p) noexcept { delete[] static_cast<uint32_t*>(p); });
    return nb::make_tuple(call.n_done, call.diverged != 0, nb::ndarray<nb::numpy, double>(loss_data, {n_steps}, loss_owner),
                          nb::ndarray<nb::numpy, uint32_t>(correct_data, {n_steps}, correct_owner));
  }
};

// ---------------------------------------------------------------- evaluation

struct Scratch {  // kept by each thread, so that one digit costs no allocation
  Memory memory;
  size_t size = 0;
  uint8_t* at_least(size_t bytes) {
    if (size < bytes) {
      memory = aligned_bytes(bytes);
      size = bytes;
    }
    return memory.get();
  }
};
thread_local Scratch evaluation_scratch, packing_scratch;

void evaluate(const Plan& plan, const Array& parameters, const ReadArray& X, const Array& out, bool before_activation) {
  const size_t n = X.ndim() == 2 ? X.shape(0) : 0;
  if (X.ndim() != 2 || (int64_t)X.shape(1) != plan.n_in()) throw nb::value_error("X must have shape (n, n_in)");
  if (out.ndim() != 2 || out.shape(0) != n || (int64_t)out.shape(1) != plan.n_out() || number_of(out.dtype()) != plan.number)
    throw nb::value_error("out must have shape (n, n_out) and the network's dtype");
  Evaluate call{};
  call.spec = &plan.spec;
  call.parameters = plan.parameters(parameters);
  call.before_activation = before_activation;
  call.workspace = evaluation_scratch.at_least(kernel->workspace_bytes(&plan.spec, plan.number, 32));
  Data data{};
  call.data = &data;
  if (X.dtype() == nb::dtype<uint8_t>() && plan.n_in() <= kMaxPackedInputs) {
    constexpr size_t block = 64;
    PackedRow rows[block];
    data.form = kPacked;
    data.rows = rows;
    const uint8_t* pixels = static_cast<const uint8_t*>(X.data());
    nb::gil_scoped_release free_python;
    for (size_t done = 0; done < n; done += block) {
      data.n = call.n = n - done < block ? n - done : block;
      const uint8_t* here = pixels + done * plan.n_in();
      const size_t bytes = kernel->plan_packing(here, data.n, (uint32_t)plan.n_in(), rows);
      uint8_t* packed = packing_scratch.at_least(bytes + 512);
      kernel->pack(here, data.n, (uint32_t)plan.n_in(), rows, packed);
      data.bytes = packed;
      call.outputs = static_cast<uint8_t*>(out.data()) + done * plan.n_out() * plan.number_bytes();
      kernel->evaluate(&call, plan.number);
    }
    return;
  }
  if (number_of(X.dtype()) != plan.number) throw nb::value_error("dense X must have the network's dtype");
  data.form = kDense;
  data.dense = X.data();
  data.n = call.n = n;
  call.outputs = out.data();
  nb::gil_scoped_release free_python;
  kernel->evaluate(&call, plan.number);
}

void evaluate_rows(const Plan& plan, const Array& parameters, const Examples& examples, RowNumbers rows, const Array& out,
                   bool before_activation) {
  check_rows(examples, rows.data(), rows.size());
  if (out.ndim() != 2 || out.shape(0) != rows.size() || (int64_t)out.shape(1) != plan.n_out() || number_of(out.dtype()) != plan.number)
    throw nb::value_error("out must have shape (n, n_out) and the network's dtype");
  Evaluate call{&plan.spec, &examples.data, plan.parameters(parameters), nullptr, rows.data(), rows.size(), before_activation, out.data()};
  call.workspace = evaluation_scratch.at_least(kernel->workspace_bytes(&plan.spec, plan.number, 32));
  nb::gil_scoped_release free_python;
  kernel->evaluate(&call, plan.number);
}

double gradient(const Plan& plan, const Array& parameters, const Examples& examples, RowNumbers rows, const Array& out) {
  check_rows(examples, rows.data(), rows.size());
  if (!examples.data.labels && !examples.data.targets) throw nb::value_error("a gradient needs y");
  if (rows.size() == 0) throw nb::value_error("a gradient needs at least one row");
  Memory workspace = aligned_zeros(kernel->workspace_bytes(&plan.spec, plan.number, rows.size()));
  const Gradient call{&plan.spec, &examples.data, plan.parameters(parameters), workspace.get(),
                      rows.data(), rows.size(), plan.parameters(out)};
  nb::gil_scoped_release free_python;
  return kernel->gradient(&call, plan.number);
}

// ---------------------------------------------------------------- small things

nb::ndarray<nb::numpy, uint32_t, nb::ndim<1>> order(uint64_t seed, uint32_t epoch, size_t n, uint32_t purpose) {
  uint32_t* p = new uint32_t[n];
  for (size_t i = 0; i < n; ++i) p[i] = (uint32_t)i;
  shuffle(p, n, seed, purpose, epoch);
  return {p, {n}, nb::capsule(p, [](void* q) noexcept { delete[] static_cast<uint32_t*>(q); })};
}
std::vector<uint32_t> philox(std::vector<uint32_t> c, std::vector<uint32_t> key) {
  if (c.size() != 4 || key.size() != 2) throw nb::value_error("four counter words and two key words");
  const Words words = philox4x32({{c[0], c[1], c[2], c[3]}}, key[0], key[1]);
  return {words.w[0], words.w[1], words.w[2], words.w[3]};
}
void function(int32_t which, double parameter, const ReadArray& x, const Array& y) {
  if (x.size() != y.size() || x.dtype() != y.dtype()) throw nb::value_error("x and y must agree");
  kernel->function(number_of(x.dtype()), which, parameter, x.data(), y.data(), x.size());
}

}  // namespace

NB_MODULE(_kernel, m) {
  m.doc() = "The kernel: see kernel/spec.h for what each call computes.";
  m.attr("ACTIVATIONS") = nb::dict();
  const std::pair<const char*, int> activations[] = {{"linear", kLinear}, {"step", kStep}, {"sigmoid", kSigmoid}, {"tanh", kTanh},
      {"relu", kRelu}, {"leaky_relu", kLeakyRelu}, {"gelu", kGelu}, {"softmax", kSoftmax}};
  for (auto& [name, code] : activations) m.attr("ACTIVATIONS")[name] = code;
  m.attr("LOSSES") = nb::dict();
  const std::pair<const char*, int> losses[] = {{"sse", kSse}, {"mse", kMse}, {"cross_entropy", kCrossEntropy}};
  for (auto& [name, code] : losses) m.attr("LOSSES")[name] = code;
  m.attr("MAX_LAYERS") = kMaxLayers;
  m.attr("MAX_THREADS") = kMaxThreads;
  m.attr("MAX_PACKED_INPUTS") = kMaxPackedInputs;

  m.def("kernel_names", &kernel_names, "The kernels this machine can run, slowest first.");
  m.def("use_kernel", &use_kernel, "name"_a);
  m.def("kernel_in_use", [] { return kernel->name; });
  m.def("aligned_array", &aligned_array, "n_bytes"_a, "Zeroed bytes on a 64-byte boundary.");
  nb::class_<Plan>(m, "Plan")
      .def(nb::init<const std::vector<int32_t>&, const std::vector<int32_t>&, const std::vector<double>&, int32_t, double, bool>(),
           "sizes"_a, "activations"_a, "activation_parameters"_a, "loss"_a, "input_scale"_a, "is_double"_a)
      .def_prop_ro("n_numbers", [](const Plan& p) { return p.spec.n_numbers; });
  nb::class_<Examples>(m, "Examples")
      .def(nb::init<const Plan&, nb::object, nb::object>(), "plan"_a, "X"_a, "y"_a.none())
      .def_prop_ro("n", [](const Examples& e) { return e.data.n; })
      .def_prop_ro("packed", [](const Examples& e) { return e.data.form == kPacked; })
      .def_prop_ro("nbytes", &Examples::nbytes);
  nb::class_<Session>(m, "Session")
      .def("__init__", [](Session* s, nb::object plan, nb::object parameters, nb::object examples, RowNumbers rows, uint64_t batch_size,
                          uint64_t seed, bool shuffled) {
             // shared with the Python objects, which they keep alive
             auto share = [](nb::object o, auto* p) { return std::shared_ptr<std::remove_pointer_t<decltype(p)>>(p, [o](void*) {}); };
             new (s) Session(share(plan, nb::cast<Plan*>(plan)), parameters, share(examples, nb::cast<Examples*>(examples)), rows, batch_size, seed, shuffled);
           }, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "batch_size"_a, "seed"_a, "shuffle"_a)
      .def("advance", &Session::advance, "first_step"_a, "eta"_a, "n_threads"_a);
  m.def("evaluate", &evaluate, "plan"_a, "parameters"_a, "X"_a, "out"_a, "before_activation"_a);
  m.def("evaluate_rows", &evaluate_rows, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "out"_a, "before_activation"_a);
  m.def("gradient", &gradient, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "out"_a);
  m.def("order", &order, "seed"_a, "epoch"_a, "n"_a, "purpose"_a);
  m.def("philox", &philox, "counter"_a, "key"_a);
  m.def("function", &function, "which"_a, "parameter"_a, "x"_a, "y"_a);
}

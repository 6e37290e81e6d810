// CPython's side of the kernel: conversion, checks and threads, no arithmetic.
// What a caller of tongtou may get wrong is checked in Python with words; here only what would read past memory.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <sched.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bind_python_data.h"
#include "philox.h"

using namespace nb::literals;

namespace {

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

}  // namespace

const Kernel* kernel = supported().back();

namespace {

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

// ---------------------------------------------------------------- training

struct Session {
  std::shared_ptr<Plan> plan;
  std::shared_ptr<Examples> examples;
  nb::object parameters_kept;
  void* parameters;  // the host's
  std::vector<uint32_t> chosen, order;
  uint64_t batch_size, seed;
  bool shuffled;
  Rule rule;
  Disturbance disturbance;
  uint64_t epoch_offset, step_offset;
  uint64_t order_epoch = 0;
  Memory workspace;
  Memory panels;  // of the parameters, where their order is another one
  Memory slot_memory[2];
  int32_t prepared_for = 1;  // threads that `copies`, `bounds` and `splits` were made for
  Memory copies;
  std::vector<uint32_t> bounds, splits;

  Session(std::shared_ptr<Plan> plan_, nb::object parameters_object, std::shared_ptr<Examples> examples_, RowNumbers rows,
          uint64_t batch_size_, uint64_t seed_, bool shuffled_, const Rule& rule_, int32_t n_slots, const Disturbance& disturbance_,
          uint64_t epoch_offset_, uint64_t step_offset_)
      : plan(plan_), examples(examples_), parameters_kept(parameters_object),
        parameters(plan_->parameters(nb::cast<Array>(parameters_object))), chosen(rows.data(), rows.data() + rows.size()),
        order(rows.size()), batch_size(batch_size_), seed(seed_), shuffled(shuffled_), rule(rule_), disturbance(disturbance_),
        epoch_offset(epoch_offset_), step_offset(step_offset_) {
    if (!examples->data.labels && !examples->data.targets) throw nb::value_error("training needs y");
    if (chosen.empty() || batch_size < 1) throw nb::value_error("training needs rows and a batch of at least 1");
    check_rows(*examples, chosen.data(), chosen.size());
    const int64_t picture = (int64_t)disturbance.height * disturbance.width * disturbance.channels;
    if (disturbance.height && (picture != plan->n_in() || examples->data.form != kPacked))
      throw nb::value_error("augmentation needs uint8 pictures of height, width and channels");
    if (examples->data.form == kSparse && (disturbance.drop[0] || disturbance.noise > 0))
      throw nb::value_error("sparse inputs are neither dropped nor made noisy");
    if (batch_size > chosen.size()) batch_size = chosen.size();
    workspace = aligned_zeros(kernel->workspace_bytes(&plan->spec, plan->number, batch_size, examples->data.form, &rule, &disturbance));
    if (plan->is_wide()) panels = aligned_zeros(plan->parameter_bytes());
    for (int32_t k = 0; k < n_slots && k < 2; ++k) slot_memory[k] = aligned_zeros(plan->parameter_bytes());
  }

  // The rule's state number k, in the kernel's order.
  nb::object slot(int32_t k, nb::handle self) {
    if (k < 0 || k > 1 || !slot_memory[k]) throw nb::index_error("this rule has no such state");
    const size_t n = plan->spec.n_numbers;
    if (plan->number == kFloat) return nb::cast(nb::ndarray<nb::numpy, float, nb::ndim<1>>(slot_memory[k].get(), {n}, self));
    return nb::cast(nb::ndarray<nb::numpy, double, nb::ndim<1>>(slot_memory[k].get(), {n}, self));
  }

  // These rows, in this order where they are not shuffled, from the next step on.
  void set_rows(RowNumbers rows) {
    if (rows.size() != chosen.size()) throw nb::value_error("as many rows as before");
    check_rows(*examples, rows.data(), rows.size());
    chosen.assign(rows.data(), rows.data() + rows.size());
    order_epoch = 0;
  }

  void prepare_for(int32_t n_threads) {
    const Data& data = examples->data;
    const size_t bytes = kernel->private_bytes(&plan->spec, plan->number, &rule);
    const bool gathered = data.form == kDense || disturbance.noise > 0;
    const int32_t n_groups = plan->spec.layers[0].stride / 16;
    if (bytes) copies = aligned_bytes(bytes * (n_threads - 1));
    else if (!gathered && n_groups % n_threads && n_groups < 4 * n_threads) {  // too few groups of neurons to deal out
      bounds.resize(n_threads + 1);
      splits.resize(data.form == kPacked ? data.n * (n_threads - 1) : 0);
      kernel->split(&data, (uint32_t)plan->n_in(), (uint32_t)n_threads, bounds.data(), splits.empty() ? nullptr : splits.data());
    } else bounds.clear();
    prepared_for = n_threads;
  }

  // rates (k, 4) -> steps done, whether the next step's loss was not finite; by step: loss sums, hits, penalties,
  // gradient norms, weight sums
  nb::tuple advance(uint64_t first_step, nb::ndarray<const double, nb::shape<-1, 4>, nb::c_contig> rates, int32_t n_threads) {
    static_assert(sizeof(Rates) == 4 * sizeof(double));
    if (n_threads < 1 || n_threads > kMaxThreads) throw nb::value_error("1 to 64 threads");
    const size_t n_steps = rates.shape(0);
    auto numbers = std::make_unique<double[]>(4 * n_steps);
    auto correct = std::make_unique<uint32_t[]>(n_steps);
    Advance call{};
    call.spec = &plan->spec;
    call.data = &examples->data;
    call.rule = &rule;
    call.disturbance = &disturbance;
    call.parameters = panels ? panels.get() : parameters;
    for (int k = 0; k < 2; ++k) call.slots[k] = slot_memory[k].get();
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
    call.epoch_offset = epoch_offset;
    call.step_offset = step_offset;
    call.rates = reinterpret_cast<const Rates*>(rates.data());
    call.relax = [] { sched_yield(); };
    call.step_loss = numbers.get();
    call.step_penalty = numbers.get() + n_steps;
    call.step_norm = numbers.get() + 2 * n_steps;
    call.step_weight = numbers.get() + 3 * n_steps;
    call.step_correct = correct.get();
    {
      nb::gil_scoped_release free_python;
      if (n_threads > 1 && prepared_for != n_threads) prepare_for(n_threads);
      if (n_threads > 1) {
        call.copies = copies.get();
        call.bounds = bounds.empty() ? nullptr : bounds.data();
        call.splits = splits.empty() ? nullptr : splits.data();
      }
      if (panels) plan->to_panels(parameters, panels.get());
      std::vector<std::thread> threads;
      for (int32_t t = 1; t < n_threads; ++t) threads.emplace_back([&, t] { kernel->advance(&call, plan->number, (uint32_t)t); });
      kernel->advance(&call, plan->number, 0);
      for (std::thread& t : threads) t.join();
      if (panels) plan->to_rows(panels.get(), parameters);
    }
    double* const all = numbers.release();
    nb::capsule numbers_owner(all, [](void* p) noexcept { delete[] static_cast<double*>(p); });
    uint32_t* const hits = correct.release();
    nb::capsule correct_owner(hits, [](void* p) noexcept { delete[] static_cast<uint32_t*>(p); });
    const auto column = [&](size_t k) { return nb::ndarray<nb::numpy, double>(all + k * n_steps, {n_steps}, numbers_owner); };
    return nb::make_tuple(call.n_done, call.diverged != 0, column(0), nb::ndarray<nb::numpy, uint32_t>(hits, {n_steps}, correct_owner),
                          column(1), column(2), column(3));
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
thread_local Scratch evaluation_scratch, packing_scratch, panel_scratch;

constexpr size_t kFewRows = 32;  // up to so many the weights are read as they lie; more are worth putting them in panels

uint8_t* evaluation_workspace(const Plan& plan, int32_t form) {
  return evaluation_scratch.at_least(kernel->workspace_bytes(&plan.spec, plan.number, 32, form, nullptr, nullptr));
}
void set_parameters(Evaluate& call, const Plan& plan, const void* rows, size_t n) {
  call.parameters = rows;
  call.panels = !plan.is_wide();
  if (call.panels || n <= kFewRows) return;
  uint8_t* panels = panel_scratch.at_least(plan.parameter_bytes());
  plan.to_panels(rows, panels);
  call.parameters = panels;
  call.panels = 1;
}
// CSR rows go in as Examples: see evaluate_rows.

void evaluate(const Plan& plan, const Array& parameters, const ReadArray& X, const Array& out, bool before_activation) {
  const size_t n = X.ndim() == 2 ? X.shape(0) : 0;
  if (X.ndim() != 2 || (int64_t)X.shape(1) != plan.n_in()) throw nb::value_error("X must have shape (n, n_in)");
  if (out.ndim() != 2 || out.shape(0) != n || (int64_t)out.shape(1) != plan.n_out() || number_of(out.dtype()) != plan.number)
    throw nb::value_error("out must have shape (n, n_out) and the network's dtype");
  Evaluate call{};
  call.spec = &plan.spec;
  set_parameters(call, plan, plan.parameters(parameters), n);
  call.before_activation = before_activation;
  Data data{};
  call.data = &data;
  if (X.dtype() == nb::dtype<uint8_t>() && plan.n_in() <= kMaxPackedInputs) {
    constexpr size_t block = 64;
    PackedRow rows[block];
    data.form = kPacked;
    data.rows = rows;
    call.workspace = evaluation_workspace(plan, kPacked);
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
  call.workspace = evaluation_workspace(plan, kDense);
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
  Evaluate call{&plan.spec, &examples.data, nullptr, 0, nullptr, rows.data(), rows.size(), before_activation, out.data()};
  set_parameters(call, plan, plan.parameters(parameters), rows.size());
  call.workspace = evaluation_workspace(plan, examples.data.form);
  nb::gil_scoped_release free_python;
  kernel->evaluate(&call, plan.number);
}

double gradient(const Plan& plan, const Array& parameters, const Examples& examples, RowNumbers rows, const Array& out) {
  check_rows(examples, rows.data(), rows.size());
  if (!examples.data.labels && !examples.data.targets) throw nb::value_error("a gradient needs y");
  if (rows.size() == 0) throw nb::value_error("a gradient needs at least one row");
  Memory workspace = aligned_zeros(kernel->workspace_bytes(&plan.spec, plan.number, rows.size(), examples.data.form, nullptr, nullptr));
  void *own = plan.parameters(parameters), *target = plan.parameters(out);
  Memory panels, target_panels;
  if (plan.is_wide()) {
    panels = aligned_bytes(plan.parameter_bytes());
    target_panels = aligned_bytes(plan.parameter_bytes());
    plan.to_panels(own, panels.get());
  }
  const Gradient call{&plan.spec, &examples.data, panels ? panels.get() : own, workspace.get(), rows.data(), rows.size(),
                      panels ? target_panels.get() : target};
  nb::gil_scoped_release free_python;
  const double loss = kernel->gradient(&call, plan.number);
  if (panels) plan.to_rows(target_panels.get(), target);
  return loss;
}

Rule rule_of(int32_t kind, int32_t flags, const std::vector<double>& constants, double clip_value, double clip_norm, double l1, double l2,
             bool l2_over_batch, bool measure) {
  if (constants.size() != 4) throw nb::value_error("four constants: beta1, beta2, epsilon, momentum");
  return {kind, flags, constants[0], constants[1], constants[2], constants[3], clip_value, clip_norm, l1, l2, l2_over_batch, measure};
}
Disturbance disturbance_of(const std::vector<uint32_t>& drop, double noise, double smoothing, double offset, const std::vector<double>& affine,
                           const std::vector<int32_t>& picture) {
  Disturbance d{};
  if (drop.size() > (size_t)kMaxLayers || affine.size() != 4 || picture.size() != 3) throw nb::value_error("at most 64 shares, 4 ranges, 3 sizes");
  for (size_t l = 0; l < drop.size(); ++l) {
    if (drop[l] >= 65536) throw nb::value_error("a share of 65536 that is dropped lies below it");
    d.drop[l] = drop[l];
  }
  for (int32_t side : picture)
    if (side < 0 || side > 4096) throw nb::value_error("pictures that are altered have sides of at most 4096");
  d.noise = noise;
  d.smoothing = smoothing;
  d.offset = offset;
  d.shift = affine[0];
  d.rotation = affine[1];
  d.scale = affine[2];
  d.shear = affine[3];
  d.height = picture[0];
  d.width = picture[1];
  d.channels = picture[2];
  return d;
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
  // A network that lives until the interpreter ends, in some module, is no leak.
  nb::set_leak_warnings(false);
  m.doc() = "The kernel: see kernel/spec.h for what each call computes.";
  m.attr("ACTIVATIONS") = nb::dict();
  const std::pair<const char*, int> activations[] = {{"linear", kLinear}, {"step", kStep}, {"sigmoid", kSigmoid}, {"tanh", kTanh},
      {"relu", kRelu}, {"leaky_relu", kLeakyRelu}, {"gelu", kGelu}, {"softmax", kSoftmax}, {"exp", kExp}};
  for (auto& [name, code] : activations) m.attr("ACTIVATIONS")[name] = code;
  m.attr("LOSSES") = nb::dict();
  const std::pair<const char*, int> losses[] = {{"sse", kSse}, {"mse", kMse}, {"cross_entropy", kCrossEntropy},
      {"half_sse", kHalfSse}, {"huber", kHuber}, {"poisson", kPoisson}, {"binary_cross_entropy", kBinaryCrossEntropy}};
  for (auto& [name, code] : losses) m.attr("LOSSES")[name] = code;
  m.attr("MAX_LAYERS") = kMaxLayers;
  m.attr("MAX_THREADS") = kMaxThreads;
  m.attr("MAX_PACKED_INPUTS") = kMaxPackedInputs;

  m.def("kernel_names", &kernel_names, "The kernels this machine can run, slowest first.");
  m.def("use_kernel", &use_kernel, "name"_a);
  m.def("kernel_in_use", [] { return kernel->name; });
  m.def("aligned_array", &aligned_array, "n_bytes"_a, "Zeroed bytes on a 64-byte boundary.");
  nb::class_<Plan>(m, "Plan")
      .def(nb::init<const std::vector<int32_t>&, const std::vector<int32_t>&, const std::vector<double>&, int32_t, double, double, bool>(),
           "sizes"_a, "activations"_a, "activation_parameters"_a, "loss"_a, "loss_parameter"_a, "input_scale"_a, "is_double"_a)
      .def_prop_ro("n_numbers", [](const Plan& p) { return p.spec.n_numbers; });
  nb::class_<Examples>(m, "Examples")
      .def(nb::init<const Plan&, nb::object, nb::object, nb::object>(), "plan"_a, "X"_a, "y"_a.none(), "weights"_a.none() = nb::none())
      .def_prop_ro("n", [](const Examples& e) { return e.data.n; })
      .def_prop_ro("packed", [](const Examples& e) { return e.data.form == kPacked; })
      .def_prop_ro("nbytes", &Examples::nbytes);
  nb::class_<Rule>(m, "Rule").def("__init__", [](Rule* r, int32_t kind, int32_t flags, const std::vector<double>& constants, double clip_value,
      double clip_norm, double l1, double l2, bool l2_over_batch, bool measure) {
        new (r) Rule(rule_of(kind, flags, constants, clip_value, clip_norm, l1, l2, l2_over_batch, measure));
      }, "kind"_a, "flags"_a, "constants"_a, "clip_value"_a, "clip_norm"_a, "l1"_a, "l2"_a, "l2_over_batch"_a, "measure"_a);
  nb::class_<Disturbance>(m, "Disturbance").def("__init__", [](Disturbance* d, const std::vector<uint32_t>& drop, double noise, double smoothing,
      double offset, const std::vector<double>& affine, const std::vector<int32_t>& picture) {
        new (d) Disturbance(disturbance_of(drop, noise, smoothing, offset, affine, picture));
      }, "drop"_a, "noise"_a, "smoothing"_a, "offset"_a, "affine"_a, "picture"_a);
  nb::class_<Session>(m, "Session")
      .def("__init__", [](Session* s, nb::object plan, nb::object parameters, nb::object examples, RowNumbers rows, uint64_t batch_size,
                          uint64_t seed, bool shuffled, const Rule& rule, int32_t n_slots, const Disturbance& disturbance,
                          uint64_t epoch_offset, uint64_t step_offset) {
             // shared with the Python objects, which they keep alive
             auto share = [](nb::object o, auto* p) { return std::shared_ptr<std::remove_pointer_t<decltype(p)>>(p, [o](void*) {}); };
             new (s) Session(share(plan, nb::cast<Plan*>(plan)), parameters, share(examples, nb::cast<Examples*>(examples)), rows, batch_size, seed,
                             shuffled, rule, n_slots, disturbance, epoch_offset, step_offset);
           }, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "batch_size"_a, "seed"_a, "shuffle"_a, "rule"_a, "n_slots"_a, "disturbance"_a,
           "epoch_offset"_a, "step_offset"_a)
      .def("set_rows", &Session::set_rows, "rows"_a)
      .def("slot", [](nb::object self, int32_t k) { return nb::cast<Session*>(self)->slot(k, self); }, "k"_a)
      .def("advance", &Session::advance, "first_step"_a, "rates"_a, "n_threads"_a);
  m.def("evaluate", &evaluate, "plan"_a, "parameters"_a, "X"_a, "out"_a, "before_activation"_a);
  m.def("evaluate_rows", &evaluate_rows, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "out"_a, "before_activation"_a);
  m.def("gradient", &gradient, "plan"_a, "parameters"_a, "examples"_a, "rows"_a, "out"_a);
  m.def("order", &order, "seed"_a, "epoch"_a, "n"_a, "purpose"_a);
  m.def("philox", &philox, "counter"_a, "key"_a);
  m.def("function", &function, "which"_a, "parameter"_a, "x"_a, "y"_a);
}

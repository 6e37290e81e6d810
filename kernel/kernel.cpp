// Compiled once for each instruction set, with -DKERNEL_ISA=<its name>.
#include "kernel.h"

#include "advance.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

namespace tongtou {
namespace KERNEL_ISA {
namespace {

// f with a number of the kind asked for. The browser's module leaves double out: it would be half of what is loaded.
template <class F>
inline auto by_number(Number number, F f) {
#ifndef KERNEL_ONLY_FLOAT
  if (number == kDouble) return f(double{});
#endif
  (void)number;
  return f(float{});
}

uint64_t workspace_bytes_of(const Spec* spec, Number number, uint64_t n, int32_t form, const Rule* rule, const Disturbance* change) {
  return by_number(number, [&](auto zero) { return workspace_bytes<decltype(zero)>(*spec, n, form, rule, change); });
}
uint64_t private_bytes_of(const Spec* spec, Number number, const Rule* rule) {
  return by_number(number, [&](auto zero) { return private_bytes<decltype(zero)>(*spec, *rule); });
}
void arrange_of(const Spec* spec, Number number, const void* from, void* to, int32_t to_panels) {
  by_number(number, [&](auto zero) {
    using T = decltype(zero);
    arrange(*spec, (const T*)from, (T*)to, to_panels != 0);
  });
}
void advance_of(Advance* call, Number number, uint32_t thread) {
  by_number(number, [&](auto zero) { advance<decltype(zero)>(*call, thread); });
}
void evaluate_of(const Evaluate* call, Number number) {
  by_number(number, [&](auto zero) { evaluate<decltype(zero)>(*call); });
}
double gradient_of(const Gradient* call, Number number) {
  return by_number(number, [&](auto zero) { return gradient<decltype(zero)>(*call); });
}

uint64_t plan_packing(const uint8_t* X, uint64_t n, uint32_t n_in, PackedRow* rows) {
  uint64_t at = 0;
  for (uint64_t i = 0; i < n; ++i) {
    const uint32_t n_groups = (count_nonzero(X + i * n_in, n_in) + kGroup - 1) / kGroup;
    rows[i] = {(uint32_t)at, n_groups};
    at += n_groups;
  }
  return at * sizeof(Group);
}
void pack(const uint8_t* X, uint64_t n, uint32_t n_in, const PackedRow* rows, uint8_t* bytes) {
  for (uint64_t i = 0; i < n; ++i)
    pack_row(X + i * n_in, n_in, rows[i].n_groups, (Group*)bytes + rows[i].first_group);
}

// How many entries of an example lie before input `bound`, or all of them.
uint64_t entries_before(const Data& data, uint64_t row, uint32_t bound) {
  if (data.form == kPacked) return pixels_of(data, row).first_from(bound);
  return Entries<float>{data.columns + data.starts[row], nullptr, (size_t)(data.starts[row + 1] - data.starts[row])}.first_from(bound);
}
void split(const Data* data, uint32_t n_in, uint32_t n_threads, uint32_t* bounds, uint32_t* splits) {
  bounds[0] = 0;
  bounds[n_threads] = n_in;
  const uint64_t sample = data->n < 512 ? data->n : 512;  // enough to know where the ink lies
  for (uint32_t t = 1; t < n_threads; ++t) {
    uint32_t low = 0, high = n_in;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      uint64_t before = 0, all_of_them = 0;
      for (uint64_t i = 0; i < sample; ++i) {
        before += entries_before(*data, i * data->n / sample, middle);
        all_of_them += entries_before(*data, i * data->n / sample, n_in);
      }
      if (before * n_threads < all_of_them * t) low = middle + 1;
      else high = middle;
    }
    bounds[t] = low;
  }
  if (!splits || data->form != kPacked) return;
  for (uint64_t i = 0; i < data->n; ++i)
    for (uint32_t t = 1; t < n_threads; ++t) splits[i * (n_threads - 1) + t - 1] = pixels_of(*data, i).first_from(bounds[t]);
}

template <class T> void function_of(int32_t which, T parameter, const T* x, T* y, uint64_t n) {
  for (uint64_t i = 0; i < n; i += kLanes) {
    T in[kLanes] = {}, out[kLanes];
    const size_t here = n - i < kLanes ? n - i : kLanes;
    __builtin_memcpy(in, x + i, here * sizeof(T));
    const Lanes<T> v = load_loose(in);
    Lanes<T> r;
    if (which == 0) r = exp(v);
    else if (which == 1) r = log(v);
    else if (which == 2) r = expm1(v);
    else r = activate<T>(which - 100, parameter, v);
    alignas(64) T aligned[kLanes];
    store(aligned, r);
    __builtin_memcpy(out, aligned, sizeof(out));
    __builtin_memcpy(y + i, out, here * sizeof(T));
  }
}
void function(Number number, int32_t which, double parameter, const void* x, void* y, uint64_t n) {
  by_number(number, [&](auto zero) {
    using T = decltype(zero);
    function_of<T>(which, (T)parameter, (const T*)x, (T*)y, n);
  });
}

const Kernel kTable = {TEXT(KERNEL_ISA), kVectorBytes, workspace_bytes_of, private_bytes_of, arrange_of, advance_of,
                       evaluate_of,      gradient_of,  plan_packing,       pack,             split,      function};

}  // namespace
}  // namespace KERNEL_ISA

extern "C" const Kernel* JOIN(tongtou_kernel_, KERNEL_ISA)() { return &KERNEL_ISA::kTable; }

}  // namespace tongtou

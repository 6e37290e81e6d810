// The C interface: one table of functions for each instruction set that was compiled in.
#pragma once

#include "spec.h"

namespace tongtou {

enum Number : int32_t { kFloat = 0, kDouble = 1 };

struct Kernel {
  const char* name;
  int32_t vector_bytes;
  // For n samples of this form; rule and disturbance are null but for training.
  uint64_t (*workspace_bytes)(const Spec*, Number, uint64_t n, int32_t form, const Rule*, const Disturbance*);
  uint64_t (*private_bytes)(const Spec*, Number, const Rule*);
  void (*arrange)(const Spec*, Number, const void* from, void* to, int32_t to_panels);
  // Every thread of the call runs it once, with its own number; call->n_threads of them.
  void (*advance)(Advance* call, Number, uint32_t thread);
  void (*evaluate)(const Evaluate* call, Number);
  double (*gradient)(const Gradient* call, Number);  // returns the mean loss
  // Packing: sizes first (fills rows, returns bytes), then contents.
  uint64_t (*plan_packing)(const uint8_t* X, uint64_t n, uint32_t n_in, PackedRow* rows);
  void (*pack)(const uint8_t* X, uint64_t n, uint32_t n_in, const PackedRow* rows, uint8_t* bytes);
  // Input bounds that give each thread the same number of non-zero inputs, and for packed examples where in each they
  // fall; splits may be null.
  void (*split)(const Data* data, uint32_t n_in, uint32_t n_threads, uint32_t* bounds, uint32_t* splits);
  // y = f(x), n numbers, for tests: which = 0 exp, 1 log, 2 expm1; 100 + code: an activation
  void (*function)(Number, int32_t which, double parameter, const void* x, void* y, uint64_t n);
};

extern "C" {
#if defined(__x86_64__)
const Kernel* tongtou_kernel_sse2();
const Kernel* tongtou_kernel_avx2();
const Kernel* tongtou_kernel_avx512();
#elif defined(__wasm__)
const Kernel* tongtou_kernel_wasm();
#else
const Kernel* tongtou_kernel_portable();
#endif
}

}  // namespace tongtou

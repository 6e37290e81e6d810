// What both hosts and the kernel agree on: plain structs and codes, defined here and nowhere else.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tongtou {

enum Activation : int32_t { kLinear = 0, kStep = 1, kSigmoid = 2, kTanh = 3, kRelu = 4, kLeakyRelu = 5, kGelu = 6, kSoftmax = 7 };
enum Loss : int32_t { kSse = 0, kMse = 1, kCrossEntropy = 2 };
enum Form : int32_t { kPacked = 0, kDense = 1 };  // the two first-layer forms

constexpr int32_t kMaxLayers = 64;
constexpr int32_t kMaxThreads = 64;
constexpr int32_t kMaxPackedInputs = 65536;  // pixel numbers are 16 bits

// One layer: n_out neurons over n_in inputs. Its parameters are (n_in + 1) rows of `stride` numbers:
// row i < n_in holds the weights that leave input i (lane j goes to neuron j), the last row the biases.
// stride = n_out rounded up to 16; the lanes between are exactly 0 and stay so.
struct LayerSpec {
  int32_t n_in, n_out, stride, activation;
  double parameter;  // slope of leaky_relu
  uint64_t offset;   // of the first row, in numbers, from the start of all parameters
};

struct Spec {
  int32_t n_layers, loss;
  double input_scale;  // a packed pixel u counts as u * input_scale
  uint64_t n_numbers;  // of all parameters, padding included
  LayerSpec layers[kMaxLayers];
};

// The non-zero pixels of one example: n_groups groups of 16 pixel numbers (uint16, rising) and their 16 values
// (uint8), 48 bytes a group. The last group is filled up with pixels of value 0.
struct PackedRow {
  uint32_t first_group, n_groups;
};

struct Data {
  uint64_t n;               // examples
  int32_t form;             // Form
  const PackedRow* rows;    // kPacked
  const uint8_t* bytes;     //   512 bytes may be prefetched, never read, behind the last
  const void* dense;        // kDense: (n, n_in) of the network's own number type, rows joined
  const int32_t* labels;    // (n,) class numbers, or null when targets are given
  const void* targets;      // (n, n_out) of the network's own number type, or null
};

// Called now and then by a thread that waits for another, so that the host may give its core away.
typedef void (*Relax)();

// One training call: steps first_step … first_step + n_steps - 1 of a run.
struct Advance {
  const Spec* spec;
  const Data* data;
  void* parameters;           // n_numbers, 64-byte aligned
  void* workspace;            // workspace_bytes(spec, batch_size), 64-byte aligned, zeroed once by the host
  const uint32_t* chosen;     // the rows that are trained on, or null for all of them
  uint64_t n_chosen;
  uint32_t* order;            // (n_chosen,): the order of the present epoch
  uint64_t* order_epoch;      // which epoch `order` is of, plus one; 0 when of none yet
  uint64_t seed;
  int32_t shuffle;            // 0: the order of `chosen` in every epoch
  int32_t n_threads;
  uint64_t batch_size, first_step, n_steps;
  const double* eta;          // (n_steps,) learning rates
  void* copies;               // (n_threads - 1) times private_bytes(spec), 64-byte aligned; or null, and then
  const uint32_t* splits;     // (n, n_threads - 1): where in each example the pixels of the next thread begin
  Relax relax;
  // results
  double* step_loss;          // (n_steps,): sum of the losses of the step's examples, before its update
  uint32_t* step_correct;     // (n_steps,): examples whose own class has the one highest output
  uint64_t n_done;            // steps whose update was made
  int32_t diverged;           // 1: step first_step + n_done had a loss that is not finite; it was not applied
};

// Forward evaluation of n rows of the data: the chosen ones, or the first n.
struct Evaluate {
  const Spec* spec;
  const Data* data;
  const void* parameters;
  void* workspace;            // workspace_bytes(spec, 32)
  const uint32_t* chosen;     // (n,), or null
  uint64_t n;
  int32_t before_activation;  // 1: the last weighted sums instead of the outputs
  void* outputs;              // (n, n_out), rows joined
};

// Gradient of the mean loss over chosen rows, in the layout of the parameters.
struct Gradient {
  const Spec* spec;
  const Data* data;
  const void* parameters;
  void* workspace;            // workspace_bytes(spec, n_chosen)
  const uint32_t* chosen;     // (n_chosen,)
  uint64_t n_chosen;
  void* gradient;             // n_numbers; overwritten
};

}  // namespace tongtou

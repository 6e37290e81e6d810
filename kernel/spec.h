// What both hosts and the kernel agree on: plain structs and codes, defined here and nowhere else.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tongtou {

enum Activation : int32_t { kLinear = 0, kStep = 1, kSigmoid = 2, kTanh = 3, kRelu = 4, kLeakyRelu = 5, kGelu = 6, kSoftmax = 7,
                            kExp = 8 };
enum Loss : int32_t { kSse = 0, kMse = 1, kCrossEntropy = 2, kHalfSse = 3, kHuber = 4, kPoisson = 5, kBinaryCrossEntropy = 6 };
enum Form : int32_t { kPacked = 0, kDense = 1, kSparse = 2 };  // how X is given to the first layer
enum RuleKind : int32_t { kPlain = 0, kMomentum = 1, kVelocity = 2, kRmsprop = 3, kAdam = 4 };  // see optimizers.h
enum RuleFlags : int32_t { kNesterov = 1, kEpsilonInside = 2, kEpsilonUncorrected = 4 };

constexpr int32_t kMaxLayers = 64;
constexpr int32_t kMaxThreads = 64;
constexpr int32_t kMaxPackedInputs = 65536;  // pixel numbers are 16 bits

// One layer: n_out neurons over n_in inputs. Its parameters are (n_in + 1) rows of `stride` numbers:
// row i < n_in holds the weights that leave input i (lane j goes to neuron j), the last row the biases.
// stride = n_out rounded up to 16; the lanes between are exactly 0 and stay so.
//
// These rows lie in one of two orders. The host sees rows one after the other. The training call and the gradient
// take panels: 16 neurons of all rows, then the next 16, so that what one loop touches fits the first-level cache
// and no two rows of it fall on each other there. Where no stride is above 16 the two are the same.
struct LayerSpec {
  int32_t n_in, n_out, stride, activation;
  double parameter;  // slope of leaky_relu
  uint64_t offset;   // of the first row, in numbers, from the start of all parameters
};

struct Spec {
  int32_t n_layers, loss;
  double loss_parameter;  // delta of huber
  double input_scale;     // a packed pixel u counts as u * input_scale
  uint64_t n_numbers;  // of all parameters, padding included
  LayerSpec layers[kMaxLayers];
};

// The non-zero pixels of one example: n_groups groups of 16 pixel numbers (uint16, rising) and their 16 values
// (uint8), 48 bytes a group. The last group is filled up with pixels of value 0.
struct PackedRow {
  uint32_t first_group, n_groups;
};
constexpr uint32_t kGroupBytes = 48;

struct Data {
  uint64_t n;               // examples
  int32_t form;             // Form
  const PackedRow* rows;    // kPacked
  const uint8_t* bytes;     //   512 bytes may be prefetched, never read, behind the last
  const void* dense;        // kDense: (n, n_in) of the network's own number type, rows joined
  const uint64_t* starts;   // kSparse: (n + 1,): entries starts[i] … starts[i + 1] - 1 are those of row i,
  const uint32_t* columns;  //   their columns, rising,
  const void* values;       //   and their values, of the network's own number type
  const int32_t* labels;    // (n,) class numbers, or null when targets are given
  const void* targets;      // (n, n_out) of the network's own number type, or null
  const void* weights;      // (n,) of the network's own number type, or null: all 1
};

// How a gradient becomes a step; 0 leaves a thing out.
struct Rule {
  int32_t kind, flags;
  double beta1, beta2, epsilon, momentum;  // beta1: of momentum too; beta2: rho of rmsprop, whose momentum is the last
  double clip_value, clip_norm;            // of the batch's loss gradient
  double l1, l2;                           // of weights, not biases
  int32_t l2_over_batch;                   // l2 is divided by the sum of the batch's weights
  int32_t measure;                         // step_norm is wanted
};
// What changes from step to step: learning rate, 1 - beta1^t, 1 - beta2^t, and what weights are multiplied by before.
struct Rates {
  double eta, c1, c2, keep;
};

// What is done to examples and activations while training; 0 leaves a thing out.
struct Disturbance {
  uint32_t drop[kMaxLayers];  // of the input, of hidden layer 1, …: this share of 65536 is dropped
  double noise;
  double smoothing, offset;   // y becomes (1 - smoothing) y + offset
  double shift, rotation, scale, shear;  // largest: pixels, radians, part of 1, radians
  int32_t height, width, channels;       // of a picture; height 0: no augmentation
};

// Called now and then by a thread that waits for another, so that the host may give its core away.
typedef void (*Relax)();

// One training call: steps first_step … first_step + n_steps - 1 of a run.
struct Advance {
  const Spec* spec;
  const Data* data;
  const Rule* rule;
  const Disturbance* disturbance;
  void* parameters;           // n_numbers in panels, 64-byte aligned
  void* slots[2];             // the rule's state, like the parameters; null where it needs none
  void* workspace;            // workspace_bytes(spec, batch_size, …), 64-byte aligned, zeroed once by the host
  const uint32_t* chosen;     // the rows that are trained on, or null for all of them
  uint64_t n_chosen;
  uint32_t* order;            // (n_chosen,): the order of the present epoch
  uint64_t* order_epoch;      // which epoch `order` is of, plus one; 0 when of none yet
  uint64_t seed;
  int32_t shuffle;            // 0: the order of `chosen` in every epoch
  int32_t n_threads;
  uint64_t batch_size, first_step, n_steps;
  uint64_t epoch_offset, step_offset;  // added to the numbers that random draws are counted by
  const Rates* rates;         // (n_steps,)
  void* copies;               // (n_threads - 1) times private_bytes(spec), 64-byte aligned; or null, and then
  const uint32_t* bounds;     // (n_threads + 1,): thread t has the inputs bounds[t] … bounds[t + 1] - 1 to itself,
  const uint32_t* splits;     // (n, n_threads - 1): where in each packed example the pixels of the next thread begin
  Relax relax;
  // results
  double* step_loss;          // (n_steps,): weighted sum of the losses of the step's examples, before its update
  uint32_t* step_correct;     // (n_steps,): examples whose own class has the one highest output
  double* step_weight;        // (n_steps,): sum of the weights of the step's examples
  double* step_penalty;       // (n_steps,): l1 sum |w| + l2 / 2 sum w^2 before the update
  double* step_norm;          // (n_steps,): of the whole loss gradient, before it is clipped; 0 when not wanted
  uint64_t n_done;            // steps whose update was made
  int32_t diverged;           // 1: step first_step + n_done had a loss that is not finite; it was not applied
};

// Forward evaluation of n rows of the data: the chosen ones, or the first n.
struct Evaluate {
  const Spec* spec;
  const Data* data;
  const void* parameters;
  int32_t panels;             // 1: the parameters lie in panels
  void* workspace;            // workspace_bytes(spec, 32, …)
  const uint32_t* chosen;     // (n,), or null
  uint64_t n;
  int32_t before_activation;  // 1: the last weighted sums instead of the outputs
  void* outputs;              // (n, n_out), rows joined
};

// Gradient of the mean loss over chosen rows, each counted with its weight.
struct Gradient {
  const Spec* spec;
  const Data* data;
  const void* parameters;     // in panels
  void* workspace;            // workspace_bytes(spec, n_chosen, …)
  const uint32_t* chosen;     // (n_chosen,)
  uint64_t n_chosen;
  void* gradient;             // n_numbers in panels; overwritten
};

}  // namespace tongtou

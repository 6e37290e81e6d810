// The browser's side of the kernel: plain functions over one linear memory, no arithmetic, no imports.
//
// Memory is taken with take() and never given back one by one: mark() and release() free all that was taken
// since. Pointers are addresses in the module's memory; numbers are float32.
#include "kernel.h"
#include "philox.h"

using namespace tongtou;

extern "C" unsigned char __heap_base;

namespace {

uintptr_t top = 0;

struct Run {
  Advance call;
  Rule rule;
  Disturbance disturbance;
  void* parameters;  // the host's, row by row
};

const Kernel& kernel() { return *tongtou_kernel_wasm(); }

}  // namespace

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

// Zeroed bytes on a 64-byte boundary; 0 when the machine has no more.
EXPORT(take) void* take(uint32_t n_bytes) {
  if (!top) top = ((uintptr_t)&__heap_base + 63) / 64 * 64;
  const uintptr_t end = (top + n_bytes + 63) / 64 * 64;
  const uintptr_t have = __builtin_wasm_memory_size(0) * 65536;
  if (end < top) return nullptr;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) / 65536) == (size_t)-1) return nullptr;
  uint8_t* p = (uint8_t*)top;
  for (uintptr_t i = 0; i < end - top; ++i) p[i] = 0;
  top = end;
  return p;
}
EXPORT(mark) uintptr_t mark() { take(0); return top; }
EXPORT(release) void release(uintptr_t marked) { top = marked; }

EXPORT(network) Spec* network(int32_t n_layers, int32_t loss, double loss_parameter, double input_scale) {
  if (n_layers < 1 || n_layers > kMaxLayers) return nullptr;
  Spec* spec = (Spec*)take(sizeof(Spec));
  if (!spec) return nullptr;
  spec->n_layers = n_layers;
  spec->loss = loss;
  spec->loss_parameter = loss_parameter;
  spec->input_scale = input_scale;
  return spec;
}
// Layers are described in their order; returns how many numbers the parameters have so far.
EXPORT(layer) uint32_t layer(Spec* spec, int32_t l, int32_t n_in, int32_t n_out, int32_t activation, double parameter) {
  const int32_t stride = (n_out + 15) / 16 * 16;
  spec->layers[l] = {n_in, n_out, stride, activation, parameter, spec->n_numbers};
  spec->n_numbers += (uint64_t)(n_in + 1) * stride;
  return (uint32_t)spec->n_numbers;
}

// Pixels (n, n_in) of 8 bits, packed once; labels (n,) int32 or 0.
EXPORT(pixels) Data* pixels(const uint8_t* X, uint32_t n, uint32_t n_in, const int32_t* labels) {
  Data* data = (Data*)take(sizeof(Data));
  PackedRow* rows = (PackedRow*)take(n * sizeof(PackedRow));
  if (!data || !rows) return nullptr;
  const uint64_t n_bytes = kernel().plan_packing(X, n, n_in, rows);
  uint8_t* bytes = (uint8_t*)take((uint32_t)n_bytes + 512);
  if (!bytes) return nullptr;
  kernel().pack(X, n, n_in, rows, bytes);
  data->n = n;
  data->form = kPacked;
  data->rows = rows;
  data->bytes = bytes;
  data->labels = labels;
  return data;
}
// A set that grows: room for `capacity` examples, none there yet; labels (capacity,) int32 or 0, filled in by the caller.
EXPORT(growing) Data* growing(uint32_t capacity, const int32_t* labels) {
  Data* data = (Data*)take(sizeof(Data));
  PackedRow* rows = (PackedRow*)take(capacity * sizeof(PackedRow));
  if (!data || !rows) return nullptr;
  data->form = kPacked;
  data->rows = rows;
  data->bytes = (const uint8_t*)rows;  // groups of 48 bytes are counted from here, wherever they lie behind it
  data->labels = labels;
  return data;
}
// n pictures more. X must be what was taken last: it is packed, and the packed bytes take its place.
EXPORT(append) int32_t append(Data* data, const uint8_t* X, uint32_t n, uint32_t n_in) {
  PackedRow* rows = (PackedRow*)data->rows + data->n;
  const uint32_t n_bytes = (uint32_t)kernel().plan_packing(X, n, n_in, rows);
  uint8_t* packed = (uint8_t*)take(n_bytes + 1024);
  if (!packed) return 0;
  kernel().pack(X, n, n_in, rows, packed);
  const uint32_t first = (uint32_t)((X - data->bytes + 47) / 48);
  uint8_t* place = (uint8_t*)data->bytes + 48 * first;
  __builtin_memmove(place, packed, n_bytes);
  for (uint32_t i = 0; i < n; ++i) rows[i].first_group += first;
  data->n += n;
  top = ((uintptr_t)place + n_bytes + 512 + 63) / 64 * 64;
  return 1;
}
EXPORT(dense) Data* dense(const void* X, uint32_t n, const int32_t* labels, const void* targets) {
  Data* data = (Data*)take(sizeof(Data));
  if (!data) return nullptr;
  data->n = n;
  data->form = kDense;
  data->dense = X;
  data->labels = labels;
  data->targets = targets;
  return data;
}

// How a gradient becomes a step; see spec.h. 0 leaves a thing out.
EXPORT(rule) Rule* rule(int32_t kind, int32_t flags, double beta1, double beta2, double epsilon, double momentum, double clip_value,
                        double clip_norm, double l1, double l2) {
  Rule* r = (Rule*)take(sizeof(Rule));
  if (r) *r = {kind, flags, beta1, beta2, epsilon, momentum, clip_value, clip_norm, l1, l2, 0, 1};
  return r;
}
// drop: shares of 65536 for the input and each hidden layer. Angles in radians; height 0: pictures stay as they are.
EXPORT(disturbance) Disturbance* disturbance(const uint32_t* drop, uint32_t n_drop, double noise, double smoothing, double offset, double shift,
                                             double rotation, double scale, double shear, int32_t height, int32_t width, int32_t channels) {
  Disturbance* d = (Disturbance*)take(sizeof(Disturbance));
  if (!d || n_drop > (uint32_t)kMaxLayers) return nullptr;
  for (uint32_t l = 0; l < n_drop; ++l) d->drop[l] = drop[l];
  d->noise = noise;
  d->smoothing = smoothing;
  d->offset = offset;
  d->shift = shift;
  d->rotation = rotation;
  d->scale = scale;
  d->shear = shear;
  d->height = height;
  d->width = width;
  d->channels = channels;
  return d;
}

// A run over the first n_rows examples, or those in `chosen` when it is not 0; a rule or disturbance of 0: plain
// gradient descent, examples as they are.
EXPORT(run) Run* run(const Spec* spec, const Data* data, void* parameters, const uint32_t* chosen, uint32_t n_rows, uint32_t batch_size,
                     uint32_t seed_low, uint32_t seed_high, int32_t shuffle, const Rule* rule, const Disturbance* change) {
  Run* r = (Run*)take(sizeof(Run));
  if (!r || !n_rows || !batch_size) return nullptr;
  if (rule) r->rule = *rule;
  if (change) r->disturbance = *change;
  r->parameters = parameters;
  Advance& call = r->call;
  call.spec = spec;
  call.data = data;
  call.rule = &r->rule;
  call.disturbance = &r->disturbance;
  call.chosen = chosen;
  call.n_chosen = n_rows;
  call.batch_size = batch_size < n_rows ? batch_size : n_rows;
  call.seed = (uint64_t)seed_high << 32 | seed_low;
  call.shuffle = shuffle;
  call.n_threads = 1;
  call.workspace = take((uint32_t)kernel().workspace_bytes(spec, kFloat, call.batch_size, data->form, call.rule, call.disturbance));
  call.order = (uint32_t*)take(n_rows * sizeof(uint32_t));
  call.order_epoch = (uint64_t*)take(sizeof(uint64_t));
  const uint32_t n_bytes = (uint32_t)spec->n_numbers * 4;
  call.parameters = take(n_bytes);
  if (r->rule.kind != kPlain)
    for (void*& slot : call.slots) if (!(slot = take(n_bytes))) return nullptr;
  return call.workspace && call.order && call.order_epoch && call.parameters ? r : nullptr;
}
// Steps made; fewer than asked for when the next step's loss was not finite. rates (n_steps, 4), step_numbers (4, n_steps):
// loss, penalty, gradient norm, sum of weights; double. step_correct: (n_steps,) uint32.
EXPORT(advance) uint32_t advance(Run* r, double first_step, uint32_t n_steps, const Rates* rates, double* step_numbers, uint32_t* step_correct) {
  Advance& call = r->call;
  call.first_step = (uint64_t)first_step;
  call.n_steps = n_steps;
  call.rates = rates;
  call.step_loss = step_numbers;
  call.step_penalty = step_numbers + n_steps;
  call.step_norm = step_numbers + 2 * n_steps;
  call.step_weight = step_numbers + 3 * n_steps;
  call.step_correct = step_correct;
  call.n_done = 0;
  call.diverged = 0;
  kernel().arrange(call.spec, kFloat, r->parameters, call.parameters, 1);
  kernel().advance(&call, kFloat, 0);
  kernel().arrange(call.spec, kFloat, call.parameters, r->parameters, 0);
  return (uint32_t)call.n_done;
}

// What random draws count epochs and steps from, for a run that goes on from another one's end.
EXPORT(offsets) void offsets(Run* r, double epochs, double steps) {
  r->call.epoch_offset = (uint64_t)epochs;
  r->call.step_offset = (uint64_t)steps;
}
// What the rule remembers, like the parameters but in the kernel's own order (spec.h); 0 where it needs none.
EXPORT(slot) void* slot(Run* r, int32_t which) { return r->call.slots[which]; }

// Gradient of the mean loss over the chosen rows, laid out as the parameters are; returns the loss.
EXPORT(gradient) double gradient(const Spec* spec, const Data* data, const void* parameters, const uint32_t* chosen, uint32_t n,
                                 void* out) {
  const uintptr_t here = mark();
  const uint32_t n_bytes = (uint32_t)spec->n_numbers * 4;
  void* workspace = take((uint32_t)kernel().workspace_bytes(spec, kFloat, n, data->form, nullptr, nullptr));
  void* panels = take(n_bytes);
  void* found = take(n_bytes);
  if (!workspace || !panels || !found) return -1;
  kernel().arrange(spec, kFloat, parameters, panels, 1);
  const Gradient call{spec, data, panels, workspace, chosen, n, found};
  const double loss = kernel().gradient(&call, kFloat);
  kernel().arrange(spec, kFloat, found, out, 0);
  release(here);
  return loss;
}

// Outputs (n, n_out) of the first n examples, or of those in `chosen`.
EXPORT(evaluate) int32_t evaluate(const Spec* spec, const Data* data, const void* parameters, const uint32_t* chosen, uint32_t n,
                                  int32_t before_activation, void* outputs) {
  const uintptr_t here = mark();
  void* workspace = take((uint32_t)kernel().workspace_bytes(spec, kFloat, 32, data->form, nullptr, nullptr));
  if (!workspace) return 0;
  const Evaluate call{spec, data, parameters, 0, workspace, chosen, n, before_activation, outputs};
  kernel().evaluate(&call, kFloat);
  release(here);
  return 1;
}

// Words of a random stream: see philox.h.
EXPORT(random_words) void random_words(uint32_t seed_low, uint32_t seed_high, uint32_t purpose, uint32_t epoch, uint32_t step, uint32_t n, uint32_t* out) {
  for (uint32_t i = 0; i < n; ++i)
    out[i] = draw((uint64_t)seed_high << 32 | seed_low, purpose, epoch, step, i / 4).w[i % 4];
}
EXPORT(order) void order(uint32_t seed_low, uint32_t seed_high, uint32_t purpose, uint32_t epoch, uint32_t n, uint32_t* out) {
  for (uint32_t i = 0; i < n; ++i) out[i] = i;
  shuffle(out, n, (uint64_t)seed_high << 32 | seed_low, purpose, epoch);
}

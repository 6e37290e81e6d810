// The lab's engine under Node, the same modules that the worker runs: time of an epoch of MNIST, of an evaluation, of
// the search for a stroke, of a forward pass with its explanation. Prints one JSON object.
//   node benchmarks/lab_engine.mjs [EPOCHS]        (after: python kernel/build_wasm.py lab/generated/kernel.wasm)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const lab = fileURLToPath(new URL("../lab/", import.meta.url));
const data = fileURLToPath(new URL("../src/tongtou/datasets/mnist_data/", import.meta.url));
const epochs = Number(process.argv[2] ?? 10);

const { createServer } = await import(pathToFileURL(createRequire(lab).resolve("vite")));
const server = await createServer({ root: lab, logLevel: "error", server: { middlewareMode: true, ws: false }, appType: "custom" });
const load = (path) => server.ssrLoadModule(`/src/${path}.ts`);
const [{ Kernel }, { Run }, { searchStroke }, { LESSON, MODERN }, { forward }, { why }, { initialModel }] = await Promise.all(
  ["engine/worker/kernel", "engine/worker/run", "engine/worker/strokes", "core/settings", "core/forward", "core/why", "core/initial"].map(load),
);

const idx = (name, header) => new Uint8Array(gunzipSync(readFileSync(`${data}${name}-ubyte.gz`)).subarray(header));
const [X, y] = [idx("train-images-idx3", 16), idx("train-labels-idx1", 8)];
const [testX, testY] = [idx("t10k-images-idx3", 16), idx("t10k-labels-idx1", 8)];
const module = new WebAssembly.Module(readFileSync(`${lab}generated/kernel.wasm`));

const timed = (times, work) => {
  const taken = Array.from({ length: times }, () => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  }).sort((a, b) => a - b);
  const round = (ms) => Number(ms.toFixed(3));
  return { least_ms: round(taken[0]), median_ms: round(taken[times >> 1]), most_ms: round(taken[times - 1]), times };
};

function training(settings) {
  const kernel = new Kernel(module);
  const labels = kernel.put(Int32Array.from(y));
  const address = kernel.x.growing(60000, labels);
  for (let first = 0; first < 60000; first += 10000)
    kernel.x.append(address, kernel.put(X.subarray(first * 784, (first + 10000) * 784)), 10000, 784);
  const run = new Run(kernel, () => address, settings);
  run.settle();
  const steps = Math.ceil(60000 / settings.batchSize);
  run.advance(steps, () => {}); // the engine compiles its hot loops meanwhile
  const epoch = timed(epochs, () => run.advance(steps, () => {}));
  const model = run.model();
  const test = kernel.x.pixels(kernel.put(testX), 10000, 784, 0);
  const { spec, parameters } = kernel.network(model);
  let outputs;
  const evaluation = timed(10, () => (outputs = kernel.evaluate(spec, test, parameters, 10000)));
  let right = 0;
  for (let i = 0; i < 10000; ++i) {
    const row = outputs.subarray(10 * i, 10 * i + 10);
    if (row.indexOf(Math.max(...row)) === testY[i]) ++right;
  }
  return { model, result: { epoch, evaluation_of_10000: evaluation, test_accuracy: right / 10000, epochs: epochs + 1 } };
}

const lesson = training(LESSON);
const modern = training(MODERN);
const aside = new Kernel(module);
const pixels = testX.slice(115 * 784, 116 * 784);
searchStroke(aside, lesson.model, pixels, null);
const stroke = timed(10, () => searchStroke(aside, lesson.model, pixels, null));
const explanation = timed(200, () => why(lesson.model, forward(lesson.model, pixels)));
const initial = timed(20, () => initialModel(LESSON));
console.log(
  JSON.stringify(
    {
      machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version, v8: process.versions.v8 },
      network: LESSON.sizes.join("-"),
      batch_size: LESSON.batchSize,
      lesson_sgd: lesson.result,
      relu_softmax_adam: modern.result,
      stroke_search: stroke,
      forward_and_why: explanation,
      random_start: initial,
    },
    null,
    1,
  ),
);
await server.close();

// Trains the digit network in kernel.wasm and prints one JSON line.
// node run_wasm.mjs kernel.wasm X.bin labels.bin parameters.bin '{"sizes": …}' out.bin
import { readFileSync, writeFileSync } from "node:fs";

const [wasmPath, xPath, labelsPath, parametersPath, settings, outPath] = process.argv.slice(2);
const { sizes, activations, loss, n, batchSize, epochs, eta, seed, shuffle, rule, drop, change, corrections } = JSON.parse(settings);
const module = new WebAssembly.Module(readFileSync(wasmPath));
const imports = WebAssembly.Module.imports(module);
if (imports.length) throw new Error(`the kernel must import nothing; it imports ${JSON.stringify(imports)}`);
const k = new WebAssembly.Instance(module, {}).exports;

// An address of at least n bytes that holds a copy of them. Views die when memory grows: make them late.
const put = (bytes) => {
  const p = k.take(bytes.length);
  if (!p) throw new Error("no memory");
  new Uint8Array(k.memory.buffer, p, bytes.length).set(bytes);
  return p;
};

const nLayers = sizes.length - 1;
const spec = k.network(nLayers, loss, 0, 1 / 255);
let nNumbers = 0;
for (let l = 0; l < nLayers; ++l) nNumbers = k.layer(spec, l, sizes[l], sizes[l + 1], activations[l], 0);
const parameters = put(readFileSync(parametersPath));
const data = k.pixels(put(readFileSync(xPath)), n, sizes[0], put(readFileSync(labelsPath)));
const kRule = rule ? k.rule(...rule) : 0;
const shares = k.take(4 * 64);
if (drop) new Uint32Array(k.memory.buffer, shares, drop.length).set(drop);
const kChange = change ? k.disturbance(shares, drop.length, ...change) : 0;
const run = k.run(spec, data, parameters, 0, n, batchSize, seed, 0, shuffle, kRule, kChange);
const steps = Math.ceil(n / batchSize);
const rates = k.take(32 * steps), numbers = k.take(32 * steps), correct = k.take(4 * steps);
// learning rate, two corrections and decay of each step
const setRates = (first) => {
  const view = new Float64Array(k.memory.buffer, rates, 4 * steps);
  for (let i = 0; i < steps; ++i) view.set([eta, ...(corrections ? corrections[first + i] : [1, 1]), 1], 4 * i);
};

const epochLosses = [], epochCorrect = [], seconds = [];
for (let epoch = 0; epoch < epochs; ++epoch) {
  const started = performance.now();
  setRates(epoch * steps);
  const done = k.advance(run, epoch * steps, steps, rates, numbers, correct);
  seconds.push((performance.now() - started) / 1000);
  if (done !== steps) throw new Error(`only ${done} of ${steps} steps`);
  epochLosses.push(new Float64Array(k.memory.buffer, numbers, steps).reduce((a, b) => a + b, 0) / n);
  epochCorrect.push(new Uint32Array(k.memory.buffer, correct, steps).reduce((a, b) => a + b, 0) / n);
}
const nOut = sizes[nLayers];
const outputs = k.take(4 * 100 * nOut);
k.evaluate(spec, data, parameters, 0, 100, 0, outputs);
const order = k.take(4 * 10);
k.order(seed, 0, 2, 3, 10, order);
writeFileSync(outPath, new Uint8Array(k.memory.buffer, parameters, 4 * nNumbers));
console.log(JSON.stringify({
  losses: epochLosses, accuracy: epochCorrect, seconds, nNumbers,
  order: [...new Uint32Array(k.memory.buffer, order, 10)],
  outputs: [...new Float32Array(k.memory.buffer, outputs, 100 * nOut)],
}));

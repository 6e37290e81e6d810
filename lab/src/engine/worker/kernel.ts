// kernel.wasm with types: one linear memory, addresses as numbers. Memory is a stack (mark, take, release); views die
// when it grows, so they are made late and never kept.

import type { ActivationName, Layer, LossName, Model } from "../protocol";

type Address = number;

interface Exports {
  memory: WebAssembly.Memory;
  take(nBytes: number): Address;
  mark(): Address;
  release(mark: Address): void;
  network(nLayers: number, loss: number, parameter: number, inputScale: number): Address;
  layer(s: Address, l: number, nIn: number, nOut: number, f: number, parameter: number): number;
  pixels(X: Address, n: number, nIn: number, labels: Address): Address;
  growing(capacity: number, labels: Address): Address;
  append(data: Address, X: Address, n: number, nIn: number): number;
  rule(
    kind: number,
    flags: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    momentum: number,
    clipValue: number,
    clipNorm: number,
    l1: number,
    l2: number,
  ): Address;
  disturbance(
    drop: Address,
    nDrop: number,
    noise: number,
    smoothing: number,
    offset: number,
    shift: number,
    rotation: number,
    scale: number,
    shear: number,
    height: number,
    width: number,
    channels: number,
  ): Address;
  run(
    spec: Address,
    data: Address,
    parameters: Address,
    chosen: Address,
    nRows: number,
    batchSize: number,
    seedLow: number,
    seedHigh: number,
    shuffle: number,
    rule: Address,
    disturbance: Address,
  ): Address;
  offsets(run: Address, epochs: number, steps: number): void;
  slot(run: Address, which: number): Address;
  advance(
    run: Address,
    first: number,
    n: number,
    rates: Address,
    numbers: Address,
    hits: Address,
  ): number;
  evaluate(
    spec: Address,
    data: Address,
    parameters: Address,
    chosen: Address,
    n: number,
    beforeActivation: number,
    out: Address,
  ): number;
  gradient(
    spec: Address,
    data: Address,
    parameters: Address,
    chosen: Address,
    n: number,
    out: Address,
  ): number;
  order(
    seedLow: number,
    seedHigh: number,
    purpose: number,
    epoch: number,
    n: number,
    out: Address,
  ): void;
}

export const ACTIVATION_CODES: Record<ActivationName, number> = {
  linear: 0,
  step: 1,
  sigmoid: 2,
  tanh: 3,
  relu: 4,
  leaky_relu: 5,
  gelu: 6,
  softmax: 7,
  exp: 8,
};
export const LOSS_CODES: Record<LossName, number> = {
  sse: 0,
  mse: 1,
  cross_entropy: 2,
  half_sse: 3,
  huber: 4,
  poisson: 5,
  binary_cross_entropy: 6,
};

export class OutOfMemory extends Error {}

/** The form of a network in the kernel's memory. */
export interface Spec {
  address: Address;
  nNumbers: number; // of the kernel's layout, padding included
  layers: { nIn: number; nOut: number; stride: number; offset: number }[];
}

type Form = Pick<Layer, "nIn" | "nOut" | "activation" | "parameter">[];

export class Kernel {
  readonly x: Exports;

  constructor(module: WebAssembly.Module) {
    this.x = new WebAssembly.Instance(module, {}).exports as unknown as Exports;
  }

  /** Zeroed memory. */
  take(nBytes: number): Address {
    const found = this.x.take(nBytes) >>> 0;
    if (!found) throw new OutOfMemory(`no room for ${nBytes} bytes`);
    return found;
  }

  /** Runs what takes memory, and gives all of it back. */
  within<T>(work: () => T): T {
    const mark = this.x.mark();
    try {
      return work();
    } finally {
      this.x.release(mark);
    }
  }

  bytes(at: Address, n: number): Uint8Array {
    return new Uint8Array(this.x.memory.buffer, at, n);
  }
  floats(at: Address, n: number): Float32Array {
    return new Float32Array(this.x.memory.buffer, at, n);
  }
  doubles(at: Address, n: number): Float64Array {
    return new Float64Array(this.x.memory.buffer, at, n);
  }
  counts(at: Address, n: number): Uint32Array {
    return new Uint32Array(this.x.memory.buffer, at, n);
  }

  put(values: Uint8Array | Uint32Array | Int32Array | Float32Array): Address {
    const at = this.take(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  // ---------------------------------------------------------------- networks

  spec(layers: Form, loss: LossName, lossParameter: number): Spec {
    const address = this.x.network(layers.length, LOSS_CODES[loss], lossParameter, 1 / 255);
    if (!address) throw new OutOfMemory("no room for a network");
    const spec: Spec = { address, nNumbers: 0, layers: [] };
    layers.forEach(({ nIn, nOut, activation, parameter }, l) => {
      const stride = Math.ceil(nOut / 16) * 16;
      spec.layers.push({ nIn, nOut, stride, offset: spec.nNumbers });
      const code = ACTIVATION_CODES[activation];
      spec.nNumbers = this.x.layer(address, l, nIn, nOut, code, parameter);
    });
    return spec;
  }

  /** A network with its parameters: taken in this order. */
  network(model: Model): { spec: Spec; parameters: Address } {
    const spec = this.spec(model.layers, model.loss, model.lossParameter);
    const parameters = this.take(4 * spec.nNumbers);
    this.floats(parameters, spec.nNumbers).set(toRows(spec, model));
    return { spec, parameters };
  }

  /** Outputs (n, n_out), a copy; chosen rows, or the first n. */
  evaluate(
    spec: Spec,
    data: Address,
    parameters: Address,
    n: number,
    chosen: Address = 0,
    beforeActivation = false,
  ): Float32Array {
    return this.within(() => {
      const nOut = spec.layers[spec.layers.length - 1].nOut;
      const out = this.take(4 * n * nOut);
      const before = beforeActivation ? 1 : 0;
      if (!this.x.evaluate(spec.address, data, parameters, chosen, n, before, out))
        throw new OutOfMemory("no room to evaluate");
      return this.floats(out, n * nOut).slice();
    });
  }
}

/** Parameters in the kernel's rows: row i < n_in holds the weights that leave input i, the last row the biases. */
export function toRows(spec: Spec, model: { layers: Pick<Layer, "W" | "b">[] }): Float32Array {
  const out = new Float32Array(spec.nNumbers);
  spec.layers.forEach(({ nIn, nOut, stride, offset }, l) => {
    const { W, b } = model.layers[l];
    for (let j = 0; j < nOut; ++j)
      for (let i = 0, at = offset + j; i < nIn; ++i, at += stride) out[at] = W[j * nIn + i];
    out.set(b, offset + nIn * stride);
  });
  return out;
}

/** W, b, W, b, … of the kernel's rows. */
export function fromRows(spec: Spec, rows: Float32Array): Float32Array[] {
  return spec.layers.flatMap(({ nIn, nOut, stride, offset }) => {
    const W = new Float32Array(nIn * nOut);
    for (let j = 0; j < nOut; ++j)
      for (let i = 0, at = offset + j; i < nIn; ++i, at += stride) W[j * nIn + i] = rows[at];
    const last = offset + nIn * stride;
    return [W, rows.slice(last, last + nOut)];
  });
}

// What several tests need: the compiled kernel, the digits of the Python package, the golden numbers.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { Kernel } from "../src/engine/worker/kernel";
import type { Model } from "../src/engine/protocol";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const golden = JSON.parse(readFileSync(at("golden/python.json"), "utf8"));

export function kernelModule(): WebAssembly.Module {
  const path = at("../generated/kernel.wasm");
  if (!existsSync(path))
    throw new Error(`${path} is missing: python kernel/build_wasm.py lab/generated/kernel.wasm`);
  return new WebAssembly.Module(readFileSync(path));
}
export const newKernel = (): Kernel => new Kernel(kernelModule());

function idx(name: string, headerBytes: number): Uint8Array {
  const path = at(`../../src/tongtou/datasets/mnist_data/${name}-ubyte.gz`);
  return new Uint8Array(gunzipSync(readFileSync(path)).subarray(headerBytes));
}
const kept = new Map<string, Uint8Array>();
const once = (key: string, make: () => Uint8Array): Uint8Array => {
  const found = kept.get(key) ?? make();
  kept.set(key, found);
  return found;
};
const FILES = { train: "train", test: "t10k" };
export const images = (set: "train" | "test"): Uint8Array =>
  once(`${set}x`, () => idx(`${FILES[set]}-images-idx3`, 16));
export const labels = (set: "train" | "test"): Uint8Array =>
  once(`${set}y`, () => idx(`${FILES[set]}-labels-idx1`, 8));
export const digit = (set: "train" | "test", i: number): Uint8Array =>
  images(set).slice(i * 784, (i + 1) * 784);

/** The first n training digits in a kernel's memory, as the worker keeps them. */
export function putTraining(kernel: Kernel, n: number): number {
  const y = kernel.put(Int32Array.from(labels("train").subarray(0, n)));
  const data = kernel.x.growing(n, y);
  for (let first = 0; first < n; first += 200) {
    const more = Math.min(200, n - first);
    const X = kernel.put(images("train").slice(first * 784, (first + more) * 784));
    if (!kernel.x.append(data, X, more, 784)) throw new Error("no room");
  }
  return data;
}

export function digest(parts: ArrayBufferView[]): string {
  const hash = createHash("sha256");
  for (const one of parts) hash.update(new Uint8Array(one.buffer, one.byteOffset, one.byteLength));
  return hash.digest("hex");
}
export const digestOf = (model: Model): string => digest(model.layers.flatMap((l) => [l.W, l.b]));

/** A server of the digits, cut into slices: what the page's origin gives. */
export function server(
  nTrain: number,
  nTest: number,
  slice: number,
): (url: string) => Promise<Response> {
  const manifest: Record<string, unknown> = { fingerprint: "test" };
  const files = new Map<string, Uint8Array>();
  for (const [set, n] of [
    ["train", nTrain],
    ["test", nTest],
  ] as const) {
    const slices = [];
    for (let first = 0; first < n; first += slice) {
      const more = Math.min(slice, n - first);
      const name = `${set}-${first}`;
      files.set(`${name}-x.gz`, gzipSync(images(set).subarray(first * 784, (first + more) * 784)));
      files.set(`${name}-y.gz`, gzipSync(labels(set).subarray(first, first + more)));
      slices.push({ images: `${name}-x.gz`, labels: `${name}-y.gz`, first, n: more });
    }
    manifest[set] = { n, slices };
  }
  return async (url) => {
    const name = url.split("/").pop()!;
    if (name === "digits.json") return new Response(JSON.stringify(manifest));
    const body = files.get(name);
    return body ? new Response(body.slice()) : new Response("", { status: 404 });
  };
}

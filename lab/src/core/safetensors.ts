// Model files as Python writes and reads them: docs/file-format.md. A file is a stranger's claim until proven, so
// every length is held against the bytes there are.

import { gatesOf, gateTensors } from "./gates";
import type { ActivationName, Layer, LossName, Model } from "../engine/protocol";

const KNOWN_FORMAT = 3;
const ACTIVATIONS = "step linear sigmoid tanh relu leaky_relu gelu softmax exp".split(" ");
const LOSSES = "sse mse cross_entropy half_sse huber poisson binary_cross_entropy".split(" ");
const PIXELS = { uint8: "u/255" };

/** What a file is not. */
export class FileFormatError extends Error {}

const refuse = (expected: string): never => {
  throw new FileFormatError(`expected ${expected}`);
};

interface TensorPlace {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse(`${what} to be JSON`);
  }
  return isObject(value) ? value : refuse(`${what} to be an object`);
}

export function readModel(file: ArrayBuffer | Uint8Array): Model {
  // Node's Buffer is a Uint8Array whose slice() copies nothing: here it is a plain one.
  const bytes =
    file instanceof Uint8Array
      ? new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
      : new Uint8Array(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) refuse("a safetensors file; it has less than 8 bytes");
  const n = Number(view.getBigUint64(0, true));
  if (!(n <= Math.min(bytes.length - 8, 2 ** 24))) refuse("a header that ends within the file");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + n));
  } catch {
    refuse("a header in UTF-8");
  }
  const { __metadata__: metadata, ...tensors } = parsed(text, "the header");
  if (!isObject(metadata) || typeof metadata.tongtou !== "string")
    return refuse("a model of Tongtou: the description is missing");
  const description = metadata.tongtou;
  const about = parsed(description, "the description");
  if (typeof about.format !== "number" || about.format < 1 || about.format > KNOWN_FORMAT)
    refuse(`at most format ${KNOWN_FORMAT}; the file has ${String(about.format)}`);
  const sizes = about.sizes as number[];
  if (
    !Array.isArray(sizes) ||
    sizes.length < 2 ||
    !sizes.every((s) => Number.isInteger(s) && s > 0)
  )
    refuse("sizes to be whole numbers from 1 on");
  const activations = about.activations as { name: string; parameter?: number }[];
  if (!Array.isArray(activations) || activations.length !== sizes.length - 1)
    refuse(`${sizes.length - 1} activations`);
  const body = bytes.subarray(8 + n);
  const layers = activations.map((one, k): Layer => {
    if (!isObject(one) || !ACTIVATIONS.includes(one.name)) refuse("a known activation");
    const [nIn, nOut] = [sizes[k], sizes[k + 1]];
    return {
      nIn,
      nOut,
      activation: one.name as ActivationName,
      parameter: one.parameter ?? (one.name === "leaky_relu" ? 0.01 : 0),
      W: numbers(tensors, `layer${k + 1}.W`, [nOut, nIn], body),
      b: numbers(tensors, `layer${k + 1}.b`, [nOut], body),
    };
  });
  const loss = about.loss as string | { name: string; parameter?: number };
  const name = typeof loss === "string" ? loss : loss?.name;
  if (!LOSSES.includes(name)) refuse("a known loss");
  const classes = Array.isArray(about.classes) ? about.classes.map(String) : [];
  return {
    layers,
    loss: name as LossName,
    lossParameter:
      (typeof loss === "string" ? undefined : loss.parameter) ?? (name === "huber" ? 1 : 0),
    classes: classes.length
      ? classes
      : Array.from({ length: sizes[sizes.length - 1] }, (_, k) => `${k}`),
    gates: gatesOf(about.gates, sizes, (tensor, shape) => numbers(tensors, tensor, shape, body)),
    description,
  };
}

function numbers(tensors: Json, name: string, shape: number[], body: Uint8Array): Float32Array {
  const place = tensors[name] as TensorPlace | undefined;
  if (!isObject(place) || !Array.isArray(place.shape) || place.shape.join() !== shape.join())
    return refuse(`a tensor ${name} of shape (${shape.join(", ")})`);
  const size = { F32: 4, F64: 8 }[place.dtype as "F32"];
  if (!size) return refuse(`${name} to be F32 or F64`);
  const count = shape.reduce((product, s) => product * s, 1);
  const [begin, end] = place.data_offsets ?? [];
  if (!(begin >= 0 && end <= body.length && end - begin === count * size))
    refuse(`${name} to lie within the file`);
  const copy = body.slice(begin, end).buffer;
  const found = size === 4 ? new Float32Array(copy) : Float32Array.from(new Float64Array(copy));
  return found.every(Number.isFinite) ? found : refuse(`${name} to be finite`);
}

export interface About {
  seed?: number;
  initializer?: string;
  recipe?: Json;
  version?: string;
}

/** The bytes of a model file. A network read from a file keeps its description, history and gates included. */
export function writeModel(model: Model, about: About = {}): Uint8Array {
  const header: Record<string, unknown> = {
    __metadata__: { tongtou: model.description || describe(model, about) },
  };
  let at = 0;
  const parts: Float32Array[] = [];
  const tensors = model.layers.flatMap(
    ({ W, b, nIn, nOut }, k): [string, Float32Array, number[]][] => [
      [`layer${k + 1}.W`, W, [nOut, nIn]],
      [`layer${k + 1}.b`, b, [nOut]],
    ],
  );
  if (model.gates && model.description) tensors.push(...gateTensors(model.gates));
  for (const [name, values, shape] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.byteLength] };
    parts.push(values);
    at += values.byteLength;
  }
  let text = JSON.stringify(header);
  const length = new TextEncoder().encode(text).length;
  text += " ".repeat((8 - (length % 8)) % 8);
  const head = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + head.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  let offset = 8 + head.length;
  for (const part of parts) {
    out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    offset += part.byteLength;
  }
  return out;
}

function describe(model: Model, about: About): string {
  const sizes = [model.layers[0].nIn, ...model.layers.map((l) => l.nOut)];
  const named = (name: string, parameter: number): Json =>
    name === "leaky_relu" || name === "huber" ? { name, parameter } : { name };
  const digits = sizes[sizes.length - 1] === 10;
  return JSON.stringify({
    activations: model.layers.map((l) => named(l.activation, l.parameter)),
    classes:
      digits && model.classes.every((c, k) => c === `${k}`)
        ? model.classes.map(Number)
        : model.classes,
    dtype: "float32",
    format: 2,
    history: null,
    initializer: about.initializer ?? "auto",
    input_shape: sizes[0] === 784 ? [28, 28] : [],
    loss: named(model.loss, model.lossParameter),
    preprocessing: PIXELS,
    recipe: about.recipe ?? {},
    seed: about.seed ?? 0,
    sizes,
    tongtou: about.version ?? "lab",
  });
}

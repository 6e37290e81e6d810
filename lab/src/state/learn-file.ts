// One file holds everything: the model as safetensors that Python reads, and in its description how the run came to be.
import { readModel, writeModel } from "../core/safetensors";
import type { Model, RunFile } from "../engine/protocol";

export interface Kept {
  run: RunFile | null; // null: a model from elsewhere
  twin: RunFile | null;
  drawing: string;
  model: Model;
}

/** Adds run and drawing to the description of a model file. */
export function pack(
  model: Uint8Array,
  run: RunFile,
  twin: RunFile | null,
  drawing: string,
): Uint8Array {
  const read = readModel(model);
  const about = JSON.parse(read.description) as { recipe?: Record<string, unknown> };
  about.recipe = { ...about.recipe, lab: { ...run, twin, drawing } };
  return writeModel({ ...read, description: JSON.stringify(about) });
}

/** Throws FileFormatError where it is no model of Tongtou. */
export function unpack(bytes: ArrayBuffer | Uint8Array): Kept {
  const model = readModel(bytes);
  const about = JSON.parse(model.description) as { recipe?: { lab?: unknown } | null };
  const lab = about.recipe?.lab as (RunFile & { twin?: RunFile; drawing?: string }) | undefined;
  if (!lab || lab.format !== 1 || !Array.isArray(lab.changes))
    return { run: null, twin: null, drawing: "", model };
  const { twin = null, drawing = "", ...run } = lab;
  return { run, twin, drawing: typeof drawing === "string" ? drawing : "", model };
}

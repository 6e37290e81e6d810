// The address of the page says where the visitor is: #depth/place?key=value&… Nothing of it leaves the browser.
import type { Settings } from "../engine/protocol";

export const DEPTHS = ["see", "learn", "trust", "lessons"] as const;
export type Depth = (typeof DEPTHS)[number];

export interface Address {
  depth: Depth;
  /** A place within the depth: "rules", "edge" in See, the name of a lesson in Lessons; "" is its start. */
  place: string;
  /** The step of a lesson, from 0. */
  step: number;
  language: "en" | "zh" | null;
  theme: "paper" | "chalkboard" | null; // null: as the system has it
  print: "large" | null;
  /** Settings that differ from what a depth starts with, and the seed. */
  settings: Partial<Settings>;
  drawing: string;
}

export const HOME: Address = {
  depth: "see",
  place: "",
  step: 0,
  language: null,
  theme: null,
  print: null,
  settings: {},
  drawing: "",
};

const WORDS = ["activation", "output", "loss", "initializer", "optimizer"] as const;
const NUMBERS = [
  "seed",
  "learningRate",
  "momentum",
  "batchSize",
  "l1",
  "l2",
  "dropout",
  "augmentation",
  "nExamples",
] as const;

export function writeAddress(address: Address): string {
  const query = new URLSearchParams();
  if (address.step) query.set("step", String(address.step));
  if (address.language) query.set("lang", address.language);
  if (address.theme) query.set("theme", address.theme);
  if (address.print) query.set("print", address.print);
  const { settings } = address;
  if (settings.sizes) query.set("sizes", settings.sizes.join("-"));
  for (const name of WORDS) if (settings[name] !== undefined) query.set(name, settings[name]);
  for (const name of NUMBERS)
    if (settings[name] !== undefined) query.set(name, String(settings[name]));
  if (address.drawing) query.set("draw", address.drawing);
  const path = address.place ? `${address.depth}/${address.place}` : address.depth;
  const text = query.toString();
  return `#${path}${text ? `?${text}` : ""}`;
}

/** What does not make sense is left out, never refused: an old or cut link still opens the page. */
export function readAddress(hash: string): Address {
  const [path, text = ""] = hash.replace(/^#/, "").split("?", 2);
  const [depth, place = ""] = path.split("/", 2);
  const query = new URLSearchParams(text);
  const one = <T extends string>(name: string, known: readonly T[]): T | null =>
    known.find((word) => word === query.get(name)) ?? null;
  const settings: Partial<Settings> = {};
  const sizes = query.get("sizes")?.split("-").map(Number);
  if (sizes && sizes.length > 1 && sizes.every((n) => Number.isInteger(n) && n > 0 && n < 5000))
    settings.sizes = sizes;
  for (const name of WORDS) {
    const word = query.get(name);
    if (word && /^[a-z_]{1,20}$/.test(word)) Object.assign(settings, { [name]: word });
  }
  for (const name of NUMBERS) {
    const word = query.get(name);
    if (word !== null && word !== "" && Number.isFinite(Number(word)))
      settings[name] = Number(word);
  }
  const step = Number(query.get("step"));
  return {
    depth: DEPTHS.find((word) => word === depth) ?? "see",
    place: /^[a-z0-9-]{0,40}$/.test(place) ? place : "",
    step: Number.isInteger(step) && step > 0 && step < 100 ? step : 0,
    language: one("lang", ["en", "zh"]),
    theme: one("theme", ["paper", "chalkboard"]),
    print: one("print", ["large"]),
    settings,
    drawing: query.get("draw") ?? "",
  };
}

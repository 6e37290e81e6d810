// The twelve lessons in their order.
import rules from "./01-rules.json";
import neuron from "./02-neuron.json";
import layers from "./03-layers.json";
import weights from "./04-weights.json";
import matrix from "./05-matrix.json";
import hidden from "./06-hidden.json";
import descent from "./07-descent.json";
import backward from "./08-backward.json";
import depth from "./09-depth.json";
import overfitting from "./10-overfitting.json";
import trust from "./11-trust.json";
import letter from "./12-letter.json";
import type { Lesson } from "./types";

export const LESSONS = [
  rules,
  neuron,
  layers,
  weights,
  matrix,
  hidden,
  descent,
  backward,
  depth,
  overfitting,
  trust,
  letter,
] as unknown as Lesson[];

/** A lesson by its place in the address, a number from 1 or a name; -1 where there is none. */
export function lessonAt(place: string): number {
  const number = Number(place);
  if (Number.isInteger(number) && number >= 1 && number <= LESSONS.length) return number - 1;
  return LESSONS.findIndex(({ id }) => id === place);
}

/** The step of an address, from 1 (0 is the first as well), as an index within the lesson. */
export const stepAt = (lesson: Lesson, step: number): number =>
  Math.min(lesson.steps.length, Math.max(1, step)) - 1;

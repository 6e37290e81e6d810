// A neuron with two inputs and what is asked of it at the four corners, both inputs 0 or 1.
import { f } from "../../core/forward";
import type { ActivationName } from "../../engine/protocol";

export interface Neuron2 {
  w1: number;
  w2: number;
  b: number;
  activation: ActivationName;
}

export const sum2 = ({ w1, w2, b }: Neuron2, x1: number, x2: number): number =>
  w1 * x1 + w2 * x2 + b;
export const fires2 = (neuron: Neuron2, x1: number, x2: number): number =>
  f(neuron.activation, sum2(neuron, x1, x2));

export type Goal = "and" | "or" | "xor";
export const CORNERS: [number, number][] = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];
export const wanted = (goal: Goal, x1: number, x2: number): boolean =>
  goal === "and" ? x1 + x2 === 2 : goal === "or" ? x1 + x2 > 0 : x1 + x2 === 1;

/** How many of the four corners the neuron has right: firing is an activation of ½ and more. */
export const cornersRight = (neuron: Neuron2, goal: Goal): number =>
  CORNERS.filter(([x1, x2]) => fires2(neuron, x1, x2) >= 0.5 === wanted(goal, x1, x2)).length;

/** The most corners that any such neuron gets right: all whole weights and biases of the sliders are tried. */
export function mostCorners(goal: Goal, reach = 20): number {
  let most = 0;
  for (let w1 = -reach; w1 <= reach; ++w1)
    for (let w2 = -reach; w2 <= reach; ++w2)
      for (let b = -reach - 10; b <= reach + 10; ++b)
        most = Math.max(most, cornersRight({ w1, w2, b, activation: "step" }, goal));
  return most;
}

import { type Digit, fromStrokes } from "../src/core/digit";

/** A drawing of the golden file through the page's way to 28×28. */
export function toDigitOf(said: { strokes: [number, number][][]; width: number }): Digit | null {
  return fromStrokes(said.strokes.map((points) => ({ points, width: said.width })));
}

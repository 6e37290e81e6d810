// What every widget is given: the options of the step that shows it, and the kind of that step. A widget stays as it is
// when the next step shows the same one, so what was tried can be looked at.
import type { Kind } from "../../../lessons/types";

export interface WidgetProps {
  options: Record<string, unknown>;
  stage: Kind;
}

export const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The wall as one small picture, a pixel a knob: the parameters, or how much the loss changes with each.
import type { Model } from "../../engine/protocol";
import type { Wall } from "../../state/trust-wall";
import { paintInk, paintSigned, scaleOf, small } from "../common/paint";
import type { Palette } from "../common/palette.svelte";

export function paintWall(
  model: Model,
  { blocks, width, height }: Wall,
  gradient: Float32Array[] | null,
  colours: Palette,
): HTMLCanvasElement {
  const to = small(width, height);
  const values = new Float64Array(width * height);
  // all gradients by one scale: the point is who matters more; parameters by their layer's own
  const most = gradient ? Math.max(...gradient.map((g) => scaleOf(g, 0))) : 1;
  const scales = model.layers.map(({ W }) => (gradient ? most : scaleOf(W, 0.02)));
  for (const { layer, j, x, y, columns, nIn } of blocks) {
    const { W, b } = model.layers[layer - 1];
    const [ofW, ofB] = gradient ? gradient.slice(2 * layer - 2, 2 * layer) : [W, b];
    for (let at = 0; at <= nIn; at++) {
      const value = at === nIn ? ofB[j] : ofW[j * nIn + at];
      const place = (y + Math.floor(at / columns)) * width + x + (at % columns);
      values[place] = (gradient ? Math.abs(value) : value) / scales[layer - 1];
    }
  }
  return gradient
    ? paintInk(to, values.map(Math.sqrt), colours.ink, 1)
    : paintSigned(to, values, 1, colours);
}

// What lies over the board: the outline of a stroke that was found.
import type { StrokeFound } from "../../engine/protocol";
import { css, type Palette } from "../common/palette.svelte";

/** Where the found stroke lies, and whether it adds or takes away. */
export function outline(
  ctx: CanvasRenderingContext2D,
  found: StrokeFound,
  side: number,
  top: number,
  colours: Palette,
): void {
  const cell = side / 28;
  const [r0, c0] = found.from;
  const [r1, c1] = found.to;
  const angle = Math.atan2(r1 - r0, c1 - c0);
  const radius = (found.width / 2 + 0.9) * cell;
  const at = (r: number, c: number): [number, number] => [(c + 0.5) * cell, top + (r + 0.5) * cell];
  ctx.strokeStyle = css(found.erases ? colours.negative : colours.positive);
  ctx.lineWidth = 2.5;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.arc(...at(r1, c1), radius, angle - Math.PI / 2, angle + Math.PI / 2);
  ctx.arc(...at(r0, c0), radius, angle + Math.PI / 2, angle + (3 * Math.PI) / 2);
  ctx.closePath();
  ctx.stroke();
  ctx.setLineDash([]);
  const [x, y] = at(Math.min(r0, r1), Math.max(c0, c1));
  const [mx, my] = [Math.min(side - 14, x + radius + 12), Math.max(top + 14, y - radius - 6)];
  ctx.beginPath();
  ctx.moveTo(mx - 6, my);
  ctx.lineTo(mx + 6, my);
  if (!found.erases) {
    ctx.moveTo(mx, my - 6);
    ctx.lineTo(mx, my + 6);
  }
  ctx.lineWidth = 3;
  ctx.stroke();
}

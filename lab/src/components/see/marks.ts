// What lies over the board: the stroke that was found, so that it is seen from the last row too.
import type { StrokeFound } from "../../engine/protocol";
import { css, type Palette } from "../common/palette.svelte";

/** A word beside the stroke, and its face. */
export interface Label {
  text: string;
  family: string;
  size: number; // px
}

/** The pixels that the stroke changed, its outline, and whether it adds (+) or takes away (−). */
export function outline(
  ctx: CanvasRenderingContext2D,
  found: StrokeFound,
  before: Uint8Array,
  side: number,
  top: number,
  label: Label,
  colours: Palette,
): void {
  const cell = side / 28;
  const colour = found.erases ? colours.negative : colours.positive;
  for (let i = 0; i < before.length; i++) {
    const apart = Math.abs(found.pixels[i] - before[i]) / 255;
    if (apart < 0.02) continue;
    ctx.fillStyle = css(colour, 0.25 + 0.6 * apart);
    ctx.fillRect((i % 28) * cell, top + Math.floor(i / 28) * cell, cell, cell);
  }
  const [r0, c0] = found.from;
  const [r1, c1] = found.to;
  const angle = Math.atan2(r1 - r0, c1 - c0);
  const radius = (found.width / 2 + 0.9) * cell;
  const at = (r: number, c: number): [number, number] => [(c + 0.5) * cell, top + (r + 0.5) * cell];
  ctx.beginPath();
  ctx.arc(...at(r1, c1), radius, angle - Math.PI / 2, angle + Math.PI / 2);
  ctx.arc(...at(r0, c0), radius, angle + Math.PI / 2, angle + (3 * Math.PI) / 2);
  ctx.closePath();
  const line = Math.max(2.5, side / 120);
  ctx.lineJoin = "round";
  ctx.strokeStyle = css(colours.sheet); // a rim that parts it from ink of any strength
  ctx.lineWidth = line + 3;
  ctx.stroke();
  ctx.strokeStyle = css(colour);
  ctx.lineWidth = line;
  ctx.stroke();

  ctx.font = `700 ${label.size}px ${label.family}`;
  const text = `${found.erases ? "−" : "+"} ${label.text}`;
  const [wide, high] = [ctx.measureText(text).width + label.size, label.size * 1.6];
  const [left, y] = placeOf(found, side, top, wide, high);
  ctx.fillStyle = css(colour);
  ctx.beginPath();
  ctx.roundRect(left, y, wide, high, high / 2);
  ctx.fill();
  ctx.fillStyle = css(colours.sheet);
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, left + wide / 2, y + high / 2 + 1);
}

/** Where the word hides least ink: above the stroke, below, right or left of it. */
export function placeOf(
  { pixels, from, to, width }: StrokeFound,
  side: number,
  top: number,
  wide: number,
  high: number,
): [number, number] {
  const cell = side / 28;
  const middle = [0, 1].map((k) => ((from[k] + to[k]) / 2 + 0.5) * cell);
  const reach = [0, 1].map((k) => (Math.abs(to[k] - from[k]) / 2 + width / 2 + 0.9) * cell + 8);
  const places = [
    [middle[1] - wide / 2, middle[0] - reach[0] - high],
    [middle[1] - wide / 2, middle[0] + reach[0]],
    [middle[1] + reach[1], middle[0] - high / 2],
    [middle[1] - reach[1] - wide, middle[0] - high / 2],
  ].map(([x, y]) => [within(x, side - wide - 4), within(y, side - high - 4)]);
  const hidden = ([x, y]: number[]): number => {
    let sum = 0;
    for (let r = Math.floor(y / cell); r * cell < y + high; r++)
      for (let c = Math.floor(x / cell); c * cell < x + wide; c++) {
        sum += pixels[r * 28 + c] ?? 0;
        const [dr, dc] = [(r + 0.5) * cell - middle[0], (c + 0.5) * cell - middle[1]];
        if (Math.abs(dr) < reach[0] - 8 && Math.abs(dc) < reach[1] - 8) sum += 255; // the stroke itself
      }
    return sum;
  };
  const best = places.reduce((a, b) => (hidden(b) < hidden(a) ? b : a));
  return [best[0], top + best[1]];
}
const within = (value: number, most: number): number => Math.max(4, Math.min(most, value));

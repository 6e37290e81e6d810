// Pictures of 28×28 numbers on a canvas. A small picture has one pixel a number and is drawn enlarged.
import { css, type Colour, type Palette } from "./palette.svelte";

/** A canvas as sharp as the screen: drawing is in CSS pixels. Returns null where there is no room yet. */
export function sharp(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (!w || !h) return null;
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const ctx = canvas.getContext("2d");
  if (!ctx) return null;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

export interface Small {
  canvas: HTMLCanvasElement;
  ctx: CanvasRenderingContext2D;
  image: ImageData;
}

export function small(width = 28, height = 28): Small {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("canvas");
  return { canvas, ctx, image: ctx.createImageData(width, height) };
}

/** Ink by its strength: values 0 … full become alpha 0 … 1 of the colour. */
export function paintInk(
  to: Small,
  values: ArrayLike<number>,
  [r, g, b]: Colour,
  full = 255,
): HTMLCanvasElement {
  const { data } = to.image;
  const factor = 255 / full;
  for (let i = 0, k = 0; i < values.length; i++, k += 4) {
    data[k] = r;
    data[k + 1] = g;
    data[k + 2] = b;
    data[k + 3] = values[i] * factor;
  }
  to.ctx.putImageData(to.image, 0, 0);
  return to.canvas;
}

/** Signed numbers: blue above 0, orange below, stronger farther from 0; |value| ≥ scale is the full colour. */
export function paintSigned(
  to: Small,
  values: ArrayLike<number>,
  scale: number,
  { positive, negative }: Palette,
): HTMLCanvasElement {
  const { data } = to.image;
  const factor = scale > 0 ? 1 / scale : 0;
  for (let i = 0, k = 0; i < values.length; i++, k += 4) {
    const v = values[i] * factor;
    const colour = v < 0 ? negative : positive;
    data[k] = colour[0];
    data[k + 1] = colour[1];
    data[k + 2] = colour[2];
    data[k + 3] = 255 * Math.min(1, Math.abs(v)) ** 0.8;
  }
  to.ctx.putImageData(to.image, 0, 0);
  return to.canvas;
}

/** The |value| that all but the given share stay below: one extreme weight must not make the rest pale. */
export function scaleOf(values: ArrayLike<number>, share = 0.01): number {
  const sizes = Float64Array.from({ length: values.length }, (_, i) => Math.abs(values[i])).sort();
  return sizes[Math.max(0, Math.ceil(sizes.length * (1 - share)) - 1)] || 1;
}

/** Where a picture is large enough, − marks tell negative cells from positive ones without colour. */
export function markNegatives(
  ctx: CanvasRenderingContext2D,
  values: ArrayLike<number>,
  scale: number,
  x: number,
  y: number,
  side: number,
  colour: Colour,
): void {
  const cell = side / 28;
  if (cell < 3.5) return;
  ctx.fillStyle = css(colour, 0.85);
  const thick = Math.max(0.7, cell * 0.14);
  for (let i = 0; i < 784; i++)
    if (values[i] < -0.25 * scale)
      ctx.fillRect(
        x + (i % 28) * cell + cell * 0.25,
        y + Math.floor(i / 28) * cell + (cell - thick) / 2,
        cell * 0.5,
        thick,
      );
}

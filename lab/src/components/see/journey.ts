// The way from a stroke to the network's input, as a picture at any moment t of it, 0 … 1:
// ink → its box → its centre of mass → 28×28 → row by row into the column of 784.
import { findBox, type Digit } from "../../core/digit";
import { css, type Palette } from "../common/palette.svelte";

export type Rect = [x: number, y: number, width: number, height: number];

export interface Station {
  box: Rect; // in units of the board's side
  place: Rect; // where the box comes to lie
  mass: [number, number]; // of the ink as drawn, then as placed
  placedMass: [number, number];
}

export const STAGES = ["box", "mass", "move", "grid", "column"] as const;
export type Stage = (typeof STAGES)[number];
const ENDS = [0.17, 0.33, 0.5, 0.62, 1];
/** Where the way begins for 28×28 that are not sized and centred again. */
export const FROM_GRID = ENDS[2];
export const JOURNEY_MS = 1500;

export function stageAt(t: number): Stage {
  return STAGES[Math.min(4, ENDS.filter((end) => t >= end).length)];
}

/** How far each stage is at t, 0 … 1, softly begun and ended. */
function part(t: number, stage: number): number {
  const from = stage ? ENDS[stage - 1] : 0;
  return ease(Math.min(1, Math.max(0, (t - from) / (ENDS[stage] - from))));
}

const ease = (t: number): number => t * t * (3 - 2 * t);
const between = (a: number, b: number, t: number): number => a + (b - a) * t;

export function stationOf(digit: Digit): Station {
  const [left, top, right, bottom] = digit.box;
  const { width, height } = digit.board;
  const box: Rect = [left / width, top / height, (right - left) / width, (bottom - top) / height];
  const [row, column] = digit.place;
  const place: Rect = [column / 28, row / 28, digit.scaled.width / 28, digit.scaled.height / 28];
  const at = [
    (digit.mass[1] + 0.5) / digit.scaled.width,
    (digit.mass[0] + 0.5) / digit.scaled.height,
  ];
  return {
    box,
    place,
    mass: [box[0] + at[0] * box[2], box[1] + at[1] * box[3]],
    placedMass: [place[0] + at[0] * place[2], place[1] + at[1] * place[3]],
  };
}

/** Where the 28×28 picture lies on its way back to where the ink was drawn, t from 0 to 1. */
export function homeOf({ box, place }: Station, t: number): Rect {
  const [kx, ky] = [box[2] / place[2], box[3] / place[3]];
  return lerp([0, 0, 1, 1], [box[0] - place[0] * kx, box[1] - place[1] * ky, kx, ky], ease(t));
}

/** A stored digit has been sized and centred before: its stations are where it is. */
export function stationOfPixels(pixels: Uint8Array): Station | null {
  const found = findBox({ width: 28, height: 28, ink: Float32Array.from(pixels, (u) => u / 255) });
  if (!found) return null;
  const [left, top, right, bottom] = found;
  const box: Rect = [left / 28, top / 28, (right - left) / 28, (bottom - top) / 28];
  let [sum, x, y] = [0, 0, 0];
  pixels.forEach((u, i) => {
    sum += u;
    x += u * ((i % 28) + 0.5);
    y += u * (Math.floor(i / 28) + 0.5);
  });
  const mass: [number, number] = [x / sum / 28, y / sum / 28];
  return { box, place: box, mass, placedMass: mass };
}

export interface Column {
  side: number;
  top: number; // of the board within the canvas
  strip: Rect;
  /** The 28×28 picture and the same as a column of 784. */
  grid: CanvasImageSource;
  column: CanvasImageSource;
  pixels: Uint8Array;
}

export interface Scene extends Column {
  /** The ink as drawn, any size; shown smooth. */
  ink: CanvasImageSource;
  station: Station | null;
}

export function paintJourney(
  ctx: CanvasRenderingContext2D,
  scene: Scene,
  t: number,
  colours: Palette,
): void {
  const { side, top, station } = scene;
  ctx.save();
  ctx.translate(0, top);
  const moved = part(t, 2);
  const shown = part(t, 3);
  if (shown < 1) {
    ctx.globalAlpha = 1 - shown;
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    if (station) {
      const now = lerp(station.box, station.place, moved);
      const scale = [now[2] / station.box[2], now[3] / station.box[3]];
      ctx.drawImage(
        scene.ink,
        (now[0] - station.box[0] * scale[0]) * side,
        (now[1] - station.box[1] * scale[1]) * side,
        side * scale[0],
        side * scale[1],
      );
    } else ctx.drawImage(scene.ink, 0, 0, side, side);
    ctx.globalAlpha = 1;
  }
  if (shown > 0) {
    ctx.globalAlpha = shown;
    paintGrid(ctx, side, colours);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(scene.grid, 0, 0, side, side);
    ctx.globalAlpha = 1;
  }
  if (station && t < ENDS[3]) paintStation(ctx, station, t, side, colours);
  ctx.restore();
  paintPeeling(ctx, scene, part2(t), colours);
}

function part2(t: number): number {
  return Math.min(1, Math.max(0, (t - ENDS[3]) / (1 - ENDS[3])));
}

function lerp(a: Rect, b: Rect, t: number): Rect {
  return [0, 1, 2, 3].map((k) => between(a[k], b[k], t)) as unknown as Rect;
}

function paintStation(
  ctx: CanvasRenderingContext2D,
  station: Station,
  t: number,
  side: number,
  colours: Palette,
): void {
  const grown = part(t, 0);
  const found = part(t, 1);
  const moved = part(t, 2);
  const [x, y, w, h] = lerp(station.box, station.place, moved).map((v) => v * side);
  ctx.globalAlpha = 1 - part(t, 3);
  // the box grows from its corners
  ctx.strokeStyle = css(colours.accent);
  ctx.lineWidth = 2;
  ctx.setLineDash([]);
  ctx.beginPath();
  const [lx, ly] = [(w / 2) * grown, (h / 2) * grown];
  for (const [cx, cy, dx, dy] of [
    [x, y, 1, 1],
    [x + w, y, -1, 1],
    [x + w, y + h, -1, -1],
    [x, y + h, 1, -1],
  ]) {
    ctx.moveTo(cx + dx * lx, cy);
    ctx.lineTo(cx, cy);
    ctx.lineTo(cx, cy + dy * ly);
  }
  ctx.stroke();
  if (found > 0) {
    const target = (14.5 / 28) * side;
    ctx.globalAlpha *= found;
    ctx.strokeStyle = css(colours["ink-soft"], 0.6);
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(target, 0);
    ctx.lineTo(target, side);
    ctx.moveTo(0, target);
    ctx.lineTo(side, target);
    ctx.stroke();
    ctx.setLineDash([]);
    const mx = between(station.mass[0], station.placedMass[0], moved) * side;
    const my = between(station.mass[1], station.placedMass[1], moved) * side;
    ctx.fillStyle = css(colours.sheet);
    ctx.strokeStyle = css(colours.accent);
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.arc(mx, my, 5 + 10 * (1 - found), 0, 7);
    ctx.fill();
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
}

export function paintGrid(ctx: CanvasRenderingContext2D, side: number, colours: Palette): void {
  ctx.strokeStyle = css(colours.line, 0.55);
  ctx.lineWidth = 0.5;
  ctx.beginPath();
  for (let k = 1; k < 28; k++) {
    const at = (k * side) / 28;
    ctx.moveTo(at, 0);
    ctx.lineTo(at, side);
    ctx.moveTo(0, at);
    ctx.lineTo(side, at);
  }
  ctx.stroke();
}

/** Rows leave the board one after the other and stand up in the column; t = 1: the whole column. */
export function paintPeeling(
  ctx: CanvasRenderingContext2D,
  { side, top, strip, column, pixels }: Column,
  t: number,
  colours: Palette,
): void {
  const [sx, sy, sw, sh] = strip;
  ctx.imageSmoothingEnabled = false;
  if (t >= 1) {
    ctx.drawImage(column, sx, sy, sw, sh);
    return;
  }
  if (t <= 0) return;
  const cell = side / 28;
  const row = sh / 28;
  const flight = 0.35; // the share of the time one row is in the air
  const ink = css(colours.ink);
  ctx.fillStyle = ink;
  for (let r = 0; r < 28; r++) {
    const own = (t - (r / 27) * (1 - flight)) / flight;
    if (own <= 0) break;
    if (own >= 1) {
      ctx.drawImage(column, 0, r * 28, 1, 28, sx, sy + r * row, sw, row);
      continue;
    }
    const e = ease(own);
    for (let c = 0; c < 28; c++) {
      const u = pixels[r * 28 + c];
      if (!u) continue;
      ctx.globalAlpha = u / 255;
      ctx.fillRect(
        between(c * cell, sx, e),
        between(top + r * cell, sy + r * row + (c * row) / 28, e) - Math.sin(Math.PI * e) * 14,
        between(cell, sw, e),
        between(cell, row / 28 + 0.4, e),
      );
    }
    ctx.globalAlpha = 0.5;
    ctx.strokeStyle = css(colours.accent);
    ctx.lineWidth = 1;
    ctx.strokeRect(
      between(0, sx, e),
      between(top + r * cell, sy + r * row, e) - Math.sin(Math.PI * e) * 14,
      between(side, sw, e),
      between(cell, row, e),
    );
  }
  ctx.globalAlpha = 1;
}

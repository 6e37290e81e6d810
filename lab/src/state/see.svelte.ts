// Depth 1: what is on the board, what the network makes of it, and what the visitor has opened.
import { addStroke, BOARD, fromPlane, type Digit, type Plane } from "../core/digit";
import { forward, type Pass } from "../core/forward";
import { cover, drawn } from "../core/pen";
import { leading, why, type Why } from "../core/why";
import type { Model } from "../engine/protocol";
import { decodeDrawing, encodeDrawing, ERASER, PEN, snap, type Base, type Stroke } from "./drawing";
import { lab } from "./lab.svelte";
import { judge, type Verdict } from "./verdict";

/** Everything the network makes of one picture. */
export interface Look {
  model: Model;
  pixels: Uint8Array;
  pass: Pass;
  /** The two leading answers, the smaller digit first: the ends of the rope. */
  pair: [number, number];
  why: Why;
  verdict: Verdict;
}

/** One thing looked into: a neuron of layer l, 1 … L. */
export interface Opened {
  layer: number;
  j: number;
}

const NOTHING: Uint8Array = new Uint8Array(784);

class See {
  base = $state.raw<Base>({ kind: "blank" });
  basePixels = $state.raw<Uint8Array>(NOTHING);
  /** The true class, where a stored digit is on the board as it is. */
  label = $state<number | null>(null);
  strokes = $state.raw<Stroke[]>([]);
  erasing = $state(false);

  /** Strokes on a blank board are a drawing, sized and centred as MNIST does it; on 28×28 they stay where they are. */
  get inPlace(): boolean {
    return this.base.kind !== "blank";
  }
  /** The ink of a drawing; counted, for it is changed in place. */
  plane: Plane = { width: BOARD, height: BOARD, ink: new Float32Array(BOARD * BOARD) };
  inked = $state(0);
  /** Every station from the drawing to 28×28; null for what is 28×28 already. */
  digit = $state.raw<Digit | null>(null);
  pixels = $state.raw<Uint8Array>(NOTHING);
  empty = $derived(this.pixels.every((u) => u === 0));

  look = $state.raw<Look | null>(null);
  /** The pair chosen by hand, tapping a bar: "why not 7?" */
  asked = $state<number | null>(null);
  /** While a stroke is to turn one answer into another, the rope stays between these two. */
  held = $state.raw<[number, number] | null>(null);
  opened = $state.raw<Opened[]>([]);
  touched = $state(false);
  /** Counted up when the way from stroke to column is to be shown again. */
  journeys = $state(0);
  /** Counted up when the digit on the board is to be written before the visitor's eyes. */
  writings = $state(0);
  /** What of these the board has shown: coming back from elsewhere starts nothing anew. */
  shown = { journeys: 0, writings: 0 };

  /** What is opened now: the last of the way. */
  get open(): Opened | null {
    return this.opened[this.opened.length - 1] ?? null;
  }

  async begin(drawing: string): Promise<void> {
    const found = drawing ? decodeDrawing(drawing) : null;
    if (found) {
      this.touched = true;
      await this.put(found.base, found.strokes);
      this.journeys++;
      return;
    }
    const { first } = lab;
    if (!first || this.touched) return;
    this.base = { kind: "digit", set: first.set, index: first.index };
    this.basePixels = Uint8Array.from(first.pixels);
    this.label = first.label;
    this.strokes = [];
    this.writings++;
  }

  /** Another thing on the board: a stored digit, pixels of a picture, or nothing. */
  async put(base: Base, strokes: Stroke[] = []): Promise<void> {
    let pixels = NOTHING;
    let label: number | null = null;
    if (base.kind === "digit") ({ pixels, label } = await lab.engine.digit(base.set, base.index));
    if (base.kind === "pixels") pixels = base.pixels;
    this.base = base;
    this.basePixels = pixels;
    this.label = label;
    this.strokes = strokes;
    this.asked = null;
    this.redraw();
    this.keep();
  }

  /** All strokes again, from the base. */
  redraw(): void {
    this.plane.ink.fill(0);
    const pixels = this.basePixels.slice();
    for (const { points, erases } of this.strokes)
      for (let at = 0; at < points.length; at += 2) {
        const from = Math.max(0, at - 2);
        this.#ink(pixels, points[from], points[from + 1], points[at], points[at + 1], erases);
      }
    this.#settle(pixels);
  }

  startStroke(atX: number, atY: number): void {
    const [x, y] = [snap(atX), snap(atY)];
    this.touched = true;
    this.strokes = [...this.strokes, { points: [x, y], erases: this.erasing }];
    const pixels = this.inPlace ? this.pixels.slice() : NOTHING;
    this.#ink(pixels, x, y, x, y, this.erasing);
    this.#settle(pixels);
  }

  /** Goes on with the stroke through these points; those closer than a quarter of a pixel add nothing. */
  moveStroke(way: [number, number][]): void {
    const { points, erases } = this.strokes[this.strokes.length - 1];
    const pixels = this.inPlace ? this.pixels.slice() : NOTHING;
    let moved = false;
    for (const [x, y] of way.map((point) => point.map(snap))) {
      const [fromX, fromY] = points.slice(-2);
      if (Math.hypot(x - fromX, y - fromY) < 0.25 / 28) continue;
      points.push(x, y);
      this.#ink(pixels, fromX, fromY, x, y, erases);
      moved = true;
    }
    if (moved) this.#settle(pixels);
  }

  endStroke(): void {
    this.keep();
    this.journeys++;
  }

  #ink(to: Uint8Array, x0: number, y0: number, x1: number, y1: number, erases: boolean): void {
    if (this.inPlace) {
      const ink = cover([y0 * 28 - 0.5, x0 * 28 - 0.5], [y1 * 28 - 0.5, x1 * 28 - 0.5]);
      to.set(drawn(to, ink, erases));
    } else {
      const points: [number, number][] = [
        [x0 * BOARD, y0 * BOARD],
        [x1 * BOARD, y1 * BOARD],
      ];
      addStroke(this.plane, { points, width: erases ? ERASER : PEN, erases });
    }
  }

  #settle(pixels: Uint8Array): void {
    if (this.inPlace) {
      this.digit = null;
      this.pixels = pixels;
    } else {
      this.digit = fromPlane(this.plane);
      this.pixels = this.digit?.pixels ?? NOTHING;
    }
    this.inked++;
    this.think();
  }

  undo(): void {
    if (!this.strokes.length) return;
    this.strokes = this.strokes.slice(0, -1);
    this.redraw();
    this.keep();
  }

  clear(): void {
    this.touched = true;
    void this.put({ kind: "blank" });
  }

  keep(): void {
    lab.drawing = encodeDrawing({ base: this.base, strokes: this.strokes });
    lab.remember();
  }

  /** Shows these pixels for a moment (a digit being written, a stroke being played) without keeping them. */
  show(pixels: Uint8Array): void {
    this.pixels = pixels;
    this.inked++;
    this.think();
  }

  /** The network's answer to what is on the board. */
  think(): void {
    const { model } = lab;
    if (!model) return;
    const pass = forward(model, this.pixels);
    const pair = this.#pair(pass);
    this.look = {
      model,
      pixels: this.pixels,
      pass,
      pair,
      why: why(model, pass, pair[1], pair[0]),
      verdict: judge(model, pass, this.pixels),
    };
  }

  #pair(pass: Pass): [number, number] {
    if (this.held) return this.held;
    const z = pass.z[pass.z.length - 1];
    const [best, second] = leading(z);
    const other = this.asked !== null && this.asked !== best ? this.asked : second;
    return best < other ? [best, other] : [other, best];
  }

  /** "Why not 7?": the rope goes between this answer and the leading one; the same again, back to the two leading. */
  ask(digit: number): void {
    this.asked = this.asked === digit ? null : digit;
    this.think();
  }

  enter(layer: number, j: number): void {
    const last = this.open;
    if (last && last.layer === layer && last.j === j) return;
    // deeper is added to the way; the same layer or later replaces what is there
    this.opened = [...this.opened.filter((one) => one.layer > layer), { layer, j }];
  }

  back(): void {
    this.opened = this.opened.slice(0, -1);
  }
}

export const see = new See();

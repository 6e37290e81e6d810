// What is on the board, as plain data, and its short form for the address of the page.
// A drawing is a base (nothing, a stored digit, 28×28 pixels) and strokes over it, in their order.

/** Points x0, y0, x1, y1, … in units of the board's side, 0 … 1, from the top left. */
export interface Stroke {
  points: number[];
  erases: boolean;
}

export type Base =
  | { kind: "blank" }
  | { kind: "digit"; set: "train" | "test"; index: number }
  | { kind: "pixels"; pixels: Uint8Array };

export interface Drawing {
  base: Base;
  strokes: Stroke[];
}

/** Width of the pen in units of the board, core/digit.ts: what is left of it in 28×28 is as wide as in MNIST. */
export const PEN = 25;
/** Wider, so that going once more along a stroke leaves nothing of its antialiased rim. */
export const ERASER = 38;

/** Points lie on a grid, 128 steps a pixel: what the address says is what was drawn, exactly. */
export const GRID = 28 * 128; // below 2¹²: a coordinate is two letters
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const MOST_POINTS = 4000;

export function snap(coordinate: number): number {
  return Math.round(Math.min(1, Math.max(0, coordinate)) * GRID) / GRID;
}

function pair(value: number): string {
  const n = Math.min(GRID, Math.max(0, Math.round(value)));
  return LETTERS[n >> 6] + LETTERS[n & 63];
}

function unpair(text: string, at: number): number {
  const high = LETTERS.indexOf(text[at] ?? "");
  const low = LETTERS.indexOf(text[at + 1] ?? "");
  if (high < 0 || low < 0) throw new RangeError("not a drawing");
  return high * 64 + low;
}

/** "t115" a test digit, "n7" a training digit, "p…" pixels, "" nothing; then ".d…" and ".e…" for strokes. */
export function encodeDrawing(drawing: Drawing): string {
  const { base } = drawing;
  let text = "";
  if (base.kind === "digit") text = `${base.set === "test" ? "t" : "n"}${base.index}`;
  if (base.kind === "pixels") text = `p${encodePixels(base.pixels)}`;
  let left = MOST_POINTS;
  for (const stroke of drawing.strokes) {
    left -= stroke.points.length;
    if (left < 0) break;
    text += stroke.erases ? ".e" : ".d";
    for (const coordinate of stroke.points) text += pair(coordinate * GRID);
  }
  return text;
}

/** The drawing that encodeDrawing wrote, or null where the text is none. */
export function decodeDrawing(text: string): Drawing | null {
  try {
    const [head, ...rest] = text.split(".");
    let base: Base = { kind: "blank" };
    if (/^[tn]\d{1,5}$/.test(head))
      base = {
        kind: "digit",
        set: head[0] === "t" ? "test" : "train",
        index: Number(head.slice(1)),
      };
    else if (head.startsWith("p")) base = { kind: "pixels", pixels: decodePixels(head.slice(1)) };
    else if (head !== "") return null;
    if (base.kind === "digit" && base.index >= (base.set === "test" ? 10000 : 60000)) return null;
    const strokes = rest.map((part): Stroke => {
      if (!/^[de]/.test(part) || part.length % 4 !== 1 || part.length < 5)
        throw new RangeError("not a stroke");
      const points: number[] = [];
      for (let at = 1; at < part.length; at += 2) points.push(snap(unpair(part, at) / GRID));
      return { points, erases: part[0] === "e" };
    });
    return { base, strokes };
  } catch {
    return null;
  }
}

// Pixels: two letters each; a run of n zeros is "~" and two letters of n.
function encodePixels(pixels: Uint8Array): string {
  let text = "";
  for (let i = 0; i < pixels.length;) {
    let n = 0;
    while (i + n < pixels.length && pixels[i + n] === 0) n++;
    if (n > 1) {
      text += `~${pair(n)}`;
      i += n;
    } else text += pair(pixels[i++]);
  }
  return text;
}

function decodePixels(text: string): Uint8Array {
  const pixels = new Uint8Array(784);
  let i = 0;
  for (let at = 0; at < text.length;) {
    if (text[at] === "~") {
      i += unpair(text, at + 1);
      at += 3;
    } else {
      const value = unpair(text, at);
      if (value > 255 || i >= 784) throw new RangeError("not a pixel");
      pixels[i++] = value;
      at += 2;
    }
  }
  if (i !== 784) throw new RangeError("not 784 pixels");
  return pixels;
}

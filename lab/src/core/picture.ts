// A picture of one digit, pasted, dropped or from a camera, as ink on nothing.

import { BOARD, type Digit, fromPlane, type Plane, resized } from "./digit";
import { rint } from "./sums";

/** A picture (ImageData: RGBA 0 … 255) of one digit, dark on light or light on dark; null when there is no ink.
 * Simple: even paper, no ruled lines. tongtou.images.to_digit reads photos of worse paper. */
export function fromPicture(data: ArrayLike<number>, width: number, height: number): Digit | null {
  let grey: Plane = { width, height, ink: new Float32Array(width * height) };
  for (let i = 0; i < width * height; ++i) {
    const alpha = data[4 * i + 3] / 255;
    const light = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    grey.ink[i] = 1 - alpha + (alpha * light) / 255; // transparent counts as white paper
  }
  const shrink = Math.min(1, BOARD / Math.max(width, height));
  if (shrink < 1)
    grey = resized(grey, Math.max(1, rint(width * shrink)), Math.max(1, rint(height * shrink)));
  const plane = inkOf(grey);
  return plane && fromPlane(plane.ink, plane.inverted);
}

function inkOf(grey: Plane): { ink: Plane; inverted: boolean } | null {
  // Paper is what the border has; ink is what differs from it, in the direction that differs more.
  const { width, height } = grey;
  const border: number[] = [];
  for (let x = 0; x < width; ++x) border.push(grey.ink[x], grey.ink[(height - 1) * width + x]);
  for (let y = 0; y < height; ++y) border.push(grey.ink[y * width], grey.ink[(y + 1) * width - 1]);
  border.sort((a, b) => a - b);
  const paper = border[border.length >> 1];
  const away = border.map((u) => Math.abs(u - paper)).sort((a, b) => a - b);
  const noise = away[Math.floor(away.length * 0.75)];
  let [darker, lighter] = [0, 0];
  for (const u of grey.ink) {
    darker += Math.max(0, paper - u - 3 * noise) ** 2;
    lighter += Math.max(0, u - paper - 3 * noise) ** 2;
  }
  const inverted = lighter > darker;
  const apart = grey.ink.map((u) => Math.max(0, inverted ? u - paper : paper - u));
  // The ink's strength: a mean in which a little strong ink counts for more than a faint shadow.
  let [fourth, third] = [0, 0];
  for (const u of apart) {
    fourth += u ** 4;
    third += u ** 3;
  }
  const strength = third ? fourth / third : 0;
  if (strength < Math.max(0.06, 4 * noise)) return null;
  const foot = Math.min(Math.max(2 * noise, 0.1 * strength), 0.3 * strength);
  const ink = apart.map((u) => Math.min(1, Math.max(0, (u - foot) / (0.9 * strength - foot))));
  const plane = { width, height, ink };
  dropSpecks(plane);
  return { ink: plane, inverted };
}

/** Regions (diagonal neighbours included) with less than 3 % of the largest one's ink are specks. */
function dropSpecks({ width, height, ink }: Plane): void {
  const region = new Int32Array(width * height);
  const mass: number[] = [0];
  for (let start = 0; start < ink.length; ++start) {
    if (!ink[start] || region[start]) continue;
    const number = mass.length;
    mass.push(0);
    const todo = [start];
    region[start] = number;
    while (todo.length) {
      const at = todo.pop()!;
      mass[number] += ink[at];
      const [x, y] = [at % width, Math.floor(at / width)];
      for (let dy = -1; dy <= 1; ++dy)
        for (let dx = -1; dx <= 1; ++dx) {
          if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
          const next = at + dy * width + dx;
          if (ink[next] && !region[next]) {
            region[next] = number;
            todo.push(next);
          }
        }
    }
  }
  const least = 0.03 * Math.max(...mass);
  for (let i = 0; i < ink.length; ++i) if (mass[region[i]] < least) ink[i] = 0;
}

// In which order a pen would have written a stored digit: its pixels know no time, so the strokes are thinned to
// lines one pixel wide and walked along, going straight on where ways part.

const SIDE = 28;

/** Lines one pixel wide (Zhang and Suen 1984). */
export function thin(mask: Uint8Array): Uint8Array {
  const on = mask.slice();
  const around = (i: number): number[] => [
    on[i - SIDE],
    on[i - SIDE + 1],
    on[i + 1],
    on[i + SIDE + 1],
    on[i + SIDE],
    on[i + SIDE - 1],
    on[i - 1],
    on[i - SIDE - 1],
  ];
  for (let changed = true; changed;) {
    changed = false;
    for (const second of [false, true]) {
      const gone: number[] = [];
      for (let r = 1; r < SIDE - 1; r++)
        for (let c = 1; c < SIDE - 1; c++) {
          const i = r * SIDE + c;
          if (!on[i]) continue;
          const p = around(i);
          const n = p.reduce((sum, v) => sum + v, 0);
          const turns = p.filter((v, k) => !v && p[(k + 1) % 8]).length;
          if (n < 2 || n > 6 || turns !== 1) continue;
          const [up, , right, , down, , left] = p;
          if (
            second
              ? !(up && right && left) && !(up && down && left)
              : !(up && right && down) && !(right && down && left)
          )
            gone.push(i);
        }
      for (const i of gone) on[i] = 0;
      changed ||= gone.length > 0;
    }
  }
  return on;
}

/** For each pixel when the pen comes to it, 0 … 1; 2 where there is no ink. And the pen's way, pixel by pixel. */
export function penOrder(pixels: Uint8Array): { when: Float32Array; way: number[] } {
  const mask = Uint8Array.from(pixels, (u) => (u > 80 ? 1 : 0));
  // the border is left free, so that neighbours need no checks
  for (let k = 0; k < SIDE; k++)
    mask[k] = mask[756 + k] = mask[k * SIDE] = mask[k * SIDE + SIDE - 1] = 0;
  const line = thin(mask);
  const left = new Set<number>();
  line.forEach((v, i) => v && left.add(i));
  if (!left.size) pixels.forEach((u, i) => u && left.add(i));
  const near = (i: number): number[] => {
    const r = Math.floor(i / SIDE);
    const c = i % SIDE;
    const found: number[] = [];
    for (let dr = -1; dr <= 1; dr++)
      for (let dc = -1; dc <= 1; dc++) {
        const at = (r + dr) * SIDE + c + dc;
        if ((dr || dc) && c + dc >= 0 && c + dc < SIDE && left.has(at)) found.push(at);
      }
    return found;
  };
  const way: number[] = [];
  let heading: [number, number] = [0, 0];
  while (left.size) {
    const last = way[way.length - 1];
    const nexts = last === undefined ? [] : near(last);
    let next: number;
    if (nexts.length)
      next = nexts.reduce((best, i) =>
        turn(i, last, heading) < turn(best, last, heading) ? i : best,
      );
    else {
      // the pen is lifted: to an end of a line, the nearest or, at first, the uppermost
      const ends = [...left].filter((i) => near(i).length === 1);
      const from = ends.length ? ends : [...left];
      next =
        last === undefined
          ? from[0]
          : from.reduce((best, i) => (apart(i, last) < apart(best, last) ? i : best));
      heading = [0, 0];
    }
    if (last !== undefined && nexts.length) {
      const step = [
        Math.floor(next / SIDE) - Math.floor(last / SIDE),
        (next % SIDE) - (last % SIDE),
      ];
      heading = [0.6 * heading[0] + step[0], 0.6 * heading[1] + step[1]];
    }
    left.delete(next);
    way.push(next);
  }
  const when = new Float32Array(784).fill(2);
  pixels.forEach((u, i) => {
    if (!u) return;
    let best = Infinity;
    way.forEach((at, k) => {
      const d = apart(i, at);
      if (d < best) {
        best = d;
        when[i] = way.length > 1 ? k / (way.length - 1) : 0;
      }
    });
  });
  return { when, way };
}

function apart(i: number, j: number): number {
  return Math.hypot(Math.floor(i / SIDE) - Math.floor(j / SIDE), (i % SIDE) - (j % SIDE));
}

/** How far a step from `last` to `i` turns away from the heading; side steps before corners. */
function turn(i: number, last: number, heading: [number, number]): number {
  const step = [Math.floor(i / SIDE) - Math.floor(last / SIDE), (i % SIDE) - (last % SIDE)];
  const length = Math.hypot(...heading) * Math.hypot(step[0], step[1]);
  const straight = length ? (step[0] * heading[0] + step[1] * heading[1]) / length : 0;
  return -straight + 0.1 * apart(i, last);
}

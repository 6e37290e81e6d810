// Where the parts of the network's picture lie: tiles of the first layer, dots of the next, bars of the outputs.
import type { Model } from "../../engine/protocol";

export interface Part {
  layer: number; // 1 … L
  j: number;
  kind: "tile" | "dot" | "bar";
  x: number; // left top, width, height: what can be pointed at
  y: number;
  width: number;
  height: number;
  /** Where edges leave and arrive. */
  right: [number, number];
  left: [number, number];
}

export interface Layout {
  parts: Part[]; // by layer, then by number
  of(layer: number, j: number): Part;
  /** How much larger than on a laptop everything may be drawn: 1 … 1.7. */
  grown: number;
}

const MOST_TILES = 64;

/** Parts for a network of any form; more neurons than fit are drawn smaller. */
export function layoutOf(model: Model, width: number, height: number): Layout {
  const L = model.layers.length;
  const parts: Part[] = [];
  const starts: number[] = [0];
  const pictures = model.layers[0].nIn === 784;
  const grown = Math.min(1.7, Math.max(1, Math.min(height / 600, width / 520)));
  const barsWidth = Math.min(170 * grown, Math.max(116, width * 0.29));
  const barsAt = width - barsWidth;
  const n1 = L > 1 ? Math.min(MOST_TILES, model.layers[0].nOut) : 0;
  const columns = n1 <= 6 ? 1 : n1 <= 16 ? 2 : n1 <= 30 ? 3 : n1 <= 44 ? 4 : 5;
  const rows = Math.ceil(n1 / columns) || 1;
  const stagger = columns > 1;
  const tileRoom = L > 1 ? (width - barsWidth) * (L > 2 ? 0.52 : 0.68) : 0;
  const pitch = Math.min(height / (rows + (stagger ? 0.5 : 0)), tileRoom / columns);
  const tile = pictures ? pitch * 0.86 : Math.min(26, pitch * 0.7);
  const tilesHeight = pitch * (rows + (stagger ? 0.5 : 0));

  model.layers.forEach((layer, k) => {
    const l = k + 1;
    const last = l === L;
    for (let j = 0; j < layer.nOut; j++) {
      if (last) {
        const step = height / layer.nOut;
        const tall = Math.min(step, 56 * grown);
        const y = step * (j + 0.5) - tall / 2;
        parts.push(part(l, j, "bar", barsAt, y, barsWidth, tall));
      } else if (l === 1 && j < n1) {
        const column = j % columns;
        const row = Math.floor(j / columns);
        const shift = stagger && column % 2 ? pitch / 2 : 0;
        const y = (height - tilesHeight) / 2 + row * pitch + shift + (pitch - tile) / 2;
        const kind = pictures ? "tile" : "dot";
        parts.push(part(l, j, kind, column * pitch + (pitch - tile) / 2, y, tile, tile));
      } else {
        const from = pitch * columns;
        const gap = (barsAt - from) / (L - 1);
        const x = l === 1 ? from - pitch / 2 : from + gap * (l - 1) * 0.96;
        const many = layer.nOut > 48 ? Math.ceil(layer.nOut / 48) : 1;
        const step = height / Math.ceil(layer.nOut / many);
        const size = Math.max(3, Math.min(24 * grown, step * 0.74));
        const y = step * (Math.floor(j / many) + 0.5) - size / 2;
        parts.push(part(l, j, "dot", x - size / 2 + (j % many) * size * 1.2, y, size, size));
      }
    }
    starts.push(parts.length);
  });
  return { parts, of: (layer, j) => parts[starts[layer - 1] + j], grown };
}

function part(
  layer: number,
  j: number,
  kind: Part["kind"],
  x: number,
  y: number,
  width: number,
  height: number,
): Part {
  const middle = y + height / 2;
  return { layer, j, kind, x, y, width, height, left: [x, middle], right: [x + width, middle] };
}

export interface Edge {
  layer: number; // of its end
  i: number;
  j: number;
  value: number; // w · a
}

/** The strongest edges by |w·a| between the layers shown, the weakest of them first, so that the strongest lie on top. */
export function strongestEdges(
  model: Model,
  a: ArrayLike<number>[],
  n: number,
  of: { layer: number; j: number } | null = null,
): Edge[] {
  const edges: Edge[] = [];
  if (n < 1) return edges;
  // Wide networks have tens of thousands: first the size that n of them reach, then objects for these n only.
  const heap = new Float64Array(n); // the n largest sizes so far, the least of them on top
  let kept = 0;
  eachEdge(model, a, of, (value) => {
    const size = Math.abs(value);
    if (kept < n) raise(heap, kept++, size);
    else if (size > heap[0]) sink(heap, size);
  });
  const least = kept < n ? -1 : heap[0];
  let ties = n; // places for those of exactly this size
  for (let k = 0; k < kept; k++) if (heap[k] > least) ties--;
  eachEdge(model, a, of, (value, layer, i, j) => {
    const size = Math.abs(value);
    if (size > least || (size === least && ties-- > 0)) edges.push({ layer, i, j, value });
  });
  edges.sort((p, q) => Math.abs(q.value) - Math.abs(p.value));
  return edges.reverse();
}

function eachEdge(
  model: Model,
  a: ArrayLike<number>[],
  of: { layer: number; j: number } | null,
  take: (value: number, layer: number, i: number, j: number) => void,
): void {
  for (let l = 2; l <= model.layers.length; l++) {
    const { nIn, nOut, W } = model.layers[l - 1];
    const before = a[l - 1];
    const onlyTo = of?.layer === l ? of.j : -1;
    const onlyFrom = of?.layer === l - 1 ? of.j : -1;
    if (of && onlyTo < 0 && onlyFrom < 0) continue;
    for (let j = 0; j < nOut; j++)
      for (let i = 0; i < nIn; i++)
        if (!of || j === onlyTo || i === onlyFrom) take(W[j * nIn + i] * before[i], l, i, j);
  }
}

/** A new size at the end of the heap finds its place. */
function raise(heap: Float64Array, at: number, size: number): void {
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above] <= size) break;
    heap[at] = heap[above];
    at = above;
  }
  heap[at] = size;
}

/** The least gives way to a larger size. */
function sink(heap: Float64Array, size: number): void {
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && heap[below + 1] < heap[below]) below++;
    if (heap[below] >= size) break;
    heap[at] = heap[below];
    at = below;
  }
  heap[at] = size;
}

// The digits of MNIST, slice by slice: from the browser's cache, or from the page's own origin and then into it.

import type { Loading, SetName } from "../protocol";
import type { Kernel } from "./kernel";

const N = 784;
const CACHE = "tongtou-digits-";

interface Slice {
  images: string;
  labels: string;
  first: number;
  n: number;
}
interface Manifest {
  fingerprint: string;
  train: { n: number; slices: Slice[] };
  test: { n: number; slices: Slice[] };
}

export class DataError extends Error {}
export class OfflineError extends Error {}

/** Where bytes come from; tests give files instead of the network. */
export type Fetch = (url: string) => Promise<Response>;

interface Set {
  total: number;
  slices: Slice[];
  images: Uint8Array;
  labels: Uint8Array;
  there: (Promise<void> | undefined)[]; // one a slice, once it has been asked for
  arrived: boolean[];
  address: number; // in the kernel's memory
  labelsAddress: number;
  packed: number; // digits the kernel has
}

export class Digits {
  fingerprint = "";
  private sets!: Record<SetName, Set>;
  private readonly coming = new Map<string, Promise<void>>(); // files on their way into the cache

  constructor(
    private readonly kernel: Kernel,
    private readonly base: string,
    private readonly fetch: Fetch,
    private readonly tell: (loading: Loading) => void,
    /** Makes room at the end of the kernel's memory, does the work, and settles what was there again. */
    private readonly atTheEnd: (work: () => void) => void,
  ) {}

  async open(): Promise<void> {
    const response = await this.get("digits.json");
    const manifest = (await response.json()) as Manifest;
    this.fingerprint = manifest.fingerprint;
    const { kernel } = this;
    const set = (name: SetName): Set => {
      const { n, slices } = manifest[name];
      const labelsAddress = kernel.take(4 * n);
      return {
        total: n,
        slices,
        images: new Uint8Array(n * N),
        labels: new Uint8Array(n),
        there: [],
        arrived: slices.map(() => false),
        labelsAddress,
        address: kernel.x.growing(n, labelsAddress),
        packed: 0,
      };
    };
    this.sets = { train: set("train"), test: set("test") };
    void this.forgetOthers();
  }

  total(set: SetName): number {
    return this.sets[set].total;
  }
  /** Digits the kernel can use: the first ones, without a gap. */
  loaded(set: SetName): number {
    return this.sets[set].packed;
  }
  address(set: SetName): number {
    return this.sets[set].address;
  }
  images(set: SetName): Uint8Array {
    return this.sets[set].images;
  }
  labels(set: SetName): Uint8Array {
    return this.sets[set].labels;
  }

  /** Resolves when the first n digits are there. */
  async load(name: SetName, n = Infinity): Promise<void> {
    const set = this.sets[name];
    for (const [k, slice] of set.slices.entries()) if (slice.first < n) await this.slice(name, k);
  }

  /** Resolves when the slice that holds this digit is there. */
  async has(name: SetName, index: number): Promise<void> {
    const set = this.sets[name];
    if (!(Number.isInteger(index) && index >= 0 && index < set.total))
      throw new RangeError(`${name} digits are 0 … ${set.total - 1}; got ${index}`);
    const k = set.slices.findIndex((s) => index >= s.first && index < s.first + s.n);
    await this.slice(name, k);
  }

  /** Every file into the browser's cache, one after the other, the test digits first. Returns how many lie there. */
  async keep(): Promise<number> {
    const cache = await this.cache();
    if (!cache) return 0;
    let files = 0;
    for (const { slices } of [this.sets.test, this.sets.train])
      for (const { images, labels } of slices)
        for (const file of [labels, images]) {
          const response = await this.get(file);
          void response.body?.cancel().catch(() => undefined); // its copy went into the cache
          if (await cache.match(this.url(file))) files++;
        }
    return files;
  }

  private slice(name: SetName, k: number): Promise<void> {
    const set = this.sets[name];
    return (set.there[k] ??= this.bring(name, k).catch((error: unknown) => {
      set.there[k] = undefined; // the next one who asks tries again
      throw error;
    }));
  }

  private async bring(name: SetName, k: number): Promise<void> {
    const set = this.sets[name];
    const { images, labels, first, n } = set.slices[k];
    const say = (bytes: number, allBytes: number): void =>
      this.tell({ set: name, loaded: set.packed, total: set.total, bytes, allBytes });
    const [pixels, classes] = await Promise.all([
      this.inflated(images, n * N, say),
      this.inflated(labels, n),
    ]);
    set.images.set(pixels, first * N);
    set.labels.set(classes, first);
    set.arrived[k] = true;
    this.packArrived(set);
    say(0, 0);
  }

  private packArrived(set: Set): void {
    const { kernel } = this;
    for (;;) {
      const k = set.slices.findIndex((slice) => slice.first === set.packed);
      if (k < 0 || !set.arrived[k]) return;
      const { first, n } = set.slices[k];
      const labels = Int32Array.from(set.labels.subarray(first, first + n));
      this.atTheEnd(() => {
        const X = kernel.put(set.images.subarray(first * N, (first + n) * N));
        if (!kernel.x.append(set.address, X, n, N)) throw new RangeError("no room for digits");
      });
      kernel.counts(set.labelsAddress + 4 * first, n).set(labels);
      set.packed += n;
    }
  }

  // ---------------------------------------------------------------- bytes

  private async inflated(
    file: string,
    size: number,
    say?: (bytes: number, all: number) => void,
  ): Promise<Uint8Array> {
    const response = await this.get(file);
    const all = Number(response.headers.get("content-length") ?? 0);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    if (response.body) {
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value as Uint8Array<ArrayBuffer>);
        bytes += value.length;
        say?.(bytes, all);
      }
    }
    const blob = new Blob(parts);
    const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    // A host that declares the file's own gzip as an encoding of the transfer has it inflated on the way.
    const isGzip = head[0] === 0x1f && head[1] === 0x8b;
    const plain = isGzip ? blob.stream().pipeThrough(new DecompressionStream("gzip")) : blob;
    let content: Uint8Array;
    try {
      content = new Uint8Array(await new Response(plain).arrayBuffer());
    } catch {
      throw new DataError(`${file} is damaged`);
    }
    if (content.length !== size)
      throw new DataError(`${file}: expected ${size} bytes, got ${content.length}`);
    return content;
  }

  private url(file: string): string {
    return new URL(`data/${file}`, this.base).href;
  }
  private async cache(): Promise<Cache | null> {
    return this.fingerprint ? storage(CACHE + this.fingerprint) : null;
  }

  /** One file; asked for twice at a time, it is fetched once. */
  private async get(file: string): Promise<Response> {
    const cache = await this.cache();
    for (;;) {
      const kept = await cache?.match(this.url(file));
      if (kept) return kept;
      const onItsWay = this.coming.get(file);
      if (!onItsWay) break;
      await onItsWay;
    }
    const fetched = this.fetched(file, cache);
    const settled = fetched.then(
      () => undefined,
      () => undefined,
    );
    if (cache) this.coming.set(file, settled);
    void settled.then(() => this.coming.delete(file));
    return fetched;
  }

  private async fetched(file: string, cache: Cache | null): Promise<Response> {
    const url = this.url(file);
    let response: Response;
    try {
      response = await this.fetch(url);
    } catch {
      throw new OfflineError(`${url} cannot be reached`);
    }
    if (!response.ok) throw new DataError(`${url}: ${response.status}`);
    // A full disk must not keep anybody from learning.
    if (cache) await cache.put(url, response.clone()).catch(() => undefined);
    return response;
  }

  private async forgetOthers(): Promise<void> {
    if (typeof caches === "undefined") return;
    const names = await caches.keys().catch(() => [] as string[]);
    for (const name of names)
      if (name.startsWith(CACHE) && name !== CACHE + this.fingerprint) void caches.delete(name);
  }
}

/** A cache by its name; null where there is none, as on pages without a secure origin. */
async function storage(name: string): Promise<Cache | null> {
  if (typeof caches === "undefined") return null;
  return caches.open(name).catch(() => null);
}

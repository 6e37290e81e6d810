// sw.js and the engine's own cache of digits, with a browser's Cache Storage in a few lines.
import { beforeEach, describe, expect, test } from "vitest";
import type { FromWorker } from "../src/engine/protocol";
import { Engine, type Port } from "../src/engine/client";
import { Host } from "../src/engine/worker/host";
import { serviceWorker } from "../src/offline/plugin";
import { kernelModule, server } from "./material";

const PAGE = "https://host/some/where/";

class FakeCache {
  readonly kept = new Map<string, Response>();
  async match(key: string | Request): Promise<Response | undefined> {
    return this.kept.get(new URL(typeof key === "string" ? key : key.url, PAGE).href)?.clone();
  }
  async put(key: string | Request, response: Response): Promise<void> {
    const body = await response.arrayBuffer();
    const { status, headers } = response;
    const url = new URL(typeof key === "string" ? key : key.url, PAGE).href;
    this.kept.set(url, new Response(body, { status, headers }));
  }
}
class FakeCaches {
  readonly all = new Map<string, FakeCache>();
  async open(name: string): Promise<FakeCache> {
    if (!this.all.has(name)) this.all.set(name, new FakeCache());
    return this.all.get(name)!;
  }
  async keys(): Promise<string[]> {
    return [...this.all.keys()];
  }
  async delete(name: string): Promise<boolean> {
    return this.all.delete(name);
  }
}

const BUILT = {
  "index.html": "<!doctype html>",
  "assets/index-1.js": "import('./LearnView-2.js')",
  "assets/LearnView-2.js": "learn",
  "assets/KaTeX_Main-3.woff2": "face",
  "assets/KaTeX_Main-3.ttf": "face",
};
const models = JSON.stringify({ plain: "plain.safetensors", honest: "h.safetensors", given: null });
let files: Record<string, string>;
let online: boolean;
let asked: string[];
let caches: FakeCaches;

/** What the host gives; without a net, nothing. */
async function get(request: string | Request, init: RequestInit = {}): Promise<Response> {
  const url = typeof request === "string" ? request : request.url;
  asked.push(url.slice(PAGE.length));
  init.signal?.throwIfAborted();
  if (!online) throw new TypeError("no net");
  const content = url.startsWith(PAGE) ? files[url.slice(PAGE.length)] : undefined;
  return new Response(content ?? "", { status: content === undefined ? 404 : 200 });
}

/** The worker of a page built from these files, with its three events. */
function worker(built: Record<string, string> = BUILT): {
  wake: (name: "install" | "activate") => Promise<unknown>;
  ask: (url: string, method?: string) => Promise<string | null>;
} {
  type Listener = (event: Record<string, unknown>) => void;
  const listeners = new Map<string, Listener>();
  const self = {
    location: { href: `${PAGE}sw.js` },
    addEventListener: (name: string, listener: Listener) => listeners.set(name, listener),
    skipWaiting: async () => undefined,
    clients: { claim: async () => undefined },
  };
  new Function("self", "caches", "fetch", serviceWorker(built))(self, caches, get);
  return {
    wake: async (name) => {
      let done: unknown;
      listeners.get(name)!({ waitUntil: (work: unknown) => (done = work) });
      return done;
    },
    /** What is answered, as text; null where it is left to the browser. */
    ask: async (url, method = "GET") => {
      let answer: Promise<Response> | null = null;
      const request = new Request(new URL(url, PAGE), { method });
      listeners.get("fetch")!({ request, respondWith: (one: Promise<Response>) => (answer = one) });
      return answer && (await answer as Response).text(); // prettier-ignore
    },
  };
}

beforeEach(() => {
  files = {
    ...BUILT,
    "": BUILT["index.html"],
    "models/models.json": models,
    "models/plain.safetensors": "plain",
    "models/h.safetensors": "honest",
    "data/digits.json": "{}",
  };
  online = true;
  asked = [];
  caches = new FakeCaches();
});

describe("the page without a net", () => {
  test("is all there: its two names, every chunk and face, models, the list of digits", async () => {
    await worker().wake("install");
    online = false;
    const { ask } = worker();
    for (const name of ["", "index.html", "assets/index-1.js", "assets/LearnView-2.js"])
      expect(await ask(name), name).toBe(files[name]);
    for (const name of ["assets/KaTeX_Main-3.woff2", "models/models.json", "data/digits.json"])
      expect(await ask(name), name).toBe(files[name]);
    expect(await ask("models/plain.safetensors")).toBe("plain");
    expect(await ask("models/h.safetensors")).toBe("honest");
    expect(await ask("?a=b")).toBe(files[""]);
    expect(asked.some((name) => name.endsWith(".ttf"))).toBe(false);
  });

  test("with a net: built files are not asked for again, the others are", async () => {
    const { wake, ask } = worker();
    await wake("install");
    asked = [];
    files["models/plain.safetensors"] = "newer";
    files["assets/index-1.js"] = "never looked at";
    expect(await ask("assets/index-1.js")).toBe(BUILT["assets/index-1.js"]);
    expect(asked).toEqual([]);
    expect(await ask("models/plain.safetensors")).toBe("newer");
    online = false;
    expect(await ask("models/plain.safetensors")).toBe("newer");
    online = true;
    delete files[""]; // a host in trouble is no host
    expect(await ask("")).toBe(BUILT["index.html"]);
  });

  test("touches nothing else", async () => {
    const { wake, ask } = worker();
    await wake("install");
    for (const url of [
      "data/train-images-00.gz",
      "sw.js",
      "assets/unknown.js",
      "other/",
      "models/a/b.json",
    ])
      // prettier-ignore
      expect(await ask(url), url).toBeNull();
    expect(await ask("https://elsewhere/some/where/assets/index-1.js")).toBeNull();
    expect(await ask("https://host/some/")).toBeNull();
    expect(await ask("", "POST")).toBeNull();
  });

  test("a newer page takes the place of its own older one only", async () => {
    await worker().wake("install");
    const [older] = await caches.keys();
    await caches.open("tongtou-digits-mnist-1");
    await caches.open("tongtou-page /other/ 0123456789abcdef");
    const newer = worker({ ...BUILT, "assets/index-1.js": "changed" });
    await newer.wake("install");
    await newer.wake("activate");
    const names = await caches.keys();
    expect(names).not.toContain(older);
    expect(names).toHaveLength(3);
    await worker({ ...BUILT, "index.html": "changed" }).wake("install");
    expect(await caches.keys()).toHaveLength(4); // the page itself counts as well
  });

  test("where a file is missing nothing is installed, and the older one goes on", async () => {
    delete files["assets/LearnView-2.js"];
    await expect(worker().wake("install")).rejects.toThrow("LearnView-2.js: 404");
  });
});

describe("the digits", () => {
  test("come into the engine's own cache, each file once, and serve without a net", async () => {
    Object.assign(globalThis, { caches, document: { hidden: true, baseURI: PAGE } });
    const inner = server(400, 300, 100);
    const fetched: string[] = [];
    const engineNow = (): Engine => {
      const port: Port = { postMessage: (m) => void host.receive(structuredClone(m)), onmessage: null }; // prettier-ignore
      const post = (message: FromWorker): void =>
        void setTimeout(() => port.onmessage?.({ data: message } as MessageEvent<FromWorker>), 0);
      const host = new Host(
        post,
        async (url) => {
          fetched.push(url);
          if (!online && !url.endsWith("digits.json")) throw new TypeError("no net");
          return inner(url);
        },
        async () => kernelModule(),
      );
      return new Engine(port, PAGE);
    };
    const first = engineNow();
    const [{ files: n }] = await Promise.all([first.keep(), first.load("train", 250)]);
    expect(n).toBe(2 * (4 + 3));
    expect(new Set(fetched).size).toBe(fetched.length);
    expect(fetched).toHaveLength(1 + n);
    online = false;
    const second = engineNow();
    expect(await second.load("train")).toEqual({ loaded: 400, total: 400 });
    expect(await second.load("test")).toEqual({ loaded: 300, total: 300 });
    Reflect.deleteProperty(globalThis, "caches");
  });
});

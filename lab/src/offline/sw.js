// Works on without a net: what the page consists of is kept when it was opened first. Only this page's own files, only
// GET, only its own origin and folder; the digits are kept by the engine itself (engine/worker/digits.ts).
//   VERSION  a digest of all built files        FILES  their names, relative to this one
// are written above this line when the page is built (offline.ts).

/* global VERSION, FILES */
const FOLDER = new URL("./", self.location.href);
const OWN = `tongtou-page ${FOLDER.pathname} `; // several labs may live on one origin
const CACHE = OWN + VERSION;
const PATIENCE_MS = 4000; // with a kept one at hand, a slow net is no net
const NEWEST = /^(index\.html)?$|^models\/[^/]+\.(json|safetensors)$|^data\/digits\.json$/;
const BUILT = new Set(FILES);

const addressOf = (name) => new URL(name, FOLDER).href;
/** The page itself has two names. */
const keyOf = (name) => addressOf(name === "index.html" ? "" : name);

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== FOLDER.origin) return;
  if (!url.pathname.startsWith(FOLDER.pathname)) return;
  const name = url.pathname.slice(FOLDER.pathname.length);
  if (NEWEST.test(name)) event.respondWith(newest(request, keyOf(name)));
  else if (BUILT.has(name)) event.respondWith(kept(request, addressOf(name)));
});

async function install() {
  const cache = await caches.open(CACHE);
  const models = await (await keep(cache, "models/models.json")).json();
  const files = [models.plain, models.honest, models.given].filter(Boolean);
  await Promise.all([
    ...["", "data/digits.json", ...files.map((file) => `models/${file}`)].map((name) =>
      keep(cache, name),
    ),
    ...FILES.map((name) => keep(cache, name, "default")),
  ]);
  await self.skipWaiting();
}

/** Fetches and keeps a file; names of built files change with their contents, all others are asked for anew. */
async function keep(cache, name, mode = "no-cache") {
  const response = await fetch(addressOf(name), { cache: mode });
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  await cache.put(addressOf(name), plain(response.clone()));
  return response;
}

/** A page that came by a redirection would be refused when it is opened from the cache. */
function plain(response) {
  if (!response.redirected) return response;
  const { status, headers } = response;
  return new Response(response.body, { status, headers });
}

async function activate() {
  const old = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function match(key) {
  const cache = await caches.open(CACHE);
  return cache.match(key, { ignoreVary: true });
}

async function kept(request, key) {
  return (await match(key)) ?? fetch(request);
}

async function newest(request, key) {
  const last = await match(key);
  try {
    const signal = last ? AbortSignal.timeout(PATIENCE_MS) : undefined;
    const response = await fetch(request, signal ? { signal } : undefined);
    if (!response.ok) return last ?? response;
    const cache = await caches.open(CACHE);
    // A full disk must not keep anybody from the page.
    await cache.put(key, plain(response.clone())).catch(() => undefined);
    return response;
  } catch (error) {
    if (last) return last;
    throw error;
  }
}

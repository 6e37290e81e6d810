// The lab in the browser: how large it is, how soon it can be drawn on, how fast it answers and trains, and TensorFlow.js
// beside it. Prints one JSON object; python -m benchmarks lab calls it.
//   node benchmarks/lab.mjs [size open stroke epoch frames tfjs]        (after: npm run build in lab/)
//   CHROMIUM  the browser (/usr/bin/chromium)      TONGTOU  the command (tongtou)      LAB_URL  a lab that runs already
//   LAB_DIST  the built page (lab/dist)            TFJS     a folder with TensorFlow.js in node_modules already
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const lab = fileURLToPath(new URL("../lab/", import.meta.url));
const { chromium } = createRequire(lab)("@playwright/test");
const dist = process.env.LAB_DIST ?? join(lab, "dist");
const PARTS = ["size", "open", "stroke", "epoch", "frames", "tfjs"];
const parts = process.argv.slice(2).length ? process.argv.slice(2) : PARTS;
const unknown = parts.filter((part) => !PARTS.includes(part));
if (unknown.length) throw new Error(`expected some of ${PARTS.join(", ")}, got ${unknown.join(", ")}`);

const ARGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]; // prettier-ignore
const LESSON = { sizes: [784, 16, 16, 10], learningRate: 1.5, momentum: 0, batchSize: 32 };
const EPOCHS = 10;

const round = (value) => Number(value.toFixed(3));
function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { median: at(0.5), p95: at(0.95), most: round(sorted.at(-1)), times: sorted.length };
}
const files = (folder) => readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(join(folder, name)).isFile()); // prettier-ignore
const zipped = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;

/** Everything of the page but digits, models and the fonts of formulas, each file by itself. */
async function size(browser, url) {
  const own = files(dist).filter((name) => !/^(data|models)\/|\.(woff2?|ttf)$/.test(name));
  const page = await browser.newPage();
  const asked = new Set();
  page.on("request", (request) => asked.add(decodeURIComponent(relative(new URL(url).pathname, new URL(request.url()).pathname)) || "index.html")); // prettier-ignore
  await page.goto(url);
  await page.locator('[data-help="verdict"]').waitFor();
  const first = own.filter((name) => asked.has(name)); // before the page is idle
  await page.close();
  const sum = (names) => names.reduce((total, name) => total + zipped(name), 0);
  const largest = own.map((name) => [name, zipped(name)]).sort((a, b) => b[1] - a[1]).slice(0, 8);
  return {
    page_gzip_bytes: sum(own),
    first_screen_gzip_bytes: sum(first),
    files: own.length,
    largest: Object.fromEntries(largest),
  };
}

/** From the start of navigation until the board and the network's answer stand, nothing cached; then it is drawn on. */
async function open(browser, url) {
  const taken = [];
  for (let k = 0; k < 11; k++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(() => {
      const look = () => {
        const board = document.querySelector('[data-help="board"]');
        if (board?.clientWidth && document.querySelector('[data-help="verdict"]')) globalThis.stood = performance.now();
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForFunction(() => globalThis.stood);
    const box = await page.locator('[data-help="board"]').boundingBox();
    await page.mouse.move(box.x + 40, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 60, box.y + 60);
    await page.mouse.up();
    await page.locator('[data-help="undo"]').waitFor(); // the stroke is there
    if (k) taken.push(await page.evaluate(() => globalThis.stood)); // the first warms the server
    await context.close();
  }
  return { ms: spread(taken) };
}

/** From the pointer's event to the end of the frame that paints it, on an empty board and on a stored digit. */
async function stroke(browser, url) {
  const found = {};
  const drawing = JSON.parse(readFileSync(join(lab, "drawings", "digits.json"), "utf8"))[96].strokes;
  for (const [name, hash] of [["empty_board", "#see"], ["stored_digit", "#see?draw=t115"]]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${url}${hash}`);
    await page.locator('[data-help="verdict"]').waitFor();
    await page.waitForLoadState("networkidle"); // the rest of the page has come
    const board = await page.locator('[data-help="board"]').boundingBox();
    await page.mouse.click(board.x + 3, board.y + 3);
    if (name === "empty_board") await page.locator('[data-help="clear"]').click();
    await page.evaluate(() => {
      globalThis.taken = [];
      const { port1, port2 } = new MessageChannel();
      let start = 0;
      port1.onmessage = () => {
        if (start) globalThis.taken.push(performance.now() - start);
        start = 0;
      };
      const begun = () => {
        if (start) return;
        start = performance.now();
        requestAnimationFrame(() => port2.postMessage(0)); // comes after this frame was painted
      };
      addEventListener("pointermove", (event) => event.buttons && begun(), { capture: true });
    });
    let first = 0; // moves of the first drawing: the browser compiles meanwhile
    for (let k = 0; k < 4; k++) {
      for (const points of drawing) {
        const at = ([x, y]) => [board.x + (x / 280) * board.width, board.y + (y / 280) * board.height];
        await page.mouse.move(...at(points[0]));
        await page.mouse.down();
        for (const point of points.slice(1)) await page.mouse.move(...at(point));
        await page.mouse.up();
      }
      first ||= await page.evaluate(() => globalThis.taken.length);
    }
    const taken = await page.evaluate(() => globalThis.taken);
    found[name] = { ms: spread(taken.slice(first)), first_drawing_ms: spread(taken.slice(0, first)) };
    await page.close();
  }
  return found;
}

/** Epochs of all 60,000 digits by the page's own worker, in a tab. */
async function epoch(browser, url) {
  const page = await browser.newPage();
  await page.goto(url);
  const name = files(join(dist, "assets")).find((one) => /^main-.*\.js$/.test(one));
  const { epochs, accuracy } = await page.evaluate(
    async ({ script, lesson, times }) => {
      const worker = new Worker(script, { type: "module" });
      const waiting = new Map();
      let last = 0;
      worker.onmessage = ({ data }) => {
        if ("error" in data) waiting.get(data.id)?.[1](new Error(JSON.stringify(data.error)));
        else if ("id" in data) waiting.get(data.id)?.[0](data.answer);
        else if ("progress" in data) worker.postMessage({ seen: data.progress.run });
      };
      const ask = (what, data) =>
        new Promise((...settle) => {
          waiting.set(++last, settle);
          worker.postMessage({ id: last, name: what, data });
        });
      await ask("open", { base: document.baseURI });
      await ask("load", { set: "train" });
      await ask("load", { set: "test" });
      const settings = { activation: "sigmoid", output: "sigmoid", loss: "sse", initializer: "auto", seed: 0, optimizer: "sgd", l1: 0, l2: 0, dropout: 0, augmentation: 0, nExamples: 60000, ...lesson }; // prettier-ignore
      await ask("start", { run: "main", settings });
      const taken = [];
      for (let k = 0; k <= times; k++) {
        const begun = performance.now();
        const { step } = await ask("advance", { run: "main", by: "epoch" });
        if (step !== 1875 * (k + 1)) throw new Error(`expected ${1875 * (k + 1)} steps, got ${step}`);
        if (k) taken.push((performance.now() - begun) / 1000); // the engine compiles in the first
      }
      const evaluation = await ask("evaluate", { subject: "main", set: "test" });
      worker.terminate();
      return { epochs: taken, accuracy: evaluation.accuracy };
    },
    { script: `./assets/${name}`, lesson: LESSON, times: EPOCHS },
  );
  await page.close();
  return { s: spread(epochs), test_accuracy: accuracy, epochs: EPOCHS + 1 };
}

/** Full speed through the page itself: images a second by its own time axis, and the frames of the interface meanwhile. */
async function frames(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${url}#learn`);
  await page.locator('[data-help="learn-run"]:enabled').waitFor();
  await page.waitForLoadState("networkidle");
  await page.locator("button.full:enabled").click();
  await page.waitForFunction(() => document.querySelector('input[type="range"]').max > 1875);
  const { intervals, images, s } = await page.evaluate(
    () =>
      new Promise((done) => {
        const slider = document.querySelector('.time input[type="range"]');
        const intervals = [];
        const [begun, first] = [performance.now(), Number(slider.max)];
        let last = begun;
        const tick = (now) => {
          intervals.push(now - last);
          last = now;
          if (now - begun < 5000) requestAnimationFrame(tick);
          else
            done({
              intervals: intervals.slice(1),
              images: 32 * (Number(slider.max) - first),
              s: (performance.now() - begun) / 1000,
            });
        };
        requestAnimationFrame(tick);
      }),
  );
  await page.close();
  return { ms: spread(intervals), images_a_second: Math.round(images / s), epoch_s: round((60000 * s) / images) };
}

/** TensorFlow.js: the same network, loss, optimiser, batch and number of steps, on each backend that needs no GPU. */
async function tfjs(browser) {
  const folder = process.env.TFJS ?? mkdtempSync(join(tmpdir(), "tfjs-"));
  if (!process.env.TFJS)
    execFileSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", "@tensorflow/tfjs@4", "@tensorflow/tfjs-backend-wasm@4"], { stdio: "inherit" }); // prettier-ignore
  const modules = join(folder, "node_modules", "@tensorflow");
  const data = fileURLToPath(new URL("../src/tongtou/datasets/mnist_data/", import.meta.url));
  const idx = (name, header) => gunzipSync(readFileSync(`${data}${name}-ubyte.gz`)).subarray(header);
  const own = {
    "/": '<!doctype html><script src="/tfjs/dist/tf.min.js"></script><script src="/tfjs-backend-wasm/dist/tf-backend-wasm.min.js"></script>',
    "/x": idx("train-images-idx3", 16),
    "/y": idx("train-labels-idx1", 8),
  };
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://host").pathname;
    try {
      const content = own[path] ?? readFileSync(join(modules, path));
      // these two allow its threads
      response.writeHead(200, { "Content-Type": types[extname(path)] ?? "text/html", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }).end(content); // prettier-ignore
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const version = JSON.parse(readFileSync(join(modules, "tfjs", "package.json"), "utf8")).version;
  const found = { version, backends: {} };
  for (const [name, threads] of [["cpu", 1], ["wasm", 1], ["wasm", cpus().length]]) {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    try {
      found.backends[`${name}, ${threads} thread${threads > 1 ? "s" : ""}`] = await page.evaluate(training, { name, threads, lesson: LESSON }); // prettier-ignore
    } catch (error) {
      found.backends[`${name}, ${threads}`] = { failed: String(error).split("\n")[0] };
    }
    await page.close();
  }
  server.close();
  if (!process.env.TFJS) rmSync(folder, { recursive: true });
  const able = Object.entries(found.backends).filter(([, one]) => one.epoch_s);
  able.sort((a, b) => a[1].epoch_s - b[1].epoch_s);
  return { ...found, fastest: able[0]?.[0], epoch_s: able[0]?.[1].epoch_s };
}

/** Runs in the page: one epoch with TensorFlow.js after some steps that warm it up. */
async function training({ name, threads, lesson }) {
  const { tf } = globalThis;
  if (name === "wasm") {
    tf.wasm.setWasmPaths("/tfjs-backend-wasm/dist/");
    tf.wasm.setThreadsCount(threads);
  }
  if (!(await tf.setBackend(name))) throw new Error(`no backend ${name}`);
  await tf.ready();
  const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const [x, y] = [await bytes("/x"), await bytes("/y")];
  const n = y.length;
  const X = Float32Array.from(x, (u) => u / 255);
  const Y = new Float32Array(n * 10);
  y.forEach((label, row) => (Y[row * 10 + label] = 1));
  const { sizes } = lesson;
  const variables = sizes.slice(1).flatMap((out, l) => [
    tf.variable(tf.randomNormal([sizes[l], out], 0, 1 / Math.sqrt(sizes[l]), "float32", 7 + l)),
    tf.variable(tf.zeros([out])),
  ]);
  const forward = (input) => {
    let a = input;
    for (let l = 0; l < variables.length; l += 2) a = tf.sigmoid(tf.add(tf.matMul(a, variables[l]), variables[l + 1]));
    return a;
  };
  const optimizer = tf.train.sgd(lesson.learningRate);
  const batch = lesson.batchSize;
  const step = (k) =>
    tf.tidy(() => {
      const at = (k * batch) % n;
      const rows = (values, d) => tf.tensor2d(values.subarray(at * d, (at + batch) * d), [batch, d]);
      const [input, wanted] = [rows(X, 784), rows(Y, 10)];
      optimizer.minimize(() => tf.mean(tf.sum(tf.squaredDifference(forward(input), wanted), 1)));
    });
  for (let k = 0; k < 50; k++) step(k);
  await variables[0].data();
  const begun = performance.now();
  let steps = 0;
  while (steps < 1875 && performance.now() - begun < 15000) {
    for (let k = 0; k < 75; k++) step(50 + steps++);
    await variables[0].data();
  }
  const s = ((performance.now() - begun) / 1000) * (1875 / steps); // 15 seconds tell enough of a slow one
  const right = tf.tidy(() => tf.mean(tf.equal(tf.argMax(forward(tf.tensor2d(X.subarray(0, 5000 * 784), [5000, 784])), 1), tf.tensor1d(Int32Array.from(y.subarray(0, 5000)), "int32")).toFloat()).dataSync()[0]); // prettier-ignore
  return { epoch_s: Math.round(s * 1000) / 1000, steps, training_accuracy: Math.round(right * 1000) / 1000, threads: name === "wasm" ? tf.wasm.getThreadsCount?.() ?? threads : 1 }; // prettier-ignore
}

async function served() {
  if (process.env.LAB_URL) return { url: process.env.LAB_URL, close: () => undefined };
  const child = spawn(process.env.TONGTOU ?? "tongtou", ["lab", "--no-browser", "--lang", "en"], { stdio: ["ignore", "pipe", "inherit"] }); // prettier-ignore
  let told = "";
  for await (const piece of child.stdout) {
    told += piece;
    const url = /http:\/\/[\d.:]+\//.exec(told)?.[0];
    if (url) return { url, close: () => child.kill() };
  }
  throw new Error(`the lab did not start: ${told}`);
}

const server = await served();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
const found = {
  machine: { cpu: cpus()[0].model, cores: cpus().length, browser: browser.version(), node: process.version },
  network: LESSON.sizes.join("-"),
  batch_size: LESSON.batchSize,
};
const measures = { size, open, stroke, epoch, frames, tfjs };
try {
  for (const part of parts) found[part] = await measures[part](browser, server.url);
} finally {
  await browser.close();
  server.close();
}
if (found.epoch && found.tfjs?.epoch_s) found.times_tfjs = round(found.tfjs.epoch_s / found.epoch.s.median);
console.log(JSON.stringify(found, null, 1));

// Runs the script of a report without a browser: node run_report.mjs report.html
// Prints as JSON what each button would save, by its name, and what each language does to the page.
import { readFileSync } from "node:fs";

const html = readFileSync(process.argv[2], "utf-8");
const inside = (start) => html.slice(html.indexOf(start) + start.length).split("</script>")[0];
const decoded = (text) => text.replaceAll("&quot;", '"').replaceAll("&#34;", '"').replaceAll("&amp;", "&");

const saved = {};
const listeners = {};
const element = (dataset = {}) => ({
  dataset,
  addEventListener(kind, act) { (this.on ??= {})[kind] = act; },
  hasAttribute: () => false,
  setAttribute(name, value) { this[name] = value; },
});
const buttons = [...html.matchAll(/<button type="button" data-path="([^"]*)" data-form="([^"]*)">/g)]
  .map(([, path, form]) => element({ path: decoded(path), form }));
const named = [...html.matchAll(/data-en="([^"]*)" data-zh="([^"]*)"/g)]
  .map(([, en, zh]) => element({ en: decoded(en), zh: decoded(zh) }));
const radios = { "lang-en": element(), "lang-zh": element() };

globalThis.document = {
  documentElement: element(),
  title: "",
  getElementById: (id) => id === "findings" ? { textContent: inside('id="findings">') } : radios[id] ?? null,
  querySelector: (what) => ({ content: what }),
  querySelectorAll: (what) => what === "[data-en]" ? named : buttons,
  createElement: () => ({ click() { saved[this.download] = this.href; } }),
};
globalThis.location = { hash: process.argv[3] ?? "" };
globalThis.history = { replaceState: (_, __, hash) => { location.hash = hash; } };
Object.defineProperty(globalThis, "navigator", { value: { language: "zh-TW" }, configurable: true });
globalThis.addEventListener = (kind, act) => { listeners[kind] = act; };
globalThis.Blob = class { constructor([text]) { this.text = text; } };
URL.createObjectURL = (blob) => blob.text;
globalThis.setTimeout = () => 0;

(0, eval)(inside("<script>"));
const first = document.documentElement.lang;
for (const one of buttons) one.on.click();
radios["lang-en"].on.change();
console.log(JSON.stringify({
  saved, first, hash: location.hash, then: document.documentElement.lang,
  title: document.title, label: named[0]["aria-label"], expected: named[0].dataset.en,
}));

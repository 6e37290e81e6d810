import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "../src/i18n/en.json";
import zh from "../src/i18n/zh.json";

const words: Record<string, string> = en;
const chinese: Record<string, string> = zh;

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return files(path);
    return /\.(svelte|ts|json)$/.test(name) && !/i18n/.test(folder) ? [path] : [];
  });
}

const sources = files(join(import.meta.dirname, "../src")).map((path) => ({
  path,
  text: readFileSync(path, "utf8"),
}));

/** A component without script, style, comments and everything in braces. */
function markup(text: string): string {
  const bare = text
    .replace(/<script[\s\S]*?<\/script>/g, "")
    .replace(/<code>[\s\S]*?<\/code>/g, "")
    .replace(/<style[\s\S]*?<\/style>/g, "")
    .replace(/<!--[\s\S]*?-->/g, "");
  let depth = 0;
  let out = "";
  for (const sign of bare) {
    if (sign === "{") depth++;
    if (!depth) out += sign;
    if (sign === "}") depth--;
  }
  return out;
}

/** Names are the same in every language. */
const NAMES = /Tongtou|通透|MNIST|sigmoid|softmax|ReLU|GELU|tanh|Adam|SGD/g;

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

/** PRODUCT.md's glossary: where the English says the one, the Chinese says one of the others. */
const GLOSSARY: [RegExp, RegExp][] = [
  [/\bneurons?\b/i, /神经元/],
  [/\bactivation functions?\b/i, /激活函数/],
  [/\bactivations?\b/i, /激活/],
  [/\bweights?\b/i, /权重/],
  [/\bbias(es)?\b/i, /偏置|偏差/],
  [/\bweighted sums?\b/i, /加权和/],
  [/\bhidden layers?\b/i, /隐藏层|隐含层/],
  [/\blearning rate\b/i, /学习率|学习系数/],
  [/\bloss(es)?\b/i, /损失|代价/],
  [/\bgradients?\b/i, /梯度/],
  [/\bbackpropagation\b/i, /反向传播/],
  [/\bchain rule\b/i, /链式法则/],
  [/\bmomentum\b/i, /动量/],
  [/\bbatch(es)?\b/i, /批/],
  [/\bepochs?\b/i, /轮/],
  [/\boverfitting\b/i, /过拟合/],
  [/\bdropout\b/i, /随机失活/],
  [/\bconfidences?\b/i, /置信度/],
  [/\bcalibrat\w+/i, /校准/],
  [/\bconfusion\b/i, /混淆/],
  [/\bparameters?\b/i, /参数/],
  [/\boptimi[sz]ers?\b/i, /优化器/],
  [/\b(matrix|matrices)\b/i, /矩阵/],
  [/\bthresholds?\b/i, /阈值/],
  [/\bcross-entropy\b/i, /交叉熵/],
];

describe("the page’s words", () => {
  it("use the glossary's terms", () => {
    const wrong: string[] = [];
    let met = 0;
    for (const [key, text] of Object.entries(words)) {
      const bare = text.replace(/\{\w+\}/g, "");
      for (const [english, accepted] of GLOSSARY) {
        if (!english.test(bare)) continue;
        met++;
        if (!accepted.test(chinese[key])) wrong.push(`${key}: ${english} in "${chinese[key]}"`);
      }
    }
    expect(wrong).toEqual([]);
    expect(met).toBeGreaterThan(100);
  });

  it("are the same keys in both languages", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  });

  it("take the same values in both languages", () => {
    for (const key of Object.keys(words)) {
      if (key === "verdict.sure") continue; // English needs "a" or "an"
      expect([...new Set(holes(chinese[key]))], key).toEqual([...new Set(holes(words[key]))]);
    }
  });

  it("are in their language", () => {
    for (const [key, text] of Object.entries(words)) {
      expect(text.trim(), key).not.toBe("");
      if (!key.startsWith("app.")) expect(text, key).not.toMatch(/[\u4e00-\u9fff]/);
      expect(chinese[key].trim(), key).not.toBe("");
    }
    const untranslated = Object.keys(words).filter(
      (key) =>
        words[key] === chinese[key] &&
        /[a-z]{3,} [a-z]{3,}/i.test(words[key].replaceAll(NAMES, "")) &&
        !key.startsWith("app."),
    );
    expect(untranslated).toEqual([]);
  });

  it("are all used", () => {
    const all = sources.map(({ text }) => text).join("\n");
    // `help.${name}` and the like: whatever begins so counts as used
    const begun = [...all.matchAll(/`([a-z]+(?:\.[a-zA-Z]+)*\.)(?:[a-z]+-)?\$\{/g)].map(
      (m) => m[1],
    );
    const unused = Object.keys(words).filter(
      (key) => !all.includes(`"${key}"`) && !begun.some((prefix) => key.startsWith(prefix)),
    );
    expect(unused).toEqual([]);
  });

  it("are the only ones: no component has words of its own", () => {
    for (const { path, text } of sources) {
      if (!path.endsWith(".svelte")) continue;
      const said = markup(text);
      const named = [...said.matchAll(/(?:aria-label|title|alt|placeholder)="([^"{]*)"/g)];
      const shown = said.replace(/<[^>]*>/g, "\n").replaceAll(NAMES, "");
      expect([...named.map((m) => m[1]), ...(shown.match(/[A-Za-z]{4,}|[\u4e00-\u9fff]+/g) ?? [])], path).toEqual([]); // prettier-ignore
    }
  });

  it("explain everything that can be pointed at", () => {
    const named = sources.flatMap(({ text, path }) =>
      path.endsWith("HelpCard.svelte")
        ? []
        : [...text.matchAll(/data-help="([\w-]+)"/g)].map((m) => m[1]),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const name of [...named, "tile", "dot", "bar"])
      expect(words, name).toHaveProperty([`help.${name}`]);
  });
});

// The lessons as data: complete in both languages, every widget and fact there, every number with its source.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LESSONS, lessonAt, stepAt } from "../src/lessons";
import { PLACE, say, write } from "../src/lessons/say";
import { KINDS, type Lesson, type Pair } from "../src/lessons/types";
import words from "../src/lessons/words.json";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const read = (path: string): string => readFileSync(at(path), "utf8");
const ROOM = "../src/components/lessons/";
const sources = [
  ...readdirSync(at(ROOM)),
  ...readdirSync(at(`${ROOM}widgets`)).map((n) => `widgets/${n}`),
]
  .filter((name) => /\.(svelte|ts)$/.test(name))
  .map((name) => read(ROOM + name));
const code = sources.join("\n");

/** Every pair of words in a lesson, with where it stands. */
function pairs(lesson: Lesson): [string, Pair][] {
  const found: [string, Pair][] = [];
  const walk = (value: unknown, where: string): void => {
    if (typeof value !== "object" || value === null) return;
    if ("en" in value || "zh" in value) found.push([where, value as Pair]);
    else for (const [key, one] of Object.entries(value)) walk(one, `${where}.${key}`);
  };
  walk(lesson, lesson.id);
  return found;
}
const everything: [string, Pair][] = [
  ...LESSONS.flatMap(pairs),
  ...Object.entries(words as Record<string, Pair>),
];
const places = (text: string): string[] => [...text.matchAll(PLACE)].map((m) => m[0]).sort();

describe("lessons", () => {
  it("are the twelve, each found by number and by name", () => {
    expect(LESSONS).toHaveLength(12);
    expect(new Set(LESSONS.map(({ id }) => id)).size).toBe(12);
    expect(lessonAt("3")).toBe(2);
    expect(lessonAt("letter")).toBe(11);
    expect([lessonAt("13"), lessonAt("0"), lessonAt("none")]).toEqual([-1, -1, -1]);
    expect([0, 1, 2, 99].map((step) => stepAt(LESSONS[0], step))).toEqual([0, 0, 1, 3]);
  });

  it.each(LESSONS)("$id: predict, act, be surprised, one sentence at the end", ({ steps }) => {
    const kinds = steps.map(({ kind }) => kind);
    for (const kind of KINDS) expect(kinds).toContain(kind);
    expect(kinds[0]).toBe("predict");
    expect(kinds.indexOf("sentence")).toBe(kinds.length - 1);
    let since: string[] = [];
    for (const { kind, guess, widget, like, breaks } of steps) {
      if (kind === "predict") since = [];
      since.push(kind);
      if (kind === "surprise") expect(since.slice(0, 2)).toEqual(["predict", "act"]);
      expect(Boolean(guess), "a guess belongs to predict").toBe(kind === "predict");
      if (kind === "act" || kind === "surprise") expect(widget).toBeTruthy();
      expect(Boolean(like && breaks), "a likeness, and where it breaks").toBe(kind === "sentence");
    }
  });

  it.each(LESSONS)("$id: every widget named is there", ({ steps }) => {
    for (const { widget } of steps)
      if (widget)
        expect(existsSync(at(`${ROOM}widgets/${widget}Widget.svelte`)), widget).toBe(true);
  });

  it("name every widget there is", () => {
    const named = new Set(LESSONS.flatMap(({ steps }) => steps.map(({ widget }) => widget)));
    for (const name of readdirSync(at(`${ROOM}widgets`)))
      if (name.endsWith("Widget.svelte"))
        expect(named).toContain(name.replace("Widget.svelte", ""));
  });
});

describe("words", () => {
  it("stand in both languages, with the same facts in them", () => {
    for (const [where, { en, zh }] of everything) {
      expect(en.trim(), where).toBeTruthy();
      expect(zh.trim(), where).toBeTruthy();
      expect(places(zh), where).toEqual(places(en));
      expect(en, where).not.toMatch(/\p{Script=Han}/u);
      const isSymbol = /^(tanh|ReLU|sigmoid)$/.test(en) || !/[a-z]{2}/i.test(en.replace(PLACE, ""));
      if (!isSymbol) expect(zh, where).toMatch(/\p{Script=Han}/u);
    }
  });

  it("use the glossary's terms", () => {
    const terms: [RegExp, RegExp][] = [
      [/\bneurons?\b/i, /神经元/],
      [/\bweights?\b/i, /权重/],
      [/\bbias(es)?\b/i, /偏置|偏差/],
      [/\bweighted sum/i, /加权和/],
      [/\bthreshold/i, /阈值|门槛/],
      [/\bactivation function/i, /激活函数/],
      [/\bhidden layer/i, /隐藏层|隐含层/],
      [/\blearning rate/i, /学习率|学习系数/],
      [/\bgradients?\b/i, /梯度/],
      [/\bbackpropagation/i, /反向传播/],
      [/\bchain rule/i, /链式法则/],
      [/\bloss\b/i, /损失/],
      [/\bdropout/i, /随机失活/],
      [/\bearly stopping/i, /早停/],
      [/\boverfitting/i, /过拟合/],
      [/\bbatch\b/i, /批次/],
      [/\bepochs?\b/i, /轮/],
      [/\bconfidence/i, /置信度/],
      [/\bcalibration/i, /校准/],
      [/\bmatrix/i, /矩阵/],
      [/\boptimiser/i, /优化器/],
      [/\bmomentum/i, /动量/],
      [/\bparameters?\b/i, /参数|旋钮/],
      [/\bmean squared error/i, /均方误差/],
      [/\bsquared errors\b/i, /误差平方和/],
    ];
    for (const [where, { en, zh }] of everything)
      for (const [english, chinese] of terms)
        if (english.test(en.replace(PLACE, "")))
          expect(zh, `${where}: ${english}`).toMatch(chinese);
    const shunned = /隐层|激励函数|学习速率|丢弃法|过度拟合|反向传递|权值|阀值|神经网路/;
    for (const [where, { zh }] of everything) expect(zh, where).not.toMatch(shunned);
  });

  it("of the player and the widgets are all used, and all there", () => {
    const keys = Object.keys(words);
    const asked = [...code.matchAll(/\bw\(\s*[^)]*?"([a-zA-Z]+\.[\w]+)"/g)].map((m) => m[1]);
    for (const key of asked) expect(keys).toContain(key);
    const heads = [...code.matchAll(/`([a-zA-Z]+\.)\$\{/g)].map((m) => m[1]);
    for (const key of keys) {
      const used = code.includes(`"${key}"`) || heads.some((head) => key.startsWith(head));
      expect(used, key).toBe(true);
    }
  });
});

describe("facts and numbers", () => {
  const told = [
    ...code.matchAll(/lessons\.fact\(\s*(?:"([^"]+)"|`([^`]+)`|[^,]*?"([^"]+)" : "([^"]+)")/g),
  ].flatMap((m) => m.slice(1).filter(Boolean));
  const known = told.map(
    (name) => new RegExp(`^${name.replace(/\./g, "\\.").replace(/\$\{[^}]+\}/g, "\\w+")}$`),
  );

  it.each(LESSONS)("$id: every fact in the words is told by a widget", (lesson) => {
    const names = pairs(lesson).flatMap(([, { en }]) => [...en.matchAll(PLACE)].map((m) => m[1]));
    for (const { guess } of lesson.steps)
      if (typeof guess?.answer === "string") names.push(guess.answer);
    for (const name of names)
      expect(
        known.some((one) => one.test(name)),
        name,
      ).toBe(true);
  });

  const numerals = (text: string): string[] =>
    [...text.replace(PLACE, "").matchAll(/\d[\d,]*(?:\.\d+)?/g)].map((m) => m[0].replace(/,$/, ""));
  /** Names of digits and small counts need no source. */
  const isPlain = (numeral: string): boolean => /^\d+$/.test(numeral) && Number(numeral) <= 10;
  const ALWAYS = ["16", "784", "10,000"]; // sizes of the network, and the test digits of MNIST

  it.each(LESSONS)("$id: every number has its source", (lesson) => {
    const sourced = new Set(
      (lesson.claims ?? []).flatMap(({ value }) => numerals(value)).concat(ALWAYS),
    );
    for (const [where, pair] of pairs(lesson)) {
      if (where.includes(".claims.")) continue;
      for (const text of [pair.en, pair.zh])
        for (const one of numerals(text))
          if (!isPlain(one)) expect([...sourced], `${where}: ${one}`).toContain(one);
    }
  });

  it.each(LESSONS)("$id: every source says so", ({ claims = [] }) => {
    for (const { value, from, doc, quote, note } of claims) {
      expect(note.en && note.zh).toBeTruthy();
      if (from) {
        expect(from).toMatch(/^[\d\s*+-]+$/);
        const sum = Number(new Function(`return ${from}`)());
        expect(sum.toLocaleString("en")).toBe(value);
      }
      if (doc) expect(read(`../../${doc}`).replace(/\s+/g, " ")).toContain(quote);
    }
  });

  it("are written as both languages write them", () => {
    const words = { en: "{a:int} · {b:%1} · {c:2} · {d:+1} · {e:g} · {f}", zh: "{f}" };
    const facts = { a: 9481.2, b: 0.948, c: -1.005, d: 0.44, e: 5481.3 };
    expect(say(words, "en", facts)).toBe("9,481 · 94.8 % · −1.00 · +0.4 · 5480 · …");
    expect(write(0.05, "g")).toBe("0.05");
    expect(write(Number.NaN, "2")).toBe("–");
  });
});

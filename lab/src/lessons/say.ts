// Words with the facts put in.  {name}  as it is ·  {name:int} 9,481 ·  {name:%1} 94.8 % ·  {name:2} two decimals ·
// {name:g} the digits it needs.  A fact that is not there yet is "…".

import { fixed, significant, shown } from "../core/figures";
import type { Pair } from "./types";

export type Facts = Record<string, number | string>;
export type Tongue = keyof Pair;

export function write(value: number | string, format = "", tongue: Tongue = "en"): string {
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return "–";
  if (format === "int")
    return Math.round(value)
      .toLocaleString(tongue === "zh" ? "zh-CN" : "en")
      .replace("-", "−");
  if (format.startsWith("%")) return `${fixed(100 * value, Number(format.slice(1) || 0))} %`;
  if (format === "g") return String(Number(value.toPrecision(3))).replace("-", "−");
  if (/^\+?\d$/.test(format))
    return fixed(value, Number(format.replace("+", "")), format.startsWith("+") ? "+" : "");
  return shown(significant(value, 6));
}

export const PLACE = /\{([A-Za-z][\w.]*)(?::([%+\w]+))?\}/g;

export function say(words: Pair, tongue: Tongue, facts: Facts = {}): string {
  return words[tongue].replace(PLACE, (_, name: string, format?: string) =>
    name in facts ? write(facts[name], format, tongue) : "…",
  );
}

// The page's words. Every string a visitor sees or hears is in en.json and zh.json, under the same keys.
import en from "./en.json";
import zh from "./zh.json";

export type Language = "en" | "zh";
export type Key = keyof typeof en;

const catalogues: Record<Language, Record<Key, string>> = { en, zh };
const preferred: Language =
  typeof navigator !== "undefined" && navigator.language.toLowerCase().startsWith("zh")
    ? "zh"
    : "en";
const chosen = $state<{ language: Language }>({ language: preferred });

export function language(): Language {
  return chosen.language;
}

export function useLanguage(next: Language): void {
  chosen.language = next;
  if (typeof document !== "undefined")
    document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}

/** The words of a key with {name} replaced by values.name; reactive where it is read in a component. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const words: string = catalogues[chosen.language][key];
  return words.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

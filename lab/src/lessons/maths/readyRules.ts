// Rules that anybody would try first, in the language of core/rules.ts, in the order in which they are asked.
export const READY = [
  { key: "twoHoles", text: "holes >= 2 -> 8" },
  { key: "holeHigh", text: "holes = 1 and ink(top) > 55 -> 9" },
  { key: "holeLow", text: "holes = 1 and ink(bottom) > 55 -> 6" },
  { key: "hole", text: "holes = 1 -> 0" },
  { key: "narrow", text: "balance < 40 -> 1" },
  { key: "threeEnds", text: "ends >= 4 -> 4" },
  { key: "bars", text: "column(14) >= 3 and ink(right) > 50 -> 3" },
  { key: "barsLeft", text: "column(14) >= 3 -> 5" },
  { key: "topHeavy", text: "ink(top) > 52 -> 7" },
  { key: "rest", text: "always -> 2" },
] as const;

export const textOf = (on: readonly boolean[]): string =>
  READY.filter((_, k) => on[k])
    .map(({ text }) => text)
    .join("\n");

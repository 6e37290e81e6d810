// The theme's colours as numbers, for canvases. Read anew when the theme changes; reactive where they are read.

export type Colour = readonly [number, number, number];

const NAMES = [
  "paper",
  "sheet",
  "ink",
  "ink-soft",
  "line",
  "accent",
  "positive",
  "negative",
  "focus",
] as const;
export type ColourName = (typeof NAMES)[number];
export type Palette = Record<ColourName, Colour>;

const black: Colour = [0, 0, 0];
let current = $state.raw<Palette>(
  Object.fromEntries(NAMES.map((name) => [name, black])) as unknown as Palette,
);

export function palette(): Palette {
  return current;
}

/** light-dark() is resolved by the browser only where a property uses it: a probe asks it for each colour. */
export function readPalette(): void {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found: Partial<Record<ColourName, Colour>> = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    found[name] = [r, g, b];
  }
  probe.remove();
  current = found as Palette;
}

export function watchPalette(): () => void {
  readPalette();
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", readPalette);
  return () => query.removeEventListener("change", readPalette);
}

export function css([r, g, b]: Colour, alpha = 1): string {
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

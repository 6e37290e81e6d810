// What all journeys share: the page, watched; its words; hands that draw.
import { readFileSync } from "node:fs";
import { expect, test as base, type Locator, type Page } from "@playwright/test";

const file = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
export const en: Record<string, string> = JSON.parse(file("../src/i18n/en.json"));
export const zh: Record<string, string> = JSON.parse(file("../src/i18n/zh.json"));

export type Points = [number, number][];
export interface Stored {
  digit: number;
  what: string;
  strokes: Points[];
}
/** Fixed before any prediction was seen, on a board of 280 × 280. */
export const DIGITS: Stored[] = JSON.parse(file("../drawings/digits.json"));
export const OTHERS: Stored[] = JSON.parse(file("../drawings/others.json"));

/** Every page is watched: nothing leaves its origin, nothing fails unseen. */
export const test = base.extend<{ watched: void }>({
  watched: [
    async ({ page, baseURL }, use) => {
      const wrong: string[] = [];
      const { origin } = new URL(baseURL!);
      page.context().on("request", (request) => {
        const url = new URL(request.url());
        if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== origin)
          wrong.push(`request to ${url.href}`);
      });
      page.on("pageerror", (error) => wrong.push(`error: ${error.stack ?? error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning")
          wrong.push(`console: ${message.text()}`);
      });
      await use();
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

export const verdict = (page: Page): Locator => page.locator('[data-help="verdict"]');
export const board = (page: Page): Locator => page.locator('[data-help="board"]');
export const tile = (page: Page, k: number): Locator => page.locator(`[data-part="1.${k}"]`);
export const button = (page: Page, key: string): Locator =>
  page.getByRole("button", { name: en[key], exact: true });

/** Words of the catalogue with every hole open. */
export function said(key: string, words = en): RegExp {
  const escaped = words[key].replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^\\s*${escaped.replace(/\{\w+\}/g, "(.+)")}\\s*$`);
}

/** Opens the page and waits until its network answers to what is on the board. */
export async function open(page: Page, hash = ""): Promise<void> {
  await page.goto(`./${hash}`);
  await expect(page.locator("main")).toBeVisible();
}
export async function openSee(page: Page, hash = ""): Promise<void> {
  await open(page, hash);
  await expect(verdict(page)).toBeVisible();
}

/** All 60,000 training digits have come; they are fetched when Learn is first gone to. */
export async function digitsThere(page: Page): Promise<void> {
  const loading = page.getByText(said("learn.head.loading"));
  await expect(loading).toBeVisible();
  await expect(loading).toBeHidden({ timeout: 30_000 });
}

/** The stored drawing on the visible board, drawn by a mouse that is held down. */
export async function drawWithMouse(page: Page, strokes: Points[]): Promise<void> {
  const box = (await board(page).boundingBox())!;
  const at = ([x, y]: [number, number]): [number, number] => [
    box.x + (x / 280) * box.width,
    box.y + (y / 280) * box.height,
  ];
  for (const points of strokes) {
    await page.mouse.move(...at(points[0]));
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...at(point));
    await page.mouse.up();
  }
}

/** The same with a finger. */
export async function drawWithFinger(page: Page, strokes: Points[]): Promise<void> {
  const box = (await board(page).boundingBox())!;
  const browser = await page.context().newCDPSession(page);
  for (const points of strokes) {
    const at = ([x, y]: [number, number]): { x: number; y: number }[] => [
      { x: box.x + (x / 280) * box.width, y: box.y + (y / 280) * box.height },
    ];
    const touch = (
      type: "touchStart" | "touchMove" | "touchEnd",
      touchPoints: { x: number; y: number }[],
    ): Promise<unknown> => browser.send("Input.dispatchTouchEvent", { type, touchPoints });
    await touch("touchStart", at(points[0]));
    for (const point of points.slice(1)) await touch("touchMove", at(point));
    await touch("touchEnd", []);
  }
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The address of a drawing on an empty board, as a link has it. */
export function addressOf(strokes: Points[]): string {
  const two = (value: number): string => {
    const n = Math.round((value / 280) * 28 * 128);
    return LETTERS[n >> 6] + LETTERS[n & 63];
  };
  return strokes.map((points) => `.d${points.flat().map(two).join("")}`).join("");
}

/** What the verdict says: a digit, "unsure", "unfamiliar", "empty". */
export function read(text: string): string {
  const sure = said("verdict.sure").exec(text);
  if (sure) return sure[2];
  for (const kind of ["unsure", "unfamiliar", "empty"])
    if (said(`verdict.${kind}`).test(text)) return kind;
  throw new Error(`"${text}" is none of the verdicts`);
}

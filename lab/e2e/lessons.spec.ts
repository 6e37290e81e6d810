// Twelve lessons, each walked from its guess to its one sentence; a teacher's link opens one at a given step.
import type { Page } from "@playwright/test";
import { readdirSync, readFileSync } from "node:fs";
import type { Lesson } from "../src/lessons/types";
import { expect, open, test } from "./lab";

const folder = new URL("../src/lessons/", import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));
const LESSONS = readdirSync(folder)
  .filter((name) => /^\d\d-.*\.json$/.test(name))
  .sort()
  .map((name) => json(name) as Lesson);
const words = json("words.json") as Record<string, { en: string; zh: string }>;

test.use({ contextOptions: { reducedMotion: "reduce" } });

const at = (page: Page, k: number) => page.locator(`.way li:nth-child(${k + 1}) button`);

test("there are twelve, each from a guess to one sentence", () => {
  expect(LESSONS).toHaveLength(12);
  for (const { steps, id } of LESSONS) {
    expect(steps[0].kind, id).toBe("predict");
    expect(steps[steps.length - 1].kind, id).toBe("sentence");
    expect(new Set(steps.map(({ kind }) => kind)).size, id).toBe(4);
  }
});

for (const [k, lesson] of LESSONS.entries())
  test(`lesson ${k + 1}, ${lesson.id}, step by step`, async ({ page }) => {
    await open(page, `#lessons/${k + 1}`);
    for (const [index, step] of lesson.steps.entries()) {
      await expect(at(page, index)).toHaveAttribute("aria-current", "step");
      await expect(page.locator(".kind")).toHaveText(words[`kind.${step.kind}`].en);
      if (step.widget) await expect(page.locator(".picture > *").first()).toBeVisible();
      await expect(page.getByText(words["player.broken"].en)).toHaveCount(0);
      if (step.guess?.kind === "choice") await page.locator(".options button").first().click();
      if (step.guess?.kind === "number") await page.locator(".words input").press("ArrowRight");
      // what is said has its numbers: no hole is left open
      expect(await page.locator(".words").innerText()).not.toMatch(/\{\w/);
      if (index + 1 < lesson.steps.length) await page.locator(".go button").first().click();
    }
    await page.keyboard.press("Escape");
    await expect(page.locator("#lessons-title")).toBeVisible();
  });

test("a teacher's link opens a lesson at its step, in its language @everywhere", async ({
  page,
}) => {
  await open(page, "#lessons/4?step=3&lang=zh");
  await expect(at(page, 2)).toHaveAttribute("aria-current", "step");
  await expect(page.locator("#lesson-title")).toContainText(LESSONS[3].title.zh);
});

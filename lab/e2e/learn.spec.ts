// Depth 2: trained before the visitor's eyes, walked through backwards, taken to any step and back.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { readModel } from "../src/core/safetensors";
import { button, digitsThere, en, expect, open, said, test } from "./lab";

test.use({ contextOptions: { reducedMotion: "reduce" } });

const slider = (page: Page): Locator => page.getByLabel(en["learn.time.label"]);
const headline = (page: Page): Locator => page.locator(".headline .big");
const step = async (page: Page): Promise<number> => Number(await slider(page).inputValue());

/** Whether the digits have come matters: an epoch is over those that are there. */
async function openLearn(page: Page, query = ""): Promise<void> {
  await open(page, `#learn${query}`);
  await digitsThere(page);
  await expect(button(page, "learn.run")).toBeEnabled();
}
/** 2.2·10⁻⁹ */
function numberOf(text: string): number {
  const [digits, power = ""] = text.replace("−", "-").split("·10");
  const plain = [...power].map((sign) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(sign)]).join("");
  return Number(digits) * 10 ** Number(plain || 0);
}
async function share(page: Page): Promise<number> {
  return Number(
    said("learn.head.right").exec(await page.locator(".headline .touch").innerText())?.[1],
  );
}
/** The parameters in the file that the page saves. */
async function parameters(page: Page): Promise<string> {
  const coming = page.waitForEvent("download");
  await button(page, "learn.keep.save").click();
  const { layers } = readModel(new Uint8Array(readFileSync(await (await coming).path())));
  return layers.map(({ W, b }) => [Buffer.from(W.buffer, W.byteOffset, W.byteLength), b].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("base64")).join()).join(); // prettier-ignore
}
async function seek(page: Page, to: number): Promise<void> {
  await slider(page).fill(String(to));
  await expect(page.getByText(said("learn.time.step")).first()).toHaveText(
    en["learn.time.step"].replace("{step}", to.toLocaleString("en")),
  );
}

test("from random to nine of ten, at full speed @everywhere", async ({ page }) => {
  await openLearn(page);
  await expect(headline(page)).toHaveText(en["learn.head.random"].replace("{n}", "13,002"));
  await page.getByRole("button", { name: "25,000" }).click();
  await button(page, "learn.pace.full").click();
  await expect.poll(() => share(page), { timeout: 30_000 }).toBeGreaterThanOrEqual(90);
  await button(page, "learn.pause").click();
  await expect(button(page, "learn.run")).toBeVisible();
  expect(await share(page)).toBeGreaterThanOrEqual(90);
});

test("it begins at one image a frame and gets faster by itself", async ({ page }) => {
  await openLearn(page);
  await button(page, "learn.run").click();
  await expect(page.getByText(en["learn.pace.single"])).toBeVisible();
  await expect(page.getByText(said("learn.pace.now"))).toBeVisible();
  await button(page, "learn.pause").click();
});

test("one image, one batch, one epoch", async ({ page }) => {
  await openLearn(page);
  await button(page, "learn.one.example").click();
  await expect(page.getByText(said("learn.example.batch"))).toHaveText(/^1 of 32/);
  await button(page, "learn.one.batch").click();
  await expect.poll(() => step(page)).toBe(1);
  await button(page, "learn.one.epoch").click();
  await expect.poll(() => step(page)).toBe(1875);
  await expect.poll(() => share(page)).toBeGreaterThan(85);
});

test("the slider goes back and forth exactly, across a recorded change", async ({ page }) => {
  await openLearn(page);
  await button(page, "learn.one.epoch").click();
  await expect.poll(() => step(page)).toBe(1875);
  await button(page, "learn.change.title").click();
  await page.getByLabel(en["learn.set.optimizer"]).selectOption("adam");
  await expect(page.locator('.time .flag[aria-label*="1,875"]')).toHaveCount(1);
  for (let k = 1; k <= 3; k++) {
    await button(page, "learn.one.batch").click();
    await expect.poll(() => step(page)).toBe(1875 + k);
  }
  await button(page, "learn.keep.title").click();
  const last = await parameters(page);
  await seek(page, 1000);
  const before = await parameters(page);
  expect(before).not.toBe(last);
  await seek(page, 0);
  const random = await parameters(page);
  await seek(page, 1878);
  expect(await parameters(page)).toBe(last);
  await seek(page, 1000);
  expect(await parameters(page)).toBe(before);
  await page.reload();
  await expect(button(page, "learn.keep.save")).toBeEnabled();
  expect(await parameters(page)).toBe(random); // the same seed
});

test("a walk through backpropagation, its numbers and its check", async ({ page }) => {
  await openLearn(page);
  await button(page, "learn.walk.open").click();
  await expect(page.locator(".katex").first()).toBeVisible();
  for (const stage of ["forward", "loss", "delta", "gradient", "update"]) {
    await page.locator(`[data-help="learn-stage-${stage}"]`).click();
    await expect(page.getByText(en[`learn.walk.${stage}.say`])).toBeVisible();
    await expect(page.locator(".walk .katex").first()).toBeVisible();
  }
  // loss: the parts add up to C as shown
  await page.locator('[data-help="learn-stage-loss"]').click();
  const parts = await page.locator(".walk tbody tr:not(.total) td:last-child").allInnerTexts();
  const total = await page.locator(".walk tbody tr.total td:last-child").innerText();
  const sum = parts.reduce((all, text) => all + Number(text), 0);
  expect(Math.abs(sum - Number(total.replace("=", "")))).toBeLessThan(1e-9);
  // gradient: the check agrees, for a weight of every layer and a bias
  await page.locator('[data-help="learn-stage-gradient"]').click();
  const checked = page.locator('[data-help="learn-check"] p').last();
  for (const layer of ["1", "2", "3"]) {
    await page.locator(".pick").getByLabel(en["learn.walk.layer"]).fill(layer);
    await page.locator(".pick").getByLabel(en["learn.walk.layer"]).press("Enter");
    const [, , off] = said("learn.walk.checked").exec(await checked.innerText())!;
    expect(numberOf(off), `layer ${layer}: ${off}`).toBeLessThan(1e-4);
  }
  // update: a small step does what the gradient predicted
  await page.locator('[data-help="learn-stage-update"]').click();
  await page.locator("#walk-eta").fill("0");
  const [now, predicted, found] = (await page.locator(".walk tbody td:last-child").allInnerTexts()).map(Number); // prettier-ignore
  expect(found).toBeLessThanOrEqual(now);
  expect(Math.abs(found - predicted)).toBeLessThanOrEqual(0.1 * Math.abs(now - predicted) + 2e-5);
  await page.keyboard.press("Escape");
  await expect(page.locator(".stages")).toBeHidden();
});

test("a file restores the run, and the drawing", async ({ page }) => {
  await openLearn(page);
  for (let k = 1; k <= 2; k++) {
    await button(page, "learn.one.batch").click();
    await expect.poll(() => step(page)).toBe(k);
  }
  await button(page, "learn.keep.title").click();
  const coming = page.waitForEvent("download");
  await button(page, "learn.keep.save").click();
  const path = await (await coming).path();
  const saved = await parameters(page);
  await open(page, "#learn/keep?seed=5");
  await page.reload();
  await expect(button(page, "learn.keep.save")).toBeEnabled();
  expect(await parameters(page)).not.toBe(saved);
  await page.locator('input[type="file"][accept=".safetensors"]').setInputFiles({
    name: "run.safetensors",
    mimeType: "application/octet-stream",
    buffer: readFileSync(path),
  });
  await expect.poll(() => step(page)).toBe(2);
  expect(await parameters(page)).toBe(saved);
  await seek(page, 1);
  await seek(page, 2);
  expect(await parameters(page)).toBe(saved);
});

test("a second run from the same start stands beside it", async ({ page }) => {
  await openLearn(page, "/twin");
  await expect(page.locator("section.network")).toHaveCount(1);
  await button(page, "learn.twin.start").click();
  await expect(page.locator("section.network")).toHaveCount(2);
  await button(page, "learn.one.epoch").click();
  await expect(page.locator("section.network .name b")).toHaveText([
    /^[5-9]\d\.\d %$/,
    /^[1-9]\d\.\d %$/,
  ]);
});

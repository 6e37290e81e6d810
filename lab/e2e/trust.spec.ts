// Depth 3: a guess before every answer; then gates, shifts and knobs on the digits themselves.
import type { Page } from "@playwright/test";
import { button, en, expect, open, said, test } from "./lab";

test.use({ contextOptions: { reducedMotion: "reduce" } });

async function room(page: Page, name: string): Promise<void> {
  await open(page, "#trust");
  await page.locator(`#trust-${name}`).click();
  await expect(page.locator("#trust-title")).toHaveText(en[`trust.${name}.title`]);
}

for (const name of ["sure", "risk", "letters", "shift"])
  test(`${name}: first the guess, then the answer`, async ({ page }) => {
    await room(page, name);
    const before = await page.locator("section.room").innerText();
    const guess = page.locator('[data-help="trustGuess"] input');
    await guess.press("ArrowRight");
    await button(page, "trust.reveal").click();
    await expect(guess).toHaveCount(0);
    await expect.poll(async () => (await page.locator("section.room").innerText()).length).not.toBe(before.length); // prettier-ignore
    await page.keyboard.press("Escape");
    await expect(page.locator(`#trust-${name}`)).toBeFocused();
  });

test("the gates refuse noise and a blank page, and the honest network most letters", async ({
  page,
}) => {
  await room(page, "letters");
  await button(page, "trust.reveal").click();
  const rows = page.locator('[data-help="trustShares"]');
  const answered = async (): Promise<number[]> =>
    (await rows.locator(".told").allInnerTexts()).map((text) =>
      Number(/([\d.]+)\s?%/.exec(text)?.[1]),
    );
  await expect.poll(async () => (await answered()).at(-1)).toBeLessThan(20); // the honest one
  for (const kind of ["noise", "blank"]) {
    await button(page, `trust.kind.${kind}`).click();
    await expect(button(page, `trust.kind.${kind}`)).toHaveAttribute("aria-pressed", "true");
    await expect.poll(async () => (await answered()).slice(1).every((share) => share <= 1)).toBe(true); // prettier-ignore
  }
});

test("two pixels off, accuracy falls", async ({ page }) => {
  await room(page, "shift");
  await button(page, "trust.reveal").click();
  const found = new RegExp(said("trust.shift.found").source.replace(/\^|\$|\\s\*/g, ""));
  const right = async (): Promise<number> =>
    Number(/[\d.]+(?=\s?%)/.exec(found.exec(await page.locator("section.room").innerText())?.[2] ?? "")?.[0]); // prettier-ignore
  await expect.poll(right).toBeLessThan(90);
});

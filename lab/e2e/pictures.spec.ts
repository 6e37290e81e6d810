// The pictures of docs/images/lab: PICTURES=1 npx playwright test --project=pictures
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { button, en, expect, openSee, open, said, test, tile, verdict, zh } from "./lab";

const folder = fileURLToPath(new URL("../../docs/images/lab/", import.meta.url));
const save = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });

test.use({ contextOptions: { reducedMotion: "reduce" } });
test.describe.configure({ mode: "serial" });

async function first(page: Page, query: string, words = en): Promise<void> {
  await openSee(page, `#see?${query}`);
  await expect(verdict(page)).toHaveText(said("verdict.unsure", words));
  await rested(page);
}
/** Figures of the rope follow when the hand rests. */
async function rested(page: Page): Promise<void> {
  await expect(page.locator('[data-help="block"]').first()).not.toHaveAttribute(
    "data-help-value",
    "",
  );
}
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

for (const [name, viewport] of Object.entries(sizes))
  test.describe(name, () => {
    test.use({ viewport, deviceScaleFactor: name === "phone" ? 1.5 : 1 });

    test(`see @pictures`, async ({ page }) => {
      await first(page, "lang=en&theme=paper");
      await save(page, `see-${name}`);
      await first(page, "lang=zh&theme=chalkboard", zh);
      await page.reload();
      await expect(verdict(page)).toHaveText(said("verdict.unsure", zh));
      await rested(page);
      await save(page, `see-${name}-zh`);
    });

    test(`tile @pictures`, async ({ page }) => {
      await first(page, "lang=en&theme=paper");
      await tile(page, 4).click();
      await expect(page.locator('figure[data-help="product"]')).toBeVisible();
      await save(page, `tile-${name}`);
    });

    test(`learn @pictures`, async ({ page }) => {
      await open(page, "#learn?lang=en&theme=paper");
      await button(page, "learn.pace.full").click();
      await expect(page.getByText(said("learn.head.right")).first()).toBeVisible();
      await expect.poll(async () => Number(await page.getByLabel(en["learn.time.label"]).inputValue())).toBeGreaterThan(4000); // prettier-ignore
      await button(page, "learn.pause").click();
      await expect(button(page, "learn.run")).toBeEnabled();
      await page.evaluate(() => scrollTo(0, 0));
      await save(page, `learn-${name}`);
    });

    test(`trust @pictures`, async ({ page }) => {
      await open(page, "#trust?lang=en&theme=paper");
      await expect(page.locator("#trust-letters")).toBeVisible();
      await save(page, `trust-${name}`);
    });

    test(`lessons @pictures`, async ({ page }) => {
      await open(page, "#lessons?lang=zh&theme=paper");
      await expect(page.locator("#lessons-title")).toBeVisible();
      await save(page, `lessons-${name}-zh`);
    });
  });

// For everybody: two languages, two themes, keys alone, screen readers, phones, no net.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { board, button, digitsThere, drawWithMouse, DIGITS, en, expect, open, openSee, said, test, verdict, zh } from "./lab"; // prettier-ignore

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DEPTHS = ["see", "learn", "trust", "lessons"];
const PLACES = [
  ...DEPTHS,
  "see/rules",
  "see/edge",
  ...["walk", "mistakes", "gradients", "change", "twin", "build", "keep"].map((name) => `learn/${name}`), // prettier-ignore
  ...["sure", "risk", "letters", "shift", "knob"].map((name) => `trust/${name}`),
  ...Array.from({ length: 12 }, (_, k) => `lessons/${k + 1}`),
];

test.use({ contextOptions: { reducedMotion: "reduce" } });

/** Until nothing more comes: fetched, computed, painted. */
async function settled(page: Page, place: string): Promise<void> {
  await expect(page.locator("main")).toBeVisible();
  await expect(page.locator("main .wait")).toHaveCount(0);
  if (place === "see") await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  if (place.startsWith("learn")) await expect(button(page, "learn.run")).toBeEnabled();
  if (!/^(see|learn)$/.test(place)) await expect(page.locator("main h2").first()).toBeAttached();
}

interface Violation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}
async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(
    () => (globalThis as unknown as { axe: { run: (o: object) => Promise<{ violations: Violation[] }> } }).axe.run({ resultTypes: ["violations"] }), // prettier-ignore
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}

for (const theme of ["paper", "chalkboard"]) {
  for (const part of DEPTHS)
    test(`axe finds nothing wrong: ${part}, ${theme}`, async ({ page }) => {
      test.slow();
      await open(page, `#${part}?theme=${theme}&lang=en`);
      await page.evaluate(axe); // as the developer's tools do: the page itself would refuse it
      const found: string[] = [];
      for (const place of PLACES.filter((one) => one.split("/")[0] === part)) {
        await page.evaluate((to) => (location.hash = to), `#${place}?theme=${theme}&lang=en`);
        await settled(page, place);
        found.push(...(await violations(page)).map((one) => `${place}: ${one}`));
      }
      expect(found).toEqual([]);
    });
}

test("no place scrolls sideways on a phone of 360 px", async ({ page }) => {
  test.slow();
  await page.setViewportSize({ width: 360, height: 740 });
  await open(page, "#see");
  const wide: string[] = [];
  for (const language of ["en", "zh"])
    for (const place of PLACES) {
      await page.evaluate((to) => (location.hash = to), `#${place}?lang=${language}`);
      await expect(page.locator("main .wait")).toHaveCount(0);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) wide.push(`${place} ${language}: ${over} px`);
    }
  expect(wide).toEqual([]);
});

test("the other language, at once and everywhere @everywhere", async ({ page }) => {
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  await page.getByRole("button", { name: "中文" }).click();
  await expect(verdict(page)).toHaveText(said("verdict.unsure", zh));
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
  for (const depth of DEPTHS) {
    await page.getByRole("button", { name: zh[`depth.${depth}`], exact: true }).click();
    await expect(page.locator("main .wait")).toHaveCount(0);
    // what is read or heard: no run of English words is left
    const left = await page.evaluate(() => {
      const main = document.querySelector("#app")! as HTMLElement;
      const heard = [...main.querySelectorAll("[aria-label],[title],[placeholder]")].flatMap(
        (one) => ["aria-label", "title", "placeholder"].map((name) => one.getAttribute(name) ?? ""),
      );
      return [main.innerText, ...heard].join("\n").match(/[A-Za-z]{3,} [A-Za-z]{2,} [A-Za-z]{2,}/g);
    });
    expect(left, depth).toBeNull();
  }
  await expect(page).toHaveURL(/lang=zh/);
  await page.reload();
  await expect(page.getByRole("button", { name: zh["depth.see"], exact: true })).toBeVisible();
});

test.describe("a visitor whose browser speaks Chinese", () => {
  test.use({ locale: "zh-CN" });
  test("is answered in Chinese", async ({ page }) => {
    await openSee(page);
    await expect(verdict(page)).toHaveText(said("verdict.unsure", zh));
  });
});

test("keys alone: draw, look inside, go back, learn, trust, a lesson", async ({ page }) => {
  test.slow();
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  /** Tab until the wanted thing has the focus; every stop on the way shows where it is. */
  const reach = async (selector: string, most = 60): Promise<void> => {
    for (let k = 0; k < most; k++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate((wanted) => {
        const now = document.activeElement as HTMLElement;
        const shown = getComputedStyle(now).outlineStyle !== "none";
        return { here: now.matches(wanted), shown, html: now.outerHTML.slice(0, 120) };
      }, selector);
      if (at.here) return;
      if (!at.shown && at.html.startsWith("<button"))
        throw new Error(`the focus cannot be seen on ${at.html}`);
    }
    throw new Error(`${selector} cannot be reached`);
  };
  await reach('[data-help="board"]');
  await page.keyboard.press("Delete");
  await expect(verdict(page)).toHaveText(en["verdict.empty"]);
  for (let k = 0; k < 3; k++) await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Space");
  for (let k = 0; k < 18; k++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await expect(verdict(page)).toHaveText("It is a 1");
  await reach("[data-part]");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page.locator('figure[data-help="product"]')).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator('figure[data-help="product"]')).toBeHidden();
  expect(await page.evaluate(() => document.activeElement?.matches("[data-part]"))).toBe(true);
  await reach('button[data-help="block"]');
  await page.keyboard.press("Enter");
  await expect(page.getByText(en["neuron.behind"])).toBeVisible();
  await page.keyboard.press("Escape");

  await page.evaluate(() => (document.activeElement as HTMLElement)?.blur());
  await reach('[data-help="depth-learn"]');
  await page.keyboard.press("Enter");
  await expect(button(page, "learn.run")).toBeEnabled();
  await reach('[data-help="learn-run"]');
  await page.keyboard.press("Enter");
  await expect(button(page, "learn.pause")).toBeVisible();
  await expect(page.getByLabel(en["learn.time.label"])).toBeEnabled();
  await page.keyboard.press("Enter");
  await expect(button(page, "learn.run")).toBeVisible();
  await reach('input[type="range"]');
  await page.keyboard.press("Home");
  await expect(page.getByLabel(en["learn.time.label"])).toHaveValue("0");

  await page.evaluate(() => (document.activeElement as HTMLElement)?.blur());
  await page.locator("header").evaluate((header) => header.scrollIntoView());
  await page.keyboard.press("Control+Home");
  await reach('[data-help="depth-trust"]', 90);
  await page.keyboard.press("Enter");
  await reach("#trust-letters");
  await page.keyboard.press("Enter");
  await expect(page.locator("#trust-title")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.locator("#trust-letters")).toBeFocused();

  await page.keyboard.press("Control+Home");
  await reach('[data-help="depth-lessons"]', 90);
  await page.keyboard.press("Enter");
  await reach('a[href="#lessons/2"]');
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#lessons\/2/);
});

test("help: everything that is pointed at explains itself", async ({ page }) => {
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  await page.keyboard.press("?");
  await page.locator('[data-help="knot"]').hover();
  await expect(page.getByText(said("help.knot"))).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText(said("help.knot"))).toBeHidden();
});

test("once opened it works without a net @everywhere", async ({ page, context }) => {
  test.slow();
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  await page.locator('[data-help="depth-learn"]').click();
  await digitsThere(page);
  await page.locator('[data-help="depth-see"]').click();
  await page.waitForLoadState("networkidle");
  await context.setOffline(true);
  await drawWithMouse(page, DIGITS[12].strokes);
  await button(page, "tools.clear").click();
  await drawWithMouse(page, DIGITS[3].strokes);
  await expect(verdict(page)).not.toHaveText(en["verdict.empty"]);
  await expect(board(page)).toBeVisible();
  for (const depth of ["learn", "trust", "lessons", "see"]) {
    await page.locator(`[data-help="depth-${depth}"]`).click();
    await expect(page.getByText(en["app.broken"])).toHaveCount(0);
    await expect(page.locator("main .wait")).toHaveCount(0);
  }
});

test("opened again without a net it is all there @everywhere", async ({ page, context }) => {
  test.slow();
  await openSee(page);
  // only See was looked at: the page, every depth and all digits come by themselves
  const kept = (name: string): Promise<number> =>
    page.evaluate(async (begin) => {
      const own = (await caches.keys()).filter((one) => one.startsWith(begin));
      return own.length ? (await (await caches.open(own[0])).keys()).length : 0;
    }, name);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await expect.poll(() => kept("tongtou-digits-"), { timeout: 30_000 }).toBe(18);
  expect(await kept("tongtou-page ")).toBeGreaterThan(50);
  await context.setOffline(true);
  await page.reload();
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  for (const depth of ["trust", "lessons", "learn"]) {
    await page.locator(`[data-help="depth-${depth}"]`).click();
    await expect(page.getByText(en["app.broken"])).toHaveCount(0);
    await settled(page, depth);
  }
  await button(page, "learn.run").click();
  await expect(button(page, "learn.pause")).toBeVisible();
  await expect(page.getByLabel(en["learn.time.label"])).toBeEnabled();
  await open(page, "index.html#lessons/5?step=2");
  await expect(page.locator("main h2").first()).toBeAttached();
});

test("large print keeps everything in sight", async ({ page }) => {
  await openSee(page, "#see?print=large");
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  await expect(page.locator("html")).toHaveAttribute("data-print", "large");
  for (const depth of DEPTHS) {
    await page.evaluate((to) => (location.hash = to), `#${depth}?print=large`);
    await expect(page.locator("main .wait")).toHaveCount(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0); // prettier-ignore
  }
});

// One stroke of difference: what a visitor meets, and how soon there is a first "why".
import { board, button, en, expect, openSee, said, test, tile, verdict } from "./lab";

const number = (text: string): number => Number(text.replace("−", "-").replace("+", ""));

test("a stored digit on which the network wavers writes itself @everywhere", async ({ page }) => {
  await openSee(page);
  const { first } = await (await page.request.get("./models/models.json")).json();
  const { outputs } = first;
  expect(Math.abs(outputs[0] - outputs[1])).toBeLessThanOrEqual(0.1);
  const [a, b] = [...first.answers].sort();
  await expect(verdict(page)).toHaveText(en["verdict.unsure"].replace("{a}", a).replace("{b}", b));
  await expect(board(page)).toHaveAccessibleDescription(
    new RegExp(`stored handwritten ${first.label}`),
  );
  // nothing but board, network, rope and one question
  await expect(page.locator("main button.quiet:visible, dialog:visible, form:visible")).toHaveCount(
    0,
  );
  await expect(button(page, "challenge.question")).toBeVisible();
});

test("three actions lead to the first why, one sentence is read @everywhere", async ({ page }) => {
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  // what stands between the visitor and the rope: the verdict alone is a sentence
  const sentences = await page.locator("main p:visible").evaluateAll((all) =>
    all
      .filter((p) => !p.closest(".below") && !p.classList.contains("visually-hidden"))
      .map((p) => (p as HTMLElement).innerText.trim())
      .filter((text) => text.split(/\s+/).length > 3 && !/[=]/.test(text)),
  );
  expect(sentences.length).toBeLessThanOrEqual(1);
  // nothing done: the rope says what pulls to which answer, and adds up
  const net = page.locator('[data-help="knot"]');
  await expect(net).toContainText("=");
  const pulls = page.locator('[data-help="block"], [data-help="ropeBias"]');
  await expect(pulls).toHaveCount(17);
  await expect
    .poll(async () => {
      const values = await pulls.evaluateAll((all) =>
        all.map((one) => one.getAttribute("data-help-value") ?? ""),
      );
      const sum = values.reduce((total, text) => total + number(text), 0);
      return Math.abs(sum - number((await net.getAttribute("data-help-value"))!)) < 1e-9;
    })
    .toBe(true);
  // 1: a block of the rope
  await page.locator('[data-help="block"]').first().click();
  await expect(page.getByText(en["neuron.behind"])).toBeVisible();
  // 2: a tile behind it
  await page.locator(".opening li > button").first().click();
  for (const part of ["input", "weights", "product"])
    await expect(page.locator(`figure[data-help="${part}"]`)).toBeVisible();
  // Escape goes back, one step at a time
  await page.keyboard.press("Escape");
  await expect(page.getByText(en["neuron.behind"])).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText(en["neuron.behind"])).toBeHidden();
});

test("a tile adds up as shown: positive + negative + bias = z, and five terms with the others", async ({
  page,
}) => {
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  for (const k of [0, 7, 15]) {
    await tile(page, k).click();
    const sums = await page.locator(".tile .sums b").allInnerTexts();
    const [positive, negative, bias, z] = sums.map((text) => number(text.replace("= ", "")));
    expect(Math.abs(positive + negative + bias - z)).toBeLessThan(1e-9);
    const terms = await page.locator(".tile tbody tr:not(.total) td:last-child").allInnerTexts();
    const all = terms.reduce((sum, text) => sum + number(text), 0);
    expect(Math.abs(all + bias - z)).toBeLessThan(1e-9);
    await page.keyboard.press("Escape");
  }
});

test("which stroke would change its mind: the visitor first, then its answer", async ({ page }) => {
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
  await button(page, "challenge.question").click();
  await expect(page.getByText(said("challenge.draw"))).toBeVisible();
  await expect(button(page, "challenge.show")).toBeHidden();
  const box = (await board(page).boundingBox())!;
  await page.mouse.move(box.x + 0.9 * box.width, box.y + 0.9 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.92 * box.width, box.y + 0.9 * box.height, { steps: 3 });
  await page.mouse.up();
  await button(page, "challenge.show").click();
  await expect(page.getByText(said("challenge.shown"))).toBeVisible();
  const told = said("challenge.shown").exec(
    (await page.locator(".challenge p").innerText()).trim(),
  )!;
  expect(told[1]).toBe("8,288");
});

test("reduced motion: the digit stands there at once", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await openSee(page);
  await expect(verdict(page)).toHaveText(said("verdict.unsure"));
});

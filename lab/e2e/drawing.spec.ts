// Drawing with mouse, finger and keys; taking back; pictures. All three hands end at the same 28 × 28.
import {
  addressOf,
  board,
  button,
  DIGITS,
  drawWithFinger,
  drawWithMouse,
  en,
  expect,
  openSee,
  OTHERS,
  type Points,
  read,
  said,
  test,
  verdict,
} from "./lab";

const one = (digit: number, shape = 3): Points[] =>
  DIGITS.filter((drawing) => drawing.digit === digit)[shape].strokes;

async function empty(page: import("@playwright/test").Page): Promise<void> {
  await openSee(page, "#see?draw=.dAAAA"); // a link to a dot
  await button(page, "tools.clear").click();
  await expect(verdict(page)).toHaveText(en["verdict.empty"]);
}

test.use({ contextOptions: { reducedMotion: "reduce" } });

test("with the mouse @everywhere", async ({ page }) => {
  await empty(page);
  await drawWithMouse(page, one(3));
  await expect(verdict(page)).toHaveText("It is a 3");
});

test("a sample by real pointer events says what their links say", async ({ page }) => {
  await openSee(page, "#see?draw=.dAAAA");
  for (let digit = 0; digit < 10; digit += 4) {
    const strokes = one(digit, 5);
    await openSee(page, `#see?draw=${addressOf(strokes)}`);
    const linked = await verdict(page).innerText();
    await button(page, "tools.clear").click();
    await drawWithMouse(page, strokes);
    await expect(verdict(page)).toHaveText(linked);
  }
});

test("undo, eraser and clear", async ({ page }) => {
  await empty(page);
  const [first, ...rest] = OTHERS.find(({ what }) => what === "two equal lines")!.strokes;
  await drawWithMouse(page, [first]);
  const one = await verdict(page).innerText();
  await drawWithMouse(page, rest);
  for (const _ of rest) await button(page, "tools.undo").click();
  await expect(verdict(page)).toHaveText(one);
  await page.keyboard.press("Tab");
  await button(page, "pen.erase").click();
  await drawWithMouse(page, [first]);
  await expect(verdict(page)).toHaveText(en["verdict.empty"]);
  await button(page, "tools.undo").click();
  await expect(verdict(page)).toHaveText(one);
  await button(page, "tools.clear").click();
  await expect(verdict(page)).toHaveText(en["verdict.empty"]);
});

test("with arrow keys and a pen key", async ({ page }) => {
  await empty(page);
  await board(page).focus();
  const press = async (keys: string, times = 1): Promise<void> => {
    for (let k = 0; k < times; k++) await page.keyboard.press(keys);
  };
  // the pen starts in the middle; a straight stroke from top to bottom is a 1
  await press("Shift+ArrowUp", 3);
  await press("Space");
  await press("ArrowDown", 18);
  await press("Space");
  await expect(verdict(page)).toHaveText("It is a 1");
  await press("Control+z");
  await expect(verdict(page)).toHaveText(en["verdict.empty"]);
});

test.describe("a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("with a finger @everywhere", async ({ page }) => {
    await empty(page);
    await board(page).scrollIntoViewIfNeeded();
    const before = await page.evaluate(() => scrollY);
    await drawWithFinger(page, one(7));
    await expect(verdict(page)).toHaveText("It is a 7");
    expect(await page.evaluate(() => scrollY)).toBe(before); // the finger draws, the page stays
  });

  test("board, rope, network, from top to bottom", async ({ page }) => {
    await openSee(page);
    await expect(verdict(page)).toHaveText(said("verdict.unsure"));
    const tops = await page.evaluate(() =>
      [".board", ".rope", ".network"].map(
        (name) => document.querySelector(`section${name}`)!.getBoundingClientRect().top,
      ),
    );
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
  });
});

test("any test digit, and the one with a number", async ({ page }) => {
  await openSee(page, "#see?draw=t0");
  await expect(verdict(page)).toHaveText("It is a 7");
  const number = page.getByLabel(en["tools.number"]);
  await number.fill("2");
  await number.press("Enter");
  await expect(verdict(page)).toHaveText("It is a 1");
  await button(page, "tools.any").click();
  await expect(number).not.toHaveValue("2");
});

test("a picture from a file, dropped, and one that is none", async ({ page }) => {
  await empty(page);
  // dark ink on light paper, off centre: inverted, sized and centred like any drawing
  const png = await page.evaluate(async (strokes) => {
    const canvas = new OffscreenCanvas(400, 300);
    const ctx = canvas.getContext("2d")!;
    ctx.fillStyle = "#fff";
    ctx.fillRect(0, 0, 400, 300);
    ctx.lineWidth = 12;
    ctx.lineCap = ctx.lineJoin = "round";
    for (const points of strokes) {
      ctx.beginPath();
      for (const [x, y] of points) ctx.lineTo(30 + x * 0.5, 90 + y * 0.5);
      ctx.stroke();
    }
    const blob = await canvas.convertToBlob();
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, one(3));
  const chooser = page.locator('input[type="file"][accept="image/*"]');
  const digit = { name: "three.png", mimeType: "image/png", buffer: Buffer.from(png) };
  await chooser.setInputFiles(digit);
  await expect(verdict(page)).toHaveText("It is a 3");
  const { buffer, ...rest } = digit;
  await chooser.setInputFiles({ ...rest, buffer: buffer.subarray(0, 20) });
  await expect(page.getByText(en["tools.nopicture"])).toBeVisible();
  await button(page, "tools.clear").click();
  const dropped = await page.evaluateHandle((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "three.png", { type: "image/png" }));
    return data;
  }, png);
  await page.locator("section.board").dispatchEvent("drop", { dataTransfer: dropped });
  await expect(verdict(page)).toHaveText("It is a 3");
});

test("a link keeps the drawing, stroke for stroke", async ({ page, context }) => {
  await empty(page);
  const strokes = one(5);
  await drawWithMouse(page, strokes);
  const words = await verdict(page).innerText();
  await expect(page).toHaveURL(new RegExp(`draw=${"\\.d[^.&]+".repeat(strokes.length)}$`));
  const link = page.url();
  const other = await context.newPage();
  await other.goto(link);
  await expect(verdict(other)).toHaveText(words);
  expect(read(words)).not.toBe("empty");
});

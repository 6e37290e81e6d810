// 120 drawings of digits and 50 of other things, fixed before any prediction was seen, drawn with the page's own pen.
// The results are reported by digit; nothing is ever chosen by them.
import { fromStrokes } from "../src/core/digit";
import { forward } from "../src/core/forward";
import { verdict as gated } from "../src/core/gates";
import { readModel } from "../src/core/safetensors";
import type { Model } from "../src/engine/protocol";
import { snap } from "../src/state/drawing";
import { judge } from "../src/state/verdict";
import {
  addressOf,
  DIGITS,
  expect,
  openSee,
  OTHERS,
  read,
  type Stored,
  test,
  verdict,
} from "./lab";

const PEN = 25;
const NOTHING = new Uint8Array(784);
/** As the page draws: points lie on a grid of 128 steps a pixel. */
const snapped = (at: number): number => snap(at / 280) * 280;
const pixelsOf = ({ strokes }: Stored): Uint8Array =>
  fromStrokes(
    strokes.map((all) => ({
      points: all.map(([x, y]): [number, number] => [snapped(x), snapped(y)]),
      width: PEN,
    })),
  )?.pixels ?? NOTHING;

async function model(
  request: import("@playwright/test").APIRequestContext,
  name: "plain" | "honest",
): Promise<Model> {
  const table = await (await request.get("./models/models.json")).json();
  const bytes = await (await request.get(`./models/${table[name]}`)).body();
  return { ...readModel(new Uint8Array(bytes)), risk: table.risk[name] };
}
const saidBy = (network: Model, drawing: Stored): string => {
  const pixels = pixelsOf(drawing);
  const found = judge(network, forward(network, pixels), pixels);
  return found.kind === "sure" ? network.classes[found.answer] : found.kind;
};

test.use({ contextOptions: { reducedMotion: "reduce" } });

test("digits: at least 85 % read rightly, at most 5 % wrongly with confidence", async ({
  page,
  request,
}, info) => {
  const network = await model(request, "plain");
  const told = DIGITS.map((drawing) => saidBy(network, drawing));
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const of = told.filter((_, k) => DIGITS[k].digit === digit);
    const right = of.filter((one) => one === String(digit)).length;
    const wrong = of.filter((one) => /^\d$/.test(one)).length - right;
    return { digit, drawn: of.length, right, wrong, unsure: of.length - right - wrong };
  });
  const sum = (of: "drawn" | "right" | "wrong"): number =>
    rows.reduce((all, row) => all + row[of], 0);
  const report = rows
    .map((row) => `  ${row.digit}: ${row.right} right, ${row.wrong} wrong, ${row.unsure} unsure`)
    .join("\n");
  console.log(`${sum("drawn")} drawings: ${sum("right")} right, ${sum("wrong")} wrong\n${report}`);
  info.annotations.push({ type: "drawings", description: JSON.stringify(rows) });
  expect(sum("drawn")).toBeGreaterThanOrEqual(100);
  // the page itself says the same of each of them
  await openSee(page);
  for (const [k, drawing] of DIGITS.entries()) {
    await page.evaluate((to) => (location.hash = to), `#see?draw=${addressOf(drawing.strokes)}`);
    await expect
      .poll(async () => read(await verdict(page).innerText()), { message: `drawing ${k}` })
      .toBe(told[k]);
  }
  expect(sum("wrong") / sum("drawn")).toBeLessThanOrEqual(0.05);
  expect(sum("right") / sum("drawn")).toBeGreaterThanOrEqual(0.85);
});

test("other things: the honest network answers at most five of fifty with confidence", async ({
  request,
}) => {
  const network = await model(request, "honest");
  const told = OTHERS.map((other) =>
    gated(network, forward(network, pixelsOf(other)), network.risk)!,
  );
  const answered = told.flatMap(({ answer }, k) =>
    answer === null ? [] : [`${OTHERS[k].what}: ${network.classes[answer]}`],
  );
  const novel = told.filter((one) => one.verdict === "novel").length;
  console.log(
    `${OTHERS.length} other drawings: ${novel} not like any digit, ` +
      `${OTHERS.length - novel - answered.length} unsure, answered ${answered.length}: ${answered.join(", ")}`,
  );
  expect(OTHERS.length).toBe(50);
  expect(answered.length).toBeLessThanOrEqual(5);
  expect(gated(network, forward(network, NOTHING))?.verdict).toBe("novel");
});

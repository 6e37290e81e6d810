// The page as a visitor has it: served by `tongtou lab`, and exported to a static host under a sub-path.
//   CHROMIUM  the browser (/usr/bin/chromium)        TONGTOU  the command (tongtou)
// `npm run build` comes first; the models are trained at the first start and kept in the user's cache.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";

const tongtou = process.env.TONGTOU ?? "tongtou";
const exported = join(tmpdir(), "tongtou-lab-export");
const PORT = { served: 8217, exported: 8218 };
const address = {
  served: `http://127.0.0.1:${PORT.served}/`,
  exported: `http://127.0.0.1:${PORT.exported}/some/where/`,
};

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  reporter: "list",
  timeout: 40_000,
  expect: { timeout: 10_000 },
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
  projects: [
    { name: "served", use: { baseURL: address.served }, grepInvert: /@pictures/ },
    { name: "exported", use: { baseURL: address.exported }, grep: /@everywhere/ },
    ...(process.env.PICTURES
      ? [{ name: "pictures", use: { baseURL: address.served }, grep: /@pictures/ }]
      : []),
  ],
  webServer: [
    {
      command: `${tongtou} lab --no-browser --port ${PORT.served}`,
      url: address.served,
      timeout: 180_000,
      reuseExistingServer: !process.env.CI,
    },
    {
      command: `node e2e/static.mjs ${JSON.stringify(tongtou)} ${JSON.stringify(exported)} /some/where/ ${PORT.exported}`,
      url: address.exported,
      timeout: 180_000,
      reuseExistingServer: !process.env.CI,
    },
  ],
});

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { offline } from "./src/offline/plugin.ts";

// base "./": the page works at the root of a host and under any sub-path alike.
export default defineConfig({
  base: "./",
  plugins: [svelte(), offline()],
  build: { target: "es2022", outDir: "dist", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  worker: { format: "es" },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
});

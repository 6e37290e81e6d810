// Writes sw.js beside index.html: src/offline/sw.js with the names of the built files and a digest of all of them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** Of a face's three formats every browser that runs the page takes the first. */
const NEVER_ASKED_FOR = /\.(woff|ttf|map)$|^index\.html$/;

export function serviceWorker(files: Record<string, string | Uint8Array>): string {
  const source = readFileSync(new URL("./sw.js", import.meta.url), "utf8");
  const names = Object.keys(files).sort();
  const hash = createHash("sha256").update(source);
  for (const name of names) hash.update(`\0${name}\0`).update(files[name]);
  const kept = names.filter((name) => !NEVER_ASKED_FOR.test(name));
  const version = hash.digest("hex").slice(0, 16);
  return `const VERSION = "${version}";\nconst FILES = ${JSON.stringify(kept, null, 1)};\n${source}`;
}

export function offline(): Plugin {
  return {
    name: "tongtou-offline",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const files: Record<string, string | Uint8Array> = {};
        for (const one of Object.values(bundle))
          files[one.fileName] = one.type === "chunk" ? one.code : one.source;
        this.emitFile({ type: "asset", fileName: "sw.js", source: serviceWorker(files) });
      },
    },
  };
}

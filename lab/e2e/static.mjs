// Exports the lab and serves the folder as the simplest static host does: under a sub-path, with no special headers.
//   node e2e/static.mjs TONGTOU FOLDER /sub/path/ PORT
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const [tongtou, folder, prefix, port] = process.argv.slice(2);
rmSync(folder, { recursive: true, force: true });
execFileSync(tongtou, ["lab", "--export", folder], { stdio: "inherit" });

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

createServer((request, response) => {
  const path = new URL(request.url, "http://host").pathname;
  const name = normalize(decodeURIComponent(path.slice(prefix.length))) || "index.html";
  try {
    if (!path.startsWith(prefix) || name.startsWith(`..${sep}`)) throw new Error("not here");
    const content = readFileSync(join(folder, name === "." ? "index.html" : name));
    const type = TYPES[extname(name === "." ? "index.html" : name)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}).listen(Number(port), "127.0.0.1");

// Bundles src/ into the one file that TensorBoard serves. With --check it writes nothing and says whether that file is
// what the sources give.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, "..", "infogeo_tensorboard", "static", "index.js");

// Each name and its text, in the order of the names; tests/tab/test_bundle.py computes the same.
function digest() {
  const sum = createHash("sha256");
  for (const name of readdirSync(join(here, "src")).sort()) {
    const text = readFileSync(join(here, "src", name), "utf8").replaceAll("\r\n", "\n");
    sum.update(`${name}\n${Buffer.byteLength(text)}\n${text}`);
  }
  return sum.digest("hex");
}

const { outputFiles } = await build({
  entryPoints: [join(here, "src", "index.ts")],
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".css": "text" },
  minify: true,
  write: false,
});
const first = `/* lightning-infogeo, Apache-2.0; nothing else is bundled. Built from tab/src, SHA-256 ${digest()} */\n`;
const text = first + outputFiles[0].text;
if (process.argv.includes("--check")) {
  if (readFileSync(bundle, "utf8") !== text) {
    console.error("infogeo_tensorboard/static/index.js is not built from these sources: npm run build");
    process.exit(1);
  }
} else {
  writeFileSync(bundle, text);
}

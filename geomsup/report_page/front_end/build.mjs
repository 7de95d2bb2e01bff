// Bundles the sources and puts them into the template: the same bytes from the same sources.
// node build.mjs [TARGET]
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "page.html");
const bundled = async (entry) => {
  const result = await build({
    entryPoints: [join(here, entry)], bundle: true, minify: true, write: false, charset: "ascii",
    format: "iife", target: ["chrome103", "firefox113", "safari16.4"], legalComments: "inline",
  });
  return result.outputFiles[0].text.trim();
};
const hashed = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const script = await bundled("src/main.ts");
const style = await bundled("src/page.css");
// Nothing but these two may run or be fetched, whatever the data holds.
const policy = `default-src 'none'; script-src ${hashed(script)}; style-src ${hashed(style)}; ` +
  "img-src data: blob:; base-uri 'none'; form-action 'none'";
// So that a page that is older than its sources shows, without a bundler.
const files = ["build.mjs", "package.json", ...readdirSync(join(here, "src"), { recursive: true }).map((name) => `src/${name}`)]
  .map((name) => name.replaceAll("\\", "/")).filter((name) => /\.\w+$/.test(name)).sort();
const all = createHash("sha256");
for (const name of files) all.update(`${name}\n`).update(readFileSync(join(here, name)));
const filled = { policy, style, script, sources: all.digest("hex") };
const template = readFileSync(join(here, "src", "template.html"), "utf8");
writeFileSync(target, template.replace(/\{\{(\w+)\}\}/g, (_, name) => filled[name]));

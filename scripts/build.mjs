// Bundles src/ into dist/, which is what a package ships: no TypeScript to strip at start, so half the start-up time
// and less memory. koffi stays outside: it loads its binary from its own package.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  entryPoints: { main: join(root, "src", "cli", "main.ts") },
  outdir: join(root, "dist"),
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  external: ["koffi"],
  legalComments: "linked",
  sourcemap: true,
  logLevel: "info",
  // commander and yaml are CommonJS: what they require must exist in an ES module.
  banner: {
    js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
  },
});

// Bundles src/ as every way of shipping needs it: one call of esbuild and one answer to the question where koffi's
// binary, the only native part, comes from.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

export const root = join(import.meta.dirname, "..");
const entry = join(root, "src", "cli", "main.ts");
/** What the agent starts a thread with: a file beside the others (src/agent/names/thread.ts). */
const worker = join(root, "src", "agent", "names", "worker.ts");
/** commander and yaml are CommonJS: what they require must exist in an ES module. */
const requireInModules =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';

/** Replaces the package koffi, which looks for its binary in many places, by one module of ours that knows the place. */
const koffiFrom = (file) => ({
  name: "koffi",
  setup: (building) => building.onResolve({ filter: /^koffi$/ }, () => ({ path: file })),
});

/** Licence texts of the packages that are in a bundle: they ask to be handed on with it. */
function writeLicences(outputs, file) {
  const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  const packages = new Set(inputs.map((input) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]));
  packages.delete(undefined);
  packages.add("koffi");
  const texts = [...packages]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const licence = readdirSync(folder).find((entryName) => /^licen[cs]e/i.test(entryName));
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (licence === undefined) throw new Error(`the package ${name} has no licence text`);
      return `${name} ${version} (${license})\n\n${readFileSync(join(folder, licence), "utf8").trim()}\n`;
    });
  writeFileSync(file, texts.join(`\n${"-".repeat(80)}\n\n`));
}

const common = {
  bundle: true,
  platform: "node",
  target: "node24",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  absWorkingDir: root,
};
const modules = { splitting: true, format: "esm", banner: { js: requireInModules } };

/** What npm's package ships: ES modules, in parts, so that a command loads only what it needs; koffi by its package. */
export async function bundleForPackage(folder) {
  const result = await build({
    ...common,
    ...modules,
    entryPoints: { main: entry, "names-worker": worker },
    outdir: folder,
    external: ["koffi"],
    sourcemap: true,
  });
  writeLicences(result.metafile.outputs, join(folder, "THIRD-PARTY-LICENSES.txt"));
}

/** The same for the image: nothing beside it but koffi.node in the same folder. */
export async function bundleForImage(folder) {
  const result = await build({
    ...common,
    ...modules,
    entryPoints: { portcullis: entry, "names-worker": worker },
    outExtension: { ".js": ".mjs" },
    outdir: folder,
    plugins: [koffiFrom(join(root, "scripts", "image", "koffi-beside.mjs"))],
  });
  writeLicences(result.metafile.outputs, join(folder, "THIRD-PARTY-LICENSES.txt"));
}

/** CommonJS files, as a single-file executable wants them; koffi's binary comes out of the executable. */
export async function bundleForExecutable(folder, licences) {
  const result = await build({
    ...common,
    entryPoints: { main: entry, "names-worker": worker },
    outdir: folder,
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    plugins: [koffiFrom(join(root, "scripts", "single-executable", "koffi-inside.mjs"))],
    define: {
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
      "import.meta.url": "__filename",
    },
  });
  writeLicences(result.metafile.outputs, licences);
}

// npm run single-executable [-- --arch x64|arm64]: artifacts/portcullis-linux-ARCH, Portcullis with Node in one file.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleForExecutable, root } from "./bundle.mjs";
import { packageFile } from "./npm-package.mjs";
import { run } from "./run.mjs";
import { withBlob } from "./single-executable/elf.mjs";

const { values } = parseArgs({ options: { arch: { type: "string", default: process.arch } } });
const { arch } = values;
if (arch !== "x64" && arch !== "arm64") throw new Error(`--arch is x64 or arm64, not ${arch}`);

/** The blob that Node runs; without code cache and snapshot it is the same for every processor. */
function makeBlob(folder) {
  const config = {
    main: join(folder, "main.cjs"),
    output: join(folder, "blob"),
    disableExperimentalSEAWarning: true,
    // The same input gives the same bytes, and another processor's executable can be made here.
    useCodeCache: false,
    useSnapshot: false,
    // NODE_OPTIONS is for Node; what runs here is Portcullis.
    execArgvExtension: "none",
    assets: {
      "koffi.node": join(folder, "koffi.node"),
      "names-worker.cjs": join(folder, "names-worker.cjs"),
    },
  };
  writeFileSync(join(folder, "sea.json"), JSON.stringify(config));
  run(process.execPath, ["--experimental-sea-config", join(folder, "sea.json")], folder);
  return readFileSync(config.output);
}

const target = join(root, "artifacts");
mkdirSync(target, { recursive: true });
const folder = mkdtempSync(join(target, ".making-"));
try {
  await bundleForExecutable(folder, join(folder, "licences.txt"));
  writeFileSync(join(folder, "koffi.node"), packageFile(`@koromix/koffi-linux-${arch}`, `linux_${arch}/koffi.node`));
  const node = packageFile(`node-linux-${arch}`, "bin/node");
  const file = join(target, `portcullis-linux-${arch}`);
  writeFileSync(file, withBlob(node, makeBlob(folder)), { mode: 0o755 });
  const licences = [packageFile(`node-linux-${arch}`, "LICENSE"), readFileSync(join(folder, "licences.txt"))];
  writeFileSync(`${file}.licences.txt`, Buffer.concat(licences));
  console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(folder, { recursive: true });
}

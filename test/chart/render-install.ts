/** `npm run deploy:render`: writes deploy/install*.yaml from the chart, and into the chart what it takes from docs/. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms } from "../apiserver/binaries/build.ts";
import { alertRules, chart, type InstallManifest, installManifest, installManifests } from "./helm.ts";

const missing = buildPrograms(["helm"]);
if (missing.length > 0) {
  console.error(missing.join("\n"));
  process.exit(1);
}
mkdirSync(join(chart, "files"), { recursive: true });
copyFileSync(alertRules, join(chart, "files", "rules.yaml"));
const folder = join(import.meta.dirname, "..", "..", "deploy");
mkdirSync(folder, { recursive: true });
for (const name of Object.keys(installManifests) as InstallManifest[]) {
  writeFileSync(join(folder, name), installManifest(name));
  console.log(`wrote ${join("deploy", name)}`);
}

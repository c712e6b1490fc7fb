/**
 * `npm run test:packaging`: builds the image, the single-file executable and the npm package, and starts each on a clean
 * root file system. What this machine lacks is printed, and all of it skipped; the last line is
 * `N passed, N failed, N skipped`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Totals, runFiles, totalsText } from "../run-files.ts";
import { buildRoots, repository, rootsVariable } from "./artifacts.ts";
import { openContainer } from "./container.ts";

function whatIsMissing(): string | null {
  if (process.getuid?.() !== 0) return "needs root";
  for (const program of ["buildah", "runc", "npm", "dpkg-deb", "apt-get"]) {
    if (spawnSync(program, ["--version"]).error !== undefined) return `needs ${program}, which is not installed`;
  }
  // Without root, scripts/bootstrap.mjs makes a user namespace, in which no container can be made of ours.
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8")))
    return "needs root of this machine";
  const empty = mkdtempSync(join(tmpdir(), "pct-probe-"));
  const container = openContainer(empty);
  const mounts = ["/usr", "/lib", "/lib64"]
    .filter((path) => existsSync(path))
    .map((path) => ({ from: path, at: path }));
  const { code, stderr } = container.run({ args: ["/usr/bin/true"], mounts });
  container.remove();
  rmSync(empty, { recursive: true });
  return code === 0 ? null : `runc cannot start a container here: ${stderr.trim()}`;
}

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
const missing = whatIsMissing();
if (missing === null) {
  const roots = buildRoots(tmpdir());
  process.env[rootsVariable] = roots;
  const files = globSync("test/packaging/**/*.test.ts", { cwd: repository }).sort();
  try {
    await runFiles(
      files.map((file) => join(repository, file)),
      totals,
      { concurrency: 1 },
    );
  } finally {
    rmSync(roots, { recursive: true, force: true });
  }
} else {
  console.log(`SKIPPED, all of it: ${missing}`);
  totals.skipped = 1;
}
console.log(totalsText(totals));
process.exitCode = totals.failed > 0 || totals.passed + totals.skipped === 0 ? 1 : 0;

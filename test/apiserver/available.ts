import { spawnSync } from "node:child_process";

/** Set by run.ts for the files that it runs: what this machine lacks; empty: nothing. */
export const missingVariable = "PORTCULLIS_TEST_APISERVER_MISSING";

/** Why tests with a real API server cannot run; false: they can. */
export function whySkipped(): string | false {
  const missing = process.env[missingVariable];
  if (missing === undefined) return "needs a real API server: npm run test:apiserver";
  if (missing !== "") return missing;
  for (const program of ["etcd", "openssl"]) {
    if (spawnSync(program, ["version"]).error !== undefined) return `needs ${program}, which is not installed`;
  }
  return false;
}

// Files out of the npm packages that package-lock.json pins: those installed here, or, for another processor, fetched
// by npm and compared with the lock file.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.mjs";
import { run } from "./run.mjs";

const cache = join(root, ".cache", "packages");

function locked(name) {
  const entry = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json does not name ${name}`);
  return entry;
}

/** Verified against the integrity in package-lock.json, also when it comes from the cache. */
function tarball(name) {
  const { version, integrity } = locked(name);
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  if (!existsSync(file)) {
    const npm = process.env.npm_execpath;
    const args = ["pack", "--silent", "--pack-destination", cache, `${name}@${version}`];
    run(npm === undefined ? "npm" : process.execPath, npm === undefined ? args : [npm, ...args], root);
  }
  const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  if (found !== integrity) throw new Error(`${file} is not what package-lock.json pins; delete it and try again`);
  return file;
}

/** One file of a package. */
export function packageFile(name, path) {
  const installed = join(root, "node_modules", name, path);
  if (existsSync(installed)) return readFileSync(installed);
  return run("tar", ["-xzOf", tarball(name), `package/${path}`], root);
}

/** The version of a package that package-lock.json pins. */
export function packageVersion(name) {
  return locked(name).version;
}

/** What is shipped, built from this tree, each as a root file system that holds nothing else. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackImage } from "./container.ts";

export const repository = join(import.meta.dirname, "..", "..");
const artifacts = join(repository, "artifacts");
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };

const debianName = process.arch === "x64" ? "amd64" : process.arch;
export const imageArchive = join(artifacts, `portcullis-${version}-linux-${debianName}.oci.tar`);
export const imageContents = imageArchive.replace(/\.oci\.tar$/, ".contents.txt");
export const executable = join(artifacts, `portcullis-linux-${process.arch}`);
/** Given to the test files by run.ts: the folder with the root file systems. */
export const rootsVariable = "PORTCULLIS_TEST_PACKAGING";

export type Way = "image" | "executable" | "package";

/** How each is started. */
export const commandOf: Readonly<Record<Way, readonly string[]>> = {
  image: ["/usr/local/bin/portcullis"],
  executable: ["/portcullis"],
  package: ["/app/node_modules/.bin/node", "/app/node_modules/portcullis/bin/portcullis"],
};

export function rootOf(way: Way): string {
  return join(process.env[rootsVariable] ?? "", way);
}

function script(name: string): void {
  execFileSync(process.execPath, [join(repository, "scripts", name)], { stdio: "inherit" });
}

/** Makes the package as it would be published and installs it as a user does, with its dependencies. */
function installPackage(folder: string): void {
  const npm = (args: readonly string[], cwd: string): string => execFileSync("npm", args, { cwd, encoding: "utf8" });
  script("build.mjs");
  const made = npm(["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], repository).trim();
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", version: "1.0.0", private: true }));
  const quiet = ["--no-audit", "--no-fund", "--silent", "--cache", join(repository, ".npm-cache")];
  npm(["install", ...quiet, join(folder, made)], folder);
}

/** Libraries of C and C++, which every distribution has, and places to mount on; no program. */
function addLibraries(image: string, root: string): void {
  for (const part of ["lib", "lib64"])
    cpSync(join(image, part), join(root, part), { recursive: true, verbatimSymlinks: true });
  for (const part of ["proc", "dev", "tmp", "run/portcullis", "etc/portcullis"])
    mkdirSync(join(root, part), { recursive: true });
}

/** Builds all and lays out the roots in a new folder below `scratch`. */
export function buildRoots(scratch: string): string {
  const folder = mkdtempSync(join(scratch, "pct-roots-"));
  const [image, single, app] = (["image", "executable", "package"] as const).map((way) => join(folder, way)) as [
    string,
    string,
    string,
  ];
  for (const root of [image, single, join(app, "app")]) mkdirSync(root, { recursive: true });
  script("image.mjs");
  unpackImage(imageArchive, image);
  script("single-executable.mjs");
  addLibraries(image, single);
  cpSync(executable, join(single, "portcullis"));
  addLibraries(image, app);
  installPackage(join(app, "app"));
  return folder;
}

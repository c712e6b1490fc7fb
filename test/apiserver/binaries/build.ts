/**
 * Builds the programs of a Kubernetes cluster, and helm, for the suites that need a real one: `npm run binaries:cluster`.
 * Minutes the first time, so what was built is kept outside of the clone, under a name made of what it was built from.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..", "..");
const links = join(root, ".cache", "cluster");

/** Without the version its clients cannot tell what the server can do. */
const versionFlags = [
  "-X k8s.io/component-base/version.gitVersion=v1.36.1",
  "-X k8s.io/component-base/version.gitMajor=1",
  "-X k8s.io/component-base/version.gitMinor=36",
  "-X k8s.io/client-go/pkg/version.gitVersion=v1.36.1",
];

/** As its own Makefile does: else it takes every cluster that it cannot ask for one of 2020. */
const helmFlags = ["chartutil", "lint/rules"].flatMap((folder) => [
  `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMajor=1`,
  `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMinor=36`,
]);

interface Build {
  readonly name: string;
  /** Where its go.mod is. */
  readonly folder: string;
  readonly target: string;
  readonly flags: string;
  readonly sources: readonly string[];
  /** The names it is called by. */
  readonly programs: readonly string[];
}

const builds: readonly Build[] = [
  {
    name: "kubernetes",
    folder: import.meta.dirname,
    target: ".",
    flags: ["-s -w", ...versionFlags].join(" "),
    sources: ["go.mod", "go.sum", "main.go"],
    programs: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"],
  },
  {
    name: "helm",
    folder: join(import.meta.dirname, "..", "helm"),
    target: "helm.sh/helm/v3/cmd/helm",
    flags: ["-s -w", ...helmFlags].join(" "),
    sources: ["go.mod", "go.sum"],
    programs: [],
  },
];

/** The path of a program: those of the cluster and helm from what was built, all others as PATH has them. */
export function programPath(name: string): string {
  const isBuilt = builds.some((build) => build.name === name || build.programs.includes(name));
  return isBuilt ? join(links, name) : name;
}

/** Where it is kept: another place for every version of the sources, the flags and the machine's kind. */
function keptAt(build: Build): string {
  const hash = createHash("sha256").update(`${process.arch}\0${build.target}\0${build.flags}\0`);
  for (const file of build.sources) hash.update(readFileSync(join(build.folder, file))).update("\0");
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "portcullis", `${build.name}-${hash.digest("hex").slice(0, 16)}`, build.name);
}

function link(path: string, name: string): void {
  const at = join(links, name);
  const there = lstatSync(at, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() === true && readlinkSync(at) === path) return;
  mkdirSync(links, { recursive: true });
  rmSync(`${at}.new`, { force: true });
  symlinkSync(path, `${at}.new`);
  renameSync(`${at}.new`, at);
}

/** Builds it to its place. Throws where Go cannot: that is no reason to skip what needs it. */
function buildOne(build: Build, path: string): void {
  const started = performance.now();
  mkdirSync(join(path, ".."), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const args = ["build", "-trimpath", "-mod=readonly", "-ldflags", build.flags, "-o", fresh, build.target];
  process.stderr.write(`building ${build.name} with Go; minutes the first time\n`);
  const { status, error } = spawnSync("go", args, {
    cwd: build.folder,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (error !== undefined || status !== 0) {
    rmSync(fresh, { force: true });
    throw new Error(`${build.name} cannot be built: ${error?.message ?? `go build failed (exit ${status})`}`);
  }
  renameSync(fresh, path);
  process.stderr.write(`built ${path} in ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
}

/** Which programs cannot be had without Go, one line each; empty: they are there. Builds what is not there yet. */
export function buildPrograms(wanted: readonly string[] = builds.map(({ name }) => name)): readonly string[] {
  const problems: string[] = [];
  for (const build of builds) {
    if (!wanted.includes(build.name)) continue;
    const path = keptAt(build);
    if (!existsSync(path)) {
      if (!hasGo()) {
        problems.push(`${build.name} has to be built with Go, which is not installed`);
        continue;
      }
      buildOne(build, path);
    }
    for (const name of [build.name, ...build.programs]) link(path, name);
  }
  return problems;
}

function hasGo(): boolean {
  return spawnSync("go", ["version"]).status === 0;
}

if (import.meta.main) {
  const problems = buildPrograms();
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

#!/usr/bin/env node
// Brings a fresh clone to where `npm run demo` and `npm test` can run, then runs them:
//   node scripts/bootstrap.mjs [--with=SUITE] ENTRY.ts [arguments]
// Plain JavaScript for Node >= 20, without dependencies: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bundledNode = join(root, "node_modules", ".bin", "node");

/** Programs that the labs and the tests need, by the Debian package that holds them. */
const packages = {
  nftables: "nft",
  iproute2: "ip",
  iptables: "iptables",
  ipset: "ipset",
  conntrack: "conntrack",
  openssl: "openssl",
};

/**
 * What only a machine that is thrown away afterwards gets: 96 MB, and servers that Debian starts. Elsewhere the tests
 * that need them say that they are skipped.
 */
const packagesOfCi = { prometheus: "promtool", "dnsmasq-base": "dnsmasq" };

/** What only some suites need, installed only when they are asked for (`--with=cluster`). */
const packagesOf = {
  names: { "dnsmasq-base": "dnsmasq" },
  cluster: { "etcd-server": "etcd" },
  packaging: { buildah: "buildah", runc: "runc" },
};

// Debian keeps nft, ip and the rest in sbin, which is not in the PATH of an ordinary user.
const path = [
  join(root, "node_modules", ".bin"),
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
].join(delimiter);

const say = (text) => process.stderr.write(`bootstrap: ${text}\n`);

function fail(text) {
  say(text);
  process.exit(3);
}

/** Runs a program in the clone with the terminal of this one; gives its exit code, 128+N for a signal. */
function run(program, args, environment = {}) {
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: path, ...environment },
  });
  if (result.error) fail(`${program} cannot be started: ${result.error.message}`);
  return result.status ?? 128;
}

function isInstalled(program) {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** npm writes the lock file of what is installed; if it names the same packages as ours, nothing is to do. */
function packagesAreInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed) || !existsSync(bundledNode)) return false;
  const have = JSON.parse(readFileSync(installed, "utf8")).packages;
  const want = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(want).every(
    ([name, entry]) => name === "" || entry.optional === true || have[name]?.version === entry.version,
  );
}

function installPackages() {
  if (packagesAreInstalled()) return;
  say("fetching Node 24 and the packages of package-lock.json by npm, into node_modules/ and .npm-cache/");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--loglevel=error"];
  const code = npm === undefined ? run("npm", args) : run(process.execPath, [npm, ...args]);
  if (code !== 0) fail(`npm ci failed (exit ${code}): nothing was run`);
  if (!existsSync(bundledNode)) fail(`there is no Node 24 package for ${process.platform}-${process.arch}`);
}

function installTools(wanted) {
  const missing = Object.keys(wanted).filter((name) => !isInstalled(wanted[name]));
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (process.getuid() !== 0) fail(`missing: ${list}. Install them as root: apt-get install ${list}`);
  if (!isInstalled("apt-get"))
    fail(`missing: ${list}, and there is no apt-get. Install them with your package manager`);
  say(`installing what is missing by apt: ${list}`);
  // RUNLEVEL=1: packages of servers start none.
  const apt = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"];
  if (run("apt-get", [...quiet, "update"], apt) !== 0)
    say("apt-get update failed; trying with the lists that are here");
  const code = run("apt-get", [...quiet, "install", "--yes", "--no-install-recommends", ...missing], apt);
  if (code !== 0) fail(`apt-get install ${list} failed (exit ${code})`);
}

/**
 * Without root: a user namespace in which this user is root, with a network and a /run of its own. `stage` tells
 * the copy of this script inside that it is inside.
 */
function enterUserNamespace(argv) {
  const probe = spawnSync("unshare", ["--user", "--map-root-user", "--net", "--mount", "true"], {
    env: { PATH: path },
  });
  if (probe.status !== 0) {
    const reason = probe.error?.message ?? probe.stderr?.toString().trim();
    fail(`not root, and this kernel gives no unprivileged user namespace (${reason}). Run it as root, or allow them`);
  }
  say("not root: running in an unprivileged user namespace of its own");
  const script = fileURLToPath(import.meta.url);
  return run(
    "unshare",
    [
      "--user",
      "--map-root-user",
      "--net",
      "--mount",
      "--propagation",
      "private",
      "--",
      process.execPath,
      script,
      ...argv,
    ],
    { PORTCULLIS_INSIDE_USER_NAMESPACE: "1" },
  );
}

function main() {
  const given = process.argv.slice(2);
  const suite = given[0]?.startsWith("--with=") ? given.shift().slice("--with=".length) : null;
  const [entry, ...rest] = given;
  if (entry === undefined) fail("usage: node scripts/bootstrap.mjs [--with=SUITE] ENTRY.ts [arguments]");
  if (suite !== null && packagesOf[suite] === undefined) fail(`there is no suite ${suite}`);
  if (process.env.PORTCULLIS_INSIDE_USER_NAMESPACE === "1") {
    // `ip netns` keeps its handles below /run, which belongs to the real root.
    if (run("mount", ["-t", "tmpfs", "tmpfs", "/run"]) !== 0) fail("cannot mount a /run in the user namespace");
    if (run("ip", ["link", "set", "lo", "up"]) !== 0) fail("cannot use the loopback of the user namespace");
    return run(bundledNode, [entry, ...rest], { PORTCULLIS_INSIDE_USER_NAMESPACE: "0" });
  }
  installPackages();
  const ofCi = process.env.CI === "true" && process.getuid() === 0 ? packagesOfCi : {};
  installTools({ ...packages, ...packagesOf[suite], ...ofCi });
  if (process.getuid() !== 0) return enterUserNamespace([entry, ...rest]);
  return run(bundledNode, [entry, ...rest]);
}

process.exit(main());

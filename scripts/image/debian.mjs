// Debian packages of either processor, fetched by apt, which checks their signatures, with lists and a cache of its
// own, so that nothing of this machine's apt changes; then compared with debian-packages.json.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../bundle.mjs";
import { run } from "../run.mjs";

const lockFile = join(import.meta.dirname, "debian-packages.json");
const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
export const debianNames = { x64: "amd64", arm64: "arm64" };

function sources(suite) {
  const from = (host, part) => `deb [signed-by=${keys}] http://deb.debian.org/${host} ${part} main\n`;
  return from("debian", suite) + from("debian-security", `${suite}-security`);
}

function apt(arch, suite) {
  const folder = join(root, ".cache", "apt", arch);
  for (const part of ["lists/partial", "cache/archives/partial", "packages"])
    mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, "sources.list"), sources(suite));
  const options = {
    "Dir::State": folder,
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "APT::Architecture": debianNames[arch],
    "APT::Architectures": debianNames[arch],
    // The cache may lie where the user _apt cannot go.
    "APT::Sandbox::User": "root",
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return {
    folder: join(folder, "packages"),
    get: (...args) => run("apt-get", ["-qq", ...flags, ...args], join(folder, "packages")),
  };
}

const digestOf = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
const fileOf = (folder, name) => readdirSync(folder).find((file) => file.startsWith(`${name}_`));

/** Writes today's versions and digests into the lock file. */
export function updateDebianPackages() {
  const lock = JSON.parse(readFileSync(lockFile, "utf8"));
  for (const [arch, packages] of Object.entries(lock.packages)) {
    const { folder, get } = apt(arch, lock.suite);
    get("update");
    get("download", ...packages.map(({ name }) => name));
    for (const entry of packages) {
      const file = fileOf(folder, entry.name);
      entry.version = String(run("dpkg-deb", ["-f", file, "Version"], folder)).trim();
      entry.sha256 = digestOf(join(folder, file));
    }
  }
  writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
}

/** The pinned packages of a processor: `{ name, version, file }`. Throws where Debian has other ones by now. */
export function debianPackages(arch) {
  const lock = JSON.parse(readFileSync(lockFile, "utf8"));
  const { folder, get } = apt(arch, lock.suite);
  const wanted = lock.packages[arch];
  const isHere = ({ name, sha256 }) => {
    const file = fileOf(folder, name);
    return file !== undefined && digestOf(join(folder, file)) === sha256;
  };
  if (!wanted.every(isHere)) {
    get("update");
    get("download", ...wanted.map(({ name }) => name));
  }
  return wanted.map(({ name, version, sha256 }) => {
    const file = join(folder, fileOf(folder, name));
    if (digestOf(file) === sha256) return { name, version, file };
    throw new Error(
      `Debian's ${name} is not the pinned ${version} any more. Bring the pins up to date (npm run image -- --update-debian), read the difference, commit it`,
    );
  });
}

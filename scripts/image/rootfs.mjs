// The two layers of the image as folders: below, what rarely changes (Node, the C libraries it needs), above, Portcullis.
import {
  cpSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { bundleForImage, root } from "../bundle.mjs";
import { packageFile, packageVersion } from "../npm-package.mjs";
import { run } from "../run.mjs";
import { debianPackages } from "./debian.mjs";

const triplets = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
/** Where the kernel looks for the loader of a program: part of each processor's ABI. */
const loaders = { x64: "lib64/ld-linux-x86-64.so.2", arm64: "lib/ld-linux-aarch64.so.1" };
const libraries = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1", "libstdc++.so.6"];

/** Text files of the system that libc reads. */
const settings = {
  "etc/passwd": "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n",
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/nsswitch.conf": "hosts: files dns\n",
};
/** Places to mount on: a runtime cannot make them in a read-only root. */
const mountPoints = ["dev", "proc", "sys", "tmp", "run/portcullis", "var/lib/portcullis", "etc/portcullis"];

function put(folder, path, bytes, mode = 0o644) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes, { mode });
}

/** Relative, so that the tree means the same wherever it is unpacked. */
function link(folder, path, target) {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  symlinkSync(relative(dirname(path), target), join(folder, path));
}

/** Finds a library below lib/ or usr/lib/ of the unpacked packages and copies what stands behind its name. */
function copyLibrary(from, to, triplet, name) {
  const places = ["lib", "usr/lib"].map((folder) => join(from, folder, triplet, name));
  for (const place of places) {
    try {
      const target = join(to, "lib", triplet, name);
      copyFileSync(place, target);
      return;
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  throw new Error(`Debian's packages hold no ${name}`);
}

/** Adds to `sources`: where each file comes from, by its path. */
function addDebian(folder, arch, sources) {
  const triplet = triplets[arch];
  const unpacked = mkdtempSync(join(dirname(folder), ".debian-"));
  mkdirSync(join(folder, "lib", triplet), { recursive: true });
  const packages = debianPackages(arch);
  // All of them first: the licence of one may be a link into another.
  for (const { file } of packages) run("dpkg-deb", ["-x", file, unpacked]);
  for (const { name, version, file } of packages) {
    // As in other images without dpkg: scanners read here what there is to patch.
    put(folder, `var/lib/dpkg/status.d/${name}`, run("dpkg-deb", ["-f", file]));
    const licence = `usr/share/doc/${name}/copyright`;
    put(folder, licence, readFileSync(join(unpacked, licence)));
    for (const path of [licence, `var/lib/dpkg/status.d/${name}`]) sources.set(path, `Debian ${name} ${version}`);
  }
  const loader = loaders[arch];
  const loaderName = loader.slice(loader.lastIndexOf("/") + 1);
  for (const name of [...libraries, loaderName]) copyLibrary(unpacked, folder, triplet, name);
  link(folder, loader, `lib/${triplet}/${loaderName}`);
  const owner = (name) => packages.find((entry) => entry.name === name);
  for (const name of [...libraries, loaderName]) {
    const from = owner(name.startsWith("libgcc") ? "libgcc-s1" : name.startsWith("libstdc") ? "libstdc++6" : "libc6");
    sources.set(`lib/${triplet}/${name}`, `Debian ${from.name} ${from.version}`);
  }
  rmSync(unpacked, { recursive: true });
}

/** The lower layer. */
export function writeBase(folder, arch, sources) {
  const node = `node-linux-${arch}`;
  put(folder, "usr/local/bin/node", packageFile(node, "bin/node"), 0o755);
  put(folder, "usr/local/share/doc/node/LICENSE", packageFile(node, "LICENSE"));
  for (const path of ["usr/local/bin/node", "usr/local/share/doc/node/LICENSE"])
    sources.set(path, `npm ${node} ${packageVersion(node)}`);
  addDebian(folder, arch, sources);
  for (const [path, text] of Object.entries(settings)) put(folder, path, text);
  for (const path of mountPoints) mkdirSync(join(folder, path), { recursive: true });
}

/** The upper layer. */
export async function writeApplication(folder, arch, sources) {
  const home = join(folder, "opt", "portcullis");
  mkdirSync(home, { recursive: true });
  await bundleForImage(home);
  const entry = join(home, "portcullis.mjs");
  writeFileSync(entry, `#!/usr/local/bin/node\n${readFileSync(entry, "utf8")}`, { mode: 0o755 });
  run("chmod", ["755", entry]);
  const koffi = `@koromix/koffi-linux-${arch}`;
  put(home, "koffi.node", packageFile(koffi, `linux_${arch}/koffi.node`));
  sources.set("opt/portcullis/koffi.node", `npm ${koffi} ${packageVersion(koffi)}`);
  cpSync(join(root, "LICENSE"), join(home, "LICENSE"));
  link(folder, "usr/local/bin/portcullis", "opt/portcullis/portcullis.mjs");
}

/** Every file and link of the folders, in the order of their paths, with what it is and where it comes from. */
export function listContents(folders, sources) {
  const lines = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return [];
      const file = join(entry.parentPath, entry.name);
      return [[file.slice(folder.length + 1), file, entry.isSymbolicLink()]];
    }),
  );
  return lines
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, file, isLink]) => ({
      path: `/${path}`,
      isLink,
      file,
      source: sources.get(path) ?? "Portcullis",
    }));
}

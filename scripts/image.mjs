// npm run image [-- --arch x64|arm64] [--name NAME] [--root FOLDER] [--update-debian]
// Builds the container image as an OCI archive in artifacts/, with a list of what is in it. --root FOLDER: only the
// image's files, into that folder's base/ and application/, for the Dockerfile.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.mjs";
import { writeArchive } from "./image/archive.mjs";
import { debianNames, updateDebianPackages } from "./image/debian.mjs";
import { listContents, writeApplication, writeBase } from "./image/rootfs.mjs";
import { run } from "./run.mjs";

const { version, description, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { values } = parseArgs({
  options: {
    arch: { type: "string", default: process.arch },
    name: { type: "string", default: `ghcr.io/portcullis/portcullis:${version}` },
    root: { type: "string" },
    "update-debian": { type: "boolean", default: false },
  },
});
const { arch } = values;
if (debianNames[arch] === undefined) throw new Error(`--arch is x64 or arm64, not ${arch}`);
const artifacts = join(root, "artifacts");

/** The commit that is built, and its time: what the image's labels and files carry. */
function provenance() {
  const git = (...args) => (existsSync(join(root, ".git")) ? String(run("git", args, root)).trim() : "");
  const changed = git("status", "--porcelain", "--", "src", "scripts", "package-lock.json", "LICENSE") !== "";
  const revision = process.env.REVISION ?? git("rev-parse", "HEAD") + (changed ? "-changed" : "");
  const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? (git("log", "-1", "--format=%ct") || "0"));
  return { revision, seconds };
}

function describe({ path, isLink, file, source }) {
  if (isLink) return `${"link".padStart(9)}  ${"-".repeat(12)}  ${path} -> ${readlinkSync(file)}  (${source})`;
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
  return `${String(statSync(file).size).padStart(9)}  ${digest}  ${path}  (${source})`;
}

async function writeLayers(base, application) {
  const sources = new Map();
  writeBase(base, arch, sources);
  chmodSync(join(base, "tmp"), 0o1777);
  await writeApplication(application, arch, sources);
  return listContents([base, application], sources);
}

async function main() {
  if (values["update-debian"]) return updateDebianPackages();
  mkdirSync(artifacts, { recursive: true });
  const scratch = mkdtempSync(join(artifacts, ".making-"));
  try {
    const files = values.root === undefined ? scratch : resolve(values.root);
    const [base, application] = [join(files, "base"), join(files, "application")];
    const contents = await writeLayers(base, application);
    if (values.root !== undefined) return undefined;
    const { revision, seconds } = provenance();
    const stem = join(artifacts, `portcullis-${version}-linux-${debianNames[arch]}`);
    const labels = {
      title: "portcullis",
      description,
      version,
      revision,
      licenses: license,
      created: new Date(seconds * 1000).toISOString(),
    };
    const image = { name: values.name, arch, labels, layers: [base, application], seconds };
    const digest = writeArchive(image, `${stem}.oci.tar`, scratch);
    writeFileSync(`${stem}.contents.txt`, `${contents.map(describe).join("\n")}\n`);
    const unpacked = contents.reduce((sum, { isLink, file }) => sum + (isLink ? 0 : statSync(file).size), 0);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    console.log(`${stem}.oci.tar: ${values.name} ${digest}`);
    console.log(
      `${megabytes(statSync(`${stem}.oci.tar`).size)} MB compressed, ${megabytes(unpacked)} MB in ${contents.length} files`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return undefined;
}

await main();

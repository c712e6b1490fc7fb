// Layers as folders → an OCI archive, by buildah, which needs neither a daemon nor a registry nor to run anything in
// the image. The same folders and the same time give the same bytes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../run.mjs";
import { debianNames } from "./debian.mjs";

/** Kernels set neither an overlay nor labels apart for us here: vfs copies, which always works. */
function buildahIn(folder) {
  const place = ["--storage-driver", "vfs", "--root", join(folder, "storage"), "--runroot", join(folder, "run")];
  return (...args) => String(run("buildah", [...place, ...args])).trim();
}

function describeImage(image) {
  const { arch, labels } = image;
  return [
    ["--os", "linux"],
    ["--arch", debianNames[arch]],
    ...(arch === "arm64" ? [["--variant", "v8"]] : []),
    ["--entrypoint", JSON.stringify(["/usr/local/bin/portcullis"])],
    ["--cmd", "--help"],
    ["--env", "PATH=/usr/local/bin"],
    ["--workingdir", "/"],
    ...Object.entries(labels).map(([name, value]) => ["--label", `org.opencontainers.image.${name}=${value}`]),
  ].flat();
}

/** containerd names an image that it imports from an archive by an annotation of its own. */
function nameForContainerd(layout, name) {
  const file = join(layout, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8"));
  for (const manifest of index.manifests) {
    manifest.annotations = { ...manifest.annotations, "io.containerd.image.name": name };
  }
  writeFileSync(file, JSON.stringify(index));
  return index.manifests[0].digest;
}

/** Writes the archive; gives the digest of the image's manifest. `image`: `{ name, arch, labels, layers, seconds }`. */
export function writeArchive(image, file, scratch) {
  const folder = mkdtempSync(join(scratch, "buildah-"));
  const buildah = buildahIn(folder);
  const time = String(image.seconds);
  const layout = join(folder, "layout");
  try {
    let below = "scratch";
    for (const [index, layer] of image.layers.entries()) {
      const container = buildah("from", "--pull-never", below);
      buildah("copy", "--quiet", "--chown", "0:0", container, layer, "/");
      const isLast = index === image.layers.length - 1;
      buildah("config", "--created-by", "npm run image", container);
      if (isLast) buildah("config", ...describeImage(image), container);
      below = isLast ? `oci:${layout}:${image.name}` : "localhost/portcullis-base";
      buildah(
        "commit",
        "--quiet",
        "--format",
        "oci",
        "--timestamp",
        time,
        "--disable-compression=false",
        container,
        below,
      );
    }
    const digest = nameForContainerd(layout, image.name);
    const same = ["--sort=name", `--mtime=@${time}`, "--owner=0", "--group=0", "--numeric-owner", "--mode=a=rX,u+w"];
    run("tar", ["-C", layout, ...same, "-cf", file, "."]);
    return digest;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

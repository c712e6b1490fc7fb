import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { executable, imageArchive, imageContents, repository, rootOf, rootsVariable } from "./artifacts.ts";
import { unpackImage } from "./container.ts";

const skip = process.env[rootsVariable] === undefined ? "run by npm run test:packaging" : false;

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort();
}

/** Every program that the kernel would start: by its bits and by its first bytes. */
function programs(root: string): readonly string[] {
  return filesBelow(root).filter((path) => {
    const file = join(root, path);
    if (!lstatSync(file).isFile() || (statSync(file).mode & 0o111) === 0) return false;
    const start = readFileSync(file).subarray(0, 4).toString("latin1");
    return start.startsWith("#!") || (start === "\x7fELF" && !/\.so(\.\d+)*$/.test(path));
  });
}

describe("the image", { skip }, () => {
  it("holds exactly what its list of contents says", () => {
    const listed = readFileSync(imageContents, "utf8").trimEnd().split("\n");
    const paths = listed.map((line) => / {2}(\/\S+)/.exec(line)?.[1] ?? line);
    assert.deepEqual([...paths].sort(), filesBelow(rootOf("image")));
    for (const line of listed) assert.match(line, /\((Portcullis|npm \S+ \S+|Debian \S+ \S+)\)$/);
  });

  it("has two programs, Node and Portcullis, and so no shell", () => {
    assert.deepEqual(programs(rootOf("image")), ["/opt/portcullis/portcullis.mjs", "/usr/local/bin/node"]);
  });

  it("can be read by everybody, written by nobody but root, and holds no setuid program", () => {
    for (const path of filesBelow(rootOf("image"))) {
      const { mode, uid, gid } = statSync(
        join(
          rootOf("image"),
          path.startsWith("/lib64")
            ? "/usr/local/bin/node"
            : path === "/usr/local/bin/portcullis"
              ? "/opt/portcullis/portcullis.mjs"
              : path,
        ),
      );
      assert.deepEqual(
        { path, owner: [uid, gid], open: (mode & 0o444) === 0o444, loose: mode & 0o7022 },
        { path, owner: [0, 0], open: true, loose: 0 },
      );
    }
  });

  it("names what it is, which commit it is made of, and starts Portcullis", () => {
    const folder = mkdtempSync(join(tmpdir(), "pct-image-"));
    try {
      const { config } = unpackImage(imageArchive, folder);
      assert.deepEqual(config.Entrypoint, ["/usr/local/bin/portcullis"]);
      assert.deepEqual(config.Env, ["PATH=/usr/local/bin"]);
      const labels = config.Labels;
      assert.equal(labels["org.opencontainers.image.licenses"], "Apache-2.0");
      assert.match(labels["org.opencontainers.image.revision"] ?? "", /^([0-9a-f]{40}(-changed)?)?$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is small", () => {
    assert.ok(statSync(imageArchive).size < 64e6, `${statSync(imageArchive).size} bytes`);
  });

  it("comes out the same, byte for byte, when built again at another time", () => {
    const folder = mkdtempSync(join(tmpdir(), "pct-image-"));
    const build = (to: string): void => {
      const env = { ...process.env, SOURCE_DATE_EPOCH: "1700000000", REVISION: "0".repeat(40) };
      execFileSync(process.execPath, [join(repository, "scripts", "image.mjs")], { env });
      copyFileSync(imageArchive, join(folder, to));
    };
    try {
      build("first");
      build("second");
      assert.ok(readFileSync(join(folder, "first")).equals(readFileSync(join(folder, "second"))));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is what the Dockerfile copies, too", () => {
    const folder = mkdtempSync(join(tmpdir(), "pct-dockerfile-"));
    try {
      execFileSync(process.execPath, [join(repository, "scripts", "image.mjs"), "--root", folder]);
      const copies = [
        ...readFileSync(join(repository, "Dockerfile"), "utf8").matchAll(
          /^COPY --from=files --chown=0:0 \/image\/(\w+)\/ \/$/gm,
        ),
      ];
      const files = copies.flatMap(([, layer = ""]) => filesBelow(join(folder, layer)));
      assert.deepEqual(files.sort(), filesBelow(rootOf("image")));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("for arm64, by the same steps", { skip }, () => {
  const emulator = "qemu-aarch64-static";
  const noEmulator =
    spawnSync(emulator, ["--version"]).error === undefined ? false : `needs ${emulator} (package qemu-user-static)`;
  const folder = mkdtempSync(join(tmpdir(), "pct-arm64-"));
  after(() => rmSync(folder, { recursive: true }));
  const emulate = (...args: readonly string[]): string =>
    execFileSync(emulator, ["-L", folder, ...args], { encoding: "utf8" });

  it("the image holds files of that processor", () => {
    execFileSync(process.execPath, [join(repository, "scripts", "image.mjs"), "--arch", "arm64"]);
    const { architecture } = unpackImage(imageArchive.replace("amd64", "arm64"), folder);
    assert.equal(architecture, "arm64");
    assert.deepEqual(programs(folder), programs(rootOf("image")));
    for (const file of ["usr/local/bin/node", "opt/portcullis/koffi.node", "lib/aarch64-linux-gnu/libc.so.6"]) {
      // e_machine of the ELF header: 183 is AArch64.
      assert.equal(readFileSync(join(folder, file)).readUInt16LE(18), 183, file);
    }
  });

  it("the image's program starts, and its native part can be loaded", { skip: noEmulator }, () => {
    const node = join(folder, "usr/local/bin/node");
    assert.match(emulate(node, join(folder, "opt/portcullis/portcullis.mjs"), "version"), /^portcullis \d/);
    const load = `process.stdout.write(require(${JSON.stringify(join(folder, "opt/portcullis/koffi.node"))}).version)`;
    assert.match(emulate(node, "-e", load), /^\d+\.\d+\.\d+$/);
  });

  it("the single executable starts", { skip: noEmulator }, () => {
    execFileSync(process.execPath, [join(repository, "scripts", "single-executable.mjs"), "--arch", "arm64"]);
    assert.match(emulate(executable.replace(process.arch, "arm64"), "version"), /^portcullis \d/);
  });
});

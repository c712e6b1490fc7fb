// Stands for the package koffi in the single-file executable: takes koffi's binary out of the executable and loads it.
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { getRawAsset } = createRequire(process.execPath)("node:sea");
/** open(2), include/uapi/asm-generic/fcntl.h: a file that never has a name, so that nobody can replace it. Node has no name for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Opens a file to write that nobody but us can reach, below the folder; its name, if it needs one, is gone at once. */
function openNameless(folder) {
  try {
    return openSync(folder, O_TMPFILE | constants.O_RDWR, 0o500);
  } catch (error) {
    // What an overlay file system before Linux 6.1 and some network file systems answer.
    if (error.code !== "EOPNOTSUPP" && error.code !== "EISDIR") throw error;
  }
  const own = mkdtempSync(join(folder, "portcullis-"));
  try {
    return openSync(join(own, "koffi.node"), constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o500);
  } finally {
    rmSync(own, { recursive: true });
  }
}

function load() {
  const bytes = Buffer.from(getRawAsset("koffi.node"));
  const refused = [];
  // A container with a read-only root has /dev/shm; a folder may be mounted noexec.
  for (const folder of new Set([tmpdir(), "/run", "/dev/shm", "/var/tmp"])) {
    let file;
    try {
      file = openNameless(folder);
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      const module = { exports: {} };
      process.dlopen(module, `/proc/self/fd/${file}`);
      return module.exports;
    } catch (error) {
      refused.push(`${folder}: ${error.message}`);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }
  throw new Error(
    `portcullis keeps a part of itself in memory that it can only load from a folder to write and execute in, with /proc mounted, and there is none: ${refused.join("; ")}. Mount a tmpfs without noexec and name it in TMPDIR`,
  );
}

export default load();

/** Root file systems with nothing in them but what is shipped, and programs started in them by runc, as a node does it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Mount {
  /** On this machine. */
  readonly from: string;
  /** In the container. */
  readonly at: string;
  readonly writable?: boolean;
}

export interface Start {
  readonly args: readonly string[];
  /** The network namespace by name; absent: one of its own, with nothing in it. */
  readonly netns?: string;
  readonly mounts?: readonly Mount[];
  readonly environment?: readonly string[];
}

/** The only capability that the agent is given. */
const capabilities = ["CAP_NET_ADMIN"];

/** What an OCI runtime is told: the root is read-only, and there is a small /tmp where `tmpfs` says so. */
function runtimeConfig(root: string, start: Start, temporary: readonly string[]): object {
  const namespaces: { type: string; path?: string }[] = ["pid", "ipc", "uts", "mount"].map((type) => ({ type }));
  namespaces.push({ type: "network", ...(start.netns === undefined ? {} : { path: `/run/netns/${start.netns}` }) });
  const bound = (start.mounts ?? []).map(({ from, at, writable = false }) => ({
    destination: at,
    type: "bind",
    source: from,
    options: ["bind", writable ? "rw" : "ro"],
  }));
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: start.args,
      env: ["PATH=/usr/local/bin", ...(start.environment ?? [])],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
      ...temporary.map((destination) => ({
        destination,
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "nodev"],
      })),
      ...bound,
    ],
    linux: {
      namespaces,
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** What it has written so far. */
  output(): string;
  /** Asks it to end, waits; gives its exit code. */
  stop(): Promise<number | null>;
}

/** A root file system to start programs in. */
export interface Container {
  readonly root: string;
  /** Runs a program to its end. */
  run(start: Start): Ended;
  /** Starts a program that goes on. */
  start(start: Start): Running;
  remove(): void;
}

/** `temporary`: where the container has a tmpfs. */
export function openContainer(root: string, temporary: readonly string[] = []): Container {
  const folder = mkdtempSync(join(tmpdir(), "pct-runc-"));
  const runc = (name: string): readonly string[] => ["--root", join(folder, "state"), name];
  const prepare = (start: Start): readonly string[] => {
    const id = `pct-${randomBytes(5).toString("hex")}`;
    const bundle = join(folder, id);
    mkdirSync(bundle);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(runtimeConfig(root, start, temporary)));
    return [...runc("run"), "--bundle", bundle, id];
  };
  return {
    root,
    run: (start) => {
      const { status, stdout, stderr } = spawnSync("runc", prepare(start), { encoding: "utf8", timeout: 60_000 });
      return { code: status, stdout, stderr };
    },
    start: (start) => {
      const child = spawn("runc", prepare(start), { stdio: ["ignore", "pipe", "pipe"] });
      const parts: string[] = [];
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (part: Buffer) => parts.push(part.toString()));
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      return {
        process: child,
        output: () => parts.join(""),
        stop: () => {
          // runc hands the signal on to the container's first process.
          child.kill("SIGTERM");
          return ended;
        },
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Unpacks the layers of an OCI archive into the folder, as a runtime does; gives the image's configuration. */
export function unpackImage(archive: string, folder: string): ImageConfig {
  const read = (path: string): Buffer => execFileSync("tar", ["-xOf", archive, `./${path}`], { maxBuffer: 1 << 28 });
  const parse = (path: string): unknown => JSON.parse(read(path).toString());
  const blob = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
  const index = parse("index.json") as { manifests: { digest: string }[] };
  const manifest = parse(blob(index.manifests[0]?.digest ?? "")) as Manifest;
  for (const { digest } of manifest.layers) {
    execFileSync("tar", ["-xzf", "-", "-C", folder], { input: read(blob(digest)) });
  }
  return parse(blob(manifest.config.digest)) as ImageConfig;
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

export interface ImageConfig {
  readonly architecture: string;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Env: readonly string[];
  };
}

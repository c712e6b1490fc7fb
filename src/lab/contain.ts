import { Socket } from "node:net";
import { outputOf, runAtOnce, startProgram } from "../system/program.ts";

/**
 * Containment: a command that runs as the first process of a private tree of namespaces (mount, network, process ids;
 * without root a user namespace too). When that process ends, however it ends, the kernel ends every process of the
 * tree, and with the last of them all its network namespaces go. Nothing of a lab is ever visible outside.
 *
 * The first process ends with the one that started it: the kernel kills it (PR_SET_PDEATHSIG), and as that signal is
 * lost if the parent dies too early, it also watches a pipe whose other end the parent holds.
 */
const insideMark = "PORTCULLIS_CONTAINED";
const lifeline = 3;

const rootless = ["--user", "--map-root-user"];
const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** Whether this process is the first of a contained tree. */
export function isContained(): boolean {
  return process.env[insideMark] === "1" && process.pid === 1;
}

function unshareArguments(): readonly string[] {
  return process.getuid?.() === 0 ? namespaces : [...rootless, ...namespaces];
}

/** Why this machine cannot run a lab; null where it can. Costs some milliseconds. */
export function whatIsMissing(): string | null {
  for (const [program, argument, from] of [
    ["unshare", "--version", "util-linux"],
    ["setpriv", "--version", "util-linux"],
    ["ip", "-V", "iproute2"],
    ["nft", "--version", "nftables"],
  ] as const) {
    if (runAtOnce(program, [argument]).absent) {
      return `the lab needs \`${program}\` (package ${from}), which is not installed`;
    }
  }
  const attempt = runAtOnce("unshare", [...unshareArguments(), "true"]);
  if (attempt.code === 0) return null;
  const said = attempt.stderr.trim();
  if (process.getuid?.() === 0) return `the lab needs namespaces, and root may not make them here: ${said}`;
  return (
    `without root the lab needs unprivileged user namespaces, and the kernel refuses them: ${said}. ` +
    "Run it as root, or allow them: sysctl user.max_user_namespaces above 0, and where they exist " +
    "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0"
  );
}

/** Runs Node with these arguments in a containment of its own, on our terminal. Gives its exit code. */
export function runContained(args: readonly string[]): Promise<number> {
  const wrap = ["--pdeathsig", "KILL", "unshare", ...unshareArguments(), process.execPath, ...args];
  const child = startProgram("setpriv", wrap, {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, [insideMark]: "1" },
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}

/** To be called first inside: gives the tree a /run of its own, and ends it with its parent. */
export function settleInside(): void {
  const life = new Socket({ fd: lifeline });
  life.on("close", () => process.exit(1));
  life.on("error", () => process.exit(1));
  life.resume();
  life.unref();
  outputOf("mount", ["-t", "tmpfs", "-o", "mode=755", "lab", "/run"]);
}

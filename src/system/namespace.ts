import { closeSync, openSync, readdirSync } from "node:fs";
import { call } from "./libc.ts";
import { outputOf } from "./program.ts";

const CLONE_NEWNET = 0x40000000;
const folder = "/run/netns";

/** Adds and deletes named network namespaces, all in one process (1 ms each). Throws with what `ip` said. */
export function changeNamespaces(changes: readonly { readonly verb: "add" | "del"; readonly name: string }[]): void {
  if (changes.length === 0) return;
  const lines = changes.map(({ verb, name }) => `netns ${verb} ${name}\n`);
  outputOf("ip", ["-batch", "-"], lines.join(""));
}

/** The named network namespaces whose names start with the prefix. */
export function namespacesWithPrefix(prefix: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

/** The file that stands for a network namespace: a name that `ip netns` knows, or a path (`/proc/PID/ns/net`). */
export function namespacePath(netns: string): string {
  return netns.startsWith("/") ? netns : `${folder}/${netns}`;
}

let home: number | null = null;

/**
 * Runs `work` with this thread in the network namespace: sockets opened, processes spawned and /proc/sys/net files
 * read by it belong there. Null: where the process is. `work` must be synchronous, so nothing else ever runs on this
 * thread meanwhile. Throws SystemCallError or a file error where there is no such namespace or no right to enter it.
 */
export function inNamespace<T>(netns: string | null, work: () => T): T {
  if (netns === null) return work();
  home ??= openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(namespacePath(netns), "r");
  try {
    call("setns", there, CLONE_NEWNET);
    try {
      return work();
    } finally {
      call("setns", home, CLONE_NEWNET);
    }
  } finally {
    closeSync(there);
  }
}

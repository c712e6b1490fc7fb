import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync } from "node:fs";
import { call } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;
const folder = "/run/netns";

/** Adds and deletes named network namespaces, all in one process (1 ms each). */
export function changeNamespaces(changes: readonly { readonly verb: "add" | "del"; readonly name: string }[]): void {
  if (changes.length === 0) return;
  const lines = changes.map(({ verb, name }) => `netns ${verb} ${name}\n`);
  execFileSync("ip", ["-batch", "-"], { input: lines.join(""), stdio: ["pipe", "ignore", "pipe"] });
}

/** The named network namespaces whose names start with the prefix. */
export function namespacesWithPrefix(prefix: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

/** The file that stands for a named network namespace. */
export function namespacePath(name: string): string {
  return `${folder}/${name}`;
}

let home: number | null = null;
const open = new Map<string, number>();

function descriptorOf(name: string): number {
  const known = open.get(name);
  if (known !== undefined) return known;
  const fd = openSync(namespacePath(name), "r");
  open.set(name, fd);
  return fd;
}

/** Closes what `inside` keeps open of a namespace, so that it can go once it is deleted. */
export function forgetNamespace(name: string): void {
  const fd = open.get(name);
  if (fd === undefined) return;
  open.delete(name);
  closeSync(fd);
}

/** The descriptor of a named namespace, for messages to the kernel; it stays owned by this module. */
export function namespaceDescriptor(name: string): number {
  return descriptorOf(name);
}

/**
 * Runs `work` with this thread in the named namespace: sockets opened, processes spawned and /proc/sys/net files
 * read by it belong there. `work` must be synchronous; Node's synchronous fs and spawn stay on this thread.
 */
export function inside<T>(name: string, work: () => T): T {
  home ??= openSync("/proc/thread-self/ns/net", "r");
  call("setns", descriptorOf(name), CLONE_NEWNET);
  try {
    return work();
  } finally {
    call("setns", home, CLONE_NEWNET);
  }
}

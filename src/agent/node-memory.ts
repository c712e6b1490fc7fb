import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { NodeRules } from "../ir/ruleset.ts";
import type { Log } from "../observe/log.ts";
import { type NodeState, formatNodeState } from "./node-state.ts";

/** Keeps what the next boot needs to know of this node in a file. */
export interface NodeMemory {
  /** Called whenever the kernel has taken these rules. */
  keep(node: NodeRules): void;
  /** The next boot is to close nothing: the rules were taken away for good. */
  forget(): void;
}

/** One level only: Node's recursive way never comes back where the kernel says ENOENT to a name that it will not make (/proc). */
function makeFolder(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o755 });
}

/** All of it or nothing, whenever the power goes. */
function writeWhole(path: string, text: string): void {
  makeFolder(dirname(path));
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}

/** A file that cannot be written is told of once, and does not keep anything from being enforced. */
export function createNodeMemory(path: string, rest: Omit<NodeState, "node">, log: Log): NodeMemory {
  let kept: string | null = null;
  let failing = false;
  const attempt = (what: string, run: () => void): void => {
    try {
      run();
      failing = false;
    } catch (error) {
      if (!failing)
        log.warn(`the state of this node cannot be ${what}`, {
          error: error instanceof Error ? error.message : String(error),
          effect: "traffic is not affected now; at the next boot the node is closed as the file says, if there is one",
          do: `make room at ${path}, or make it writable for the agent`,
        });
      failing = true;
    }
  };
  return {
    keep: (node) => {
      const text = formatNodeState({ ...rest, node });
      if (text === kept) return;
      attempt("kept", () => {
        writeWhole(path, text);
        kept = text;
      });
    },
    forget: () =>
      attempt("removed", () => {
        rmSync(path, { force: true });
        kept = null;
      }),
  };
}

/** The same dataplane, which tells the memory of each change of the node that the kernel has taken. */
export function rememberingDataplane(real: Dataplane, memory: Pick<NodeMemory, "keep">): Dataplane {
  return {
    ...real,
    sync: async (ruleset) => {
      const report = await real.sync(ruleset);
      memory.keep(ruleset.node);
      return report;
    },
    apply: async (change) => {
      const report = await real.apply(change);
      if (change.node !== null) memory.keep(change.node);
      return report;
    },
  };
}

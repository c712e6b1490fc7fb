import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { NodeRules } from "../ir/ruleset.ts";
import type { Log } from "../observe/log.ts";
import type { LearnedSince } from "./learned.ts";
import { type NodeState, formatNodeState, readNodeState } from "./node-state.ts";

/** Keeps what the next boot needs to know of this node in a file. */
export interface NodeMemory {
  /** Called whenever the kernel has taken these rules. */
  keep(node: NodeRules): void;
  /** The same, but many at once are written down as one, some time later or at `flush`. */
  keepSoon(node: NodeRules): void;
  flush(): void;
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

/** Pods start many at a time, and a disk may need long to say that it has something. */
const soon = 1000;

/** With as many learned addresses as there may be it has half a megabyte. */
const largest = 4 << 20;

/** The text of the file; throws at what is no file of ours, which could keep a boot waiting for ever (a pipe, a device). */
export function readStateFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, ...stat } = fstatSync(file);
    if ((stat.mode & constants.S_IFMT) !== constants.S_IFREG || size > largest)
      throw new Error(`${path} is not a file, or larger than 4 MiB`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** What an earlier agent for this node had learned, by its file; nothing where there is none that can be read. */
export function rememberedLearned(path: string, nodeName: string): LearnedSince {
  try {
    const read = readNodeState(readStateFile(path));
    return read.ok && read.state.node.name === nodeName ? read.state.learned : new Map();
  } catch {
    return new Map();
  }
}

/** What is in the file beside the rules of the node. */
export interface MemoryParts extends Omit<NodeState, "node" | "learned"> {
  readonly learned: () => LearnedSince;
}

/** A file that cannot be written is told of once, and does not keep anything from being enforced. */
export function createNodeMemory(path: string, { learned, ...rest }: MemoryParts, log: Log): NodeMemory {
  let waiting: { readonly node: NodeRules; readonly timer: NodeJS.Timeout } | null = null;
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
  const settle = (): NodeRules | null => {
    const node = waiting?.node ?? null;
    clearTimeout(waiting?.timer);
    waiting = null;
    return node;
  };
  const keep = (node: NodeRules) => {
    settle();
    const text = formatNodeState({ ...rest, node, learned: learned() });
    if (text === kept) return;
    attempt("kept", () => {
      writeWhole(path, text);
      kept = text;
    });
  };
  const flush = () => {
    const node = settle();
    if (node !== null) keep(node);
  };
  return {
    keep,
    keepSoon: (node) => {
      waiting = { node, timer: waiting?.timer ?? setTimeout(flush, soon).unref() };
    },
    flush,
    forget: () => {
      settle();
      attempt("removed", () => {
        rmSync(path, { force: true });
        kept = null;
      });
    },
  };
}

/** The same dataplane, which tells the memory of each change of the node that the kernel has taken. */
export function rememberingDataplane(real: Dataplane, memory: Omit<NodeMemory, "forget">): Dataplane {
  return {
    ...real,
    sync: async (ruleset) => {
      const report = await real.sync(ruleset);
      memory.keep(ruleset.node);
      return report;
    },
    apply: async (change) => {
      const report = await real.apply(change);
      if (change.node !== null) memory.keepSoon(change.node);
      return report;
    },
    close: () => {
      memory.flush();
      real.close();
    },
  };
}

import type { Command } from "commander";
import { describeFailure } from "../agent/failures.ts";
import { readStateFile } from "../agent/node-memory.ts";
import { type NodeState, defaultStateFile, readNodeState } from "../agent/node-state.ts";
import { readCidr, readMarkMask, readNetns } from "../agent/setting-values.ts";
import { defaultSettings } from "../agent/settings.ts";
import { nodeRules } from "../compile/node-rules.ts";
import { dataplaneNames, openDataplane } from "../dataplane/registry.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import { formatCidr } from "../net/cidr.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import { flagValue } from "./flag-value.ts";
import { say, writeOut } from "./output.ts";

interface CloseOptions {
  readonly stateFile: string;
  readonly podCidr?: readonly string[];
  readonly dataplane: string;
  readonly netns?: string;
  readonly ctMarkMask: string;
  readonly tolerant?: true;
}

/** What the agent wrote down when it last ran here; null: it never did. */
function rememberedState(path: string): NodeState | null {
  let text: string;
  try {
    text = readStateFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new InputError(`--state-file: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = readNodeState(text);
  if (!read.ok)
    throw new InputError(
      `--state-file: ${path}: ${read.reason}: remove it, the agent writes it anew; nothing is closed`,
    );
  return read.state;
}

/** What the operator says on the command line, else what the agent remembered. */
function stateOf(options: CloseOptions): NodeState | null {
  if (options.podCidr === undefined) return rememberedState(options.stateFile);
  const podCidrs = options.podCidr.map((text) => flagValue("--pod-cidr", readCidr(text)));
  const ctMarkMask = flagValue("--ct-mark-mask", readMarkMask(options.ctMarkMask));
  if (!dataplaneNames.includes(options.dataplane))
    throw new UsageError(`--dataplane: there are ${dataplaneNames.join(", ")}`);
  const node = nodeRules(null, {
    nodeName: "",
    podCidrs,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  return { node, learned: new Map(), dataplane: options.dataplane, ctMarkMask };
}

async function holdsRules(netns: string | null): Promise<boolean> {
  for (const name of dataplaneNames) {
    const dataplane = openDataplane(name, { netns });
    try {
      if (await dataplane.present()) return true;
    } finally {
      dataplane.close();
    }
  }
  return false;
}

/** The node as it is before any pod is known: every address of its ranges is unknown (semantics.md, 10). */
const withoutPods = ({ node }: NodeState): Ruleset => ({
  node,
  endpoints: new Map(),
  chains: new Map(),
  groups: new Map(),
  pairSets: new Map(),
  domainSets: new Map(),
});

async function load(state: NodeState, netns: string | null): Promise<void> {
  const dataplane = openDataplane(state.dataplane, { netns, ctMarkMask: state.ctMarkMask });
  try {
    await dataplane.sync(withoutPods(state));
  } finally {
    dataplane.close();
  }
}

async function close(options: CloseOptions): Promise<void> {
  const netns = options.netns === undefined ? null : flagValue("--netns", readNetns(options.netns));
  const state = stateOf(options);
  if (state === null) return say(`no agent has run here yet (there is no ${options.stateFile}): nothing is closed`);
  const { ranges, unknownPods } = state.node;
  if (unknownPods === "accept") return say("unknown addresses are accepted on this node: nothing is closed");
  if (ranges.length === 0) return say("no pod range of this node is known: nothing is closed");
  try {
    if (await holdsRules(netns)) return say("the rules of Portcullis are in this kernel: they stay as they are");
    await load(state, netns);
  } catch (error) {
    const { error: what, remedy } = describeFailure(error);
    throw new InputError(`nothing is closed: ${what}: ${remedy}`);
  }
  for (const range of ranges) await writeOut(`closed ${formatCidr(range)} until the agent knows its pods\n`);
}

async function run(options: CloseOptions): Promise<void> {
  try {
    await close(options);
  } catch (error) {
    if (options.tolerant !== true || !(error instanceof InputError)) throw error;
    say(error.message);
    process.exitCode = exitCodes.yes;
  }
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `portcullis close`: from the boot of a node until its agent is ready. */
export function registerClose(program: Command): void {
  program
    .command("close")
    .description("deny all traffic of this node's pods until the agent knows them; for use before the kubelet starts")
    .option("--state-file <path>", "what the agent wrote down about this node", defaultStateFile)
    .option("--pod-cidr <block>", "pod range of this node, repeatable (default: as in the state file)", collect)
    .option("--dataplane <name>", "with --pod-cidr: how the kernel is programmed", defaultSettings.dataplane)
    .option(
      "--ct-mark-mask <hex>",
      "with --pod-cidr: bits of the connection mark that are ours",
      defaultSettings["ct-mark-mask"],
    )
    .option("--netns <name>", "in this network namespace: a name, or a path to it")
    .option("--tolerant", "exit code 0 even where nothing could be closed")
    .action(run);
}

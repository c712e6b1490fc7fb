import type { Dataplane } from "../dataplane/dataplane.ts";
import type { RulesetChange } from "../ir/change.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import type { Log } from "../observe/log.ts";

const nothingDone = { differences: [], transactions: 0, milliseconds: 0 };

const countMembers = (sets: Iterable<{ readonly members: ReadonlySet<string> }>): number =>
  [...sets].reduce((sum, { members }) => sum + members.size, 0);

function tellWhole(log: Log, ruleset: Ruleset): void {
  log.info("dry run: would bring the kernel to this", {
    endpoints: ruleset.endpoints.size,
    chains: ruleset.chains.size,
    groups: ruleset.groups.size,
    group_members: countMembers(ruleset.groups.values()),
    pair_sets: ruleset.pairSets.size,
    ranges: ruleset.node.ranges.length,
    unknown_pods: ruleset.node.unknownPods,
    established: ruleset.node.established,
  });
  for (const { address, pod, ingress, egress } of ruleset.endpoints.values()) {
    log.debug("dry run: endpoint", { address, pod, ingress, egress });
  }
}

function tellChange(log: Log, change: RulesetChange): void {
  const tell = (what: string, fields: Record<string, string | number | boolean | null | readonly string[]>) =>
    log.info(`dry run: would ${what}`, fields);
  for (const { name, isolatedBy } of change.newChains) tell("add a chain", { chain: name, isolated_by: isolatedBy });
  for (const { name, members } of change.newGroups) tell("add a group", { group: name, members: members.size });
  for (const { name, members } of change.newPairSets)
    tell("add a set of pairs", { pairs: name, members: members.size });
  for (const { name, join, leave } of change.groups) tell("change a group", { group: name, join, leave });
  for (const { name, join, leave } of change.pairSets) tell("change a set of pairs", { pairs: name, join, leave });
  for (const { address, pod, ingress, egress } of change.endpoints)
    tell("set an endpoint", { address, pod, ingress, egress });
  if (change.goneEndpoints.length > 0) tell("remove endpoints", { addresses: change.goneEndpoints });
  if (change.goneChains.length > 0) tell("remove chains", { chains: change.goneChains });
  if (change.goneGroups.length > 0) tell("remove groups", { groups: change.goneGroups });
  if (change.gonePairSets.length > 0) tell("remove sets of pairs", { pairs: change.gonePairSets });
  if (change.canDeny) tell("decide open connections again", {});
}

/** A dataplane that only logs what it would do: it renders as the other one does, and never touches the kernel. */
export function dryRunDataplane(real: Pick<Dataplane, "name" | "layout" | "render">, log: Log): Dataplane {
  return {
    name: real.name,
    ...(real.layout === undefined ? {} : { layout: real.layout }),
    probe: () => Promise.resolve({ dataplane: real.name, kernel: "untouched (dry run)", missing: [] }),
    render: (ruleset) => real.render(ruleset),
    sync: (ruleset) => {
      tellWhole(log, ruleset);
      return Promise.resolve(nothingDone);
    },
    apply: (change) => {
      tellChange(log, change);
      return Promise.resolve(nothingDone);
    },
    check: () => Promise.resolve(nothingDone),
    watch: () => () => {},
    counters: () => Promise.resolve([]),
    present: () => Promise.resolve(false),
    remove: () => Promise.resolve([]),
    close: () => {},
  };
}

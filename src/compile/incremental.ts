import type { MemberChange, RulesetChange } from "../ir/change.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import { keyOf } from "../kube/objects.ts";
import type { Change, Cluster } from "../policy/cluster.ts";
import type { CompileOptions } from "./options.ts";
import { equalNodeRules } from "./node-rules.ts";
import { compileWhole } from "./whole.ts";

/** Keeps the Ruleset of one node up to date with the cluster. */
export interface Compiler {
  /** Starts anew from this cluster, whatever was known before. */
  load(cluster: Cluster): Ruleset;
  /** Applies changes in order, as one: states between them are not seen. Gives the difference they make. */
  apply(changes: readonly Change[]): RulesetChange;
  /** The Ruleset as it stands: a live view, which `apply` changes. */
  ruleset(): Ruleset;
}

export function createCompiler(options: CompileOptions): Compiler {
  const objects = new Map<string, Cluster["objects"][number]>();
  const policies = new Map<string, Cluster["policies"][number]>();
  let ruleset = compileWhole({ objects: [], policies: [] }, options);
  const recompile = () => compileWhole({ objects: [...objects.values()], policies: [...policies.values()] }, options);
  return {
    load(cluster) {
      objects.clear();
      policies.clear();
      for (const object of cluster.objects) objects.set(keyOf(object), object);
      for (const policy of cluster.policies) policies.set(policy.id, policy);
      return (ruleset = recompile());
    },
    apply(changes) {
      for (const change of changes) {
        if (change.kind === "object") objects.set(keyOf(change.object), change.object);
        else if (change.kind === "policy") policies.set(change.policy.id, change.policy);
        else if (!objects.delete(change.key)) policies.delete(change.key);
      }
      const before = ruleset;
      ruleset = recompile();
      return difference(before, ruleset);
    },
    ruleset: () => ruleset,
  };
}

function difference(before: Ruleset, after: Ruleset): RulesetChange {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const fresh = <K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>) =>
    [...b].filter(([k]) => !a.has(k)).map(([, v]) => v);
  const gone = <K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>) => [...a.keys()].filter((k) => !b.has(k));
  const members = <K, M>(
    a: ReadonlyMap<K, { members: ReadonlySet<M> }>,
    b: ReadonlyMap<K, { members: ReadonlySet<M> }>,
  ): MemberChange<K, M>[] =>
    [...b].flatMap(([name, { members: now }]) => {
      const was = a.get(name)?.members;
      if (was === undefined) return [];
      const change = { name, join: [...now].filter((m) => !was.has(m)), leave: [...was].filter((m) => !now.has(m)) };
      return change.join.length + change.leave.length === 0 ? [] : [change];
    });
  return {
    node: equalNodeRules(before.node, after.node) ? null : after.node,
    newGroups: fresh(before.groups, after.groups),
    newPairSets: fresh(before.pairSets, after.pairSets),
    newChains: fresh(before.chains, after.chains),
    groups: members(before.groups, after.groups),
    pairSets: members(before.pairSets, after.pairSets),
    endpoints: [...after.endpoints.values()].filter((one) => !same(one, before.endpoints.get(one.address))),
    goneEndpoints: gone(before.endpoints, after.endpoints),
    goneChains: gone(before.chains, after.chains),
    goneGroups: gone(before.groups, after.groups),
    gonePairSets: gone(before.pairSets, after.pairSets),
    canDeny: true,
  };
}

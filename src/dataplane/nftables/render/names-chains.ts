import type { NameLearning } from "../../../ir/ruleset.ts";
import { type Address, type Family, familyOf } from "../../../net/address.ts";
import type { ProgramChain, ProgramSet, Rule } from "../program.ts";
import type { KeyField, Statement } from "../statement.ts";
import type { Part, PartId, Plan } from "./part.ts";

const families: readonly Family[] = [4, 6];
const hooks = ["forward", "input", "output"] as const;

/** Behind our own filter and everybody's at that priority: what is shown is what is let through. */
const behindFilters = 10;
const dnsPort = 53;

const goto = (chain: string): Statement => ({ kind: "verdict", verdict: { kind: "goto", chain } });
const rule = (...statements: readonly Statement[]): Rule => ({ statements, comment: null });
const transports = [17, 6].map((protocol): Statement => ({ kind: "l4proto", protocol }));

/** Whose answers are learned from, and whose questions they are: `names4`, `resolvers6` … */
export const learnersSet = (family: Family): string => `names${family}`;
export const resolversSet = (family: Family): string => `resolvers${family}`;

/** What must be held for packets to be shown. */
export const namesHooks: readonly PartId[] = hooks.map((hook): PartId => `chain names_${hook}`);

/**
 * DNS between the learners and the resolvers goes to the queue, both ways, before it is delivered: forwarded (a
 * resolver elsewhere, or in a pod of this node) or to and from the node itself (a resolver on the host's network). By the
 * connection's own keys, so whatever Services translate: the learner asked a resolver's address, or was led to one.
 * What has no entry (notrack) by what stands in the packet. All else meets a comparison or two a hook.
 */
export function planNames({ queue, resolvers }: NameLearning, learners: Iterable<Address>): Plan {
  const plan = new Map<PartId, Part>();
  const all = [...learners];
  const sets = families.flatMap((family): ProgramSet[] => [
    addressesSet(family, learnersSet(family), "pods whose policies name domains", all),
    addressesSet(family, resolversSet(family), "resolvers that are learned from", resolvers),
  ]);
  for (const set of sets)
    plan.set(`set ${set.name}`, { id: `set ${set.name}`, uses: [], object: { kind: "set", set } });
  const setIds = sets.map(({ name }): PartId => `set ${name}`);
  const shown = addChain(plan, { name: "names_shown", hook: null, rules: [rule({ kind: "queue", queue })] }, []);
  const uses = [...setIds, shown];
  const tracked = addChain(plan, { name: "names_tracked", hook: null, rules: trackedRules() }, uses);
  const untracked = addChain(plan, { name: "names_untracked", hook: null, rules: untrackedRules() }, uses);
  for (const hook of hooks) {
    const chain: ProgramChain = { name: `names_${hook}`, hook, priority: behindFilters, rules: hookRules };
    addChain(plan, chain, [tracked, untracked]);
  }
  return plan;
}

function addressesSet(family: Family, name: string, comment: string, addresses: readonly Address[]): ProgramSet {
  const own = addresses.filter((address) => familyOf(address) === family);
  const elements = new Map(own.map((address) => [address, null]));
  const key = [family === 4 ? "ipv4_addr" : "ipv6_addr"] as const;
  return { name, key, data: "none", interval: false, size: null, comment, elements };
}

function addChain(plan: Map<PartId, Part>, chain: ProgramChain, uses: readonly PartId[]): PartId {
  const id: PartId = `chain ${chain.name}`;
  plan.set(id, { id, uses, object: { kind: "chain", chain } });
  return id;
}

const hookRules: readonly Rule[] = [
  ...transports.map((transport) => rule(transport, { kind: "asked-port", port: dnsPort }, goto("names_tracked"))),
  rule({ kind: "ct-state", states: ["untracked"] }, goto("names_untracked")),
];

const isIn = (field: KeyField, set: string): Statement => ({ kind: "lookup", key: [field], set });

function trackedRules(): Rule[] {
  return families.flatMap((family) =>
    ([`asked${family}`, `backend${family}`] as const).map((resolver) =>
      rule(isIn(`client${family}`, learnersSet(family)), isIn(resolver, resolversSet(family)), goto("names_shown")),
    ),
  );
}

function untrackedRules(): Rule[] {
  const [from, to] = ["source", "destination"] as const;
  return families.flatMap((family) =>
    transports.flatMap((transport) =>
      [
        { learner: from, resolver: to },
        { learner: to, resolver: from },
      ].map(({ learner, resolver }) =>
        rule(
          transport,
          { kind: "header-port", end: resolver, port: dnsPort },
          isIn(`${learner}${family}`, learnersSet(family)),
          isIn(`${resolver}${family}`, resolversSet(family)),
          goto("names_shown"),
        ),
      ),
    ),
  );
}

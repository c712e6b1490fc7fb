import type { World } from "./world.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import type {
  Chain,
  ChainClause,
  ChainName,
  DomainSet,
  DomainSetName,
  NameLearning,
  PeerMatch,
  Ruleset,
} from "../../src/ir/ruleset.ts";
import { emptyAddresses } from "../../src/net/address-set.ts";
import type { DomainPattern } from "../../src/net/domain-name.ts";
import type { PolicyId } from "../../src/policy/policy.ts";
import { clusterOf } from "../cluster-of.ts";
import { usual } from "./fixture.ts";
import { worldObjects } from "./world.ts";

/** The set of what the client may reach by name, and the policy that says so. */
export const exampleSet = "d-example" as DomainSetName;
const policy = "ClusterNetworkPolicy/names" as PolicyId;

export interface NamesOptions {
  readonly learning: NameLearning | null;
  readonly established?: "cut" | "keep";
  /** Those that may reach what has the name, and DNS, and nobody else. */
  readonly learners?: readonly ("client" | "other")[];
  /** In audit only: what the policy would do is told, and nobody is kept from anything. */
  readonly isAudit?: boolean;
}

const clause = (rule: number, action: ChainClause["action"], more: Partial<ChainClause["match"]>): ChainClause => ({
  policy,
  rule,
  action,
  match: { kind: "peers", peers: null, ports: null, ...more } as ChainClause["match"],
});

const named: PeerMatch = { groups: [], addresses: emptyAddresses, domains: exampleSet };
const dns = (["UDP", "TCP"] as const).map((protocol) => ({ protocol, from: 53, to: 53 }));

/** Accepts what was learned of `example.org`, and DNS of anybody; denies all else. */
const chain: Chain = {
  name: "eg-names" as ChainName,
  direction: "egress",
  admin: [clause(0, "accept", { peers: named }), clause(1, "accept", { ports: dns }), clause(2, "deny", {})],
  networkPolicy: null,
  baseline: [],
  fallback: "accept",
  lists: { admin: null, networkPolicy: null, baseline: null },
  isolatedBy: [],
  audited: [],
};

const set: DomainSet = { name: exampleSet, patterns: ["example.org" as DomainPattern] };

/** What the world's node is brought to: pods under a policy that names `example.org`. */
export function rulesetWithNames(world: World, options: NamesOptions): Ruleset {
  const { learning, established = "cut", learners = ["client"], isAudit = false } = options;
  const plain = compileWhole(clusterOf(worldObjects(world)), { ...usual, established });
  const endpoints = new Map(plain.endpoints);
  for (const { v4, v6 } of learners.map((name) => world[name])) {
    for (const address of [v4, v6]) {
      const endpoint = endpoints.get(address);
      if (endpoint === undefined) throw new Error(`${address} is no pod of the world`);
      endpoints.set(address, { ...endpoint, [isAudit ? "auditEgress" : "egress"]: chain.name });
    }
  }
  const isUsed = learners.length > 0;
  return {
    ...plain,
    node: { ...plain.node, names: learning },
    endpoints,
    chains: isUsed
      ? new Map([...plain.chains, [chain.name, isAudit ? { ...chain, audited: [policy] } : chain]])
      : plain.chains,
    domainSets: isUsed ? new Map([[set.name, set]]) : plain.domainSets,
  };
}

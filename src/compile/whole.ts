/**
 * Cluster → Ruleset with plain loops and no index: pods of the node × policies × pods. What the incremental compiler
 * is held against, and good enough where a Ruleset is made once (`render`, the lab).
 */
import type {
  Chain,
  ChainName,
  ClauseListName,
  DomainSet,
  DomainSetName,
  Endpoint,
  Group,
  GroupName,
  Pair,
  PairSet,
  PairSetName,
  Picks,
  Ruleset,
} from "../ir/ruleset.ts";
import { noChains } from "../ir/ruleset.ts";
import { pairOf } from "../ir/decide.ts";
import type { Labels } from "../kube/labels.ts";
import type { NamedPort, Node, Pod, Service } from "../kube/objects.ts";
import { matches, namespaceNameLabel } from "../kube/selector.ts";
import { isLive, namedPortsOf, outranks } from "../model/pod-standing.ts";
import type { PodSelection } from "../model/selection.ts";
import { selectsPods } from "../model/selection.ts";
import { addressSetContains } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import { cidrContains } from "../net/cidr.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import type { ChainParts, DirectionChains } from "./chain.ts";
import { chainName, chainOf, comparePolicies, directionChains, partsOf, subjectParts } from "./chain.ts";
import { fallbackOf } from "./fallback.ts";
import type { GroupSpec, PairSetSpec, Part } from "./lower.ts";
import { lowerPart, namesPorts } from "./lower.ts";
import { nodeRules } from "./node-rules.ts";
import type { CompileOptions } from "./options.ts";
import type { PartList } from "./part-list.ts";
import { isResolverService, podsBehind, resolversOf } from "./resolvers.ts";

/** The Ruleset of one node. The later of two objects with one key counts. */
export function compileWhole(cluster: Cluster, options: CompileOptions): Ruleset {
  const world = worldOf(cluster);
  const chains = new Map<ChainName, ChainParts>();
  const lists = new Map<ClauseListName, PartList>();
  /** Lists of one name are one, in all chains: a dataplane may build one thing for it. */
  const shared = (list: PartList): PartList => {
    if (list.name === null) return list;
    const known = lists.get(list.name) ?? list;
    lists.set(list.name, known);
    return known;
  };
  const nameOf = (parts: ChainParts | null): ChainName | null => {
    if (parts === null) return null;
    const name = chainName(parts);
    const { admin, networkPolicy, baseline } = parts;
    if (!chains.has(name)) {
      const united = networkPolicy === null ? null : shared(networkPolicy);
      chains.set(name, { ...parts, admin: shared(admin), networkPolicy: united, baseline: shared(baseline) });
    }
    return name;
  };
  const self = world.nodes.get(options.nodeName) ?? null;
  const node = nodeRules(self, options, learnedIn(world, options), resolversIn(world, options));
  const endpoints = new Map<Address, Endpoint>();
  for (const [address, holder] of world.holders) {
    const pod = `${holder.namespace}/${holder.name}`;
    if (holder.nodeName === options.nodeName) {
      const ingress = chainsFor(world, holder, "ingress", options);
      const egress = chainsFor(world, holder, "egress", options);
      endpoints.set(address, {
        address,
        pod,
        ingress: nameOf(ingress.enforced),
        egress: nameOf(egress.enforced),
        auditIngress: nameOf(ingress.audit),
        auditEgress: nameOf(egress.audit),
      });
    } else if (node.unknownPods === "drop" && node.ranges.some((range) => cidrContains(range, address))) {
      // Known, so not denied here; what it may do is its own node's business.
      endpoints.set(address, { address, pod, ...noChains });
    }
  }
  const used = new Set([...chains.values()].flatMap((parts) => partsOf(parts)));
  return {
    node,
    endpoints,
    chains: new Map([...chains].map(([name, parts]): [ChainName, Chain] => [name, chainOf(name, parts)])),
    groups: groupsOf(world, used),
    pairSets: pairSetsOf(world, used),
    domainSets: domainSetsOf(used),
  };
}

function resolversIn(world: World, { names }: CompileOptions): readonly Address[] {
  if (names == null) return [];
  const service = world.services.findLast((one) => isResolverService(one, names)) ?? null;
  const selection = service === null ? null : podsBehind(service);
  const pods = [...world.holders].filter(([, pod]) => selection !== null && selects(world, selection, pod));
  return resolversOf(
    names,
    service,
    pods.map(([address]) => address),
  );
}

/** What must be known though no range says so: what pods of this node hold, or held not long ago. */
function learnedIn(world: World, { learned, nodeName, unknownPods }: CompileOptions): readonly Address[] {
  if (learned === undefined || unknownPods === "accept") return [];
  const held = [...world.holders].filter(([, holder]) => holder.nodeName === nodeName).map(([address]) => address);
  return [...learned, ...held];
}

interface World {
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly holders: ReadonlyMap<Address, Pod>;
  readonly nodes: ReadonlyMap<string, Node>;
  /** The later of two with one name counts. */
  readonly services: readonly Service[];
  /** In the order in which they are asked; those in audit too. */
  readonly policies: readonly Policy[];
  /** What each policy was found to say: by direction, and by the named ports of the subject. */
  readonly parts: ReadonlyMap<Policy, Map<string, Part | null>>;
}

function worldOf(cluster: Cluster): World {
  const namespaces = new Map<string, Labels>();
  const nodes = new Map<string, Node>();
  const services: Service[] = [];
  const pods = new Map<string, Pod>();
  for (const object of cluster.objects) {
    if (object.kind === "Namespace") namespaces.set(object.name, object.labels);
    if (object.kind === "Node") nodes.set(object.name, object);
    if (object.kind === "Service") services.push(object);
    if (object.kind === "Pod") pods.set(`${object.namespace}/${object.name}`, object);
  }
  const holders = new Map<Address, Pod>();
  for (const pod of pods.values()) {
    for (const address of isLive(pod) ? pod.addresses : []) {
      const holder = holders.get(address);
      if (holder === undefined || outranks(pod, holder)) holders.set(address, pod);
    }
  }
  const policies = new Map(cluster.policies.map((policy) => [policy.id, policy]));
  const parts = new Map([...policies.values()].map((policy) => [policy, new Map<string, Part | null>()]));
  return { namespaces, holders, nodes, services, policies: [...policies.values()].sort(comparePolicies), parts };
}

/** What a policy says to pods that declare these ports. Many pods ask the same. */
function partOf(world: World, policy: Policy, direction: Direction, ports: readonly NamedPort[]): Part | null {
  const asked = direction === "ingress" && namesPorts(policy) ? JSON.stringify(ports) : "";
  const known = world.parts.get(policy)?.get(`${direction} ${asked}`);
  if (known !== undefined) return known;
  const part = lowerPart(policy, direction, ports);
  world.parts.get(policy)?.set(`${direction} ${asked}`, part);
  return part;
}

function namespaceOf(world: World, name: string): { name: string; labels: Labels } {
  // A namespace that no object describes exists with its name as its only label.
  return { name, labels: world.namespaces.get(name) ?? new Map([[namespaceNameLabel, name]]) };
}

function selects(world: World, selection: PodSelection, pod: Pod): boolean {
  return selectsPods(selection, namespaceOf(world, pod.namespace), pod.labels);
}

function chainsFor(world: World, pod: Pod, direction: Direction, options: CompileOptions): DirectionChains {
  if (options.exemptNamespaces?.has(pod.namespace) === true) return { enforced: null, audit: null };
  const ports = namedPortsOf(pod);
  const parts = world.policies
    .filter((policy) => selects(world, policy.subject, pod))
    .map((policy) => partOf(world, policy, direction, ports))
    .filter((part) => part !== null);
  return directionChains(
    direction,
    subjectParts(direction, parts),
    fallbackOf(namespaceOf(world, pod.namespace).labels, options),
  );
}

function groupsOf(world: World, parts: ReadonlySet<Part>): Map<GroupName, Group> {
  const specs = new Map<GroupName, GroupSpec>();
  for (const part of parts) for (const one of part.groups) specs.set(one.name, one);
  const members = (picks: Picks): ReadonlySet<Address> => {
    if (picks.kind === "nodes") {
      const nodes = [...world.nodes.values()].filter((node) => matches(picks.selector, node.labels));
      return new Set(nodes.flatMap((node) => node.addresses.map(({ address }) => address)));
    }
    return new Set(
      [...world.holders].filter(([, pod]) => selects(world, picks.selection, pod)).map(([address]) => address),
    );
  };
  return new Map([...specs].map(([name, spec]) => [name, { ...spec, members: members(spec.picks) }]));
}

function pairSetsOf(world: World, parts: ReadonlySet<Part>): Map<PairSetName, PairSet> {
  const specs = new Map<PairSetName, PairSetSpec>();
  for (const part of parts) for (const one of part.pairSets) specs.set(one.name, one);
  return new Map([...specs].map(([name, spec]) => [name, { ...spec, members: pairsOf(world, spec) }]));
}

function domainSetsOf(parts: ReadonlySet<Part>): Map<DomainSetName, DomainSet> {
  const sets = [...parts].flatMap((part) => part.domainSets);
  return new Map(sets.map((set) => [set.name, set]));
}

function pairsOf(world: World, spec: PairSetSpec): ReadonlySet<Pair> {
  const pairs = new Set<Pair>();
  for (const [address, pod] of world.holders) {
    if (!selects(world, spec.selection, pod)) continue;
    if (spec.within !== null && !addressSetContains(spec.within, address)) continue;
    for (const port of namedPortsOf(pod)) {
      if (port.name === spec.portName && port.protocol === spec.protocol) pairs.add(pairOf(address, port.port));
    }
  }
  return pairs;
}

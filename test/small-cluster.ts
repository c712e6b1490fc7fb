/**
 * Small clusters in which everything meets everything: few labels, addresses, ports and names, so that selectors match,
 * blocks overlap and addresses are contested often. Lowered policies of every kind: all that the engine can be given.
 */
import fc from "fast-check";
import type { AddressConnection, Connection, EvaluateOptions } from "../src/evaluate/decision.ts";
import { internLabels } from "../src/kube/labels.ts";
import type { ClusterObject, Namespace, Node, Pod } from "../src/kube/objects.ts";
import type { Requirement, Selector } from "../src/kube/selector.ts";
import { namespaceNameLabel, selectorOf } from "../src/kube/selector.ts";
import { addressSetOf, subtractAddresses } from "../src/net/address-set.ts";
import type { Address } from "../src/net/address.ts";
import type { Cidr } from "../src/net/cidr.ts";
import { parseCidr } from "../src/net/cidr.ts";
import type { DomainName, DomainPattern } from "../src/net/domain-name.ts";
import type { PortProtocol, Protocol } from "../src/net/protocol.ts";
import type { Cluster } from "../src/policy/cluster.ts";
import type {
  Action,
  Clause,
  Direction,
  Peer,
  PodSelection,
  Policy,
  PolicyId,
  PortMatch,
} from "../src/policy/policy.ts";
import { lastPriority, withReadablePorts } from "./random-policy.ts";

const namespaceNames = ["a", "b", "c"];
const keys = ["k", "l"];
const values = ["", "1", "2"];
const nodes = ["n1", "n2", ""];
/** Of pods, of nodes, outside; some in the nodes' pod ranges, two of them gateways. */
const addresses = [
  "10.0.0.0",
  "10.0.0.1",
  "10.0.0.2",
  "10.0.0.3",
  "10.0.1.1",
  "10.0.1.2",
  "192.168.0.1",
  "192.168.0.2",
].concat(["203.0.113.1", "fd00::1", "fd00::2", "fd00::3", "2001:db8::1"]) as Address[];
const blocks = [
  "0.0.0.0/0",
  "::/0",
  "10.0.0.0/8",
  "10.0.0.0/31",
  "10.0.0.2/32",
  "10.0.1.0/24",
  "fd00::/64",
  "fd00::2/128",
];
const ports = [0, 80, 81, 82, 65535];
const portNames = ["web", "dns"];
const protocols: readonly PortProtocol[] = ["TCP", "UDP", "SCTP"];

const pick = <T>(list: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...list);
const some = <T>(list: readonly T[]): fc.Arbitrary<T[]> => fc.uniqueArray(pick(list), { maxLength: 2 });
const seldom = fc.integer({ min: 0, max: 9 }).map((one) => one === 0);
const few = <T>(one: fc.Arbitrary<T>, most = 3): fc.Arbitrary<T[]> => fc.array(one, { maxLength: most });

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === null) throw new Error(`not a block: ${text}`);
  return parsed;
}

const labels = fc.dictionary(pick(keys), pick(values), { maxKeys: 2 });

const namespace: fc.Arbitrary<Namespace> = fc
  .record({ name: pick(namespaceNames), labels, deny: fc.boolean() })
  .map(({ name, labels: own, deny }) => {
    const verdict = deny ? { "portcullis.dev/default-verdict": "deny" } : {};
    return { kind: "Namespace", name, labels: internLabels({ ...own, ...verdict, [namespaceNameLabel]: name }) };
  });

const node: fc.Arbitrary<Node> = fc
  .record({
    name: pick(["n1", "n2"]),
    own: some(addresses),
    labels,
    ranges: some(["10.0.0.0/24", "10.0.1.0/30", "fd00::/64", "10.0.1.2/32"]),
  })
  .map(({ name, own, labels: given, ranges }) => ({
    kind: "Node",
    name,
    labels: internLabels(given),
    podCidrs: ranges.map(cidr),
    addresses: own.map((address) => ({ type: "InternalIP", address })),
  }));

const containerPort = fc.record({ name: fc.option(pick(portNames)), protocol: pick(protocols), port: pick(ports) });

const pod: fc.Arbitrary<Pod> = fc
  .record({
    namespace: pick([...namespaceNames, "undescribed"]),
    name: pick(["p", "q", "r", "s"]),
    created: pick([0, 1, 2]),
    labels: labels.map(internLabels),
    nodeName: pick(nodes),
    hostNetwork: seldom,
    finished: seldom,
    addresses: fc.uniqueArray(pick(addresses), { maxLength: 2 }),
    ports: few(containerPort),
  })
  .map((base) => ({ kind: "Pod", uid: "", ready: true, owner: null, ...base }));

const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.record({
    operator: pick(["In", "NotIn"] as const),
    key: pick(keys),
    values: some(values).filter((list) => list.length > 0),
  }),
  fc.record({ operator: pick(["Exists", "DoesNotExist"] as const), key: pick(keys) }),
);
const selector: fc.Arbitrary<Selector> = few(requirement, 2).map(selectorOf);

const selection: fc.Arbitrary<PodSelection> = fc.record({
  namespaces: fc.oneof(
    pick(namespaceNames).map((name) => ({ kind: "name" as const, name })),
    selector.map((one) => ({ kind: "selector" as const, selector: one })),
  ),
  pods: selector,
});

const block: fc.Arbitrary<Peer> = fc
  .record({ within: some(blocks), except: some(blocks) })
  .map(({ within, except }) => {
    const set = (texts: readonly string[]) => addressSetOf(texts.map(cidr));
    return { kind: "block", addresses: subtractAddresses(set(within), set(except)) };
  });
const anywhere: fc.Arbitrary<Peer> = fc.oneof(
  selection.map((one) => ({ kind: "pods" as const, selection: one })),
  block,
);
/** What only rules of egress in the ordered tiers have; names only those that accept. */
const nodesPeer = selector.map((one): Peer => ({ kind: "nodes", selector: one }));
const domainsPeer = fc
  .subarray(["d.test", "*.d.test", "w.d.test", "*.w.d.test"] as DomainPattern[], { minLength: 1 })
  .map((patterns): Peer => ({ kind: "domains", patterns }));

const portMatch: fc.Arbitrary<PortMatch> = fc.oneof(
  fc.tuple(pick(protocols), pick(ports), pick(ports)).map(([protocol, a, b]) => {
    return { kind: "range" as const, protocol, from: Math.min(a, b), to: Math.max(a, b) };
  }),
  fc.record({ kind: fc.constant("named" as const), name: pick(portNames), protocol: fc.option(pick(protocols)) }),
);

const clausesOf = (clause: fc.Arbitrary<Omit<Clause, "rule">>): fc.Arbitrary<Clause[] | null> =>
  // Now and then a number is missing: a rule that accepts and cannot be read is no clause.
  fc.option(
    few(fc.option(clause, { freq: 9 })).map((list) =>
      list.flatMap((one, rule) => (one === null ? [] : [{ rule, ...one }])),
    ),
  );

const clauseOf = (action: Action, peer: fc.Arbitrary<Peer>) =>
  fc
    .record({
      ruleName: fc.option(pick(["first", "second"])),
      action: fc.constant(action),
      peers: fc.option(few(peer)),
      ports: fc.option(few(portMatch)),
    })
    .map(withReadablePorts);

const orderedClauses = (direction: Direction): fc.Arbitrary<Clause[] | null> =>
  clausesOf(
    pick<Action>(["accept", "deny", "pass"]).chain((action) => {
      if (direction === "ingress") return clauseOf(action, anywhere);
      return clauseOf(action, fc.oneof(anywhere, nodesPeer, ...(action === "accept" ? [domainsPeer] : [])));
    }),
  );

const mode = seldom.map((audit) => (audit ? ("audit" as const) : ("enforce" as const)));
const names = pick(["p", "q", "r"]);

const networkPolicy: fc.Arbitrary<Policy> = fc
  .record({
    home: pick(namespaceNames),
    name: names,
    mode,
    pods: selector,
    ingress: clausesOf(clauseOf("accept", anywhere)),
    egress: clausesOf(clauseOf("accept", anywhere)),
  })
  .map(({ home, pods, ...rest }) => ({
    kind: "NetworkPolicy",
    tier: "networkpolicy",
    priority: 0,
    id: `NetworkPolicy/${home}/${rest.name}` as PolicyId,
    namespace: home,
    subject: { namespaces: { kind: "name", name: home }, pods },
    ...rest,
  }));

/** The kinds of the ordered tiers: one of both tiers, one of each; the last has one name and comes last. */
const orderedKind = fc.oneof(
  fc.record({
    kind: fc.constant("ClusterNetworkPolicy"),
    tier: pick(["admin", "baseline"] as const),
    name: names,
    priority: pick([0, 1, 2]),
  }),
  fc.record({
    kind: fc.constant("AdminNetworkPolicy"),
    tier: fc.constant("admin" as const),
    name: names,
    priority: pick([0, 1, 2]),
  }),
  fc.constant({
    kind: "BaselineAdminNetworkPolicy",
    tier: "baseline" as const,
    name: "default",
    priority: lastPriority,
  }),
);

const orderedPolicy: fc.Arbitrary<Policy> = fc
  .tuple(
    orderedKind,
    fc.record({ mode, subject: selection, ingress: orderedClauses("ingress"), egress: orderedClauses("egress") }),
  )
  .map(([of, rest]) => ({ ...of, ...rest, namespace: null, id: `${of.kind}/${of.name}` as PolicyId }));

/** No two objects of one name, as in a cluster. */
const keyOf = (object: ClusterObject) =>
  `${object.kind}/${"namespace" in object ? object.namespace : ""}/${object.name}`;
const unique = <T>(one: fc.Arbitrary<T>, key: (value: T) => string, most: number): fc.Arbitrary<T[]> =>
  fc.uniqueArray(one, { maxLength: most, selector: key });

export const smallCluster: fc.Arbitrary<Cluster> = fc
  .tuple(
    unique<ClusterObject>(namespace, keyOf, 3),
    unique<ClusterObject>(node, keyOf, 2),
    unique<ClusterObject>(pod, keyOf, 8),
    unique(networkPolicy, ({ id }) => id, 5),
    unique(orderedPolicy, ({ id }) => id, 4),
  )
  .map(([spaces, machines, pods, ...policies]) => ({
    objects: [...spaces, ...machines, ...pods],
    policies: policies.flat(),
  }));

const overWhat = fc
  .record({
    source: pick(addresses),
    protocol: pick<Protocol>(["TCP", "UDP", "SCTP", "ICMP", "other"]),
    port: pick(ports),
    sourceNode: fc.option(pick(["n1", "n2"]), { freq: 5 }),
  })
  .map((one) => ({ ...one, port: one.protocol === "ICMP" || one.protocol === "other" ? 0 : one.port }));

export const smallConnection: fc.Arbitrary<AddressConnection> = fc
  .tuple(overWhat, pick(addresses))
  .map(([over, destination]) => ({ ...over, destination, domain: null }));

const domains = ["d.test", "w.d.test", "v.w.d.test", "e.test"] as DomainName[];

/** To an address, or to an outside host of which only the name is known. */
export const anyConnection: fc.Arbitrary<Connection> = fc.oneof(
  { weight: 4, arbitrary: smallConnection },
  {
    weight: 1,
    arbitrary: fc.tuple(overWhat, pick(domains)).map(([over, domain]) => ({ ...over, destination: null, domain })),
  },
);

export const someOptions: fc.Arbitrary<EvaluateOptions> = fc.record({
  defaultVerdict: pick(["accept", "deny"] as const),
  unknownPods: pick(["drop", "accept"] as const),
});

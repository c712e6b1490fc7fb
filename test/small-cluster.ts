/**
 * Small clusters in which everything meets everything: few labels, addresses, ports and names, so that selectors match,
 * blocks overlap and addresses are contested often. All tiers, though not all have a kind of policy yet.
 */
import fc from "fast-check";
import type { Connection, EvaluateOptions } from "../src/evaluate/decision.ts";
import { internLabels } from "../src/kube/labels.ts";
import type { ClusterObject, Namespace, Node, Pod } from "../src/kube/objects.ts";
import type { Requirement, Selector } from "../src/kube/selector.ts";
import { namespaceNameLabel, selectorOf } from "../src/kube/selector.ts";
import { addressSetOf, subtractAddresses } from "../src/net/address-set.ts";
import type { Address } from "../src/net/address.ts";
import type { Cidr } from "../src/net/cidr.ts";
import { parseCidr } from "../src/net/cidr.ts";
import type { PortProtocol, Protocol } from "../src/net/protocol.ts";
import type { Cluster } from "../src/policy/cluster.ts";
import type { Action, Clause, Peer, PodSelection, Policy, PolicyId, PortMatch, Tier } from "../src/policy/policy.ts";

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
    address: pick(addresses),
    ranges: some(["10.0.0.0/24", "10.0.1.0/30", "fd00::/64", "10.0.1.2/32"]),
  })
  .map(({ name, address, ranges }) => ({
    kind: "Node",
    name,
    labels: internLabels({}),
    podCidrs: ranges.map(cidr),
    addresses: [{ type: "InternalIP", address }],
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
const peer: fc.Arbitrary<Peer> = fc.oneof(
  selection.map((one) => ({ kind: "pods" as const, selection: one })),
  block,
);

const portMatch: fc.Arbitrary<PortMatch> = fc.oneof(
  fc.tuple(pick(protocols), pick(ports), pick(ports)).map(([protocol, a, b]) => {
    return { kind: "range" as const, protocol, from: Math.min(a, b), to: Math.max(a, b) };
  }),
  fc.record({ kind: fc.constant("named" as const), name: pick(portNames), protocol: fc.option(pick(protocols)) }),
);

function clauses(action: fc.Arbitrary<Action>): fc.Arbitrary<Clause[] | null> {
  const clause = fc.record({
    ruleName: fc.option(pick(["first", "second"])),
    action,
    peers: fc.option(few(peer)),
    ports: fc.option(few(portMatch)),
  });
  return fc.option(few(clause).map((list) => list.map((one, rule) => ({ rule, ...one }))));
}

function policy(tier: Tier): fc.Arbitrary<Policy> {
  const action = tier === "networkpolicy" ? fc.constant<Action>("accept") : pick<Action>(["accept", "deny", "pass"]);
  const ordered = fc.record({ kind: pick(["ClusterNetworkPolicy", "AdminNetworkPolicy"]), priority: pick([0, 1, 2]) });
  const base = tier === "networkpolicy" ? fc.constant({ kind: "NetworkPolicy", priority: 0 }) : ordered;
  const rest = {
    mode: seldom.map((audit) => (audit ? "audit" : "enforce")),
    subject: selection,
    ingress: clauses(action),
    egress: clauses(action),
  };
  return fc
    .tuple(base, pick(namespaceNames), pick(["p", "q", "r"]), fc.record(rest))
    .map(([{ kind, priority }, home, name, own]) => {
      const { subject, ingress, egress, mode } = own;
      const common = { kind, name, tier, priority, mode, ingress, egress } as const;
      if (tier !== "networkpolicy") return { ...common, id: `${kind}/${name}` as PolicyId, namespace: null, subject };
      const namespaces = { kind: "name", name: home } as const;
      return {
        ...common,
        id: `${kind}/${home}/${name}` as PolicyId,
        namespace: home,
        subject: { ...subject, namespaces },
      };
    });
}

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
    unique(policy("networkpolicy"), ({ id }) => id, 5),
    unique(policy("admin"), ({ id }) => id, 2),
    unique(policy("baseline"), ({ id }) => id, 2),
  )
  .map(([spaces, machines, pods, ...policies]) => ({
    objects: [...spaces, ...machines, ...pods],
    policies: policies.flat(),
  }));

export const smallConnection: fc.Arbitrary<Connection> = fc
  .record({
    source: pick(addresses),
    destination: pick(addresses),
    protocol: pick<Protocol>(["TCP", "UDP", "SCTP", "ICMP", "other"]),
    port: pick(ports),
    sourceNode: fc.option(pick(["n1", "n2"]), { freq: 5 }),
  })
  .map((one) => ({ ...one, port: one.protocol === "ICMP" || one.protocol === "other" ? 0 : one.port }));

export const someOptions: fc.Arbitrary<EvaluateOptions> = fc.record({
  defaultVerdict: pick(["accept", "deny"] as const),
  unknownPods: pick(["drop", "accept"] as const),
});

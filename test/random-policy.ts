import * as fc from "fast-check";
import type { Selector } from "../src/kube/selector.ts";
import { selectorOf } from "../src/kube/selector.ts";
import type { PodSelection } from "../src/model/selection.ts";
import { addressSetOf, subtractAddresses } from "../src/net/address-set.ts";
import { parseCidr } from "../src/net/cidr.ts";
import { parseDomainPattern } from "../src/net/domain-name.ts";
import { portProtocols } from "../src/net/protocol.ts";
import type { Action, Clause, Direction, Peer, Policy, PolicyId, PortMatch } from "../src/policy/policy.ts";
import { networkPolicy } from "./ask.ts";
import type { ApiObject } from "./cluster-of.ts";

export const namespaceNames = ["alpha", "beta", "gamma"] as const;
const labelKeys = ["app", "tier", "role"] as const;
const labelValues = ["a", "b", "c"] as const;
export const portNames = ["web", "dns", "alt"] as const;
/** All ports that random clusters speak of lie in or next to these. */
export const portNumbers = [53, 80, 443, 8080, 8081, 9000, 9001, 9002] as const;

/** Blocks over pods, nodes, the outside and everything, each with blocks inside it to cut out. */
const blocks: Readonly<Record<string, readonly string[]>> = {
  "0.0.0.0/0": ["10.244.0.0/16", "10.244.1.0/24", "203.0.113.0/25", "192.168.50.0/24"],
  "10.244.0.0/16": ["10.244.1.0/24", "10.244.2.8/29", "10.244.0.0/17"],
  "10.244.1.8/29": ["10.244.1.10/31", "10.244.1.8/30"],
  "10.244.2.0/24": ["10.244.2.10/32"],
  "192.168.50.0/24": ["192.168.50.2/32"],
  "203.0.113.0/24": ["203.0.113.8/29", "203.0.113.128/25"],
  "::/0": ["fd00:10:244::/48", "2001:db8::/33"],
  "fd00:10:244::/48": ["fd00:10:244:1::/64", "fd00:10:244:2::8/125"],
  "fd00:10:244:1::/64": ["fd00:10:244:1::a/128"],
};

/** Names of the outside that random policies speak of in patterns, and one that none of them means. */
export const domainNames = ["example.org", "www.example.org", "a.www.example.org", "example.com", "other.test"];
/** As policies write them: case and a trailing dot do not matter. */
export const domainPatterns = ["example.org", "Example.COM.", "*.example.org", "www.example.org", "*.www.example.org"];

/** The same without what is cut out, as networks of cluster-wide policies are. */
export const networks = Object.keys(blocks);

const labelsOf = fc.dictionary(fc.constantFrom(...labelKeys), fc.constantFrom(...labelValues), { maxKeys: 3 });

/** Labels of pods, namespaces and nodes, a few of few. */
export const randomLabels: fc.Arbitrary<Record<string, string>> = labelsOf;

/** All four operators and matchLabels; everything, often. */
export const apiSelector = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labelsOf }) },
  {
    weight: 3,
    arbitrary: fc.record({
      matchLabels: labelsOf,
      matchExpressions: fc.array(
        fc.oneof(
          fc.record({
            key: fc.constantFrom(...labelKeys),
            operator: fc.constantFrom("In", "NotIn"),
            values: fc.uniqueArray(fc.constantFrom(...labelValues), { minLength: 1, maxLength: 2 }),
          }),
          fc.record({ key: fc.constantFrom(...labelKeys), operator: fc.constantFrom("Exists", "DoesNotExist") }),
        ),
        { maxLength: 2 },
      ),
    }),
  },
);

export const apiNamespaceSelector = fc.oneof(
  { weight: 3, arbitrary: apiSelector },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...namespaceNames)
      .map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })),
  },
);

const apiBlock = fc.constantFrom(...Object.keys(blocks)).chain((cidr) =>
  fc.record({
    cidr: fc.constant(cidr),
    except: fc.subarray([...(blocks[cidr] ?? [])]),
  }),
);

const apiPeer = fc.oneof(
  fc.record({ podSelector: apiSelector }),
  fc.record({ namespaceSelector: apiNamespaceSelector }),
  fc.record({ namespaceSelector: apiNamespaceSelector, podSelector: apiSelector }),
  apiBlock.map((ipBlock) => ({ ipBlock })),
);

const protocol = fc.constantFrom(...portProtocols);

const apiPort = fc.oneof(
  fc.record({ protocol }),
  fc.record({ port: fc.constantFrom(...portNumbers) }),
  fc.record({ protocol, port: fc.constantFrom(...portNumbers) }),
  fc.record({ protocol, port: fc.constantFrom(...portNames) }),
  fc.record({ protocol, port: fc.constantFrom(80, 443, 8080), endPort: fc.constantFrom(8080, 8081, 9001) }),
);

export const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

export const withoutUndefined = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

const apiRules = (peers: "from" | "to") =>
  fc.array(
    fc
      .tuple(sometimes(fc.array(apiPeer, { maxLength: 3 })), sometimes(fc.array(apiPort, { maxLength: 3 })))
      .map(([list, ports]) => withoutUndefined({ [peers]: list, ports })),
    { maxLength: 2 },
  );

const apiSpec = fc
  .record({
    podSelector: apiSelector,
    policyTypes: sometimes(fc.subarray(["Ingress", "Egress"], { minLength: 1 })),
    ingress: sometimes(apiRules("from")),
    egress: sometimes(apiRules("to")),
  })
  .map(withoutUndefined);

/** A valid NetworkPolicy, of few names, sometimes in audit. */
export const apiNetworkPolicy: fc.Arbitrary<ApiObject> = fc
  .tuple(fc.constantFrom(...namespaceNames), fc.constantFrom("np-1", "np-2", "np-3", "np-4"), apiSpec, fc.nat(9))
  .map(([namespace, name, spec, dice]) =>
    networkPolicy(`${namespace}/${name}`, spec, dice === 0 ? { annotations: { "portcullis.dev/mode": "audit" } } : {}),
  );

/** Behind the last priority that a policy can have. */
export const lastPriority = 2 ** 31;

const requirementKey = fc.constantFrom(...labelKeys);
const requirementValues = fc.uniqueArray(fc.constantFrom(...labelValues), { minLength: 1, maxLength: 2 });

const selector: fc.Arbitrary<Selector> = fc
  .array(
    fc.oneof(
      fc.record({
        operator: fc.constantFrom("In" as const, "NotIn" as const),
        key: requirementKey,
        values: requirementValues,
      }),
      fc.record({ operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const), key: requirementKey }),
    ),
    { maxLength: 2 },
  )
  .map(selectorOf);

/** A selection as cluster-wide policies make them, and by name as NetworkPolicies do. */
export const randomSelection: fc.Arbitrary<PodSelection> = fc.record({
  namespaces: fc.oneof(
    fc.record({ kind: fc.constant("name" as const), name: fc.constantFrom(...namespaceNames) }),
    fc.record({ kind: fc.constant("selector" as const), selector }),
  ),
  pods: selector,
});

const cidrOf = (text: string) => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`not a block: ${text}`);
  return cidr;
};

const peer: fc.Arbitrary<Peer> = fc.oneof(
  randomSelection.map((selection): Peer => ({ kind: "pods", selection })),
  apiBlock.map(({ cidr, except }): Peer => {
    const addresses = subtractAddresses(addressSetOf([cidrOf(cidr)]), addressSetOf(except.map(cidrOf)));
    return { kind: "block", addresses };
  }),
);

const port: fc.Arbitrary<PortMatch> = fc.oneof(
  fc
    .tuple(protocol, fc.constantFrom(...portNumbers), fc.nat(2))
    .map(([one, from, more]): PortMatch => ({ kind: "range", protocol: one, from, to: from + more })),
  fc.record({
    kind: fc.constant("named" as const),
    name: fc.constantFrom(...portNames),
    protocol: fc.option(protocol, { freq: 2 }),
  }),
);

const patterns = domainPatterns.map((text) => {
  const pattern = parseDomainPattern(text);
  if (pattern === null) throw new Error(`not a pattern: ${text}`);
  return pattern;
});

/** Peers that only rules of egress have; names only those that accept. */
const nodesPeer = selector.map((one): Peer => ({ kind: "nodes", selector: one }));
const domainsPeer = fc
  .subarray(patterns, { minLength: 1, maxLength: 2 })
  .map((some): Peer => ({ kind: "domains", patterns: some }));

const peersOf = (direction: Direction, action: Action): fc.Arbitrary<Peer> => {
  if (direction === "ingress") return peer;
  return action === "accept" ? fc.oneof(peer, peer, nodesPeer, domainsPeer) : fc.oneof(peer, peer, nodesPeer);
};

/** A name of a port beside nodes or domains is unreadable, so no policy is lowered to that. */
export function withReadablePorts(clause: Omit<Clause, "rule">): Omit<Clause, "rule"> {
  const { peers, ports } = clause;
  if (ports === null || peers === null || peers.every(({ kind }) => kind === "pods" || kind === "block")) return clause;
  return { ...clause, ports: ports.filter(({ kind }) => kind === "range") };
}

const someAction = fc.constantFrom("accept" as const, "deny" as const, "pass" as const);

/** A rule as it is once lowered; an unreadable one that denies has no restrictions left. */
const clauseOf = (direction: Direction): fc.Arbitrary<Omit<Clause, "rule">> =>
  fc.oneof(
    {
      weight: 15,
      arbitrary: someAction.chain((action) =>
        fc
          .record({
            ruleName: fc.option(fc.constantFrom("first", "second")),
            action: fc.constant(action),
            peers: fc.option(fc.array(peersOf(direction, action), { maxLength: 2 }), { freq: 4 }),
            ports: fc.option(fc.array(port, { maxLength: 2 }), { freq: 2 }),
          })
          .map(withReadablePorts),
      ),
    },
    { weight: 1, arbitrary: fc.constant({ ruleName: null, action: "deny" as const, peers: null, ports: null }) },
  );

/** Now and then a rule is missing: an unreadable one that accepts is no clause at all. */
const clauses = (direction: Direction): fc.Arbitrary<readonly Clause[]> =>
  fc
    .array(fc.option(clauseOf(direction), { freq: 12 }), { maxLength: 3 })
    .map((list) => list.flatMap((clause, rule) => (clause === null ? [] : [{ rule, ...clause }])));

/** The kinds of the ordered tiers. AdminNetworkPolicy has one tier, BaselineAdminNetworkPolicy one tier and one name. */
const orderedKind = fc.oneof(
  fc.record({
    tier: fc.constantFrom("admin" as const, "baseline" as const),
    kind: fc.constant("ClusterNetworkPolicy"),
    name: fc.constantFrom("one", "two", "three"),
    priority: fc.nat(2),
  }),
  fc.record({
    tier: fc.constant("admin" as const),
    kind: fc.constant("AdminNetworkPolicy"),
    name: fc.constantFrom("one", "two", "three"),
    priority: fc.nat(2),
  }),
  fc.constant({
    tier: "baseline" as const,
    kind: "BaselineAdminNetworkPolicy",
    name: "default",
    priority: lastPriority,
  }),
);

/** A policy of an ordered tier as it is once lowered. */
export const orderedPolicy: fc.Arbitrary<Policy> = fc
  .tuple(
    orderedKind,
    fc.record({
      mode: fc.constantFrom("enforce" as const, "enforce" as const, "enforce" as const, "audit" as const),
      subject: randomSelection,
      ingress: fc.option(clauses("ingress")),
      egress: fc.option(clauses("egress")),
    }),
  )
  .map(([of, rest]) => ({ ...of, ...rest, namespace: null, id: `${of.kind}/${of.name}` as PolicyId }));

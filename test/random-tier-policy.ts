/** Policies of the ordered tiers as API objects: every form of subject, peer and port that their CRDs have. */
import * as fc from "fast-check";
import type { ApiObject } from "./cluster-of.ts";
import {
  apiNamespaceSelector,
  apiSelector,
  domainPatterns,
  networks,
  portNames,
  portNumbers,
  sometimes,
  withoutUndefined,
} from "./random-policy.ts";

type Version = "v1alpha1" | "v1alpha2";
type Action = "Allow" | "Accept" | "Deny" | "Pass";

const acceptOf = (version: Version): Action => (version === "v1alpha1" ? "Allow" : "Accept");
const isAccept = (action: Action): boolean => action === "Allow" || action === "Accept";

/** Wide ones more often than elsewhere: a policy of the cluster that speaks of nobody tells nothing. */
const wide = <T>(selector: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.constantFrom("a", "b", "c").map((app) => ({ matchLabels: { app } })) },
    { weight: 2, arbitrary: selector },
  );

/** In v1alpha2 the namespaceSelector may be absent: all namespaces. */
const podsOf = (version: Version) => {
  const namespaceSelector = version === "v1alpha1" ? wide(apiNamespaceSelector) : sometimes(wide(apiNamespaceSelector));
  return fc.record({ namespaceSelector, podSelector: wide(apiSelector) }).map(withoutUndefined);
};

/** Of subjects and peers. */
const wherePods = (version: Version) =>
  fc.oneof(
    fc.oneof(wide(apiNamespaceSelector), apiNamespaceSelector).map((namespaces) => ({ namespaces })),
    podsOf(version).map((pods) => ({ pods })),
  );

const network = fc
  .oneof(fc.subarray(networks, { minLength: 1, maxLength: 2 }), fc.subarray(["0.0.0.0/0", "::/0"], { minLength: 1 }))
  .map((list) => ({ networks: list }));
const nodes = wide(apiSelector).map((selector) => ({ nodes: selector }));
const domains = fc.subarray(domainPatterns, { minLength: 1, maxLength: 3 }).map((list) => ({ domainNames: list }));

interface Form {
  readonly version: Version;
  readonly direction: "ingress" | "egress";
  readonly action: Action;
  /** The kind has peers that are names. */
  readonly hasDomains: boolean;
}

const peerOf = ({ version, direction, action, hasDomains }: Form): fc.Arbitrary<object> => {
  if (direction === "ingress") return wherePods(version);
  return fc.oneof(wherePods(version), network, nodes, ...(hasDomains && isAccept(action) ? [domains] : []));
};

const isOnlyPods = (peers: readonly object[]): boolean => peers.every((peer) => "pods" in peer || "namespaces" in peer);

const protocolName = fc.constantFrom("TCP", "UDP", "SCTP");
const number = fc.constantFrom(...portNumbers);
/** A range of at least two ports: v1alpha2 refuses one of a single port. */
const range = fc
  .tuple(fc.constantFrom(80, 443, 8080), fc.constantFrom(8081, 9000, 9001))
  .map(([start, end]) => ({ start, end }));

const portsOld = (mayBeNamed: boolean): fc.Arbitrary<object> =>
  fc.oneof(
    fc
      .record({ protocol: sometimes(protocolName), port: number })
      .map((one) => ({ portNumber: withoutUndefined(one) })),
    fc
      .tuple(sometimes(protocolName), range)
      .map(([protocol, one]) => ({ portRange: withoutUndefined({ protocol, ...one }) })),
    ...(mayBeNamed ? [fc.constantFrom(...portNames).map((namedPort) => ({ namedPort }))] : []),
  );

const portsNew = (mayBeNamed: boolean): fc.Arbitrary<object> =>
  fc.oneof(
    fc
      .tuple(
        fc.constantFrom("tcp", "udp", "sctp"),
        fc.oneof(
          number.map((one) => ({ number: one })),
          range.map((one) => ({ range: one })),
        ),
      )
      .map(([protocol, destinationPort]) => ({ [protocol]: { destinationPort } })),
    ...(mayBeNamed ? [fc.constantFrom(...portNames).map((destinationNamedPort) => ({ destinationNamedPort }))] : []),
  );

const ruleOf = (form: Form): fc.Arbitrary<object> => {
  const { version, direction, action } = form;
  return fc.array(peerOf(form), { minLength: 1, maxLength: 3, size: "max" }).chain((peers) => {
    // A name is looked up in pods: beside other peers it is refused.
    const port = (version === "v1alpha1" ? portsOld : portsNew)(isOnlyPods(peers));
    return fc
      .record({
        name: sometimes(fc.constantFrom("first", "second", "a rule of many words")),
        ports: fc.option(fc.array(port, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 }),
      })
      .map(({ name, ports }) =>
        withoutUndefined({
          name,
          action,
          [direction === "ingress" ? "from" : "to"]: peers,
          [version === "v1alpha1" ? "ports" : "protocols"]: ports,
        }),
      );
  });
};

const rulesOf = (version: Version, direction: Form["direction"], actions: readonly Action[], hasDomains: boolean) =>
  fc.option(
    fc.array(
      fc.constantFrom(...actions).chain((action) => ruleOf({ version, direction, action, hasDomains })),
      { minLength: 1, maxLength: 3, size: "max" },
    ),
    { nil: undefined, freq: 4 },
  );

const priority = fc.nat(2);

const objectOf = (version: Version, kind: string, name: string, spec: object, dice: number): ApiObject => ({
  apiVersion: `policy.networking.k8s.io/${version}`,
  kind,
  metadata: { name, ...(dice === 0 ? { annotations: { "portcullis.dev/mode": "audit" } } : {}) },
  spec,
});

/** A valid policy of a kind, sometimes in audit. Names and priorities are few: there are ties. */
function policyOf(
  version: Version,
  kind: string,
  names: readonly string[],
  own: fc.Arbitrary<object>,
  actions: readonly Action[],
): fc.Arbitrary<ApiObject> {
  const hasDomains = kind !== "BaselineAdminNetworkPolicy";
  const rules = fc.record({
    subject: wherePods(version),
    ingress: rulesOf(version, "ingress", actions, hasDomains),
    egress: rulesOf(version, "egress", actions, hasDomains),
  });
  return fc
    .tuple(fc.constantFrom(...names), own, rules, fc.nat(9))
    .map(([name, fields, spec, dice]) => objectOf(version, kind, name, { ...fields, ...withoutUndefined(spec) }, dice));
}

const three = ["one", "two", "three"];
const actionsOf = (version: Version): readonly Action[] => [acceptOf(version), "Deny", "Pass"];

export const apiAdminNetworkPolicy = policyOf(
  "v1alpha1",
  "AdminNetworkPolicy",
  three,
  fc.record({ priority }),
  actionsOf("v1alpha1"),
);

export const apiBaselineAdminNetworkPolicy = policyOf(
  "v1alpha1",
  "BaselineAdminNetworkPolicy",
  ["default"],
  fc.constant({}),
  ["Allow", "Deny"],
);

export const apiClusterNetworkPolicy = policyOf(
  "v1alpha2",
  "ClusterNetworkPolicy",
  three,
  fc.record({ tier: fc.constantFrom("Admin", "Baseline"), priority }),
  actionsOf("v1alpha2"),
);

/** A valid policy of any kind of the ordered tiers. */
export const apiTierPolicy: fc.Arbitrary<ApiObject> = fc.oneof(
  apiClusterNetworkPolicy,
  apiClusterNetworkPolicy,
  apiAdminNetworkPolicy,
  apiBaselineAdminNetworkPolicy,
);

type Rule = Readonly<Record<string, unknown>>;

/** What makes a rule unreadable: an unknown peer, port, field or action, a name among what has none. */
const spoilers: readonly ((rule: Rule, peers: string) => Rule)[] = [
  (rule, peers) => ({ ...rule, [peers]: [...(rule[peers] as readonly object[]), { serviceAccounts: {} }] }),
  (rule, peers) => ({ ...rule, [peers]: [{ pods: { podSelector: { matchLabels: { app: "not a value" } } } }] }),
  (rule) => ({ ...rule, [rule["action"] === "Accept" ? "protocols" : "ports"]: [{ icmp: {} }] }),
  (rule) => ({ ...rule, schedule: "at night" }),
  (rule) => ({ ...rule, action: "Log" }),
];

/** The same, its rules sometimes such that they cannot be read: decoders report them, and they fail closed. */
export const apiTierPolicyWithUnreadable: fc.Arbitrary<ApiObject> = fc
  .tuple(apiTierPolicy, fc.array(fc.nat(2 * spoilers.length), { minLength: 6, maxLength: 6 }))
  .map(([policy, dice]) => {
    const spec = policy["spec"] as Readonly<Record<string, unknown>>;
    const spoil = (field: "ingress" | "egress", offset: number): object => {
      const rules = spec[field] as readonly Rule[] | undefined;
      if (rules === undefined) return {};
      const peers = field === "ingress" ? "from" : "to";
      return { [field]: rules.map((rule, at) => spoilers[dice[offset + at] ?? -1]?.(rule, peers) ?? rule) };
    };
    return { ...policy, spec: { ...spec, ...spoil("ingress", 0), ...spoil("egress", 3) } };
  });

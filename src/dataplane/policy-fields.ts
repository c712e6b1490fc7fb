import type { FeatureGate } from "../policy/feature-gates.ts";
import type { FeatureId } from "./features.ts";

/** A field of a policy API, or one value that it can have, and the feature that it stands for. */
export interface PolicyField {
  /**
   * `spec.egress[].to[].nodes`; a value as `spec.egress[].action=Deny`, the forms of a number or name as `=NUMBER` and
   * `=NAME`. A label selector is one field.
   */
  readonly path: string;
  /** Null: no dataplane is asked for it; `note` says what becomes of it. */
  readonly feature: FeatureId | null;
  readonly note: string;
  /** The gate that it stands behind: it is of the experimental channel. Null: of the standard one. */
  readonly gate: FeatureGate | null;
}

/** All fields of one kind of policy. */
export interface PolicyFields {
  readonly kind: string;
  readonly version: string;
  readonly fields: readonly PolicyField[];
}

function of(feature: FeatureId, ...paths: readonly string[]): readonly PolicyField[] {
  return paths.map((path) => ({ path, feature, note: "", gate: null }));
}

function gated(gate: FeatureGate, fields: readonly PolicyField[]): readonly PolicyField[] {
  return fields.map((field) => ({ ...field, gate }));
}

function both(fieldsOf: (rules: string, peers: string) => readonly PolicyField[]): readonly PolicyField[] {
  return [...fieldsOf("spec.ingress[]", "from"), ...fieldsOf("spec.egress[]", "to")];
}

function protocolOf(path: string): readonly PolicyField[] {
  return [...of("protocols", path, `${path}=TCP`, `${path}=UDP`), ...of("sctp", `${path}=SCTP`)];
}

const identity = of("objects", "apiVersion", "kind", "metadata");

const statusNote = "nothing is written there: events and metrics say what is in force";
const conditions = ["lastTransitionTime", "message", "observedGeneration", "reason", "status", "type"];
const status: readonly PolicyField[] = [
  "status",
  "status.conditions",
  ...conditions.map((name) => `status.conditions[].${name}`),
  ...["True", "False", "Unknown"].map((value) => `status.conditions[].status=${value}`),
].map((path) => ({ path, feature: null, note: statusNote, gate: null }));

const networkPolicy: PolicyFields = {
  kind: "NetworkPolicy",
  version: "networking.k8s.io/v1",
  fields: [
    ...identity,
    ...of("subjects", "spec", "spec.podSelector"),
    ...of("isolation", "spec.policyTypes", "spec.ingress", "spec.egress"),
    ...both((rules, peers) => [
      ...of("rules", `${rules}.${peers}`, `${rules}.ports`),
      ...of("pod-peers", `${rules}.${peers}[].podSelector`, `${rules}.${peers}[].namespaceSelector`),
      ...of("address-peers", `${rules}.${peers}[].ipBlock`),
      ...of("address-peers", `${rules}.${peers}[].ipBlock.cidr`, `${rules}.${peers}[].ipBlock.except`),
      ...protocolOf(`${rules}.ports[].protocol`),
      ...of("ports", `${rules}.ports[].port`, `${rules}.ports[].port=NUMBER`),
      ...of("named-ports", `${rules}.ports[].port=NAME`),
      ...of("port-ranges", `${rules}.ports[].endPort`),
    ]),
  ],
};

const selectedPods = (path: string): readonly string[] => [
  `${path}.namespaces`,
  `${path}.pods`,
  `${path}.pods.namespaceSelector`,
  `${path}.pods.podSelector`,
];

/** What all kinds of the ordered tiers have, whatever their version. */
const clusterWide: readonly PolicyField[] = [
  ...identity,
  ...of("subjects", "spec", "spec.subject", ...selectedPods("spec.subject")),
  ...of("rules", "spec.ingress", "spec.egress"),
  ...both((rules, peers) => [
    ...of("rules", `${rules}.action`),
    ...of("deny", `${rules}.action=Deny`),
    ...of("rule-names", `${rules}.name`),
    ...of("pod-peers", `${rules}.${peers}`, ...selectedPods(`${rules}.${peers}[]`)),
  ]),
  ...of("address-peers", "spec.egress[].to[].networks"),
  ...gated("NodePeers", of("node-peers", "spec.egress[].to[].nodes")),
  ...status,
];

const pass = both((rules) => of("pass", `${rules}.action=Pass`));
const domainPeers = gated("DomainNames", of("domain-peers", "spec.egress[].to[].domainNames"));

const versionOne: readonly PolicyField[] = both((rules) => [
  ...of("accept", `${rules}.action=Allow`),
  ...of("ports", `${rules}.ports`, `${rules}.ports[].portNumber`, `${rules}.ports[].portNumber.port`),
  ...protocolOf(`${rules}.ports[].portNumber.protocol`),
  ...protocolOf(`${rules}.ports[].portRange.protocol`),
  ...of("port-ranges", ...["", ".start", ".end"].map((part) => `${rules}.ports[].portRange${part}`)),
  ...gated("NamedPorts", of("named-ports", `${rules}.ports[].namedPort`)),
]);

const versionTwo: readonly PolicyField[] = both((rules) => [
  ...of("accept", `${rules}.action=Accept`),
  ...of("protocols", `${rules}.protocols`),
  ...of("named-ports", `${rules}.protocols[].destinationNamedPort`),
  ...(["tcp", "udp", "sctp"] as const).flatMap((protocol) => {
    const one = `${rules}.protocols[].${protocol}`;
    return [
      ...of(protocol === "sctp" ? "sctp" : "protocols", one),
      ...of("ports", `${one}.destinationPort`, `${one}.destinationPort.number`),
      ...of("port-ranges", ...["", ".start", ".end"].map((part) => `${one}.destinationPort.range${part}`)),
    ];
  }),
]);

const group = "policy.networking.k8s.io";

/** Every field of every policy API that is read. A test holds it against what their projects publish. */
export const policyFields: readonly PolicyFields[] = [
  networkPolicy,
  {
    kind: "AdminNetworkPolicy",
    version: `${group}/v1alpha1`,
    fields: [...clusterWide, ...versionOne, ...pass, ...domainPeers, ...of("priorities", "spec.priority")],
  },
  {
    kind: "BaselineAdminNetworkPolicy",
    version: `${group}/v1alpha1`,
    fields: [...clusterWide, ...versionOne],
  },
  {
    kind: "ClusterNetworkPolicy",
    version: `${group}/v1alpha2`,
    fields: [
      ...clusterWide,
      ...versionTwo,
      ...pass,
      ...domainPeers,
      ...of("tiers", "spec.tier", "spec.tier=Admin", "spec.tier=Baseline"),
      ...of("priorities", "spec.priority"),
    ],
  },
];

/**
 * What can be asked of a dataplane. A feature is what a dataplane can do or not do as a whole; the fields of the
 * policy APIs that stand for it are in policy-fields.ts. docs/features.md is generated from both.
 */
interface Described {
  readonly id: string;
  readonly what: string;
}

/** What policies ask for. */
export const policyFeatures = [
  { id: "objects", what: "an object's identity; by its name it is ordered among equals and named in answers" },
  { id: "subjects", what: "which pods a policy is about" },
  { id: "rules", what: "rules by direction, in their order where a tier has one" },
  { id: "isolation", what: "NetworkPolicy: a pod that is isolated, the union of what policies allow it" },
  { id: "tiers", what: "Admin before NetworkPolicy before Baseline" },
  { id: "priorities", what: "the order of policies in a tier" },
  { id: "accept", what: "a rule that accepts" },
  { id: "deny", what: "a rule that denies, before others that accept" },
  { id: "pass", what: "a rule that leaves the rest to the next tier" },
  { id: "rule-names", what: "a rule's name, in answers; what is logged says which rule by its number" },
  { id: "pod-peers", what: "peers by the labels of pods and namespaces" },
  { id: "address-peers", what: "peers by address, IPv4 and IPv6; what is cut out of a block" },
  { id: "node-peers", what: "peers that are nodes: every IP address in status.addresses" },
  { id: "domain-peers", what: "peers by domain name, learned from DNS answers" },
  { id: "ports", what: "ports by number" },
  { id: "port-ranges", what: "ranges of ports" },
  { id: "named-ports", what: "ports by the name that the destination pod declares" },
  { id: "protocols", what: "TCP and UDP told apart; protocols without ports by rules without ports" },
  { id: "sctp", what: "SCTP" },
] as const satisfies readonly Described[];

/** What operators ask for, beyond the policy APIs. */
export const ownFeatures = [
  { id: "established-cut", what: "open connections that a change denies are cut (`--established=cut`)" },
  { id: "established-keep", what: "they are left until they end (`--established=keep`)" },
  { id: "default-verdict", what: "what becomes of pods that no policy decides (`--default-verdict`, namespace label)" },
  { id: "unknown-pods", what: "addresses of a pod range that are no known pod's are denied (`--unknown-pods`)" },
  { id: "audit", what: "policies in audit decide nothing, what they would decide is told (`portcullis.dev/mode`)" },
  { id: "rule-counters", what: "packets and bytes by policy and rule" },
  { id: "drop-log", what: "each denied connection, with the policies that deny it" },
  { id: "domain-learning", what: "DNS answers are held until their addresses are in force" },
] as const satisfies readonly Described[];

export type FeatureId = (typeof policyFeatures)[number]["id"] | (typeof ownFeatures)[number]["id"];

/** What a dataplane cannot do, each with the reason that users are told. It can do everything else. */
export type Inability = Readonly<Partial<Record<FeatureId, string>>>;

/**
 * Fields of the experimental channel of network-policy-api. They are read unless the operator shuts their gate; then
 * they are unknown fields, and a rule that has one fails closed. NodePeers: `nodes`. DomainNames: `domainNames`.
 * NamedPorts: `namedPort` of v1alpha1 (in v1alpha2 `destinationNamedPort` is of the standard channel).
 */
export const featureGates = ["NodePeers", "DomainNames", "NamedPorts"] as const;

export type FeatureGate = (typeof featureGates)[number];

/** Those that are open. */
export type FeatureGates = ReadonlySet<FeatureGate>;

export const allGatesOpen: FeatureGates = new Set(featureGates);

import type { Mutant } from "./mutant.ts";

/** How objects of the ordered tiers are read: the kinds of network-policy-api. */
const admin = "src/policy/admin-network-policy";
const baseline = "src/policy/baseline-admin-network-policy/baseline-admin-network-policy.ts";
const cluster = "src/policy/cluster-network-policy";
const tiers = "src/policy/tiers";

const places: readonly Mutant[] = [
  {
    line: "a ClusterNetworkPolicy says its tier itself",
    file: `${cluster}/cluster-network-policy.ts`,
    text: `["Baseline", "baseline"],`,
    replacement: `["Baseline", "admin"],`,
  },
  {
    line: "AdminNetworkPolicy is of the Admin tier",
    file: `${admin}/admin-network-policy.ts`,
    text: `{ tier: "admin", priority };`,
    replacement: `{ tier: "baseline", priority };`,
  },
  {
    line: "BaselineAdminNetworkPolicy is of the Baseline tier",
    file: baseline,
    text: `({ tier: "baseline",`,
    replacement: `({ tier: "admin",`,
  },
  {
    line: "the one BaselineAdminNetworkPolicy comes last in its tier",
    file: baseline,
    text: `const last = 2 ** 31;`,
    replacement: `const last = -1;`,
  },
  {
    line: "BaselineAdminNetworkPolicy: only the name default is valid",
    file: baseline,
    text: `const onlyName = "default";`,
    replacement: `const onlyName = "baseline";`,
  },
  {
    line: "BaselineAdminNetworkPolicy has no Pass",
    file: baseline,
    text: `const actions = ["Allow", "Deny"];`,
    replacement: `const actions = ["Allow", "Deny", "Pass"];`,
  },
  {
    line: "BaselineAdminNetworkPolicy has no domainNames",
    file: baseline,
    text: `egressSchema(actions, nodesAndNetworks(gates), gates)`,
    replacement: `egressSchema(actions, { ...nodesAndNetworks(gates), domainNames: { type: "array", items: { type: "string" } } }, gates)`,
  },
];

const actions: readonly Mutant[] = [
  {
    line: "v1alpha1: Pass leaves the tier",
    file: `${admin}/admin-network-policy.ts`,
    text: `["Pass", "pass"],`,
    replacement: `["Pass", "accept"],`,
  },
  {
    line: "v1alpha2: Pass leaves the tier",
    file: `${cluster}/cluster-network-policy.ts`,
    text: `["Pass", "pass"],`,
    replacement: `["Pass", "deny"],`,
  },
  {
    line: "fail closed: a rule that accepts and cannot be read matches nothing at all",
    file: `${tiers}/rules.ts`,
    text: `return action === "accept" ? null : denyEverything(index, ruleName);`,
    replacement: `return denyEverything(index, ruleName);`,
  },
  {
    line: "fail closed: one that denies or passes denies everything of its direction",
    file: `${tiers}/rules.ts`,
    text: `return action === "accept" ? null : denyEverything(index, ruleName);`,
    replacement: `return null;`,
  },
  {
    line: "fail closed: one of an unknown action denies everything of its direction",
    file: `${tiers}/rules.ts`,
    text: `return action === "accept" ? null : denyEverything(index, ruleName);`,
    replacement: `return action === "accept" || action === null ? null : denyEverything(index, ruleName);`,
  },
  {
    line: "fail closed: whatever the readable peers and ports of the rule are",
    file: `${tiers}/rules.ts`,
    text: `return { rule, ruleName, action: "deny", peers: null, ports: null };`,
    replacement: `return { rule, ruleName, action: "deny", peers: [], ports: null };`,
  },
  {
    line: "fail closed: readable peers of an unreadable rule that accepts are included",
    file: `${tiers}/rules.ts`,
    text: `if (matched !== null && action !== null && errors.length === before)`,
    replacement: `if (matched !== null && action !== null)`,
  },
  {
    line: "fail closed: an unknown field is unreadable",
    file: "src/kube/schema/check.ts",
    text: `unreadable(findings, unknownField([...at, name]));`,
    replacement: `excessive(findings, unknownField([...at, name]));`,
  },
  {
    line: "a field whose gate is shut is an unknown field",
    file: `${tiers}/schemas.ts`,
    text: `return gates.has(gate) ? schema :`,
    replacement: `return gates.size >= 0 ? schema :`,
  },
];

const peers: readonly Mutant[] = [
  {
    line: "subjects and peers: namespaceSelector AND podSelector",
    file: `${tiers}/peers.ts`,
    text: `selector: namespaces }, pods };`,
    replacement: `selector: namespaces }, pods: everything };`,
  },
  {
    line: "v1alpha2: an absent namespaceSelector selects all namespaces",
    file: `${tiers}/peers.ts`,
    text: `return selector === null ? everything : decodeSelector`,
    replacement: `return selector === null ? null : decodeSelector`,
  },
  {
    line: "a peer that cannot be read is no peer less",
    file: `${tiers}/peers.ts`,
    text: `if (namespaces === null || pods === null) return null;`,
    replacement: `if (namespaces === null || pods === null) return { namespaces: { kind: "name", name: "" }, pods: everything };`,
  },
  {
    line: "domainNames only with Allow and Accept: under Deny and Pass they are an unreadable peer",
    file: `${tiers}/peers.ts`,
    text: `if (action.name === action.accepts) return`,
    replacement: `if (action.name !== "") return`,
  },
  {
    line: "networks: all CIDRs of a peer",
    file: `${tiers}/peers.ts`,
    text: `addresses: addressSetOf(cidrs) };`,
    replacement: `addresses: addressSetOf(cidrs.slice(0, 1)) };`,
  },
  {
    line: "domain names: *. means one or more leading labels, whole ones",
    file: "src/net/domain-name.ts",
    text: `name.endsWith(pattern.slice(1));`,
    replacement: `name.endsWith(pattern.slice(2));`,
  },
  {
    line: "domain names: *. means one or more leading labels, not none",
    file: "src/net/domain-name.ts",
    text: `return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1));`,
    replacement: `return \`.\${name}\`.endsWith(pattern.slice(1));`,
  },
  {
    line: "domain names: a trailing dot does not matter",
    file: "src/net/domain-name.ts",
    text: `return lower.endsWith(".") ? lower.slice(0, -1) : lower;`,
    replacement: `return lower;`,
  },
  {
    line: "domain names: case does not matter",
    file: "src/net/domain-name.ts",
    text: `const lower = text.toLowerCase();`,
    replacement: `const lower = text;`,
  },
];

const ports: readonly Mutant[] = [
  {
    line: "v1alpha1: an absent protocol is TCP",
    file: `${admin}/ports.ts`,
    text: `[...at, "protocol"], errors) : "TCP";`,
    replacement: `[...at, "protocol"], errors) : "UDP";`,
  },
  {
    line: "v1alpha1: start > end is an unreadable port",
    file: `${admin}/ports.ts`,
    text: `if (from > to) errors.push(`,
    replacement: `if (from > to && to < 0) errors.push(`,
  },
  {
    line: "v1alpha1: a range holds its end",
    file: `${admin}/ports.ts`,
    text: `const to = Number(field(object, end));`,
    replacement: `const to = Math.max(from, Number(field(object, end)) - 1);`,
  },
  {
    line: "v1alpha2: tcp, udp and sctp mean themselves",
    file: `${cluster}/protocols.ts`,
    text: `return { kind: "range", protocol, from, to };`,
    replacement: `return { kind: "range", protocol: "TCP", from, to };`,
  },
  {
    line: "v1alpha2: start > end is an unreadable port",
    file: `${cluster}/protocols.ts`,
    text: `return ends !== null && ends[0] === ends[1];`,
    replacement: `return ends !== null;`,
  },
  {
    line: "a named port matches every protocol",
    file: `${tiers}/port-name.ts`,
    text: `name: internString(name), protocol: null };`,
    replacement: `name: internString(name), protocol: "TCP" };`,
  },
  {
    line: "v1alpha1: a named port beside networks, nodes or domainNames is unreadable",
    file: `${admin}/rules.ts`,
    text: `validations: [noNamesBeside(Object.keys(outside), "ports", "namedPort")],`,
    replacement: ``,
  },
  {
    line: "v1alpha2: a named port beside networks, nodes or domainNames is unreadable",
    file: `${cluster}/cluster-network-policy.ts`,
    text: `validations: [noNamesBeside(Object.keys(outside), "protocols", "destinationNamedPort")],`,
    replacement: ``,
  },
];

export const mutantsOfTierKinds: readonly Mutant[] = [...places, ...actions, ...peers, ...ports];

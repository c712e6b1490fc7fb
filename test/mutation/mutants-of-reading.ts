import type { Mutant } from "./mutant.ts";

const decode = "src/policy/network-policy";

/** How the API's object is read. */
const decoding: readonly Mutant[] = [
  {
    line: "an absent spec is {}",
    file: `${decode}/network-policy.ts`,
    text: `const spec = readObject(policy, "spec", [], errors) ?? {};`,
    replacement: `const spec = readObject(policy, "spec", [], errors) ?? { podSelector: { matchLabels: { no: "pod" } } };`,
  },
  {
    line: "an absent podSelector is {}",
    file: `${decode}/network-policy.ts`,
    text: `return errors.length > before ? null : everything;`,
    replacement: `return null;`,
  },
  {
    line: "empty policyTypes counts as absent",
    file: `${decode}/policy-types.ts`,
    text: `if (list.length === 0 && errors.length === before) return { ingress: true, egress: hasEgressRules(spec) };`,
    replacement: `if (spec["policyTypes"] === undefined) return { ingress: true, egress: hasEgressRules(spec) };`,
  },
  {
    line: "podSelector picks subjects in the policy's own namespace",
    file: `${decode}/network-policy.ts`,
    text: `subject: { namespaces: { kind: "name", name: namespace }, pods },`,
    replacement: `subject: { namespaces: { kind: "selector", selector: everything }, pods },`,
  },
  {
    line: "policyTypes absent: Egress too if there is an egress field with rules",
    file: `${decode}/policy-types.ts`,
    text: `return { ingress: true, egress: hasEgressRules(spec) };`,
    replacement: `return { ingress: true, egress: false };`,
  },
  {
    line: "policyTypes absent: not Egress if egress holds no rules",
    file: `${decode}/policy-types.ts`,
    text: `return egress !== undefined && !(Array.isArray(egress) && egress.length === 0);`,
    replacement: `return egress !== undefined;`,
  },
  {
    line: "policyTypes present: exactly those",
    file: `${decode}/policy-types.ts`,
    text: `return ingress || egress ? { ingress, egress } : { ingress: true, egress: true };`,
    replacement: `return { ingress: true, egress };`,
  },
  {
    line: "a direction that is not listed is untouched, whatever rules it carries",
    file: `${decode}/network-policy.ts`,
    text: `egress: directions.egress ? egress : null,`,
    replacement: `egress: directions.egress || egress.length > 0 ? egress : null,`,
  },
  {
    line: "an empty or absent list of rules allows nothing",
    file: `${decode}/network-policy.ts`,
    text: `ingress: directions.ingress ? ingress : null,`,
    replacement: `ingress: directions.ingress && ingress.length > 0 ? ingress : null,`,
  },
  {
    line: "from/to absent or empty: any peer",
    file: `${decode}/peers.ts`,
    text: `return peers.length === 0 && errors.length === before ? null : peers;`,
    replacement: `return peers;`,
  },
  {
    line: "podSelector alone: that policy's namespace",
    file: `${decode}/peers.ts`,
    text: `namespaces === null ? { kind: "name", name: namespace } : { kind: "selector", selector: namespaces };`,
    replacement: `{ kind: "selector", selector: namespaces ?? everything };`,
  },
  {
    line: "podSelector and namespaceSelector: AND",
    file: `${decode}/peers.ts`,
    text: `selection: { namespaces: selection, pods: pods ?? everything } };`,
    replacement: `selection: { namespaces: selection, pods: namespaces === null ? (pods ?? everything) : everything } };`,
  },
  {
    line: "except cuts its own block",
    file: `${decode}/peers.ts`,
    text: `addresses: subtractAddresses(addressSetOf([cidr]), addressSetOf(excepts)) };`,
    replacement: `addresses: addressSetOf([cidr]) };`,
  },
  {
    line: "ports absent or empty: any protocol and port",
    file: `${decode}/ports.ts`,
    text: `return ports.length === 0 && errors.length === before ? null : ports;`,
    replacement: `return ports;`,
  },
  {
    line: "protocol defaults to TCP",
    file: `${decode}/ports.ts`,
    text: `const protocol = text === null ? "TCP" : `,
    replacement: `const protocol = text === null ? "UDP" : `,
  },
  {
    line: "port absent: every port of that protocol",
    file: `${decode}/ports.ts`,
    text: `return { kind: "range", protocol, from: lowestPort, to: highestPort };`,
    replacement: `return { kind: "range", protocol, from: lowestPort + 2, to: highestPort };`,
  },
  {
    line: "endPort: inclusive range",
    file: `${decode}/ports.ts`,
    text: `from: port, to: endPort ?? port };`,
    replacement: `from: port, to: (endPort ?? port + 1) - 1 };`,
  },
  {
    line: "rule 9: an unreadable rule matches nothing",
    file: `${decode}/network-policy.ts`,
    text: `return clause === null || errors.length > before ? matchesNothing(index) : clause;`,
    replacement: `return clause ?? matchesNothing(index);`,
  },
  {
    line: "sidecar init containers are included, others are not",
    file: "src/kube/decode/pod-spec.ts",
    text: `if (field(item, "restartPolicy") === "Always") addPorts`,
    replacement: `addPorts`,
  },
];

/** Label selectors. */
const selecting: readonly Mutant[] = [
  {
    line: "operator In",
    file: "src/kube/selector.ts",
    text: `return value !== undefined && requirement.values.includes(value);`,
    replacement: `return value !== undefined;`,
  },
  {
    line: "operator NotIn",
    file: "src/kube/selector.ts",
    text: `return value === undefined || !requirement.values.includes(value);`,
    replacement: `return value !== undefined && !requirement.values.includes(value);`,
  },
  {
    line: "operator Exists",
    file: "src/kube/selector.ts",
    text: `return labels.has(requirement.key);`,
    replacement: `return true;`,
  },
  {
    line: "operator DoesNotExist",
    file: "src/kube/selector.ts",
    text: `return !labels.has(requirement.key);`,
    replacement: `return true;`,
  },
  {
    line: "matchLabels and expressions are ANDed",
    file: "src/kube/selector.ts",
    text: `for (const requirement of selector.requirements) if (!requirementMatches(requirement, labels)) return false;\n  return true;`,
    replacement: `return selector.requirements.length === 0 || selector.requirements.some((one) => requirementMatches(one, labels));`,
  },
];

export const mutantsOfReading: readonly Mutant[] = [...decoding, ...selecting];

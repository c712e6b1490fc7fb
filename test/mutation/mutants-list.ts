import type { Mutant } from "./mutant.ts";
import { mutantsOfNames } from "./mutants-of-names.ts";
import { mutantsOfReading } from "./mutants-of-reading.ts";
import { mutantsOfTierKinds } from "./mutants-of-tier-kinds.ts";
import { mutantsOfTiers } from "./mutants-of-tiers.ts";

/** What a rule matches. The indexed evaluator uses some of it; where it does not, it has mutants of its own. */
const matching: readonly Mutant[] = [
  {
    line: "a peer's namespace AND its labels",
    file: "src/evaluate/matching.ts",
    text: `return namespaceIsPicked && matches(selection.pods, pod.labels);`,
    replacement: `return namespaceIsPicked;`,
  },
  {
    line: "podSelector, namespaceSelector: pods only, never an outside address",
    file: "src/evaluate/matching.ts",
    text: `return other.pod !== null && selects(cluster, peer.selection, other.pod);`,
    replacement: `return other.pod === null || selects(cluster, peer.selection, other.pod);`,
  },
  {
    line: "ipBlock: by address, whoever holds it, pods included",
    file: "src/evaluate/matching.ts",
    text: `return addressSetContains(peer.addresses, other.address);`,
    replacement: `return other.pod === null && addressSetContains(peer.addresses, other.address);`,
  },
  {
    line: "peers are ORed",
    file: "src/evaluate/matching.ts",
    text: `clause.peers.some((one) => peerMatches(cluster, one, other));`,
    replacement: `clause.peers.every((one) => peerMatches(cluster, one, other));`,
  },
  {
    line: "ports are ORed",
    file: "src/evaluate/matching.ts",
    text: `clause.ports.some((one) => portMatches(one, target));`,
    replacement: `clause.ports.every((one) => portMatches(one, target));`,
  },
  {
    line: "a rule's peers AND its ports",
    file: "src/evaluate/matching.ts",
    text: `return peer && port;`,
    replacement: `return peer || port;`,
  },
  {
    line: "a port of another protocol does not match",
    file: "src/evaluate/matching.ts",
    text: `return match.protocol === target.protocol && match.from <= target.port`,
    replacement: `return match.from <= target.port`,
  },
  {
    line: "endPort: inclusive range (its end)",
    file: "src/evaluate/matching.ts",
    text: `target.port <= match.to;`,
    replacement: `target.port < match.to;`,
  },
  {
    line: "a named port: name and protocol",
    file: "src/evaluate/matching.ts",
    text: `(match.protocol === null || declared.protocol === match.protocol) &&`,
    replacement: ``,
  },
  {
    line: "a named port: only its number",
    file: "src/evaluate/matching.ts",
    text: `declared.port === target.port,`,
    replacement: `true,`,
  },
  {
    line: "a named port of what is no pod, or declares none: never all ports",
    file: "src/evaluate/matching.ts",
    text: `return (target.pod?.ports ?? []).some(`,
    replacement: `return (target.pod?.ports ?? [{ name: match.name, protocol: target.protocol, port: target.port }]).some(`,
  },
  {
    line: "named ports are the destination's, also for egress",
    file: "src/evaluate/reference.ts",
    text: `port: connection.port, pod: destination.pod };`,
    replacement: `port: connection.port, pod: source.pod };`,
  },
];

/** What decides. */
const deciding: readonly Mutant[] = [
  {
    line: "a pod is isolated as soon as one policy selects it: what nothing matches is denied",
    file: "src/evaluate/reference.ts",
    text: `return { verdict: "deny", tier: "networkpolicy", isolatedBy, decidedBy: null };`,
    replacement: `return null;`,
  },
  {
    line: "the union of what the policies that select it allow",
    file: "src/evaluate/reference.ts",
    text: `for (const policy of selecting) {`,
    replacement: `for (const policy of selecting.slice(0, 1)) {`,
  },
  {
    line: "a policy isolates in the directions it names only",
    file: "src/evaluate/reference.ts",
    text: `policy[direction] !== null && selects(cluster, policy.subject, pod),`,
    replacement: `selects(cluster, policy.subject, pod),`,
  },
  {
    line: "egress of the source and ingress of the destination: both must accept",
    file: "src/evaluate/decision.ts",
    text: `egress.verdict === "allow" && ingress.verdict === "allow";`,
    replacement: `egress.verdict === "allow" || ingress.verdict === "allow";`,
  },
  {
    line: "rule 3: a pod always reaches itself",
    file: "src/evaluate/reference.ts",
    text: `if (source.pod !== null && source.pod === destination.pod) return`,
    replacement: `if (source.pod !== null && source.pod !== source.pod) return`,
  },
  {
    line: "rule 4: a node always reaches the pods that run on it, no others",
    file: "src/evaluate/reference.ts",
    text: `return connection.sourceNode === destinationPod.nodeName;`,
    replacement: `return true;`,
  },
  {
    line: "rules 5 and 6: hostNetwork pods and finished pods do not count",
    file: "src/evaluate/standing.ts",
    text: `return !pod.hostNetwork && !pod.finished && pod.addresses.length > 0;`,
    replacement: `return !pod.hostNetwork && pod.addresses.length > 0;`,
  },
  {
    line: "rule 5: hostNetwork pods are never matched by a pod selector",
    file: "src/evaluate/standing.ts",
    text: `return !pod.hostNetwork && !pod.finished`,
    replacement: `return !pod.finished`,
  },
  {
    line: "rule 6: of two live pods that claim one address the newer holds it",
    file: "src/evaluate/standing.ts",
    text: `if (a.created !== b.created) return b.created - a.created;`,
    replacement: `if (a.created !== b.created) return a.created - b.created;`,
  },
  {
    line: "rule 10: addresses of a pod range that are no pod's",
    file: "src/evaluate/reference.ts",
    text: `isInPodRange(nodes, subject.address) ? unknownPod : passed;`,
    replacement: `isInPodRange(nodes, subject.address) ? passed : passed;`,
  },
  {
    line: "rule 12: the default verdict",
    file: "src/evaluate/reference.ts",
    text: `labelled || options.defaultVerdict === "deny" ? "deny" : "allow";`,
    replacement: `options.defaultVerdict === "deny" ? "deny" : "allow";`,
  },
  {
    line: "rule 13: a policy in audit does not count",
    file: "src/evaluate/reference.ts",
    text: `policy.mode === "enforce" && policy[direction]`,
    replacement: `policy[direction]`,
  },
];

/** The evaluator that serves queries, and the compiler: the properties hold them against the reference. */
const derived: readonly Mutant[] = [
  {
    line: "(indexed) a peer's namespace AND its labels",
    file: "src/evaluate/likeness.ts",
    text: `return picked && matches(selection.pods, one.labels);`,
    replacement: `return picked;`,
  },
  {
    line: "(indexed) peers are ORed, blocks with selections",
    file: "src/evaluate/profile.ts",
    text: `return other.domain === null ? byAddress : null;`,
    replacement: `return null;`,
  },
  {
    line: "(indexed) ipBlock: the last address of a block",
    file: "src/evaluate/block.ts",
    text: `else if (value > (pairs[2 * middle + 1] ?? 0)) low = middle + 1;`,
    replacement: `else if (value >= (pairs[2 * middle + 1] ?? 0)) low = middle + 1;`,
  },
  {
    line: "(indexed) what nothing matches is denied",
    file: "src/evaluate/profile.ts",
    text: `?? profile.refused;`,
    replacement: `?? profile.fallback;`,
  },
  {
    line: "(indexed) rule 10",
    file: "src/evaluate/indexed.ts",
    text: `isInPodRange(address) ? unknownPod : passed,`,
    replacement: `isInPodRange(address) ? passed : passed,`,
  },
  {
    line: "(compile) every number that a pod declares under a name counts",
    file: "src/compile/lower.ts",
    text: `(match.protocol === null || match.protocol === port.protocol))`,
    replacement: `(match.protocol === null || match.protocol === port.protocol))\n    .slice(0, 1)`,
  },
  {
    line: "(compile) a rule whose named port nobody declares matches nothing: never all ports",
    file: "src/compile/lower.ts",
    text: `return { ranges: mergeRanges(ranges), names: [...names.values()] };`,
    replacement: `return { ranges: ranges.length === 0 && names.size === 0 ? null : mergeRanges(ranges), names: [...names.values()] };`,
  },
  {
    line: "(compile) pods in their isolation: a chain for an empty list of rules",
    file: "src/compile/part-list.ts",
    text: `const speaking = tier === "networkpolicy" ? parts :`,
    replacement: `const speaking =`,
  },
  {
    line: "(compile) rule 13: a policy in audit does not count",
    file: "src/compile/part-list.ts",
    text: `const enforced = speaking.filter((part) => part.policy.mode === "enforce");`,
    replacement: `const enforced = speaking;`,
  },
  {
    line: "(compile) rule 13: what would be decided otherwise is told, whichever policy it is",
    file: "src/compile/chain.ts",
    text: `audit: all !== null && isAudit(all) ? all : null };`,
    replacement: `audit: enforced === null ? all : null };`,
  },
];

/** What the kernel is given, as a model of it walks it. */
const rendered: readonly Mutant[] = [
  {
    line: "(nftables) rule 13: an audit decides nothing",
    file: "src/dataplane/nftables/render/audited-chain.ts",
    text: `denied: (reason) => (tells === "denies" ? goto(told(reason)) : back),`,
    replacement: `denied: (reason) => (tells === "denies" ? denied(direction, reason) : back),`,
  },
  {
    line: "(nftables) rule 13: what is denied stays denied",
    file: "src/dataplane/nftables/render/audited-chain.ts",
    text: `last(ends(denied(direction, reason)))];`,
    replacement: `last(ends(back))];`,
  },
  {
    line: "(nftables) rule 13: an accept in an audit is no accept of a class only",
    file: "src/dataplane/nftables/render/audited-chain.ts",
    text: `comesBack: true,`,
    replacement: `comesBack: false,`,
  },
  {
    line: "(nftables) a denial is reported with its direction",
    file: "src/dataplane/nftables/render/deny-chains.ts",
    text: `\`deny \${direction} \${reason}\``,
    replacement: `\`deny ingress \${reason}\``,
  },
  {
    line: "(nftables) what is denied is cut, reported or not",
    file: "src/dataplane/nftables/render/deny-chains.ts",
    text: `chain: "cut",`,
    replacement: `chain: "egress_ok",`,
  },
];

/** Every mutant; each must be caught by a test. */
export const mutants: readonly Mutant[] = [
  ...mutantsOfReading,
  ...mutantsOfTierKinds,
  ...matching,
  ...deciding,
  ...mutantsOfTiers,
  ...derived,
  ...rendered,
  ...mutantsOfNames,
];

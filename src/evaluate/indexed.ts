import { defaultVerdictLabel } from "../compile/fallback.ts";
import type { Labels } from "../kube/labels.ts";
import type { Namespace, Node, Pod } from "../kube/objects.ts";
import type { Address, Family } from "../net/address.ts";
import { familyOf } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import type { Connection, Decision, EvaluateOptions, Part } from "./decision.ts";
import { decisionOf, defaultOptions, passed, unknownPod } from "./decision.ts";
import type { Target } from "./matching.ts";
import type { Likeness, PeerEnd, PodClass } from "./likeness.ts";
import { peerEnd, selectsClass } from "./likeness.ts";
import type { Memory, Profile } from "./profile.ts";
import { decideByProfile, profileMaker } from "./profile.ts";
import { holdersOf, nameOnly, podRangeTest } from "./standing.ts";

/** Answers many queries about one state of a cluster, each as `evaluate` would. */
export interface Evaluator {
  decide(connection: Connection): Decision;
}

/** One side of a connection, with what is asked about it again and again. */
type Side =
  | { readonly pod: Pod; readonly podClass: PodClass; readonly end: PeerEnd }
  /** `part` is the answer where it is the subject. */
  | { readonly pod: null; readonly end: PeerEnd; readonly part: Part };

/** Most outside addresses, and most names, that are remembered; beyond, it starts anew. */
const mostOutside = 100_000;

/** Pairs of pod classes for which the rules that can match are remembered; some 100 B each. */
const usuallyRemembered = 500_000;

/** Pods of one namespace with one set of labels get one class; equal label sets are one object (kube/labels.ts). */
function classifier(namespaces: ReadonlyMap<string, Namespace>): (pod: Pod) => PodClass {
  const classes = new Map<string, Map<Labels, PodClass>>();
  return (pod) => {
    let ofNamespace = classes.get(pod.namespace);
    if (ofNamespace === undefined) classes.set(pod.namespace, (ofNamespace = new Map<Labels, PodClass>()));
    let found = ofNamespace.get(pod.labels);
    if (found === undefined) {
      const namespaceLabels = namespaces.get(pod.namespace)?.labels ?? nameOnly(pod.namespace);
      found = { namespace: pod.namespace, namespaceLabels, labels: pod.labels };
      ofNamespace.set(pod.labels, found);
    }
    return found;
  };
}

/** Makes other ends. Pods of a class are alike, nodes are not; all that is neither is alike but for its address. */
function endMaker(nodes: readonly Node[]) {
  const labelsWith = new Map<Address, Labels[]>();
  for (const { labels, addresses } of nodes) {
    for (const { address } of addresses) labelsWith.set(address, [...(labelsWith.get(address) ?? []), labels]);
  }
  let keys = 0;
  const likeness = (about: Partial<Likeness>): Likeness => {
    keys += 1;
    return { podClass: null, nodes: [], domain: null, ...about, key: keys };
  };
  const stranger = likeness({});
  const byClass = new Map<PodClass, Likeness>();
  const likenessOf = (address: Address, podClass: PodClass | null): Likeness => {
    const ofNodes = labelsWith.get(address);
    if (ofNodes !== undefined) return likeness({ podClass, nodes: ofNodes });
    if (podClass === null) return stranger;
    const known = byClass.get(podClass) ?? likeness({ podClass });
    byClass.set(podClass, known);
    return known;
  };
  return {
    ofAddress: (address: Address, podClass: PodClass | null) => peerEnd(address, likenessOf(address, podClass)),
    ofDomain: (name: DomainName, family: Family) => peerEnd(null, likeness({ domain: { name, family } })),
  };
}

/** The policies that can select pods of a namespace: its own, and those whose subject is a namespace selector. */
function policiesByNamespace(policies: readonly Policy[]): (namespace: string) => readonly Policy[] {
  const own = new Map<string, Policy[]>();
  const wide: Policy[] = [];
  for (const policy of policies) {
    const { namespaces } = policy.subject;
    if (policy.mode === "audit") continue;
    if (namespaces.kind === "selector") wide.push(policy);
    else if (own.has(namespaces.name)) own.get(namespaces.name)?.push(policy);
    else own.set(namespaces.name, [policy]);
  }
  return (namespace) => [...(own.get(namespace) ?? []), ...wide];
}

/** Keeps what `make` gave; starts anew when it holds too much. */
function remembered<Key, Value>(most: number, make: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(key);
    if (known.size >= most) known.clear();
    known.set(key, made);
    return made;
  };
}

/** How pods of a class are decided in a direction; worked out at the first question about the class. */
function profiler(
  cluster: Cluster,
  namespaces: ReadonlyMap<string, Namespace>,
  options: EvaluateOptions,
): (podClass: PodClass, direction: Direction) => Profile {
  const policiesOf = policiesByNamespace(cluster.policies);
  const make = (direction: Direction) => {
    const profileOf = profileMaker(direction);
    return remembered(Infinity, (podClass: PodClass) => {
      const labelled = namespaces.get(podClass.namespace)?.labels.get(defaultVerdictLabel) === "deny";
      const defaultVerdict = labelled || options.defaultVerdict === "deny" ? "deny" : "allow";
      const selecting = policiesOf(podClass.namespace).filter(
        (policy) => policy[direction] !== null && selectsClass(policy.subject, podClass),
      );
      return profileOf(selecting, defaultVerdict);
    });
  };
  const [ingress, egress] = [make("ingress"), make("egress")];
  return (podClass, direction) => (direction === "ingress" ? ingress(podClass) : egress(podClass));
}

/** Which nodes have an address. */
function nodeNames(nodes: readonly Node[]): (address: Address) => readonly string[] {
  const names = new Map<Address, string[]>();
  for (const node of nodes) {
    for (const { address } of node.addresses) names.set(address, [...(names.get(address) ?? []), node.name]);
  }
  return (address) => names.get(address) ?? [];
}

/**
 * The evaluator that serves queries. Start costs pods + policies; a query costs the rules that can match its ends.
 * Property-tested equal to `evaluate`.
 */
export function createEvaluator(
  cluster: Cluster,
  options: EvaluateOptions = defaultOptions,
  mostRemembered = usuallyRemembered,
): Evaluator {
  const { objects } = cluster;
  const nodes = objects.filter((object) => object.kind === "Node");
  const namespaces = new Map<string, Namespace>();
  for (const object of objects) {
    if (object.kind === "Namespace" && !namespaces.has(object.name)) namespaces.set(object.name, object);
  }
  const classOf = classifier(namespaces);
  const held = new Map<Address, Side>();
  const ends = endMaker(nodes);
  for (const [address, pod] of holdersOf(objects)) {
    const podClass = classOf(pod);
    held.set(address, { pod, podClass, end: ends.ofAddress(address, podClass) });
  }
  const profile = profiler(cluster, namespaces, options);
  const memory: Memory = { most: mostRemembered, round: 0, left: mostRemembered };
  const nodesWith = nodeNames(nodes);
  const isInPodRange = podRangeTest(nodes);
  const outside = remembered(mostOutside, (address: Address): Side => ({
    pod: null,
    end: ends.ofAddress(address, null),
    part: options.unknownPods === "drop" && isInPodRange(address) ? unknownPod : passed,
  }));
  const named = (family: Family) =>
    remembered(mostOutside, (name: DomainName): Side => ({
      pod: null,
      end: ends.ofDomain(name, family),
      part: passed,
    }));
  const namedBy = { 4: named(4), 6: named(6) };
  const sideAt = (address: Address): Side => held.get(address) ?? outside(address);

  const isNodeToItsPod = ({ sourceNode, source: address }: Connection, source: Side, pod: Pod): boolean => {
    if (sourceNode !== null) return sourceNode === pod.nodeName;
    return source.pod === null && nodesWith(address).includes(pod.nodeName);
  };
  const decideSide = (direction: Direction, subject: Side, other: Side, target: Target): Part =>
    subject.pod === null
      ? subject.part
      : decideByProfile(profile(subject.podClass, direction), other.end, target, memory);
  return {
    decide(connection) {
      const { protocol, port, destination: address, domain } = connection;
      const source = sideAt(connection.source);
      const destination = domain === null ? sideAt(address) : namedBy[familyOf(connection.source)](domain);
      if (destination.pod !== null) {
        if (source.pod === destination.pod) return decisionOf(passed, passed);
        if (isNodeToItsPod(connection, source, destination.pod)) return decisionOf(passed, passed);
      }
      const target = { protocol, port, pod: destination.pod };
      return decisionOf(
        decideSide("egress", source, destination, target),
        decideSide("ingress", destination, source, target),
      );
    },
  };
}

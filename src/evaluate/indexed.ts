import { defaultVerdictLabel } from "../compile/fallback.ts";
import type { Labels } from "../kube/labels.ts";
import type { Namespace, Node, Pod } from "../kube/objects.ts";
import type { Address } from "../net/address.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import type { Connection, Decision, EvaluateOptions, Part } from "./decision.ts";
import { decisionOf, defaultOptions, passed, unknownPod } from "./decision.ts";
import type { Memory, PeerEnd, PodClass, Profile } from "./profile.ts";
import { decideByProfile, peerEnd, profileOf, selectsClass } from "./profile.ts";

import { holdersOf, nameOnly, podRangeTest } from "./standing.ts";

/** Answers many queries about one state of a cluster, each as `evaluate` would. */
export interface Evaluator {
  decide(connection: Connection): Decision;
}

/** A pod's address, with what is asked about it again and again. */
interface Held {
  readonly pod: Pod;
  readonly end: PeerEnd;
}

/** Most outside addresses that are remembered; beyond, it starts anew. */
const mostOutside = 100_000;

/** Pairs of pod classes for which the rules that can match are remembered; some 100 B each. */
const usuallyRemembered = 500_000;

/** Pods of one namespace with one set of labels get one class; equal label sets are one object (kube/labels.ts). */
function classifier(namespaces: ReadonlyMap<string, Namespace>): (pod: Pod) => PodClass {
  const classes = new Map<string, Map<Labels, PodClass>>();
  let count = 0;
  return (pod) => {
    let ofNamespace = classes.get(pod.namespace);
    if (ofNamespace === undefined) classes.set(pod.namespace, (ofNamespace = new Map<Labels, PodClass>()));
    let found = ofNamespace.get(pod.labels);
    if (found === undefined) {
      const namespaceLabels = namespaces.get(pod.namespace)?.labels ?? nameOnly(pod.namespace);
      found = { id: count, namespace: pod.namespace, namespaceLabels, labels: pod.labels };
      count += 1;
      ofNamespace.set(pod.labels, found);
    }
    return found;
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
  const make = (direction: Direction) =>
    remembered(Infinity, (podClass: PodClass) => {
      const labelled = namespaces.get(podClass.namespace)?.labels.get(defaultVerdictLabel) === "deny";
      const defaultVerdict = labelled || options.defaultVerdict === "deny" ? "deny" : "allow";
      const selecting = policiesOf(podClass.namespace).filter(
        (policy) => policy[direction] !== null && selectsClass(policy.subject, podClass),
      );
      return profileOf(selecting, direction, defaultVerdict);
    });
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
  const held = new Map<Address, Held>();
  for (const [address, pod] of holdersOf(objects)) held.set(address, { pod, end: peerEnd(address, classOf(pod)) });
  const profile = profiler(cluster, namespaces, options);
  const memory: Memory = { most: mostRemembered, round: 0, left: mostRemembered };
  const nodesWith = nodeNames(nodes);
  const isInPodRange = podRangeTest(nodes);
  const outside = remembered(mostOutside, (address: Address) => ({
    end: peerEnd(address, null),
    part: options.unknownPods === "drop" && isInPodRange(address) ? unknownPod : passed,
  }));

  const isNodeToItsPod = (connection: Connection, source: Held | undefined, pod: Pod): boolean => {
    if (connection.sourceNode !== null) return connection.sourceNode === pod.nodeName;
    return source === undefined && nodesWith(connection.source).includes(pod.nodeName);
  };
  return {
    decide(connection) {
      const source = held.get(connection.source);
      const destination = held.get(connection.destination);
      if (destination !== undefined) {
        if (source?.pod === destination.pod) return decisionOf(passed, passed);
        if (isNodeToItsPod(connection, source, destination.pod)) return decisionOf(passed, passed);
      }
      const target = { protocol: connection.protocol, port: connection.port, pod: destination?.pod ?? null };
      const decideSide = (direction: Direction, subject: Held | undefined, address: Address, other: PeerEnd): Part => {
        const podClass = subject?.end.podClass ?? null;
        return podClass === null
          ? outside(address).part
          : decideByProfile(profile(podClass, direction), other, target, memory);
      };
      const from = source?.end ?? outside(connection.source).end;
      const to = destination?.end ?? outside(connection.destination).end;
      return decisionOf(
        decideSide("egress", source, connection.source, to),
        decideSide("ingress", destination, connection.destination, from),
      );
    },
  };
}

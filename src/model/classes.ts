import type { Labels } from "../kube/labels.ts";
import type { NamedPort } from "../kube/objects.ts";
import type { Requirement } from "../kube/selector.ts";
import type { LabelPostings } from "./label-postings.ts";
import { createLabelPostings } from "./label-postings.ts";
import type { NamespaceState, PodClass } from "./pod-class.ts";
import { namedPortsKey } from "./pod-standing.ts";
import type { PodSelection } from "./selection.ts";
import { selectsPods } from "./selection.ts";
import { namedNamespaces } from "./selection-index.ts";

/** The classes of all live pods, found by what a pod is and by what a selection asks. */
export interface Classes {
  /** The class of pods like this; made where there is none. `make` then gives the sets that pick it. */
  classOf(namespace: NamespaceState, labels: Labels, ports: readonly NamedPort[], pick: PickSets): PodClass;
  /** Forgets a class without pods. */
  drop(podClass: PodClass): void;
  /** The classes that a selection picks. */
  selected(selection: PodSelection): PodClass[];
}

type PickSets = (podClass: PodClass) => PodClass["sets"];

export function createClasses(namespaces: ReadonlyMap<string, NamespaceState>): Classes {
  const postings = createLabelPostings<PodClass>();
  return {
    classOf(namespace, labels, ports, pick) {
      const portsKey = namedPortsKey(ports);
      const alike = namespace.classes.get(labels);
      const known = alike?.find((one) => one.portsKey === portsKey);
      if (known !== undefined) return known;
      const podClass: PodClass = { namespace, labels, ports, portsKey, pods: [], sets: [] };
      podClass.sets = pick(podClass);
      // A literal has room for one, which is what it mostly holds.
      if (alike === undefined) namespace.classes.set(labels, [podClass]);
      else alike.push(podClass);
      postings.add(labels, podClass);
      return podClass;
    },
    drop(podClass) {
      const { namespace, labels } = podClass;
      const others = (namespace.classes.get(labels) ?? []).filter((one) => one !== podClass);
      if (others.length === 0) namespace.classes.delete(labels);
      else namespace.classes.set(labels, others);
      postings.remove(labels, podClass);
    },
    selected(selection) {
      const found: PodClass[] = [];
      for (const podClass of candidates(selection, namespaces, postings)) {
        if (selectsPods(selection, podClass.namespace, podClass.labels)) found.push(podClass);
      }
      return found;
    },
  };
}

/** Classes among which all that a selection picks are: by label where that is fewer, else by namespace. */
function* candidates(
  selection: PodSelection,
  namespaces: ReadonlyMap<string, NamespaceState>,
  postings: LabelPostings<PodClass>,
): Iterable<PodClass> {
  const named = namedNamespaces(selection)?.map((name) => namespaces.get(name));
  const inNamed = named?.reduce((sum, namespace) => sum + (namespace?.classes.size ?? 0), 0) ?? Infinity;
  const rarest = rarestRequirement(selection, postings);
  if (rarest !== null && rarest.count < inNamed) {
    for (const value of rarest.requirement.values) yield* postings.with(rarest.requirement.key, value);
    return;
  }
  for (const namespace of named ?? namespaces.values()) {
    for (const alike of namespace?.classes.values() ?? []) yield* alike;
  }
}

type InRequirement = Extract<Requirement, { operator: "In" }>;

function rarestRequirement(
  selection: PodSelection,
  postings: LabelPostings<PodClass>,
): { readonly requirement: InRequirement; readonly count: number } | null {
  let rarest: { requirement: InRequirement; count: number } | null = null;
  for (const requirement of selection.pods.requirements) {
    if (requirement.operator !== "In") continue;
    const count = requirement.values.reduce((sum, value) => sum + postings.count(requirement.key, value), 0);
    if (rarest === null || count < rarest.count) rarest = { requirement, count };
  }
  return rarest;
}

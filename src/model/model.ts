import type { Labels } from "../kube/labels.ts";
import { labelsEqual } from "../kube/labels.ts";
import type { ClusterObject, Namespace, Node, ObjectKey, Pod } from "../kube/objects.ts";
import type { Selector } from "../kube/selector.ts";
import { namespaceNameLabel } from "../kube/selector.ts";
import type { Address } from "../net/address.ts";
import type { Classes } from "./classes.ts";
import { createClasses } from "./classes.ts";
import type { AddressMove, Holdings } from "./holdings.ts";
import { createHoldings } from "./holdings.ts";
import type { MembersOf, MemberSet, NodeMemberSet, PodMemberSet } from "./member-set.ts";
import { joinSet, leaveSet } from "./member-set.ts";
import type { NodeTable } from "./node-table.ts";
import { createNodeTable } from "./node-table.ts";
import type { NamespaceState, PodClass, PodState } from "./pod-class.ts";
import { enterClass, leaveClass } from "./pod-class.ts";
import { isLive, namedPortsOf } from "./pod-standing.ts";
import type { PodSelection } from "./selection.ts";
import type { SelectionIndex } from "./selection-index.ts";
import { createSelectionIndex } from "./selection-index.ts";

/** One change to the cluster's objects. */
export type ObjectChange =
  | { readonly kind: "object"; readonly object: ClusterObject }
  | { readonly kind: "gone"; readonly key: ObjectKey };

/** What a change did, beside the members of tracked sets. */
export interface ModelDelta {
  readonly moves: readonly AddressMove[];
  /** A namespace whose labels changed: what selects its pods may be different. */
  readonly relabelled: NamespaceState | null;
  /** The Node that came, changed or went. */
  readonly node: string | null;
}

/** The state of the cluster as far as policies look at it. Costs of all operations: README.md. */
export interface Model {
  /** A change that says nothing new does nothing. Kinds that policies do not look at are ignored. */
  apply(change: ObjectChange): ModelDelta;
  node(name: string): Node | null;
  /** How many objects are known, by kind; of pods those that are live. Costs the number of namespaces. */
  counts(): { readonly Namespace: number; readonly Node: number; readonly Pod: number };
  /** The newest live pod that claims the address. */
  holder(address: Address): PodState | null;
  /** Every address that some live pod holds. */
  held(): Iterable<Address>;
  /** The members are kept up to date until `untrack`. */
  track(selection: PodSelection, membersOf: MembersOf): PodMemberSet;
  /** The addresses of the Nodes that a selector picks; the same. */
  trackNodes(selector: Selector): NodeMemberSet;
  untrack(set: MemberSet): void;
  /** The tracked sets whose members changed since the last call. */
  takeTouched(): readonly MemberSet[];
}

interface State {
  readonly namespaces: Map<string, NamespaceState>;
  readonly nodes: NodeTable;
  readonly holdings: Holdings;
  readonly classes: Classes;
  readonly sets: SelectionIndex<PodMemberSet>;
  readonly touched: Set<MemberSet>;
}

const nothing: ModelDelta = { moves: [], relabelled: null, node: null };

export function createModel(): Model {
  const namespaces = new Map<string, NamespaceState>();
  const touched = new Set<MemberSet>();
  const state: State = {
    namespaces,
    nodes: createNodeTable((set) => touched.add(set)),
    holdings: createHoldings(),
    classes: createClasses(namespaces),
    sets: createSelectionIndex(),
    touched,
  };
  return {
    apply: (change) => (change.kind === "object" ? upsert(state, change.object) : remove(state, change.key)),
    node: (name) => state.nodes.get(name),
    counts() {
      let pods = 0;
      for (const namespace of namespaces.values()) pods += namespace.pods.size;
      return { Namespace: namespaces.size, Node: state.nodes.size(), Pod: pods };
    },
    holder: (address) => state.holdings.holder(address),
    held: () => state.holdings.held(),
    track: (selection, membersOf) => track(state, selection, membersOf),
    trackNodes: (selector) => state.nodes.track(selector),
    untrack: (set) => untrack(state, set),
    takeTouched() {
      const taken = [...touched];
      touched.clear();
      return taken;
    },
  };
}

function upsert(state: State, object: ClusterObject): ModelDelta {
  switch (object.kind) {
    case "Pod":
      return upsertPod(state, object);
    case "Namespace":
      return upsertNamespace(state, object);
    case "Node":
      return state.nodes.set(object.name, object) ? { ...nothing, node: object.name } : nothing;
    case "Service":
      return nothing;
  }
}

function remove(state: State, key: ObjectKey): ModelDelta {
  const [kind, first = "", second = ""] = key.split("/");
  switch (kind) {
    case "Pod": {
      const pod = state.namespaces.get(first)?.pods.get(second);
      return pod === undefined ? nothing : { ...nothing, moves: replacePod(state, pod, null) };
    }
    case "Namespace":
      return removeNamespace(state, first);
    case "Node":
      return state.nodes.set(first, null) ? { ...nothing, node: first } : nothing;
    default:
      return nothing;
  }
}

function upsertPod(state: State, pod: Pod): ModelDelta {
  const known = state.namespaces.get(pod.namespace)?.pods.get(pod.name) ?? null;
  if (!isLive(pod)) return known === null ? nothing : { ...nothing, moves: replacePod(state, known, null) };
  const namespace = namespaceState(state, pod.namespace);
  // The table of interned labels is bounded: equal labels may be another map. Keep pods in the class they are in.
  const labels = known !== null && labelsEqual(known.podClass.labels, pod.labels) ? known.podClass.labels : pod.labels;
  const podClass = state.classes.classOf(namespace, labels, namedPortsOf(pod), (one) => state.sets.matching(one));
  if (known !== null && known.podClass === podClass && saysNothingNew(known, pod)) return nothing;
  const { name, nodeName, created, addresses } = pod;
  return { ...nothing, moves: replacePod(state, known, { podClass, name, nodeName, created, addresses, slot: -1 }) };
}

function saysNothingNew(known: PodState, pod: Pod): boolean {
  return (
    known.nodeName === pod.nodeName &&
    known.created === pod.created &&
    known.addresses.length === pod.addresses.length &&
    known.addresses.every((address, index) => address === pod.addresses[index])
  );
}

/** Replaces what is known of one pod. The new enters its class before the old leaves, lest the class be forgotten. */
function replacePod(state: State, old: PodState | null, fresh: PodState | null): AddressMove[] {
  if (fresh !== null) enterClass(fresh);
  const moves = old === null ? [] : state.holdings.release(old);
  if (fresh !== null) moves.push(...state.holdings.claim(fresh));
  for (const move of moves) moveAddress(state, move);
  if (fresh !== null) fresh.podClass.namespace.pods.set(fresh.name, fresh);
  if (old !== null) {
    const { podClass } = old;
    if (fresh === null) podClass.namespace.pods.delete(old.name);
    leaveClass(old);
    if (podClass.pods.length === 0) state.classes.drop(podClass);
    forgetIfEmpty(state, podClass.namespace);
  }
  return moves;
}

function moveAddress(state: State, { address, before, after }: AddressMove): void {
  for (const set of before?.podClass.sets ?? []) leave(state, set, before!.podClass, address);
  for (const set of after?.podClass.sets ?? []) join(state, set, after!.podClass, address);
}

function join(state: State, set: PodMemberSet, podClass: PodClass, address: Address): void {
  if (joinSet(set, podClass, address)) state.touched.add(set);
}

function leave(state: State, set: PodMemberSet, podClass: PodClass, address: Address): void {
  if (leaveSet(set, podClass, address)) state.touched.add(set);
}

const nameOnly = (name: string): Labels => new Map([[namespaceNameLabel, name]]);

function namespaceState(state: State, name: string): NamespaceState {
  let namespace = state.namespaces.get(name);
  if (namespace === undefined) {
    namespace = { name, labels: nameOnly(name), described: false, pods: new Map(), classes: new Map() };
    state.namespaces.set(name, namespace);
  }
  return namespace;
}

function forgetIfEmpty(state: State, namespace: NamespaceState): void {
  if (!namespace.described && namespace.pods.size === 0) state.namespaces.delete(namespace.name);
}

function upsertNamespace(state: State, object: Namespace): ModelDelta {
  const namespace = namespaceState(state, object.name);
  namespace.described = true;
  return relabel(state, namespace, object.labels);
}

/** Without its object a namespace exists as long as pods are in it, with its name as its only label. */
function removeNamespace(state: State, name: string): ModelDelta {
  const namespace = state.namespaces.get(name);
  if (namespace === undefined) return nothing;
  namespace.described = false;
  forgetIfEmpty(state, namespace);
  return relabel(state, namespace, nameOnly(name));
}

function relabel(state: State, namespace: NamespaceState, labels: Labels): ModelDelta {
  if (labelsEqual(namespace.labels, labels)) return nothing;
  namespace.labels = labels;
  for (const alike of namespace.classes.values()) for (const podClass of alike) pickAnew(state, podClass);
  return { ...nothing, relabelled: namespace };
}

function pickAnew(state: State, podClass: PodClass): void {
  const before = new Set(podClass.sets);
  podClass.sets = state.sets.matching(podClass);
  const after = new Set(podClass.sets);
  for (const set of before) {
    if (!after.has(set)) forEachHeld(state, podClass, (address) => leave(state, set, podClass, address));
  }
  for (const set of after) {
    if (!before.has(set)) forEachHeld(state, podClass, (address) => join(state, set, podClass, address));
  }
}

function forEachHeld(state: State, podClass: PodClass, visit: (address: Address) => void): void {
  for (const pod of podClass.pods) {
    for (const address of pod.addresses) if (state.holdings.holder(address) === pod) visit(address);
  }
}

function track(state: State, selection: PodSelection, membersOf: MembersOf): PodMemberSet {
  const set: PodMemberSet = { kind: "pods", selection, membersOf, members: new Set(), touched: new Map() };
  state.sets.add(selection, set);
  for (const podClass of state.classes.selected(selection)) {
    podClass.sets.push(set);
    forEachHeld(state, podClass, (address) => {
      for (const member of membersOf(podClass, address)) set.members.add(member);
    });
  }
  return set;
}

function untrack(state: State, set: MemberSet): void {
  state.touched.delete(set);
  if (set.kind === "nodes") return state.nodes.untrack(set);
  state.sets.remove(set);
  for (const podClass of state.classes.selected(set.selection)) {
    const at = podClass.sets.indexOf(set);
    if (at < 0) throw new Error("a class that a tracked set picks does not know of it");
    const last = podClass.sets.pop();
    if (last !== undefined && last !== set) podClass.sets[at] = last;
  }
}

import type { RulesetChange } from "../ir/change.ts";
import type { Endpoint, NodeRules, Ruleset } from "../ir/ruleset.ts";
import { noChains } from "../ir/ruleset.ts";
import { isUnknown } from "../ir/decide.ts";
import type { AddressMove } from "../model/holdings.ts";
import type { Model } from "../model/model.ts";
import { createModel } from "../model/model.ts";
import { podName } from "../model/pod-class.ts";
import type { Address } from "../net/address.ts";
import type { Change, Cluster } from "../policy/cluster.ts";
import { acceptsAtLeast } from "./can-deny.ts";
import type { ChainTable } from "./chain-table.ts";
import { createChainTable } from "./chain-table.ts";
import { fallbackOf } from "./fallback.ts";
import type { ListTable } from "./list-table.ts";
import { createListTable } from "./list-table.ts";
import type { LocalPods } from "./local-pods.ts";
import { createLocalPods, sameChains } from "./local-pods.ts";
import { equalNodeRules, equalRanges, mustBeKnown, nodeRules } from "./node-rules.ts";
import type { CompileOptions } from "./options.ts";
import type { PolicyTable } from "./policy-table.ts";
import { createPolicyTable } from "./policy-table.ts";
import type { Resolvers } from "./resolvers.ts";
import { createResolvers } from "./resolvers.ts";

/** Keeps the Ruleset of one node up to date with the cluster. */
export interface Compiler {
  /** Starts anew from this cluster, whatever was known before. */
  load(cluster: Cluster): Ruleset;
  /**
   * Applies changes in order, as one: states between them are not seen. Gives the difference they make. `forgotten`:
   * learned addresses that need not be known any more, unless a pod of this node holds them.
   */
  apply(changes: readonly Change[], forgotten?: readonly Address[]): RulesetChange;
  /** The Ruleset as it stands: a live view, which `apply` changes. */
  ruleset(): Ruleset;
  /** How many objects count, by kind: live pods, policies in force (`Policy`, of every kind). */
  counts(): Readonly<Record<string, number>>;
  /** `namespace/name` of the live pod that holds the address, on whatever node; for people to read. */
  podAt(address: Address): string | null;
  /** What was learned beside the node's ranges (CompileOptions.learned) and not forgotten. */
  learned(): readonly LearnedAddress[];
}

/** An address outside the node's ranges that a pod of this node holds or has held. */
export interface LearnedAddress {
  readonly address: Address;
  /** Whether one holds it now. */
  readonly held: boolean;
}

interface State {
  readonly options: CompileOptions;
  readonly model: Model;
  readonly policies: PolicyTable;
  readonly local: LocalPods;
  readonly lists: ListTable;
  readonly chains: ChainTable;
  readonly endpoints: Map<Address, Endpoint>;
  /** Null: no names are learned. */
  readonly resolvers: Resolvers | null;
  node: NodeRules;
  /** Whether the ranges say that an address is an endpoint whoever holds it. */
  isInRange: (address: Address) => boolean;
  /** Addresses for which the same holds; null: none is learned. */
  readonly learned: Set<Address> | null;
  /** Addresses whose endpoint may have come, changed or gone. */
  readonly dirty: Set<Address>;
  /** Whether the Node object of this node changed. */
  nodeIsDirty: boolean;
}

export function createCompiler(options: CompileOptions): Compiler {
  let state = emptyState(options);
  return {
    load(cluster) {
      state = emptyState(options);
      for (const object of cluster.objects) applyOne(state, { kind: "object", object });
      for (const policy of cluster.policies) applyOne(state, { kind: "policy", policy });
      commit(state);
      return viewOf(state);
    },
    apply(changes, forgotten = []) {
      for (const change of changes) applyOne(state, change);
      return commit(state, forgotten);
    },
    ruleset: () => viewOf(state),
    counts: () => ({ ...state.model.counts(), Policy: state.policies.size() }),
    podAt: (address) => {
      const holder = state.model.holder(address);
      return holder === null ? null : podName(holder);
    },
    learned: () => [...(state.learned ?? [])].map((address) => ({ address, held: isHeldHere(state, address) })),
  };
}

function emptyState(options: CompileOptions): State {
  const model = createModel();
  const policies = createPolicyTable();
  const lists = createListTable(model);
  const learned = options.learned === undefined || options.unknownPods === "accept" ? null : new Set(options.learned);
  return {
    options,
    model,
    policies,
    local: createLocalPods(policies, (namespace) => options.exemptNamespaces?.has(namespace) === true),
    lists,
    chains: createChainTable(lists),
    endpoints: new Map(),
    resolvers: options.names == null ? null : createResolvers(model, options.names),
    node: nodeRules(null, options, learned ?? []),
    isInRange: mustBeKnown(nodeRules(null, options)),
    learned,
    dirty: new Set(),
    nodeIsDirty: false,
  };
}

function viewOf(state: State): Ruleset {
  const { node, endpoints, chains, lists } = state;
  return {
    node,
    endpoints,
    chains: chains.chains,
    groups: lists.groups.items,
    pairSets: lists.pairSets.items,
    domainSets: lists.domainSets.items,
  };
}

function applyOne(state: State, change: Change): void {
  if (change.kind === "policy") {
    const { before, after } = state.policies.set(change.policy);
    state.local.policyChanged(before, after);
    return;
  }
  if (change.kind === "gone") {
    const policy = state.policies.remove(change.key);
    if (policy !== null) return state.local.policyChanged(policy, null);
  }
  state.resolvers?.apply(change);
  const delta = state.model.apply(change);
  for (const move of delta.moves) moveAddress(state, move);
  if (delta.relabelled !== null) state.local.relabelled(delta.relabelled);
  if (delta.node === state.options.nodeName) state.nodeIsDirty = true;
}

function moveAddress(state: State, { address, before, after }: AddressMove): void {
  const { nodeName } = state.options;
  if (before?.nodeName === nodeName) {
    state.local.release(before.podClass, address);
    state.dirty.add(address);
  }
  if (after?.nodeName === nodeName) {
    state.local.hold(after.podClass, address);
    state.dirty.add(address);
  }
  if (isMustBeKnown(state, address)) state.dirty.add(address);
}

const isMustBeKnown = (state: State, address: Address): boolean =>
  state.isInRange(address) || state.learned?.has(address) === true;

const isHeldHere = ({ model, options }: State, address: Address): boolean =>
  model.holder(address)?.nodeName === options.nodeName;

/** Works out what the changes since the last commit amount to. Costs what they touched. */
function commit(state: State, forgotten: readonly Address[] = []): RulesetChange {
  const { chains, lists, local, options } = state;
  for (const address of local.settle(chains, (namespace) => fallbackOf(namespace.labels, options))) {
    state.dirty.add(address);
  }
  const rangesChanged = commitRanges(state);
  const hasForgotten = forget(state, forgotten);
  const endpoints = commitEndpoints(state);
  const hasLearned = learn(state, rangesChanged ? state.endpoints.values() : endpoints.changed);
  const touched = state.model.takeTouched();
  const resolversChanged = state.resolvers?.commit(touched) ?? false;
  const before = state.node;
  const node = rangesChanged || hasForgotten || hasLearned || resolversChanged ? commitNode(state) : null;
  const changedChains = chains.commit();
  const domainSets = lists.domainSets.commit();
  // What is learned is held by a pod: that it must be known denies nothing yet. Nor does who answers for names.
  const nodeCanDeny = rangesChanged && node !== null && !equalRanges(node, before);
  const groups = lists.groups.commit(touched);
  const pairSets = lists.pairSets.commit(touched);
  return {
    node,
    newGroups: groups.fresh,
    newPairSets: pairSets.fresh,
    newDomainSets: domainSets.fresh,
    newChains: changedChains.fresh,
    groups: groups.changes,
    pairSets: pairSets.changes,
    endpoints: endpoints.changed,
    goneEndpoints: endpoints.gone,
    goneChains: changedChains.gone,
    goneGroups: groups.gone,
    gonePairSets: pairSets.gone,
    goneDomainSets: domainSets.gone,
    canDeny: endpoints.canDeny || nodeCanDeny || groups.canDeny || pairSets.canDeny,
  };
}

/** Where the ranges change, all held addresses are looked at: who runs elsewhere may become an endpoint, or cease to be. */
function commitRanges(state: State): boolean {
  if (!state.nodeIsDirty) return false;
  state.nodeIsDirty = false;
  const { model, options } = state;
  state.isInRange = mustBeKnown(nodeRules(model.node(options.nodeName), options));
  for (const address of state.endpoints.keys()) state.dirty.add(address);
  for (const address of model.held()) if (isMustBeKnown(state, address)) state.dirty.add(address);
  return true;
}

function forget(state: State, forgotten: readonly Address[]): boolean {
  let changed = false;
  for (const address of forgotten) {
    if (isHeldHere(state, address) || state.learned?.delete(address) !== true) continue;
    state.dirty.add(address);
    changed = true;
  }
  return changed;
}

/** From now on these addresses must be known, whoever holds them later. */
function learn(state: State, endpoints: Iterable<Endpoint>): boolean {
  const { learned } = state;
  if (learned === null) return false;
  const before = learned.size;
  for (const { address } of endpoints)
    if (isHeldHere(state, address) && !state.isInRange(address)) learned.add(address);
  return learned.size > before;
}

/** Null: it is what it was. */
function commitNode(state: State): NodeRules | null {
  const { model, options } = state;
  const node = nodeRules(model.node(options.nodeName), options, state.learned ?? [], state.resolvers?.addresses());
  if (equalNodeRules(node, state.node)) return null;
  state.node = node;
  return node;
}

interface EndpointsCommit {
  readonly changed: readonly Endpoint[];
  readonly gone: readonly Address[];
  readonly canDeny: boolean;
}

function commitEndpoints(state: State): EndpointsCommit {
  const changed: Endpoint[] = [];
  const gone: Address[] = [];
  let canDeny = false;
  for (const address of state.dirty) {
    const before = state.endpoints.get(address) ?? null;
    const after = endpointAt(state, address);
    if (after === null) {
      if (before === null) continue;
      state.endpoints.delete(address);
      gone.push(address);
      // Whoever gets the address next must not inherit the connections.
      canDeny = true;
    } else if (before === null || !equalEndpoints(before, after)) {
      canDeny ||= endpointCanDeny(state, before, after);
      state.endpoints.set(address, after);
      changed.push(after);
    }
  }
  state.dirty.clear();
  return { changed, gone, canDeny };
}

function endpointAt(state: State, address: Address): Endpoint | null {
  const holder = state.model.holder(address);
  if (holder === null) return null;
  if (holder.nodeName !== state.options.nodeName) {
    return isMustBeKnown(state, address) ? { address, pod: podName(holder), ...noChains } : null;
  }
  const local = state.local.of(holder.podClass);
  if (local === null) throw new Error(`the class of ${podName(holder)} is not known on its node`);
  return { address, pod: podName(holder), ...local.chains };
}

function equalEndpoints(a: Endpoint, b: Endpoint): boolean {
  return a.pod === b.pod && sameChains(a, b);
}

function endpointCanDeny(state: State, before: Endpoint | null, after: Endpoint): boolean {
  if (before === null) {
    const everythingWasDenied = isUnknown(viewOf(state), after.address);
    return !everythingWasDenied && (after.ingress !== null || after.egress !== null);
  }
  if (before.pod !== after.pod) return true;
  const parts = (name: Endpoint["ingress"]) => (name === null ? null : state.chains.partsOf(name));
  return (["ingress", "egress"] as const).some(
    (direction) =>
      before[direction] !== after[direction] && !acceptsAtLeast(parts(after[direction]), parts(before[direction])),
  );
}

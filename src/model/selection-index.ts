import type { Labels } from "../kube/labels.ts";
import type { Requirement } from "../kube/selector.ts";
import { namespaceNameLabel } from "../kube/selector.ts";
import type { PodSelection } from "./selection.ts";
import { selectsPods } from "./selection.ts";

/** What a selection is compared with. */
export interface Candidate {
  readonly namespace: { readonly name: string; readonly labels: Labels };
  readonly labels: Labels;
}

/**
 * Items by the selection they stand under. Each hangs on the one requirement that most pods fail, so asking who
 * picks a pod costs the pod's labels, the items that hang on them, and the items with nothing but negative
 * requirements: not all items.
 */
export interface SelectionIndex<Item> {
  add(selection: PodSelection, item: Item): void;
  /** The item must have been added, once. */
  remove(item: Item): void;
  matching(candidate: Candidate): Item[];
}

interface Entry<Item> {
  readonly selection: PodSelection;
  readonly item: Item;
  readonly buckets: Bucket<Item>[];
}

type Bucket<Item> = Set<Entry<Item>>;

/** Entries by what they ask of one set of labels. */
interface Buckets<Item> {
  readonly byValue: Map<string, Map<string, Bucket<Item>>>;
  readonly byKey: Map<string, Bucket<Item>>;
  readonly rest: Bucket<Item>;
}

const emptyBuckets = <Item>(): Buckets<Item> => ({ byValue: new Map(), byKey: new Map(), rest: new Set() });

function made<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** A requirement that a selection could hang on, and where. */
type Place<Item> = readonly [Buckets<Item>, Requirement];

/** How many selections hang there already. */
function crowd<Item>([buckets, requirement]: Place<Item>): number {
  const { operator, key } = requirement;
  if (operator !== "In") return buckets.byKey.get(key)?.size ?? 0;
  const byValue = buckets.byValue.get(key);
  return requirement.values.reduce((sum, value) => sum + (byValue?.get(value)?.size ?? 0), 0);
}

/** The least crowded place, values before mere keys; null where no requirement is positive. */
function bestPlace<Item>(places: readonly Place<Item>[]): Place<Item> | null {
  const asking = (operator: Requirement["operator"]): readonly Place<Item>[] =>
    places.filter(([, requirement]) => requirement.operator === operator);
  const [first, ...others] = asking("In").length > 0 ? asking("In") : asking("Exists");
  if (first === undefined) return null;
  return others.reduce((best, place) => (crowd(place) < crowd(best) ? place : best), first);
}

/** The buckets of a place. */
function bucketsAt<Item>([buckets, requirement]: Place<Item>): Bucket<Item>[] {
  if (requirement.operator !== "In") return [made(buckets.byKey, requirement.key, () => new Set())];
  const byValue = made(buckets.byValue, requirement.key, () => new Map<string, Bucket<Item>>());
  return requirement.values.map((value) => made(byValue, value, () => new Set()));
}

function hang<Item>(places: readonly Place<Item>[], rest: Bucket<Item>): Bucket<Item>[] {
  const place = bestPlace(places);
  return place === null ? [rest] : bucketsAt(place);
}

/** The namespaces that a selection names; null where it picks them by other labels. */
export function namedNamespaces(selection: PodSelection): readonly string[] | null {
  const { namespaces } = selection;
  if (namespaces.kind === "name") return [namespaces.name];
  for (const requirement of namespaces.selector.requirements) {
    if (requirement.operator === "In" && requirement.key === namespaceNameLabel) return requirement.values;
  }
  return null;
}

export function createSelectionIndex<Item>(): SelectionIndex<Item> {
  const entries = new Map<Item, Entry<Item>>();
  const byNamespace = new Map<string, Buckets<Item>>();
  const anywhere = emptyBuckets<Item>();
  const byNamespaceLabels = emptyBuckets<Item>();

  const placesOf = (selection: PodSelection): Bucket<Item>[] => {
    const named = namedNamespaces(selection);
    const { requirements } = selection.pods;
    if (named !== null) {
      return named.flatMap((name) => {
        const buckets = made(byNamespace, name, emptyBuckets<Item>);
        return hang(
          requirements.map((requirement) => [buckets, requirement] as const),
          buckets.rest,
        );
      });
    }
    const ofNamespaces = selection.namespaces.kind === "selector" ? selection.namespaces.selector.requirements : [];
    const places = [
      ...requirements.map((requirement) => [anywhere, requirement] as const),
      ...ofNamespaces.map((requirement) => [byNamespaceLabels, requirement] as const),
    ];
    return hang(places, anywhere.rest);
  };

  return {
    add(selection, item) {
      if (entries.has(item)) throw new Error("the item is in the index already");
      const entry = { selection, item, buckets: placesOf(selection) };
      for (const bucket of entry.buckets) bucket.add(entry);
      entries.set(item, entry);
    },
    remove(item) {
      const entry = entries.get(item);
      if (entry === undefined) throw new Error("the item is not in the index");
      entries.delete(item);
      for (const bucket of entry.buckets) bucket.delete(entry);
      prune(entry.selection, byNamespace, [anywhere, byNamespaceLabels]);
    },
    matching(candidate) {
      const found: Item[] = [];
      const collect = (bucket: Bucket<Item> | undefined): void => {
        if (bucket === undefined) return;
        for (const { selection, item } of bucket) {
          if (selectsPods(selection, candidate.namespace, candidate.labels)) found.push(item);
        }
      };
      const ofNamespace = byNamespace.get(candidate.namespace.name);
      if (ofNamespace !== undefined) visit(ofNamespace, candidate.labels, collect);
      visit(anywhere, candidate.labels, collect);
      visit(byNamespaceLabels, candidate.namespace.labels, collect);
      return found;
    },
  };
}

function visit<Item>(
  buckets: Buckets<Item>,
  labels: Labels,
  collect: (bucket: Bucket<Item> | undefined) => void,
): void {
  for (const [key, value] of labels) {
    collect(buckets.byValue.get(key)?.get(value));
    collect(buckets.byKey.get(key));
  }
  collect(buckets.rest);
}

/** Drops buckets that stand empty, so that selections that come and go leave nothing behind. */
function prune<Item>(
  selection: PodSelection,
  byNamespace: Map<string, Buckets<Item>>,
  wide: readonly Buckets<Item>[],
): void {
  const { namespaces, pods } = selection;
  const asked = [...pods.requirements, ...(namespaces.kind === "selector" ? namespaces.selector.requirements : [])];
  const named = namedNamespaces(selection) ?? [];
  for (const buckets of [...wide, ...named.map((name) => byNamespace.get(name))]) {
    if (buckets !== undefined) for (const requirement of asked) pruneRequirement(buckets, requirement);
  }
  for (const name of named) {
    const buckets = byNamespace.get(name);
    if (buckets !== undefined && buckets.byValue.size + buckets.byKey.size + buckets.rest.size === 0) {
      byNamespace.delete(name);
    }
  }
}

function pruneRequirement<Item>(buckets: Buckets<Item>, requirement: Requirement): void {
  const { key } = requirement;
  if (buckets.byKey.get(key)?.size === 0) buckets.byKey.delete(key);
  const byValue = buckets.byValue.get(key);
  if (byValue === undefined || requirement.operator !== "In") return;
  for (const value of requirement.values) if (byValue.get(value)?.size === 0) byValue.delete(value);
  if (byValue.size === 0) buckets.byValue.delete(key);
}

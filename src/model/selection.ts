import type { Labels } from "../kube/labels.ts";
import type { Selector } from "../kube/selector.ts";
import { everything, matches, selectorKey } from "../kube/selector.ts";

/** Pods picked by namespace and labels: a policy's subject or a peer. */
export interface PodSelection {
  readonly namespaces: NamespaceSelection;
  readonly pods: Selector;
}

export type NamespaceSelection =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "selector"; readonly selector: Selector };

/** Selects every pod of every namespace. */
export const everyPod: PodSelection = { namespaces: { kind: "selector", selector: everything }, pods: everything };

/** Text that two selections share exactly if they are equal. Not for people. */
export function selectionKey(selection: PodSelection): string {
  const { namespaces, pods } = selection;
  const where = namespaces.kind === "name" ? JSON.stringify(namespaces.name) : selectorKey(namespaces.selector);
  return `${where}/${selectorKey(pods)}`;
}

/** Whether a selection picks the pods of a namespace that have these labels. */
export function selectsPods(
  selection: PodSelection,
  namespace: { readonly name: string; readonly labels: Labels },
  labels: Labels,
): boolean {
  const { namespaces } = selection;
  const picked =
    namespaces.kind === "name" ? namespaces.name === namespace.name : matches(namespaces.selector, namespace.labels);
  return picked && matches(selection.pods, labels);
}

import type { Selector } from "../kube/selector.ts";

/** Pods picked by namespace and labels: a policy's subject or a peer. */
export interface PodSelection {
  readonly namespaces: NamespaceSelection;
  readonly pods: Selector;
}

export type NamespaceSelection =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "selector"; readonly selector: Selector };

import type { OptionalKind } from "./resources.ts";
import type { ResourceStore } from "./resource-store.ts";

/** How often each CustomResourceDefinition that matters was changed; null: they cannot be watched, or not now. */
export type Generations = ReadonlyMap<string, number> | null;

/** Those of these kinds that are there. */
export function generationsOf(store: ResourceStore, kinds: readonly OptionalKind[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { group, resource } of kinds) {
    const name = `${resource}.${group}`;
    const generation = store.generationOf(name);
    if (generation !== null) found.set(name, generation);
  }
  return found;
}

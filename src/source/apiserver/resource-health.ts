import { printable } from "../../observe/printable.ts";
import type { Finding, ResourceHealth } from "../source.ts";
import type { Reflector } from "./reflector.ts";
import type { ResourceStore } from "./resource-store.ts";

/** How one resource fares. */
export function healthOf({ resource, givenVersion, size }: ResourceStore, reflector: Reflector): ResourceHealth {
  return {
    resource: resource.name,
    state: reflector.state,
    resourceVersion: givenVersion,
    objects: size,
    ...reflector.counts,
    ...reflector.exchange.counts,
  };
}

function effectOfRefusal({ resource, resourceVersion }: ResourceStore, lacksNodes: boolean): string {
  if (resource.kind === "Node" && lacksNodes) return "policies that name nodes wait for it";
  if (resourceVersion !== "") return "what was read of it stays in force, changes are not seen";
  if (resource.need === "required") return "nothing is enforced before it can be read";
  if (resource.kind === "Service") return "its answers tell nothing, so policies allow no domain names";
  return "its policies have no effect";
}

/** That a resource may not be read, and what comes of it; `lacksNodes`: policies wait for all Nodes. */
export function refusalFinding(store: ResourceStore, { refusal }: Reflector, lacksNodes: boolean): readonly Finding[] {
  const { resource } = store;
  if (refusal?.kind !== "forbidden" || (resource.need === "extra" && resource.unread === null)) return [];
  const effect = effectOfRefusal(store, lacksNodes);
  const message = `may not be read, ${effect}; grant get, list and watch on ${resource.name}: ${refusal.message}`;
  return [{ position: null, object: resource.name, message: printable(message), reference: null }];
}

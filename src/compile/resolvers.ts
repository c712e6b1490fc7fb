import type { Service } from "../kube/objects.ts";
import { equalitySelector } from "../kube/selector.ts";
import type { MemberSet } from "../model/member-set.ts";
import { takeChange } from "../model/member-set.ts";
import type { Model, ObjectChange } from "../model/model.ts";
import type { PodSelection } from "../model/selection.ts";
import type { Address } from "../net/address.ts";
import { compareAddresses } from "../net/address.ts";
import type { NamesOptions } from "./options.ts";

/** Whether it is the Service that pods ask for names. */
export function isResolverService(
  service: Pick<Service, "namespace" | "name">,
  { service: asked }: NamesOptions,
): boolean {
  return asked !== null && asked.namespace === service.namespace && asked.name === service.name;
}

/** The pods behind a Service; null: who they are is somebody else's business. */
export function podsBehind({ namespace, selector }: Service): PodSelection | null {
  if (selector === null) return null;
  return { namespaces: { kind: "name", name: namespace }, pods: equalitySelector(selector) };
}

/**
 * Every address that a resolver answers under, sorted: those the operator names, the Service's own (those outside the
 * cluster are not what pods ask), and its pods', ready or not: an answer on its way was asked for when it was ready.
 */
export function resolversOf(
  { resolvers }: NamesOptions,
  service: Service | null,
  pods: Iterable<Address>,
): readonly Address[] {
  return [...new Set([...resolvers, ...(service?.clusterIps ?? []), ...pods])].sort(compareAddresses);
}

/** Follows the resolvers of the cluster. */
export interface Resolvers {
  /** Looks whether a change is about the Service. */
  apply(change: ObjectChange): void;
  /** Whether the addresses may be others than at the last commit. */
  commit(touched: readonly MemberSet[]): boolean;
  addresses(): readonly Address[];
}

export function createResolvers(model: Model, options: NamesOptions): Resolvers {
  let service: Service | null = null;
  let pods: MemberSet | null = null;
  let isDirty = true;
  let addresses: readonly Address[] = [];
  const follow = (asked: Service | null): void => {
    if (pods !== null) model.untrack(pods);
    service = asked;
    const selection = asked === null ? null : podsBehind(asked);
    pods = selection === null ? null : model.track(selection, (_, address) => [address]);
    isDirty = true;
  };
  const key = options.service === null ? null : `Service/${options.service.namespace}/${options.service.name}`;
  return {
    apply(change) {
      if (change.kind === "gone") {
        if (change.key === key && service !== null) follow(null);
      } else if (change.object.kind === "Service" && isResolverService(change.object, options)) {
        follow(change.object);
      }
    },
    commit(touched) {
      if (pods !== null && touched.includes(pods)) {
        takeChange(pods);
        isDirty = true;
      }
      if (!isDirty) return false;
      isDirty = false;
      // What is tracked here are addresses.
      addresses = resolversOf(options, service, [...(pods?.members ?? [])] as Address[]);
      return true;
    },
    addresses: () => addresses,
  };
}

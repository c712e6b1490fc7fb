import type { Pod, Service } from "../kube/objects.ts";
import type { Family } from "../net/address.ts";
import { familyOf } from "../net/address.ts";
import { compareText } from "../policy/tier-order.ts";
import type { Query, Unanswerable } from "./query.ts";

/** Where a connection to a Service ends up. */
export interface Backend {
  readonly pod: Pod;
  readonly port: number;
}

/** Whether a Service's selector picks a pod; a Service without one picks none. */
function picks(service: Service, pod: Pod): boolean {
  if (service.selector === null || pod.namespace !== service.namespace) return false;
  return [...service.selector].every(([key, value]) => pod.labels.get(key) === value);
}

/** The number behind a target port; a name is looked up in the pod. Null: this pod has no such port. */
function targetNumber(pod: Pod, targetPort: number | string, protocol: Query["protocol"]): number | null {
  if (typeof targetPort === "number") return targetPort;
  return pod.ports.find((port) => port.name === targetPort && port.protocol === protocol)?.port ?? null;
}

/**
 * The first ready backend by name: what a Service stands for. `pods` are those of the Service's namespace. A pod
 * that declares no port of the target's name is no backend of that port, nor one without an address of `families`
 * (empty: any will do) a backend of an address of these, as in Kubernetes' EndpointSlices.
 */
export function backendOf(
  service: Service,
  pods: readonly Pod[],
  query: Pick<Query, "protocol" | "port">,
  families: ReadonlySet<Family>,
): Backend | Unanswerable {
  const { protocol, port } = query;
  const entry = service.ports.find((one) => one.protocol === protocol && one.port === port);
  if (entry === undefined) return { error: `the Service has no port ${protocol}/${port}` };
  const isReady = (pod: Pod) => !pod.finished && (pod.ready || service.publishNotReady);
  const hasFamily = (pod: Pod) => families.size === 0 || pod.addresses.some((one) => families.has(familyOf(one)));
  const ready = pods.filter((pod) => picks(service, pod) && isReady(pod) && hasFamily(pod));
  for (const pod of ready.sort((a, b) => compareText(a.name, b.name))) {
    const number = targetNumber(pod, entry.targetPort, protocol);
    if (number !== null) return { pod, port: number };
  }
  return { error: `the Service has no ready backend for ${protocol}/${port}` };
}

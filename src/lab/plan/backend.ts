import type { Pod, Service, ServicePort } from "../../kube/objects.ts";
import type { Address, Family } from "../../net/address.ts";
import { familyOf } from "../../net/address.ts";
import type { LabObjects } from "../resolve/resolve.ts";

/**
 * The pod that stands for a Service: its first ready one by name (cli.md, `eval`). The lab sends all of a Service's
 * connections there, so that what a probe meets is what the evaluator is asked about.
 */
export function backendOf(service: Service, objects: LabObjects): Pod | null {
  const { selector } = service;
  if (selector === null) return null;
  const picked = objects.pods.filter(
    (pod) =>
      pod.namespace === service.namespace &&
      !pod.finished &&
      (pod.ready || service.publishNotReady) &&
      backendAddresses(pod, objects).length > 0 &&
      [...selector].every(([key, value]) => pod.labels.get(key) === value),
  );
  return picked.toSorted((a, b) => (a.name < b.name ? -1 : 1))[0] ?? null;
}

/** The node where a Service's connections end; null where it has no backend. */
export function backendNode(service: Service, objects: LabObjects): string | null {
  return backendOf(service, objects)?.nodeName ?? null;
}

function backendAddresses(pod: Pod, objects: LabObjects): readonly Address[] {
  if (!pod.hostNetwork) return pod.addresses;
  const node = objects.nodes.find(({ name }) => name === pod.nodeName);
  return node?.addresses.map(({ address }) => address) ?? [];
}

/** Where a connection to one of the Service's addresses goes: the backend's address of that family. */
export function backendAddress(pod: Pod, objects: LabObjects, family: Family): Address | null {
  return backendAddresses(pod, objects).find((address) => familyOf(address) === family) ?? null;
}

/** The number behind a Service's port on this pod; null where the pod declares no port of that name. */
export function targetPort(port: ServicePort, pod: Pod): number | null {
  if (typeof port.targetPort === "number") return port.targetPort;
  const named = pod.ports.find(({ name, protocol }) => name === port.targetPort && protocol === port.protocol);
  return named?.port ?? null;
}

import type { Address } from "../../net/address.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import { notSupported } from "../field-error.ts";
import type { Pod } from "../objects.ts";
import { dnsSubdomainErrors } from "../syntax.ts";
import { decodeAddress } from "./address.ts";
import type { ApiObject, Decoded } from "./fields.ts";
import { asObject, field, objectsOf, readObject, readString } from "./fields.ts";
import { readMetadata } from "./metadata.ts";
import { decodePodSpec } from "./pod-spec.ts";

const phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];
const statusPath: FieldPath = ["status"];

/**
 * Decodes a v1 Pod. The value is null where it cannot be told who the pod is or what selects it: name, namespace,
 * labels, hostNetwork, nodeName. Anything else that is wrong (an address, a port) is reported and left out.
 */
export function decodePod(object: unknown): Decoded<Pod> {
  const errors: FieldError[] = [];
  const pod = asObject(object, [], errors);
  if (errors.length > 0) return { value: null, errors };
  const metadata = readMetadata(pod, dnsSubdomainErrors, "namespaced", errors);
  const { name, namespace, uid, created, labels, owner } = metadata;
  const spec = decodePodSpec(pod, "spec", [], errors);
  const status = readObject(pod, "status", [], errors) ?? {};
  const phase = readPhase(status, errors);
  const finished = phase === "Succeeded" || phase === "Failed";
  const saysReady = readReady(status, phase, errors);
  // As in EndpointSlices: what is going away is no ready backend, whatever its condition still says.
  const ready = saysReady && !finished && !metadata.terminating;
  const addresses = readAddresses(status, errors);
  if (name === null || namespace === null || labels === null || spec === null) return { value: null, errors };
  const { nodeName, hostNetwork, ports } = spec;
  return {
    value: {
      kind: "Pod",
      namespace,
      name,
      uid,
      created,
      labels,
      nodeName,
      hostNetwork,
      finished,
      ready,
      addresses,
      ports,
      owner,
    },
    errors,
  };
}

/** Empty where the status does not say. */
function readPhase(status: ApiObject, errors: FieldError[]): string {
  const phase = readString(status, "phase", statusPath, errors) ?? "";
  if (phase === "" || phases.includes(phase)) return phase;
  errors.push(notSupported([...statusPath, "phase"], phase, phases));
  return "";
}

/** The Ready condition. A running pod always has one in a cluster; one in a manifest that says nothing is ready. */
function readReady(status: ApiObject, phase: string, errors: FieldError[]): boolean {
  if (field(status, "conditions") !== undefined) {
    for (const { item, path } of objectsOf(status, "conditions", statusPath, errors)) {
      if (field(item, "type") === "Ready") return readString(item, "status", path, errors) === "True";
    }
  }
  return phase === "" || phase === "Running";
}

function readAddresses(status: ApiObject, errors: FieldError[]): readonly Address[] {
  const addresses: Address[] = [];
  const add = (text: string | null, at: FieldPath): void => {
    const address = text === null || text === "" ? null : decodeAddress(text, at, errors);
    if (address !== null && !addresses.includes(address)) addresses.push(address);
  };
  if (field(status, "podIPs") !== undefined) {
    for (const { item, path } of objectsOf(status, "podIPs", statusPath, errors)) {
      add(readString(item, "ip", path, errors), [...path, "ip"]);
    }
  }
  add(readString(status, "podIP", statusPath, errors), [...statusPath, "podIP"]);
  // A copy has no room to grow: an array that was pushed to holds 17 slots.
  return addresses.slice();
}

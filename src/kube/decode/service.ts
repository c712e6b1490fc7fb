import type { Address } from "../../net/address.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import { duplicate, invalid, notSupported, required, wrongType } from "../field-error.ts";
import type { Labels } from "../labels.ts";
import { internString } from "../interning.ts";
import type { Service, ServicePort } from "../objects.ts";
import { dnsLabelErrors, portNameErrors, portNumberErrors, serviceNameErrors } from "../syntax.ts";
import { decodeAddress } from "./address.ts";
import type { ApiObject, Decoded } from "./fields.ts";
import { asObject, field, objectsOf, readBoolean, readInteger, readObject, readString, stringsOf } from "./fields.ts";
import { checkSyntax, readLabels, readMetadata } from "./metadata.ts";
import { readPortNumber, readProtocol } from "./pod-spec.ts";

const path: FieldPath = ["spec"];
const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/**
 * Decodes a v1 Service. Null where its name, its type or the pods it picks cannot be read; a wrong address or port is
 * reported and left out.
 */
export function decodeService(object: unknown): Decoded<Service> {
  const errors: FieldError[] = [];
  const service = asObject(object, [], errors);
  if (errors.length > 0) return { value: null, errors };
  const { name, namespace } = readMetadata(service, serviceNameErrors, "namespaced", errors);
  const before = errors.length;
  const spec = readObject(service, "spec", [], errors) ?? {};
  const type = readString(spec, "type", path, errors) || "ClusterIP";
  if (!types.includes(type)) errors.push(notSupported([...path, "type"], type, types));
  const selector = readSelector(spec, errors);
  const publishNotReady = readBoolean(spec, "publishNotReadyAddresses", path, errors);
  const readable = errors.length === before;
  const clusterIps = readClusterIps(spec, errors);
  const externalIps = readAddressList(spec, "externalIPs", errors);
  const ports = readPorts(spec, errors);
  if (name === null || namespace === null || !readable) return { value: null, errors };
  const external = type === "ExternalName";
  return {
    value: {
      kind: "Service",
      namespace,
      name,
      clusterIps: external ? [] : clusterIps,
      externalIps,
      // What an ExternalName stands for is outside, whatever its selector says.
      selector: external ? null : selector,
      publishNotReady,
      ports,
    },
    errors,
  };
}

/** Null where there is none or an empty one: the Service's endpoints are then somebody else's business. */
function readSelector(spec: ApiObject, errors: FieldError[]): Labels | null {
  const labels = readLabels(spec, "selector", path, errors);
  return labels === null || labels.size === 0 ? null : labels;
}

function readAddressList(spec: ApiObject, name: string, errors: FieldError[]): readonly Address[] {
  const addresses = new Set<Address>();
  for (const { item, path: at } of stringsOf(spec, name, path, errors)) {
    if (item === "None" && name === "clusterIPs") continue;
    const address = decodeAddress(item, at, errors);
    if (address !== null) addresses.add(address);
  }
  return [...addresses];
}

function readClusterIps(spec: ApiObject, errors: FieldError[]): readonly Address[] {
  const addresses = readAddressList(spec, "clusterIPs", errors);
  const single = readString(spec, "clusterIP", path, errors) ?? "";
  if (single === "" || single === "None") return addresses;
  const address = decodeAddress(single, [...path, "clusterIP"], errors);
  return address === null || addresses.includes(address) ? addresses : [address, ...addresses];
}

function readPorts(spec: ApiObject, errors: FieldError[]): readonly ServicePort[] {
  const items = [...objectsOf(spec, "ports", path, errors)];
  const names = new Set<string>();
  const ports: ServicePort[] = [];
  for (const { item, path: at } of items) {
    const port = readPort(item, at, errors);
    if (port === null) continue;
    if (port.name === "" && items.length > 1) errors.push(required([...at, "name"], ""));
    if (port.name !== "" && names.has(port.name)) errors.push(duplicate([...at, "name"], port.name));
    names.add(port.name);
    ports.push(port);
  }
  return ports;
}

function readPort(item: ApiObject, at: FieldPath, errors: FieldError[]): ServicePort | null {
  const before = errors.length;
  const name = readString(item, "name", at, errors) ?? "";
  if (name !== "") checkSyntax(name, [...at, "name"], dnsLabelErrors, errors);
  const port = readPortNumber(item, "port", at, errors);
  const protocol = readProtocol(item, at, errors);
  const targetPort = readTargetPort(item, port, at, errors);
  const nodePort = readInteger(item, "nodePort", at, errors);
  if (nodePort !== null && nodePort !== 0) {
    for (const message of portNumberErrors(nodePort)) errors.push(invalid([...at, "nodePort"], nodePort, message));
  }
  if (errors.length > before || protocol === null) return null;
  return { name: internString(name), protocol, port, targetPort, nodePort: nodePort === 0 ? null : nodePort };
}

/** A number, or the name of a container's port; the Service's own port where it is absent, 0 or empty. */
function readTargetPort(item: ApiObject, port: number, at: FieldPath, errors: FieldError[]): number | string {
  const value = field(item, "targetPort");
  if (value === undefined || value === 0 || value === "") return port;
  if (typeof value === "string") {
    checkSyntax(value, [...at, "targetPort"], portNameErrors, errors);
    return internString(value);
  }
  if (typeof value !== "number" || !Number.isInteger(value)) {
    errors.push(wrongType([...at, "targetPort"], value, "integer or string"));
    return port;
  }
  for (const message of portNumberErrors(value)) errors.push(invalid([...at, "targetPort"], value, message));
  return value;
}

import type { FieldError, FieldPath } from "../field-error.ts";
import { invalid, required } from "../field-error.ts";
import { createInterner, hashNumber, hashSeed, hashText, internString } from "../interning.ts";
import type { ContainerPort, Pod } from "../objects.ts";
import { dnsSubdomainErrors, portNameErrors, portNumberErrors } from "../syntax.ts";
import type { ApiObject } from "./fields.ts";
import { field, objectsOf, readBoolean, readInteger, readObject, readString } from "./fields.ts";
import { checkSyntax } from "./metadata.ts";
import { decodePortProtocol } from "./protocol.ts";

export type PodSpec = Pick<Pod, "nodeName" | "hostNetwork" | "ports">;

const noPorts: readonly ContainerPort[] = [];

/**
 * Decodes a PodSpec, of a Pod or of a template, that stands under `name` in its parent. Null where it cannot be told
 * whose network the pod uses. A port that cannot be read is reported and left out: a policy that names it does not
 * match then, which is closed.
 */
export function decodePodSpec(parent: ApiObject, name: string, at: FieldPath, errors: FieldError[]): PodSpec | null {
  const before = errors.length;
  const spec = readObject(parent, name, at, errors);
  const path = [...at, name];
  if (spec === null) return errors.length > before ? null : { nodeName: "", hostNetwork: false, ports: noPorts };
  const hostNetwork = readBoolean(spec, "hostNetwork", path, errors);
  const nodeName = readString(spec, "nodeName", path, errors) ?? "";
  if (nodeName !== "") checkSyntax(nodeName, [...path, "nodeName"], dnsSubdomainErrors, errors);
  const readable = errors.length === before;
  const ports = decodePorts(spec, path, errors);
  return readable ? { nodeName: internString(nodeName), hostNetwork, ports } : null;
}

function decodePorts(spec: ApiObject, at: FieldPath, errors: FieldError[]): readonly ContainerPort[] {
  const ports: ContainerPort[] = [];
  for (const { item, path } of objectsOf(spec, "containers", at, errors)) addPorts(item, path, ports, errors);
  if (field(spec, "initContainers") !== undefined) {
    for (const { item, path } of objectsOf(spec, "initContainers", at, errors)) {
      // Only a sidecar runs beside the containers; other init containers are over before traffic comes.
      if (field(item, "restartPolicy") === "Always") addPorts(item, path, ports, errors);
    }
  }
  return ports.length === 0 ? noPorts : internPorts(ports);
}

type Ports = readonly ContainerPort[];

/** The pods of one workload declare the same ports. */
const internPorts = createInterner<Ports, Ports>(
  (ports) => {
    let hash = hashSeed;
    for (const { name, protocol, port } of ports)
      hash = hashNumber(hashText(hashText(hash, name ?? ""), protocol), port);
    return hash;
  },
  (kept, ports) => kept.length === ports.length && ports.every((port, index) => samePort(port, kept[index])),
  (ports) => ports.slice(),
);

function samePort(a: ContainerPort, b: ContainerPort | undefined): boolean {
  return b !== undefined && a.name === b.name && a.protocol === b.protocol && a.port === b.port;
}

function addPorts(container: ApiObject, at: FieldPath, ports: ContainerPort[], errors: FieldError[]): void {
  if (field(container, "ports") === undefined) return;
  for (const { item, path } of objectsOf(container, "ports", at, errors)) {
    const port = decodeContainerPort(item, path, errors);
    if (port !== null) ports.push(port);
  }
}

/** A port number that must be there: absent and 0 are the same to the API server. */
export function readPortNumber(object: ApiObject, name: string, at: FieldPath, errors: FieldError[]): number {
  const before = errors.length;
  const port = readInteger(object, name, at, errors) ?? 0;
  if (errors.length > before) return 0;
  if (port === 0) errors.push(required([...at, name], ""));
  else for (const message of portNumberErrors(port)) errors.push(invalid([...at, name], port, message));
  return port;
}

function decodeContainerPort(item: ApiObject, at: FieldPath, errors: FieldError[]): ContainerPort | null {
  const before = errors.length;
  const name = readString(item, "name", at, errors) ?? "";
  if (name !== "") checkSyntax(name, [...at, "name"], portNameErrors, errors);
  const port = readPortNumber(item, "containerPort", at, errors);
  const protocol = readProtocol(item, at, errors);
  if (errors.length > before || protocol === null) return null;
  return { name: name === "" ? null : internString(name), protocol, port };
}

/** The `protocol` of a container's or Service's port: TCP where it is absent or empty. */
export function readProtocol(item: ApiObject, at: FieldPath, errors: FieldError[]): ContainerPort["protocol"] | null {
  const text = readString(item, "protocol", at, errors) ?? "";
  return text === "" ? "TCP" : decodePortProtocol(text, [...at, "protocol"], errors);
}

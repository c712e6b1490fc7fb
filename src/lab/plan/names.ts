import { createHash } from "node:crypto";
import type { Address } from "../../net/address.ts";

const plain = /^[a-z0-9.-]*[a-z0-9][a-z0-9.-]*$/;
const longestName = 200;

/** Hex digits that stand for a text; parts are told apart by their lengths. */
export function digestOfName(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex");
}

/** All namespaces of a lab start with this. */
export function labPrefix(lab: string): string {
  return `pcl-${lab}-`;
}

/**
 * The namespace of a node or pod. Object names are hostile: what Kubernetes would not accept, and what is too long
 * for a file's name, is replaced by its digest. An underscore never stands in an object's name.
 */
export function namespaceName(lab: string, role: string, ...parts: readonly string[]): string {
  const safe = parts.every((part) => plain.test(part)) && parts.join("_").length <= longestName;
  const tail = safe ? parts.join("_") : `x_${digestOfName(...parts).slice(0, 32)}`;
  return parts.length === 0 ? `${labPrefix(lab)}${role}` : `${labPrefix(lab)}${role}-${tail}`;
}

/** The node's end of a pod's cable, stable over the life of the pod (device names have at most 15 characters). */
export function podDevice(namespace: string, name: string): string {
  return `pcl${digestOfName(namespace, name).slice(0, 12)}`;
}

/** The fabric's end of a node's cable. */
export function nodeDevice(node: string): string {
  return `node${digestOfName(node).slice(0, 11)}`;
}

/** A link-local address of a host, its own on every link. */
export function linkLocalOf(namespace: string): Address {
  const groups = /^(.{4})(.{4})(.{4})/.exec(digestOfName(namespace).replaceAll("0", "1"));
  return `fe80::${groups?.slice(1).join(":")}` as Address;
}

/** A hardware address of our own (locally administered). */
export function hardwareAddress(namespace: string): Buffer {
  return Buffer.from(`02${digestOfName(namespace).slice(0, 10)}`, "hex");
}

import { parseApiAddress } from "../../net/address.ts";
import type { Cidr } from "../../net/cidr.ts";
import { formatCidr } from "../../net/cidr.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import { internString } from "../interning.ts";
import type { Node, NodeAddress } from "../objects.ts";
import { dnsSubdomainErrors } from "../syntax.ts";
import { decodeCidr } from "./address.ts";
import type { ApiObject, Decoded } from "./fields.ts";
import { asObject, objectsOf, readObject, readString, stringsOf } from "./fields.ts";
import { readMetadata } from "./metadata.ts";

const specPath: FieldPath = ["spec"];
const statusPath: FieldPath = ["status"];

/** Decodes a v1 Node. Null where the name or the labels cannot be read; a wrong block is reported and left out. */
export function decodeNode(object: unknown): Decoded<Node> {
  const errors: FieldError[] = [];
  const node = asObject(object, [], errors);
  if (errors.length > 0) return { value: null, errors };
  const { name, labels } = readMetadata(node, dnsSubdomainErrors, "cluster", errors);
  const podCidrs = readPodCidrs(readObject(node, "spec", [], errors) ?? {}, errors);
  const addresses = readAddresses(readObject(node, "status", [], errors) ?? {}, errors);
  return {
    value: name === null || labels === null ? null : { kind: "Node", name, labels, podCidrs, addresses },
    errors,
  };
}

function readPodCidrs(spec: ApiObject, errors: FieldError[]): readonly Cidr[] {
  const cidrs = new Map<string, Cidr>();
  const add = (text: string, at: FieldPath): void => {
    const cidr = decodeCidr(text, at, errors);
    if (cidr !== null && !cidrs.has(formatCidr(cidr))) cidrs.set(formatCidr(cidr), cidr);
  };
  for (const { item, path } of stringsOf(spec, "podCIDRs", specPath, errors)) add(item, path);
  const single = readString(spec, "podCIDR", specPath, errors) ?? "";
  if (single !== "") add(single, [...specPath, "podCIDR"]);
  return [...cidrs.values()];
}

/** The API server takes any text as an address: host names stand in the same list. */
function readAddresses(status: ApiObject, errors: FieldError[]): readonly NodeAddress[] {
  const addresses: NodeAddress[] = [];
  for (const { item, path } of objectsOf(status, "addresses", statusPath, errors)) {
    const type = readString(item, "type", path, errors) ?? "";
    const address = parseApiAddress(readString(item, "address", path, errors) ?? "");
    if (address !== null) addresses.push({ type: internString(type), address });
  }
  return addresses;
}

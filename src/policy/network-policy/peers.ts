import { decodeCidr } from "../../kube/decode/address.ts";
import type { ApiObject } from "../../kube/decode/fields.ts";
import { field, objectsOf, readObject, readString, stringsOf } from "../../kube/decode/fields.ts";
import { decodeSelector } from "../../kube/decode/selector.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { forbidden, invalid, required } from "../../kube/field-error.ts";
import type { Selector } from "../../kube/selector.ts";
import { everything } from "../../kube/selector.ts";
import { addressSetOf, subtractAddresses } from "../../net/address-set.ts";
import type { Cidr } from "../../net/cidr.ts";
import { cidrInside } from "../../net/cidr.ts";
import type { NamespaceSelection, Peer } from "../policy.ts";

/**
 * Decodes `from` or `to` of a rule of a policy in `namespace`. Null: no restriction, any peer in or outside the
 * cluster. What is wrong is reported and left out.
 */
export function decodePeers(
  rule: ApiObject,
  name: "from" | "to",
  namespace: string,
  at: FieldPath,
  errors: FieldError[],
): readonly Peer[] | null {
  const before = errors.length;
  const peers: Peer[] = [];
  for (const { item, path } of objectsOf(rule, name, at, errors)) {
    const peer = decodePeer(item, namespace, path, errors);
    if (peer !== null) peers.push(peer);
  }
  return peers.length === 0 && errors.length === before ? null : peers;
}

function decodePeer(peer: ApiObject, namespace: string, at: FieldPath, errors: FieldError[]): Peer | null {
  const before = errors.length;
  const pods = readSelector(peer, "podSelector", at, errors);
  const namespaces = readSelector(peer, "namespaceSelector", at, errors);
  const block = readObject(peer, "ipBlock", at, errors);
  const addresses = block === null ? null : decodeBlock(block, [...at, "ipBlock"], errors);
  const selects = field(peer, "podSelector") !== undefined || field(peer, "namespaceSelector") !== undefined;
  const blocks = field(peer, "ipBlock") !== undefined;
  if (!selects && !blocks) errors.push(required(at, "must specify a peer"));
  if (selects && blocks) errors.push(forbidden(at, "may not specify both ipBlock and another peer"));
  if (errors.length > before) return null;
  if (addresses !== null) return addresses;
  const selection: NamespaceSelection =
    namespaces === null ? { kind: "name", name: namespace } : { kind: "selector", selector: namespaces };
  return { kind: "pods", selection: { namespaces: selection, pods: pods ?? everything } };
}

/** Null where it is absent or, with errors, unreadable. */
function readSelector(peer: ApiObject, name: string, at: FieldPath, errors: FieldError[]): Selector | null {
  const selector = readObject(peer, name, at, errors);
  return selector === null ? null : decodeSelector(selector, [...at, name], errors);
}

function decodeBlock(block: ApiObject, at: FieldPath, errors: FieldError[]): Peer | null {
  const before = errors.length;
  const text = readString(block, "cidr", at, errors) ?? "";
  if (text === "" && errors.length === before) errors.push(required([...at, "cidr"], ""));
  if (text === "") return null;
  const cidr = decodeCidr(text, [...at, "cidr"], errors);
  const excepts: Cidr[] = [];
  for (const { item, path } of stringsOf(block, "except", at, errors)) {
    // As the API server does: excepts of an unreadable block are not looked at.
    if (cidr === null) break;
    const except = decodeCidr(item, path, errors);
    if (except === null) continue;
    const strictlyInside = cidrInside(except, cidr) && except.bits > cidr.bits;
    if (!strictlyInside) errors.push(invalid(path, item, "must be a strict subset of `cidr`"));
    excepts.push(except);
  }
  if (cidr === null || errors.length > before) return null;
  return { kind: "block", addresses: subtractAddresses(addressSetOf([cidr]), addressSetOf(excepts)) };
}

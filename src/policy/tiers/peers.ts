import { type ApiObject, field, isApiObject } from "../../kube/decode/fields.ts";
import { decodeSelector } from "../../kube/decode/selector.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { forbidden, invalid } from "../../kube/field-error.ts";
import { everything, type Selector } from "../../kube/selector.ts";
import { addressSetOf } from "../../net/address-set.ts";
import { type Cidr, parseCelCidr } from "../../net/cidr.ts";
import { type DomainPattern, parseDomainPattern } from "../../net/domain-name.ts";
import type { Peer, PodSelection } from "../policy.ts";

/**
 * Reads what has passed the schema: what is of the wrong type here is a bug. Errors are about what the CRD lets
 * through: selectors above all.
 */
function objectIn(object: ApiObject, name: string): ApiObject | null {
  const value = field(object, name);
  if (value === undefined) return null;
  if (!isApiObject(value)) throw new Error(`${name} has passed the schema and is no object`);
  return value;
}

function selectorIn(object: ApiObject, name: string, at: FieldPath, errors: FieldError[]): Selector | null {
  const selector = objectIn(object, name);
  return selector === null ? everything : decodeSelector(withoutNulls(selector), [...at, name], errors);
}

/** Custom resources lose what is null before they are stored: a label that is null is no requirement. */
function withoutNulls(selector: ApiObject): ApiObject {
  const labels = objectIn(selector, "matchLabels");
  if (labels === null) return selector;
  const entries = Object.entries(labels).filter(([, value]) => value !== null && value !== undefined);
  return { ...selector, matchLabels: Object.fromEntries(entries) };
}

/** Reads `namespaces` or `pods`, whichever is there. Without a namespaceSelector: of every namespace. */
export function decodePods(object: ApiObject, at: FieldPath, errors: FieldError[]): PodSelection | null {
  const pods = objectIn(object, "pods");
  if (pods === null) return selectionOf(selectorIn(object, "namespaces", at, errors), everything);
  const inner = [...at, "pods"];
  const namespaces = selectorIn(pods, "namespaceSelector", inner, errors);
  return selectionOf(namespaces, selectorIn(pods, "podSelector", inner, errors));
}

function selectionOf(namespaces: Selector | null, pods: Selector | null): PodSelection | null {
  if (namespaces === null || pods === null) return null;
  return { namespaces: { kind: "selector", selector: namespaces }, pods };
}

/** Reads a peer of a rule; null, and reported, where it cannot be read. */
export function decodePeer(
  peer: ApiObject,
  action: { readonly name: string; readonly accepts: string },
  at: FieldPath,
  errors: FieldError[],
): Peer | null {
  if (field(peer, "nodes") !== undefined) {
    const selector = selectorIn(peer, "nodes", at, errors);
    return selector === null ? null : { kind: "nodes", selector };
  }
  const networks = textsIn(peer, "networks");
  if (networks !== null) return decodeNetworks(networks, [...at, "networks"], errors);
  const names = textsIn(peer, "domainNames");
  if (names !== null) {
    const path = [...at, "domainNames"];
    if (action.name === action.accepts) return decodeDomainNames(names, path, errors);
    errors.push(forbidden(path, `may only be set in rules whose action is ${action.accepts}`));
    return null;
  }
  const selection = decodePods(peer, at, errors);
  return selection === null ? null : { kind: "pods", selection };
}

function textsIn(object: ApiObject, name: string): readonly string[] | null {
  const value = field(object, name);
  return Array.isArray(value) ? (value as readonly string[]) : null;
}

function decodeNetworks(networks: readonly string[], at: FieldPath, errors: FieldError[]): Peer | null {
  const before = errors.length;
  const cidrs: Cidr[] = [];
  networks.forEach((text, index) => {
    const cidr = parseCelCidr(text);
    // The schema has looked at all but those that are too long.
    if (cidr === null) errors.push(invalid([...at, index], text, "Invalid CIDR format provided"));
    else cidrs.push(cidr);
  });
  return errors.length > before ? null : { kind: "block", addresses: addressSetOf(cidrs) };
}

function decodeDomainNames(names: readonly string[], at: FieldPath, errors: FieldError[]): Peer | null {
  const before = errors.length;
  const patterns = new Set<DomainPattern>();
  names.forEach((text, index) => {
    const pattern = parseDomainPattern(text);
    if (pattern !== null) patterns.add(pattern);
    else errors.push(invalid([...at, index], text, "no name has more than 253 characters, or a label of more than 63"));
  });
  return errors.length > before ? null : { kind: "domains", patterns: [...patterns] };
}

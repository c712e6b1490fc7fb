import { type ApiObject, field, isApiObject } from "../../kube/decode/fields.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { isLonger } from "../../kube/schema/check.ts";
import type { Clause, Direction, Peer, PortMatch } from "../policy.ts";
import { decodePeer } from "./peers.ts";
import type { TieredKind } from "./tiered-kind.ts";

/** Tells whether the schema has found something unreadable at a path (`spec.ingress[2]`) or inside it. */
export type IsBroken = (at: FieldPath) => boolean;

/** In characters, as the CRDs count. Longer names of rules are reported and not used. */
const longestName = 100;

/**
 * Reads the rules of a direction, those that cannot be read as what fails closed (README.md). Null: it says nothing
 * about this direction.
 */
export function decodeRules(
  kind: TieredKind,
  spec: ApiObject,
  direction: Direction,
  isBroken: IsBroken,
  errors: FieldError[],
): readonly Clause[] | null {
  const rules = field(spec, direction);
  if (rules === undefined) return null;
  // Whatever stands there instead of a list was meant to be rules.
  if (!Array.isArray(rules)) return [denyEverything(0, null)];
  const clauses = rules.flatMap((rule: unknown, index) => {
    const clause = decodeRule(kind, rule, direction, index, isBroken, errors);
    return clause === null ? [] : [clause];
  });
  return clauses.length === 0 ? null : clauses;
}

function decodeRule(
  kind: TieredKind,
  value: unknown,
  direction: Direction,
  index: number,
  isBroken: IsBroken,
  errors: FieldError[],
): Clause | null {
  const rule = isApiObject(value) ? value : {};
  const at: FieldPath = ["spec", direction, index];
  const word = field(rule, "action");
  const action = typeof word === "string" ? (kind.actions.get(word) ?? null) : null;
  const ruleName = nameOf(rule);
  const before = errors.length;
  const matched =
    isBroken(at) || typeof word !== "string" ? null : decodeMatch(kind, rule, word, direction, at, errors);
  if (matched !== null && action !== null && errors.length === before)
    return { rule: index, ruleName, action, ...matched };
  return action === "accept" ? null : denyEverything(index, ruleName);
}

/** What becomes of a rule that cannot be read, and does not accept. */
function denyEverything(rule: number, ruleName: string | null): Clause {
  return { rule, ruleName, action: "deny", peers: null, ports: null };
}

function nameOf(rule: ApiObject): string | null {
  const name = field(rule, "name");
  return typeof name === "string" && name !== "" && !isLonger(name, longestName) ? name : null;
}

function decodeMatch(
  kind: TieredKind,
  rule: ApiObject,
  action: string,
  direction: Direction,
  at: FieldPath,
  errors: FieldError[],
): Pick<Clause, "peers" | "ports"> {
  const peersField = direction === "ingress" ? "from" : "to";
  const peers: Peer[] = [];
  itemsOf(rule, peersField).forEach((item, index) => {
    const peer = decodePeer(item, { name: action, accepts: kind.accepts }, [...at, peersField, index], errors);
    if (peer !== null) peers.push(peer);
  });
  if (field(rule, kind.ports) === undefined) return { peers, ports: null };
  const ports: PortMatch[] = [];
  itemsOf(rule, kind.ports).forEach((item, index) => {
    const port = kind.decodePort(item, [...at, kind.ports, index], errors);
    if (port !== null) ports.push(port);
  });
  return { peers, ports };
}

function itemsOf(rule: ApiObject, name: string): readonly ApiObject[] {
  const list = field(rule, name);
  return Array.isArray(list) ? (list as readonly ApiObject[]) : [];
}

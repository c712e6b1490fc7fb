import type { NodeRules } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import { parseAddress } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import { formatCidr, parseCidr } from "../net/cidr.ts";
import { readLogGroup, readMarkMask } from "./setting-values.ts";

/** What of a node outlives its boot: enough to close its pods before the API server is asked (semantics, 10). */
export interface NodeState {
  readonly node: NodeRules;
  readonly dataplane: string;
  readonly ctMarkMask: number;
}

export type NodeStateRead =
  | { readonly ok: true; readonly state: NodeState }
  | { readonly ok: false; readonly reason: string };

/** Where commands look for it where nobody says otherwise; the chart has the agent write it there. */
export const defaultStateFile = "/var/lib/portcullis/node.json";

const apiVersion = "portcullis.dev/v1";
const kind = "NodeState";

/** As text of a file, the same for the same state. */
export function formatNodeState({ node, dataplane, ctMarkMask }: NodeState): string {
  const file = {
    apiVersion,
    kind,
    node: node.name,
    ranges: node.ranges.map(formatCidr),
    gateways: node.gateways,
    unknownPods: node.unknownPods,
    established: node.established,
    dropLogGroup: node.logGroup ?? 0,
    dataplane,
    ctMarkMask: `0x${ctMarkMask.toString(16)}`,
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function listOf<T>(value: unknown, read: (text: string) => T | null): readonly T[] | null {
  if (!Array.isArray(value)) return null;
  const items = value.map((item: unknown) => (typeof item === "string" ? read(item) : null));
  return items.includes(null) ? null : items.filter((item) => item !== null);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function oneOf<T extends string>(value: unknown, words: readonly T[]): T | null {
  return words.find((word) => word === value) ?? null;
}

/** The state, or why it is not one: half of a state would close half of a node. */
export function readNodeState(text: string): NodeStateRead {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return { ok: false, reason: "it is not JSON" };
  }
  if (!isObject(file) || file["apiVersion"] !== apiVersion || file["kind"] !== kind)
    return { ok: false, reason: `it is not a ${kind} of ${apiVersion}` };
  const { node: name, dataplane } = file;
  const ranges: readonly Cidr[] | null = listOf(file["ranges"], parseCidr);
  const gateways: readonly Address[] | null = listOf(file["gateways"], parseAddress);
  const unknownPods = oneOf(file["unknownPods"], ["drop", "accept"]);
  const established = oneOf(file["established"], ["cut", "keep"]);
  const group = readLogGroup(String(file["dropLogGroup"]));
  const mask = readMarkMask(String(file["ctMarkMask"]));
  if (typeof name !== "string" || typeof dataplane !== "string") return { ok: false, reason: "a name is missing" };
  if (ranges === null || gateways === null) return { ok: false, reason: "an address in it is none" };
  if (unknownPods === null || established === null || !group.ok || !mask.ok)
    return { ok: false, reason: "a setting in it is missing or wrong" };
  const node = { name, ranges, gateways, unknownPods, established, logGroup: group.value.group };
  return { ok: true, state: { node, dataplane, ctMarkMask: mask.value } };
}

import type { NodeRules } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import { parseAddress } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import { formatCidr, parseCidr } from "../net/cidr.ts";
import { type LearnedSince, mostLearned } from "./learned.ts";
import { readLogGroup, readMarkMask } from "./setting-values.ts";

/** What of a node outlives its boot: enough to close its pods before the API server is asked (semantics, 10). */
export interface NodeState {
  /** Its ranges hold what was learned, too. */
  readonly node: NodeRules;
  /** What of the ranges no range tells, and for how long yet. */
  readonly learned: LearnedSince;
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
export function formatNodeState({ node, learned, dataplane, ctMarkMask }: NodeState): string {
  const file = {
    apiVersion,
    kind,
    node: node.name,
    ranges: node.ranges.map(formatCidr),
    gateways: node.gateways,
    learned: Object.fromEntries(
      [...learned].map(([address, since]) => [address, since === null ? null : new Date(since).toISOString()]),
    ),
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

/** Null: it is none. Absent: an agent wrote it that did not learn. */
function readLearned(value: unknown): LearnedSince | null {
  if (value === undefined) return new Map();
  if (!isObject(value)) return null;
  const learned = new Map<Address, number | null>();
  for (const [text, since] of Object.entries(value)) {
    const address = parseAddress(text);
    const time = since === null ? null : typeof since === "string" ? Date.parse(since) : NaN;
    if (address === null || Number.isNaN(time)) return null;
    learned.set(address, time);
  }
  // A node does not have more pods than that, either.
  return learned.size > 2 * mostLearned ? null : learned;
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
  const learned = readLearned(file["learned"]);
  const unknownPods = oneOf(file["unknownPods"], ["drop", "accept"]);
  const established = oneOf(file["established"], ["cut", "keep"]);
  const group = readLogGroup(String(file["dropLogGroup"]));
  const mask = readMarkMask(String(file["ctMarkMask"]));
  if (typeof name !== "string" || typeof dataplane !== "string") return { ok: false, reason: "a name is missing" };
  if (ranges === null || gateways === null || learned === null)
    return { ok: false, reason: "an address in it is none" };
  if (unknownPods === null || established === null || !group.ok || !mask.ok)
    return { ok: false, reason: "a setting in it is missing or wrong" };
  const node = { name, ranges, gateways, unknownPods, established, logGroup: group.value.group, names: null };
  return { ok: true, state: { node, learned, dataplane, ctMarkMask: mask.value } };
}

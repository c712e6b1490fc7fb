import type { Line } from "./intervals.ts";
import { canonical, contains, difference, equal, intersection, union } from "./intervals.ts";

/** An inclusive range of ports. */
export interface PortInterval {
  readonly from: number;
  readonly to: number;
}

/** A set of ports 0-65535: ascending intervals, disjoint, never adjacent. */
export interface PortSet {
  readonly intervals: readonly PortInterval[];
}

/** Port 0 counts: packets with it exist, and "all ports" includes them. */
export const lowestPort = 0;
export const highestPort = 65535;

const line: Line<number, PortInterval> = {
  low: (interval) => interval.from,
  high: (interval) => interval.to,
  interval: (from, to) => ({ from, to }),
  after: (port) => port + 1,
  before: (port) => port - 1,
};

export const emptyPorts: PortSet = { intervals: [] };
export const allPorts: PortSet = { intervals: [{ from: lowestPort, to: highestPort }] };

/** The ports of all ranges, in any order, overlapping or not. Throws on what is no port. */
export function portSet(ranges: readonly PortInterval[]): PortSet {
  for (const { from, to } of ranges) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < lowestPort || to > highestPort) {
      throw new RangeError(`not a range of ports: ${from}-${to}`);
    }
  }
  return { intervals: canonical(line, ranges) };
}

export function unionPorts(a: PortSet, b: PortSet): PortSet {
  return { intervals: union(line, a.intervals, b.intervals) };
}

export function intersectPorts(a: PortSet, b: PortSet): PortSet {
  return { intervals: intersection(line, a.intervals, b.intervals) };
}

/** The ports of a that are not in b. */
export function subtractPorts(a: PortSet, b: PortSet): PortSet {
  return { intervals: difference(line, a.intervals, b.intervals) };
}

export function equalPorts(a: PortSet, b: PortSet): boolean {
  return equal(line, a.intervals, b.intervals);
}

export function isEmptyPorts(set: PortSet): boolean {
  return set.intervals.length === 0;
}

export function portsContain(set: PortSet, port: number): boolean {
  return contains(line, set.intervals, port);
}

/** `80,443,8000-9000`, `all`, or the empty text for no ports. */
export function formatPorts(set: PortSet): string {
  if (equalPorts(set, allPorts)) return "all";
  return set.intervals.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

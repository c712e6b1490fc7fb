import type { ConntrackState, Statement } from "../statement.ts";
import { readVerdict } from "./decode-elements.ts";
import { readLimitOrLog } from "./decode-log.ts";
import {
  type Comparison,
  type Cursor,
  compareAt,
  equalAt,
  loadedAt,
  lookupAt,
  maskAt,
  number,
  peek,
  text,
} from "./expression-cursor.ts";
import {
  Compare,
  Ct,
  Meta,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  addressTypeLocal,
  objectCounter,
  stateBits,
  statusDnat,
} from "./numbers.ts";
import { queueOf } from "./queue.ts";

/** By what stands in the packet's transport header: register, base, offset and size of what is loaded. */
const headerPorts = new Map<string, "source" | "destination">([
  ["1,2,0,2", "source"],
  ["1,2,2,2", "destination"],
]);

function signOf({ operator }: Comparison): "==" | "!=" | null {
  if (operator === Compare.equal) return "==";
  return operator === Compare.notEqual ? "!=" : null;
}

/** A statement and how many expressions it is; null: not this one. */
export type Read = { readonly statement: Statement; readonly length: number } | null;

function readMark(cursor: Cursor): Read {
  const masked = maskAt(cursor, 1, 4);
  if (masked === null) return null;
  const setter = peek(cursor, 2, "ct");
  if (setter !== null) {
    if (number(cursor, setter, 4) !== 1 || number(cursor, setter, 2) !== Ct.mark) return null;
    return { statement: { kind: "set-ct-mark", keep: masked.mask, value: masked.xor }, length: 3 };
  }
  if (masked.xor !== 0) return null;
  const lookup = lookupAt(cursor, 2);
  if (lookup?.kind === "set")
    return { statement: { kind: "ct-mark-lookup", mask: masked.mask, set: lookup.name }, length: 3 };
  const comparison = compareAt(cursor, 2, 4, true);
  const operator = comparison === null ? null : signOf(comparison);
  if (comparison === null || operator === null) return null;
  return { statement: { kind: "ct-mark", mask: masked.mask, operator, value: comparison.value }, length: 3 };
}

/** Bits of a state or status of which one must be set; null: some other test. */
function bitsAt(cursor: Cursor): number | null {
  const masked = maskAt(cursor, 1, 4);
  const comparison = compareAt(cursor, 2, 4, true);
  if (masked?.xor !== 0 || comparison?.operator !== Compare.notEqual || comparison.value !== 0) return null;
  return masked.mask;
}

function readState(cursor: Cursor): Read {
  const bits = bitsAt(cursor);
  if (bits === null) return null;
  const states = (Object.keys(stateBits) as ConntrackState[]).filter((state) => (bits & stateBits[state]) !== 0);
  const known = states.reduce((sum, state) => sum | stateBits[state], 0);
  return known === bits && bits !== 0 ? { statement: { kind: "ct-state", states }, length: 3 } : null;
}

function readConntrack(cursor: Cursor): Read {
  switch (loadedAt(cursor, 0, "ct")) {
    case Ct.mark:
      return readMark(cursor);
    case Ct.state:
      return readState(cursor);
    case Ct.status:
      return bitsAt(cursor) === statusDnat ? { statement: { kind: "ct-status-dnat" }, length: 3 } : null;
    case Ct.direction: {
      const direction = equalAt(cursor, 1, 1);
      if (direction !== 0 && direction !== 1) return null;
      return { statement: { kind: "ct-direction", direction: direction === 0 ? "original" : "reply" }, length: 2 };
    }
    case Ct.protoSource:
      return readBackendPort(cursor);
    default:
      return null;
  }
}

function readBackendPort(cursor: Cursor): Read {
  const load = peek(cursor, 0, "ct");
  const direction = load?.attributes.get(3);
  const first = compareAt(cursor, 1, 2, false);
  if (direction === undefined || cursor.buffer[direction.start] !== 1 || first === null) return null;
  if (first.operator === Compare.equal) {
    return { statement: { kind: "backend-port", from: first.value, to: first.value }, length: 2 };
  }
  const second = compareAt(cursor, 2, 2, false);
  if (first.operator !== Compare.atLeast || second?.operator !== Compare.atMost) return null;
  return { statement: { kind: "backend-port", from: first.value, to: second.value }, length: 3 };
}

function readMeta(cursor: Cursor): Read {
  const key = loadedAt(cursor, 0, "meta");
  const size = key === Meta.iif || key === Meta.oif ? 4 : 1;
  const value = equalAt(cursor, 1, size);
  if (key === null || value === null) return null;
  if (key === Meta.l4proto) return { statement: { kind: "l4proto", protocol: value }, length: 2 };
  if (key === Meta.iif && value === 1) return { statement: { kind: "loopback", interface: "iif" }, length: 2 };
  if (key === Meta.oif && value === 1) return { statement: { kind: "loopback", interface: "oif" }, length: 2 };
  if (key === Meta.nfproto && value === NFPROTO_IPV4) return { statement: { kind: "nfproto", family: 4 }, length: 2 };
  return key === Meta.nfproto && value === NFPROTO_IPV6
    ? { statement: { kind: "nfproto", family: 6 }, length: 2 }
    : null;
}

function readOther(cursor: Cursor): Read {
  const found = cursor.expressions[cursor.at];
  switch (found?.name) {
    case "queue":
    case "target": {
      const queue = queueOf(cursor, found);
      return queue === null ? null : { statement: { kind: "queue", queue }, length: 1 };
    }
    case "payload": {
      const flags = [
        number(cursor, found, 1),
        number(cursor, found, 2),
        number(cursor, found, 3),
        number(cursor, found, 4),
      ];
      const end = headerPorts.get(flags.join());
      const port = end === undefined ? null : compareAt(cursor, 1, 2, false);
      if (end !== undefined && port?.operator === Compare.equal)
        return { statement: { kind: "header-port", end, port: port.value }, length: 2 };
      const masked = maskAt(cursor, 1, 1);
      const comparison = compareAt(cursor, 2, 1, true);
      const operator = comparison === null ? null : signOf(comparison);
      if (flags.join() !== "1,2,13,1" || masked?.xor !== 0 || comparison === null || operator === null) return null;
      return { statement: { kind: "tcp-flags", mask: masked.mask, operator, value: comparison.value }, length: 3 };
    }
    case "fib": {
      const query = [number(cursor, found, 1), number(cursor, found, 2), number(cursor, found, 3)];
      if (query.join() !== "1,3,1" || equalAt(cursor, 1, 4) !== addressTypeLocal) return null;
      return { statement: { kind: "source-is-local" }, length: 2 };
    }
    case "objref": {
      const name = text(cursor, found, 2);
      if (name === null || number(cursor, found, 1) !== objectCounter) return null;
      return { statement: { kind: "counter", name }, length: 1 };
    }
    case "reject": {
      const code = found.attributes.get(2);
      if (number(cursor, found, 1) !== 1 || (code !== undefined && cursor.buffer[code.start] !== 0)) return null;
      return { statement: { kind: "reject-tcp-reset" }, length: 1 };
    }
    case "immediate": {
      const data = found.attributes.get(2);
      const verdict = data === undefined ? null : readVerdict(cursor.buffer, data.start, data.end);
      return verdict === null ? null : { statement: { kind: "verdict", verdict }, length: 1 };
    }
    default:
      return null;
  }
}

/** Reads the statement that starts at the cursor, if it is one without a key. */
export function readStatement(cursor: Cursor): Read {
  return readConntrack(cursor) ?? readMeta(cursor) ?? readLimitOrLog(cursor) ?? readOther(cursor);
}

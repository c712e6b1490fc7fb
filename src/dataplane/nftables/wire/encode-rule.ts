import type { MessageWriter } from "../../../system/netlink/message.ts";
import type { Rule } from "../program.ts";
import type { KeyField, Statement, Verdict } from "../statement.ts";
import {
  Compare,
  Ct,
  Meta,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  Payload,
  addressTypeLocal,
  objectCounter,
  protocolIcmpv6,
  stateBits,
  statusDnat,
  verdictCodes,
} from "./numbers.ts";
import {
  compare,
  compareHost,
  equalByte,
  expression,
  loadCt,
  loadMeta,
  loadPayload,
  mask,
  nested,
} from "./expression-writer.ts";
import { writeLimit, writeLimitEach, writeLog } from "./encode-log.ts";
import { type QueueForm, writeQueue } from "./queue.ts";
import { fieldWords, registerAt } from "./registers.ts";

const EXPRESSIONS = 4;
const USERDATA = 7;

/** Which protocols the rule has asked for so far: nft asks again only where it must. */
interface Context {
  readonly writer: MessageWriter;
  readonly queueForm: () => QueueForm;
  family: number | null;
  protocol: number | null;
}

function needFamily(context: Context, family: number): void {
  if (context.family === family) return;
  loadMeta(context.writer, Meta.nfproto);
  equalByte(context.writer, family);
  context.family = family;
}

function needProtocol(context: Context, protocol: number): void {
  if (context.protocol === protocol) return;
  loadMeta(context.writer, Meta.l4proto);
  equalByte(context.writer, protocol);
  context.protocol = protocol;
}

function needsOf(context: Context, field: KeyField): void {
  if (field === "source4" || field === "destination4") needFamily(context, NFPROTO_IPV4);
  if (field === "source6" || field === "destination6") needFamily(context, NFPROTO_IPV6);
  if (field !== "icmpv6-type") return;
  needFamily(context, NFPROTO_IPV6);
  needProtocol(context, protocolIcmpv6);
}

function loadField(writer: MessageWriter, field: KeyField, register: number): void {
  switch (field) {
    case "client4":
      return loadCt(writer, Ct.sourceIp, register, 0);
    case "client6":
      return loadCt(writer, Ct.sourceIp6, register, 0);
    case "backend4":
      return loadCt(writer, Ct.sourceIp, register, 1);
    case "backend6":
      return loadCt(writer, Ct.sourceIp6, register, 1);
    case "backend-port":
      return loadCt(writer, Ct.protoSource, register, 1);
    case "source4":
      return loadPayload(writer, Payload.network, 12, 4, register);
    case "source6":
      return loadPayload(writer, Payload.network, 8, 16, register);
    case "destination4":
      return loadPayload(writer, Payload.network, 16, 4, register);
    case "destination6":
      return loadPayload(writer, Payload.network, 24, 16, register);
    case "icmpv6-type":
      return loadPayload(writer, Payload.transport, 0, 1, register);
    default:
      throw new Error(`no such field: ${String(field satisfies never)}`);
  }
}

function loadKey(context: Context, key: readonly KeyField[]): void {
  for (const field of key) needsOf(context, field);
  let word = 0;
  for (const field of key) {
    loadField(context.writer, field, registerAt(word));
    word += fieldWords[field];
  }
}

/** Writes a verdict as data: NFTA_DATA_VERDICT. */
export function writeVerdict(writer: MessageWriter, verdict: Verdict): void {
  nested(writer, 2, () => {
    writer.u32(1, verdictCodes[verdict.kind]);
    if (verdict.kind === "jump" || verdict.kind === "goto") writer.string(2, verdict.chain);
  });
}

function lookup(writer: MessageWriter, set: string, verdicts: boolean): void {
  expression(writer, "lookup", () => {
    writer.u32(2, 1);
    if (verdicts) writer.u32(3, 0);
    writer.string(1, set);
  });
}

function comparePort(writer: MessageWriter, from: number, to: number): void {
  loadCt(writer, Ct.protoSource, 1, 1);
  if (from === to) return compare(writer, Compare.equal, (type) => writer.u16(type, from));
  compare(writer, Compare.atLeast, (type) => writer.u16(type, from));
  compare(writer, Compare.atMost, (type) => writer.u16(type, to));
}

function writeConntrack(writer: MessageWriter, statement: Statement): boolean {
  switch (statement.kind) {
    case "ct-mark":
      loadCt(writer, Ct.mark, 1, null);
      mask(writer, 4, statement.mask, 0);
      compareHost(writer, statement.operator === "==" ? Compare.equal : Compare.notEqual, statement.value);
      return true;
    case "ct-mark-lookup":
      loadCt(writer, Ct.mark, 1, null);
      mask(writer, 4, statement.mask, 0);
      lookup(writer, statement.set, false);
      return true;
    case "set-ct-mark":
      loadCt(writer, Ct.mark, 1, null);
      mask(writer, 4, statement.keep & ~statement.value, statement.value);
      expression(writer, "ct", () => {
        writer.u32(2, Ct.mark);
        writer.u32(4, 1);
      });
      return true;
    case "ct-state":
      loadCt(writer, Ct.state, 1, null);
      mask(
        writer,
        4,
        statement.states.reduce((bits, state) => bits | stateBits[state], 0),
        0,
      );
      compareHost(writer, Compare.notEqual, 0);
      return true;
    case "ct-status-dnat":
      loadCt(writer, Ct.status, 1, null);
      mask(writer, 4, statusDnat, 0);
      compareHost(writer, Compare.notEqual, 0);
      return true;
    case "ct-direction":
      loadCt(writer, Ct.direction, 1, null);
      equalByte(writer, statement.direction === "original" ? 0 : 1);
      return true;
    default:
      return false;
  }
}

function writeStatement(context: Context, statement: Statement): void {
  const { writer } = context;
  if (writeConntrack(writer, statement)) return;
  switch (statement.kind) {
    case "nfproto":
      return needFamily(context, statement.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
    case "l4proto":
      return needProtocol(context, statement.protocol);
    case "tcp-flags":
      loadPayload(writer, Payload.transport, 13, 1, 1);
      mask(writer, 1, statement.mask, 0);
      compare(writer, statement.operator === "==" ? Compare.equal : Compare.notEqual, (type) =>
        writer.u8(type, statement.value),
      );
      return;
    case "loopback":
      loadMeta(writer, statement.interface === "iif" ? Meta.iif : Meta.oif);
      return compareHost(writer, Compare.equal, 1);
    case "source-is-local":
      expression(writer, "fib", () => {
        writer.u32(3, 1);
        writer.u32(2, 3);
        writer.u32(1, 1);
      });
      return compareHost(writer, Compare.equal, addressTypeLocal);
    case "lookup":
      loadKey(context, statement.key);
      return lookup(writer, statement.set, false);
    case "verdict-map":
      loadKey(context, statement.key);
      return lookup(writer, statement.map, true);
    case "counter-map":
      loadKey(context, statement.key);
      return expression(writer, "objref", () => {
        writer.u32(3, 1);
        writer.string(4, statement.map);
      });
    case "backend-port":
      return comparePort(writer, statement.from, statement.to);
    case "header-port":
      loadPayload(writer, Payload.transport, statement.end === "source" ? 0 : 2, 2, 1);
      return compare(writer, Compare.equal, (type) => writer.u16(type, statement.port));
    case "queue":
      return writeQueue(writer, statement.queue, context.queueForm());
    case "counter":
      return expression(writer, "objref", () => {
        writer.u32(1, objectCounter);
        writer.string(2, statement.name);
      });
    case "limit-each":
      loadKey(context, statement.key);
      return writeLimitEach(writer, statement);
    case "limit":
      return writeLimit(writer, statement);
    case "log":
      return writeLog(writer, statement);
    case "reject-tcp-reset":
      return expression(writer, "reject", () => {
        writer.u32(1, 1);
        writer.u8(2, 0);
      });
    case "verdict":
      return expression(writer, "immediate", () => {
        writer.u32(1, 0);
        nested(writer, 2, () => writeVerdict(writer, statement.verdict));
      });
    default:
      throw new Error(`cannot be written: ${statement.kind}`);
  }
}

/** Writes a comment as nft keeps it: a type-length-value with the text and its NUL. */
export function writeComment(writer: MessageWriter, attribute: number, type: number, comment: string): void {
  const size = Buffer.byteLength(comment) + 1;
  const at = writer.attribute(attribute, 2 + size);
  writer.buffer[at] = type;
  writer.buffer[at + 1] = size;
  writer.buffer.write(comment, at + 2);
  writer.buffer[at + 1 + size] = 0;
}

/** Writes the expressions of a rule and its comment, as nft 1.0.6 would send them. */
export function writeRule(writer: MessageWriter, rule: Rule, queueForm: () => QueueForm): void {
  const context: Context = { writer, queueForm, family: null, protocol: null };
  nested(writer, EXPRESSIONS, () => {
    for (const statement of rule.statements) writeStatement(context, statement);
  });
  if (rule.comment !== null) writeComment(writer, USERDATA, 0, rule.comment);
}

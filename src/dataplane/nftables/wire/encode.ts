import type { MessageWriter } from "../../../system/netlink/message.ts";
import type { ElementData, ElementKey, ProgramChain, ProgramCounter, ProgramSet } from "../program.ts";
import type { Operation } from "../step.ts";
import { keySize } from "./element-key.ts";
import { writeElements } from "./encode-elements.ts";
import { writeComment, writeRule } from "./encode-rule.ts";
import * as nf from "./numbers.ts";
import type { QueueForm } from "./queue.ts";

const TABLE = 1;
const chainAttributes = { name: 3, hook: 4, policy: 5, type: 7 } as const;
const setAttributes = {
  name: 2,
  flags: 3,
  keyType: 4,
  keySize: 5,
  dataType: 6,
  dataSize: 7,
  description: 9,
  id: 10,
  timeout: 11,
  userData: 13,
  objectType: 15,
} as const;

/** Starts messages of one operation: they carry its sequence number, by which the kernel's errors name it. */
export interface Encoding {
  readonly writer: MessageWriter;
  readonly table: string;
  sequence: number;
  setId: number;
  /** How this kernel is told to queue; asked only where a rule does. */
  readonly queueForm: () => QueueForm;
  /** The handle of a rule in the kernel; null: there is no such rule. */
  readonly handleOf: (chain: string, index: number) => bigint | null;
}

function begin(encoding: Encoding, type: number, flags: number): void {
  encoding.writer.begin(type, nf.NLM_F_REQUEST | flags, encoding.sequence);
  encoding.writer.netfilterHeader(nf.NFPROTO_INET, 0);
}

function message(encoding: Encoding, type: number, flags: number, body: (writer: MessageWriter) => void): void {
  begin(encoding, type, flags);
  encoding.writer.string(TABLE, encoding.table);
  body(encoding.writer);
  encoding.writer.end();
}

function writeChain(writer: MessageWriter, chain: ProgramChain): void {
  writer.string(chainAttributes.name, chain.name);
  if (chain.hook === null) return;
  writer.string(chainAttributes.type, "filter");
  writer.u32(chainAttributes.policy, nf.verdictCodes.accept);
  const hook = writer.beginNest(chainAttributes.hook);
  writer.u32(1, nf.hooks[chain.hook]);
  writer.u32(2, chain.priority ?? 0);
  writer.endNest(hook);
}

function writeCounter(writer: MessageWriter, counter: ProgramCounter): void {
  writer.string(2, counter.name);
  writer.u32(3, nf.objectCounter);
  if (counter.comment !== null) writeComment(writer, 8, 0, counter.comment);
  writer.endNest(writer.beginNest(4));
}

const userDataTypes = { keyOrder: 0, dataOrder: 1, keyTypeOf: 3, dataInterval: 6, comment: 7 } as const;

/** What nft keeps with a set to print it again: byte orders, that the key is a concatenation, the comment. */
function setUserData(set: ProgramSet): Buffer {
  const parts: number[] = [];
  const word = (type: number, value: number): void => void parts.push(type, 4, value, 0, 0, 0);
  const [only] = set.key;
  const hostOrder = only !== undefined && nf.keyTypes[only].hostOrder;
  word(userDataTypes.keyOrder, set.key.length > 1 ? 0 : hostOrder ? 1 : 2);
  if (set.data === "verdict") word(userDataTypes.dataOrder, 0);
  if (set.key.length > 1) parts.push(userDataTypes.keyTypeOf, 8, 0, 4, 13, 0, 0, 0, 1, 0);
  if (set.data !== "none") word(userDataTypes.dataInterval, 0);
  if (set.comment === null) return Buffer.from(parts);
  const comment = Buffer.from(`${set.comment}\0`);
  return Buffer.concat([Buffer.from([...parts, userDataTypes.comment, comment.length]), comment]);
}

function setFlags(set: ProgramSet): number {
  const data = { none: 0, verdict: nf.SetFlag.map, counter: nf.SetFlag.object } as const;
  const lifetime = set.lifetime === undefined ? 0 : nf.SetFlag.dynamic | nf.SetFlag.timeout;
  const learned = set.learned === true ? nf.SetFlag.timeout : 0;
  return data[set.data] | (set.interval ? nf.SetFlag.interval : 0) | lifetime | learned;
}

function writeSet(writer: MessageWriter, set: ProgramSet, id: number): void {
  const a = setAttributes;
  writer.string(a.name, set.name);
  writer.u32(a.flags, setFlags(set));
  writer.u32(
    a.keyType,
    set.key.reduce((type, field) => (type << 6) | nf.keyTypes[field].number, 0),
  );
  writer.u32(a.keySize, keySize(set.key));
  if (set.data === "verdict") {
    writer.u32(a.dataType, nf.dataVerdict);
    writer.u32(a.dataSize, 0);
  }
  if (set.data === "counter") writer.u32(a.objectType, nf.objectCounter);
  writer.u32(a.id, id);
  if (set.size !== null) {
    const description = writer.beginNest(a.description);
    writer.u32(1, set.size);
    writer.endNest(description);
  }
  if (set.lifetime !== undefined) writer.u64(a.timeout, BigInt(set.lifetime) * 1000n);
  writer.bytes(a.userData, setUserData(set));
}

function* keysOnly(keys: readonly ElementKey[]): Generator<readonly [ElementKey, ElementData]> {
  for (const key of keys) yield [key, null];
}

/**
 * Kernels before 6.12 leave an element as it is that is added again, and none says whether it is there without being
 * asked (destroy, 6.3): so each is added, deleted and added anew, at once for every packet.
 */
function renewElements(encoding: Encoding, { set, seconds }: Extract<Operation, { kind: "renew-elements" }>): void {
  const { writer, table } = encoding;
  const keys = [...seconds.keys()];
  const lasting = new Map([...seconds].filter(([, time]) => time > 0));
  const come = (): void => begin(encoding, nf.NEWSETELEM, nf.NLM_F_CREATE);
  writeElements(writer, table, set, keysOnly(keys), come);
  writeElements(writer, table, set, keysOnly(keys), () => begin(encoding, nf.DELSETELEM, 0));
  writeElements(writer, table, set, keysOnly([...lasting.keys()]), come, lasting);
}

function replaceRule(encoding: Encoding, operation: Extract<Operation, { kind: "replace-rule" }>): void {
  const handle = encoding.handleOf(operation.chain, operation.index);
  message(encoding, nf.NEWRULE, nf.NLM_F_REPLACE | nf.NLM_F_ECHO, (writer) => {
    writer.string(2, operation.chain);
    const at = writer.attribute(3, 8);
    // No such rule: the kernel refuses handle 0 with ENOENT, and the error names this operation.
    writer.buffer.writeBigUInt64BE(handle ?? 0n, at);
    writeRule(writer, operation.rule, encoding.queueForm);
  });
}

/** Writes one operation as the messages that nft 1.0.6 would send for it. */
export function writeOperation(encoding: Encoding, operation: Operation): void {
  const named = (type: number, attribute: number, name: string): void =>
    message(encoding, type, 0, (writer) => writer.string(attribute, name));
  switch (operation.kind) {
    case "add-table":
      // Flags 0 wakes a table that somebody put to sleep (`flags dormant`).
      return message(encoding, nf.NEWTABLE, nf.NLM_F_CREATE, (writer) => writer.u32(2, 0));
    case "delete-table":
      return message(encoding, nf.DELTABLE, 0, () => {});
    case "add-counter":
      return message(encoding, nf.NEWOBJ, nf.NLM_F_CREATE, (writer) => writeCounter(writer, operation.counter));
    case "delete-counter":
      return message(encoding, nf.DELOBJ, 0, (writer) => {
        writer.string(2, operation.name);
        writer.u32(3, nf.objectCounter);
      });
    case "add-set":
      encoding.setId += 1;
      return message(encoding, nf.NEWSET, nf.NLM_F_CREATE, (writer) => writeSet(writer, operation.set, encoding.setId));
    case "delete-set":
      return named(nf.DELSET, setAttributes.name, operation.name);
    case "flush-set":
      return named(nf.DELSETELEM, 2, operation.set.name);
    case "add-elements":
      return writeElements(encoding.writer, encoding.table, operation.set, operation.elements, () =>
        begin(encoding, nf.NEWSETELEM, nf.NLM_F_CREATE),
      );
    case "renew-elements":
      return renewElements(encoding, operation);
    case "delete-elements":
      return writeElements(encoding.writer, encoding.table, operation.set, keysOnly(operation.keys), () =>
        begin(encoding, nf.DELSETELEM, 0),
      );
    case "add-chain":
      return message(encoding, nf.NEWCHAIN, nf.NLM_F_CREATE, (writer) => writeChain(writer, operation.chain));
    case "delete-chain":
      return named(nf.DELCHAIN, chainAttributes.name, operation.name);
    case "add-rule":
      return message(encoding, nf.NEWRULE, nf.NLM_F_CREATE | nf.NLM_F_APPEND, (writer) => {
        writer.string(2, operation.chain);
        writeRule(writer, operation.rule, encoding.queueForm);
      });
    case "flush-chain":
      return named(nf.DELRULE, 2, operation.name);
    case "replace-rule":
      return replaceRule(encoding, operation);
    default:
      throw new Error(`no such operation: ${String(operation satisfies never)}`);
  }
}

/** Starts a batch: one transaction, all or nothing. */
export function beginBatch(writer: MessageWriter, sequence: number): void {
  writer.begin(nf.NFNL_MSG_BATCH_BEGIN, nf.NLM_F_REQUEST, sequence);
  writer.netfilterHeader(0, nf.NFNL_SUBSYS_NFTABLES);
  writer.end();
}

export function endBatch(writer: MessageWriter, sequence: number): void {
  writer.begin(nf.NFNL_MSG_BATCH_END, nf.NLM_F_REQUEST, sequence);
  writer.netfilterHeader(0, nf.NFNL_SUBSYS_NFTABLES);
  writer.end();
}

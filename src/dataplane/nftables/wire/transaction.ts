import { SystemCallError, errnoName } from "../../../system/libc.ts";
import { MessageWriter } from "../../../system/netlink/message.ts";
import type { NetlinkSocket } from "../../../system/netlink/socket.ts";
import { attributesOf, eachMessage, textOf } from "../../../system/netlink/attributes.ts";
import type { Operation, Step } from "../step.ts";
import { type Encoding, beginBatch, endBatch, writeOperation } from "./encode.ts";
import { NEWRULE, NLMSG_ERROR, NLM_F_ACK } from "./numbers.ts";
import { type Refusal, failedRequest, refusedTransaction } from "./refusal.ts";
import type { QueueForm } from "./queue.ts";
import type { RuleHandles } from "./rule-handles.ts";

/**
 * From this many bytes on (some ten thousand elements) a batch is sent while nothing of ours listens: the kernel
 * keeps a page for each element's notification until the end of the transaction, where anybody listens. 100,000
 * elements take 400 MB and 1.7 s so, and 0.1 s otherwise (6.18).
 */
const largeBatch = 256 * 1024;

/** Kept between transactions: enough for what one pod changes. */
const usualRoom = 64 * 1024;
const NLM_F_ACK_TLVS = 0x200;
const errorHeader = 16 + 4 + 16;

/** Sends steps over one socket. Not reentrant, and need not be: everything here is synchronous. */
export interface Transactor {
  transact(step: Step): void;
}

interface Answer {
  acknowledged: boolean;
  refusal: Refusal | null;
  /** Of the message refused, counted from the batch's first. */
  operation: number;
}

function readRefusal(buffer: Buffer, flags: number, start: number, end: number): Refusal {
  const code = errnoName(-buffer.readInt32LE(start + 16));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { code, message: null, offset: null };
  const attributes = attributesOf(buffer, { start: start + errorHeader, end });
  const offset = attributes.get(2);
  return {
    code,
    message: textOf(buffer, attributes.get(1)),
    offset: offset === undefined ? null : buffer.readUInt32LE(offset.start),
  };
}

/** Everything the kernel answered is there when `send` returns: it works while it takes the message. */
function readAnswer(socket: NetlinkSocket, first: number, handles: RuleHandles): Answer {
  const answer: Answer = { acknowledged: false, refusal: null, operation: 0 };
  const { received } = socket;
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    eachMessage(received, length, (type, flags, start, end) => {
      const operation = received.readUInt32LE(start + 8) - first;
      if (operation < 0) return;
      if (type === NEWRULE) handles.echoed(received, start, end, operation);
      if (type !== NLMSG_ERROR) return;
      if (received.readInt32LE(start + 16) === 0) answer.acknowledged = true;
      else if (answer.refusal === null) {
        answer.refusal = readRefusal(received, flags, start, end);
        answer.operation = operation;
      }
    });
  }
  return answer;
}

/** `unheard`: runs what it is given while nothing of ours listens to notifications. */
export function createTransactor(
  socket: NetlinkSocket,
  table: string,
  handles: RuleHandles,
  unheard: (run: () => void) => void,
  queueForm: () => QueueForm,
): Transactor {
  const writer = new MessageWriter(usualRoom);
  let sequence = 1;

  const encode = (operations: readonly Operation[]): boolean => {
    const encoding: Encoding = {
      writer,
      table,
      sequence,
      setId: 0,
      handleOf: (...place) => handles.handleOf(...place),
      queueForm,
    };
    writer.reset();
    beginBatch(writer, sequence);
    const empty = writer.length;
    for (const operation of operations) {
      encoding.sequence += 1;
      writeOperation(encoding, operation);
    }
    if (writer.length === empty) return false;
    // Errors come unasked; the answer to the last message says that there were none. (Batch headers answer since 6.10 only.)
    writer.addFlags(NLM_F_ACK);
    endBatch(writer, encoding.sequence + 1);
    return true;
  };

  const exchange = (operations: readonly Operation[]): void => {
    const first = sequence;
    socket.send(writer.buffer, writer.length);
    const answer = readAnswer(socket, first, handles);
    sequence = first + operations.length + 2;
    if (sequence > 0x7fff0000) sequence = 1;
    if (answer.refusal !== null) {
      throw refusedTransaction(table, operations[answer.operation - 1] ?? null, answer.refusal);
    }
    if (!answer.acknowledged) throw failedRequest(table, "transaction", "no answer from the kernel");
  };

  return {
    transact: ({ operations }) => {
      if (!encode(operations)) return;
      try {
        if (writer.length < largeBatch) exchange(operations);
        else unheard(() => exchange(operations));
        handles.changed(operations);
      } catch (error) {
        handles.forgetAll();
        if (error instanceof SystemCallError) throw failedRequest(table, `transaction: ${error.call}`, error.code);
        throw error;
      } finally {
        writer.reset();
      }
    },
  };
}

import type { MessageWriter } from "../../../system/netlink/message.ts";
import { type Cursor, type Expression, number, text } from "./expression-cursor.ts";
import { expression } from "./expression-writer.ts";

/**
 * How the kernel is told to hand a packet to user space: by nf_tables' own expression (module nft_queue), or by the
 * target of xtables, which nf_tables runs too (nft_compat, xt_NFQUEUE). Both do the same and are read as the same.
 */
export type QueueForm = "expression" | "target";

const bypass = 1;
const target = { name: "NFQUEUE", revision: 3 } as const;

/** struct xt_NFQ_info_v3, padded as xtables wants it: queue, how many queues, flags, in host order. */
function targetInfo(queue: number): Buffer {
  const info = Buffer.alloc(8);
  info.writeUInt16LE(queue, 0);
  info.writeUInt16LE(1, 2);
  info.writeUInt16LE(bypass, 4);
  return info;
}

/** To one queue; where nobody listens the packet goes on. */
export function writeQueue(writer: MessageWriter, queue: number, form: QueueForm): void {
  if (form === "target") {
    return expression(writer, "target", () => {
      writer.string(1, target.name);
      writer.u32(2, target.revision);
      writer.bytes(3, targetInfo(queue));
    });
  }
  expression(writer, "queue", () => {
    writer.u16(1, queue);
    writer.u16(2, 1);
    writer.u16(3, bypass);
  });
}

/** The queue that an expression of either form leads to; null: it does anything else. */
export function queueOf(cursor: Cursor, found: Expression): number | null {
  const { buffer } = cursor;
  const span = (attribute: number) => found.attributes.get(attribute);
  if (found.name === "target") {
    const info = span(3);
    if (text(cursor, found, 1) !== target.name || number(cursor, found, 2) !== target.revision) return null;
    if (info === undefined || info.end - info.start < 6) return null;
    const queue = buffer.readUInt16LE(info.start);
    return buffer.subarray(info.start, info.start + 6).equals(targetInfo(queue).subarray(0, 6)) ? queue : null;
  }
  const [queue, total, flags] = [1, 2, 3].map((attribute) => {
    const at = span(attribute);
    return at === undefined || at.end - at.start !== 2 ? null : buffer.readUInt16BE(at.start);
  });
  return queue !== undefined && total === 1 && flags === bypass ? queue : null;
}

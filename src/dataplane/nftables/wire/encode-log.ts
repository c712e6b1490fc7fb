import type { MessageWriter } from "../../../system/netlink/message.ts";
import type { Statement } from "../statement.ts";
import { expression, nested } from "./expression-writer.ts";
import { dynset, limit, log } from "./numbers.ts";

type LimitEach = Extract<Statement, { kind: "limit-each" }>;
type Rate = Pick<LimitEach, "perSecond" | "burst">;

function rate(writer: MessageWriter, { perSecond, burst }: Rate): void {
  writer.u64(limit.rate, BigInt(perSecond));
  writer.u64(limit.unit, 1n);
  writer.u32(limit.burst, burst);
  writer.u32(limit.type, limit.ofPackets);
  writer.u32(limit.flags, 0);
}

/** Ends the rule for what comes more often. */
export function writeLimit(writer: MessageWriter, statement: Rate): void {
  expression(writer, "limit", () => rate(writer, statement));
}

/** The same for each key that stands in the registers. */
export function writeLimitEach(writer: MessageWriter, statement: LimitEach): void {
  expression(writer, "dynset", () => {
    writer.u32(dynset.keyRegister, 1);
    writer.u32(dynset.operation, dynset.update);
    writer.string(dynset.setName, statement.set);
    writer.u32(dynset.setId, 0);
    nested(writer, dynset.expression, () => {
      writer.string(1, "limit");
      nested(writer, 2, () => rate(writer, statement));
    });
  });
}

/** Copies the packet to the listeners of a group. */
export function writeLog(writer: MessageWriter, statement: Extract<Statement, { kind: "log" }>): void {
  expression(writer, "log", () => {
    writer.string(log.prefix, statement.prefix);
    writer.u16(log.group, statement.group);
    writer.u32(log.snaplen, statement.snaplen);
  });
}

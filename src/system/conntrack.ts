import { SystemCallError, errnoName } from "./libc.ts";
import { NFGEN_HEADER, type Span, attributesOf, eachMessage, u32Of } from "./netlink/attributes.ts";
import { MessageWriter } from "./netlink/message.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from "./netlink/socket.ts";

const CT_NEW = 0x100;
const CT_GET = 0x101;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const Attribute = { tupleOriginal: 1, mark: 8, zone: 18, markMask: 21 } as const;

/** Entries looked at between two turns of the event loop: about a millisecond. */
const chunk = 1000;

interface Sweep {
  readonly mask: number;
  readonly updates: MessageWriter;
  seen: number;
  cleared: number;
  done: boolean;
}

function startDump(socket: NetlinkSocket): void {
  const request = new MessageWriter(64);
  request.begin(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1);
  request.netfilterHeader(0, 0);
  request.end();
  socket.send(request.buffer, request.length);
}

function copy(writer: MessageWriter, type: number, buffer: Buffer, { start, end }: Span): void {
  writer.bytes(type, buffer.subarray(start, end));
}

/** An update that keeps every bit of the mark but those of the mask. No entry is made anew: what has gone is gone. */
function writeUpdate(sweep: Sweep, buffer: Buffer, start: number, attributes: ReadonlyMap<number, Span>): void {
  const tuple = attributes.get(Attribute.tupleOriginal);
  if (tuple === undefined) return;
  const { updates } = sweep;
  const zone = attributes.get(Attribute.zone);
  updates.begin(CT_NEW, NLM_F_REQUEST, 2);
  updates.netfilterHeader(buffer[start + 16] ?? 0, 0);
  copy(updates, Attribute.tupleOriginal | 0x8000, buffer, tuple);
  if (zone !== undefined) copy(updates, Attribute.zone, buffer, zone);
  updates.u32(Attribute.mark, 0);
  updates.u32(Attribute.markMask, sweep.mask);
  updates.end();
  sweep.cleared += 1;
}

function takePiece(socket: NetlinkSocket, sweep: Sweep): void {
  const length = socket.receive();
  if (length === 0) throw new SystemCallError("conntrack dump", "EIO");
  const { received } = socket;
  eachMessage(received, length, (type, _flags, start, end) => {
    if (type === NLMSG_DONE) sweep.done = true;
    else if (type === NLMSG_ERROR)
      throw new SystemCallError("conntrack dump", errnoName(-received.readInt32LE(start + 16)));
    else {
      sweep.seen += 1;
      const attributes = attributesOf(received, { start: start + NFGEN_HEADER, end });
      const mark = u32Of(received, attributes.get(Attribute.mark)) ?? 0;
      if ((mark & sweep.mask) !== 0) writeUpdate(sweep, received, start, attributes);
    }
  });
}

/** Sends what was collected; an entry that has ended meanwhile (ENOENT) counts as cleared, and so does a busy one that is tried again by the next sweep. */
function sendUpdates(socket: NetlinkSocket, { updates }: Sweep): void {
  if (updates.length > 0) socket.send(updates.buffer, updates.length);
  updates.reset();
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    eachMessage(socket.received, length, (type, _flags, start) => {
      const code = type === NLMSG_ERROR ? errnoName(-socket.received.readInt32LE(start + 16)) : "ENOENT";
      if (code !== "ENOENT") throw new SystemCallError("conntrack update", code);
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Clears bits of the marks of all connections of a network namespace (null: our own), in the background: the event
 * loop turns every thousand entries. Gives the number of connections that had any of the bits. Connections that come
 * meanwhile may be missed. 100,000 entries take about 0.3 s. Rejects with SystemCallError.
 */
export async function clearConnectionMarks(netns: string | null, mask: number): Promise<number> {
  const dump = openNetlink(netns, NETLINK_NETFILTER);
  try {
    const update = openNetlink(netns, NETLINK_NETFILTER);
    try {
      const sweep: Sweep = { mask, updates: new MessageWriter(64 * 1024), seen: 0, cleared: 0, done: false };
      startDump(dump);
      while (!sweep.done) {
        for (const until = sweep.seen + chunk; !sweep.done && sweep.seen < until;) {
          takePiece(dump, sweep);
          sendUpdates(update, sweep);
        }
        await turn();
      }
      return sweep.cleared;
    } finally {
      update.close();
    }
  } finally {
    dump.close();
  }
}

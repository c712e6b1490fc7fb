import { NFGEN_HEADER, attributesOf, eachMessage, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import { listen } from "../../../system/netlink/listen.ts";
import { type NetlinkSocket, ignorePort, subscribe, unsubscribe } from "../../../system/netlink/socket.ts";
import { NEWGEN, NFNLGRP_NFTABLES, NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFTA_TABLE } from "./numbers.ts";

/** Somebody else's transaction that touched our table. */
export interface ForeignChange {
  /** `nft (pid 4711)`, escaped for logs; null: notifications were lost, so anything may have changed. */
  readonly by: string | null;
}

export interface TableWatch {
  stop(): void;
  /** Hears nothing until `resume`. */
  pause(): void;
  resume(): void;
  /** Somebody changed something that went unheard. */
  missed(): void;
}

function touches(buffer: Buffer, start: number, end: number, table: string): boolean {
  if (buffer[start + 16] !== NFPROTO_INET) return false;
  return textOf(buffer, attributesOf(buffer, { start: start + NFGEN_HEADER, end }).get(NFTA_TABLE)) === table;
}

/** The name of a process is its own choice: nothing of it but plain characters goes on. */
function processOf(buffer: Buffer, start: number, end: number): string {
  const attributes = attributesOf(buffer, { start: start + NFGEN_HEADER, end });
  const name = (textOf(buffer, attributes.get(3)) ?? "?").replace(/[^\w.:/-]/g, "?").slice(0, 16);
  return `${name} (pid ${u32Of(buffer, attributes.get(2)) ?? 0})`;
}

/**
 * Calls back for every transaction in the socket's network namespace that touches the table, but those that come from
 * `ownPort`, which the kernel keeps from us. Other tables' transactions cost a microsecond a message. Takes the socket
 * over.
 */
export function watchTable(
  socket: NetlinkSocket,
  table: string,
  ownPort: number,
  onChange: (change: ForeignChange) => void,
): TableWatch {
  ignorePort(socket, ownPort);
  subscribe(socket, NFNLGRP_NFTABLES);
  let touched = false;
  const stop = listen(socket, {
    take: (buffer, length) =>
      eachMessage(buffer, length, (type, _flags, start, end) => {
        if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return;
        if (type !== NEWGEN) touched ||= touches(buffer, start, end, table);
        else if (touched) {
          // The last message of a transaction.
          touched = false;
          onChange({ by: processOf(buffer, start, end) });
        }
      }),
    lost: () => {
      touched = false;
      onChange({ by: null });
    },
  });
  return {
    stop,
    pause: () => unsubscribe(socket, NFNLGRP_NFTABLES),
    resume: () => subscribe(socket, NFNLGRP_NFTABLES),
    missed: () => void setImmediate(() => onChange({ by: null })),
  };
}

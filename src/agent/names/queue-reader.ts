import type { Learner } from "../../names/learner.ts";
import { type Wait, goesAtOnce } from "../../names/streams.ts";
import type { PacketQueue, QueuedPacket } from "../../system/netlink/packet-queue.ts";
import type { Tallies } from "./tallies.ts";

/** Milliseconds after which an answer goes on though its addresses are not in the kernel yet: C libraries wait 2.5 s. */
const longestWait = 1000;

/** Takes packets from the queue, gives them to the learner and says which may go. */
export interface QueueReader {
  /** Reads what is there. */
  read(now: number): void;
  /** Lets packets go that have nothing left to wait for, or have waited for too long. */
  release(now: number): void;
  /** Lets everything go, and what comes too. */
  end(): void;
  /** Packets that wait now. */
  readonly waiting: number;
}

/** So many datagrams are read before anything else is done. */
const mostAtOnce = 256;

export function createQueueReader(queue: PacketQueue, learner: Learner, tallies: Tallies): QueueReader {
  let waiting: { readonly id: number; readonly batch: Wait; readonly until: number }[] = [];
  let lost = 0;
  const letGo = ({ id }: { readonly id: number }): void => queue.decide(id, "accept");
  return {
    read: (now) => {
      const take = ({ id, bytes, isCut }: QueuedPacket): void => {
        if (isCut) tallies.packet("cut");
        const batch = isCut ? goesAtOnce : learner.packet(bytes, now);
        if (batch === goesAtOnce || learner.isOver(batch)) letGo({ id });
        else {
          tallies.add("held", 1);
          waiting.push({ id, batch, until: now + longestWait });
        }
      };
      for (let count = 0; count < mostAtOnce && queue.receive(take); count += 1);
      queue.flush();
      tallies.add("lost", queue.lost() - lost);
      lost = queue.lost();
    },
    release: (now) => {
      if (waiting.length === 0) return;
      const still: typeof waiting = [];
      for (const packet of waiting) {
        const isOver = learner.isOver(packet.batch);
        if (!isOver && packet.until > now) still.push(packet);
        else {
          if (!isOver) tallies.add("late", 1);
          letGo(packet);
        }
      }
      waiting = still;
      queue.flush();
    },
    end: () => {
      queue.passBy(letGo);
      while (queue.receive(letGo));
      for (const packet of waiting) letGo(packet);
      waiting = [];
      queue.flush();
    },
    get waiting() {
      return waiting.length;
    },
  };
}

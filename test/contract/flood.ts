import { once } from "node:events";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import type { Address } from "../../src/net/address.ts";
import { Raw } from "./sockets.ts";

/** First packets of UDP connections, each from another source port, to all ports in turn, for as long as wanted. */
export interface Flood {
  /** Stops it; how many packets went to each port. */
  readonly stop: () => Promise<number>;
}

interface Target {
  readonly netns: string;
  readonly from: Address;
  readonly to: Address;
  readonly ports: readonly number[];
  readonly stop: Int32Array;
}

/** From a thread of its own: packets come while the node's rules change. */
export async function startFlood(netns: string, from: Address, to: Address, ports: readonly number[]): Promise<Flood> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { netns, from, to, ports, stop } satisfies Target,
  });
  await once(worker, "message");
  return {
    stop: async () => {
      Atomics.store(stop, 0, 1);
      const [sent] = (await once(worker, "message")) as [number];
      return sent;
    },
  };
}

function datagram(source: number, destination: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt16BE(header.length, 4);
  return header;
}

function flood({ netns, from, to, ports, stop }: Target): number {
  const socket = Raw.open(netns, from, 17);
  parentPort?.postMessage(0);
  let sent = 0;
  while (Atomics.load(stop, 0) === 0) {
    for (const port of ports) socket.send(to, datagram(1024 + (sent % 60_000), port));
    sent++;
    // A few thousand a second: none may be lost for want of room.
    Atomics.wait(stop, 0, 0, sent % 20 === 0 ? 2 : 0);
  }
  socket.close();
  return sent;
}

if (!isMainThread) parentPort?.postMessage(flood(workerData as Target));

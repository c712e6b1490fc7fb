import { once } from "node:events";
import { Worker, isMainThread, type MessagePort, parentPort, workerData } from "node:worker_threads";
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

/** From a thread of its own, as fast as it can: packets come while the node's rules change. */
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

function flood(port: MessagePort, { netns, from, to, ports, stop }: Target): void {
  const socket = Raw.open(netns, from, 17);
  port.postMessage(0);
  let sent = 0;
  while (Atomics.load(stop, 0) === 0) {
    for (const one of ports) socket.send(to, datagram(1024 + (sent % 60_000), one));
    sent++;
  }
  socket.close();
  port.postMessage(sent);
}

if (!isMainThread && parentPort !== null) flood(parentPort, workerData as Target);

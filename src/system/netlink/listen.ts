import { read } from "node:fs";
import { MessageWriter } from "./message.ts";
import { type NetlinkSocket, limitReadTime } from "./socket.ts";

const NLMSG_NOOP = 1;
const NLM_F_REQUEST_ACK = 0x5;

/** How long a process that ends without `stop` waits for the thread that reads, at most; milliseconds. */
const readLimit = 200;

export interface Listener {
  /** What one read brought; the buffer holds it during the call only. */
  readonly take: (buffer: Buffer, length: number) => void;
  /** Notifications were lost (ENOBUFS), or reading failed for good (any other code; nothing comes any more). */
  readonly lost: (code: string) => void;
}

/**
 * Reads notifications as they come, without the event loop waiting: one thread of libuv's pool stands in read(2).
 * (Node polls no descriptor of a type that it does not know, and a worker thread would cost 10 MB.) Takes the socket
 * over; `stop` closes it, and so does a failure for good.
 */
export function listen(socket: NetlinkSocket, { take, lost }: Listener): () => void {
  let stopped = false;
  limitReadTime(socket, readLimit);
  const next = (): void => {
    read(socket.fd, socket.received, 0, socket.received.length, null, (error, length) => {
      if (stopped) {
        socket.close();
        return;
      }
      if (error === null) take(socket.received, length);
      else if (error.code === "ENOBUFS") lost("ENOBUFS");
      else if (error.code !== "EAGAIN" && error.code !== "EINTR") {
        stopped = true;
        socket.close();
        lost(error.code ?? error.message);
        return;
      }
      next();
    });
  };
  next();
  return () => {
    if (stopped) return;
    stopped = true;
    wake(socket);
  };
}

/** Lets the kernel answer something, so that the read that waits returns at once. */
function wake(socket: NetlinkSocket): void {
  const writer = new MessageWriter(16);
  writer.begin(NLMSG_NOOP, NLM_F_REQUEST_ACK, 0);
  writer.end();
  socket.send(writer.buffer, writer.length);
}

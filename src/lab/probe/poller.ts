import { attempt, call } from "../../system/libc.ts";
import { SOCK_CLOEXEC } from "../kernel/socket-numbers.ts";

const EPOLLIN = 1;
const add = 1;
const remove = 2;
// The kernel packs the struct on x86-64 only.
const eventSize = process.arch === "x64" ? 12 : 16;
const dataOffset = eventSize - 8;
const room = 256;

/** Waits for many sockets at once; Node's own loop cannot wait for sockets that it did not open. */
export class Poller {
  readonly #epoll = call("epollCreate", SOCK_CLOEXEC);
  readonly #ready = new Map<number, () => void>();
  readonly #events = Buffer.alloc(eventSize * room);

  /** Calls `onReady` whenever the socket can be read or has failed. */
  add(fd: number, onReady: () => void): void {
    const event = Buffer.alloc(eventSize);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeUInt32LE(fd, dataOffset);
    call("epollControl", this.#epoll, add, fd, event);
    this.#ready.set(fd, onReady);
  }

  /** Stops waiting for the socket and closes it. */
  close(fd: number): void {
    if (!this.#ready.delete(fd)) return;
    call("epollControl", this.#epoll, remove, fd, Buffer.alloc(eventSize));
    call("close", fd);
  }

  /** Serves what is ready, waiting at most so long for the first. Blocks the thread meanwhile. */
  serve(milliseconds: number): void {
    const count = attempt("epollWait", this.#epoll, this.#events, room, Math.max(0, Math.ceil(milliseconds)));
    if (typeof count === "string") return;
    for (let index = 0; index < count; index += 1) {
      this.#ready.get(this.#events.readUInt32LE(index * eventSize + dataOffset))?.();
    }
  }

  /** Closes all sockets that it waits for. */
  closeAll(): void {
    for (const fd of this.#ready.keys()) call("close", fd);
    this.#ready.clear();
    call("close", this.#epoll);
  }
}

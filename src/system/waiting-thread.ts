import { readSync, writeSync } from "node:fs";
import { attempt, call } from "./libc.ts";

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const EPOLL_CLOEXEC = EFD_CLOEXEC;
const EPOLLIN = 1;
const add = 1;
// The kernel packs the struct on x86-64 only.
const eventSize = process.arch === "x64" ? 12 : 16;

/** A descriptor by which one thread wakes another that stands in `wait` (eventfd). The number can be handed to it. */
export function openBell(): number {
  return call("eventfd", 0, EFD_NONBLOCK | EFD_CLOEXEC);
}

const one = Buffer.alloc(8);
one.writeBigUInt64LE(1n);

/** Rung twice before it is heard, it is heard once. */
export function ringBell(bell: number): void {
  try {
    writeSync(bell, one);
  } catch {
    // Full: it has been rung 2^64 times, and is heard all the same.
  }
}

export function closeDescriptor(fd: number): void {
  call("close", fd);
}

/** For a thread that does nothing but wait and work; never for the event loop's, which it would block. */
export interface Waiter {
  /** Returns when one of the descriptors can be read, when the bell rings, or after so many milliseconds. */
  wait(milliseconds: number): void;
  close(): void;
}

export function openWaiter(bell: number, descriptors: readonly number[]): Waiter {
  const epoll = call("epollCreate", EPOLL_CLOEXEC);
  for (const fd of [bell, ...descriptors]) {
    const event = Buffer.alloc(eventSize);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeUInt32LE(fd, eventSize - 8);
    call("epollControl", epoll, add, fd, event);
  }
  const events = Buffer.alloc(eventSize * (descriptors.length + 1));
  const heard = Buffer.alloc(8);
  return {
    wait: (milliseconds) => {
      const count = attempt("epollWait", epoll, events, descriptors.length + 1, milliseconds);
      if (typeof count === "string") return;
      for (let index = 0; index < count; index += 1) {
        if (events.readUInt32LE(index * eventSize + eventSize - 8) === bell) readSync(bell, heard);
      }
    },
    close: () => closeDescriptor(epoll),
  };
}

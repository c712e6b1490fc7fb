import { extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { closeDescriptor, openBell, ringBell } from "../../system/waiting-thread.ts";
import type { FromThread, ThreadOptions, ToThread } from "./messages.ts";

/** The thread that reads DNS packets, as the main thread has it. */
export interface NameThread {
  send(message: ToThread): void;
  /** Lets all packets go that wait, gives the queue up and ends. */
  stop(): Promise<void>;
}

export interface ThreadListener {
  readonly message: (message: FromThread) => void;
  /** It is over; the queue is free and what is sent to it passes. Called once. */
  readonly ended: (reason: Error) => void;
}

/** In a clone the file beside this one; of a bundle the part of that name beside it (scripts/bundle.mjs). */
function workerFile(): string {
  const type = extname(import.meta.filename);
  return join(import.meta.dirname, type === ".ts" ? "worker.ts" : `names-worker${type}`);
}

function startWorker(workerData: ThreadOptions): Worker {
  const sea = process.getBuiltinModule("node:sea");
  const options = { workerData, name: "names" };
  // The single-file executable has no files beside it: what it holds is handed over as text.
  if (sea.isSea()) return new Worker(sea.getAsset("names-worker.cjs", "utf8"), { ...options, eval: true });
  return new Worker(workerFile(), options);
}

/** Begins it, or leaves no bell behind. */
function startWith(options: Omit<ThreadOptions, "bell">, bell: number): Worker {
  try {
    return startWorker({ ...options, bell });
  } catch (error) {
    closeDescriptor(bell);
    throw error;
  }
}

/** A thread of its own costs 10 MB and 50 ms; nobody waits for it to start. */
export function startNameThread(
  told: Omit<ThreadOptions, "bell" | "descriptor">,
  listener: ThreadListener,
): NameThread {
  const descriptor = new SharedArrayBuffer(4);
  const queue = new Int32Array(descriptor).fill(-1);
  const bell = openBell();
  const worker = startWith({ ...told, descriptor }, bell);
  let over = false;
  let reason = new Error("the thread that reads DNS answers has ended");
  const ended = new Promise<void>((resolve) => {
    worker.on("message", (message: FromThread) => {
      if (message.kind === "ended") reason = Object.assign(new Error(message.message), { code: message.code });
      else listener.message(message);
    });
    worker.on("error", (error) => {
      reason = error instanceof Error ? error : new Error(String(error));
    });
    worker.on("exit", () => {
      over = true;
      closeDescriptor(bell);
      // It had no time to: it ran out of memory. A queue that nobody reads would hold all DNS for ever.
      if (queue[0] !== undefined && queue[0] >= 0) closeDescriptor(queue[0]);
      resolve();
      listener.ended(reason);
    });
  });
  const send = (message: ToThread): void => {
    if (over) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window: it has no origin
    worker.postMessage(message);
    ringBell(bell);
  };
  return {
    send,
    stop: () => {
      send({ kind: "stop" });
      return ended;
    },
  };
}

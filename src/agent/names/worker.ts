/**
 * What runs in the thread that reads DNS packets. It never returns to its event loop until it is told to stop: it waits
 * in the kernel for packets and for the bell, and takes messages itself. Nothing that the main thread does holds up an
 * answer whose addresses are known.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Learner, type Tally, createLearner } from "../../names/learner.ts";
import { SystemCallError } from "../../system/libc.ts";
import { type PacketQueue, openPacketQueue } from "../../system/netlink/packet-queue.ts";
import { openWaiter } from "../../system/waiting-thread.ts";
import type { FromThread, ThreadOptions, ToThread } from "./messages.ts";
import { createQueueReader } from "./queue-reader.ts";
import { tallyInto } from "./tallies.ts";

/** How long it waits at most; milliseconds. A process that ends without telling it waits so long for this thread. */
const longestSleep = 200;

/** Every packet whole, since a name can stand anywhere in it. */
const queueOptions = { copyRange: 0xffff, length: 8192, socketBuffer: 16 << 20, failOpen: true };

/** Milliseconds; so long the same limit of the same pod is not told of again, for so many pods at most. */
const tellEvery = 3_600_000;
const mostTold = 1024;

function createTeller(tell: (message: FromThread) => void) {
  const told = new Map<string, number>();
  return (what: Tally, now: number): void => {
    if (what.kind !== "over") return;
    const { limit, pod, name } = what;
    const key = `${limit} ${pod}`;
    if (now - (told.get(key) ?? -Infinity) < tellEvery) return;
    if (told.size >= mostTold) told.clear();
    told.set(key, now);
    tell({ kind: "over", limit, pod, name });
  };
}

/** Gives false when it is time to stop. */
function takeMessages(port: MessagePort, learner: Learner, now: number): boolean {
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
    const message = received.message as ToThread;
    if (message.kind === "stop") return false;
    if (message.kind === "follow") learner.follow(message.table);
    else if (message.kind === "completed") learner.completed(message.number, message.taken, now);
    else learner.adopt(message.entries, now);
  }
  return true;
}

function work(port: MessagePort, queue: PacketQueue, options: ThreadOptions): void {
  const tell = (message: FromThread): void => port.postMessage(message);
  const tallies = tallyInto(options.counts);
  const tellLimit = createTeller(tell);
  const now = (): number => performance.now();
  const tally = (what: Tally): void => {
    tallies.tally(what);
    if (what.kind === "over") tellLimit(what, now());
  };
  const learner = createLearner({ ...options, now: now(), tally });
  const reader = createQueueReader(queue, learner, tallies);
  const waiter = openWaiter(options.bell, [queue.fd]);
  const tellBatch = (): void => {
    const batch = learner.takeBatch();
    if (batch !== null) tell({ kind: "learn", ...batch });
  };
  tell({ kind: "listening" });
  try {
    for (let goesOn = true; goesOn;) {
      waiter.wait(reader.waiting > 0 ? 50 : longestSleep);
      goesOn = takeMessages(port, learner, now());
      reader.release(now());
      reader.read(now());
      tellBatch();
      if (learner.tick(now())) tell({ kind: "grace-over" });
      const counts = learner.counts();
      for (const gauge of ["addresses", "pending", "streams"] as const) tallies.set(gauge, counts[gauge]);
    }
  } finally {
    waiter.close();
    reader.end();
  }
}

/** Whatever happens the queue is given up: what it leads to a listener that reads no more is DNS that never arrives. */
function listen(port: MessagePort, options: ThreadOptions): void {
  const queue = openPacketQueue(options.netns, { queue: options.queue, ...queueOptions });
  const descriptor = new Int32Array(options.descriptor);
  descriptor[0] = queue.fd;
  try {
    work(port, queue, options);
  } finally {
    descriptor[0] = -1;
    queue.close();
  }
}

function run(port: MessagePort): void {
  const options = workerData as ThreadOptions;
  try {
    listen(port, options);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    port.postMessage({ kind: "ended", message: error.message, code: error.code } satisfies FromThread);
  }
  port.close();
}

if (parentPort !== null) run(parentPort);

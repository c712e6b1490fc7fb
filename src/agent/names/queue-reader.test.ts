import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Learner } from "../../names/learner.ts";
import type { PacketQueue, QueuedPacket } from "../../system/netlink/packet-queue.ts";
import { createQueueReader } from "./queue-reader.ts";
import { newCounts, readCounts, tallyInto } from "./tallies.ts";

/** A queue with packets of one byte, which says what the learner makes of it: the batch that it waits for. */
function scripted() {
  const arriving: QueuedPacket[] = [];
  const accepted: number[] = [];
  let flushed = 0;
  let over = 0;
  let next = 0;
  const queue: PacketQueue = {
    fd: -1,
    receive: (visit) => {
      const packet = arriving.shift();
      if (packet !== undefined) visit(packet);
      return packet !== undefined;
    },
    decide: (id, verdict) => {
      assert.equal(verdict, "accept", "nothing is ever dropped");
      accepted.push(id);
    },
    flush: () => {
      flushed = accepted.length;
    },
    lost: () => 3,
    passBy: (visit) => {
      const packet = arriving.shift();
      if (packet !== undefined) visit(packet);
    },
    close: () => {},
  };
  const learner = { packet: (bytes: Uint8Array) => bytes[0] ?? 0, isOver: (batch: number) => batch <= over };
  const counts = newCounts();
  const reader = createQueueReader(queue, learner as unknown as Learner, tallyInto(counts));
  const arrive = (waitsFor: number, isCut = false): number => {
    next += 1;
    arriving.push({ id: next, bytes: Uint8Array.of(waitsFor), isCut });
    return next;
  };
  const told = () => accepted.slice(0, flushed);
  return { reader, arrive, told, counts: () => readCounts(counts), complete: (batch: number) => void (over = batch) };
}

describe("packets of the queue", () => {
  it("go at once, or when their batch is over", () => {
    const { reader, arrive, told, counts, complete } = scripted();
    const [known, first, second] = [arrive(0), arrive(1), arrive(2)];
    reader.read(0);
    assert.deepEqual(told(), [known]);
    assert.equal(reader.waiting, 2);
    reader.release(10);
    assert.deepEqual(told(), [known]);
    complete(1);
    reader.release(20);
    assert.deepEqual(told(), [known, first]);
    complete(2);
    reader.release(30);
    assert.deepEqual(told(), [known, first, second]);
    const { held, late, lost } = counts();
    assert.deepEqual({ held, late, lost }, { held: 2, late: 0, lost: 3 });
  });

  it("wait a second at most, whatever becomes of their batch", () => {
    const { reader, arrive, told, counts } = scripted();
    const one = arrive(1);
    reader.read(500);
    reader.release(1499);
    assert.deepEqual(told(), []);
    reader.release(1500);
    assert.deepEqual(told(), [one]);
    assert.equal(counts().late, 1);
  });

  it("that are not whole are let go unread", () => {
    const { reader, arrive, told, counts } = scripted();
    const cut = arrive(1, true);
    reader.read(0);
    assert.deepEqual(told(), [cut]);
    assert.equal(counts().ignoredPackets.find(({ reason }) => reason === "cut")?.count, 1);
  });

  it("are all let go at the end, those that nobody has read too", () => {
    const { reader, arrive, told } = scripted();
    arrive(1);
    arrive(2);
    reader.read(0);
    arrive(1);
    arrive(1);
    reader.end();
    assert.deepEqual(
      told().toSorted((a, b) => a - b),
      [1, 2, 3, 4],
    );
    assert.equal(reader.waiting, 0);
  });
});

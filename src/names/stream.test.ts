import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { Segment } from "../net/packet.ts";
import type { Address } from "../net/address.ts";
import {
  mostEarlySegments,
  mostStreamBytesOfNode,
  mostStreamBytesOfPod,
  mostStreamsOfPod,
  streamLifetime,
} from "./limits.ts";
import { createStream } from "./stream.ts";
import { createStreams, goesAtOnce } from "./streams.ts";

const framed = (messages: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(messages.flatMap((bytes) => [bytes.length >> 8, bytes.length & 255, ...bytes]));

/** Pieces of a stream, in any order, some sent twice and some overlapping what comes before them. */
const someSegments = fc
  .record({
    messages: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }),
    cuts: fc.array(fc.nat({ max: 250 }), { maxLength: 12 }),
    first: fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 0xffffff80, max: 0xffffffff })),
    order: fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
    overlaps: fc.array(fc.nat({ max: 5 }), { minLength: 30, maxLength: 30 }),
    again: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
  })
  .map(({ messages, cuts, first, order, overlaps, again }) => {
    const bytes = framed(messages);
    const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
    const pieces = edges.slice(0, -1).map((from, index) => {
      const start = Math.max(0, from - (overlaps[index] ?? 0));
      return { sequence: (first + start) >>> 0, payload: Buffer.from(bytes.subarray(start, edges[index + 1])) };
    });
    const all = [...pieces, ...again.flatMap((index) => pieces[index] ?? [])];
    const shuffled = all
      .map((piece, index) => ({ piece, at: order[index % order.length] ?? 0 }))
      .sort((a, b) => a.at - b.at)
      .map(({ piece }) => piece);
    return { messages, first, segments: shuffled };
  });

describe("a stream of DNS messages", () => {
  it("gives each message once and in order, however TCP cuts, reorders and repeats", () => {
    fc.assert(
      fc.property(someSegments, ({ messages, first, segments }) => {
        const stream = createStream(first);
        const got: string[] = [];
        for (const { sequence, payload } of segments) {
          // As a receive buffer is: used again as soon as the call is over.
          const reused = Buffer.from(payload);
          assert.equal(
            stream.take(sequence, reused, (bytes) => void got.push(Buffer.from(bytes).toString("hex"))),
            true,
          );
          reused.fill(0xee);
        }
        assert.deepEqual(
          got,
          messages.map((bytes) => Buffer.from(bytes).toString("hex")),
        );
      }),
      tries(400),
    );
  });

  it("that leaves a gap and goes on is given up, and keeps nothing before that without limit", () => {
    const stream = createStream(0);
    const keep = (index: number) => stream.take(100 + 10 * index, Uint8Array.of(1, 2), () => assert.fail());
    for (let index = 0; index < mostEarlySegments; index += 1) assert.equal(keep(index), true);
    assert.equal(keep(mostEarlySegments), false);
    const large = createStream(0);
    const sent = [1, 2, 3].map((index) => large.take(70_000 * index, new Uint8Array(60_000), () => assert.fail()));
    assert.deepEqual(sent, [true, true, false]);
  });
});

describe("TCP connections to resolvers", () => {
  const pod = "10.0.0.1" as Address;
  const resolver = "10.0.0.53" as Address;
  const segment = (more: Partial<Segment> = {}): Segment => ({
    source: resolver,
    destination: pod,
    protocol: "TCP",
    sourcePort: 53,
    destinationPort: 4000,
    payload: new Uint8Array(),
    sequence: 100,
    opens: false,
    resets: false,
    ...more,
  });
  const opening = segment({ opens: true });
  const answer = Uint8Array.of(0, 2, 7, 7);
  const never = () => assert.fail("no message was expected");

  it("hold the segment that completes a message, and copies of it, until the batch is over; others go", () => {
    let over = 0;
    const streams = createStreams((batch) => batch <= over);
    streams.take(opening, pod, 0, never);
    const take = (sequence: number, payload: Uint8Array) =>
      streams.take(segment({ sequence, payload }), pod, 0, () => 5);
    assert.equal(take(101, answer.subarray(0, 3)), goesAtOnce);
    assert.equal(take(104, answer.subarray(3)), 5);
    assert.equal(take(104, answer.subarray(3)), 5, "sent again");
    assert.equal(streams.take(segment({ sequence: 105 }), pod, 0, never), goesAtOnce);
    assert.equal(take(105, answer.subarray(0, 1)), goesAtOnce);
    over = 5;
    assert.equal(take(104, answer.subarray(3)), goesAtOnce);
  });

  it("are followed from their first packet only; a reset and silence end that", () => {
    const streams = createStreams(() => true);
    const sends = segment({ sequence: 101, payload: answer });
    assert.equal(streams.take(sends, pod, 0, never), "lost");
    streams.take(opening, pod, 0, never);
    streams.take(segment({ resets: true }), pod, 0, never);
    assert.equal(streams.take(sends, pod, 0, never), "lost");
    streams.take(opening, pod, 0, never);
    streams.take({ ...opening, destinationPort: 4001 }, pod, streamLifetime + 1, never);
    assert.equal(streams.take(sends, pod, streamLifetime + 1, never), "lost");
    assert.equal(streams.size, 1);
  });

  it("are limited for each pod", () => {
    const streams = createStreams(() => true);
    for (let port = 1; port <= 3 * mostStreamsOfPod; port += 1)
      streams.take({ ...opening, destinationPort: port }, pod, 0, never);
    assert.equal(streams.size, 2 * mostStreamsOfPod);
    const begins = segment({ sequence: 101, payload: answer.subarray(0, 1) });
    const follows = (port: number) => streams.take({ ...begins, destinationPort: port }, pod, 0, never) !== "lost";
    assert.deepEqual([mostStreamsOfPod, 3 * mostStreamsOfPod].map(follows), [false, true], "the oldest made room");
    streams.take({ ...opening, destination: "10.0.0.2" as Address }, "10.0.0.2" as Address, 0, never);
    assert.equal(streams.size, 2 * mostStreamsOfPod + 1);
  });

  it("whose first packet carries data already are read from there", () => {
    const streams = createStreams(() => true);
    let messages = 0;
    streams.take(segment({ opens: true, payload: answer }), pod, 0, () => {
      messages += 1;
      return goesAtOnce;
    });
    assert.equal(messages, 1);
  });

  it("that never end a message are kept up to a limit, of each pod and of the node", () => {
    const streams = createStreams(() => true);
    const begins = new Uint8Array(60_001).fill(255);
    /** Sends a beginning and what came too early; gives whether it is followed. */
    const fill = (of: Address, port: number): boolean => {
      const ends = { destination: of, destinationPort: port };
      streams.take({ ...opening, ...ends }, of, 0, never);
      return streams.take({ ...segment({ sequence: 101, payload: begins }), ...ends }, of, 0, never) !== "lost";
    };
    const most = Math.floor(mostStreamBytesOfPod / begins.length);
    for (let port = 1; port <= mostStreamsOfPod; port += 1) assert.equal(fill(pod, port), port <= most, `${port}`);
    assert.equal(streams.size, most);
    const pods = Math.ceil(mostStreamBytesOfNode / (most * begins.length));
    for (let other = 1; other <= pods; other += 1)
      for (let port = 1; port <= most; port += 1) assert.equal(fill(`10.0.1.${other}` as Address, port), true);
    assert.equal(streams.size, Math.floor(mostStreamBytesOfNode / begins.length), "the oldest have made room");
    assert.equal(fill(pod, 1), true);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { asked, flags, messageBytes, nameBytes, queryBytes, types } from "../../test/names/dns-message.ts";
import { type Ends, datagram, reversed, tcpSegment } from "../../test/names/dns-packet.ts";
import { someBroken } from "../../test/names/random-messages.ts";
import { tries } from "../../test/property.ts";
import type { DomainSetName } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { DomainPattern } from "../net/domain-name.ts";
import { mostStreamsOfPod } from "./limits.ts";
import { type Tally, createLearner } from "./learner.ts";
import { goesAtOnce } from "./streams.ts";

const pod = "10.0.0.1";
const toResolver: Ends = { source: pod, sourcePort: 4000, destination: "10.0.0.53", destinationPort: 53 };
const toPod = reversed(toResolver);
const set = "d-1" as DomainSetName;
const table = {
  sets: [{ name: set, patterns: ["*.example.org", "a.test"] as readonly string[] as readonly DomainPattern[] }],
  classes: [[0]],
  subjects: [[pod as Address, 0]] as const,
};
const times = { minTtl: 5, maxTtl: 100, grace: 60 };

function fresh(more: Partial<typeof times> = {}) {
  const tallies: Tally[] = [];
  const learner = createLearner({ ...times, ...more, now: 0, tally: (what) => void tallies.push(what) });
  learner.follow(table);
  const results = () => tallies.flatMap((what) => (what.kind === "answer" ? [what.result] : []));
  const ask = (name: string, id = 7, at = 0, ends = toResolver, type: number = types.A) =>
    learner.packet(datagram(ends, queryBytes(id, name, type)), at);
  return { learner, tallies, results, ask };
}

const answerOf = (
  name: string,
  lasts: readonly number[],
  ttl = 60,
  more: Partial<Parameters<typeof messageBytes>[0]> = {},
) =>
  messageBytes({
    id: 7,
    flags: flags.answer,
    questions: [{ name: nameBytes(name), type: types.A }],
    answers: lasts.map((last) => ({ owner: asked, type: types.A, ttl, data: [192, 0, 2, last] })),
    ...more,
  });

describe("learning from packets", () => {
  it("holds an answer that teaches until its batch is over; the same again goes at once", () => {
    const { learner, results, ask } = fresh();
    assert.equal(ask("x.example.org"), goesAtOnce);
    const answer = datagram(toPod, answerOf("X.Example.org", [1, 2]));
    assert.equal(learner.packet(answer, 10), 1);
    const batch = learner.takeBatch();
    const learned = { set, seconds: 61, graceSeconds: 121 };
    assert.deepEqual(batch, {
      number: 1,
      entries: [1, 2].map((last) => ({ ...learned, address: `192.0.2.${last}` })),
    });
    ask("x.example.org");
    assert.equal(learner.packet(answer, 20), 1, "it waits for the same batch");
    assert.equal(learner.isOver(1), false);
    learner.completed(1, true, 0);
    assert.equal(learner.isOver(1), true);
    ask("x.example.org");
    assert.equal(learner.packet(answer, 30), goesAtOnce);
    assert.equal(learner.takeBatch(), null);
    assert.deepEqual(results(), ["learned", "known", "known"]);
  });

  it("honours the time to live between a floor and a cap, and renews without making the answer wait", () => {
    const { learner, ask } = fresh();
    const teach = (ttl: number, at: number) => {
      ask("x.example.org", 7, at);
      const wait = learner.packet(datagram(toPod, answerOf("x.example.org", [1], ttl)), at);
      const batch = learner.takeBatch();
      if (batch !== null) learner.completed(batch.number, true, at);
      return [wait === goesAtOnce, batch?.entries.map(({ seconds, graceSeconds }) => [seconds, graceSeconds])];
    };
    assert.deepEqual(teach(0, 0), [false, [[6, 66]]]);
    assert.deepEqual(teach(3, 500), [true, undefined]);
    assert.deepEqual(teach(50, 1000), [true, [[51, 111]]]);
    assert.deepEqual(teach(999, 2000), [true, [[101, 161]]]);
    assert.deepEqual(teach(1, 3000), [true, undefined], "it is never made shorter");
    // Nearly over: what is renewed must be there before the answer.
    assert.deepEqual(teach(20, 102_500), [false, [[21, 81]]]);
    assert.equal(learner.tick(183_000), false);
    assert.equal(learner.tick(185_500), true, "the grace is over");
    assert.equal(learner.counts().addresses, 0);
  });

  it("renews what would end with the answer, where nothing is to be kept beyond a time to live of none", () => {
    const { learner, ask } = fresh({ minTtl: 0 });
    const teach = (at: number) => {
      ask("x.example.org", 7, at);
      const wait = learner.packet(datagram(toPod, answerOf("x.example.org", [1], 0)), at);
      const batch = learner.takeBatch();
      if (batch !== null) learner.completed(batch.number, true, at);
      return [wait === goesAtOnce, batch?.entries.map(({ seconds }) => seconds)];
    };
    assert.deepEqual(teach(0), [false, [1]]);
    assert.deepEqual(teach(950), [false, [1]], "50 ms were left");
  });

  it("waits for the kernel's own end of the grace, which begins when the kernel has taken it", () => {
    const { learner, ask } = fresh();
    ask("x.example.org");
    learner.packet(datagram(toPod, answerOf("x.example.org", [1], 10)), 0);
    learner.takeBatch();
    learner.completed(1, true, 900);
    assert.equal(learner.tick(71_500), false, "71 s after the packet, 70.6 after the kernel took it");
    assert.equal(learner.tick(72_500), true);
  });

  it("takes only what answers a query: by pod, port, resolver, transport, identifier, type and name", () => {
    const good = answerOf("x.example.org", [1]);
    const wrong: readonly (readonly [Ends, Uint8Array])[] = [
      [{ ...toPod, destinationPort: 4001 }, good],
      [{ ...toPod, source: "10.0.0.54" }, good],
      [{ ...toPod, sourcePort: 54 }, good],
      [toPod, answerOf("x.example.org", [1], 60, { id: 8 })],
      [toPod, answerOf("y.example.org", [1])],
      [toPod, answerOf("", [1], 60, { questions: [{ name: nameBytes("x.example.org"), type: types.AAAA }] })],
    ];
    for (const [ends, message] of wrong) {
      const { learner, results, ask } = fresh();
      ask("x.example.org");
      assert.equal(learner.packet(datagram(ends, message), 0), goesAtOnce);
      assert.deepEqual(results(), ["unasked"]);
      assert.equal(learner.takeBatch(), null);
      assert.equal(learner.packet(datagram(toPod, good), 0), 1, "what was asked for is waited for all the same");
    }
    const { learner, results, ask } = fresh();
    ask("x.example.org");
    learner.packet(tcpSegment(toPod, 0, new Uint8Array(), 0x12), 0);
    learner.packet(tcpSegment(toPod, 1, Uint8Array.of(good.length >> 8, good.length & 255, ...good)), 0);
    assert.deepEqual(results(), ["unasked"]);
  });

  it("learns nothing of other names, of other pods, of errors, of what is cut short", () => {
    const { learner, results, ask } = fresh();
    const take = (name: string, more: Parameters<typeof answerOf>[3] = {}, ends = toPod) => {
      ask(name, 7, 0, reversed(ends));
      return learner.packet(datagram(ends, answerOf(name, [1], 60, more)), 0);
    };
    assert.equal(take("example.org"), goesAtOnce);
    assert.equal(take("x.example.org", {}, { ...toPod, destination: "10.0.0.2" }), goesAtOnce);
    assert.equal(take("x.example.org", { flags: flags.truncated }), goesAtOnce);
    assert.equal(take("x.example.org", { flags: flags.noSuchName }), goesAtOnce);
    assert.equal(take("x.example.org", { answers: [] }), goesAtOnce);
    assert.deepEqual(results(), ["other", "other", "truncated", "error", "empty"]);
    assert.equal(learner.takeBatch(), null);
    assert.equal(take("a.test"), 1);
  });

  it("learns by TCP what it learns by UDP", () => {
    const { learner, results } = fresh();
    const framed = (bytes: Uint8Array) => Uint8Array.of(bytes.length >> 8, bytes.length & 255, ...bytes);
    learner.packet(tcpSegment(toResolver, 9, new Uint8Array(), 0x02), 0);
    learner.packet(tcpSegment(toPod, 99, new Uint8Array(), 0x12), 0);
    const query = framed(queryBytes(7, "x.example.org", types.A));
    learner.packet(tcpSegment(toResolver, 10, query.subarray(0, 9)), 0);
    learner.packet(tcpSegment(toResolver, 19, query.subarray(9)), 0);
    const answer = framed(answerOf("x.example.org", [1]));
    assert.equal(learner.packet(tcpSegment(toPod, 100, answer.subarray(0, 1)), 0), goesAtOnce);
    assert.equal(learner.packet(tcpSegment(toPod, 101, answer.subarray(1)), 0), 1);
    assert.deepEqual(results(), ["learned"]);
  });

  it("by TCP charges who asks, also where the resolver is a pod whose policy names some", () => {
    const { learner } = fresh();
    const resolver = toResolver.destination as Address;
    const others = Array.from({ length: 2 * mostStreamsOfPod + 1 }, (_, index) => `10.0.1.${index}` as Address);
    learner.follow({ ...table, subjects: [resolver, ...others].map((one) => [one, 0]) });
    for (const one of others) learner.packet(tcpSegment({ ...toPod, destination: one }, 99, new Uint8Array(), 2), 0);
    assert.equal(learner.counts().streams, others.length);
  });

  it("tries again what the kernel refused, and puts back what it has lost", () => {
    const { learner, ask } = fresh();
    const teach = () => {
      ask("x.example.org");
      return learner.packet(datagram(toPod, answerOf("x.example.org", [1])), 0);
    };
    assert.equal(teach(), 1);
    learner.takeBatch();
    learner.completed(1, false, 0);
    assert.equal(teach(), 2);
    learner.takeBatch();
    learner.completed(2, true, 0);
    const others = { set, address: "192.0.2.9" as Address, seconds: 10, graceSeconds: 70 };
    learner.adopt([others], 1000);
    assert.deepEqual(learner.takeBatch()?.entries, [{ set, address: "192.0.2.1", seconds: 60, graceSeconds: 120 }]);
    assert.equal(learner.counts().addresses, 2);
    learner.follow({ ...table, sets: [], classes: [[]] });
    assert.equal(learner.counts().addresses, 0);
  });

  it("of whatever bytes ends, holds nothing up that it did not ask for, and never throws", () => {
    const { learner, ask } = fresh();
    let asking = 0;
    fc.assert(
      fc.property(
        someBroken,
        fc.boolean(),
        fc.boolean(),
        fc.uint8Array({ maxLength: 80 }),
        (bytes, answers, isTcp, rest) => {
          const ends = answers ? toPod : toResolver;
          ask("x.example.org", (asking += 1) & 0xffff);
          learner.packet(isTcp ? tcpSegment(ends, 1, bytes, rest[0] ?? 0) : datagram(ends, bytes), 0);
          learner.packet(rest, 0);
          const batch = learner.takeBatch();
          if (batch !== null) learner.completed(batch.number, true, 0);
        },
      ),
      tries(1000),
    );
  });
});

/**
 * Gives what learns names from DNS answers broken messages for a while: npm run fuzz:dns -- [--seconds 60] [--seed N].
 * Exits 1 at the first thing that throws, takes long or gives what is no address or name; prints how to repeat it.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import type { DomainSetName } from "../../src/ir/ruleset.ts";
import { createLearner } from "../../src/names/learner.ts";
import { readMessage } from "../../src/names/message.ts";
import { resolutionOf } from "../../src/names/resolution.ts";
import { type Address, parseAddress } from "../../src/net/address.ts";
import type { DomainPattern } from "../../src/net/domain-name.ts";
import { queryBytes } from "../names/dns-message.ts";
import { datagram, reversed, tcpSegment } from "../names/dns-packet.ts";
import { someBroken } from "../names/random-messages.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: String(Date.now() % 1e9) } },
});
const until = performance.now() + 1000 * Number(values.seconds);
const toResolver = { source: "10.0.0.1", sourcePort: 4000, destination: "10.0.0.53", destinationPort: 53 };
const toPod = reversed(toResolver);
/** Milliseconds; the largest message takes a tenth of it. */
const longest = 200;

function freshLearner() {
  const learner = createLearner({ minTtl: 1, maxTtl: 100, grace: 10, now: 0, tally: () => {} });
  learner.follow({
    sets: [{ name: "d" as DomainSetName, patterns: ["*.b" as DomainPattern, "a.b" as DomainPattern] }],
    classes: [[0]],
    subjects: [["10.0.0.1" as Address, 0]],
  });
  return learner;
}

const learner = freshLearner();
let rounds = 0;
let readable = 0;
let now = 0;
let known = 0;

/** The same message as it is, asked for, in a datagram and in a stream; then long, made of itself. */
function once(bytes: Uint8Array): void {
  const began = performance.now();
  const reading = readMessage(bytes);
  if (reading.ok) {
    readable += 1;
    known = Math.max(known, learner.counts().addresses);
    for (const { address } of resolutionOf(reading.message)) {
      if (parseAddress(address) !== address) throw new Error(`${address} is no address`);
    }
    learner.packet(
      datagram(toResolver, queryBytes(reading.message.id, reading.message.question.name.slice(0, 60), 1)),
      now,
    );
  }
  learner.packet(datagram(toPod, bytes), now);
  const framed = Uint8Array.of(bytes.length >> 8, bytes.length & 255, ...bytes);
  learner.packet(tcpSegment(toPod, 0, new Uint8Array(), 0x12), now);
  learner.packet(tcpSegment(toPod, 1 + (bytes[0] ?? 0), framed.subarray(bytes[0] ?? 0)), now);
  learner.packet(tcpSegment(toPod, 1, framed.subarray(0, bytes[0] ?? 0)), now);
  const repeated = new Uint8Array(65_000);
  for (let at = 0; at < repeated.length && bytes.length > 0; at += bytes.length) {
    repeated.set(bytes.subarray(0, repeated.length - at), at);
  }
  repeated.set([0xff, 0xff], 6);
  readMessage(repeated);
  const batch = learner.takeBatch();
  if (batch !== null) learner.completed(batch.number, rounds % 3 > 0, now);
  learner.tick((now += 10));
  rounds += 1;
  if (performance.now() - began > longest) throw new Error(`it took ${performance.now() - began} ms`);
}

for (let seed = Number(values.seed); performance.now() < until; seed += 1) {
  const details = fc.check(fc.property(someBroken, once), { seed, numRuns: 500, endOnFailure: true });
  if (details.failed) {
    console.log(fc.defaultReportMessage(details) ?? "failed");
    console.log(`repeat it with: npm run fuzz:dns -- --seed ${seed}`);
    process.exit(1);
  }
}
const { pending, streams } = learner.counts();
console.log(`${rounds} messages, ${readable} of them readable; ${known} addresses known at once`);
console.log(`left at the end: ${pending} queries, ${streams} directions of streams`);

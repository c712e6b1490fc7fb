import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { asked, flags, messageBytes, nameBytes, pointer, queryBytes, types } from "../../test/names/dns-message.ts";
import { answerTo, someBroken, someName, somePlan } from "../../test/names/random-messages.ts";
import { tries } from "../../test/property.ts";
import { addressFromValue, parseAddress } from "../net/address.ts";
import { type AnswerRecord, type MessageFault, readMessage } from "./message.ts";
import { resolutionOf } from "./resolution.ts";

const question = { name: nameBytes("a.example.org"), type: types.A };
const address = (owner: readonly number[], last = 1) => ({ owner, type: types.A, ttl: 60, data: [192, 0, 2, last] });
const answer = (answers: Parameters<typeof messageBytes>[0]["answers"] = [address(asked)], more = {}) =>
  messageBytes({ id: 7, flags: flags.answer, questions: [question], answers, ...more });
const faultOf = (bytes: Uint8Array): MessageFault | null => {
  const reading = readMessage(bytes);
  return reading.ok ? null : reading.fault;
};

/** What the answer resolves to, as the tests write it. */
function resolved(bytes: Uint8Array): readonly string[] {
  const reading = readMessage(bytes);
  assert.ok(reading.ok, JSON.stringify(reading));
  return resolutionOf(reading.message).map(({ address: found, ttl }) => `${found} ${ttl}`);
}

describe("a DNS message", () => {
  it("of a query is its question", () => {
    assert.deepEqual(readMessage(queryBytes(513, "A.Example.ORG", types.AAAA)), {
      ok: true,
      message: {
        id: 513,
        isResponse: false,
        isTruncated: false,
        code: 0,
        question: { name: "a.example.org", type: types.AAAA },
        records: [],
      },
    });
  });

  it("holds the records of the type asked for and aliases, whatever else is in it and wherever their owners stand", () => {
    const names = fc.constantFrom("www.example.org", "b.example.org", "x.y.test", "Mixed.Case.test");
    let found = 0;
    fc.assert(
      fc.property(
        names,
        fc.constantFrom(types.A, types.AAAA),
        fc.array(somePlan(fc.oneof(names, someName))),
        (name, type, plans) => {
          const reading = readMessage(answerTo(9, name, type, plans));
          assert.ok(reading.ok, JSON.stringify(reading));
          const expected = plans.flatMap(({ owner, kind, ttl, target, octets }): AnswerRecord[] => {
            const of = owner.toLowerCase() as AnswerRecord["owner"];
            if (kind === "CNAME")
              return [{ kind: "alias", owner: of, ttl, target: target.toLowerCase() as AnswerRecord["owner"] }];
            if (kind === "TXT" || types[kind] !== type) return [];
            const value = BigInt(`0x${Buffer.from(octets.slice(0, kind === "A" ? 4 : 16)).toString("hex")}`);
            return [{ kind: "address", owner: of, ttl, address: addressFromValue(kind === "A" ? 4 : 6, value) }];
          });
          found += expected.length;
          assert.deepEqual(reading.message.records, expected);
          assert.equal(reading.message.question.name, name.toLowerCase());
        },
      ),
      tries(300),
    );
    assert.ok(found > 100);
  });

  it("that is broken is no message, and reading it ends and never throws", () => {
    let faults = 0;
    const check = (bytes: Uint8Array): void => {
      const reading = readMessage(bytes);
      if (!reading.ok) {
        faults += 1;
        return;
      }
      const { question: of, records } = reading.message;
      for (const name of [of.name, ...records.map(({ owner }) => owner)]) assert.ok(name.length <= 254);
      for (const { address: one } of resolutionOf(reading.message)) assert.equal(parseAddress(one), one);
    };
    fc.assert(fc.property(someBroken, check), tries(2000));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), check), tries(500));
    assert.ok(faults > 500);
  });

  it("cut off at any byte is malformed, with a byte more it has garbage behind it", () => {
    const whole = answer([address(asked), address(nameBytes("b.test"))]);
    for (let length = 0; length < whole.length; length += 1)
      assert.equal(faultOf(whole.subarray(0, length)), "malformed");
    assert.equal(faultOf(Uint8Array.from([...whole, 0])), "trailing");
  });

  it("whose compression leads ahead, in a circle or on and on is malformed", () => {
    const at = 12 + nameBytes("a.example.org").length + 4;
    assert.equal(faultOf(answer([address(pointer(at))])), "malformed");
    assert.equal(faultOf(answer([address(pointer(at + 2))])), "malformed");
    assert.equal(faultOf(answer([address(pointer(0))])), "malformed", "into the header");
    // Two names that point at each other.
    const second = at + 4 + 10 + 4;
    assert.equal(
      faultOf(answer([address([1, 97, ...pointer(second)]), address([1, 98, ...pointer(at)])])),
      "malformed",
    );
    const chain = Array.from({ length: 60 }, (_, index) =>
      address(index === 0 ? asked : pointer(at + 16 * (index - 1))),
    );
    assert.equal(faultOf(answer(chain.slice(0, 32))), null);
    assert.equal(faultOf(answer(chain)), "malformed");
  });

  it("with a name longer than names are is malformed; with one that no pattern can mean, it is that", () => {
    const long = Array.from({ length: 5 }, () => "a".repeat(60)).join(".");
    const ask = (name: readonly number[]) =>
      faultOf(messageBytes({ id: 1, flags: flags.query, questions: [{ name, type: types.A }] }));
    assert.equal(ask(nameBytes(long)), "malformed");
    assert.equal(ask([64, ...Array<number>(64).fill(97), 0]), "malformed", "64 is no length");
    assert.equal(ask([9, ...Buffer.from("a.example"), 3, ...Buffer.from("org"), 0]), "name", "a dot in a label");
    assert.equal(ask([2, 0xc3, 0xa4, 3, ...Buffer.from("org"), 0]), "name");
    assert.equal(ask(nameBytes("a b.org")), "name");
  });

  it("with another number of questions than one, of another class, or of another kind of operation is not read", () => {
    assert.equal(faultOf(answer([], { questions: [] })), "questions");
    assert.equal(faultOf(answer([], { questions: [question, question] })), "questions");
    assert.equal(faultOf(answer([], { questions: [{ ...question, class: 3 }] })), "questions");
    assert.equal(faultOf(answer([], { flags: 0x8180 | (4 << 11) })), "questions");
  });

  it("with an address of the wrong size is malformed; one of another class is passed over", () => {
    assert.equal(faultOf(answer([{ ...address(asked), data: [1, 2, 3] }])), "malformed");
    assert.deepEqual(resolved(answer([{ ...address(asked), class: 4 }])), []);
  });
});

describe("what an answer resolves to", () => {
  const alias = (owner: readonly number[], target: string, ttl = 60) => ({
    owner,
    type: types.CNAME,
    ttl,
    data: nameBytes(target),
  });

  it("are the addresses at the end of its aliases, in whatever order they stand, for the shortest of their times", () => {
    const records = [
      address(nameBytes("c.test"), 3),
      alias(nameBytes("b.test"), "c.test", 5),
      alias(asked, "B.test", 90),
    ];
    assert.deepEqual(resolved(answer(records)), ["192.0.2.3 5"]);
    assert.deepEqual(resolved(answer(records.toReversed())), ["192.0.2.3 5"]);
  });

  it("is nothing of other names, and nothing where aliases go round or on and on", () => {
    assert.deepEqual(resolved(answer([address(nameBytes("b.test"))])), []);
    assert.deepEqual(resolved(answer([alias(asked, "b.test"), address(asked)])), []);
    assert.deepEqual(
      resolved(answer([alias(asked, "b.test"), alias(nameBytes("b.test"), "a.example.org"), address(asked)])),
      [],
    );
    const chain = (length: number) => [
      alias(asked, "n0.test"),
      ...Array.from({ length }, (_, index) => alias(nameBytes(`n${index}.test`), `n${index + 1}.test`)),
      address(nameBytes(`n${length}.test`)),
    ];
    assert.deepEqual(resolved(answer(chain(15))), ["192.0.2.1 60"]);
    assert.deepEqual(resolved(answer(chain(16))), []);
  });

  it("holds each address once, for the longest of its times; the highest bit makes a time none", () => {
    const twice = [address(asked), { ...address(asked), ttl: 90 }];
    assert.deepEqual(resolved(answer(twice)), ["192.0.2.1 90"]);
    assert.deepEqual(resolved(answer([{ ...address(asked), ttl: 0x80000000 }])), ["192.0.2.1 0"]);
  });
});

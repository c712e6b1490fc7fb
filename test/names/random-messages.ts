/** Messages for properties: well-formed ones with what is in them, and broken ones. */
import fc from "fast-check";
import {
  type WrittenRecord,
  asked,
  flags,
  messageBytes,
  nameBytes,
  pointer,
  recordBytes,
  types,
} from "./dns-message.ts";

const letters = fc.constantFrom("a", "b", "x", "z", "A", "B", "Z", "0", "9", "-", "_");
const label = fc.oneof(fc.constantFrom("a", "b"), fc.string({ unit: letters, minLength: 1, maxLength: 12 }));
export const someName = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const someTtl = fc.oneof(fc.nat({ max: 100_000 }), fc.constantFrom(0, 0x7fffffff));

/** A record as it is written, and who owns it. */
export interface Planned {
  /** Empty: the name that was asked for. */
  readonly owner: string;
  readonly kind: "A" | "AAAA" | "CNAME" | "TXT";
  readonly ttl: number;
  readonly target: string;
  readonly octets: readonly number[];
  readonly compressed: boolean;
}

export const somePlan = (names: fc.Arbitrary<string>): fc.Arbitrary<Planned> =>
  fc.record({
    owner: names,
    kind: fc.constantFrom<Planned["kind"]>("A", "A", "AAAA", "CNAME", "TXT"),
    ttl: someTtl,
    target: names,
    octets: fc.array(fc.nat({ max: 255 }), { minLength: 16, maxLength: 16 }),
    compressed: fc.boolean(),
  });

/** Writes records one after the other; owners that stand in the message already are pointed to, if wanted. */
export function answerTo(id: number, name: string, type: number, plans: readonly Planned[]) {
  const places = new Map([[name, 12]]);
  let length = 12 + nameBytes(name).length + 4;
  const records = plans.map((planned): WrittenRecord => {
    const plan = planned.owner === "" ? { ...planned, owner: name } : planned;
    const place = places.get(plan.owner);
    const owner =
      plan.compressed && place !== undefined ? (place === 12 ? asked : pointer(place)) : nameBytes(plan.owner);
    if (owner.length > 2 && !places.has(plan.owner)) places.set(plan.owner, length);
    const data =
      plan.kind === "CNAME" ? nameBytes(plan.target) : plan.kind === "A" ? plan.octets.slice(0, 4) : plan.octets;
    const record = { owner, type: types[plan.kind], ttl: plan.ttl, data };
    length += recordBytes(record).length;
    return record;
  });
  return messageBytes({ id, flags: flags.answer, questions: [{ name: nameBytes(name), type }], answers: records });
}

const seldom = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.oneof(fc.constant(usual), other);

/** Bytes that were a message once: of most some are changed, some are gone, some were added. */
export const someBroken = fc
  .record({
    name: someName,
    plans: fc.array(somePlan(fc.oneof(fc.constant(""), someName)), { maxLength: 6 }),
    changes: seldom([], fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 8 })),
    keep: seldom(1, fc.double({ min: 0.1, max: 1, noNaN: true })),
    more: seldom(new Uint8Array(), fc.uint8Array({ maxLength: 8 })),
  })
  .map(({ name, plans, changes, keep, more }) => {
    const bytes = answerTo(7, name, types.A, plans);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return Uint8Array.from([...bytes.subarray(0, Math.ceil(bytes.length * keep)), ...more]);
  });

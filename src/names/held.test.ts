import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { DomainSetName } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { type HeldAddress, createHeld } from "./held.ts";
import {
  mostAddressesOfName,
  mostAddressesOfPod,
  mostAddressesOfSet,
  mostPendingQueriesOfPod,
  queryLifetime,
} from "./limits.ts";
import { createPendingQueries } from "./pending.ts";

const entryOf = (set: string, last: number, more: Partial<HeldAddress> = {}): HeldAddress => ({
  set: set as DomainSetName,
  address: `10.${last >> 16}.${(last >> 8) & 255}.${last & 255}` as Address,
  pod: "192.0.2.1" as Address,
  name: "a.org" as DomainName,
  begin: 1000,
  end: 5000,
  batch: 0,
  ...more,
});

describe("addresses that are held", () => {
  it("end when their time is over, renewed ones later, those of gone sets at once", () => {
    const step = fc.record({
      kind: fc.constantFrom("add", "renew", "remove", "retain", "time"),
      set: fc.constantFrom("d-1", "d-2"),
      last: fc.nat({ max: 5 }),
      milliseconds: fc.nat({ max: 20_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat({ max: 100_000 }), (steps, start) => {
        const held = createHeld(start);
        const model = new Map<string, HeldAddress>();
        let now = start;
        for (const { kind, set, last, milliseconds } of steps) {
          const key = `${set} ${last}`;
          const known = model.get(key);
          const fresh = entryOf(set, last, { end: now + milliseconds });
          if (kind === "add" && known === undefined) {
            assert.equal(held.add(fresh), null);
            model.set(key, fresh);
          } else if (kind === "renew" && known !== undefined) known.end = Math.max(known.end, now + milliseconds);
          else if (kind === "remove" && known !== undefined) {
            held.remove(known);
            model.delete(key);
          } else if (kind === "retain" && milliseconds < 2000) {
            held.retain(new Set(["d-1" as DomainSetName]));
            for (const name of model.keys()) if (name.startsWith("d-2")) model.delete(name);
          } else if (kind === "time") {
            now += milliseconds;
            held.expire(now);
            for (const [name, { end }] of model) {
              // For half a second after its end it may be held or not; after that it must be gone.
              const isHeld = held.all().includes(model.get(name) ?? fresh);
              if (end > now) assert.ok(isHeld, `${name} ended too early`);
              if (end + 600 < now) assert.ok(!isHeld, `${name} did not end`);
              if (!isHeld) model.delete(name);
            }
          }
          assert.equal(held.size, model.size);
          assert.deepEqual(new Set(held.all()), new Set(model.values()));
        }
      }),
      tries(300),
    );
  });

  it("are limited for each name, pod and set, and there is room again for those that ended", () => {
    const fill = (more: (index: number) => Partial<HeldAddress>) => {
      const held = createHeld(0);
      let count = 0;
      for (
        let limit = held.add(entryOf("d", 0, more(0)));
        limit === null;
        limit = held.add(entryOf("d", count, more(count)))
      ) {
        count += 1;
      }
      const limit = held.add(entryOf("d", count, more(count)));
      assert.equal(held.expire(10_000), count);
      assert.equal(held.add(entryOf("d", count, more(count))), null);
      return [limit, count];
    };
    const named = (index: number) => ({ name: `n${index}.org` as DomainName });
    assert.deepEqual(
      fill(() => ({})),
      ["name", mostAddressesOfName],
    );
    assert.deepEqual(fill(named), ["pod", mostAddressesOfSet / 2], "so much is free for others");
    assert.deepEqual(
      fill((index) => ({ ...named(index), set: `d${index % 7}` as DomainSetName })),
      ["pod", mostAddressesOfPod],
    );
    assert.deepEqual(
      fill((index) => ({ ...named(index), pod: `pod${index}` as Address })),
      ["set", mostAddressesOfSet],
    );
  });
});

describe("a set that pods share", () => {
  it("has room for another one when some of them have taken what they can", () => {
    const held = createHeld(0);
    let last = 0;
    const take = (pod: number, most: number): number => {
      for (let count = 0; count < most; count += 1) {
        const own = { pod: `192.0.2.${pod}` as Address, name: `n${last}.org` as DomainName };
        if (held.add(entryOf("d", (last += 1), own)) !== null) return count;
      }
      return most;
    };
    for (let pod = 1; pod <= 6; pod += 1) take(pod, Infinity);
    assert.equal(take(7, 30), 30);
  });
});

describe("queries that wait for an answer", () => {
  const pod = "192.0.2.1" as Address;

  it("are answered once, in time", () => {
    const pending = createPendingQueries();
    pending.add("a", pod, 0);
    pending.add("b", pod, 0);
    assert.equal(pending.take("c", 1), false);
    assert.equal(pending.take("a", 1), true);
    assert.equal(pending.take("a", 1), false);
    assert.equal(pending.take("b", queryLifetime), false);
    assert.equal(pending.size, 0);
  });

  it("of a pod that asks without end cost it its oldest; others' are kept, and time makes room", () => {
    const pending = createPendingQueries();
    for (let index = 0; index < mostPendingQueriesOfPod; index += 1)
      assert.equal(pending.add(`${index}`, pod, 0), true);
    assert.equal(pending.add("other", "192.0.2.2" as Address, 0), true);
    assert.equal(pending.add("more", pod, 0), false);
    assert.equal(pending.size, mostPendingQueriesOfPod + 1);
    assert.deepEqual([pending.take("0", 1), pending.take("more", 1)], [false, true], "its oldest made room");
    assert.equal(pending.add("1", pod, 1), true, "sent again");
    assert.equal(pending.add("late", pod, queryLifetime), true);
    assert.equal(pending.take("other", queryLifetime - 1), false, "time makes room");
    assert.equal(pending.size, 2, "the one sent again, and the last one");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { DomainSetName, Ruleset } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import { type DomainName, type DomainPattern, domainMatches } from "../net/domain-name.ts";
import { createSubjects, nameTableOf } from "./subjects.ts";

const label = fc.constantFrom("a", "b", "org", "x-y");
const someName = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join(".") as DomainName);
const somePattern = fc
  .tuple(fc.boolean(), someName)
  .map(([wild, name]) => (wild ? `*.${name}` : (name as string)) as DomainPattern);

const pod = "10.0.0.1" as Address;
const setOf = (name: string, patterns: readonly string[]) => ({
  name: name as DomainSetName,
  patterns: patterns as readonly DomainPattern[],
});
const clause = (domains: string) => ({
  match: { kind: "peers", peers: { groups: [], addresses: [], domains }, ports: null },
});
const chain = (name: string, parts: object) => ({ name, admin: [], networkPolicy: null, baseline: [], ...parts });
const endpoint = (address: string, egress: string | null, auditEgress: string | null = null) => ({
  address,
  pod: "a/b",
  ingress: null,
  egress,
  auditIngress: null,
  auditEgress,
});

const ruleset = {
  node: { names: { queue: 1, resolvers: [] } },
  domainSets: new Map(
    [setOf("d-1", ["a.org"]), setOf("d-2", ["*.a.org"]), setOf("d-3", ["b.org"])].map((set) => [set.name, set]),
  ),
  chains: new Map(
    [
      chain("one", { admin: [clause("d-1")], baseline: [clause("d-2")] }),
      chain("two", { networkPolicy: [clause("d-3")] }),
      chain("none", { admin: [{ match: { kind: "peers", peers: null, ports: null } }] }),
    ].map((made) => [made.name, made]),
  ),
  endpoints: new Map(
    [
      endpoint("10.0.0.1", "one"),
      endpoint("10.0.0.2", "one", "two"),
      endpoint("10.0.0.3", "none"),
      endpoint("10.0.0.4", null, "two"),
      endpoint("10.0.0.5", null),
    ].map((made) => [made.address, made]),
  ),
} as unknown as Ruleset;

describe("who learns which names", () => {
  it("are pods whose egress chain, enforced or audited, names some in whatever tier", () => {
    const subjects = createSubjects(nameTableOf(ruleset));
    const sets = (address: string, name: string) => subjects.setsFor(address as Address, name as DomainName).toSorted();
    assert.deepEqual(sets("10.0.0.1", "a.org"), ["d-1"]);
    assert.deepEqual(sets("10.0.0.1", "x.y.a.org"), ["d-2"]);
    assert.deepEqual(sets("10.0.0.1", "b.org"), []);
    assert.deepEqual(sets("10.0.0.2", "b.org"), ["d-3"]);
    assert.deepEqual(sets("10.0.0.4", "b.org"), ["d-3"]);
    assert.deepEqual(
      ["1", "2", "3", "4", "5"].filter((last) => subjects.isSubject(`10.0.0.${last}` as Address)),
      ["1", "2", "4"],
    );
    assert.deepEqual(nameTableOf({ ...ruleset, node: { ...ruleset.node, names: null } }).subjects, []);
  });

  it("find the sets of a name as its patterns say", () => {
    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(somePattern, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        someName,
        (lists, name) => {
          const sets = lists.map((patterns, index) => setOf(`d-${index}`, patterns));
          const subjects = createSubjects({ sets, classes: [sets.map((_, index) => index)], subjects: [[pod, 0]] });
          const expected = sets.filter(({ patterns }) => patterns.some((pattern) => domainMatches(pattern, name)));
          matched += expected.length;
          assert.deepEqual(
            subjects.setsFor(pod, name).toSorted(),
            expected.map((set) => set.name),
          );
        },
      ),
      tries(1000),
    );
    assert.ok(matched > 20);
  });
});

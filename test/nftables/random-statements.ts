/** Statements about the sets and counters of random programs, as far as they end no rule. */
import fc from "fast-check";
import type { ConntrackState, KeyField, Statement } from "../../src/dataplane/nftables/statement.ts";

type Keyed = readonly [key: readonly KeyField[], set: string, needs: "port" | "none"];

const lookups: Readonly<Record<4 | 6, readonly Keyed[]>> = {
  4: [
    [["client4"], "g_4", "none"],
    [["backend4"], "b_4", "none"],
    [["source4"], "g_4", "none"],
    [["destination4"], "b_4", "none"],
    [["client4", "backend4"], "s_4", "none"],
    [["source4"], "t_4", "none"],
    [["source4", "destination4"], "s_4", "none"],
    [["backend4", "backend-port"], "n_4", "port"],
  ],
  6: [
    [["client6"], "g_6", "none"],
    [["backend6"], "b_6", "none"],
    [["source6"], "g_6", "none"],
    [["destination6"], "b_6", "none"],
    [["client6", "backend6"], "s_6", "none"],
    [["source6"], "t_6", "none"],
    [["source6", "destination6"], "s_6", "none"],
    [["backend6", "backend-port"], "n_6", "port"],
  ],
};

const states: readonly ConntrackState[] = ["invalid", "established", "related", "new", "untracked"];
const mark = fc.nat(0xffff).map((bits) => (bits << 16) >>> 0);

export const conditions: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({
    kind: fc.constant("ct-mark" as const),
    mask: fc.constant(0xffff0000),
    operator: fc.constantFrom("==" as const, "!=" as const),
    value: mark,
  }),
  fc.record({ kind: fc.constant("ct-mark-lookup" as const), mask: fc.constant(0xffff0000), set: fc.constant("gen") }),
  fc.record({
    kind: fc.constant("ct-state" as const),
    states: fc.subarray([...states], { minLength: 1 }),
  }),
  fc.record({
    kind: fc.constant("ct-direction" as const),
    direction: fc.constantFrom("original" as const, "reply" as const),
  }),
  fc.constantFrom<Statement>(
    { kind: "ct-status-dnat" },
    { kind: "source-is-local" },
    { kind: "loopback", interface: "iif" },
    { kind: "counter", name: "c_a" },
    { kind: "set-ct-mark", keep: 0xffff, value: 0x10000 },
  ),
  fc.record({
    kind: fc.constant("limit" as const),
    perSecond: fc.integer({ min: 1, max: 1000 }),
    burst: fc.constantFrom(1, 100),
  }),
  fc.record({
    kind: fc.constant("log" as const),
    prefix: fc.stringMatching(/^[a-z -]{1,100}$/),
    group: fc.nat(0xffff),
    snaplen: fc.integer({ min: 1, max: 0xffff }),
  }),
);

/** One statement about TCP, for after `meta l4proto tcp`. */
export const aboutTcp: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({
    kind: fc.constant("tcp-flags" as const),
    mask: fc.constant(0x17),
    operator: fc.constantFrom("==" as const, "!=" as const),
    value: fc.constantFrom(2, 4, 16),
  }),
  fc
    .tuple(fc.nat(0xfffe), fc.nat(0xffff))
    .map(([a, b]): Statement => ({ kind: "backend-port", from: Math.min(a, b), to: Math.max(a, b) })),
  fc.record({
    kind: fc.constant("header-port" as const),
    end: fc.constantFrom("source" as const, "destination" as const),
    port: fc.nat(0xffff),
  }),
);

export const lookup = (family: 4 | 6, port: boolean): fc.Arbitrary<Statement> =>
  fc
    .constantFrom(...lookups[family].filter(([, , needs]) => needs === "none" || port))
    .map(([key, set]): Statement => ({ kind: "lookup", key, set }));

export const limitEach = (family: 4 | 6): fc.Arbitrary<Statement> =>
  fc.record({
    kind: fc.constant("limit-each" as const),
    key: fc.constant([`source${family}`, `destination${family}`] as const),
    set: fc.constant(`l_${family}`),
    perSecond: fc.integer({ min: 1, max: 1000 }),
    burst: fc.constantFrom(1, 100),
  });

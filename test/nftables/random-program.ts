/** Programs with everything in them that the nftables dataplane can say, in the form in which they are read back. */
import fc from "fast-check";
import { formatDotted, formatGroups } from "../../src/net/address-text.ts";
import type {
  ElementData,
  KeyType,
  Program,
  ProgramChain,
  ProgramSet,
  Rule,
} from "../../src/dataplane/nftables/program.ts";
import type { KeyField, Statement, Verdict } from "../../src/dataplane/nftables/statement.ts";
import type { Operation } from "../../src/dataplane/nftables/step.ts";
import { aboutTcp, conditions, limitEach, lookup } from "./random-statements.ts";

const counters = ["c_a", "c_b-1"];
const chainCount = 4;
const chainName = (index: number): string => `x_${index}`;

const v4 = fc.nat(0xffffffff).map((value) => formatDotted(value >>> 0));
const v6 = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }).map((groups) => {
  // ::ffff:0:0/96 is IPv4, and never an IPv6 key of ours.
  return formatGroups([0xfd00, ...groups.slice(1)]);
});
const fieldText: Readonly<Record<KeyType, fc.Arbitrary<string>>> = {
  ipv4_addr: v4,
  ipv6_addr: v6,
  inet_service: fc.nat(0xffff).map(String),
  icmpv6_type: fc.constantFrom("130", "131", "132", "135", "136"),
  mark: fc.nat(0xffffffff).map((value) => `0x${value.toString(16).padStart(8, "0")}`),
};

const verdictTo = (lowest: number): fc.Arbitrary<Verdict> =>
  fc.oneof(
    fc.constantFrom<Verdict>({ kind: "accept" }, { kind: "drop" }, { kind: "return" }),
    ...(lowest < chainCount
      ? [
          fc.record({
            kind: fc.constantFrom("jump" as const, "goto" as const),
            chain: fc.integer({ min: lowest, max: chainCount - 1 }).map(chainName),
          }),
        ]
      : []),
  );

interface Shape {
  readonly name: string;
  readonly key: readonly KeyType[];
  readonly data: ProgramSet["data"];
  readonly interval: boolean;
}

const shape = (name: string, key: readonly KeyType[], data: ProgramSet["data"] = "none", interval = false): Shape => ({
  name,
  key,
  data,
  interval,
});

const shapes: readonly Shape[] = [
  shape("g_4", ["ipv4_addr"]),
  shape("g_6", ["ipv6_addr"]),
  shape("b_4", ["ipv4_addr"], "none", true),
  shape("b_6", ["ipv6_addr"], "none", true),
  shape("n_4", ["ipv4_addr", "inet_service"]),
  shape("n_6", ["ipv6_addr", "inet_service"]),
  shape("s_4", ["ipv4_addr", "ipv4_addr"]),
  shape("s_6", ["ipv6_addr", "ipv6_addr"]),
  shape("gen", ["mark"]),
  shape("nd", ["icmpv6_type"]),
  shape("v_4", ["ipv4_addr"], "verdict"),
  shape("v_6", ["ipv6_addr"], "verdict"),
  shape("p", ["inet_service"], "verdict", true),
  shape("m_4", ["ipv4_addr"], "counter"),
  shape("m_6", ["ipv6_addr"], "counter"),
];

/** Sets that packets fill. */
const filled: readonly ProgramSet[] = ([4, 6] as const).map((family) => {
  const type: KeyType = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const rest = { data: "none", interval: false, comment: null, elements: new Map() } as const;
  return { name: `l_${family}`, key: [type, type], size: 64, lifetime: family, ...rest };
});

/** Sets of what the agent learns: their elements are no part of a program. */
const learned: readonly ProgramSet[] = ([4, 6] as const).map((family) => {
  const type: KeyType = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const rest = { data: "none", interval: false, learned: true, comment: "learned", elements: new Map() } as const;
  return { name: `t_${family}`, key: [type], size: 64, ...rest };
});

/** Maps lead to the last chain only, and that chain asks no maps: so nothing goes in a circle. */
function dataFor(data: ProgramSet["data"]): fc.Arbitrary<ElementData> {
  if (data === "none") return fc.constant(null);
  return data === "counter" ? fc.constantFrom(...counters) : verdictTo(chainCount - 1);
}

/** Disjoint ports or last bytes; ranges that touch only where their data can keep them apart. */
function intervals(type: KeyType, touching: boolean): fc.Arbitrary<readonly string[]> {
  const most = type === "inet_service" ? 0xffff : 0xff;
  const text = (value: number): string => {
    if (type === "ipv4_addr") return formatDotted((value << 24) >>> 0 || value);
    return type === "ipv6_addr" ? formatGroups([value << 8, 0, 0, 0, 0, 0, 0, value === 0xff ? 1 : 0]) : String(value);
  };
  return fc
    .uniqueArray(fc.nat(most), { minLength: 2, maxLength: 12 })
    .map((values) => values.sort((a, b) => a - b))
    .map((values) => {
      const ranges: string[] = [];
      for (let index = 0; index + 1 < values.length; index += touching ? 1 : 2) {
        const low = values[index] ?? 0;
        const high = (values[index + 1] ?? 0) - (touching ? 1 : 0);
        ranges.push(low === high ? text(low) : `${text(low)}-${text(high)}`);
      }
      return ranges;
    });
}

const comment = fc.option(fc.stringMatching(/^[A-Za-z0-9 /:._[\]-]{1,100}$/), { nil: null });

function setOf({ name, key, data, interval }: Shape): fc.Arbitrary<ProgramSet> {
  const [first = "mark"] = key;
  const keys = interval
    ? intervals(first, data === "verdict")
    : fc.uniqueArray(
        fc.tuple(...key.map((type) => fieldText[type])).map((fields) => fields.join(" . ")),
        { maxLength: 6 },
      );
  const elements = keys.chain((list) =>
    fc
      .array(dataFor(data), { minLength: list.length, maxLength: list.length })
      .map((values) => new Map(list.map((text, index) => [text, values[index] ?? null]))),
  );
  const size = interval ? fc.constant(null) : fc.constantFrom(null, 64, 1 << 20);
  return fc.record({
    name: fc.constant(name),
    key: fc.constant(key),
    data: fc.constant(data),
    interval: fc.constant(interval),
    size,
    comment,
    elements,
  });
}

function lastOf(family: 4 | 6, chain: number, port: boolean): fc.Arbitrary<readonly Statement[]> {
  const last = chain === chainCount - 1;
  const field: KeyField = family === 4 ? "client4" : "client6";
  const verdict = verdictTo(chain + 1).map((value): readonly Statement[] => [{ kind: "verdict", verdict: value }]);
  return fc.oneof(
    verdict,
    fc.constant<readonly Statement[]>([]),
    fc.constant<readonly Statement[]>([{ kind: "counter-map", key: [field], map: `m_${family}` }]),
    ...(last ? [] : [fc.constant<readonly Statement[]>([{ kind: "verdict-map", key: [field], map: `v_${family}` }])]),
    ...(port ? [fc.constant<readonly Statement[]>([{ kind: "reject-tcp-reset" }])] : []),
    ...(port && !last
      ? [fc.constant<readonly Statement[]>([{ kind: "verdict-map", key: ["backend-port"], map: "p" }])]
      : []),
  );
}

const tcp: Statement = { kind: "l4proto", protocol: 6 };

function ruleOf(chain: number): fc.Arbitrary<Rule> {
  const neighbours: readonly Statement[] = [{ kind: "lookup", key: ["icmpv6-type"], set: "nd" }];
  const statements = fc
    .tuple(fc.constantFrom(4 as const, 6 as const), fc.boolean())
    .chain(([family, port]) =>
      fc
        .tuple(
          fc.array(conditions, { maxLength: 2 }),
          port ? aboutTcp.map((statement) => [tcp, statement]) : fc.constant<Statement[]>([]),
          fc.array(lookup(family, port), { maxLength: 2 }),
          fc.array(limitEach(family), { maxLength: 1 }),
          lastOf(family, chain, port),
        )
        .map((parts): readonly Statement[] => parts.flat()),
    );
  return fc.record({
    statements: fc
      .oneof({ weight: 9, arbitrary: statements }, { weight: 1, arbitrary: fc.constant(neighbours) })
      .map((list): readonly Statement[] => (list.length > 0 ? list : [{ kind: "verdict", verdict: { kind: "drop" } }])),
    comment,
  });
}

const chainOf = (index: number): fc.Arbitrary<ProgramChain> =>
  fc.record({
    name: fc.constant(chainName(index)),
    hook: fc.constant(null),
    rules: fc.array(ruleOf(index), { maxLength: 6 }),
  });

const baseOf = (hook: "forward" | "input" | "output"): fc.Arbitrary<ProgramChain> =>
  fc.record({ name: fc.constant(hook), hook: fc.constant(hook), rules: fc.array(ruleOf(-1), { maxLength: 3 }) });

/** A kernel takes a reset in forward, input and output only, and looks for it behind every jump. */
const leadsToNoReset = ({ statements }: Rule): boolean =>
  statements.every(
    (one) =>
      one.kind !== "reject-tcp-reset" &&
      one.kind !== "verdict-map" &&
      !(one.kind === "verdict" && "chain" in one.verdict),
  );

/** On other places. */
const elsewhere: fc.Arbitrary<ProgramChain> = fc
  .tuple(
    baseOf("forward"),
    fc.constantFrom("forward" as const, "prerouting" as const, "postrouting" as const),
    fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -290, max: -1 })),
  )
  .map(([chain, hook, priority]) => {
    const rules = hook === "forward" ? chain.rules : chain.rules.filter(leadsToNoReset);
    return { ...chain, rules, name: "elsewhere", hook, priority };
  });

const byName = <Item extends { readonly name: string }>(items: readonly Item[]): ReadonlyMap<string, Item> =>
  new Map(items.map((item) => [item.name, item]));

const anyProgram: fc.Arbitrary<Program> = fc.record({
  table: fc.constant("portcullis"),
  counters: fc
    .tuple(...counters.map((name) => fc.record({ name: fc.constant(name), comment })))
    .map((list) => byName(list)),
  sets: fc.tuple(...shapes.map(setOf)).map((list) => byName([...list, ...filled, ...learned])),
  chains: fc
    .tuple(
      ...Array.from({ length: chainCount }, (_, index) => chainOf(index)),
      baseOf("forward"),
      baseOf("input"),
      baseOf("output"),
      elsewhere,
    )
    .map((list) => byName(list)),
});

/** Cloned, so that its objects are as plain as those that are read back. */
export const someProgram: fc.Arbitrary<Program> = anyProgram.map((program) => structuredClone(program));

/** What loads a program into an empty kernel. */
export function loading(program: Program): readonly Operation[] {
  const sets = [...program.sets.values()];
  const chains = [...program.chains.values()];
  return [
    { kind: "add-table" },
    ...[...program.counters.values()].map((counter): Operation => ({ kind: "add-counter", counter })),
    ...sets.map((set): Operation => ({ kind: "add-set", set })),
    ...chains.map((chain): Operation => ({ kind: "add-chain", chain })),
    ...sets.map((set): Operation => ({ kind: "add-elements", set, elements: set.elements })),
    ...chains.flatMap((chain) => chain.rules.map((rule): Operation => ({ kind: "add-rule", chain: chain.name, rule }))),
  ];
}

/** Rulesets of one pod with tiers as long and as mixed as no random cluster has them, and members that move. */
import fc from "fast-check";
import { contentHash } from "../../src/dataplane/nftables/names.ts";
import type { RulesetChange } from "../../src/ir/change.ts";
import { type ForwardedConnection, pairOf } from "../../src/ir/decide.ts";
import type {
  Chain,
  ChainClause,
  ChainName,
  Endpoint,
  Group,
  GroupName,
  Match,
  Pair,
  PairSet,
  PairSetName,
  PortRange,
  Ruleset,
} from "../../src/ir/ruleset.ts";
import { noChains } from "../../src/ir/ruleset.ts";
import { type Address, familyOf, parseAddress } from "../../src/net/address.ts";
import { addressSetOf } from "../../src/net/address-set.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Action, Direction, PolicyId } from "../../src/policy/policy.ts";

const must = <T>(value: T | null): T => {
  if (value === null) throw new Error("the test's own text does not parse");
  return value;
};
const addressesOf = (...texts: string[]): Address[] => texts.map((text) => must(parseAddress(text)));

const subjects = addressesOf("10.244.1.9", "fd00:10:244:1::9");
const peers = addressesOf(
  "10.244.2.1",
  "10.244.2.2",
  "10.244.2.3",
  "10.9.0.1",
  "192.0.2.7",
  "198.51.100.1",
  "fd00:10:244:2::1",
  "fd00:10:244:2::2",
  "2001:db8::7",
);
const blocks = ["10.244.2.0/24", "10.244.2.0/31", "10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "::/0", "fd00::/8"];
const groupNames = ["g-a", "g-b", "g-c", "g-d", "g-e"] as GroupName[];
const pairNames = ["n-a", "n-b", "n-c"] as PairSetName[];
const ports = [22, 80, 443, 8080];
const asked: readonly (readonly [Protocol, number])[] = [
  ...ports.map((port) => ["TCP", port] as const),
  ["TCP", 9999],
  ["UDP", 53],
  ["UDP", 80],
  ["ICMP", 0],
];

/** Of the pod, either way, with everybody else. */
export const connections: readonly ForwardedConnection[] = subjects.flatMap((subject) =>
  peers
    .filter((peer) => familyOf(peer) === familyOf(subject))
    .flatMap((peer) =>
      asked.flatMap(([protocol, port]) => [
        { client: peer, backend: subject, protocol, port },
        { client: subject, backend: peer, protocol, port },
      ]),
    ),
);

const somePorts: fc.Arbitrary<readonly PortRange[] | null> = fc.oneof(
  fc.constant(null),
  fc.array(
    fc.constantFrom<PortRange>(
      ...ports.map((port) => ({ protocol: "TCP", from: port, to: port }) as const),
      { protocol: "TCP", from: 0, to: 65535 },
      { protocol: "TCP", from: 60, to: 500 },
      { protocol: "TCP", from: 443, to: 9000 },
      { protocol: "UDP", from: 0, to: 65535 },
      { protocol: "UDP", from: 53, to: 53 },
    ),
    { minLength: 1, maxLength: 3 },
  ),
);

const peerMatch: fc.Arbitrary<Match> = fc
  .record({
    groups: fc.subarray(groupNames, { maxLength: 3 }),
    blocks: fc.oneof(
      { weight: 3, arbitrary: fc.constant<string[]>([]) },
      { weight: 1, arbitrary: fc.subarray(blocks, { maxLength: 2 }) },
    ),
    open: fc.nat(14).map((dice) => dice === 0),
    ports: somePorts,
  })
  .map(({ groups, blocks: cidrs, open, ports: ranges }): Match => ({
    kind: "peers",
    peers: open ? null : { groups, addresses: addressSetOf(cidrs.map((cidr) => must(parseCidr(cidr)))), domains: null },
    ports: ranges,
  }));

const groupOrBlock = fc
  .tuple(fc.constantFrom(...groupNames), fc.constantFrom(...blocks.slice(0, 4)), fc.nat(3))
  .map(([group, cidr, dice]): Match => ({
    kind: "peers",
    peers: {
      groups: dice === 0 ? [] : [group],
      addresses: addressSetOf(dice === 0 ? [must(parseCidr(cidr))] : []),
      domains: null,
    },
    ports: null,
  }));

const pairMatch = fc
  .record({ pairs: fc.constantFrom(...pairNames), protocol: fc.constantFrom("TCP" as const, "UDP" as const) })
  .map((match): Match => ({ kind: "pairs", ...match }));

function tier(name: string, direction: Direction): fc.Arbitrary<readonly ChainClause[]> {
  const match = direction === "egress" ? fc.oneof({ weight: 5, arbitrary: peerMatch }, pairMatch) : peerMatch;
  return fc
    .oneof(
      { weight: 1, arbitrary: fc.constant<never[]>([]) },
      {
        weight: 4,
        arbitrary: fc.array(fc.record({ action: fc.constantFrom<Action>("accept", "deny", "pass"), match }), {
          maxLength: 16,
        }),
      },
    )
    .map((clauses) =>
      clauses.map((clause, index) => ({ ...clause, policy: `${name}/p-${index}` as PolicyId, rule: index % 3 })),
    );
}

const accepting: readonly ChainClause[] = [
  {
    policy: "NetworkPolicy/alpha/np" as PolicyId,
    rule: 0,
    action: "accept",
    match: {
      kind: "peers",
      peers: {
        groups: [groupNames[0] ?? ("g-a" as GroupName)],
        addresses: addressSetOf([]),
        domains: null,
      },
      ports: null,
    },
  },
];

const contentOf = (value: unknown): string =>
  contentHash([JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one))]);

const chainOf = (direction: Direction): fc.Arbitrary<Chain> =>
  fc
    .record({
      admin: tier("AdminNetworkPolicy", direction),
      isolated: fc.nat(3).map((dice) => dice === 0),
      baseline: tier("BaselineAdminNetworkPolicy", direction),
      fallback: fc.constantFrom("accept" as const, "deny" as const),
    })
    .map(({ isolated, ...rest }): Chain => ({
      ...rest,
      name: `${direction === "ingress" ? "in" : "eg"}-${contentOf([isolated, rest])}` as ChainName,
      direction,
      networkPolicy: isolated ? accepting : null,
      lists: { admin: null, networkPolicy: null, baseline: null },
      isolatedBy: isolated ? ["NetworkPolicy/alpha/np" as PolicyId] : [],
      audited: [],
    }));

/** What a Ruleset of one pod is made of that can change. */
export interface TierState {
  readonly ingress: Chain;
  readonly egress: Chain;
  readonly members: readonly (readonly Address[])[];
  readonly pairs: readonly (readonly Pair[])[];
}

export const someMembers = fc.tuple(...groupNames.map(() => fc.subarray(peers)));
const pairUniverse: readonly Pair[] = peers.flatMap((peer) => [80, 53].map((port) => pairOf(peer, port)));

export const someState: fc.Arbitrary<TierState> = fc.record({
  ingress: chainOf("ingress"),
  egress: chainOf("egress"),
  members: someMembers,
  pairs: fc.tuple(...pairNames.map(() => fc.subarray([...pairUniverse]))),
});

/** One list of clauses for every port, longer than what stands in line: it is asked in one piece. */
export const manyPeers: fc.Arbitrary<TierState> = fc
  .tuple(
    someState,
    fc.array(fc.tuple(fc.constantFrom<Action>("accept", "deny", "pass"), groupOrBlock), { minLength: 8 }),
  )
  .map(([state, list]): TierState => {
    const admin = list.map(([action, match], index): ChainClause => ({
      action,
      match,
      policy: `AdminNetworkPolicy/p-${index}` as PolicyId,
      rule: 0,
    }));
    const rest = { networkPolicy: null, baseline: [], fallback: "accept", isolatedBy: [] } as const;
    const only = (chain: Chain, clauses: readonly ChainClause[]): Chain => ({ ...chain, ...rest, admin: clauses });
    return { ...state, ingress: only(state.ingress, admin), egress: only(state.egress, []) };
  });

const noSelection = { kind: "pods", selection: {} } as unknown as Group["picks"];

function groupsOf({ members }: TierState): Group[] {
  return groupNames.map((name, index) => ({ name, picks: noSelection, members: new Set(members[index]) }));
}

function pairSetsOf({ pairs }: TierState): PairSet[] {
  return pairNames.map((name, index) => {
    const shape = { selection: {} as PairSet["selection"], within: null, protocol: "TCP", portName: "x" } as const;
    return { name, ...shape, members: new Set(pairs[index]) };
  });
}

const endpointsOf = ({ ingress, egress }: TierState): Endpoint[] =>
  subjects.map((address) => ({
    address,
    pod: "alpha/web",
    ...noChains,
    ingress: ingress.name,
    egress: egress.name,
  }));

export function rulesetOf(state: TierState): Ruleset {
  const node = { name: "node-1", ranges: [], gateways: [], unknownPods: "accept", established: "cut" } as const;
  return {
    node: { ...node, logGroup: null, names: null },
    endpoints: new Map(endpointsOf(state).map((one) => [one.address, one])),
    chains: new Map([state.ingress, state.egress].map((chain) => [chain.name, chain])),
    groups: new Map(groupsOf(state).map((group) => [group.name, group])),
    pairSets: new Map(pairSetsOf(state).map((pairs) => [pairs.name, pairs])),
    domainSets: new Map(),
  };
}

function memberChange<Name, Member>(name: Name, before: readonly Member[], after: readonly Member[]) {
  const join = after.filter((one) => !before.includes(one));
  const leave = before.filter((one) => !after.includes(one));
  return join.length + leave.length === 0 ? [] : [{ name, join, leave }];
}

export function changeOf(before: TierState, after: TierState): RulesetChange {
  const chains = (state: TierState): Chain[] => [state.ingress, state.egress];
  const isIn = (state: TierState, { name }: Chain): boolean => chains(state).some((one) => one.name === name);
  const newChains = chains(after).filter((chain) => !isIn(before, chain));
  const nothing = { node: null, newGroups: [], newPairSets: [], newDomainSets: [], goneEndpoints: [] };
  return {
    ...nothing,
    newChains,
    groups: groupNames.flatMap((name, index) =>
      memberChange(name, before.members[index] ?? [], after.members[index] ?? []),
    ),
    pairSets: pairNames.flatMap((name, index) =>
      memberChange(name, before.pairs[index] ?? [], after.pairs[index] ?? []),
    ),
    endpoints: newChains.length > 0 ? endpointsOf(after) : [],
    goneChains: chains(before).flatMap((chain) => (isIn(after, chain) ? [] : chain.name)),
    goneGroups: [],
    gonePairSets: [],
    goneDomainSets: [],
    canDeny: true,
  };
}

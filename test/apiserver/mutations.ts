/** Objects that are nearly valid: valid ones with one to three things changed, each of a kind that somebody may write. */
import * as fc from "fast-check";
import {
  apiAdminNetworkPolicy,
  apiBaselineAdminNetworkPolicy,
  apiClusterNetworkPolicy,
} from "../random-tier-policy.ts";
import type { ApiObject } from "../cluster-of.ts";

export const tierKinds = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"] as const;
export type TierKind = (typeof tierKinds)[number];

const valid: Readonly<Record<TierKind, fc.Arbitrary<ApiObject>>> = {
  AdminNetworkPolicy: apiAdminNetworkPolicy,
  BaselineAdminNetworkPolicy: apiBaselineAdminNetworkPolicy,
  ClusterNetworkPolicy: apiClusterNetworkPolicy,
};

type Json = unknown;
type Container = Record<string, Json> | Json[];

const anyText = ["", "x", "UPPER", "a_b", "not a value", "-x", "x".repeat(64), "x".repeat(101), "ä", "a/b", "0", "*"];
/** By the field, or the field of the list, that they stand in. */
const textsOf: Readonly<Record<string, readonly string[]>> = {
  action: ["Allow", "Accept", "Deny", "Pass", "deny", "Log", ""],
  tier: ["Admin", "Baseline", "admin", "NetworkPolicy"],
  operator: ["In", "NotIn", "Exists", "DoesNotExist", "Near", "in", ""],
  key: ["app", "example.com/a", "/a", "a/b/c", "-a", "", "a b", "x".repeat(64)],
  protocol: ["TCP", "UDP", "SCTP", "tcp", "ICMP", ""],
  name: ["a rule", "", "x".repeat(100), "x".repeat(101), "ä".repeat(60)],
  namedPort: ["http", "web-1", "a--b", "81", "long-name-of-a-port", "HTTP", ""],
  destinationNamedPort: ["http", "web-1", "-a", "81", "long-name-of-a-port", "HTTP", ""],
  networks: [
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0",
    "010.0.0.0/8",
    "1.2.3.4/0",
    "10.0.0.0/08",
    "10.0.0/8",
    "::/0",
    "fd00::1/64",
    "fd00::/129",
    "::ffff:10.0.0.0/104",
    "fe80::1%eth0/64",
    "0:0:0:0:0:0:0:0/0",
    "FD00::/8",
    "fd00:0000:0000:0000:0000:0000:0000:0000/128",
    "1111:2222:3333:4444:5555:6666:255.255.255.255/128",
    " ::/0",
  ],
  domainNames: [
    "example.org",
    "*.example.org",
    "EXAMPLE.org.",
    "*",
    "*.*.org",
    "a.*.org",
    "org",
    "-a.org",
    "a..org",
    "org.",
    `${"a".repeat(64)}.org`,
    `${"abcdefg.".repeat(40)}org`,
    "[a].org",
    "a.org..",
    "xn--bcher-kva.example",
    "_a.org",
    "*.org",
    "ex_a.org",
    "a-.org",
    "1.2.3.4",
    "bücher.example",
    "a.b_",
    "",
  ],
};

const numbers: readonly number[] = [0, 1, -1, 80, 99, 100, 1000, 1001, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 1.5, 1e20];
const others: readonly Json[] = [null, true, 5, "x", {}, [], [null], [{}], { x: 1 }];

/** What may be put into an object beside what it has. */
const fields: Readonly<Record<string, Json>> = {
  name: "a rule",
  action: "Deny",
  priority: 5,
  tier: "Admin",
  subject: { namespaces: {} },
  foo: 1,
  namespaces: {},
  pods: { namespaceSelector: {}, podSelector: {} },
  podSelector: {},
  namespaceSelector: {},
  nodes: {},
  networks: ["10.0.0.0/8"],
  domainNames: ["example.org"],
  serviceAccounts: {},
  ports: [{ portNumber: { port: 80 } }],
  protocols: [{ tcp: {} }],
  protocol: "UDP",
  port: 81,
  portNumber: { protocol: "TCP", port: 80 },
  portRange: { start: 1, end: 5 },
  namedPort: "http",
  tcp: { destinationPort: { number: 80 } },
  udp: {},
  sctp: { destinationPort: {} },
  destinationNamedPort: "http",
  destinationPort: { number: 5 },
  number: 80,
  range: { start: 80, end: 90 },
  start: 5,
  end: 4,
  matchLabels: { app: "a" },
  matchExpressions: [{ key: "a", operator: "In", values: [] }],
  values: ["a"],
  key: "a",
};

const isContainer = (value: Json): value is Container => typeof value === "object" && value !== null;
const entriesOf = (container: Container): (readonly [string, Json])[] => Object.entries(container);

/** A value's container, its key there, and the names of the fields that lead to it. */
type Place = readonly [Container, string, readonly string[]];

/** Every place in a value. */
function placesIn(container: Container, names: readonly string[] = [], places: Place[] = []): readonly Place[] {
  for (const [key, value] of entriesOf(container)) {
    const inner = Array.isArray(container) ? names : [...names, key];
    places.push([container, key, inner]);
    if (isContainer(value)) placesIn(value, inner, places);
  }
  return places;
}

function put(container: Container, key: string, value: Json): void {
  // A copy: what is put in is changed in turn.
  if (Array.isArray(container)) container[Number(key)] = structuredClone(value);
  else container[key] = structuredClone(value);
}

function remove(container: Container, key: string): void {
  if (Array.isArray(container)) container.splice(Number(key), 1);
  else delete container[key];
}

/** Three numbers say what is done: where, what, with which value. */
export type Dice = readonly [number, number, number];

const pick = <T>(list: readonly T[], die: number): T => {
  const one = list[die % list.length];
  if (one === undefined) throw new Error("nothing to pick from");
  return one;
};

/** `place`: the names of the fields that lead to it, numbers left out. */
function replacement(value: Json, place: readonly string[], die: number): Json {
  if (die % 8 === 0) return pick(others, die >> 3);
  if (typeof value === "string") return pick(textsOf[place.at(-1) ?? ""] ?? anyText, die >> 3);
  if (typeof value === "number") return pick(numbers, die >> 3);
  return pick(others, die >> 3);
}

/** Changes one thing in a spec. */
function mutate(spec: Container, [where, what, which]: Dice): void {
  const places = placesIn(spec);
  if (places.length === 0) return;
  const leaves = places.filter(([container, key]) => !isContainer(container[key as never]));
  const isOfLeaf = what % 3 !== 0 && leaves.length > 0;
  const [container, key, names] = pick(isOfLeaf ? leaves : places, where);
  const value = container[key as never] as Json;
  switch ((what >> 2) % 8) {
    case 0:
      return remove(container, key);
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return put(container, key, replacement(value, names, which));
    case 6: {
      const name = pick(Object.keys(fields), which);
      const target = isContainer(value) && !Array.isArray(value) ? value : container;
      return Array.isArray(target) ? void target.push(structuredClone(fields[name])) : put(target, name, fields[name]);
    }
    default: {
      // Twice, or far too often.
      const list = Array.isArray(value) ? value : Array.isArray(container) ? container : null;
      const times = which % 4 === 0 ? 101 : which % 4 === 1 ? 26 : 1;
      const item = list?.[which % Math.max(1, list.length)];
      for (let time = 0; time < times; time++) list?.push(structuredClone(item ?? "10.0.0.0/8"));
    }
  }
}

const dice: fc.Arbitrary<Dice> = fc.tuple(fc.nat(9999), fc.nat(9999), fc.nat(9999));
const names = ["Default", "a_b", "", "x".repeat(254), "ok.name", "-"];

/** `count` objects of a kind, the same for the same seed; an eighth is as it was. `isBase`: which ones to begin with. */
export function mutatedObjects(
  kind: TierKind,
  isBase: (object: ApiObject) => boolean,
  { seed, count }: { readonly seed: number; readonly count: number },
): readonly ApiObject[] {
  const one = fc
    .record({ base: valid[kind].filter(isBase), many: fc.nat(7), all: fc.tuple(dice, dice, dice), rename: fc.nat(40) })
    .map(({ base, many, all, rename }) => {
      const object = structuredClone(base) as ApiObject & { spec: Container; metadata: { name: string } };
      // Mostly one thing: of several the server tells one.
      const times = many === 0 ? 0 : many < 6 ? 1 : many === 6 ? 2 : 3;
      for (const each of all.slice(0, times)) mutate(object.spec, each);
      const name = names[rename];
      return name === undefined ? object : { ...object, metadata: { ...object.metadata, name } };
    });
  return fc.sample(one, { seed, numRuns: count });
}

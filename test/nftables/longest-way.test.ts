import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CompileOptions } from "../../src/compile/options.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import type { Program } from "../../src/dataplane/nftables/program.ts";
import type { Statement, Verdict } from "../../src/dataplane/nftables/statement.ts";
import { networkPolicy, node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { clusterOf } from "../cluster-of.ts";
import { tieredCluster } from "../differential/tiered-cluster.ts";
import { usual } from "../contract/fixture.ts";

/** The kernel (NFT_JUMP_STACK_SIZE) refuses a table with a longer way, jumps and gotos alike: EMLINK. */
const mostChains = 16;

const chainOf = (verdict: Verdict): readonly string[] =>
  verdict.kind === "goto" || verdict.kind === "jump" ? [verdict.chain] : [];

function nextOf(program: Program, statement: Statement): readonly string[] {
  if (statement.kind === "verdict") return chainOf(statement.verdict);
  if (statement.kind !== "verdict-map") return [];
  const elements = program.sets.get(statement.map)?.elements.values() ?? [];
  return [...elements].flatMap((data) => (data === null || typeof data === "string" ? [] : chainOf(data)));
}

/** The chains of the longest way that a packet could take. */
function longestWay(program: Program): readonly string[] {
  const known = new Map<string, readonly string[]>();
  const from = (name: string): readonly string[] => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const rules = program.chains.get(name)?.rules ?? [];
    const next = rules.flatMap(({ statements }) => statements.flatMap((one) => nextOf(program, one)));
    const longest = [...new Set(next)].map(from).reduce((a, b) => (b.length > a.length ? b : a), []);
    known.set(name, [name, ...longest]);
    return [name, ...longest];
  };
  return [...program.chains.keys()].map(from).reduce((a, b) => (b.length > a.length ? b : a), []);
}

function wayOf(objects: readonly ApiObject[], options: Partial<CompileOptions> = {}): readonly string[] {
  const ruleset = compileWhole(clusterOf(objects), { ...usual, ...options });
  return longestWay(new Mirror("portcullis", markLayout(0xffff0000), 1, ruleset).program);
}

const everybody = { namespaces: {} };
const ports = Array.from({ length: 10 }, (_, index) => 8000 + 10 * index);
const labelled = (value: string) => ({ namespaces: { matchLabels: { team: value } } });

/** Rules for many classes of ports, then so many for every port that classes share their end. */
function crowded(name: string, tier: "Admin" | "Baseline", mode: "audit" | "enforce"): ApiObject {
  const rules = (peers: "from" | "to"): readonly object[] => [
    ...ports.map((number, index) => ({
      action: index % 2 === 0 ? "Deny" : "Accept",
      [peers]: [labelled(`${name}-${index}`)],
      protocols: [{ tcp: { destinationPort: { number } } }],
    })),
    ...["Deny", "Accept", "Pass", "Deny", "Accept", "Pass"].map((action, index) => ({
      action,
      [peers]: [labelled(`${name}-all-${index}`)],
    })),
  ];
  const spec = { tier, priority: 1, subject: everybody, ingress: rules("from"), egress: rules("to") };
  const metadata = { name, annotations: { "portcullis.dev/mode": mode } };
  return { apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata, spec };
}

/** Isolates, with many classes of ports. */
function isolation(mode: "audit" | "enforce"): ApiObject {
  const rules = (peers: "from" | "to") =>
    ports.map((port, index) => ({
      [peers]: [0, 1, 2, 3].map((one) => ({ podSelector: { matchLabels: { app: `${index}-${one}` } } })),
      ports: [{ port }],
    }));
  const spec = { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: rules("from"), egress: rules("to") };
  return networkPolicy("x/many-ports", spec, { annotations: { "portcullis.dev/mode": mode } });
}

const world: readonly ApiObject[] = [
  node("node-1", ["192.0.2.1"], ["10.1.0.0/24", "fd00:1::/64"]),
  ...Array.from({ length: 3 }, (_, index) =>
    pod(`x/pod-${index}`, [`10.1.0.${index + 5}`, `fd00:1::${index + 5}`], { spec: { nodeName: "node-1" } }),
  ),
];

const closed = { defaultVerdict: "deny" } as const;

describe("the longest way through the table", () => {
  const both = [crowded("first", "Admin", "enforce"), crowded("second", "Baseline", "enforce")];

  it("fits into the kernel where every tier is as deep as it gets", () => {
    const ways = [wayOf([...world, ...both], closed), wayOf([...world, ...both, isolation("enforce")])];
    assert.ok(
      ways.some((way) => way.length > 12),
      "the tiers are not deep: the test asks nothing",
    );
    for (const way of ways) assert.ok(way.length <= mostChains, `${way.length}: ${way.join(" > ")}`);
  });

  it("fits beside policies in audit of every tier, as deep", () => {
    const audited = [crowded("third", "Admin", "audit"), crowded("fourth", "Baseline", "audit")];
    const ways = [
      wayOf([...world, ...both, ...audited], closed),
      wayOf([...world, ...audited], closed),
      wayOf([...world, ...both, ...audited, isolation("audit")], closed),
      wayOf([...world, ...both, ...audited, isolation("enforce")]),
      wayOf([...world, isolation("audit")], closed),
    ];
    assert.ok(
      ways.some((way) => way.some((name) => name.startsWith("audit_"))),
      "nobody asks audits",
    );
    for (const way of ways) assert.ok(way.length <= mostChains, `${way.length}: ${way.join(" > ")}`);
  });

  it("fits for random clusters", () => {
    // 6051 had a way of 19 chains once.
    for (const seed of [6051, ...Array.from({ length: 15 }, () => Math.floor(Math.random() * 1e6))]) {
      for (const nodeName of ["node-1", "node-2", "node-3"]) {
        const way = wayOf(tieredCluster(seed), { nodeName, ...(seed % 2 === 0 ? closed : {}) });
        assert.ok(way.length <= mostChains, `seed ${seed}, ${nodeName}: ${way.length}: ${way.join(" > ")}`);
      }
    }
  });
});

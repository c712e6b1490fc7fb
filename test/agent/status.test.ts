import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newCounts, readCounts } from "../../src/agent/names/tallies.ts";
import { agentStatus } from "../../src/agent/status/agent-status.ts";
import { policyStatuses } from "../../src/agent/status/policy-status.ts";
import { clusterStatus, isAllInForce, readAgentStatus, readAnswer } from "../../src/cli/status-of-cluster.ts";
import { clusterStatusText, nodeStatusText } from "../../src/cli/status-text.ts";
import type { LedgerEntry } from "../../src/agent/ledger.ts";
import type { Chain, ChainName, Endpoint, Ruleset } from "../../src/ir/ruleset.ts";
import type { PolicyId } from "../../src/policy/policy.ts";
import { schemaErrors } from "../json-schema.ts";
import { policyNamed } from "./scripted.ts";

const idOf = (name: string): PolicyId => policyNamed(name).id;
const versionOf = (resourceVersion: string) => ({ uid: "u", generation: 1, resourceVersion });

const entryOf = (name: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id: idOf(name),
  mode: "enforce",
  version: versionOf("7"),
  inForce: versionOf("7"),
  standing: "current",
  ...more,
});

const nothingWrong = { findings: [], ruleset: null, audit: false, unsupported: new Map<string, string>() };

const chainOf = (name: string, direction: "ingress" | "egress", isolatedBy: readonly PolicyId[]): Chain => ({
  name: name as ChainName,
  direction,
  admin: [],
  networkPolicy: [],
  baseline: [],
  fallback: "accept",
  lists: { admin: null, networkPolicy: null, baseline: null },
  isolatedBy,
  audited: [],
});

/** A Ruleset with these endpoints: address, pod, and the chains for its directions. */
function rulesetOf(
  chains: readonly Chain[],
  endpoints: readonly (readonly [string, string, string | null])[],
): Ruleset {
  const all = endpoints.map(([address, pod, ingress]) => {
    const none = { egress: null, auditIngress: null, auditEgress: null };
    return [address, { address, pod, ingress, ...none } as unknown as Endpoint] as const;
  });
  return {
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    endpoints: new Map(all) as unknown as Ruleset["endpoints"],
  } as unknown as Ruleset;
}

function statusOf(
  node: string,
  entries: readonly LedgerEntry[],
  more: Partial<Parameters<typeof agentStatus>[0]> = {},
) {
  return agentStatus({
    node,
    version: "1.0",
    dataplane: "nftables",
    layout: 1,
    standing: { ready: true, digest: "d", reason: null },
    degraded: null,
    health: {
      connected: true,
      reason: null,
      lastHeard: 1000,
      resources: [
        {
          resource: "pods",
          state: "watching",
          resourceVersion: "9",
          objects: 3,
          lists: 1,
          watches: 1,
          failures: 0,
          events: 2,
          bytes: 10,
        },
      ],
    },
    inForce: { digest: "d", at: 2000, resourceVersions: new Map([["pods", "9"]]) },
    lag: 0,
    policies: policyStatuses({ entries, ...nothingWrong }),
    asked: null,
    findings: [],
    deniedIn: () => ({ ingress: 1, egress: 2, none: 3 }),
    repairs: 0,
    exemptNamespaces: ["kube-system"],
    names: null,
    ...more,
  });
}

const answerOf = (status: object, node: string, code = 0) =>
  readAnswer({ node, code, stdout: JSON.stringify(status), stderr: "" });

describe("the state of a policy", () => {
  const stateOf = (entry: LedgerEntry, more: Partial<Parameters<typeof policyStatuses>[0]> = {}) =>
    policyStatuses({ entries: [entry], ...nothingWrong, ...more }).map(
      ({ state, message }) => [state, message] as const,
    )[0];

  it("is that of the version that was read last", () => {
    assert.deepEqual(stateOf(entryOf("p")), ["enforced", null]);
    assert.deepEqual(stateOf(entryOf("p", { standing: "pending" })), ["pending", null]);
    assert.deepEqual(stateOf(entryOf("p", { mode: "audit" })), ["audit", null]);
    assert.deepEqual(stateOf(entryOf("p"), { audit: true }), ["audit", null]);
    assert.equal(stateOf(entryOf("p", { standing: "leaving" }))?.[0], "pending");
    const findings = [{ position: null, object: idOf("p"), message: "spec: wrong" }];
    assert.deepEqual(stateOf(entryOf("p"), { findings }), ["invalid", "spec: wrong"]);
    assert.deepEqual(stateOf(entryOf("p"), { unsupported: new Map([[idOf("p"), "no SCTP"]]) }), [
      "unsupported",
      "no SCTP",
    ]);
  });

  it("is told of policies of which nothing could be read, and of kinds that are not read", () => {
    const findings = [
      { position: null, object: "NetworkPolicy/a/broken", message: "spec.podSelector: wrong" },
      { position: null, object: "MultiNetworkPolicy/a/all", message: "not supported" },
      { position: null, object: "Pod/a/p", message: "wrong address" },
    ];
    const statuses = policyStatuses({ entries: [], ...nothingWrong, findings });
    assert.deepEqual(
      statuses.map(({ id, state }) => [id, state]),
      [
        ["NetworkPolicy/a/broken", "invalid"],
        ["MultiNetworkPolicy/a/all", "unsupported"],
      ],
    );
  });

  it("counts the pods of this node that it selects, each once whatever its addresses", () => {
    const chains = [chainOf("in-1", "ingress", [idOf("p"), idOf("q")]), chainOf("in-2", "ingress", [idOf("q")])];
    const ruleset = rulesetOf(chains, [
      ["10.0.0.1", "a/x", "in-1"],
      ["fd00::1", "a/x", "in-1"],
      ["10.0.0.2", "a/y", "in-2"],
      ["10.0.0.3", "a/z", null],
    ]);
    const statuses = policyStatuses({
      entries: ["p", "q", "r"].map((name) => entryOf(name)),
      ...nothingWrong,
      ruleset,
    });
    assert.deepEqual(
      statuses.map(({ pods }) => pods),
      [1, 2, 0],
    );
  });
});

describe("the status of an agent", () => {
  it("is what its schema says, also when nothing is known yet", () => {
    const known = statusOf("node-1", [entryOf("p"), entryOf("q", { standing: "pending", inForce: null })]);
    const nothing = statusOf("node-1", [], { health: null, inForce: null, layout: null, degraded: "x" });
    for (const status of [known, nothing]) {
      const written = JSON.parse(JSON.stringify(status)) as unknown;
      assert.deepEqual(schemaErrors(written, "agent-status.json"), []);
    }
  });

  it("lists what has a problem first, of thousands only some, and one if it is asked for one", () => {
    const many = Array.from({ length: 6000 }, (_, index) => entryOf(`p${index}`));
    const entries = [...many, entryOf("zz", { standing: "pending" })];
    const status = statusOf("n", entries);
    assert.equal(status.policies[0]?.id, idOf("zz"));
    assert.deepEqual([status.policies.length, status.policiesOmitted], [5000, 1001]);
    assert.deepEqual([status.counts.enforced, status.counts.pending], [6000, 1]);
    const asked = statusOf("n", entries, { asked: idOf("p5") });
    assert.deepEqual(
      asked.policies.map(({ id }) => id),
      [idOf("p5")],
    );
  });

  it("as text has a line for each policy and says what is wrong, with nothing that moves a terminal", () => {
    const text = nodeStatusText(
      statusOf("node-1", [entryOf("p")], {
        standing: { ready: false, digest: null, reason: "no \u001b[2J way" },
        findings: [{ position: null, object: "Pod/a/b", message: "wrong" }],
      }),
    );
    assert.match(text, /ready +NO: no \\u001b\[2J way/);
    assert.match(text, /NetworkPolicy\/a\/p +enforced +1 \(7\) +1 \(7\) +0/);
    assert.match(text, /Pod\/a\/b: wrong/);
    assert.ok(!text.includes("\u001b"));
  });
});

describe("what an agent knows of names", () => {
  const learning = {
    ...readCounts(newCounts()),
    isListening: true,
    patterns: 3,
    addresses: 7,
    subjects: 1,
    refused: 0,
  };
  const namesIn = (names: typeof learning | null): string | undefined => {
    const status = statusOf("n", [], { names });
    assert.deepEqual(schemaErrors(JSON.parse(JSON.stringify(status)), "agent-status.json"), []);
    return /^names .*$/m.exec(nodeStatusText(status))?.[0];
  };

  it("is a line where policies name some, and says if they are not learned", () => {
    assert.match(namesIn(learning) ?? "", /^names +3 names and wildcards in policies, 7 addresses learned$/);
    assert.match(namesIn({ ...learning, isListening: false }) ?? "", /^names +NOT learned .*the log.*7 addresses/);
    assert.equal(namesIn({ ...learning, patterns: 0 }), undefined);
    assert.equal(namesIn(null), undefined);
  });

  it("is not told by an agent of an earlier version", () => {
    const { names: _, ...earlier } = statusOf("n", [], { names: learning });
    const read = readAgentStatus(JSON.stringify(earlier));
    assert.ok(read !== null);
    assert.doesNotMatch(nodeStatusText(read), /^names/m);
  });
});

describe("the status of a cluster", () => {
  const newer = { version: versionOf("10"), inForce: versionOf("10") };

  it("says on how many nodes the newest version is in force", () => {
    const answers = [
      answerOf(statusOf("n1", [entryOf("p", newer), entryOf("q")]), "n1"),
      answerOf(statusOf("n2", [entryOf("p"), entryOf("q")]), "n2"),
      answerOf(
        statusOf("n3", [entryOf("p", { ...newer, inForce: versionOf("7"), standing: "pending" }), entryOf("q")]),
        "n3",
        1,
      ),
    ];
    const status = clusterStatus(answers, 4);
    assert.deepEqual(
      status.policies.map(({ id, state, resourceVersion, nodesInForce, nodes, behind }) => [
        id.split("/").at(-1),
        state,
        resourceVersion,
        `${nodesInForce}/${nodes}`,
        behind,
      ]),
      [
        ["p", "pending", "10", "1/3", ["n2", "n3"]],
        ["q", "enforced", "7", "3/3", []],
      ],
    );
    assert.equal(isAllInForce(status), false);
    assert.deepEqual(status.denied.lastMinute, { ingress: 3, egress: 6, none: 9 });
    assert.deepEqual(schemaErrors(JSON.parse(JSON.stringify(status)) as unknown, "cluster-status.json"), []);
    const text = clusterStatusText(status);
    assert.match(text, /NetworkPolicy\/a\/p +pending +1 \(10\) +1\/3 +0 +not yet on n2, n3/);
    assert.match(text, /no agent +runs on 1 nodes/);
  });

  it("is good only if every agent answers and is ready", () => {
    const good = answerOf(statusOf("n1", [entryOf("p")]), "n1");
    assert.equal(isAllInForce(clusterStatus([good], 1)), true);
    const silent = readAnswer({ node: "n2", code: null, stdout: "", stderr: "no such container" });
    const half = clusterStatus([good, silent], 2);
    assert.equal(isAllInForce(half), false);
    assert.deepEqual([half.policies[0]?.nodesInForce, half.policies[0]?.behind], [1, ["n2"]]);
    assert.match(clusterStatusText(half), /n2: no such container/);
    const unready = statusOf("n2", [entryOf("p")], { standing: { ready: false, digest: null, reason: "x" } });
    assert.equal(isAllInForce(clusterStatus([good, answerOf(unready, "n2", 1)], null)), false);
    assert.equal(isAllInForce(clusterStatus([], 0)), false);
  });

  it("a policy that an agent does not know of is not in force there", () => {
    const answers = [answerOf(statusOf("n1", [entryOf("p")]), "n1"), answerOf(statusOf("n2", []), "n2")];
    assert.deepEqual(clusterStatus(answers, null).policies[0]?.behind, ["n2"]);
  });

  it("takes nothing for an answer that is none", () => {
    const good = JSON.parse(JSON.stringify(statusOf("n", [entryOf("p")]))) as Record<string, unknown>;
    assert.notEqual(readAgentStatus(JSON.stringify({ ...good, later: 1 })), null);
    for (const wrong of ["", "x", "null", "[]", "{}"]) assert.equal(readAgentStatus(wrong), null, wrong);
    for (const key of ["kind", "node", "policies", "denied", "lagSeconds"])
      assert.equal(readAgentStatus(JSON.stringify({ ...good, [key]: {} })), null, key);
    assert.equal(readAgentStatus(JSON.stringify({ ...good, policies: [{ id: "p", state: "fine", pods: 0 }] })), null);
  });
});

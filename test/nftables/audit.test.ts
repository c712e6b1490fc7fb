import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createCompiler } from "../../src/compile/incremental.ts";
import type { CompileOptions } from "../../src/compile/options.ts";
import { changeSteps } from "../../src/dataplane/nftables/change.ts";
import { diffPrograms } from "../../src/dataplane/nftables/diff.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import type { Program } from "../../src/dataplane/nftables/program.ts";
import { decide } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import type { Change, Cluster } from "../../src/policy/cluster.ts";
import { networkPolicy, pod } from "../ask.ts";
import { clusterOf } from "../cluster-of.ts";
import { auditedCluster, connectionsOf } from "../compile/audited-cluster.ts";
import { frozen } from "../compile/ruleset-text.ts";
import { tries } from "../property.ts";
import { outcomeOf, reportsOf } from "./forwarded.ts";
import { ModelKernel } from "./model-kernel.ts";

const layout = markLayout(0xffff0000);

const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: 9080,
};

/** Dense clusters, so that enforced policies and audits meet at one pod: some of the policies change their mode. */
const switched = fc
  .tuple(auditedCluster, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }))
  .map(([cluster, dice]): readonly [Cluster, readonly Change[]] => [
    cluster,
    cluster.policies
      .filter((_, index) => dice[index % dice.length])
      .map((policy): Change => ({
        kind: "policy",
        policy: { ...policy, mode: policy.mode === "audit" ? "enforce" : "audit" },
      })),
  ]);

const verdictOf = (outcome: { readonly verdict: string }): "accept" | "deny" =>
  outcome.verdict === "accept" ? "accept" : "deny";

/** The program with all that only audits ask emptied. */
function withoutAudits(program: Program): Program {
  const chains = [...program.chains].map(([name, chain]): [string, typeof chain] => [
    name,
    /\/[46]\/(denies|accepts)/.test(name) ? { ...chain, rules: [] } : chain,
  ]);
  return { ...program, chains: new Map(chains) };
}

function check(program: Program, ruleset: Ruleset): number {
  const damaged = withoutAudits(program);
  let audits = 0;
  for (const connection of connectionsOf(ruleset)) {
    const outcome = outcomeOf(program, connection);
    const [verdict, reports] = [decide(ruleset, connection), reportsOf(ruleset, connection)];
    const is = `${verdictOf(outcome)}, ${outcome.reports}`;
    if (is !== `${verdict}, ${reports}`)
      assert.fail(`${JSON.stringify(connection)}: ${is}, not ${verdict}, ${reports}`);
    if (verdictOf(outcomeOf(damaged, connection)) !== verdict) assert.fail("an audit decides");
    if (reports.includes("audit-")) audits++;
  }
  return audits;
}

describe("policies in audit, as the kernel is given them", () => {
  it("decide nothing, and are told of as the Ruleset says, also while they change their mode", () => {
    let audits = 0;
    fc.assert(
      fc.property(switched, ([cluster, changes]) => {
        const compiler = createCompiler(options);
        const before = frozen(compiler.load(cluster));
        const mirror = new Mirror("portcullis", layout, 1, before);
        const kernel = new ModelKernel();
        for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
        audits += check(mirror.program, before);
        const change = compiler.apply(changes);
        for (const step of changeSteps(mirror.program, mirror.change(change, change.canDeny))) {
          kernel.transact(step);
          for (const connection of connectionsOf(before)) {
            const verdict = kernel.program === null ? "accept" : verdictOf(outcomeOf(kernel.program, connection));
            if (verdict !== decide(before, connection) && verdict !== decide(compiler.ruleset(), connection))
              assert.fail(`${JSON.stringify(connection)} is ${verdict} half way`);
          }
        }
        audits += check(mirror.program, compiler.ruleset());
      }),
      tries(60),
    );
    assert.ok(audits > 50, `${audits} audits`);
  });

  it("come back from the chains of ports that they share, whatever those accept", () => {
    const peers = ["a", "b", "c"].map((app) => ({ podSelector: { matchLabels: { app } } }));
    const ports = [80, 90, 100, 110].map((port) => ({ port }));
    const inAudit = { annotations: { "portcullis.dev/mode": "audit" } };
    const cluster = clusterOf([
      pod("alpha/web", ["10.244.1.9"], { labels: { app: "web" }, spec: { nodeName: "node-1" } }),
      pod("alpha/a", ["10.244.1.10"], { labels: { app: "a" }, spec: { nodeName: "node-1" } }),
      pod("alpha/d", ["10.244.1.11"], { labels: { app: "d" }, spec: { nodeName: "node-1" } }),
      networkPolicy("alpha/few", { podSelector: {}, ingress: [{ from: peers, ports: ports.slice(0, 1) }] }, inAudit),
    ]);
    const many = networkPolicy("alpha/few", { podSelector: {}, ingress: [{ from: peers, ports }] }, inAudit);
    const compiler = createCompiler(options);
    assert.equal(
      check(new Mirror("portcullis", layout, 1, compiler.load(cluster)).program, compiler.ruleset()) > 0,
      true,
    );
    compiler.apply(clusterOf([many]).policies.map((policy): Change => ({ kind: "policy", policy })));
    assert.equal(check(new Mirror("portcullis", layout, 1, compiler.ruleset()).program, compiler.ruleset()) > 0, true);
  });

  it("share their maps, whoever's policies they are: the kernel searches through all sets for each rule", () => {
    const names = ["a", "b", "c"];
    const cluster = clusterOf(
      names.flatMap((app, index) => [
        pod(`alpha/${app}`, [`10.244.1.${10 + index}`], { labels: { app }, spec: { nodeName: "node-1" } }),
        networkPolicy(
          `alpha/${app}`,
          { podSelector: { matchLabels: { app } }, ingress: [{ from: [{ ipBlock: { cidr: "203.0.113.0/24" } }] }] },
          { annotations: { "portcullis.dev/mode": "audit" } },
        ),
      ]),
    );
    const { program } = new Mirror("portcullis", layout, 1, createCompiler(options).load(cluster));
    assert.equal([...program.sets.keys()].filter((name) => name.startsWith("blocks-")).length, 1);
  });
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { chart, noHelm } from "../chart/helm.ts";
import type { NodeName } from "../random-cluster.ts";
import { whySkipped } from "./available.ts";
import { programPath } from "./binaries/build.ts";
import { until } from "./process.ts";
import { allowFrom, denyIngress, web } from "./scene.ts";
import { Site } from "./site.ts";
import { Workloads } from "./workloads.ts";

const nodes: readonly NodeName[] = ["node-1", "node-2"];
const home = "kube-system";
const asPoliciesSay = { "x/client x/server TCP/80": "allow", "x/client x/server TCP/8080": "deny" } as const;
const open = { "x/client x/server TCP/80": "allow", "x/client x/server TCP/8080": "allow" } as const;

/** What `helm install`, `upgrade` and `uninstall` do, with a DaemonSet and a Job that really run. */
describe("the chart in a cluster", { skip: whySkipped() || noHelm }, () => {
  let site: Site;
  let workloads: Workloads;
  let kubeconfig: string;

  /** Runs a program while the cluster works on. */
  const run = (
    program: string,
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly said: string }> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, said }));
    });
  const helm = async (...args: readonly string[]): Promise<string> => {
    const { code, said } = await run(programPath("helm"), ...args, "-n", home, "--kubeconfig", kubeconfig);
    assert.equal(code, 0, `helm ${args.join(" ")}: ${said}\n${workloads.logs.join("\n")}`);
    return said;
  };
  const portcullis = (...args: readonly string[]) =>
    run(process.execPath, "--no-warnings", "src/cli/main.ts", ...args, "-n", home, "--kubeconfig", kubeconfig);
  const agentsReady = async (): Promise<void> => {
    const ready = async (): Promise<true | null> => {
      const all = await Promise.all(nodes.map(async (name) => await site.agents.get(name)?.readiness()));
      return all.every((one) => one?.ready === true) ? true : null;
    };
    await until("both agents ready", ready, 60_000);
    await site.settle();
  };
  const tablesLeft = (): readonly string[] =>
    nodes.filter((name) => {
      const listing = ["netns", "exec", site.network.namespaceOf(name), "nft", "list", "tables"];
      return spawnSync("ip", listing, { encoding: "utf8" }).stdout.includes("table inet portcullis");
    });
  const nothingRuns = async (): Promise<void> => {
    const gone = async (): Promise<true | null> =>
      site.agents.size === 0 && (await site.api.list("v1", "Pod")).every(({ metadata }) => metadata.namespace !== home)
        ? true
        : null;
    await until("the end of the agents", gone, 60_000);
  };

  before(async () => {
    site = await Site.start({ nodes, agents: false });
    await site.plane.startControllers();
    for (const name of nodes) {
      const node = { apiVersion: "v1", kind: "Node", metadata: { name } };
      await site.api.patch(node, { metadata: { labels: { "kubernetes.io/os": "linux" } } });
    }
    await site.apply(
      namespace("x"),
      denyIngress("x/deny"),
      allowFrom("x/allow", { app: "client" }, { app: "server" }, 80),
    );
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/server", "node-2", 11, { app: "server" }));
    await site.read();
    kubeconfig = site.plane.kubeconfig("operator", {});
    workloads = new Workloads(site, home);
    workloads.start();
  });
  after(async () => {
    await workloads?.end();
    await site?.down();
  });

  it("helm install: policies are in force on every node", async () => {
    await site.expect(open, { evaluator: false });
    const notes = await helm("install", "portcullis", chart);
    assert.match(notes, /enforces on every node of this cluster: .*\bNetworkPolicy/);
    await agentsReady();
    await site.expect(asPoliciesSay);
    assert.deepEqual(tablesLeft(), nodes);
  });

  it("portcullis uninstall removes the rules from every node; helm upgrade brings them back", async () => {
    const { code, said } = await portcullis("uninstall", "--timeout=60s");
    assert.deepEqual({ code, said }, { code: 0, said: "rules removed from 2 nodes\n" });
    assert.deepEqual(await portcullis("uninstall", "--timeout=60s"), { code, said }, "and knows so when asked again");
    assert.deepEqual(tablesLeft(), []);
    assert.equal(existsSync(workloads.stateFile("node-1")), false, "the next boot closes nothing");
    for (const name of nodes) {
      const answer = await site.agent(name).readiness();
      assert.deepEqual([answer?.status, answer?.reason], [503, "uninstalled: no rules"]);
    }
    await site.expect(open, { evaluator: false });
    await helm("upgrade", "portcullis", chart);
    await agentsReady();
    await site.expect(asPoliciesSay);
  });

  it("helm uninstall leaves no rule behind on any node, and no object", async () => {
    await helm("uninstall", "portcullis", "--timeout", "120s", "--wait");
    assert.match(workloads.logs.at(-1) ?? "", /rules removed from 2 nodes/);
    assert.deepEqual(tablesLeft(), []);
    await nothingRuns();
    for (const [version, kind] of [
      ["v1", "ServiceAccount"],
      ["apps/v1", "DaemonSet"],
      ["batch/v1", "Job"],
      ["rbac.authorization.k8s.io/v1", "ClusterRole"],
      ["rbac.authorization.k8s.io/v1", "RoleBinding"],
    ] as const) {
      const ours = (await site.api.list(version, kind)).filter(({ metadata }) => metadata.name.includes("portcullis"));
      assert.deepEqual(
        ours.map(({ metadata }) => metadata.name),
        [],
        kind,
      );
    }
    await site.expect(open, { evaluator: false });
  });

  it("uninstall.removeRules=false leaves them in force on purpose", async () => {
    await helm("install", "portcullis", chart, "--set", "uninstall.removeRules=false");
    await agentsReady();
    await helm("uninstall", "portcullis", "--wait");
    await nothingRuns();
    assert.deepEqual(tablesLeft(), nodes);
    await site.expect(asPoliciesSay, { evaluator: false });
  });
});

import assert from "node:assert/strict";
import type { ClientRequest } from "node:http";
import { request } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { openApi, type ApiAccess } from "./api.ts";
import { whySkipped } from "./available.ts";
import { agentToken } from "./credentials.ts";
import { cut, heal } from "./cut.ts";
import { until } from "./process.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { assertReady, untilSighted } from "./sight.ts";
import { Site } from "./site.ts";

const agents = { kind: "Group", group: { name: "agents" } } as const;

/**
 * The API server's own way to hold somebody back: a priority level without seats. It still serves one request where none
 * runs, so one is kept running.
 */
const jail = {
  apiVersion: "flowcontrol.apiserver.k8s.io/v1",
  kind: "PriorityLevelConfiguration",
  metadata: { name: "jail" },
  spec: {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: 0,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: "Reject" },
    },
  },
};
const sentence = {
  apiVersion: jail.apiVersion,
  kind: "FlowSchema",
  metadata: { name: "jail" },
  spec: {
    priorityLevelConfiguration: { name: "jail" },
    matchingPrecedence: 2,
    rules: [
      {
        subjects: [agents],
        resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
        nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
      },
    ],
  },
};

const rights = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "agents" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "agents" }],
};

/** Keeps a request running that is never sent whole, and sends it anew whenever the server gives up on it. */
function takeTheOnlySeat(server: string, authority: string): { again(): void; leave(): void } {
  let left = false;
  let current: ClientRequest | null = null;
  const sit = (): void => {
    if (left) return;
    const headers = {
      authorization: `Bearer ${agentToken}`,
      "content-type": "application/json",
      "content-length": 100,
    };
    const path = `${server}/api/v1/namespaces`;
    current = request(path, { method: "POST", headers, ca: authority, agent: false }, () => current?.destroy());
    current.on("error", () => undefined);
    current.on("close", () => setTimeout(sit, 50));
    current.write("{");
  };
  sit();
  return {
    again: () => current?.destroy(),
    leave: () => {
      left = true;
      current?.destroy();
    },
  };
}

/** A real API server that answers 429 with Retry-After. */
describe("an API server that is too busy", { skip: whySkipped() }, () => {
  let site: Site;
  let asAgent: ApiAccess;
  let seat: ReturnType<typeof takeTheOnlySeat>;
  /** A server that has just started may have seated it elsewhere, before it knew of the level. */
  const untilShut = (): Promise<true> =>
    until(
      "agents are turned away",
      async () => {
        if ((await asAgent.send("GET", "/api/v1/pods?limit=1")).status === 429) return true;
        seat.again();
        await pause(100);
        return null;
      },
      30_000,
    );
  const shut = async (): Promise<void> => {
    await site.apply(jail, sentence);
    seat = takeTheOnlySeat(site.plane.urlAt("127.0.0.1"), site.plane.authority());
    await untilShut();
  };
  const open = async (): Promise<void> => {
    seat.leave();
    for (const one of [sentence, jail]) await site.api.remove(one);
  };
  before(async () => {
    site = await Site.start({ nodes: ["node-1"] });
    asAgent = openApi({ server: site.plane.urlAt("127.0.0.1"), authority: site.plane.authority(), token: agentToken });
    await site.apply(rights, namespace("x"), denyIngress("x/deny"));
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/server", "node-1", 12, { app: "server" }));
    const mayRead = async (): Promise<true | null> =>
      (await asAgent.send("GET", "/api/v1/pods?limit=1")).status === 200 ? true : null;
    await until("agents may read", mayRead, 30_000);
    await site.stopAgent("node-1", "SIGTERM");
    site.startAgent("node-1", site.kubeconfigOf("node-1", { token: agentToken }));
    await site.settle();
  });
  after(async () => {
    heal();
    seat?.leave();
    asAgent?.close();
    await site?.down();
  });

  /** How often the API server has turned agents away since it started. */
  const refusals = async (): Promise<number> => {
    const { text } = await site.api.send("GET", "/metrics");
    const lines = text
      .split("\n")
      .filter((line) => /^apiserver_flowcontrol_rejected_requests_total\{.*"jail"/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };

  it("an agent that starts waits, asks seldom, and leaves the rules in force", async () => {
    await shut();
    await site.stopAgent("node-1");
    const agent = site.startAgent("node-1", site.kubeconfigOf("node-1", { token: agentToken }));
    const first = await refusals();
    const turnedAway = async (): Promise<true | null> => ((await refusals()) >= first + 3 ? true : null);
    await until("the agent is turned away", turnedAway, 60_000, [agent.process]);
    const [from, since] = [await refusals(), performance.now()];
    await untilSighted(agent, false);
    await until("ten seconds", () => (performance.now() - since > 10_000 ? true : null), 20_000, [agent.process]);
    const perSecond = ((await refusals()) - from) / ((performance.now() - since) / 1000);
    assert.ok(perSecond < 5, `${perSecond.toFixed(1)} requests a second`);
    await site.expect({ "x/client x/server TCP/80": "allow", "x/client x/server TCP/8080": "deny" });
    await open();
    await site.settle();
    await assertReady(agent);
    await site.expect({ "x/client x/server TCP/80": "allow", "x/client x/server TCP/8080": "deny" });
  });

  it("one that was following goes on with what it knows, and makes good what it missed", async () => {
    const agent = site.agent("node-1");
    await shut();
    // What is open stays open, so it has to be made anew.
    cut(site.serverAddressOf("node-1"));
    await site.plane.stopServer("SIGKILL");
    await site.plane.startServer();
    await untilShut();
    heal();
    const first = await refusals();
    const turnedAway = async (): Promise<true | null> => ((await refusals()) > first ? true : null);
    await until("the agent is turned away", turnedAway, 60_000, [agent.process]);
    await untilSighted(agent, false);
    await assertReady(agent);
    await site.expect({ "x/client x/server TCP/80": "allow" });
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await open();
    await site.settle();
    await untilSighted(agent, true);
    await site.expect({ "x/client x/server TCP/80": "deny" });
  });
});

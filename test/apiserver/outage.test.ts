import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { whySkipped } from "./available.ts";
import { cut, heal } from "./cut.ts";
import { until } from "./process.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { assertReady, untilSighted } from "./sight.ts";
import { Site } from "./site.ts";

const patience = 60_000;

/** The API server is away or cannot be reached; what is in force stays in force, and all is made good afterwards. */
describe("outages", { skip: whySkipped() }, () => {
  let site: Site;
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"], mentioned: ["203.0.113.9", "10.244.1.12"] });
    await site.apply(
      namespace("x"),
      denyIngress("x/deny"),
      allowFrom("x/allow", { app: "client" }, { app: "server" }, 80),
    );
    await site.run(
      web("x/client", "node-2", 11, { app: "client" }),
      web("x/server", "node-1", 11, { app: "server" }),
      web("x/other", "node-1", 12, { app: "other" }),
    );
    await site.settle();
  });
  afterEach(() => heal());
  after(() => site.down());
  const asBefore = { "x/client x/server TCP/80": "allow", "x/other x/server TCP/80": "deny" } as const;

  it("a cut connection is noticed within 30 s, the rules stay, what was missed is made good", async () => {
    await site.expect(asBefore);
    const agent = site.agent("node-1");
    await untilSighted(agent, true);
    cut(site.serverAddressOf("node-1"));
    const since = performance.now();
    const notices = async (): Promise<true | null> =>
      (await agent.metric("portcullis_source_connected")) === 0 ? true : null;
    await until("the agent notices the cut", notices, patience, [agent.process]);
    const seconds = (performance.now() - since) / 1000;
    assert.ok(seconds <= 30.5, `noticed after ${seconds.toFixed(1)} s`);
    await untilSighted(agent, false);
    await assertReady(agent);
    await untilSighted(site.agent("node-2"), true);
    // Deleted and changed while nobody on node-1 sees it.
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await site.api.remove(idOf("Pod", "x/other"));
    await site.settle(["node-2"]);
    await site.expect(
      { "x/client x/server TCP/80": "allow", "203.0.113.9 x/server TCP/80": "deny" },
      { evaluator: false },
    );
    heal();
    await site.settle();
    await untilSighted(agent, true);
    await site.expect({ "x/client x/server TCP/80": "deny", "10.244.1.12 x/server TCP/80": "deny" });
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.run(web("x/other", "node-1", 12, { app: "other" }));
    await site.settle();
    await site.expect(asBefore);
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`the API server ends by ${signal} and is started again`, async () => {
      await site.plane.stopServer(signal);
      for (const agent of site.agents.values()) await untilSighted(agent, false);
      for (const agent of site.agents.values()) await assertReady(agent);
      await site.expect(asBefore);
      await site.plane.startServer();
      for (const agent of site.agents.values()) await untilSighted(agent, true);
      await site.expect(asBefore);
      await site.api.patch(idOf("Pod", "x/other"), { metadata: { labels: { app: "client" } } });
      await site.settle();
      await site.expect({ "x/other x/server TCP/80": "allow" });
      await site.api.patch(idOf("Pod", "x/other"), { metadata: { labels: { app: "other" } } });
      await site.settle();
      await site.expect(asBefore);
    });
  }

  it("history is thrown away while an agent is cut off: it reads all anew, and lost nothing", async () => {
    const agent = site.agent("node-1");
    const lists = () => agent.metric("portcullis_source_lists_total", '{resource="pods"}');
    const earlier = await lists();
    cut(site.serverAddressOf("node-1"));
    await untilSighted(agent, false);
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await site.api.remove(idOf("Pod", "x/other"));
    await site.run(web("x/new", "node-1", 12, { app: "client" }));
    await site.apply(allowFrom("x/anew", { app: "client" }, { app: "server" }, 8080));
    await site.plane.compact();
    // A fresh API server has nothing of it in its cache either.
    await site.plane.stopServer("SIGKILL");
    await site.plane.startServer();
    heal();
    await site.settle();
    await site.expect({ "x/new x/server TCP/8080": "allow", "x/new x/server TCP/80": "deny" });
    await site.expectAllAsEvaluated();
    assert.ok(((await lists()) ?? 0) > (earlier ?? 0), "it listed pods anew");
    await site.api.remove(idOf("NetworkPolicy", "x/anew"));
    await site.api.remove(idOf("Pod", "x/new"));
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.run(web("x/other", "node-1", 12, { app: "other" }));
    await site.settle();
    await site.expect(asBefore);
  });

  it("an agent that starts while there is no API server leaves the rules of before in force", async () => {
    await site.plane.stopServer();
    await site.stopAgent("node-1");
    await site.expect(asBefore);
    const agent = site.startAgent("node-1");
    const answers = async (): Promise<number | null> => (await agent.readiness())?.status ?? null;
    assert.equal(await until("the agent answers", answers, patience, [agent.process]), 503);
    assert.equal(await agent.metric("portcullis_source_connected"), 0);
    await site.expect(asBefore);
    await site.plane.startServer();
    await site.settle();
    await untilSighted(agent, true);
    await assertReady(agent);
    await site.expect(asBefore);
  });
});

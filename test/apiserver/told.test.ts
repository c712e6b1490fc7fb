import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { AgentStatus } from "../../src/agent/status/agent-status.ts";
import { runAtOnce } from "../../src/system/program.ts";
import { namespace, networkPolicy } from "../ask.ts";
import { schemaErrors } from "../json-schema.ts";
import { whySkipped } from "./available.ts";
import { idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
const patience = 60_000;

/** What `events.k8s.io/v1` lists, as far as this reads it. */
interface Told {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly reason: string;
  readonly type: string;
  readonly note: string;
  readonly reportingController: string;
  readonly regarding: { readonly kind: string; readonly name: string; readonly uid: string };
}

/** What owners of policies and operators of nodes are told: Events and `portcullis status`. */
describe("what is told", { skip: whySkipped() }, () => {
  let site: Site;
  const nodes = ["node-1", "node-2"] as const;
  const statusOf = async (node: (typeof nodes)[number]): Promise<AgentStatus> => {
    const status = await site.agent(node).status();
    assert.deepEqual(schemaErrors(status, "agent-status.json"), []);
    return status as AgentStatus;
  };
  const eventsAbout = async (name: string): Promise<readonly Told[]> => {
    const all = (await site.api.list("events.k8s.io/v1", "Event")) as unknown as readonly Told[];
    return all.filter(({ regarding }) => regarding.name === name);
  };
  const untilTold = async (name: string): Promise<readonly Told[]> => {
    const deadline = performance.now() + patience;
    for (;;) {
      const events = await eventsAbout(name);
      if (events.length > 0 || performance.now() > deadline) return events;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  before(async () => {
    site = await Site.start({ nodes });
    await site.apply(namespace("x"));
    await site.run(web("x/a", "node-1", 11), web("x/b", "node-2", 12));
    await site.settle();
  });
  after(() => site.down());

  it("status names the version of each policy that the kernel has, and the pods that it selects", async () => {
    await site.apply(networkPolicy("x/deny", { podSelector: {}, policyTypes: ["Ingress"] }));
    await site.settle();
    const stored = await site.api.find("networking.k8s.io/v1", "NetworkPolicy", "deny", "x");
    const { uid, resourceVersion } = (stored as { metadata: { uid: string; resourceVersion: string } }).metadata;
    for (const node of nodes) {
      const { policies, source, ready, degraded } = await statusOf(node);
      assert.deepEqual([ready, degraded, source?.connected], [true, null, true]);
      const policy = policies.find(({ id }) => id === "NetworkPolicy/x/deny");
      assert.deepEqual([policy?.state, policy?.uid, policy?.pods], ["enforced", uid, 1]);
      assert.deepEqual([policy?.resourceVersion, policy?.inForce?.resourceVersion], [resourceVersion, resourceVersion]);
    }
  });

  it("the command prints it, and ends with 1 while something is not in force", async () => {
    const command = (...args: readonly string[]) => {
      const socket = join(site.plane.folder, "node-1.sock");
      return runAtOnce(process.execPath, ["--no-warnings", main, "status", "--socket", socket, ...args]);
    };
    const good = command();
    assert.deepEqual([good.code, good.stderr], [0, ""]);
    assert.match(good.stdout, /NetworkPolicy\/x\/deny +enforced/);
    const json = command("x/deny", "-ojson");
    assert.equal(json.code, 0);
    assert.deepEqual(schemaErrors(JSON.parse(json.stdout) as unknown, "agent-status.json"), []);
    assert.equal(command("x/never-there").code, 1);
    await site.plane.storeUnchecked("networkpolicies/x/broken", broken());
    await site.settle();
    const bad = command();
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /NetworkPolicy\/x\/broken +invalid/);
  });

  it("the owner of a policy that is not valid finds one Event, however many agents there are", async () => {
    const [event, ...more] = await untilTold("broken");
    assert.deepEqual(more, []);
    assert.ok(event);
    assert.deepEqual(
      [event.metadata.namespace, event.reason, event.type, event.reportingController, event.regarding.kind],
      ["x", "InvalidPolicy", "Warning", "portcullis.dev/agent", "NetworkPolicy"],
    );
    assert.match(event.note, /ipBlock/);
    await new Promise((resolve) => setTimeout(resolve, 8000));
    assert.equal((await eventsAbout("broken")).length, 1);
  });

  it("and no other after a restart of an agent", async () => {
    const began = performance.now();
    assert.equal(await site.agent("node-1").process.stop("SIGTERM"), 0);
    assert.ok(performance.now() - began < 5000, "no connection to the API server keeps it from ending");
    await site.stopAgent("node-1");
    site.startAgent("node-1");
    await site.settle();
    await new Promise((resolve) => setTimeout(resolve, 8000));
    assert.equal((await eventsAbout("broken")).length, 1);
    await site.api.remove(idOf("NetworkPolicy", "x/broken"));
  });
});

/** What an older API server, with a weaker validation, has stored. */
function broken(): object {
  const metadata = { uid: randomUUID(), creationTimestamp: "2020-01-01T00:00:00Z", generation: 1 };
  const ingress = [{ from: [{ ipBlock: { cidr: "10.244.0.0/99" } }] }];
  return networkPolicy("x/broken", { podSelector: {}, policyTypes: ["Ingress"], ingress }, metadata);
}

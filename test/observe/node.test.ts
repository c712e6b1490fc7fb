import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Flow } from "../../src/observe/flow.ts";
import { networkPolicy } from "../ask.ts";
import { freshPort, pings, podPeer, policyFor, reachesTcp, reachesUdp } from "../contract/fixture.ts";
import { Raw, connect, udpOverIpv6 } from "../contract/sockets.ts";
import { opened } from "../contract/stream-pairs.ts";
import { schemaErrors } from "../json-schema.ts";
import { noNamespaces } from "../own-namespace.ts";
import { runBinary } from "../run-binary.ts";
import { agentPod, scriptedKubectl } from "./scripted-kubectl.ts";
import { type ObservedWorld, type Observing, modeOf, observe, observeWorld, waitFor } from "./site.ts";

/** A connection to the socket stands twice in this list: both its ends. */
const readers = (socket: string): number =>
  readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .filter((line) => line.endsWith(` ${socket}`) && line.split(" ")[5] === "03").length;

const short = ({ verdict, direction, reason, protocol, from, to, policies }: Flow): string => {
  const name = (end: Flow["from"]) => (end.pod === null ? end.address : `${end.namespace}/${end.pod}`);
  return [verdict, direction, reason, protocol, name(from), name(to), ...policies].join(" ");
};

/**
 * The kernel reports a pair of addresses once a second, three times at first: each test denies pairs of its own, or
 * few that others deny, too.
 */
describe("portcullis observe on a node", { skip: noNamespaces, timeout: 120_000 }, () => {
  let site: ObservedWorld;
  let observing: Observing[] = [];
  before(async () => {
    site = await observeWorld();
  });
  after(() => site.destroy());
  // After a failure, too: a child that goes on would keep this process waiting.
  afterEach(async () => {
    for (const one of observing) one.child.kill("SIGKILL");
    observing = [];
    await waitFor("the agent to see that they are gone", () => readers(site.socket) === 0);
  });

  /** Starts to observe, and returns when the agent tells it what happens. */
  const begin = async (...args: readonly string[]): Promise<Observing> => {
    await waitFor("who is gone to be gone", () => readers(site.socket) === observing.length);
    const one = observe(["--socket", site.socket, ...args]);
    observing.push(one);
    await waitFor("its connection", () => readers(site.socket) === observing.length);
    // And the agent's answer.
    await pause(50);
    return one;
  };
  const end = async (): Promise<void> => {
    for (const one of observing) one.child.kill("SIGINT");
    assert.deepEqual(
      await Promise.all(observing.map((one) => one.ended)),
      observing.map(() => 0),
    );
    observing = [];
  };
  const web = policyFor("in", "web", { ingress: [{ from: [podPeer("client")] }] });
  const other = policyFor("eg", "other", { policyTypes: ["Egress"] });

  it("tells who was denied, in which direction, by whose policies, in both families", async () => {
    await site.enforce([web, other]);
    const { world } = site;
    const seen = await begin("-o", "json");
    for (const family of ["v4", "v6"] as const) {
      const icmp = family === "v4" ? "ICMP" : "ICMPv6";
      const count = seen.flows().length;
      await reachesTcp(world.remote, world.web, freshPort(), family);
      await reachesUdp(world.outside, world.web, freshPort(), family);
      await pings(world.other, world.client, family);
      await reachesUdp(world.other, world.outside, freshPort(), family);
      await reachesTcp(world.stranger, world.other, freshPort(), family);
      await waitFor("five flows", () => seen.flows().length >= count + 5);
      const flows = seen.flows().slice(count);
      assert.deepEqual(
        flows.flatMap((flow) => schemaErrors(flow, "flow.json")),
        [],
      );
      assert.deepEqual(flows.map(short), [
        "denied ingress isolated TCP alpha/remote alpha/web NetworkPolicy/alpha/in",
        `denied ingress isolated UDP ${world.outside[family]} alpha/web NetworkPolicy/alpha/in`,
        `denied egress isolated ${icmp} alpha/other alpha/client NetworkPolicy/alpha/eg`,
        `denied egress isolated UDP alpha/other ${world.outside[family]} NetworkPolicy/alpha/eg`,
        `denied  unknown TCP ${world.stranger[family]} alpha/other`,
      ]);
    }
    await end();
  });

  it("tells the backend of a Service", async () => {
    await site.enforce([web]);
    const { world } = site;
    const seen = await begin("-o", "json", "--limit", "1");
    await reachesTcp(world.outside, world.web, 80, "v4", world.service);
    assert.equal(await seen.ended, 0, "it has seen as many as it was to");
    const [flow] = seen.flows();
    assert.deepEqual([flow?.to.address, flow?.to.pod, flow?.to.port], [world.web.v4, "web", 80]);
    observing = [];
  });

  it("tells who had opened a connection that is cut when the server speaks", async () => {
    await site.enforce([]);
    const { world } = site;
    const { client, server } = await opened(world.remote, world.web);
    const seen = await begin("-o", "json");
    await site.enforce([web]);
    server.send("more");
    await waitFor("the cut", () => seen.flows().length > 0);
    assert.equal(short(seen.flows()[0]!), "denied ingress isolated TCP alpha/remote alpha/web NetworkPolicy/alpha/in");
    client.close();
    server.close();
    await end();
  });

  it("tells what policies in audit would deny, and would allow", async () => {
    const audit = { annotations: { "portcullis.dev/mode": "audit" } };
    const { world } = site;
    const mayAsk = { podSelector: { matchLabels: { app: "web" } }, ingress: [{ from: [podPeer("remote")] }] };
    await site.enforce([
      networkPolicy("alpha/closed", { podSelector: { matchLabels: { app: "other" } } }, audit),
      networkPolicy("alpha/open", mayAsk, audit),
      web,
    ]);
    const denied = await begin("-o", "json", "--verdict", "audit-denied");
    const allowed = await begin("-o", "json", "--verdict", "audit-allowed");
    assert.equal(await reachesTcp(world.client, world.other, freshPort()), true);
    assert.equal(await reachesTcp(world.remote, world.web, freshPort()), false);
    await waitFor("both", () => denied.flows().length > 0 && allowed.flows().length > 0);
    const [first] = denied.flows();
    const [second] = allowed.flows();
    assert.ok(first && second);
    assert.equal(short(first), "audit-denied ingress isolated TCP alpha/client alpha/other NetworkPolicy/alpha/closed");
    assert.match(
      short(second),
      /^audit-allowed ingress isolated TCP alpha\/remote alpha\/web NetworkPolicy\/alpha\/open$/,
    );
    await end();
  });

  it("shows what was asked for, as lines for a person, and how to ask why", async () => {
    await site.enforce([web, other]);
    const { world } = site;
    const [one, two] = [await begin("--pod", "alpha/remote"), await begin("-n", "alpha", "--direction", "egress")];
    const port = freshPort();
    await reachesUdp(world.outside, world.web, freshPort());
    await reachesTcp(world.remote, world.web, port, "v6");
    await reachesUdp(world.other, world.outside, 53);
    await waitFor("a line each", () => one.stdout() !== "" && two.stdout() !== "");
    await end();
    assert.match(
      one.stdout(),
      new RegExp(
        `^[0-9:.]{12}Z  denied  ingress  TCP  alpha/remote  ->  alpha/web:${port}  isolated by NetworkPolicy/alpha/in\n$`,
      ),
    );
    assert.match(
      one.stderr(),
      new RegExp(`kubectl portcullis explain --from alpha/remote --to alpha/web --protocol TCP --port ${port}\n$`),
    );
    assert.match(
      two.stdout(),
      /^[0-9:.]{12}Z {2}denied {2}egress {2}UDP {2}alpha\/other {2}-> {2}203\.0\.113\.9:53 {2}isolated by/,
    );
  });

  it("is what each node of a cluster is asked for, and leaves nobody behind there", async () => {
    await site.enforce([web]);
    const { world } = site;
    const exec = { "portcullis-n1": { socket: site.socket } };
    const kubectl = scriptedKubectl({ pods: { items: [agentPod("n1")] }, exec });
    const seen = observe(["--all-nodes", "--pod", "alpha/other", "--verdict", "denied", "-o", "json"], kubectl.env);
    try {
      await waitFor("its connection", () => readers(site.socket) === 1);
      await pause(50);
      await reachesTcp(world.outside, world.web, freshPort());
      await reachesTcp(world.other, world.web, freshPort());
      await waitFor("a flow", () => seen.flows().length > 0);
    } finally {
      seen.child.kill("SIGKILL");
    }
    const flows = seen.flows().map(short);
    assert.deepEqual(flows, ["denied ingress isolated TCP alpha/other alpha/web NetworkPolicy/alpha/in"]);
    await waitFor("the end of all", () => readers(site.socket) === 0 && kubectl.ended() === 2);
    kubectl.remove();
  });

  it("goes on when the agent is back from a restart", async () => {
    await site.enforce([web]);
    const { world } = site;
    const seen = await begin("-o", "json");
    await site.restart();
    await waitFor("the next agent", () => seen.stderr().includes("the agent is back"));
    await reachesTcp(world.other, world.web, freshPort(), "v6");
    await waitFor("a flow", () => seen.flows().length > 0);
    assert.match(seen.stderr(), /the agent has ended; waiting for the next one/);
    await end();
  });

  it("ends with its input where it is told to", async () => {
    const seen = await begin("--until-eof");
    seen.child.stdin?.end();
    assert.equal(await seen.ended, 0);
    observing = [];
  });

  it("a flood of pairs costs little, and what else is denied is told all the same", async () => {
    await site.enforce([web, other]);
    const { world } = site;
    const seen = await begin("-o", "json");
    const logged = () => site.agent().stderr().split("connection denied").length - 1;
    const resident = () => {
      const status = readFileSync(`/proc/${site.agent().child.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    };
    const [linesBefore, memoryBefore] = [logged(), resident()];
    const raw = Raw.open(world.outside.netns, world.outside.v6, 255);
    let sent = 0;
    const flood = async (until: number): Promise<void> => {
      for (; sent < until; await pause(1)) {
        for (let one = 0; one < 50; one += 1) {
          sent += 1;
          const from =
            `2001:db8:1::${(sent >> 16).toString(16)}:${(sent & 0xffff).toString(16)}` as typeof world.web.v6;
          raw.send(world.web.v6, udpOverIpv6(from, world.web.v6, [1000, 53], "x"));
        }
      }
    };
    const isSeen = (port: number) => () => seen.flows().some(({ to }) => to.port === port);
    await flood(3000);
    const [first, second] = [freshPort(), freshPort()];
    await reachesUdp(world.other, world.outside, first, "v6");
    await waitFor("another kind of denial", isSeen(first));
    // More pairs than the kernel keeps in mind: no more of them are told for a while.
    await flood(40_000);
    await reachesUdp(world.other, world.outside, second, "v4");
    await waitFor("the other family", isSeen(second));
    raw.close();
    const flows = seen.flows().length;
    assert.ok(flows > 50 && flows < 800, `${flows} of ${sent} are told`);
    assert.ok(logged() - linesBefore <= flows, "and no more lines are logged");
    assert.ok(resident() - memoryBefore < 60, `${memoryBefore} MB before, ${resident()} MB after`);
    await end();
  });

  it("one pair that tries again and again takes one line of the log in ten seconds", async () => {
    await site.enforce([web]);
    await site.restart();
    const { world } = site;
    const seen = await begin("-o", "json");
    for (let count = 0; count < 3; count += 1)
      (await connect(world.remote.netns, world.remote.v4, world.web.v4, 8443))?.close();
    await waitFor("three flows", () => seen.flows().length >= 3);
    assert.equal(site.agent().stderr().split("port=8443").length - 1, 1);
    await end();
  });

  it("is for root and the socket's group only", async () => {
    const { uid, mode } = modeOf(site.socket);
    assert.deepEqual([uid, (mode & 0o777).toString(8)], [0, "660"]);
    assert.equal((modeOf(dirname(site.socket)).mode & 0o007).toString(8), "0");
  });

  it("says what is wrong where there is no agent", async () => {
    const ran = await runBinary(["observe", "--socket", "/run/pct-nobody.sock"]);
    assert.equal(ran.code, 3);
    assert.match(ran.stderr, /no agent listens on \/run\/pct-nobody\.sock/);
    assert.equal(ran.stdout, "");
  });
});

describe("portcullis observe for somebody without the right to", { skip: noNamespaces }, () => {
  it("says so", async (context) => {
    const site = await observeWorld();
    try {
      const { execPath } = process;
      const nobody = (...args: readonly string[]) =>
        spawnSync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", ...args], { encoding: "utf8" });
      if (nobody(execPath, "--version").status !== 0) return context.skip("nobody cannot run this Node");
      const { binary } = await import("../run-binary.ts");
      const ran = nobody(execPath, binary, "observe", "--socket", site.socket);
      assert.equal(ran.status, 3, ran.stderr);
      assert.match(ran.stderr, /may be used by root and the socket's group only/);
    } finally {
      await site.destroy();
    }
  });
});

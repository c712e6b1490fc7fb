/** What becomes of learned names, and of DNS, when the agent, its rules or its policies come and go. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openPacketQueue } from "../../src/system/netlink/packet-queue.ts";
import { noNamespaces } from "../own-namespace.ts";
import { type Scene, buildScene, namesPolicy } from "./scene.ts";
import { run, service } from "./site.ts";

const v4 = (host: number): string => `198.51.100.${host}`;

describe("learned names, and DNS", { skip: noNamespaces, timeout: 120_000 }, () => {
  let scene: Scene;
  before(async () => {
    scene = await buildScene(["--dns-grace", "60s", "--sync-period", "1h"]);
    await scene.start();
    await scene.enforce(namesPolicy(["*.example.org"]));
  });
  after(() => scene?.remove());

  const opens = async (address: string): Promise<boolean> => (await scene.client.call("open", { address })) !== null;
  const isClosed = async (address: string): Promise<boolean> =>
    (await scene.client.call("open", { address, patience: 150 })) === null;
  /** Whether the log tells that a policy in audit would have denied the host. */
  const told = (host: number): boolean =>
    new RegExp(String.raw`would be denied if the policies in audit.*198\.51\.100\.${host} `).test(scene.agent().log());
  const asks = (name: string) => scene.client.call("ask", { server: service[0], name });

  it("go on without the agent: what is known stays, nothing is learned, and it goes on where it was when it is back", async () => {
    await asks("ok-1-60.example.org");
    assert.equal(await opens(v4(1)), true);
    await scene.agent().kill("SIGKILL");
    assert.equal((await asks("ok-2-60.example.org"))?.code, 0, "DNS works");
    assert.equal(await opens(v4(1)), true);
    assert.equal(await isClosed(v4(2)), true);
    await scene.start();
    await scene.until("portcullis_dns_listening", (value) => value === 1);
    await scene.until("portcullis_dns_addresses", (value) => value === 1);
    assert.equal(await opens(v4(1)), true);
    await asks("ok-2-60.example.org");
    assert.equal(await opens(v4(2)), true);
  });

  it("are let go when the agent is told to stop, whatever is on its way", async () => {
    const asking = scene.client.call("both", { server: service[0], count: 300 });
    await pause(20);
    assert.equal(await scene.agent().kill("SIGTERM"), 0);
    const times = await asking;
    assert.deepEqual(
      times.filter((time) => time > 2000),
      [],
    );
    await scene.start();
    await scene.until("portcullis_dns_listening", (value) => value === 1);
  });

  it("are put back when somebody flushes all rules", async () => {
    await asks("ok-3-60.example.org");
    run("ip", ["netns", "exec", scene.site.node, "nft", "delete", "table", "inet", "portcullis"]);
    await scene.until("portcullis_repairs_total", (value) => value > 0);
    for (const deadline = performance.now() + 5000; performance.now() < deadline;) {
      if (await opens(v4(3))) break;
    }
    assert.equal(await opens(v4(3)), true);
    assert.equal(await opens(v4(1)), true, "of the agent before this one");
  });

  it("are forgotten with the last policy that names them, and nobody listens then; learned anew when it is back", async () => {
    await scene.enforce(null);
    await scene.enforce(namesPolicy(["*.example.org"]));
    assert.equal(await isClosed(v4(3)), true);
    await asks("ok-3-60.example.org");
    assert.equal(await opens(v4(3)), true);
    assert.equal(await scene.metric("portcullis_dns_addresses"), 1);
  });

  it("are learned for policies in audit, which deny nothing", async () => {
    await scene.enforce(null);
    await scene.enforce(namesPolicy(["*.example.org"], "audit"));
    assert.equal(await opens(v4(4)), true);
    for (const deadline = performance.now() + 5000; !told(4) && performance.now() < deadline;) await pause(20);
    assert.equal(told(4), true);
    await asks("ok-5-60.example.org");
    assert.equal(await opens(v4(5)), true);
    await pause(300);
    assert.equal(told(5), false);
    assert.equal(await scene.metric("portcullis_dns_addresses"), 1);
  });

  it("do without a queue that somebody else has: DNS works, and the log says what to do", async () => {
    await scene.enforce(null);
    await scene.agent().kill("SIGTERM");
    const options = { queue: 9053, copyRange: 128, length: 64, socketBuffer: 1 << 16, failOpen: true };
    const other = openPacketQueue(scene.site.node, options);
    try {
      await scene.start();
      await scene.enforce(namesPolicy(["*.example.org"]), false);
      const says = /names are not learned from DNS answers.*EPERM.*another one with --dns-queue/;
      for (const deadline = performance.now() + 5000; performance.now() < deadline; await pause(20)) {
        if (says.test(scene.agent().log())) break;
      }
      assert.match(scene.agent().log(), says);
    } finally {
      other.close();
    }
    assert.equal((await asks("ok-6-60.example.org"))?.code, 0);
    assert.equal(await isClosed(v4(6)), true);
  });
});

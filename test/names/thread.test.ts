/** The thread that reads DNS packets, without an agent: what it holds, and that the main thread holds up nothing else. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { FromThread } from "../../src/agent/names/messages.ts";
import { newCounts, readCounts } from "../../src/agent/names/tallies.ts";
import { type NameThread, startNameThread } from "../../src/agent/names/thread.ts";
import type { DomainSetName } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import type { DomainPattern } from "../../src/net/domain-name.ts";
import { openPacketQueue } from "../../src/system/netlink/packet-queue.ts";
import { noNamespaces } from "../own-namespace.ts";
import { type Asker, type Running, startAsker, startResolver } from "./processes.ts";
import { type Site, addresses, buildSite, run } from "./site.ts";

const queue = 9053;
const table = {
  sets: [{ name: "d" as DomainSetName, patterns: ["*.example.org" as DomainPattern] }],
  classes: [[0]],
  subjects: [[addresses.client[0] as Address, 0]] as const,
};

describe("the thread that reads DNS", { skip: noNamespaces, timeout: 60_000 }, () => {
  let site: Site;
  let asker: Asker;
  let thread: NameThread;
  const running: Running[] = [];
  const counts = newCounts();
  const batches: Extract<FromThread, { kind: "learn" }>[] = [];
  /** Whether batches are brought into the (pretended) kernel at once. */
  let completes = true;
  const heard = { listening: false };
  const { promise: died, resolve: hasDied } = Promise.withResolvers<Error>();
  before(async () => {
    site = buildSite();
    running.push(await startResolver(site));
    asker = await startAsker(site, "client");
    const rule = ["-A", "FORWARD", "-p", "udp", "-j", "NFQUEUE", "--queue-num", String(queue), "--queue-bypass"];
    run("ip", ["netns", "exec", site.node, "iptables", "-t", "mangle", ...rule]);
    const take = (message: FromThread): void => {
      if (message.kind === "listening") heard.listening = true;
      if (message.kind !== "learn") return;
      batches.push(message);
      if (completes) thread.send({ kind: "completed", number: message.number, taken: true });
    };
    const options = { netns: site.node, queue, minTtl: 60, maxTtl: 60, grace: 60, counts };
    thread = startNameThread(options, { message: take, ended: hasDied });
    thread.send({ kind: "follow", table });
    for (const deadline = performance.now() + 10_000; !heard.listening && performance.now() < deadline;)
      await pause(10);
  });
  after(async () => {
    await thread?.stop();
    await asker?.stop();
    for (const one of running) await one.stop();
    site?.remove();
  });

  const ask = (name: string) => asker.call("ask", { server: addresses.dns[0], name, patience: 3000 });

  it("lets answers go whose addresses are known while the main thread does something else for half a second", async () => {
    await ask("ok-7-60.example.org");
    assert.equal(batches.length, 1);
    const known = { server: addresses.dns[0], count: 3000, pattern: "ok-7-60.n#.example.org", first: 0 };
    const asking = asker.call("series", known);
    await pause(20);
    for (const until = performance.now() + 600; performance.now() < until;);
    const times = await asking;
    assert.ok(Math.max(...times) < 400, `the slowest took ${Math.max(...times)} ms`);
    assert.equal(batches.length, 1);
  });

  it("holds one with new addresses until they are there, a second at most", async () => {
    completes = false;
    const earlier = readCounts(counts);
    const asking = ask("ok-8-60.example.org");
    await pause(300);
    thread.send({ kind: "completed", number: batches.at(-1)?.number ?? 0, taken: true });
    const held = await asking;
    assert.ok(held !== null && held.milliseconds >= 290 && held.milliseconds < 900, `${held?.milliseconds} ms`);
    const late = await ask("ok-9-60.example.org");
    assert.ok(late !== null && late.milliseconds >= 950 && late.milliseconds < 2500, `${late?.milliseconds} ms`);
    const now = readCounts(counts);
    assert.deepEqual([now.held - earlier.held, now.late - earlier.late], [2, 1]);
  });

  it("gives the queue up whatever it dies of: DNS goes on, what waited too, and the next one can have it", async () => {
    completes = false;
    const earlier = readCounts(counts);
    const asking = ask("ok-10-60.example.org");
    for (const until = performance.now() + 800; readCounts(counts).held === earlier.held && performance.now() < until;)
      await pause(5);
    thread.send({ kind: "follow", table: null as unknown as typeof table });
    const held = await asking;
    assert.ok(held !== null && held.milliseconds < 900, `${held?.milliseconds} ms`);
    assert.match((await died).message, /null/);
    const next = await ask("ok-11-60.example.org");
    assert.ok(next !== null && next.milliseconds < 900, `${next?.milliseconds} ms`);
    openPacketQueue(site.node, { queue, copyRange: 64, length: 1, socketBuffer: 4096, failOpen: true }).close();
  });
});

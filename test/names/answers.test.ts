/** What is learned from real answers to a pod, and what is not, through the whole agent and the kernel. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { noNamespaces } from "../own-namespace.ts";
import { missingDnsmasq, startDnsmasq, startNodeResolver, startSecondResolver } from "./processes.ts";
import { type Scene, buildScene, namesPolicy } from "./scene.ts";
import { addresses, nodeResolver, run, service } from "./site.ts";

const answers = (result: string): string => `portcullis_dns_answers_total{result="${result}"}`;
const v4 = (host: number): string => `198.51.100.${host}`;

describe("names learned from answers", { skip: noNamespaces, timeout: 120_000 }, () => {
  let scene: Scene;
  before(async () => {
    scene = await buildScene();
    await scene.start();
    // The node's first solicitation for the outside's address may get lost, and the next comes a second later.
    for (const address of [v4(250), "2001:db8:5::fa"])
      assert.notEqual(await scene.plain.call("open", { address, patience: 10_000 }), null);
    await scene.enforce(namesPolicy(["*.example.org", "exact.example.net"]));
  });
  after(() => scene?.remove());

  const opens = async (address: string, patience = 500): Promise<boolean> =>
    (await scene.client.call("open", { address, patience })) !== null;
  /** What is denied is dropped: nobody waits longer for it than what passes ever takes. */
  const isClosed = async (address: string): Promise<boolean> => !(await opens(address, 150));
  const asks = async (
    name: string,
    more: { server?: string; type?: "A" | "AAAA"; tcp?: boolean; patience?: number } = {},
  ) => scene.client.call("ask", { server: service[0], name, ...more });

  it("let the first connection through that comes after the answer, of both families, a thousand times", async () => {
    for (const [index, family] of [4, 6].entries()) {
      const server = service[index] ?? "";
      const wrong = await scene.client.call("race", { server, count: 500, hosts: 200, family: family === 4 ? 4 : 6 });
      const told = [
        "queries_total",
        ...["learned", "known", "other", "unasked"].map((one) => `answers_total{result="${one}"}`),
      ];
      const counts = await Promise.all(
        told.map(async (one) => `${one} ${await scene.metric(`portcullis_dns_${one}`)}`),
      );
      assert.deepEqual(wrong, [], `${counts.join(", ")}\n${scene.agent().log()}`);
    }
    assert.equal(await scene.metric("portcullis_dns_late_answers_total"), 0);
  });

  it("are those of the pattern: one label or more before it, the exact name alone, whatever the case", async () => {
    assert.equal(await isClosed(v4(201)), true);
    await asks("ok-201-60.example.org");
    assert.equal(await opens(v4(201)), true);
    await asks("OK-202-60.A.b.Example.ORG");
    assert.equal(await opens(v4(202)), true);
    await asks("case-203-60.MiXed.example.org");
    assert.equal(await opens(v4(203)), true);
    await asks("ok-204-60.example.com");
    assert.equal(await isClosed(v4(204)), true);
    await asks("ok-204-60.badexample.org");
    assert.equal(await isClosed(v4(204)), true);
  });

  it("come by the Service, by a resolver's own address, and by TCP in pieces of a byte", async () => {
    await asks("ok-206-60.example.org", { server: addresses.dns[0] });
    assert.equal(await opens(v4(206)), true);
    await asks("ok-207-60.example.org", { tcp: true });
    assert.equal(await opens(v4(207)), true);
    await asks("slow-208-60.example.org", { tcp: true });
    assert.equal(await opens(v4(208)), true);
    await asks("ok-209-60.example.org", { server: service[1], type: "AAAA", tcp: true });
    assert.equal(await opens("2001:db8:5::d1"), true);
    assert.equal((await asks("many-10-60.tcp.example.org", { tcp: true }))?.code, 0);
    assert.equal(await opens(v4(109)), true);
  });

  it("come from a resolver of the node's own, as node-local DNS is", async () => {
    const local = await startNodeResolver(scene.site);
    try {
      await asks("ok-224-60.example.org", { server: nodeResolver[0] });
      assert.equal(await opens(v4(224)), true);
      await asks("ok-225-60.example.org", { server: nodeResolver[0], tcp: true });
      assert.equal(await opens(v4(225)), true);
    } finally {
      await local.stop();
    }
  });

  it("are found at the end of aliases, not where an answer says something of another name", async () => {
    await asks("alias-211-60.example.org");
    assert.equal(await opens(v4(211)), true);
    for (const name of ["lie-212-60.example.org", "circle-212-60.example.org"]) {
      const empty = await scene.metric(answers("empty"));
      await asks(name);
      await scene.until(answers("empty"), (value) => value === empty + 1);
    }
    assert.equal(await isClosed(v4(212)), true);
  });

  it("of answers that lie, are broken, or that nobody asked for are not learned, and are delivered all the same", async () => {
    const wrong: readonly (readonly [string, string, boolean])[] = [
      ["wrongid", "unasked", true],
      ["wrongname", "unasked", true],
      ["wrongtype", "unasked", true],
      ["tc", "truncated", true],
      ["nx", "error", true],
      ["loop", "malformed", true],
      ["cut", "malformed", true],
      ["trailing", "trailing", true],
      ["twoq", "questions", true],
    ];
    for (const [kind, result, arrives] of wrong) {
      const count = await scene.metric(answers(result));
      const answer = await asks(`${kind}-213-60.example.org`);
      assert.equal(answer !== null, arrives, kind);
      await scene.until(answers(result), (value) => value === count + 1);
      assert.equal(await isClosed(v4(213)), true, kind);
    }
    // Those that no resolver sent, or that come from another port, are not even shown.
    for (const kind of ["stranger", "wrongport"]) {
      await asks(`${kind}-213-60.example.org`, { patience: 200 });
      assert.equal(await isClosed(v4(213)), true, kind);
    }
    assert.equal((await asks("tc-214-60.example.org", { tcp: true }))?.code, 0);
    assert.equal(await opens(v4(214)), true);
  });

  it("of huge answers are learned up to the limit of a name; datagrams in pieces, too", async () => {
    assert.equal((await asks("many-100-60.udp.example.org"))?.bytes, 1645);
    assert.equal(await opens(v4(150)), true);
    const over = await scene.metric('portcullis_dns_over_limit_total{limit="name"}');
    assert.equal((await asks("huge-1-60.example.org", { tcp: true, type: "AAAA" }))?.code, 0);
    await scene.until('portcullis_dns_over_limit_total{limit="name"}', (value) => value > over + 200);
    assert.match(scene.agent().log(), /not everything that DNS answers say is learned.*limit=name pod=shop\/client/);
  });

  it("are the pod's that asked for them: one that no policy selects is not held up and teaches nothing", async () => {
    const queries = await scene.metric("portcullis_dns_queries_total");
    const known = await scene.metric("portcullis_dns_addresses");
    const answer = await scene.plain.call("ask", { server: service[0], name: "ok-216-60.example.org" });
    assert.equal(answer?.code, 0);
    assert.equal(await isClosed(v4(216)), true);
    assert.equal(await scene.metric("portcullis_dns_queries_total"), queries);
    assert.ok((await scene.metric("portcullis_dns_addresses")) <= known);
    assert.notEqual(await scene.plain.call("open", { address: v4(216) }), null);
  });

  it("hold nobody up: both families at once from one socket, and the C library's lookup", async () => {
    const times = await scene.client.call("both", { server: service[0], count: 300 });
    assert.equal(times.length, 300);
    assert.ok(Math.max(...times) < 1500, `the slowest took ${Math.max(...times)} ms`);
    const { addresses: found, milliseconds } = await scene.client.call("lookup", { name: "ok-217-60.example.org" });
    assert.deepEqual(found.toSorted(), ["198.51.100.217", "2001:db8:5::d9"]);
    assert.ok(milliseconds < 2000, `${milliseconds} ms`);
    assert.equal(await opens(v4(217)), true);
    assert.equal(await opens("2001:db8:5::d9"), true);
  });

  it("hold nobody up where a Service leads each query of one socket to another resolver", async () => {
    const second = await startSecondResolver(scene.site);
    const toEither = `table inet either { chain to { type nat hook prerouting priority -110;
      ip daddr ${service[0]} dnat ip to numgen random mod 2 map { 0 : ${addresses.dns[0]}, 1 : ${addresses.honest[0]} }; }; }\n`;
    run("ip", ["netns", "exec", scene.site.node, "nft", "-f", "-"], toEither);
    const numbers = () =>
      Promise.all(
        ["portcullis_dns_queries_total", answers("learned"), answers("known")].map((name) => scene.metric(name)),
      );
    const [queries = 0, learned = 0, known = 0] = await numbers();
    try {
      const times = await scene.client.call("both", { server: service[0], count: 300 });
      assert.ok(Math.max(...times) < 1500, `the slowest took ${Math.max(...times)} ms`);
      const [queriesNow = 0, learnedNow = 0, knownNow = 0] = await numbers();
      assert.deepEqual([queriesNow - queries, learnedNow + knownNow - learned - known], [600, 600]);
    } finally {
      run("ip", ["netns", "exec", scene.site.node, "nft", "delete", "table", "inet", "either"]);
      await second.stop();
      // A later question from one of these ports would still be led to the resolver that is gone.
      run("ip", ["netns", "exec", scene.site.node, "conntrack", "-F"]);
    }
  });

  it("that leave the answer let no new connection begin, open ones go on for the grace, and are cut then", async () => {
    const name = "swap-220-1.example.org";
    assert.notEqual(await asks(name, { patience: 4000 }), null);
    const handle = await scene.client.call("open", { address: v4(220) });
    assert.ok(handle !== null);
    assert.notEqual(await asks(name, { patience: 4000 }), null);
    assert.equal(await opens(v4(221)), true);
    // Its time to live: whoever got the first answer may use it so long.
    await pause(2200);
    assert.equal(await isClosed(v4(220)), true);
    assert.equal(await scene.client.call("speak", { handle }), true, "within the grace");
    await pause(2600);
    assert.equal(await scene.client.call("speak", { handle }), false, "after it");
  });

  it("come from dnsmasq as from any resolver", async (context) => {
    const missing = missingDnsmasq();
    if (missing !== null) return context.skip(missing);
    const names = [
      ["exact.example.net", v4(222)],
      ["sub.exact.example.net", v4(223)],
      ["x.example.org", "2001:db8:5::e0"],
    ] as const;
    const dnsmasq = await startDnsmasq(scene.site, names);
    try {
      const server = addresses.honest[0];
      for (const [name] of names) {
        await asks(name, { server });
        await asks(name, { server, type: "AAAA", tcp: true });
      }
      assert.equal(await opens(v4(222)), true);
      assert.equal(await isClosed(v4(223)), true);
      assert.equal(await opens("2001:db8:5::e0"), true);
    } finally {
      await dnsmasq.stop();
    }
    return undefined;
  });
});

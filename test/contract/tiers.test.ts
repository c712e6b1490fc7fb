import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { namespace, node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { type Family, freshPort, pings, podPeer, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";
import { startFlood } from "./flood.ts";
import { lives, opened, passes } from "./stream-pairs.ts";
import type { Host } from "./world.ts";

const families: readonly Family[] = ["v4", "v6"];

const podsOf = (matchLabels: object): object => ({ namespaceSelector: {}, podSelector: { matchLabels } });
const from = (app: string): object[] => [{ pods: podsOf({ app }) }];
const web = { pods: podsOf({ app: "web" }) };
const tcp = (...ports: number[]): object[] => ports.map((port) => ({ portNumber: { protocol: "TCP", port } }));

function admin(name: string, priority: number, spec: object): ApiObject {
  const metadata = { name };
  return {
    apiVersion: "policy.networking.k8s.io/v1alpha1",
    kind: "AdminNetworkPolicy",
    metadata,
    spec: { priority, subject: web, ...spec },
  };
}

const baseline = (spec: object): ApiObject => ({
  apiVersion: "policy.networking.k8s.io/v1alpha1",
  kind: "BaselineAdminNetworkPolicy",
  metadata: { name: "default" },
  spec: { subject: web, ...spec },
});

/** Policies that speak of others, on the ports of the test: with them a tier is asked in maps. */
const fillers = (ports: readonly object[]): ApiObject[] =>
  Array.from({ length: 12 }, (_, index) =>
    admin(`filler-${index}`, 10 + index, {
      ingress: [{ action: ["Allow", "Deny", "Pass"][index % 3], from: from(`nobody-${index}`), ports }],
      egress: [{ action: ["Deny", "Allow"][index % 2], to: from(`nobody-${index}`), ports }],
    }),
  );

for (const name of dataplaneNames) {
  describe(`${name}: ordered tiers`, () => {
    const suite = useWorld(name);

    for (const [form, more] of [
      ["few rules", []],
      ["many rules", fillers(tcp(80, 81, 82, 83, 8080))],
    ] as const) {
      it(`admin rules come first, in order, then NetworkPolicy, then the baseline: ${form}`, async (context) => {
        const { world, enforce, change } = suite.of(context);
        const tiers = [
          admin("one", 5, {
            ingress: [
              { action: "Pass", from: from("client"), ports: tcp(80) },
              { action: "Allow", from: from("client"), ports: tcp(80, 81, 83) },
              { action: "Deny", from: from("remote") },
            ],
          }),
          admin("two", 40, { ingress: [{ action: "Deny", from: [{ namespaces: {} }], ports: tcp(81, 82, 83) }] }),
          baseline({ ingress: [{ action: "Deny", from: [{ namespaces: {} }], ports: tcp(80) }] }),
        ];
        await enforce([namespace("alpha"), ...more, ...tiers]);
        const expect = async (peer: Host, ports: Readonly<Record<number, boolean>>): Promise<void> => {
          for (const [port, expected] of Object.entries(ports)) {
            for (const family of families) {
              assert.equal(await reachesTcp(peer, world.web, Number(port), family), expected, `${port} ${family}`);
            }
          }
        };
        await expect(world.client, { 80: false, 81: true, 82: false, 83: true, 84: true });
        await expect(world.remote, { 80: false, 84: false });
        await expect(world.other, { 80: false, 81: false, 84: true });
        await expect(world.outside, { 80: true, 81: true });
        for (const family of families) assert.equal(await pings(world.remote, world.web, family), false);
        for (const family of families) assert.equal(await pings(world.client, world.web, family), true);
        await change([policyFor("np", "web", { ingress: [{ from: [podPeer("client")] }] })]);
        await expect(world.client, { 80: true, 81: true, 82: false, 84: true });
        await expect(world.remote, { 84: false });
        await expect(world.other, { 84: false });
      });

      it(`named ports, ranges, networks and nodes, on the way out: ${form}`, async (context) => {
        const { world, enforce } = suite.of(context);
        await enforce([
          namespace("alpha"),
          node("outer", [world.outside.v4, world.outside.v6], []),
          ...more,
          admin("out", 5, {
            egress: [
              { action: "Allow", to: from("client"), ports: [{ namedPort: "http" }] },
              {
                action: "Deny",
                to: from("client"),
                ports: [{ portRange: { protocol: "TCP", start: 8000, end: 8100 } }],
              },
              { action: "Deny", to: [{ networks: ["10.244.2.0/24", "fd00:10:244:2::/64"] }], ports: tcp(80) },
              { action: "Deny", to: [{ nodes: { matchExpressions: [] } }], ports: tcp(82) },
            ],
          }),
        ]);
        for (const family of families) {
          for (const [peer, port, expected] of [
            [world.client, 8080, true],
            [world.client, 8081, false],
            [world.client, 7999, true],
            [world.other, 8081, true],
            [world.remote, 80, false],
            [world.remote, 81, true],
            [world.outside, 82, false],
            [world.outside, 83, true],
          ] as const) {
            const found = await reachesTcp(world.web, peer, port, family);
            assert.equal(found, expected, `${peer.netns} ${port} ${family}`);
          }
          assert.equal(await reachesUdp(world.web, world.client, 8081, family), true);
        }
      });

      it(`a change of priority, action or subject cuts what it denies, and only that: ${form}`, async (context) => {
        const { world, enforce, change } = suite.of(context);
        const deny = (priority: number, spec: object = {}): ApiObject =>
          admin("deny", priority, { ingress: [{ action: "Deny", from: from("client") }], ...spec });
        const allow = admin("allow", 30, { ingress: [{ action: "Allow", from: from("client") }] });
        await enforce([...more, deny(40), allow]);
        const kept = await opened(world.other, world.web);
        const whenItOpens = async () => {
          await change([deny(40)]);
          return [await opened(world.client, world.web), await opened(world.client, world.web, "v6")];
        };
        for (const changed of [
          deny(5),
          admin("allow", 30, { ingress: [{ action: "Deny", from: from("client") }] }),
          admin("allow", 30, {
            subject: { pods: podsOf({ app: "nobody" }) },
            ingress: [{ action: "Allow", from: from("client") }],
          }),
        ]) {
          await change([allow]);
          const cut = await whenItOpens();
          await change([changed]);
          for (const { client, server } of cut) {
            assert.equal(await passes(client, server), false);
            assert.equal(await passes(server, client), false);
          }
          assert.equal(await lives(kept), true);
          assert.equal(await reachesTcp(world.client, world.web, freshPort()), false);
        }
      });
    }

    for (const [form, peers] of [
      ["in line", from("client")],
      ["in a map", [...from("client"), ...Array.from({ length: 6 }, (_, index) => from(`nobody-${index}`)).flat()]],
    ] as const) {
      it(`a counter says what its rule does, whatever it did before: ${form}`, async (context) => {
        const { world, dataplane, enforce, change } = suite.of(context);
        const rule = (action: string): ApiObject => admin("one", 5, { ingress: [{ action, from: peers }] });
        await enforce([namespace("alpha"), rule("Allow")]);
        for (const [action, verdict] of [
          ["Allow", "accept"],
          ["Deny", "deny"],
          ["Pass", "pass"],
          ["Allow", "accept"],
        ] as const) {
          await change([rule(action)]);
          await reachesTcp(world.client, world.web, freshPort());
          const counted = (await dataplane.counters()).find((one) => one.name === "AdminNetworkPolicy/one ingress[0]");
          assert.equal(counted?.verdict, verdict);
        }
      });
    }

    it("nothing slips and nothing is lost while priorities, actions, subjects and labels change", async (context) => {
      const { world, enforce, change } = suite.of(context);
      const [allowed, denied] = [freshPort(), freshPort()];
      const udp = (port: number): object[] => [{ portNumber: { protocol: "UDP", port } }];
      const ports = [...udp(allowed), ...udp(denied)];
      const rules = (team: string, first: string): object => ({
        ingress: [
          { action: "Deny", from: [{ pods: podsOf({ team }) }], ports: udp(denied) },
          { action: first, from: [{ pods: podsOf({ team }) }], ports: udp(allowed) },
          { action: "Allow", from: [{ pods: podsOf({ team }) }], ports: udp(allowed) },
        ],
      });
      const client = (team: string): ApiObject =>
        pod("alpha/client", [world.client.v4, world.client.v6], {
          labels: { app: "client", team },
          spec: { nodeName: "node-1" },
          ports: [{ name: "http", containerPort: 8080 }],
        });
      // Whatever falls through the tier is decided the wrong way by what is below.
      const below = policyFor("np", "web", { ingress: [{ ports: [{ protocol: "UDP", port: denied }] }] });
      const nobody = { subject: { pods: podsOf({ app: "nobody" }) } };
      await enforce([
        client("a"),
        below,
        ...fillers(ports),
        admin("a", 5, rules("a", "Allow")),
        admin("b", 30, rules("b", "Allow")),
      ]);
      // One policy for both teams stays, so that verdicts are the same in every state but by other rules.
      const moves: readonly ApiObject[] = [
        client("b"),
        admin("a", 35, rules("a", "Allow")),
        client("a"),
        admin("b", 3, rules("b", "Allow")),
        client("b"),
        admin("a", 2, { ...nobody, ...rules("a", "Deny") }),
        admin("a", 1, rules("a", "Allow")),
        admin("b", 31, rules("b", "Allow")),
        client("a"),
        admin("b", 30, { ...nobody, ...rules("b", "Deny") }),
        admin("b", 30, rules("b", "Allow")),
        admin("a", 5, rules("a", "Allow")),
      ];
      const count = `table inet seen { counter allowed {}; counter denied {};
        chain input { type filter hook input priority 0;
          udp dport ${allowed} counter name allowed; udp dport ${denied} counter name denied; }; }`;
      const nft = (...args: string[]): string =>
        inNamespace(world.web.netns, () => execFileSync("nft", args, { encoding: "utf8" }));
      nft(count);
      const seen = (counter: string): number =>
        Number(/packets (\d+)/.exec(nft("list", "counter", "inet", "seen", counter))?.[1]);
      const flood = await startFlood(world.client.netns, world.client.v4, world.web.v4, [allowed, denied]);
      for (let round = 0; round < 40; round++) for (const move of moves) await change([move]);
      const sent = await flood.stop();
      assert.ok(sent > 1000, `only ${sent} packets each`);
      assert.deepEqual({ slipped: seen("denied"), lost: sent - seen("allowed") }, { slipped: 0, lost: 0 });
    });
  });
}

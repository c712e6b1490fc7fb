import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { describe, it } from "node:test";
import { inNamespace } from "../../src/system/namespace.ts";
import { outputOf } from "../../src/system/program.ts";
import { noNamespaces } from "../own-namespace.ts";
import type { World } from "../contract/world.ts";
import { until } from "../contract/sockets.ts";
import { cleanUp, FollowingAgent, untilRepaired } from "./following-agent.ts";
import { plainWorld } from "./plain-world.ts";
import { loadRules, othersRules } from "./rules.ts";
import { meet, onlyClient, onlyOtherAndOutside, waysOf } from "./ways.ts";

const nft = (world: World, text: string): string =>
  inNamespace(world.node.netns, () => outputOf("nft", ["-f", "-"], text));

/** A world whose agent enforces that only the client reaches the web pod. */
async function withAgent(
  act: (world: World, agent: FollowingAgent) => Promise<void>,
  ...rules: readonly string[]
): Promise<void> {
  const world = plainWorld();
  const agent = new FollowingAgent(world);
  try {
    for (const name of rules) loadRules(world, name);
    await agent.enforce(onlyClient);
    await act(world, agent);
  } finally {
    await agent.end();
    world.destroy();
  }
}

/** Whether the client and the other pod reach the web pod. */
async function admitted(world: World): Promise<readonly string[]> {
  const met = await meet(world, waysOf(world, { services: false }));
  return Object.keys(met).filter((name) => met[name] === true);
}

const clientOnly = ["client pod", "client pod v6"];
const chain = (hook: string, priority: string, rule: string): string =>
  `table inet other { chain ${hook} { type filter hook ${hook} priority ${priority}; policy accept; ${rule}; }; }\n`;

describe("others' verdicts and ours", { skip: noNamespaces }, () => {
  it("at any priority: who drops, drops; who accepts does not speak for the other", async () => {
    await withAgent(async (world) => {
      for (const priority of ["filter", "filter - 10", "filter + 10", "security"]) {
        nft(world, chain("forward", priority, "accept"));
        assert.deepEqual(await admitted(world), clientOnly, `${priority}: they accept, we do not`);
        nft(world, "delete table inet other\n");
        nft(world, chain("forward", priority, `ip saddr ${world.client.v4} drop`));
        assert.deepEqual(await admitted(world), ["client pod v6"], `${priority}: we accept, they do not`);
        nft(world, "delete table inet other\n");
      }
    });
  });

  it("a table that belongs to a process stays that process'", async () => {
    await withAgent(async (world, agent) => {
      const owner: ChildProcess = inNamespace(world.node.netns, () =>
        spawn("nft", ["-i"], { stdio: ["pipe", "pipe", "pipe"] }),
      );
      try {
        owner.stdin?.write(
          "add table inet owned { flags owner; }\nadd chain inet owned c { type filter hook forward priority filter; }\n",
        );
        const listed = (): string | null => {
          const text = world.onNode("nft", "list", "ruleset");
          return text.includes("chain c") ? text : null;
        };
        assert.ok(await until(listed, 2000), "the table is there");
        const before = othersRules(world);
        assert.match(before, /flags owner/);
        await agent.enforce(onlyOtherAndOutside);
        world.onNode("nft", "delete", "table", "inet", "portcullis");
        await untilRepaired(world);
        assert.deepEqual(await admitted(world), ["other pod", "other pod v6", "outside pod"]);
        assert.equal(othersRules(world), before);
      } finally {
        owner.kill();
      }
    });
  });
});

describe("a neighbour that clears up", { skip: noNamespaces }, () => {
  it("by nft flush ruleset: ours comes back, and we bring back nobody else's", async () => {
    await withAgent(async (world) => {
      world.onNode("nft", "flush", "ruleset");
      await untilRepaired(world);
      assert.equal(othersRules(world).trim(), "", "what they flushed is theirs to make again");
      assert.deepEqual(await admitted(world), clientOnly);
      loadRules(world, "kube-proxy-nftables");
      const before = othersRules(world);
      const met = await meet(world, waysOf(world, { services: true }));
      assert.equal(met["client service"], true, "kube-proxy made its rules again");
      assert.equal(met["other service"], false);
      assert.equal(othersRules(world), before);
    }, "kube-proxy-nftables");
  });

  it("by iptables -F and -X in every table: ours is not among them", async () => {
    await withAgent(
      async (world) => {
        const ours = world.onNode("nft", "-a", "-s", "list", "table", "inet", "portcullis");
        for (const program of ["iptables", "ip6tables"]) {
          for (const table of ["filter", "nat", "mangle", "raw"]) {
            for (const flag of ["-F", "-X"]) world.onNode(program, "-t", table, flag);
          }
        }
        assert.equal(world.onNode("nft", "-a", "-s", "list", "table", "inet", "portcullis"), ours);
        assert.deepEqual(await admitted(world), clientOnly);
      },
      "docker",
      "flannel",
    );
  });
});

describe("marks of others", { skip: noNamespaces }, () => {
  /** The marks of the connections to the web pod. */
  const marksOf = (world: World): readonly number[] => {
    const listing = inNamespace(world.node.netns, () => outputOf("conntrack", ["-L", "-d", world.web.v4]));
    return [...listing.matchAll(/ mark=(\d+)/g)].map(([, mark]) => Number(mark));
  };

  it("stay in the bits that are not ours, beside ours and after the cleanup", async () => {
    await withAgent(async (world, agent) => {
      nft(
        world,
        "table inet other { chain p { type filter hook prerouting priority mangle; ct mark set ct mark or 0x80; }; }\n",
      );
      assert.deepEqual(await admitted(world), clientOnly);
      const marks = marksOf(world);
      assert.ok(marks.length > 0);
      for (const mark of marks) assert.equal(mark & 0xffff, 0x80);
      assert.ok(
        marks.some((mark) => mark >>> 16 !== 0),
        "an accepted connection carries our generation",
      );
      await agent.stop();
      await cleanUp(world);
      assert.ok(marksOf(world).length > 0);
      for (const mark of marksOf(world)) assert.equal(mark, 0x80);
    });
  });

  it("a plugin that restores its own bits to packets finds them", async () => {
    await withAgent(async (world, agent) => {
      await agent.enforce(onlyOtherAndOutside);
      const before = othersRules(world);
      assert.deepEqual(await admitted(world), ["other pod", "other pod v6", "outside pod"]);
      assert.equal(othersRules(world), before);
      const low = marksOf(world).map((mark) => mark & 0xffff);
      assert.deepEqual(
        [...new Set(low)].sort((a, b) => a - b),
        [0, 0x80],
        "the outside's connection, and no other, has it",
      );
    }, "aws");
  });
});

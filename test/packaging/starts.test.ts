import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Address } from "../../src/net/address.ts";
import { readiness } from "../../src/lab/agents.ts";
import { podPeer, policyFor, reachesTcp } from "../contract/fixture.ts";
import type { ApiObject } from "../cluster-of.ts";
import { createWorld, type Host, worldObjects } from "../contract/world.ts";
import { commandOf, repository, rootOf, rootsVariable, type Way } from "./artifacts.ts";
import { type Container, openContainer, type Running } from "./container.ts";

const skip = process.env[rootsVariable] === undefined ? "run by npm run test:packaging" : false;
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
const fromClient = policyFor("only-client", "web", { ingress: [{ from: [podPeer("client")] }] });

const list = (items: readonly ApiObject[]): string => JSON.stringify({ apiVersion: "v1", kind: "List", items });

const host = (last: number): Host => ({
  netns: "",
  v4: `10.244.1.${last}` as Address,
  v6: `fd00:10:244:1::${last}` as Address,
});
/** Pods of the world where there is no world. */
const addresses = { web: host(10), client: host(11), other: host(12), remote: host(14) };

/** Where a container has room: the executable needs some to load its native part from; the others start without any. */
const temporary: Readonly<Record<Way, readonly string[]>> = { image: [], executable: ["/tmp"], package: [] };

async function untilReady(socket: string, running: Running): Promise<void> {
  const deadline = performance.now() + 20_000;
  while ((await readiness(socket))?.ready !== true) {
    if (running.process.exitCode !== null || performance.now() > deadline) assert.fail(running.output());
    await pause(20);
  }
}

/** The agent in the node of a world, with real packets before, while and after it runs. */
async function enforces(container: Container, command: readonly string[]): Promise<void> {
  const world = createWorld();
  const folder = mkdtempSync(join(tmpdir(), "pct-agent-"));
  try {
    for (const part of ["manifests", "run", "state"]) mkdirSync(join(folder, part));
    writeFileSync(join(folder, "manifests", "all.json"), list(worldObjects(world, [fromClient])));
    const mounts = [
      { from: join(folder, "manifests"), at: "/etc/portcullis" },
      { from: join(folder, "run"), at: "/run/portcullis", writable: true },
    ];
    const flags = [
      "--node-name",
      "node-1",
      "-f",
      "/etc/portcullis",
      "--metrics-bind-address",
      "unix:/run/portcullis/metrics.sock",
    ];
    assert.equal(await reachesTcp(world.other, world.web, 80), true, "open before");
    const agent = container.start({ args: [...command, "agent", ...flags], netns: world.node.netns, mounts });
    await untilReady(join(folder, "run", "metrics.sock"), agent);
    for (const family of ["v4", "v6"] as const) {
      assert.equal(await reachesTcp(world.client, world.web, 80, family), true);
      assert.equal(await reachesTcp(world.other, world.web, 80, family), false);
    }
    assert.match(world.onNode("nft", "list", "tables"), /^table inet portcullis$/m);
    assert.equal(await agent.stop(), 0, agent.output());
    assert.equal(await reachesTcp(world.other, world.web, 80), false, "the rules stay");
    const cleaned = container.run({ args: [...command, "cleanup"], netns: world.node.netns });
    assert.equal(cleaned.code, 0, cleaned.stderr);
    assert.equal(await reachesTcp(world.other, world.web, 80), true, "open after cleanup");
  } finally {
    world.destroy();
    rmSync(folder, { recursive: true });
  }
}

for (const way of ["image", "executable", "package"] as const) {
  describe(`${way}, on a clean read-only root with CAP_NET_ADMIN alone`, { skip }, () => {
    const container = openContainer(rootOf(way), temporary[way]);
    const command = commandOf[way];
    after(() => container.remove());

    it("says its version", () => {
      const { code, stdout, stderr } = container.run({ args: [...command, "version"] });
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^portcullis ${version} \\(node v24\\.`));
    });

    it("evaluates manifests", () => {
      const folder = mkdtempSync(join(tmpdir(), "pct-eval-"));
      try {
        writeFileSync(join(folder, "all.json"), list(worldObjects(addresses, [fromClient])));
        const query = (id: string) =>
          JSON.stringify({ id, from: `alpha/${id}`, to: "alpha/web", protocol: "TCP", port: 80 });
        writeFileSync(join(folder, "queries"), `${query("client")}\n${query("other")}\n`);
        const { stdout, stderr } = container.run({
          args: [...command, "eval", "-f", "/etc/portcullis/all.json", "--queries", "/etc/portcullis/queries"],
          mounts: [{ from: folder, at: "/etc/portcullis" }],
        });
        const answers = stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { id: string; verdict: string });
        assert.deepEqual(
          Object.fromEntries(answers.map(({ id, verdict }) => [id, verdict])),
          { client: "allow", other: "deny" },
          stderr,
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("enforces, keeps its rules when it stops, and cleans up", async () => {
      await enforces(container, command);
    });
  });
}

describe("the npm package", { skip }, () => {
  it("works by npx with whatever Node npm itself runs on", () => {
    const cwd = join(rootOf("package"), "app");
    const said = execFileSync("npx", ["--no-install", "portcullis", "version"], { cwd, encoding: "utf8" });
    assert.match(said, /^portcullis \d/);
  });
});

describe("the single-file executable", { skip }, () => {
  it("says what it needs where there is no folder to load its native part from", () => {
    const container = openContainer(rootOf("executable"));
    try {
      const { code, stderr } = container.run({ args: ["/portcullis", "cleanup"] });
      assert.notEqual(code, 0);
      assert.match(stderr, /\/run: .*read-only/i);
      assert.match(stderr, /Mount a tmpfs without noexec and name it in TMPDIR/);
    } finally {
      container.remove();
    }
  });

  it("takes no options from NODE_OPTIONS", () => {
    const container = openContainer(rootOf("executable"), ["/tmp"]);
    try {
      const environment = ["NODE_OPTIONS=--require=/nonexistent.js"];
      const { code, stderr } = container.run({ args: ["/portcullis", "version"], environment });
      assert.equal(code, 0, stderr);
    } finally {
      container.remove();
    }
  });
});

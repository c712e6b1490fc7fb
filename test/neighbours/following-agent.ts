import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openDataplane } from "../../src/dataplane/registry.ts";
import { type AgentProcess, plainAgents, readiness, startAgent } from "../../src/lab/agents.ts";
import type { ApiObject } from "../cluster-of.ts";
import { type World, worldObjects } from "../contract/world.ts";

/** An agent of the node that follows a folder which only this test writes. */
export class FollowingAgent {
  readonly #world: World;
  readonly #folder = mkdtempSync(join(tmpdir(), "pct-beside-"));
  #agent: AgentProcess | null = null;
  #digest = "";

  constructor(world: World) {
    this.#world = world;
    mkdirSync(join(this.#folder, "manifests"));
  }

  async enforce(policy: ApiObject): Promise<void> {
    const items = worldObjects(this.#world, [policy]);
    const whole = join(this.#folder, "new.json");
    writeFileSync(whole, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    renameSync(whole, join(this.#folder, "manifests", "all.json"));
    if (this.#agent === null) this.start();
    await this.#until((now) => now.digest !== this.#digest);
  }

  start(): void {
    const place = {
      node: "node-1",
      namespace: this.#world.node.netns,
      folder: this.#folder,
      manifests: join(this.#folder, "manifests"),
    };
    this.#agent = startAgent(place, plainAgents, false);
  }

  ready(): Promise<void> {
    return this.#until(() => true);
  }

  async #until(isThere: (now: { readonly digest: string }) => boolean): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const now = this.#agent === null ? null : await readiness(this.#agent.socket);
      if (now?.ready === true && isThere(now)) {
        this.#digest = now.digest;
        return;
      }
      if (performance.now() > deadline) throw new Error(`the agent is not ready: ${now?.reason ?? "no answer"}`);
      await pause(10);
    }
  }

  async stop(): Promise<void> {
    if (this.#agent === null) return;
    const { pid } = this.#agent;
    this.#agent = null;
    process.kill(pid, "SIGTERM");
    for (;;) {
      try {
        process.kill(pid, 0);
      } catch {
        return;
      }
      await pause(5);
    }
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Waits until somebody's damage is repaired: our table is there again with all that the pod's address needs. */
export async function untilRepaired(world: World): Promise<void> {
  const deadline = performance.now() + 10_000;
  const isThere = (): boolean => world.onNode("nft", "list", "tables").includes("table inet portcullis\n");
  while (!isThere()) {
    if (performance.now() > deadline) assert.fail("the table is not there again");
    await pause(10);
  }
}

/** Removes what an agent has put into the node's kernel. */
export async function cleanUp(world: World): Promise<void> {
  const dataplane = openDataplane("nftables", { netns: world.node.netns, ctMarkMask: 0xffff0000 });
  await dataplane.remove();
  dataplane.close();
}

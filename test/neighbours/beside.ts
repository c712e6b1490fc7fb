/**
 * The life of an agent on a node that others have rules on: before it, start, change, restart, damage and repair, stop,
 * cleanup. After each step their rules are what they were, byte for byte, and real packets meet what they should.
 */
import assert from "node:assert/strict";
import type { World } from "../contract/world.ts";
import { cleanUp, FollowingAgent, untilRepaired } from "./following-agent.ts";
import { meet, type Neighbourhood, onlyClient, onlyOtherAndOutside, waysOf } from "./ways.ts";

/** Lives through all of it. `others` gives the rules of the others as text. */
export async function liveBeside(world: World, neighbourhood: Neighbourhood, others: () => string): Promise<void> {
  const ways = waysOf(world, neighbourhood);
  const isBlocked = (name: string): boolean => neighbourhood.blocks === "v4" && !name.endsWith("v6");
  const expect = async (step: string, admitted: (who: string) => boolean): Promise<void> => {
    const expected = Object.fromEntries(
      Object.keys(ways).map((name) => [name, admitted(name.split(" ")[0] ?? "") && !isBlocked(name)]),
    );
    assert.deepEqual(await meet(world, ways), expected, step);
    assert.equal(others(), before, `the others' rules ${step}`);
  };
  const before = others();
  assert.notEqual(before.trim(), "", "there are neighbours");
  const agent = new FollowingAgent(world);
  try {
    await expect("before the agent", () => true);
    await agent.enforce(onlyClient);
    await expect("after its start", (who) => who === "client");
    await agent.enforce(onlyOtherAndOutside);
    await expect("after a change", (who) => who !== "client");
    await agent.stop();
    await expect("while it is stopped", (who) => who !== "client");
    agent.start();
    await agent.ready();
    await expect("after a restart", (who) => who !== "client");
    world.onNode("nft", "delete", "table", "inet", "portcullis");
    await untilRepaired(world);
    await expect("after damage and repair", (who) => who !== "client");
    await agent.stop();
    await cleanUp(world);
    await expect("after the cleanup", () => true);
  } finally {
    await agent.end();
  }
}
